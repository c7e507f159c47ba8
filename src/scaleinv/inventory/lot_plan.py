"""Order plans for demand that is known but lumpy: Wagner & Whitin's optimum and the heuristics of textbooks.

An order of a period is there for its demand; what is left at the end of a period costs that period's holding cost.
Sources: Wagner & Whitin (1958); Silver & Meal (1973); Silver, Pyke & Thomas, chapter 5; Nahmias & Olsen, chapter 8.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.inputs import not_negative

Floats = NDArray[np.float64]
Heuristic = Literal["silver_meal", "least_unit_cost", "part_period"]

_RULES = {"silver_meal": 0, "least_unit_cost": 1, "part_period": 2}


def wagner_whitin(
    demand: ArrayLike,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    unit_cost: ArrayLike = 0.0,
    *,
    initial_stock: ArrayLike = 0.0,
) -> tuple[Floats, Floats]:
    """(order quantities (n_series, n_periods), cost (n_series,)) of the cheapest plan that meets all demand.

    Args:
        demand: (n_series, n_periods) or (n_periods,) units.
        ordering_cost: money per order; (), (n_series,), (n_series, 1) or (n_series, n_periods) where it changes.
        holding_cost: money per unit left at the end of a period; same shapes.
        unit_cost: money per unit bought; same shapes.
        initial_stock: (n_series,) units there at the start; they serve the first demand, and their holding is counted.

    >>> quantity, cost = wagner_whitin([90, 120, 80, 70], 500, 2)
    >>> quantity.tolist(), float(cost)
    ([210.0, 0.0, 150.0, 0.0], 1380.0)
    """
    wanted, k, h, c, held = _arrays(demand, ordering_cost, holding_cost, unit_cost, initial_stock)
    quantity, cost = np.zeros_like(wanted), np.zeros(len(wanted))
    run_rows(_wagner_whitin, len(wanted), wanted, k, h, c, quantity, cost)
    return _as_given(demand, quantity, cost + held)


def lot_heuristic(
    demand: ArrayLike,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    *,
    rule: Heuristic = "silver_meal",
    initial_stock: ArrayLike = 0.0,
) -> tuple[Floats, Floats]:
    """(order quantities (n_series, n_periods), cost (n_series,)) of a plan that looks ahead order by order.

    An order takes in one more period as long as the cost per period does not rise (``silver_meal``), the cost per unit
    does not rise (``least_unit_cost``), or holding comes no closer to the ordering cost without it (``part_period``).
    Periods without demand are taken in, never begun with. Arguments as for :func:`wagner_whitin`.
    """
    wanted, k, h, _, held = _arrays(demand, ordering_cost, holding_cost, 0.0, initial_stock)
    quantity, cost = np.zeros_like(wanted), np.zeros(len(wanted))
    run_rows(_look_ahead, len(wanted), wanted, k, h, _RULES[rule], quantity, cost)
    return _as_given(demand, quantity, cost + held)


def plan_cost(
    quantity: ArrayLike,
    demand: ArrayLike,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    unit_cost: ArrayLike = 0.0,
    *,
    initial_stock: ArrayLike = 0.0,
) -> Floats:
    """(n_series,) cost of any plan: infinite where it runs short."""
    wanted, k, h, c, _ = _arrays(demand, ordering_cost, holding_cost, unit_cost, 0.0)
    bought = np.broadcast_to(np.asarray(quantity, np.float64), wanted.shape)
    start = np.broadcast_to(np.asarray(initial_stock, np.float64), (len(wanted),))
    left = start[:, None] + np.cumsum(bought - wanted, axis=1)
    cost = (np.where(bought > 0, k, 0.0) + c * bought + h * left).sum(axis=1)
    cost = np.where((left < -1e-9 * (1.0 + wanted.sum(axis=1, keepdims=True))).any(axis=1), np.inf, cost)
    return cost[0] if np.ndim(demand) == 1 else cost


def _arrays(
    demand: ArrayLike, ordering_cost: ArrayLike, holding_cost: ArrayLike, unit_cost: ArrayLike, initial_stock: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Net demand, the three costs per period, and what holding the initial stock costs."""
    wanted = np.atleast_2d(not_negative("demand", demand))
    k, h, c = (
        np.ascontiguousarray(np.broadcast_to(x[:, None] if x.ndim == 1 else x, wanted.shape))
        for x in (
            _per_row(not_negative(name, cost), wanted)
            for name, cost in (
                ("ordering cost", ordering_cost), ("holding cost", holding_cost), ("unit cost", unit_cost),
            )
        )
    )  # fmt: skip
    start = np.broadcast_to(not_negative("initial stock", initial_stock), (len(wanted),))
    left = np.maximum(start[:, None] - np.cumsum(wanted, axis=1), 0.0)
    used = -np.diff(left, axis=1, prepend=start[:, None])
    return np.ascontiguousarray(wanted - used), k, h, c, (h * left).sum(axis=1)


def _per_row(cost: Floats, wanted: Floats) -> Floats:
    """A vector is one number per period where there is one series, and one per series otherwise."""
    return cost[None, :] if cost.ndim == 1 and len(wanted) == 1 and len(cost) == wanted.shape[1] else cost


def _as_given(demand: ArrayLike, quantity: Floats, cost: Floats) -> tuple[Floats, Floats]:
    return (quantity[0], cost[0]) if np.ndim(demand) == 1 else (quantity, cost)


@compiled
def _wagner_whitin(
    start: int, stop: int, demand: Floats, k: Floats, h: Floats, c: Floats, quantity: Floats, cost: Floats
) -> None:
    n_periods = demand.shape[1]
    best, until = np.empty(n_periods + 1), np.empty(n_periods, dtype=np.int64)
    for row in range(start, stop):
        best[n_periods] = 0.0
        for first in range(n_periods - 1, -1, -1):
            best[first], until[first] = np.inf, first + 1
            if demand[row, first] <= 0.0:
                best[first], until[first] = best[first + 1], -1
            units, held, carried = 0.0, 0.0, 0.0
            for last in range(first, n_periods):
                if last > first:
                    carried += h[row, last - 1]
                units += demand[row, last]
                held += carried * demand[row, last]
                if units <= 0.0:
                    continue
                total = k[row, first] + c[row, first] * units + held + best[last + 1]
                if total < best[first]:
                    best[first], until[first] = total, last + 1
        cost[row], period = best[0], 0
        while period < n_periods:
            if until[period] < 0:
                period += 1
                continue
            for served in range(period, until[period]):
                quantity[row, period] += demand[row, served]
            period = until[period]


@compiled
def _look_ahead(
    start: int, stop: int, demand: Floats, k: Floats, h: Floats, rule: int, quantity: Floats, cost: Floats
) -> None:
    n_periods = demand.shape[1]
    for row in range(start, stop):
        period = 0
        while period < n_periods:
            if demand[row, period] <= 0.0:
                period += 1
                continue
            units, held, carried = demand[row, period], 0.0, 0.0
            setup, end = k[row, period], period + 1
            while end < n_periods:
                carried += h[row, end - 1]
                more = held + carried * demand[row, end]
                if rule == 0:
                    worse = (setup + more) * (end - period) > (setup + held) * (end + 1 - period)
                elif rule == 1:
                    worse = (setup + more) * units > (setup + held) * (units + demand[row, end])
                else:
                    worse = more > setup and more - setup > setup - held
                if worse:
                    break
                units, held, end = units + demand[row, end], more, end + 1
                if rule == 2 and held > setup:
                    break
            quantity[row, period] = units
            cost[row] += setup + held
            period = end
