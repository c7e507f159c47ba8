"""Where the position stands after a review, above the reorder point: periodic review, whole packs.

An order lifts it to S ... S + multiple - 1; from there it falls by the demand of each review period until it is below
r. How long it stays at each x = position - r is a renewal measure, solved here on a grid of at most 64 cells (exact up
to 64 units): that is the undershoot of lumpy demand and the overshoot of packs, with no formula for either. Fill rates
and cycle service levels are both read off it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scaleinv.inventory.compiled import compiled
from scaleinv.inventory.protection import Samples

Floats = NDArray[np.float64]

CELLS = 64
_PASSES = 4
_A = 0.6180339887498949


def positions_after_review(review: Samples, order_quantity: float, order_multiple: float) -> tuple[Floats, Floats]:
    """For one series: values of x = position - reorder point after a review, and how often each holds."""
    pmf, density, source = np.zeros(CELLS + 1), np.zeros(CELLS), np.zeros(CELLS)
    n_cells, width = positions(review, order_quantity, order_multiple, pmf, density, source)
    heights = (np.arange(n_cells, dtype=np.float64) + 0.5) * width - 0.5
    return np.asarray(heights, dtype=np.float64), density[:n_cells]


@compiled
def positions(
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
