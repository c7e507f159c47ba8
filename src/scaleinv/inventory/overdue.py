"""Whether an order that is overdue still comes: what the vendor's record says, and all vendors' where that is thin."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

POOLED_LINES: Final = 10.0
"""A vendor's own record weighs as much as all vendors' once it has so many lines at a lateness."""
_UNKNOWN: Final = 0.2
"""Nobody has any record: one in five comes on each day, which is right about the nearest week."""
_LINES_BEFORE: Final = 3.0
"""What the day before says weighs as much as so many lines."""


def late_chances(arrived: ArrayLike, waiting: ArrayLike, days: ArrayLike) -> Floats:
    """(n_vendors, n_late) chance that a line overdue by 0, 1, 2 … days comes in the next ``days``.

    A line that is open now has not come *yet*: it says something of the days that it has been late, and nothing of
    those after (Kaplan & Meier 1958). So chances are made of daily ones, of lines still awaited at that lateness::

        h(l) = (lines that came l days late) / (lines that came l days late or more, or are open and at least so late)
        chance(d) = 1 - prod over l = d+1 … d+days of (1 - h(l))

    A vendor's ``h`` is drawn to that of all vendors by ``POOLED_LINES`` lines of theirs, as a beta prior would; theirs
    to that of the day before, so that days of which nobody knows anything are like the last ones that are known.
    Beyond the last lateness nothing comes: an order so old is a record that nobody closed.

    Args:
        arrived: (n_vendors, n_late) lines that came 0, 1, 2 … days after they were due; early ones in column 0. What
            came later than the last column says stands in ``waiting``'s last.
        waiting: (n_vendors, n_late) lines that are open and overdue by so many days.
        days: (n_vendors,) in which they must come to be of use.

    >>> late_chances([[90, 6, 3, 1]], [[0, 0, 0, 0]], [2]).round(2).tolist()
    [[0.9, 0.95, 0.8, 0.0]]
    """
    came = np.atleast_2d(np.asarray(arrived, dtype=np.float64))
    there = np.atleast_2d(np.asarray(waiting, dtype=np.float64))
    if came.shape != there.shape or (came < 0).any() or (there < 0).any():
        raise ValueError(f"expected counts of one shape, none negative, found {came.shape} and {there.shape}")
    awaited = np.cumsum((came + there)[:, ::-1], axis=1)[:, ::-1]
    every = _of_all(came.sum(axis=0), awaited.sum(axis=0))
    daily = (came + POOLED_LINES * every) / (awaited + POOLED_LINES)
    n_late = came.shape[1]
    stays = np.log1p(-np.minimum(daily, 1.0 - 1e-12))
    total = np.concatenate([np.zeros((len(came), 1)), np.cumsum(stays, axis=1)], axis=1)
    late = np.arange(n_late)
    last = np.minimum(late + np.ceil(np.asarray(days, dtype=np.float64)).astype(np.int64)[:, None], n_late - 1)
    rows = np.arange(len(came))[:, None]
    stays_away = np.exp(total[rows, last + 1] - total[:, late + 1])
    return np.asarray(1.0 - stays_away, dtype=np.float64)


def _of_all(came: Floats, awaited: Floats) -> Floats:
    """(n_late,) daily chances of all vendors together."""
    every, before = np.empty_like(came), _UNKNOWN
    for late in range(len(came)):
        before = every[late] = (came[late] + _LINES_BEFORE * before) / (awaited[late] + _LINES_BEFORE)
    return every
