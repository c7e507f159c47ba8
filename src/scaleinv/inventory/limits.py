"""What a single series may not exceed: a maximum stock, what is sold within its shelf life, days of cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.orders import GUARD
from scaleinv.inventory.value import Table

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Limited:
    """Levels that respect a limit, (n_series,) each, units."""

    reorder_point: Floats
    order_quantity: Floats
    order_up_to_level: Floats
    point_change: Floats
    """what the limit took off the reorder point, at most 0"""
    quantity_change: Floats
    """what it took off the order quantity, at most 0"""
    is_possible: NDArray[np.bool_]
    """the least order fits under the limit; where it does not, nothing was changed"""


def within_limit(
    reorder_point: ArrayLike,
    order_quantity: ArrayLike,
    min_order_quantity: ArrayLike,
    order_multiple: ArrayLike,
    limit: ArrayLike,
) -> Limited:
    """Policies whose order-up-to level stays under ``limit``: first the order gets smaller, then the reorder point.

    The order quantity falls to no less than the least order (the minimum, as whole multiples), and only then the
    reorder point, so that service is given up last. A reorder point that was solved for a greater order
    keeps less than its promise with a smaller one: solve it again for what is left (``policies``,
    ``max_order_quantity``), and ask again. What sells keeps a reorder point of 1, or it would never be ordered again;
    the order itself is cut to the limit when it is placed (``replenish``).

    Args:
        reorder_point: (n_series,) units.
        order_quantity: (n_series,) units, a multiple.
        min_order_quantity: (n_series,) units.
        order_multiple: (n_series,) units, above 0.
        limit: (n_series,) units of position; inf: none.
    """
    point, quantity, minimum, multiple, top = (
        np.asarray(x, dtype=np.float64)
        for x in (reorder_point, order_quantity, min_order_quantity, order_multiple, limit)
    )
    least = np.maximum(np.ceil(minimum / multiple - GUARD), 1.0) * multiple
    possible = least <= top + GUARD
    cap = np.where(np.isfinite(top) & possible, top, point + quantity)
    lower = np.minimum(point, np.maximum(np.floor(cap + GUARD) - least, np.minimum(point, 1.0)))
    room = np.floor((cap - lower) / multiple + GUARD) * multiple
    smaller = np.minimum(quantity, np.maximum(room, np.minimum(least, quantity)))
    return Limited(lower, smaller, lower + smaller, lower - point, smaller - quantity, possible)


def shelf_life_limit(
    cumulative_quantiles: Table, levels: ArrayLike, n_days: ArrayLike, waste_chance: ArrayLike
) -> Floats:
    """(n_series,) whole units that are sold before they spoil: ``F^-1(waste_chance)`` of demand over ``n_days``.

    The chance that a unit of so many is left over is at most ``waste_chance``. Where F is written for the chance that
    *more* is asked for, this is its ``F^-1(1 - waste target)``.

    Args:
        cumulative_quantiles: (n_series, horizon, n_quantiles) demand of steps 1 … h together, units.
        levels: (n_quantiles,) ascending.
        n_days: (n_series,) until a unit of tonight's order spoils: lead time - 1 + shelf life, goods in front of it
            being sold first; inf: it keeps.
        waste_chance: (n_series,) within (0, 1).

    Raises:
        DataError: a number of days is below 1, or a chance not within (0, 1).
    """
    n = len(cumulative_quantiles)
    days, chance = (np.broadcast_to(np.asarray(x, dtype=np.float64), (n,)) for x in (n_days, waste_chance))
    bad = ~((days >= 1) & (chance > 0) & (chance < 1))
    if bad.any():
        raise DataError(
            explain(
                "a shelf life is below a day, or a chance of waste not within (0, 1)",
                which=[f"series {row}" for row in np.flatnonzero(bad)],
            )
        )
    spoils = np.isfinite(days)
    table = demand_over(cumulative_quantiles, np.where(spoils, days, 1.0))
    return np.where(spoils, np.floor(quantile_at(table, levels, chance) + GUARD), np.inf)


def demand_over(cumulative_quantiles: Table, n_days: ArrayLike) -> Floats:
    """(n_series, n_quantiles) demand of the next ``n_days`` days; parts of a day by a line, beyond the horizon scaled.

    Beyond the horizon the last step's quantiles grow with the days, which keeps the relative spread, as
    :func:`protection_demand` does. No days: 0.
    """
    n, horizon, _ = cumulative_quantiles.shape
    days = np.broadcast_to(np.asarray(n_days, dtype=np.float64), (n,))
    inside = np.clip(days, 0.0, horizon)
    low = np.floor(inside).astype(np.int64)
    part = (inside - low)[:, None]
    rows = np.arange(n)
    before = np.where((low > 0)[:, None], cumulative_quantiles[rows, np.maximum(low, 1) - 1], 0.0)
    after = cumulative_quantiles[rows, np.minimum(low, horizon - 1)]
    within = before + part * (after - before)
    return np.asarray(within * np.maximum(days / horizon, 1.0)[:, None], dtype=np.float64)


def quantile_at(table: Table, levels: ArrayLike, level: ArrayLike) -> Floats:
    """(n_series,) of each row the quantile of its ``level``: a line between two, beyond the outer two their value."""
    wanted = np.ascontiguousarray(np.broadcast_to(np.asarray(level, dtype=np.float64), (len(table),)))
    out = np.empty(len(table))
    run_rows(_quantile_at, len(table), np.ascontiguousarray(table), np.asarray(levels, dtype=np.float64), wanted, out)
    return out


@compiled
def _quantile_at(start: int, stop: int, table: Table, levels: Floats, wanted: Floats, out: Floats) -> None:
    for row in range(start, stop):
        out[row] = np.interp(wanted[row], levels, table[row].astype(np.float64))
