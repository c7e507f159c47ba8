"""One stock, one decision: how much to have when too much and too little both cost.

The level with ``F(S) = cu / (cu + co)``, and the cost of any level, for every family of ``demand.py``. A base-stock
policy is the same question about the demand of lead time plus review period. Sources: Snyder & Shen, chapter 4;
Nahmias & Olsen, chapter 5; Zipkin, chapter 6; Silver, Pyke & Thomas, chapter 9.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.demand import Demand
from scaleinv.inventory.inputs import not_negative, numbers

Floats = NDArray[np.float64]
Leftover = Literal["salvaged", "carried"]
Shortage = Literal["lost", "backordered"]


def critical_ratio(underage_cost: ArrayLike, overage_cost: ArrayLike) -> Floats:
    """``cu / (cu + co)``; with backorders cu is the cost of a unit short for one period, co of a unit held.

    Raises:
        DataError: a cost is negative, or both are 0.
    """
    under, over = not_negative("underage cost", underage_cost), not_negative("overage cost", overage_cost)
    if (under + over <= 0).any():
        raise DataError(explain("underage and overage cost are both 0", do="give at least one of them"))
    return np.asarray(under / (under + over), dtype=np.float64)


def unit_costs(
    price: ArrayLike,
    unit_cost: ArrayLike,
    *,
    salvage: ArrayLike = 0.0,
    goodwill: ArrayLike = 0.0,
    holding_cost: ArrayLike = 0.0,
    leftover: Leftover = "salvaged",
    shortage: Shortage = "lost",
    discount: ArrayLike = 1.0,
) -> tuple[Floats, Floats]:
    """(underage, overage) cost of a unit, from prices.

    What is left after the season is ``salvaged``: it cost ``unit_cost`` and ``holding_cost`` and brings ``salvage``.
    Or it is ``carried`` to the next period: then it costs ``holding_cost`` and the interest ``(1 - discount) *
    unit_cost``, and **not** its purchase price, which a next purchase is spared. Short is ``lost``: margin and
    ``goodwill`` are gone (of a carried good the next period's purchase is not: the margin is ``price - discount *
    unit_cost`` less the interest); or ``backordered``: the sale is made a period later, which costs ``goodwill`` (a
    penalty per period) less the interest saved (Nahmias & Olsen, section 5.3 and its appendix; Snyder & Shen, section
    4.4).
    """
    p, c, h = numbers("price", price), not_negative("unit cost", unit_cost), not_negative("holding cost", holding_cost)
    v, g, y = numbers("salvage", salvage), not_negative("goodwill", goodwill), numbers("discount", discount, 0.0, 1.0)
    if leftover == "salvaged" and shortage == "backordered":
        raise DataError(explain("a season that ends has no later delivery", do="take carried, or lost"))
    over = c + h - v if leftover == "salvaged" else h + (1.0 - y) * c
    under = p - c + g if shortage == "lost" else g - (1.0 - y) * c
    return np.asarray(under, dtype=np.float64), np.asarray(over, dtype=np.float64)


def newsvendor(demand: Demand, holding_cost: ArrayLike, stockout_cost: ArrayLike) -> tuple[Floats, Floats]:
    """(level, expected cost) of the best level: the smallest S with ``F(S) >= p / (p + h)``.

    Args:
        demand: of the time that one decision covers.
        holding_cost: h, money per unit left.
        stockout_cost: p, money per unit short.

    >>> from scaleinv.inventory import Normal
    >>> level, cost = newsvendor(Normal(50, 8), 0.18, 0.70)
    >>> round(float(level), 6), round(float(cost), 6)
    (56.603956, 1.997605)
    """
    level = demand.quantile(critical_ratio(stockout_cost, holding_cost))
    return level, newsvendor_cost(demand, level, holding_cost, stockout_cost)


def newsvendor_cost(demand: Demand, level: ArrayLike, holding_cost: ArrayLike, stockout_cost: ArrayLike) -> Floats:
    """``h E(S - D)+ + p E(D - S)+`` at any level S."""
    h, p = not_negative("holding cost", holding_cost), not_negative("stockout cost", stockout_cost)
    x = np.asarray(level, dtype=np.float64)
    return np.asarray(h * demand.surplus(x) + p * demand.loss(x), dtype=np.float64)


def newsvendor_profit(
    demand: Demand,
    level: ArrayLike,
    *,
    price: ArrayLike,
    unit_cost: ArrayLike,
    salvage: ArrayLike = 0.0,
    holding_cost: ArrayLike = 0.0,
    goodwill: ArrayLike = 0.0,
) -> Floats:
    """Expected profit of one season: ``(price - cost) E D - cost of what is left - cost of what is short``."""
    under, over = unit_costs(price, unit_cost, salvage=salvage, goodwill=goodwill, holding_cost=holding_cost)
    margin = np.asarray(price, dtype=np.float64) - np.asarray(unit_cost, dtype=np.float64)
    return np.asarray(margin * demand.mean - over * demand.surplus(level) - under * demand.loss(level))


def base_stock(
    demand: Demand, lead_time: ArrayLike, holding_cost: ArrayLike, stockout_cost: ArrayLike, *, review: float = 1.0
) -> tuple[Floats, Floats]:
    """(level, cost per period) of ordering up to S at every review: the newsvendor of ``lead_time + review`` periods.

    ``review`` 0 is continuous review. ``demand`` is that of one period; periods are independent.
    """
    tau = not_negative("lead time", lead_time) + not_negative("review", review)
    return newsvendor(demand.over(tau), holding_cost, stockout_cost)
