"""What the next unit of an order is worth: the ranked purchase list, as tables of quantiles instead of a list.

The k-th unit above a position x is worth
``gain P(D > x + k - 1) - holding P(D <= x + k - 1) - waste P(D' <= x + k - 1)`` in money. D is what is asked for until
the next order can help, D' until the unit's shelf life ends: it is sold with the first probability, kept with the
second, thrown away with the third (Vermorel, *The Quantitative Supply Chain*, 2018, prioritized ordering; for one line
the newsvendor's marginal analysis, Silver, Pyke & Thomas, section 9.2). Each unit is worth no more than the one before
it, so the units of all lines can be ranked, and a line takes its units in order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, run_rows

Floats = NDArray[np.float64]
Table = NDArray[np.floating]

_GUARD = 1e-9


@dataclass(frozen=True)
class OrderLines:
    """What may be ordered tonight, line by line; of :func:`order_lines`."""

    demand: Table
    """(n_lines, n_quantiles) units asked for until the next order can help, ascending."""
    shelf_demand: Table
    """(n_lines, n_quantiles) the same until the shelf life of a unit ordered tonight ends; (n_lines, 0): it keeps."""
    levels: Floats
    """(n_quantiles,) of both; between two of them the quantile function is a line, beyond the outer two it stays."""
    position: Floats
    """(n_lines,) units on hand and on order, less what is promised."""
    lot: Floats
    """(n_lines,) units of the least order: the minimum, as whole multiples."""
    multiple: Floats
    """(n_lines,) units of each further step."""
    most: NDArray[np.int64]
    """(n_lines,) steps that may be taken: the first is the lot, each further one a multiple."""
    gain: Floats
    """(n_lines,) money per unit that is asked for and there: price - cost + goodwill."""
    holding: Floats
    """(n_lines,) money per unit that is not asked for."""
    waste: Floats
    """(n_lines,) money per unit that outlives its shelf life."""
    key: NDArray[np.uint64]
    """(n_lines,) a hash of the line's name: who comes first of two that are worth the same."""

    @property
    def n_lines(self) -> int:
        """Number of lines."""
        return len(self.position)

    def units(self, steps: NDArray[np.int64]) -> Floats:
        """(n_lines,) units of so many steps."""
        return np.where(steps > 0, self.lot + (steps - 1) * self.multiple, 0.0)

    def steps(self, quantity: ArrayLike) -> NDArray[np.int64]:
        """(n_lines,) steps that are not above ``quantity`` units, nor above ``most``."""
        return np.minimum(_steps(np.asarray(quantity, dtype=np.float64), self.lot, self.multiple), self.most)

    def up_to(self, steps: NDArray[np.int64]) -> OrderLines:
        """These lines, with no more steps than ``steps``."""
        return replace(self, most=np.ascontiguousarray(steps, dtype=np.int64))


def order_lines(
    demand: Table,
    levels: ArrayLike,
    *,
    position: ArrayLike,
    min_order_quantity: ArrayLike,
    order_multiple: ArrayLike,
    most: ArrayLike,
    gain: ArrayLike,
    holding: ArrayLike,
    key: NDArray[np.uint64],
    waste: ArrayLike = 0.0,
    shelf_demand: Table | None = None,
) -> OrderLines:
    """Lines that :func:`allot` may cut or fill up.

    Args:
        demand: (n_lines, n_quantiles) see :class:`OrderLines`; equally likely samples are quantiles, too.
        levels: (n_quantiles,) ascending, within (0, 1).
        position: (n_lines,) units.
        min_order_quantity: (n_lines,) units.
        order_multiple: (n_lines,) units, above 0.
        most: (n_lines,) units at most; rounded down to whole steps.
        gain: (n_lines,) money per unit, at least 0.
        holding: (n_lines,) money per unit, at least 0.
        key: (n_lines,)
        waste: (n_lines,) money per unit, at least 0.
        shelf_demand: (n_lines, n_quantiles) where goods spoil.

    Raises:
        DataError: shapes do not fit, or a number is not finite or out of its range.
    """
    n = len(demand)
    at = np.ascontiguousarray(levels, dtype=np.float64)
    x, minimum, multiple, top, won, kept, spoilt = (
        np.ascontiguousarray(np.broadcast_to(np.asarray(a, dtype=np.float64), (n,)))
        for a in (position, min_order_quantity, order_multiple, most, gain, holding, waste)
    )
    shelf = np.empty((n, 0), dtype=demand.dtype) if shelf_demand is None else np.ascontiguousarray(shelf_demand)
    _check(demand, shelf, at, key, {"position": x, "gain": won, "holding": kept, "waste": spoilt}, multiple, minimum)
    lot = np.maximum(np.ceil(minimum / multiple - _GUARD), 1.0) * multiple
    return OrderLines(
        np.ascontiguousarray(demand), shelf, at, x, lot, multiple, _steps(top, lot, multiple), won, kept, spoilt,
        np.ascontiguousarray(key, dtype=np.uint64),
    )  # fmt: skip


def order_value(lines: OrderLines, steps: NDArray[np.int64]) -> Floats:
    """(n_lines,) money that so many steps are worth."""
    out = np.empty(lines.n_lines)
    run_rows(_values, lines.n_lines, *arguments(lines), np.ascontiguousarray(steps, dtype=np.int64), out)
    return out


