"""A document for the ERP: what is in it, and its bytes when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Document:
    """One file. All of it has been checked; ``chunks`` makes its bytes anew each time, a bounded piece at once."""

    name: str
    format: str
    orders: int
    lines: int
    quantity: Decimal
    """Sum over lines, whatever the unit."""
    value: Mapping[str, Decimal]
    """Currency -> sum over lines."""
    schema_version: str
    chunks: Callable[[], Iterator[bytes]]

    @property
    def content(self) -> bytes:
        """All bytes at once."""
        return b"".join(self.chunks())
