"""Stages in a line, all stock in one hand: echelon base-stock levels by Clark & Scarf's recursion.

``C0(x) = (p + sum h) x-``; stage by stage from the customer: ``C_j(y) = E[h_j (y - D_j) + C'_(j-1)(y - D_j)]`` with
the demand D_j of its lead time, ``S_j`` its least point, ``C'_j(x) = C_j(min(S_j, x))``, whose part above S_j is what
the stage before pays for being short (Clark & Scarf 1960; Snyder & Shen, section 6.2; Zipkin, section 8.3). The cost
is that of echelon stock in the stages and on the way between them: ``C_N(S_N)``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.demand import Demand
from scaleinv.inventory.inputs import positive

Floats = NDArray[np.float64]

_REST = 1e-13
"""Demand that is less likely than this to be exceeded is the most that is looked at."""


def serial_levels(
    lead_demand: Sequence[Demand],
    echelon_holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    *,
    n_cells: int = 2000,
) -> tuple[Floats, Floats]:
    """(echelon base-stock levels (n_series, n_stages), cost per period (n_series,)), stage 0 next to the customer.

    Args:
        lead_demand: per stage, demand of its lead time (with periodic review of the last stage's lead time + 1 where
            costs are counted at the end of a period).
        echelon_holding_cost: (n_series, n_stages) or (n_stages,): what a unit costs more here than one stage before,
            money per unit and time, above 0.
        stockout_cost: (n_series,) or (), money per unit that waits and time.
        n_cells: real demand is put on a grid of so many cells over its whole reach; whole demand is exact.

    Raises:
        DataError: a number is not in its range, or whole and real demand are mixed.
    """
    h, p = positive("echelon holding cost", echelon_holding_cost), positive("stockout cost", stockout_cost)
    n_stages = len(lead_demand)
    if h.shape[-1] != n_stages or len({demand.is_whole for demand in lead_demand}) != 1:
        raise DataError(
            explain("stages do not fit", expected=f"{n_stages} costs, all whole or all real", found=h.shape)
        )
    shape = np.broadcast_shapes(h.shape[:-1], p.shape, *(np.shape(d.mean) for d in lead_demand))
    holding = np.ascontiguousarray(np.broadcast_to(h, (*shape, n_stages)).reshape(-1, n_stages))
    penalty = np.ascontiguousarray(np.broadcast_to(p, shape).reshape(-1))
    levels, cost = _on_grid(lead_demand, shape, holding, penalty, n_cells)
    if not lead_demand[0].is_whole:  # the grid's error falls with the square of its step: two grids tell how much
        coarse_levels, coarse_cost = _on_grid(lead_demand, shape, holding, penalty, n_cells // 2)
        levels, cost = (4.0 * levels - coarse_levels) / 3.0, (4.0 * cost - coarse_cost) / 3.0
    levels, cost = levels.reshape(*shape, n_stages), cost.reshape(shape)
    levels[..., 0] = lead_demand[0].quantile((p + h[..., 1:].sum(axis=-1)) / (p + h.sum(axis=-1)))
    return levels, cost


def serial_heuristic(
    lead_demand: Sequence[Demand], echelon_holding_cost: ArrayLike, stockout_cost: ArrayLike
) -> Floats:
    """(n_series, n_stages) levels by Shang & Song's (2003) mean of two newsvendors, stage 0 next to the customer.

    The demand of stage j is that of all lead times up to its own; the ratios are ``(p + sum_(i > j) h_i) / (p + sum_i
    h_i)`` with the inner sum from j on, or over all stages. ``lead_demand`` here is cumulative: of the lead times 0 …
    j together.
    """
    h, p = positive("echelon holding cost", echelon_holding_cost), positive("stockout cost", stockout_cost)
    total = h.sum(axis=-1)
    levels = []
    for j, demand in enumerate(lead_demand):
        before = p + total - h[..., : j + 1].sum(axis=-1)
        low = demand.quantile(before / (p + total))
        high = demand.quantile(before / (before + h[..., j]))
        middle = 0.5 * (low + high)
        levels.append(np.floor(middle + 0.5) if demand.is_whole else middle)
    return np.stack(np.broadcast_arrays(*levels), axis=-1)


def _on_grid(
    lead_demand: Sequence[Demand], shape: tuple[int, ...], holding: Floats, penalty: Floats, n_cells: int
) -> tuple[Floats, Floats]:
    n_stages = len(lead_demand)
    is_whole = lead_demand[0].is_whole
    reach = [np.broadcast_to(np.maximum(d.quantile(1.0 - _REST), 1.0), shape) for d in lead_demand]
    total = np.sum(reach, axis=0).reshape(-1)
    step = np.ones_like(total) if is_whole else total / n_cells
    size = int(np.ceil((total / step).max(initial=1.0))) + 2
    tables = np.zeros((n_stages, len(total), size + 1))
    for j, demand in enumerate(lead_demand):
        tables[j] = np.broadcast_to(_cells(demand, step.reshape(shape), size), (*shape, size + 1)).reshape(-1, size + 1)
    levels, cost = np.empty((len(total), n_stages)), np.empty(len(total))
    run_rows(_recursion, len(total), tables, step, holding, penalty, is_whole, levels, cost)
    return levels, cost


def _cells(demand: Demand, step: Floats, size: int) -> Floats:
    """(n_series, size + 1) weights of 0, step, 2 step … with the demand's own mean.

    Second differences of the loss: exact for any cost that is linear between the grid's points, and for whole units.
    """
    levels = np.arange(-1, size + 2) * step[..., None]
    loss = demand.expanded().loss(levels)
    weights = np.maximum(np.diff(loss, n=2, axis=-1) / step[..., None], 0.0)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float64)


@compiled
def _recursion(
    start: int, stop: int, tables: Floats, step: Floats, holding: Floats, penalty: Floats, is_whole: bool, levels:
    Floats, cost: Floats,
) -> None:  # fmt: skip
    n_stages, n_points = tables.shape[0], tables.shape[2]
    for row in range(start, stop):
        # Levels -n … n; below them every function is a straight line, above it is not needed.
        size, zero = 2 * n_points + 1, n_points
        dx = step[row]
        below, found = np.empty(size), np.empty(size)
        all_h = penalty[row] + holding[row].sum()
        for i in range(size):
            below[i] = all_h * max(zero - i, 0) * dx
        for j in range(n_stages):
            weights, h = tables[j, row], holding[row, j]
            last = n_points - 1
            while last > 0 and weights[last] < 1e-16:
                last -= 1
            slope = below[1] - below[0]
            for i in range(size):
                total = 0.0
                for d in range(last + 1):
                    x = i - d
                    value = below[x] if x >= 0 else below[0] + x * slope
                    total += weights[d] * (h * (x - zero) * dx + value)
                found[i] = total
            best = 0
            for i in range(1, size):
                if found[i] < found[best] - 1e-13 * abs(found[best]):
                    best = i
            least, place = found[best], float(best - zero)
            if not is_whole and 0 < best < size - 1:
                bend = found[best + 1] - 2.0 * found[best] + found[best - 1]
                shift = 0.5 * (found[best - 1] - found[best + 1]) / bend if bend > 0.0 else 0.0
                place += shift
                least -= 0.5 * bend * shift * shift
            levels[row, j] = place * dx
            for i in range(size):
                below[i] = found[i] if i < best else least
            cost[row] = least
