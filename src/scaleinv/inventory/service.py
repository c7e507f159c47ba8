"""Service levels of a reorder point or an order-up-to level, and the levels that keep a promise, for any demand.

Cycle service level (type 1, S1): the chance that a cycle ends without a shortage. Fill rate (type 2, S2): the share
of demand met from stock. Sources: Silver, Pyke & Thomas, chapter 7; Axsäter, chapter 5; Nahmias & Olsen, section 5.5;
Chopra & Meindl, chapter 12.

Safety stock is ``level - demand.mean``, and may be negative: a modest fill rate with a big order quantity is kept by
the quantity alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.inventory.demand import Demand
from scaleinv.inventory.inputs import not_negative, numbers, positive

Floats = NDArray[np.float64]


def cycle_service_level(lead_demand: Demand, reorder_point: ArrayLike) -> Floats:
    """``P(D <= r)``."""
    return lead_demand.cdf(reorder_point)


def cycle_reorder_point(lead_demand: Demand, cycle_service: ArrayLike) -> Floats:
    """The smallest r with ``P(D <= r) >= cycle_service``."""
    return lead_demand.quantile(cycle_service)


def cycle_shortage(lead_demand: Demand, reorder_point: ArrayLike, order_quantity: ArrayLike | None = None) -> Floats:
    """Units short per cycle: ``E(D - r)+``, less ``E(D - r - Q)+`` which was short already when the order arrived.

    Without ``order_quantity`` only the first term: right where Q is large against the spread.
    """
    r = np.asarray(reorder_point, dtype=np.float64)
    short = lead_demand.loss(r)
    if order_quantity is None:
        return short
    return np.asarray(np.maximum(short - lead_demand.loss(r + positive("order quantity", order_quantity)), 0.0))


def fill_rate(
    lead_demand: Demand,
    reorder_point: ArrayLike,
    order_quantity: ArrayLike,
    *,
    is_exact: bool = True,
    lost_sales: bool = False,
) -> Floats:
    """Fill rate of (r, Q): ``1 - shortage / Q``; lost sales: ``Q / (Q + shortage)``, what is short is not in Q.

    Exact for a position spread evenly over (r, r + Q] and units asked for one by one (normal; Poisson); the
    approximation ``is_exact=False`` leaves out the second term. Lost sales use the first term only: nothing is owed
    when the order arrives.
    """
    q = positive("order quantity", order_quantity)
    short = cycle_shortage(lead_demand, reorder_point, q if is_exact and not lost_sales else None)
    if lost_sales:
        return np.asarray(q / (q + short), dtype=np.float64)
    return np.asarray(1.0 - short / q, dtype=np.float64)


def fill_reorder_point(
    lead_demand: Demand,
    order_quantity: ArrayLike,
    target: ArrayLike,
    *,
    is_exact: bool = True,
    lost_sales: bool = False,
) -> Floats:
    """The smallest r (whole where demand is) whose :func:`fill_rate` is ``target`` (within (0, 1)).

    May lie below the mean, even below 0: then orders wait until customers do.
    """
    q, beta = positive("order quantity", order_quantity), _target(target)
    allowed, _ = np.broadcast_arrays(q * ((1.0 - beta) / beta if lost_sales else 1.0 - beta), lead_demand.mean)
    if lost_sales or not is_exact:
        return lead_demand.inverse_loss(allowed)
    low = lead_demand.mean - q - 1.0
    step = np.maximum(q, lead_demand.sd) + 1.0
    for _ in range(60):  # the shortage rises to Q as r falls, so that some r is too low
        is_high = cycle_shortage(lead_demand, low, q) <= allowed
        if not is_high.any():
            break
        low, step = np.where(is_high, low - step, low), 2.0 * step
    return lead_demand.first_level(lambda r: cycle_shortage(lead_demand, r, q) <= allowed, low)


def periodic_fill_rate(
    protection_demand: Demand,
    lead_demand: Demand,
    review_mean: ArrayLike,
    order_up_to: ArrayLike,
    *,
    lost_sales: bool = False,
) -> Floats:
    """Fill rate of an (R, S) policy: ``1 - [E(D_(L+R) - S)+ - E(D_L - S)+] / E D_R``.

    Args:
        protection_demand: of lead time + review period.
        lead_demand: of the lead time alone.
        review_mean: mean demand of a review period.
        order_up_to: S.
        lost_sales: what is short is not delivered later, ``m / (m + shortage)``, an approximation.
    """
    m, s = positive("mean of a review period", review_mean), np.asarray(order_up_to, dtype=np.float64)
    short = np.maximum(protection_demand.loss(s) - lead_demand.loss(s), 0.0)
    return np.asarray(m / (m + short) if lost_sales else 1.0 - short / m, dtype=np.float64)


def periodic_order_up_to(
    protection_demand: Demand,
    lead_demand: Demand,
    review_mean: ArrayLike,
    target: ArrayLike,
    *,
    lost_sales: bool = False,
) -> Floats:
    """The smallest S (whole where demand is) whose :func:`periodic_fill_rate` is ``target``."""
    m, beta = positive("mean of a review period", review_mean), _target(target)
    allowed, _ = np.broadcast_arrays(m * ((1.0 - beta) / beta if lost_sales else 1.0 - beta), protection_demand.mean)

    def short(level: Floats) -> Floats:
        return np.asarray(protection_demand.loss(level) - lead_demand.loss(level), dtype=np.float64)

    low, step = np.minimum(lead_demand.mean, 0.0) - 1.0 + 0.0 * allowed, protection_demand.sd + 1.0
    for _ in range(60):
        is_high = short(low) <= allowed
        if not is_high.any():
            break
        low, step = np.where(is_high, low - step, low), 2.0 * step
    return protection_demand.first_level(lambda s: short(s) <= allowed, low)


def optimal_cycle_service(
    order_quantity: ArrayLike,
    demand: ArrayLike,
    holding_cost: ArrayLike,
    shortage_cost: ArrayLike,
    *,
    lost_sales: bool = False,
) -> Floats:
    """The cycle service level that pays: ``1 - Q h / (p d)``; lost sales: ``1 - Q h / (p d + Q h)`` (Chopra, 13.2).

    ``shortage_cost`` is per unit short, however long. 0 where holding costs more than being short: then no safety stock
    pays at all.
    """
    q, d = positive("order quantity", order_quantity), positive("demand", demand)
    h, p = not_negative("holding cost", holding_cost), positive("shortage cost", shortage_cost)
    over = q * h / (p * d + q * h if lost_sales else p * d)
    return np.asarray(np.maximum(1.0 - over, 0.0), dtype=np.float64)


def _target(target: ArrayLike) -> Floats:
    return numbers("fill rate", target, 0.0, 1.0, open_low=True, open_high=True)
