"""How much to order when demand is steady: Harris' square root and its relatives.

Rates (``demand``, ``holding_cost``) are per the same time; costs returned are per that time, without the purchase
price. Sources: Snyder & Shen, chapter 3; Nahmias & Olsen, chapter 4; Silver, Pyke & Thomas, chapter 4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.inventory.inputs import not_negative, positive

Floats = NDArray[np.float64]


def order_quantity_cost(
    order_quantity: ArrayLike, ordering_cost: ArrayLike, demand: ArrayLike, holding_cost: ArrayLike
) -> Floats:
    """``K d / Q + h Q / 2``, the cost of any order quantity."""
    q, k = positive("order quantity", order_quantity), not_negative("ordering cost", ordering_cost)
    d, h = not_negative("demand", demand), not_negative("holding cost", holding_cost)
    return np.asarray(k * d / q + 0.5 * h * q, dtype=np.float64)


def quantity_with_backorders(
    ordering_cost: ArrayLike, demand: ArrayLike, holding_cost: ArrayLike, stockout_cost: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """(order quantity, share of demand that waits, cost) when customers wait for ``stockout_cost`` per unit and time.

    ``x = h / (h + p)``, ``Q = sqrt(2 K d (h + p) / (h p))``, ``cost = sqrt(2 K d h p / (h + p))``.
    """
    k, d = not_negative("ordering cost", ordering_cost), not_negative("demand", demand)
    h, p = positive("holding cost", holding_cost), positive("stockout cost", stockout_cost)
    share = h / (h + p)
    return np.sqrt(2.0 * k * d / (h * (1.0 - share))), share + 0.0 * (k + d), np.sqrt(2.0 * k * d * h * (1.0 - share))


def production_quantity(
    setup_cost: ArrayLike,
    demand: ArrayLike,
    holding_cost: ArrayLike,
    production_rate: ArrayLike,
    stockout_cost: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    """(lot, cost) when a lot arrives at a steady ``production_rate``: h becomes ``h (1 - d / rate)``.

    A rate that demand exceeds or equals never stops: lot infinite, cost 0. With ``stockout_cost`` customers may wait.
    """
    k, d = not_negative("setup cost", setup_cost), not_negative("demand", demand)
    h, rate = positive("holding cost", holding_cost), positive("production rate", production_rate)
    slack = np.maximum(1.0 - d / rate, 0.0)
    waiting: Floats | float = 1.0
    if stockout_cost is not None:
        p = positive("stockout cost", stockout_cost)
        waiting = p / (h + p)
    cost = np.sqrt(2.0 * k * d * h * slack * waiting)
    with np.errstate(divide="ignore", invalid="ignore"):
        lot = np.sqrt(2.0 * k * d / (h * slack * waiting))
    return np.where(slack > 0, lot, np.inf), np.asarray(cost, dtype=np.float64)
