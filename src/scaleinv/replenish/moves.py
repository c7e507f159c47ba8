"""Moves of lines from one vendor to another that keep shared limits, many at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDS: Final = 30
_SLACK: Final = 1e-9


@dataclass(frozen=True)
class Choice:
    """Lines, their candidates (the last is to go without), and limits that they share; number ``n_limits`` is none."""

    money: Floats
    """(n_lines, n_candidates) inf: not allowed"""
    which: Ints
    """(n_kinds, n_lines, n_candidates)"""
    use: Floats
    """(n_kinds, n_lines, n_candidates)"""
    most: Floats
    """(n_limits,)"""
    least: Floats
    """(n_limits,)"""

    def used(self, chosen: Ints) -> Floats:
        """(n_limits + 1,) what the chosen candidates take."""
        rows = np.arange(len(chosen))
        return np.asarray(
            sum(
                np.bincount(w[rows, chosen], u[rows, chosen], len(self.most) + 1)
                for w, u in zip(self.which, self.use, strict=True)
            )
        )

    def cheapest(self, price: Floats) -> tuple[Ints, float]:
        """(n_lines,) the best candidate at these prices of the limits; and a cost below which no assignment comes."""
        total = self.priced(price)
        taken = np.asarray(total.argmin(axis=1), dtype=np.int64)
        up, down = np.maximum(price, 0.0), np.maximum(-price, 0.0)
        most = np.where(up > 0, self.most, 0.0)  # no limit: no price
        least = total[np.arange(len(taken)), taken].sum()
        return taken, float(least - (up * most).sum() + (down * self.least).sum())

    def priced(self, price: Floats) -> Floats:
        """(n_lines, n_candidates) money with what the limits cost."""
        full = np.append(price, 0.0)
        total = self.money.copy()
        for w, u in zip(self.which, self.use, strict=True):
            total += full.take(w) * u
        return total

    def typical_step(self) -> Floats:
        """(n_limits,) money per unit of the limit to begin with: a tenth of the spread between two candidates."""
        two = np.partition(self.money, 1, axis=1)[:, :2]
        spread = np.where(np.isfinite(two[:, 1]), two[:, 1] - two[:, 0], 0.0)
        mean_use = max(float(self.use.sum(axis=0)[:, :-1].mean()), 1e-12)
        return np.full(len(self.most), max(float(np.median(spread)), 1e-9) / mean_use * 0.3)


def repaired(problem: Choice, chosen: Ints, price: Floats) -> Ints:
    """Lines leave limits that are over, then come to those that are short; what it costs least to move goes first.

    What finds no room anywhere goes without. A least share that nobody can fill stays unmet.
    """
    chosen = chosen.copy()
    priced = problem.priced(price)
    for last in (False, True):
        for _ in range(_ROUNDS):
            used = problem.used(chosen)
            over = np.append(used[:-1] > problem.most * (1 + _SLACK) + _SLACK, False)
            rows = np.flatnonzero(_touches(problem, chosen, over))
            if not rows.size:
                break
            if not _leave(problem, chosen, priced, rows, over, used, without=last):
                break
    _fill_least(problem, chosen)
    return chosen


def _touches(problem: Choice, chosen: Ints, marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows = np.arange(len(chosen))
    return np.asarray(np.any([marked[w[rows, chosen]] for w in problem.which], axis=0))


def _leave(
    problem: Choice, chosen: Ints, priced: Floats, rows: Ints, over: NDArray[np.bool_], used: Floats, *, without: bool
) -> int:
    """Moves of lines of limits that are over to their next best candidate with room; how many there were."""
    n_candidates = problem.money.shape[1]
    room = _room(problem, used)
    options = priced[rows].copy()
    for w, u in zip(problem.which, problem.use, strict=True):
        full = (u[rows] > room[w[rows]] + _SLACK) | over[w[rows]]
        options[full] = np.inf
    options[np.arange(rows.size), chosen[rows]] = np.inf
    if not without:
        options[:, n_candidates - 1] = np.inf
    to = options.argmin(axis=1)
    regret = options[np.arange(rows.size), to] - priced[rows, chosen[rows]]
    here = np.isfinite(regret)
    rows, to, regret = rows[here], to[here], regret[here]
    if not rows.size:
        return 0
    need = np.zeros(len(used))
    need[:-1] = np.maximum(used[:-1] - np.where(np.isfinite(problem.most), problem.most, np.inf), 0.0)
    freed = sum(
        u[rows, chosen[rows]] * over[w[rows, chosen[rows]]] for w, u in zip(problem.which, problem.use, strict=True)
    )
    order = np.argsort(regret / np.maximum(freed, _SLACK), kind="stable")
    rows, to = rows[order], to[order]
    take = np.zeros(rows.size, bool)
    for w, u in zip(problem.which, problem.use, strict=True):
        at, amount = w[rows, chosen[rows]], u[rows, chosen[rows]]
        before = _running(at, amount) - amount
        take |= over[at] & (before < need[at] - _SLACK)
    fits = _fitting(problem, rows, to, room, take)
    chosen[rows[fits]] = to[fits]
    return int(fits.sum())


def _room(problem: Choice, used: Floats) -> Floats:
    room = np.append(problem.most - used[:-1], np.inf)
    return np.asarray(room + _SLACK * np.append(np.where(np.isfinite(problem.most), np.abs(problem.most), 0.0), 0.0))


def _fitting(problem: Choice, rows: Ints, to: Ints, room: Floats, take: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the moves to ``take``, in their order, those that fit into the limits that they come to."""
    fits = take.copy()
    for w, u in zip(problem.which, problem.use, strict=True):
        at, amount = w[rows, to], np.where(fits, u[rows, to], 0.0)
        fits &= _running(at, amount) <= room[at] + _SLACK
    return fits


