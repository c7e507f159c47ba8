"""What is delivered, where to, and what became of it."""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Literal, Protocol

from scaleinv.errors import DataError, explain

_PIECE = 1 << 20


@dataclass(frozen=True)
class Item:
    """One document. ``key`` is its name for ever: the same key is the same document, however often it comes."""

    key: str
    name: str
    """A relative path with ``/``: what it is called at the other side."""
    sha256: str
    media_type: str = "application/octet-stream"
    content: bytes | None = None
    path: Path | None = None
    """Where it lies, instead of ``content``."""
    needs: frozenset[str] = frozenset()
    """Keys that must have arrived before it: a manifest comes last."""
    attempts: int = 0
    """Tries so far that failed."""

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.name).parts
        right = parts and "/".join(parts) == self.name and not {"..", "/"} & set(parts) and self.name.isprintable()
        if not right or "\\" in self.name or any(part.startswith(".") for part in parts):
            raise DataError(explain("a document's name", expected="a plain relative path", found=repr(self.name)))
        if (self.content is None) == (self.path is None):
            raise DataError(explain(f"document {self.name}", expected="either content or path", found="both or none"))
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256) or not self.key:
            raise DataError(explain(f"document {self.name}", expected="a key and a SHA-256", found=self.sha256))

    def open(self) -> IO[bytes]:
        """Its bytes."""
        if self.path is not None:
            return self.path.open("rb")
        return io.BytesIO(self.content or b"")

    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size if self.path is not None else len(self.content or b"")

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, a bounded piece at once.

        Raises:
            RejectedError: after the last piece, if they are not those of ``sha256``: nothing of it may be published.
        """
        digest = hashlib.sha256()
        try:
            with self.open() as file:
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    yield piece
        except FileNotFoundError:
            raise RejectedError(f"{self.path} is gone") from None
        if digest.hexdigest() != self.sha256:
            raise RejectedError(f"{self.name} has changed since it was exported: its SHA-256 is {digest.hexdigest()}")


@dataclass(frozen=True)
class Told:
    """What the other side answered to a document as a whole."""

    status: int
    body: str
    """Its beginning, without secrets of ours."""


@dataclass(frozen=True)
class Receipt:
    """It arrived."""

    key: str
    location: str
    already: bool = False
    """It was there before."""
    responses: bytes | None = None
    """What the other side answered to its requests: a document for ``erp.answers``."""
    told: Told | None = None


class UndeliveredError(Exception):
    """It did not arrive, as far as is known."""

    def __init__(self, reason: str, *, unsure: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unsure = unsure
        """It may have arrived all the same."""


class TryAgainError(UndeliveredError):
    """It may arrive later."""

    def __init__(
        self, reason: str, *, after: float | None = None, unreachable: bool = False, unsure: bool = False
    ) -> None:
        super().__init__(reason, unsure=unsure)
        self.after = after
        """Seconds for which the other side does not want to see us."""
        self.unreachable = unreachable
        """Nothing else will arrive there now."""


class RejectedError(UndeliveredError):
    """It will not arrive unless somebody changes something."""

    def __init__(self, reason: str, *, unsure: bool = False, told: Told | None = None) -> None:
        super().__init__(reason, unsure=unsure)
        self.told = told


class Destination(Protocol):
    """Somewhere that documents go."""

    def send(self, item: Item) -> Receipt:
        """Brings one there; one that is there already is delivered.

        Raises:
            TryAgainError: not now.
            RejectedError: not at all.
        """

    def close(self) -> None:
        """Ends connections."""


State = Literal["delivered", "retry", "failed", "waiting"]


@dataclass(frozen=True)
class Result:
    """What became of one; ``waiting``: it was not tried."""

    key: str
    state: State
    reason: str = ""
    receipt: Receipt | None = None
    next_try: datetime | None = None
    told: Told | None = None


@dataclass(frozen=True)
class Clock:
    """Time, so that tests have their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
