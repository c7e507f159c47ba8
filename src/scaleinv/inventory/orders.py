"""Inventory position, and how much one order brings."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.inventory.compiled import compiled

Floats = NDArray[np.float64]

GUARD = 1e-9
"""Subtracted before rounding up, so that 24.000000000001 / 12 is two packs and not three."""


def inventory_position(on_hand: ArrayLike, on_order: ArrayLike, backorders: ArrayLike, reserved: ArrayLike) -> Floats:
    """On hand + on order - backorders - reserved, in units, (n_series,)."""
    hand, order, back, kept = (np.asarray(x, dtype=np.float64) for x in (on_hand, on_order, backorders, reserved))
    return hand + order - back - kept


def order_quantity_to(
    position: ArrayLike,
    reorder_point: ArrayLike,
    order_up_to: ArrayLike,
    min_order_quantity: ArrayLike,
    order_multiple: ArrayLike,
) -> Floats:
    """(n_series,) units to order now: 0 unless position < reorder point, else at least up to ``order_up_to``.

    At least the minimum, and a whole number of multiples: ``ceil(max(S - IP, MOQ) / multiple) * multiple``.
    """
    ip, r, s, moq, multiple = (
        np.asarray(x, dtype=np.float64)
        for x in (position, reorder_point, order_up_to, min_order_quantity, order_multiple)
    )
    return np.where(ip < r - GUARD, round_up(np.maximum(s - ip, moq), multiple), 0.0)


def round_up(quantity: ArrayLike, multiple: ArrayLike) -> Floats:
    """The smallest multiple that is not below ``quantity``."""
    q, m = np.asarray(quantity, dtype=np.float64), np.asarray(multiple, dtype=np.float64)
    return np.ceil(q / m - GUARD) * m


@compiled
def order_size(position: float, reorder_point: float, order_up_to: float, minimum: float, multiple: float) -> float:
    """:func:`order_quantity_to` for one series, inside kernels; a test holds the two together."""
    if position >= reorder_point - GUARD:
        return 0.0
    return float(np.ceil(max(order_up_to - position, minimum) / multiple - GUARD) * multiple)
