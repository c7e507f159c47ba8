"""How much to order: the need, at least the minimum, in whole multiples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SLACK = 1e-9
"""Of a multiple: 44.00000000000001 / 4 is eleven packs, not twelve."""


def rounded_quantity(need: ArrayLike, min_order_quantity: ArrayLike, order_multiple: ArrayLike) -> NDArray[np.float64]:
    """The least multiple that covers both the need and the minimum: ``ceil(max(need, minimum) / multiple) * multiple``.

    A minimum that is no multiple is rounded up too: the vendor accepts neither less nor a broken pack.

    Args:
        need: (n,) units missing; 0 or less still gives the minimum.
        min_order_quantity: (n,) least that the vendor delivers, units.
        order_multiple: (n,) above zero, units.

    >>> rounded_quantity([30, 3, 12.000000000000002], [1, 10, 1], [6, 6, 6]).tolist()
    [30.0, 12.0, 12.0]
    """
    multiple = np.asarray(order_multiple, dtype=np.float64)
    least = np.maximum(np.asarray(need, dtype=np.float64), np.asarray(min_order_quantity, dtype=np.float64))
    packs = np.ceil(least / multiple - _SLACK)
    return np.asarray(np.round(packs * multiple, 9), dtype=np.float64)  # 3 packs of 0.1 are 0.3
