"""What vendors were asked for and what became of it, as arrays; and how much of it was known on a day."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Texts = NDArray[np.str_]

NEVER = np.iinfo(np.int64).max
"""The day on which what is still open was received."""


@dataclass(frozen=True)
class Orders:
    """Order lines, ``(n,)``; days count from 1970."""

    vendor: Texts
    item: Texts
    lane: Texts
    """where it goes to"""
    mode: Texts
    """air, sea, truck …; empty: not said"""
    order_day: Ints
    received_day: Ints
    """``NEVER``: still open"""
    promised_day: Floats
    """nan: nothing was promised"""
    quantity: Floats
    received_quantity: Floats
    """nan: not said, which counts as all of it"""

    def __post_init__(self) -> None:
        wrong = np.flatnonzero(self.received_day < self.order_day)
        if wrong.size:
            raise DataError(
                explain(
                    "orders received before they were sent",
                    expected="received_day at or after order_day",
                    which=[f"row {row}" for row in wrong],
                    do="leave these rows out",
                )
            )

    def __len__(self) -> int:
        return len(self.order_day)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Orders:
        """These rows."""
        return Orders(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def known_at(self, day: int) -> Orders:
        """Those sent up to ``day``; what came later than that is still open, and nobody knows how much will come."""
        rows = self.take(self.order_day <= day)
        is_open = rows.received_day > day
        return Orders(
            **{field.name: getattr(rows, field.name) for field in fields(self)}
            | {
                "received_day": np.where(is_open, NEVER, rows.received_day),
                "received_quantity": np.where(is_open, np.nan, rows.received_quantity),
            }
        )

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """(n,) not received yet."""
        return np.asarray(self.received_day == NEVER)

    def taken(self, day: int) -> Ints:
        """(n,) days from order to receipt; of what is open the days up to the evening of ``day``."""
        return np.asarray(np.where(self.is_open, day, self.received_day) - self.order_day, dtype=np.int64)

    @property
    def quoted(self) -> Floats:
        """(n,) days from order to the promised date; nan: none."""
        return np.asarray(self.promised_day - self.order_day, dtype=np.float64)
