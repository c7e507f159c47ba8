"""A limit that many lines share: a night's budget, a location's capacity, a vendor's minimum, whole trucks.

All steps of all lines of a group are taken by falling value per unit of what is scarce until the limit is reached: of
concave lines with steps of equal weight that is the optimum, else it falls short of it by less than the value of one
step (Dantzig, Discrete-variable extremum problems, *Operations Research* 5, 1957). The list is never sorted: a line's
place in it is known from its quantiles, so the price at which it is cut is found by bisection, and only the steps that
are worth exactly that price are sorted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.value import OrderLines, Table, arguments, order_value, step_value

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PASSES = 200
_NEAR = 1e-10
_SLACK = 1e-9


@dataclass(frozen=True)
class Allotment:
    """What each line gets, and what the limit costs."""

    steps: Ints
    """(n_lines,)"""
    quantity: Floats
    """(n_lines,) units."""
    load: Floats
    """(n_groups,) of what is limited: money, volume, units."""
    shadow_price: Floats
    """(n_groups,) money that one more unit of it would bring: the value per unit of the best step not taken; 0 where
    all was taken; negative where what was left out would not have paid; inf where even ``least`` is above the limit."""
    is_possible: NDArray[np.bool_]
    """(n_groups,) the limit can be kept: ``least`` is not above it, or ``most`` reaches it (``reach``)."""


def allot(
    lines: OrderLines,
    weight: ArrayLike,
    limit: ArrayLike,
    group: NDArray[np.integer] | None = None,
    *,
    least: Ints | None = None,
    reach: bool = False,
) -> Allotment:
    """The most valuable steps of each group whose weights together do not exceed its limit.

    Of two steps that are worth the same the line with the lower key comes first. A step that does not fit any more is
    left out, and those worth as much that do fit are taken. A line without weight gets all its steps, or with
    ``reach`` no more than its least.

    Args:
        lines: what may be ordered, concave in its quantity.
        weight: (n_lines,) what a unit takes of the limit, at least 0: its cost for a budget, its volume, 1.
        limit: (n_groups,) at least 0, in the unit of ``weight``; infinite: none.
        group: (n_lines,) whose limit it counts for; not given: there is one.
        least: (n_lines,) steps that are taken whatever they are worth.
        reach: take steps until the limit is reached or just exceeded, instead of staying below it.

    Raises:
        DataError: shapes do not fit, a weight or a limit is negative or not a number.
    """
    n = lines.n_lines
    ceiling = np.array(limit, dtype=np.float64, ndmin=1)
    owner = np.zeros(n, dtype=np.int64) if group is None else np.ascontiguousarray(group, dtype=np.int64)
    per_unit = np.ascontiguousarray(np.broadcast_to(np.asarray(weight, dtype=np.float64), (n,)))
    _check(per_unit, ceiling, owner)
    low = np.zeros(n, dtype=np.int64) if least is None else np.minimum(np.asarray(least, dtype=np.int64), lines.most)
    high = lines.most.copy()
    low, high = (low, np.where(per_unit > 0, high, low)) if reach else (np.where(per_unit > 0, low, high), high)
    tolerance = _SLACK * np.maximum(1.0, np.where(np.isinf(ceiling), 1.0, ceiling))
    at_least, at_most = (_load(lines, per_unit, steps, owner, len(ceiling)) for steps in (low, high))
    everything = at_most <= ceiling + tolerance
    nothing = at_least >= ceiling - tolerance if reach else at_least > ceiling + tolerance
    low = np.where(everything[owner], high, low)
    high = np.where(nothing[owner], low, high)
    price = np.where(nothing & ~everything, 0.0 if reach else np.inf, 0.0)
    open_ = ~everything & ~nothing
    if open_.any():
        _cut(lines, per_unit, ceiling, tolerance, owner, open_, low, high, price, reach)
    possible = at_most >= ceiling - tolerance if reach else at_least <= ceiling + tolerance
    return Allotment(low, lines.units(low), _load(lines, per_unit, low, owner, len(ceiling)), price, possible)


def whole_trucks(
    lines: OrderLines,
    weight: ArrayLike,
    truck: ArrayLike,
    vendor: NDArray[np.integer],
    wanted: Ints,
    *,
    cost: ArrayLike,
) -> tuple[Allotment, NDArray[np.int64]]:
    """Orders that fill whole trucks, up or down by what it brings, and (n_vendors,) how many trucks drive.

    What is wanted is filled up from the list towards the next whole truck, and cut down the list to the last one; the
    one that is worth more after the trucks are paid is taken, at a tie the fuller. An order that is below one truck
    is filled up or, where the goods do not pay the truck, not sent. A full truck is one that the next step of every
    line does not fit into.

    Args:
        lines: what may be ordered; their ``most`` says how far they may be filled up.
        weight: (n_lines,) what a unit takes of a truck, above 0.
        truck: (n_vendors,) what a truck holds; inf: the vendor has none, its lines keep what is wanted.
        vendor: (n_lines,) who delivers.
        wanted: (n_lines,) steps wanted.
        cost: (n_vendors,) money per truck.
    """
    holds = np.asarray(truck, dtype=np.float64)
    has_trucks = np.isfinite(holds)
    per_unit = np.broadcast_to(np.asarray(weight, dtype=np.float64), (lines.n_lines,))
    load = _load(lines, per_unit, wanted, np.asarray(vendor, np.int64), len(holds))
    room = np.where(has_trucks, holds, 1.0)
    number = np.where(has_trucks, load / room, 0.0)
    down, up = np.floor(number + _SLACK), np.ceil(number - _SLACK)
    fewer = allot(lines.up_to(wanted), per_unit, np.where(has_trucks, down * room, np.inf), vendor)
    more_steps = np.where(has_trucks[vendor], lines.most, wanted)
    more = allot(lines.up_to(more_steps), per_unit, np.where(has_trucks, up * room, np.inf), vendor, least=wanted)
    fare = np.broadcast_to(np.asarray(cost, dtype=np.float64), holds.shape)
    worth_fewer, worth_more = (
        np.bincount(vendor, order_value(lines, one.steps), len(holds)) - fare * n_trucks
        for one, n_trucks in ((fewer, down), (more, up))
    )
    is_more = worth_more >= worth_fewer
    steps = np.where(is_more[vendor], more.steps, fewer.steps)
    chosen = Allotment(
        steps, lines.units(steps), np.where(is_more, more.load, fewer.load),
        np.where(is_more, more.shadow_price, fewer.shadow_price), np.ones(len(holds), dtype=np.bool_),
    )  # fmt: skip
    return chosen, np.where(is_more, up, down).astype(np.int64)


def _load(lines: OrderLines, weight: Floats, steps: Ints, group: Ints, n_groups: int) -> Floats:
    return np.asarray(np.bincount(group, weight * lines.units(steps), n_groups), dtype=np.float64)


def _cut(
    lines: OrderLines, weight: Floats, limit: Floats, tolerance: Floats, group: Ints, is_open: NDArray[np.bool_],
    low: Ints, high: Ints, price: Floats, reach: bool,
) -> None:  # fmt: skip
    """Narrows ``low`` and ``high`` of the open groups to one, and says at what price."""
    given = arguments(lines)
    n_groups = len(limit)
    rows = np.flatnonzero(is_open[group] & (low < high))
    # (n_lines,) value per weight of the best and the worst step between low and high
    best, worst = np.zeros(lines.n_lines), np.zeros(lines.n_lines)
    best[rows], worst[rows] = _ratios(given, weight, rows, low + 1), _ratios(given, weight, rows, high)
    above, below = np.where(is_open, -np.inf, 0.0), np.where(is_open, np.inf, 0.0)
    np.maximum.at(above, group[rows], best[rows])
    np.minimum.at(below, group[rows], worst[rows])
    count, last, following = np.empty_like(low), np.empty_like(best), np.empty_like(best)
    settled = _load(lines, weight, low, group, n_groups)
    for _ in range(_PASSES):
        is_wide = above - below > _NEAR * np.maximum(np.abs(above), np.abs(below))
        rows = rows[(low[rows] < high[rows]) & is_wide[group[rows]]]
        if not len(rows):
            break
        middle = 0.5 * (above + below)
        run_rows(_count, len(rows), rows, *given, weight, middle, group, low, high, best, worst, count, last, following)
        extra = np.bincount(group[rows], weight[rows] * _units_between(lines, rows, low, count), n_groups)
        fits = settled + extra <= limit + tolerance
        settled[fits] += extra[fits]
        kept = fits[group[rows]]
        up, down = rows[kept], rows[~kept]
        low[up], best[up] = count[up], following[up]
        high[down], worst[down] = count[down], last[down]
        above, below = np.where(fits & is_wide, middle, above), np.where(~fits & is_wide, middle, below)
    rows = np.flatnonzero(is_open[group] & (low < high))
    ratio = _ratios(given, weight, rows, low + 1)
    order = np.lexsort((lines.key[rows], -ratio))
    left = limit - _load(lines, weight, low, group, n_groups)
    _fill(rows[order], weight, lines.lot, lines.multiple, group, tolerance, low, high, left, reach)
    price[is_open] = below[is_open]
    rest = rows[low[rows] < high[rows]]
    found = np.full(n_groups, -np.inf)
    np.maximum.at(found, group[rest], _ratios(given, weight, rest, low + 1))
    price[np.isfinite(found)] = found[np.isfinite(found)]


def _units_between(lines: OrderLines, rows: Ints, low: Ints, count: Ints) -> Floats:
    """(n_rows,) units of the steps after ``low`` up to ``count``."""
    starts = (low[rows] == 0) & (count[rows] > 0)
    units = (count[rows] - low[rows] - starts) * lines.multiple[rows] + starts * lines.lot[rows]
    return np.asarray(units, dtype=np.float64)


def _ratios(given: tuple[NDArray[np.generic], ...], weight: Floats, rows: Ints, step: Ints) -> Floats:
    """(n_rows,) value per weight of these rows' steps."""
    out = np.empty(len(rows))
    run_rows(_step_ratios, len(rows), rows, *given, weight, step, out)
    return out


