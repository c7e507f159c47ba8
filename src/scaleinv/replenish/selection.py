"""Which vendor delivers which line: least landed cost under what vendors can and must have, for millions of lines.

An assignment with shared limits is relaxed by prices (Fisher, The Lagrangian relaxation method for solving integer
programming problems, *Management Science* 27, 1981): a limit that is short costs something, a least share that is not
reached is paid for, and each line takes what is cheapest at these prices. That gives a bound below every assignment;
moves in order of what they cost per unit of the limit make an assignment of it that keeps all limits. The gap between
the two is told. Where few lines share limits, the best of all assignments is looked for instead, and proven.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain
from scaleinv.replenish.exact import exact
from scaleinv.replenish.moves import Choice, improved, repaired

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PASSES: Final = 80
_EXACT: Final = 2_000
"""Up to so many lines that share limits the best of all choices is looked for."""


@dataclass(frozen=True)
class Limits:
    """What candidates share. A limit is a vendor's capacity, or its share of a group of lines.

    A candidate may draw on several limits, one for each of ``n_kinds`` (say, 0: capacity of its vendor, 1: share of its
    vendor in the article).
    """

    which: Ints
    """(n_kinds, n_lines, n_vendors) number of the limit; -1: none of this kind"""
    use: Floats
    """(n_kinds, n_lines, n_vendors) what the candidate takes of it"""
    most: Floats
    """(n_limits,) inf: no upper limit"""
    least: Floats
    """(n_limits,) 0: nothing is promised"""


@dataclass(frozen=True)
class Selection:
    """The vendors chosen."""

    choice: Ints
    """(n_lines,) column of the candidate; -1: nobody can"""
    cost: float
    """money of all lines, those that nobody delivers at the cost of going without"""
    bound: float
    """no assignment that keeps the limits, least shares less what is ``unmet`` of them, costs less"""
    price: Floats
    """(n_limits,) money per unit of the limit: what one unit more of it would save; below 0: what the last unit of a
    least share costs"""
    used: Floats
    """(n_limits,)"""
    unmet: Floats
    """(n_limits,) what is missing to the least; 0: nothing"""

    @property
    def gap(self) -> float:
        """(cost - bound) / cost; 0 where nothing costs anything."""
        return (self.cost - self.bound) / abs(self.cost) if self.cost else 0.0


def select(cost: Floats, allowed: NDArray[np.bool_], without: Floats, limits: Limits) -> Selection:
    """The cheapest vendor of every line, under the limits.

    Args:
        cost: (n_lines, n_vendors) landed cost.
        allowed: (n_lines, n_vendors) may be chosen: a vendor that is blocked, or has no offer, may not.
        without: (n_lines,) cost of not ordering the line at all, which is what is left where limits are short.
        limits: what candidates share.

    Raises:
        DataError: a cost is no number, or a limit contradicts itself.
    """
    _check(cost, allowed, without, limits)
    n, m = cost.shape
    # The last column is to go without: it takes nothing of any limit.
    money = np.column_stack([np.where(allowed, cost, np.inf), without])
    chosen, price = money.argmin(axis=1), np.zeros(len(limits.most))
    bound = float(money[np.arange(n), chosen].sum())
    rows = np.flatnonzero(_is_limited(limits, allowed))
    if rows.size:
        # What no limit can touch takes what is cheapest, and is in nobody's way.
        bound -= float(money[rows, chosen[rows]].sum())
        problem = _problem(money[rows], limits, rows)
        price, least_cost, some = _priced(problem)
        some = improved(problem, repaired(problem, some, price))
        least_cost -= float((np.maximum(-price, 0.0) * np.maximum(limits.least - problem.used(some)[:-1], 0.0)).sum())
        if rows.size <= _EXACT:
            some, proven = exact(problem, some)
            least_cost = max(least_cost, proven)
        chosen[rows] = some
        bound += least_cost
    used = _used(limits, chosen, m)
    unmet = np.maximum(limits.least - used, 0.0)
    total = float(money[np.arange(n), chosen].sum())
    return Selection(
        choice=np.where(chosen == m, -1, chosen),
        cost=total,
        bound=min(bound, total),  # but for rounding it is never above
        price=price,
        used=used,
        unmet=unmet,
    )


def _is_limited(limits: Limits, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n_lines,) one of its candidates draws on a limit that says something."""
    says = np.append(np.isfinite(limits.most) | (limits.least > 0), False)  # the last one is that of number -1
    found = np.zeros(len(allowed), dtype=bool)
    for which in limits.which:
        found |= (says[which] & allowed).any(axis=1)
    return found


