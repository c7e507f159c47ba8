"""Where the position stands after a review, above the reorder point: periodic review, whole packs.

An order lifts it to S ... S + multiple - 1; from there it falls by the demand of each review period until it is below
r. How long it stays at each x = position - r is a renewal measure, solved here on a grid of at most 64 cells (exact up
to 64 units): that is the undershoot of lumpy demand and the overshoot of packs, with no formula for either. Fill rates
and cycle service levels are both read off it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.protection import Samples

Floats = NDArray[np.float64]

CELLS = 64
_PASSES = 4
_A = 0.6180339887498949


@dataclass(frozen=True)
class Positions:
    """Where the positions of series stand after a review: x = position - reorder point, on a grid.

    No promise has a part in it, so that one serves all that are asked about.
    """

    quantity: Floats
    """(n_series,) units, what is ordered at least"""
    multiple: Floats
    """(n_series,) units, in packs of"""
    density: Floats
    """(n_series, 64) how often x lies in each cell; of ``n_cells`` they sum to 1"""
    n_cells: NDArray[np.int64]
    """(n_series,)"""
    width: Floats
    """(n_series,) units of a cell"""

    def take(self, rows: NDArray[np.int64]) -> Positions:
        """Of these series."""
        return Positions(**{name: values[rows] for name, values in vars(self).items()})

    def of(self, review: Samples, order_quantity: Floats, order_multiple: Floats) -> Positions:
        """Of the same series, where they order otherwise; what they order alike stays."""
        rows = np.flatnonzero((self.quantity != order_quantity) | (self.multiple != order_multiple))
        if not rows.size:
            return self
        anew = positions_after_review(review[rows], order_quantity[rows], order_multiple[rows])
        made = {name: values.copy() for name, values in vars(self).items()}
        for name, values in vars(anew).items():
            made[name][rows] = values
        return replace(self, **made)


def positions_after_review(review: Samples, order_quantity: ArrayLike, order_multiple: ArrayLike) -> Positions:
    """Where positions stand after a review.

    Args:
        review: (n_series, n_samples) demand of a review period, whole units.
        order_quantity: (n_series,) units.
        order_multiple: (n_series,) units, at least 1.
    """
    n = len(review)
    quantity, multiple = np.empty(n), np.empty(n)
    quantity[:], multiple[:] = order_quantity, order_multiple
    made = Positions(quantity, multiple, np.zeros((n, CELLS)), np.zeros(n, dtype=np.int64), np.zeros(n))
    run_rows(_fill, n, review, made.quantity, made.multiple, made.density, made.n_cells, made.width)
    return made


@compiled
def _fill(
    start: int,
    stop: int,
    review: Samples,
    quantity: Floats,
    multiple: Floats,
    density: Floats,
    n_cells: NDArray[np.int64],
    width: Floats,
) -> None:
    pmf, source = np.zeros(CELLS + 1), np.zeros(CELLS)
    for row in range(start, stop):
        n_cells[row], width[row] = _positions(review[row], quantity[row], multiple[row], pmf, density[row], source)


@compiled
def _positions(
    review: Samples, quantity: float, multiple: float, pmf: Floats, density: Floats, source: Floats
) -> tuple[int, float]:
    """Fills ``density``; returns the number of cells and their width in units."""
    total = int(quantity + multiple)
    n_cells = min(total, CELLS)
    width = total / n_cells
    n_start = max(1, round(multiple / width))
    pmf[:] = 0.0
    for i in range(len(review)):
        pmf[min(int(review[i] / width + (i * _A) % 1.0), n_cells)] += 1.0 / len(review)
    moving = 1.0 - pmf[0]
    if moving < 1e-9:
        density[:n_cells] = 1.0 / n_cells
        return n_cells, width
    longest = n_cells - 1
    while longest > 1 and pmf[longest] == 0.0:
        longest -= 1
    source[:n_cells] = 0.0
    source[n_cells - n_start : n_cells] = 1.0 / n_start
    backwards = np.zeros(n_cells)
    for d in range(1, longest + 1):
        backwards[n_cells - d] = pmf[d]
    n_passes = _PASSES if n_start > 1 else 1
    for number in range(n_passes):
        density[:n_cells] = source[:n_cells]
        for x in range(n_cells - 1, -1, -1):
            density[x] /= moving
            visits, reach = density[x], min(longest, x)
            for y in range(x - reach, x):  # what falls from x; no sum to wait for, so it is vectorised
                density[y] += backwards[n_cells - x + y] * visits
        if number < n_passes - 1:
            _next_source(pmf, density, n_cells, n_start, longest, source)
    density[:n_cells] /= density[:n_cells].sum()
    return n_cells, width


@compiled
def _next_source(pmf: Floats, density: Floats, n_cells: int, n_start: int, longest: int, source: Floats) -> None:
    """Where orders lift the position to, given how far below the reorder point they find it."""
    source[:n_cells] = 0.0
    base = n_cells - n_start
    spread_evenly = density[:n_cells].sum() * pmf[n_cells]
    for below in range(1, longest + 1):
        found = 0.0
        for x in range(min(longest - below + 1, n_cells)):
            found += density[x] * pmf[x + below]
        source[base + (n_start - below % n_start) % n_start] += found
    source[base:n_cells] += spread_evenly / n_start
    source[base:n_cells] /= source[base:n_cells].sum()