@compiled
def _step_ratios(
    start: int, stop: int, rows: Ints, demand: Table, shelf: Table, levels: Floats, position: Floats, lot: Floats,
    multiple: Floats, gain: Floats, holding: Floats, waste: Floats, weight: Floats, step: Ints, out: Floats,
) -> None:  # fmt: skip
    for i in range(start, stop):
        row = rows[i]
        value = step_value(demand, shelf, levels, position, lot, multiple, gain, holding, waste, row, step[row])
        out[i] = value / weight[row]


@compiled
def _count(
    start: int, stop: int, rows: Ints, demand: Table, shelf: Table, levels: Floats, position: Floats, lot: Floats,
    multiple: Floats, gain: Floats, holding: Floats, waste: Floats, weight: Floats, price: Floats, group: Ints,
    low: Ints, high: Ints, best: Floats, worst: Floats, count: Ints, last: Floats, following: Floats,
) -> None:  # fmt: skip
    """How many steps of each row are worth at least the price, of those up to ``high``; at least ``low``."""
    for i in range(start, stop):
        row = rows[i]
        goal = price[group[row]]
        if worst[row] >= goal:
            count[row], last[row], following[row] = high[row], worst[row], worst[row]
            continue
        if best[row] < goal:
            count[row], last[row], following[row] = low[row], best[row], best[row]
            continue
        yes, no, value_yes, value_no = low[row] + 1, high[row], best[row], worst[row]
        while no - yes > 1:
            middle = (yes + no) // 2
            value = step_value(demand, shelf, levels, position, lot, multiple, gain, holding, waste, row, middle)
            value /= weight[row]
            if value >= goal:
                yes, value_yes = middle, value
            else:
                no, value_no = middle, value
        count[row], last[row], following[row] = yes, value_yes, value_no