def _running(group: Ints, amount: Floats) -> Floats:
    """(n,) sum of ``amount`` of the group up to and with each row."""
    order = np.argsort(group, kind="stable")
    total = np.cumsum(amount[order])
    sorted_group = group[order]
    first = np.searchsorted(sorted_group, sorted_group)
    before = np.where(first > 0, total[np.maximum(first - 1, 0)], 0.0)
    out = np.empty(len(group))
    out[order] = total - before
    return out


def _spare(problem: Choice, used: Floats) -> Floats:
    """(n_limits + 1,) what lines may take away without falling below the least."""
    return np.append(np.where(problem.least > 0, np.maximum(used[:-1] - problem.least, 0.0), np.inf), np.inf)


def _fill_least(problem: Choice, chosen: Ints) -> None:
    """Lines come to limits that are below their least, those that it costs least per unit first."""
    for _ in range(_ROUNDS):
        used = problem.used(chosen)
        lacking = np.append(np.maximum(problem.least - used[:-1], 0.0), 0.0)
        lacking[lacking <= _SLACK * np.append(np.maximum(problem.least, 1.0), 1.0)] = 0.0
        if not lacking.any():
            return
        if not _come(problem, chosen, lacking, used):
            return


def _come(problem: Choice, chosen: Ints, lacking: Floats, used: Floats) -> int:
    every = np.arange(len(chosen))
    short = lacking > 0
    helps = np.zeros(problem.money.shape, bool)
    brings = np.zeros(problem.money.shape)
    for w, u in zip(problem.which, problem.use, strict=True):
        helps |= short[w] & (u > 0)
        brings += np.where(short[w], u, 0.0)
    extra = np.where(helps, problem.money - problem.money[every, chosen][:, None], np.inf)
    extra[every, chosen] = np.inf
    rate = extra / np.maximum(brings, _SLACK)
    to = rate.argmin(axis=1)
    worth = rate[every, to]
    rows = np.flatnonzero(np.isfinite(worth) & ~_touches(problem, chosen, short))
    rows = rows[np.argsort(worth[rows], kind="stable")]
    to = to[rows]
    take = np.zeros(rows.size, bool)
    for w, u in zip(problem.which, problem.use, strict=True):
        at, amount = w[rows, to], u[rows, to]
        take |= short[at] & (_running(at, amount) - amount < lacking[at] - _SLACK)
    return _moved(problem, chosen, rows, to, used, take)


def _moved(problem: Choice, chosen: Ints, rows: Ints, to: Ints, used: Floats, take: NDArray[np.bool_]) -> int:
    """Makes those of the moves, in their order, that fit where they come to and are spared where they leave."""
    fits = _fitting(problem, rows, to, _room(problem, used), take)
    spare = _spare(problem, used)
    for w, u in zip(problem.which, problem.use, strict=True):
        at, amount = w[rows, chosen[rows]], np.where(fits, u[rows, chosen[rows]], 0.0)
        fits &= _running(at, amount) <= spare[at] + _SLACK
    chosen[rows[fits]] = to[fits]
    return int(fits.sum())


def improved(problem: Choice, chosen: Ints) -> Ints:
    """Lines go to a cheaper candidate that has room, what saves most per unit of room first."""
    chosen = chosen.copy()
    every = np.arange(len(chosen))
    for _ in range(_ROUNDS):
        used = problem.used(chosen)
        room = _room(problem, used)
        saved = problem.money[every, chosen][:, None] - problem.money
        for w, u in zip(problem.which, problem.use, strict=True):
            saved[u > room[w]] = -np.inf
        to = saved.argmax(axis=1)
        most = saved[every, to]
        rows = np.flatnonzero(most > 1e-9 * np.maximum(np.abs(problem.money[every, chosen]), 1.0))
        if not rows.size:
            break
        taken = sum(u[rows, to[rows]] * np.isfinite(room[w[rows, to[rows]]])
                    for w, u in zip(problem.which, problem.use, strict=True))  # fmt: skip
        rows = rows[np.argsort(-most[rows] / np.maximum(taken, _SLACK), kind="stable")]
        if not _moved(problem, chosen, rows, to[rows], used, np.ones(rows.size, bool)):
            break
    return chosen
