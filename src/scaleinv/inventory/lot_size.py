"""How much to order when demand is steady: Harris' square root and its relatives.

Rates (``demand``, ``holding_cost``) are per the same time; costs returned are per that time, without the purchase
price. Sources: Snyder & Shen, chapters 3 and 9; Nahmias & Olsen, chapter 4; Silver, Pyke & Thomas, chapter 4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.inventory.inputs import not_negative, positive
from scaleinv.inventory.theory import economic_order_quantity

Floats = NDArray[np.float64]

_GOLDEN = 0.6180339887498949
_STEPS = 80


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


def quantity_with_disruptions(
    ordering_cost: ArrayLike,
    demand: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    disruption_rate: ArrayLike,
    recovery_rate: ArrayLike,
    *,
    approximate: bool = False,
) -> tuple[Floats, Floats]:
    """(order quantity, cost) when the vendor fails at times (Snyder & Shen, section 9.2).

    The vendor fails at ``disruption_rate`` and recovers at ``recovery_rate``, both exponential. Orders placed at
    stock 0 wait for recovery; demand meanwhile is lost at ``stockout_cost`` a unit. ``approximate`` takes the
    vendor's long-run share of time down for its chance of being down when stock ends, and has a closed form (Snyder
    2014).
    """
    k, d = positive("ordering cost", ordering_cost), positive("demand", demand)
    h, p = positive("holding cost", holding_cost), not_negative("stockout cost", stockout_cost)
    down, up = not_negative("disruption rate", disruption_rate), positive("recovery rate", recovery_rate)
    beta = down / (down + up)
    rough = (np.sqrt((d * beta * h) ** 2 + 2.0 * h * up * (k * d * up + d * d * p * beta)) - d * beta * h) / (h * up)
    if approximate:
        return rough, disruption_cost(rough, k, d, h, p, down, up, approximate=True)
    # Quasi-convex in ln Q: a golden section between a tenth of the harmless quantity and far beyond the cautious one.
    low = np.log(0.1 * np.minimum(economic_order_quantity(k, d, h), rough))
    high = np.log(10.0 * rough)
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        is_left = disruption_cost(np.exp(left), k, d, h, p, down, up) < disruption_cost(
            np.exp(right), k, d, h, p, down, up
        )
        low, high = np.where(is_left, low, left), np.where(is_left, right, high)
    quantity = np.exp(0.5 * (low + high))
    return quantity, disruption_cost(quantity, k, d, h, p, down, up)


def disruption_cost(
    order_quantity: ArrayLike,
    ordering_cost: ArrayLike,
    demand: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    disruption_rate: ArrayLike,
    recovery_rate: ArrayLike,
    *,
    approximate: bool = False,
) -> Floats:
    """``(K + h Q² / (2 d) + p d psi / mu) / (Q / d + psi / mu)``, psi the chance to find the vendor down."""
    q, k, d, h, p, down, up = (
        np.asarray(x, dtype=np.float64)
        for x in (
            order_quantity, ordering_cost, demand, holding_cost, stockout_cost, disruption_rate, recovery_rate,
        )
    )  # fmt: skip
    found_down = down / (down + up)
    if not approximate:
        found_down = found_down * -np.expm1(-(down + up) * q / d)
    wait = found_down / up
    return np.asarray((k + h * q * q / (2.0 * d) + p * d * wait) / (q / d + wait), dtype=np.float64)