@compiled
def _fill(
    rows: Ints, weight: Floats, lot: Floats, multiple: Floats, group: Ints, tolerance: Floats, low: Ints, high: Ints,
    left: Floats, reach: bool,
) -> None:  # fmt: skip
    """Takes the rows' steps in order as long as they fit, or until nothing is left."""
    for row in rows:
        who = group[row]
        if low[row] == 0:
            takes = weight[row] * lot[row]
            if (left[who] <= tolerance[who]) if reach else (takes > left[who] + tolerance[who]):
                continue
            low[row], left[who] = 1, left[who] - takes
        takes = weight[row] * multiple[row]
        room = max(left[who], 0.0) / takes
        n = np.ceil(room - 1e-9) if reach else np.floor(room + 1e-9)
        taken = min(int(n), high[row] - low[row])
        low[row] += taken
        left[who] -= taken * takes


def _check(weight: Floats, limit: Floats, group: Ints) -> None:
    wrong = {"a weight": ~((weight >= 0) & np.isfinite(weight)), "a limit": ~(limit >= 0)}
    for name, bad in wrong.items():
        if bad.any():
            which = [f"number {place}" for place in np.flatnonzero(bad)]
            raise DataError(explain(f"allotment: {name} is below 0, or not a number", which=which))
    if len(group) != len(weight) or (len(group) and (group.min() < 0 or group.max() >= len(limit))):
        raise DataError(explain("allotment: a line belongs to no group", expected=f"{len(weight)} rows of 0 … groups"))
