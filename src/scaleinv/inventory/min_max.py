"""(s, S) policies under periodic review, whole units, customers wait: exact cost, the optimum, and what it serves.

**Here an order is placed when the position is at s or below**, as in textbooks, and lifts it to S; a reorder point in
``gold/policies`` is s + 1, since there an order is placed *below* it. After a review the position is S - j with a
chance in proportion to m(j), the renewal mass of demand; ``g(y)``, the newsvendor cost of lead time + 1 periods, of
these positions is what holding and waiting cost (Zheng & Federgruen 1991; Snyder & Shen, section 4.4.3; Zipkin,
section 9.4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.demand import Demand
from scaleinv.inventory.demand_discrete import probability_table
from scaleinv.inventory.inputs import not_negative, numbers, positive

Floats = NDArray[np.float64]

_REST = 1e-13


def min_max_cost(
    demand: Demand,
    reorder_point: ArrayLike,
    order_up_to: ArrayLike,
    *,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    lead_time: int = 0,
) -> Floats:
    """(n_series,) exact cost per period of any (s, S), ``s < S`` whole numbers.

    Args:
        demand: of one period, in whole units.
        reorder_point: s, order at s or below.
        order_up_to: S.
        ordering_cost: K, money per order.
        holding_cost: h, money per unit left at the end of a period.
        stockout_cost: p, money per unit that waits at the end of a period.
        lead_time: periods; 0: an order is there before the period's demand.

    Raises:
        DataError: a number is not in its range, s is not below S, or demand is not in whole units.
    """
    rows = _Rows(demand, ordering_cost, holding_cost, stockout_cost, lead_time)
    s, top = rows.whole("s", reorder_point), rows.whole("S", order_up_to)
    if (s >= top).any():
        raise DataError(explain("s is not below S", which=[f"row {row}" for row in np.flatnonzero(s >= top)]))
    cost = np.empty(rows.n)
    run_rows(_costs, rows.n, rows.period, rows.mean, rows.loss, rows.k, rows.h, rows.p, s, top, cost)
    return rows.as_given(cost)


def min_max_optimum(
    demand: Demand,
    *,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    lead_time: int = 0,
) -> tuple[Floats, Floats, Floats]:
    """(s, S, cost) of the best (s, S) policy by Zheng & Federgruen's algorithm; arguments of :func:`min_max_cost`.

    A series without demand has s = -1, S = 0 and no cost.

    >>> from scaleinv.inventory import Poisson
    >>> s, top, cost = min_max_optimum(Poisson(6), ordering_cost=5, holding_cost=1, stockout_cost=4)
    >>> float(s), float(top), round(float(cost), 8)
    (4.0, 10.0, 8.03411156)
    """
    rows = _Rows(demand, ordering_cost, holding_cost, stockout_cost, lead_time)
    s, top, cost = np.empty(rows.n), np.empty(rows.n), np.empty(rows.n)
    run_rows(_zheng_federgruen, rows.n, rows.period, rows.mean, rows.loss, rows.k, rows.h, rows.p, s, top, cost)
    return rows.as_given(s), rows.as_given(top), rows.as_given(cost)


def min_max_fill_rate(
    demand: Demand, reorder_point: ArrayLike, order_up_to: ArrayLike, *, lead_time: int = 0
) -> Floats:
    """(n_series,) exact fill rate of (s, S) with backorders: 1 less what runs short in a period by its mean demand.

    Units that were short already when the period began were counted in the period before. nan without demand.
    """
    rows = _Rows(demand, 1.0, 1.0, 1.0, lead_time)
    s, top = rows.whole("s", reorder_point), rows.whole("S", order_up_to)
    fill = np.empty(rows.n)
    run_rows(_fill_rates, rows.n, rows.period, rows.mean, rows.loss, rows.lead_loss, s, top, fill)
    return rows.as_given(fill)


class _Rows:
    """Arguments, one row per series: probabilities of a period, losses of lead time + 1 and of the lead time."""

    def __init__(self, demand: Demand, k: ArrayLike, h: ArrayLike, p: ArrayLike, lead_time: int) -> None:
        shapes = [np.shape(x) for x in (demand.mean, k, h, p)]
        self._shape = np.broadcast_shapes(*shapes)
        self.n = int(np.prod(self._shape, dtype=np.int64))
        self.k, self.h, self.p = (
            self._row(x)
            for x in (
                not_negative("ordering cost", k), positive("holding cost", h), positive("stockout cost", p),
            )
        )  # fmt: skip
        if lead_time != int(lead_time) or lead_time < 0:
            raise DataError(explain("a lead time is not a whole number of periods from 0 up", found=lead_time))
        lead, protection = (demand.over(int(lead_time)) if lead_time else None), demand.over(int(lead_time) + 1)
        most = int(np.max(protection.quantile(1.0 - _REST), initial=1.0)) + 2
        levels = np.arange(most + 1, dtype=np.float64)
        n_values = int(np.max(demand.quantile(1.0 - _REST), initial=1.0)) + 2
        self.period = self._table(probability_table(demand, n_values))
        self.loss = self._table(protection.expanded().loss(levels))
        self.lead_loss = self._table(lead.expanded().loss(levels)) if lead is not None else np.zeros_like(self.loss)
        self.mean = self._row(protection.mean)

    def whole(self, name: str, values: ArrayLike) -> Floats:
        found = numbers(name, values)
        if (found != np.round(found)).any():
            raise DataError(explain(f"{name} is not a whole number", found=found.ravel()[:5].tolist()))
        return self._row(found)

    def as_given(self, values: Floats) -> Floats:
        return values.reshape(self._shape)

    def _row(self, values: Floats) -> Floats:
        return np.ascontiguousarray(np.broadcast_to(values, self._shape).reshape(-1))

    def _table(self, values: Floats) -> Floats:
        full = np.broadcast_to(values, (*self._shape, values.shape[-1]))
        return np.ascontiguousarray(full.reshape(self.n, values.shape[-1]))


@compiled
def _shortage(loss: Floats, mean: float, y: int) -> float:
    """E(D - y)+ from the table of 0, 1, 2 …; ``mean - y`` below, 0 above."""
    if y < 0:
        return mean - y
    return float(loss[y]) if y < len(loss) else 0.0


@compiled
def _one_period(loss: Floats, mean: float, h: float, p: float, y: int) -> float:
    return h * (y - mean) + (h + p) * _shortage(loss, mean, y)


@compiled
def _extend(mass: Floats, n_known: int, n_wanted: int, period: Floats) -> Floats:
    """Renewal mass m(0) … m(n_wanted - 1): how often, per cycle, the position after a review is S - j."""
    if n_wanted > len(mass):
        longer = np.empty(2 * n_wanted)
        longer[:n_known] = mass[:n_known]
        mass = longer
    moving = 1.0 - period[0]
    for j in range(n_known, n_wanted):
        visits = 1.0 if j == 0 else 0.0
        for d in range(1, min(j, len(period) - 1) + 1):
            visits += period[d] * mass[j - d]
        mass[j] = visits / moving
    return mass


@compiled
def _cost(mass: Floats, n_steps: int, loss: Floats, mean: float, k: float, h: float, p: float, top: int) -> float:
    total, length = k, 0.0
    for j in range(n_steps):
        total += mass[j] * _one_period(loss, mean, h, p, top - j)
        length += mass[j]
    return total / length


@compiled
def _costs(
    start: int, stop: int, period: Floats, mean: Floats, loss: Floats, k: Floats, h: Floats, p: Floats, s: Floats,
    top: Floats, cost: Floats,
) -> None:  # fmt: skip
    for row in range(start, stop):
        if period[row, 0] >= 1.0:
            cost[row] = _one_period(loss[row], mean[row], h[row], p[row], int(top[row]))
            continue
        n_steps = int(top[row] - s[row])
        mass = _extend(np.empty(n_steps), 0, n_steps, period[row])
        cost[row] = _cost(mass, n_steps, loss[row], mean[row], k[row], h[row], p[row], int(top[row]))


@compiled
def _zheng_federgruen(
    start: int, stop: int, period: Floats, mean: Floats, loss: Floats, k: Floats, h: Floats, p: Floats, s: Floats,
    top: Floats, cost: Floats,
) -> None:  # fmt: skip
    for row in range(start, stop):
        if period[row, 0] >= 1.0:
            s[row], top[row], cost[row] = -1.0, 0.0, 0.0
            continue
        table, mu, kk, hh, pp = loss[row], mean[row], k[row], h[row], p[row]
        low, high = 0, len(table)  # the best level of one period: g's first rise
        while low < high:
            middle = (low + high) // 2
            rise = _one_period(table, mu, hh, pp, middle + 1) - _one_period(table, mu, hh, pp, middle)
            if rise >= 0.0:
                high = middle
            else:
                low = middle + 1
        best_top, point = low, low - 1
        mass = _extend(np.empty(64), 0, 1, period[row])
        n_known = 1
        total, length = kk + mass[0] * _one_period(table, mu, hh, pp, best_top), mass[0]
        while total / length > _one_period(table, mu, hh, pp, point):
            mass = _extend(mass, n_known, n_known + 1, period[row])
            total += mass[n_known] * _one_period(table, mu, hh, pp, point)
            length += mass[n_known]
            n_known, point = n_known + 1, point - 1
        least = total / length
        trial = best_top + 1
        while _one_period(table, mu, hh, pp, trial) <= least:
            mass = _extend(mass, n_known, trial - point, period[row])
            n_known = max(n_known, trial - point)
            found = _cost(mass, trial - point, table, mu, kk, hh, pp, trial)
            if found < least - 1e-12 * abs(least):
                best_top, least = trial, found
                while least <= _one_period(table, mu, hh, pp, point + 1) and point + 1 < best_top:
                    point += 1
                    least = _cost(mass, best_top - point, table, mu, kk, hh, pp, best_top)
            trial += 1
        s[row], top[row], cost[row] = point, best_top, least


@compiled
def _fill_rates(
    start: int, stop: int, period: Floats, mean: Floats, loss: Floats, lead_loss: Floats, s: Floats, top: Floats,
    fill: Floats,
) -> None:  # fmt: skip
    for row in range(start, stop):
        per_period = 0.0
        for d in range(len(period[row])):
            per_period += d * period[row, d]
        if per_period <= 0.0:
            fill[row] = np.nan
            continue
        n_steps = int(top[row] - s[row])
        mass = _extend(np.empty(n_steps), 0, n_steps, period[row])
        short, length = 0.0, 0.0
        for j in range(n_steps):
            y = int(top[row]) - j
            before = _shortage(lead_loss[row], mean[row] - per_period, y)
            short += mass[j] * (_shortage(loss[row], mean[row], y) - before)
            length += mass[j]
        fill[row] = 1.0 - short / length / per_period