def expected_shortage(demand: Table, levels: ArrayLike, level: ArrayLike) -> Floats:
    """(n_lines,) units asked for beyond ``level``, ``E(D - level)+``, of a table of quantiles."""
    y = np.ascontiguousarray(np.broadcast_to(np.asarray(level, dtype=np.float64), (len(demand),)))
    out = np.empty(len(demand))
    run_rows(_shortages, len(demand), np.ascontiguousarray(demand), np.asarray(levels, dtype=np.float64), y, out)
    return out


def arguments(lines: OrderLines) -> tuple[NDArray[np.generic], ...]:
    """What :func:`step_value` reads of the lines, in its order."""
    return (
        lines.demand, lines.shelf_demand, lines.levels, lines.position, lines.lot, lines.multiple, lines.gain,
        lines.holding, lines.waste,
    )  # fmt: skip


@compiled
def served(demand: Table, levels: Floats, row: int, y: float) -> float:
    """``E min(D, y)`` of one row, the integral of ``P(D > t)`` up to y."""
    first = float(demand[row, 0])
    if y <= first:
        return y
    total, n = first, demand.shape[1]
    for j in range(n - 1):
        a, b = float(demand[row, j]), float(demand[row, j + 1])
        if b <= a:
            continue
        over, over_next = 1.0 - levels[j], 1.0 - levels[j + 1]
        if y < b:
            width = y - a
            return float(total + width * (over - 0.5 * width / (b - a) * (over - over_next)))
        total += 0.5 * (b - a) * (over + over_next)
    return float(total)


@compiled
def value_of(
    demand: Table, shelf: Table, levels: Floats, position: Floats, gain: Floats, holding: Floats, waste: Floats,
    row: int, units: float,
) -> float:  # fmt: skip
    """Money that ``units`` ordered of a row are worth, up to a constant of the row."""
    y = position[row] + units
    total = (gain[row] + holding[row]) * served(demand, levels, row, y) - holding[row] * units
    if shelf.shape[1] > 0:
        total -= waste[row] * (units - served(shelf, levels, row, y))
    return float(total)


@compiled
def step_value(
    demand: Table, shelf: Table, levels: Floats, position: Floats, lot: Floats, multiple: Floats, gain: Floats,
    holding: Floats, waste: Floats, row: int, step: int,
) -> float:  # fmt: skip
    """Money per unit of a row's step number ``step``, from 1."""
    before = lot[row] + (step - 2) * multiple[row] if step > 1 else 0.0
    more = multiple[row] if step > 1 else lot[row]
    after = value_of(demand, shelf, levels, position, gain, holding, waste, row, before + more)
    none = value_of(demand, shelf, levels, position, gain, holding, waste, row, before)
    return float((after - none) / more)


@compiled
def _values(
    start: int, stop: int, demand: Table, shelf: Table, levels: Floats, position: Floats, lot: Floats,
    multiple: Floats, gain: Floats, holding: Floats, waste: Floats, steps: NDArray[np.int64], out: Floats,
) -> None:  # fmt: skip
    for row in range(start, stop):
        units = lot[row] + (steps[row] - 1) * multiple[row] if steps[row] > 0 else 0.0
        none = value_of(demand, shelf, levels, position, gain, holding, waste, row, 0.0)
        out[row] = value_of(demand, shelf, levels, position, gain, holding, waste, row, units) - none


@compiled
def _shortages(start: int, stop: int, demand: Table, levels: Floats, y: Floats, out: Floats) -> None:
    for row in range(start, stop):
        most = float(demand[row, -1])
        out[row] = served(demand, levels, row, most) - served(demand, levels, row, min(y[row], most))


def _steps(quantity: Floats, lot: Floats, multiple: Floats) -> NDArray[np.int64]:
    further = np.floor((quantity - lot) / multiple + _GUARD)
    return np.where(further < 0, 0, further + 1).astype(np.int64)


def _check(
    demand: Table, shelf: Table, levels: Floats, key: NDArray[np.uint64], numbers: dict[str, Floats],
    multiple: Floats, minimum: Floats,
) -> None:  # fmt: skip
    n = len(demand)
    fits = demand.ndim == 2 and demand.shape[1] == levels.size and shelf.shape in ((n, 0), demand.shape)
    if not fits or len(key) != n or levels.size < 2:
        raise DataError(
            explain(
                "order lines: arrays do not fit each other",
                expected=f"({n}, {levels.size}) quantiles of demand, {n} keys, at least two levels",
                found=f"demand {demand.shape}, shelf life {shelf.shape}, {len(key)} keys",
            )
        )
    if not ((np.diff(levels) > 0).all() and levels[0] > 0 and levels[-1] < 1):
        raise DataError(explain("order lines: levels do not rise within (0, 1)", found=levels.tolist()))
    wrong: dict[str, Any] = {f"{name} is not finite": ~np.isfinite(values) for name, values in numbers.items()}
    for name in ("gain", "holding", "waste"):
        wrong[f"{name} is below 0"] = numbers[name] < 0
    wrong["order multiple is not above 0"] = ~((multiple > 0) & np.isfinite(multiple))
    wrong["min order quantity is below 0"] = ~((minimum >= 0) & np.isfinite(minimum))
    wrong["demand is not finite, or falls"] = ~(np.isfinite(demand).all(axis=1) & (np.diff(demand) >= 0).all(axis=1))
    for problem, bad in wrong.items():
        if bad.any():
            raise DataError(explain(f"order lines: {problem}", which=[f"line {row}" for row in np.flatnonzero(bad)]))