def _problem(money: Floats, limits: Limits, rows: Ints) -> Choice:
    """Of these lines, and of the kinds of limits that say something."""
    says = np.append(np.isfinite(limits.most) | (limits.least > 0), False)
    kinds = [kind for kind, which in enumerate(limits.which) if says[which[rows]].any()] or [0]
    none = np.full((rows.size, 1), len(limits.most))
    which, use = [], []
    for kind in kinds:
        at, takes = limits.which[kind][rows], limits.use[kind][rows]
        which.append(np.column_stack([np.where(at >= 0, at, len(limits.most)), none]))
        use.append(np.column_stack([np.where(at >= 0, takes, 0.0), np.zeros(rows.size)]))
    return Choice(money, np.stack(which), np.stack(use), limits.most, limits.least)


def _used(limits: Limits, chosen: Ints, without: int) -> Floats:
    """(n_limits,) what is taken of each."""
    used = np.zeros(len(limits.most))
    rows = np.flatnonzero(chosen < without)
    for which, use in zip(limits.which, limits.use, strict=True):
        at, amount = which[rows, chosen[rows]], use[rows, chosen[rows]]
        used += np.bincount(at[at >= 0], amount[at >= 0], len(used))
    return used


def _check(cost: Floats, allowed: NDArray[np.bool_], without: Floats, limits: Limits) -> None:
    wrong = np.flatnonzero(~np.isfinite(np.where(allowed, cost, 0.0)).all(axis=1) | ~np.isfinite(without))
    if wrong.size:
        raise DataError(explain("costs that are no numbers", which=[f"line {row}" for row in wrong]))
    against = np.flatnonzero(~(limits.least <= limits.most) | (limits.least < 0))
    if against.size:
        raise DataError(
            explain("limits that contradict themselves", expected="0 <= least <= most", which=against.tolist())
        )


def _priced(problem: Choice) -> tuple[Floats, float, Ints]:
    """Prices, the bound that they give, and what lines take at them.

    The bound is concave in the prices, its slope is what is used above the most (or below the least): a price goes on
    by a larger step while its slope keeps its sign, and back by a smaller one when that turns (Riedmiller & Braun,
    RPROP, 1993). Steps need not converge: the best bound met is kept, and every bound met is one.
    """
    n_limits = len(problem.most)
    price = np.zeros(n_limits)
    best, best_price, chosen = -np.inf, price, np.zeros(len(problem.money), np.int64)
    typical = np.zeros(n_limits)
    step, before = typical, np.zeros(n_limits)
    for number in range(_PASSES):
        taken, bound = problem.cheapest(price)
        if bound > best:
            best, best_price, chosen = bound, price, taken
        used = problem.used(taken)[:-1]
        # At a price of 0 neither side presses; above it the most does, below it the least.
        slope = np.where(used > problem.most, 1.0, np.where(used < problem.least, -1.0, 0.0))
        slope = np.where((slope == 0) & (price > 0) & (used < problem.most), -1.0, slope)
        slope = np.where((slope == 0) & (price < 0) & (used > problem.least), 1.0, slope)
        if not slope.any():
            break
        if number == 0:
            step = problem.typical_step()
        step = np.where(slope * before > 0, step * 1.3, np.where(slope * before < 0, step * 0.5, step))
        moved = price + slope * step
        # Where only one side exists, a price never changes to the other side's sign.
        moved = np.where(np.isfinite(problem.most), moved, np.minimum(moved, 0.0))
        price = np.where(problem.least > 0, moved, np.maximum(moved, 0.0))
        before = slope
    return best_price, best, chosen
