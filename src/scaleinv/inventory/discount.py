"""Order quantities under quantity discounts: all units at the lower price, or only those above the breakpoint.

Sources: Nahmias & Olsen, section 4.7; Snyder & Shen, section 3.4. Region j holds for ``breakpoint_j <= Q <
breakpoint_(j+1)``; the first breakpoint is 0 (or the smallest order). Vendors with fewer regions are filled up with
infinite breakpoints. Prices must not rise from region to region.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.inputs import not_negative, positive

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def all_units_discount(
    ordering_cost: ArrayLike,
    demand: ArrayLike,
    holding_rate: ArrayLike,
    breakpoints: ArrayLike,
    prices: ArrayLike,
    *,
    holding_cost: ArrayLike = 0.0,
) -> tuple[Floats, Ints, Floats]:
    """(order quantity, region, cost) when the price of the quantity's region holds for all of its units.

    In each region the economic quantity, moved up to its breakpoint where it falls short, is a candidate; one that lies
    beyond the region is not, since a later region has it at a price no higher. The cheapest candidate wins, the
    smaller quantity where two cost the same. Costs include the purchase.

    Args:
        ordering_cost: (n_series,) money per order.
        demand: (n_series,) units per time.
        holding_rate: (n_series,) per that time, share of the unit's price.
        breakpoints: (n_series, n_regions) or (n_regions,).
        prices: same shape, money per unit.
        holding_cost: (n_series,) money per unit and time besides.

    Raises:
        DataError: breakpoints do not ascend, or prices rise.
    """
    k, d, rate, extra, start, end, price, is_there = _arrays(
        ordering_cost, demand, holding_rate, holding_cost, breakpoints, prices
    )
    hold = rate * price + extra
    economic = np.sqrt(2.0 * k * d / hold)
    quantity = np.maximum(economic, start)
    possible = is_there & (quantity < end) & (quantity > 0)
    cost = d * price + k * d / np.where(quantity > 0, quantity, 1.0) + 0.5 * hold * quantity
    return _cheapest(quantity, cost, possible)


def incremental_discount(
    ordering_cost: ArrayLike,
    demand: ArrayLike,
    holding_rate: ArrayLike,
    breakpoints: ArrayLike,
    prices: ArrayLike,
    *,
    holding_cost: ArrayLike = 0.0,
) -> tuple[Floats, Ints, Floats]:
    """(order quantity, region, cost) when each price holds only for the units above its breakpoint.

    Reaching region j adds ``b_j = sum (c_i - c_(i+1)) breakpoint_(i+1)`` to the cost of an order, so ``Q_j = sqrt(2
    (K + b_j) d / (i c_j))`` and the cost ``c_j d + i b_j / 2 + (K + b_j) d / Q + i c_j Q / 2``. A breakpoint is never
    best. Arguments and errors as for :func:`all_units_discount`.
    """
    k, d, rate, extra, start, end, price, is_there = _arrays(
        ordering_cost, demand, holding_rate, holding_cost, breakpoints, prices
    )
    step = -np.diff(price, axis=-1) * start[..., 1:]
    fixed = np.concatenate([np.zeros_like(price[..., :1]), np.cumsum(step, axis=-1)], axis=-1)
    hold = rate * price + extra
    economic = np.sqrt(2.0 * (k + fixed) * d / hold)
    quantity = np.maximum(economic, np.where(np.arange(start.shape[-1]) == 0, start, 0.0))
    possible = is_there & (quantity >= start) & (quantity < end) & (quantity > 0)
    each = (k + fixed) * d / np.where(quantity > 0, quantity, 1.0)
    cost = d * price + 0.5 * rate * fixed + each + 0.5 * hold * quantity
    return _cheapest(quantity, cost, possible)


def _arrays(
    ordering_cost: ArrayLike,
    demand: ArrayLike,
    holding_rate: ArrayLike,
    holding_cost: ArrayLike,
    breakpoints: ArrayLike,
    prices: ArrayLike,
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, Floats, NDArray[np.bool_]]:
    k, d = (x[..., None] for x in (not_negative("ordering cost", ordering_cost), positive("demand", demand)))
    rate, extra = (
        x[..., None] for x in (not_negative("holding rate", holding_rate), not_negative("holding cost", holding_cost))
    )
    start, price = np.broadcast_arrays(np.asarray(breakpoints, np.float64), np.asarray(prices, np.float64))
    is_there = np.isfinite(start)
    price = np.where(is_there, price, price[..., :1])
    positive("price", price)
    first, steps = start[..., :1], np.diff(np.where(is_there, start, 1e300), axis=-1)
    if not (np.isfinite(first) & (first >= 0)).all() or (steps[is_there[..., 1:]] <= 0).any():
        raise DataError(explain("breakpoints do not ascend from 0 up", found=start.ravel()[:8].tolist()))
    rises = (np.diff(price, axis=-1) > 0) & is_there[..., 1:]
    if rises.any() or (rate * price + extra <= 0).any():
        raise DataError(
            explain(
                "a price rises from one region to the next, or holding costs nothing", found=price.ravel()[:8].tolist()
            )
        )
    start = np.where(is_there, start, 0.0)
    end = np.concatenate([np.where(is_there, start, np.inf)[..., 1:], np.full_like(first, np.inf)], axis=-1)
    return k, d, rate, extra, start, end, price, is_there


def _cheapest(quantity: Floats, cost: Floats, possible: NDArray[np.bool_]) -> tuple[Floats, Ints, Floats]:
    paid = np.where(possible, cost, np.inf)
    region = np.argmin(paid, axis=-1)
    chosen = (np.take_along_axis(x, region[..., None], axis=-1)[..., 0] for x in (quantity, paid))
    best, least = chosen
    return best, region.astype(np.int64), least
