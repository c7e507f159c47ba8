"""The reorder point that keeps a fill rate, from samples, under periodic review and whole packs.

After a review the position is r + x with x >= 0 (``positions.py``). Expected shortage of a review period at reorder
point r is then
``E(D_protection - r - x)+ - E(D_lead - r - x)+`` (Silver, Pyke & Thomas, section 7.9, for x = S - r), and it may be the
share ``(1 - fill_rate) / fill_rate`` of the period's demand, since what runs short is lost and not delivered later.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.positions import Positions
from scaleinv.inventory.protection import ProtectionDemand, Samples

Floats = NDArray[np.float64]


def fill_rate_point(protection: ProtectionDemand, fill_rate: Floats, after_review: Positions) -> Floats:
    """(n_series,) smallest level, not yet whole units, that keeps ``fill_rate``; nan where ``fill_rate`` is nan."""
    point = np.full(protection.n_series, np.nan)
    run_rows(
        _solve, protection.n_series, protection.protection, protection.lead, after_review.density, after_review.n_cells,
        after_review.width, np.ascontiguousarray(fill_rate, dtype=np.float64), point,
    )  # fmt: skip
    return point


@compiled
def _shortage(samples: Samples, level: float, width: float, density: Floats, n_cells: int) -> float:
    """E(D - level - x)+ over both; one walk down the ascending samples, since levels fall with the cell."""
    n, i = len(samples), len(samples)
    above, expected = 0.0, 0.0
    for cell in range(n_cells - 1, -1, -1):
        y = level + (cell + 0.5) * width - 0.5
        while i > 0 and samples[i - 1] > y:
            i -= 1
            above += samples[i]
        expected += density[cell] * (above - (n - i) * y)
    return expected / n


@compiled
def _solve(
    start: int,
    stop: int,
    protection: Samples,
    lead: Samples,
    density: Floats,
    n_cells: NDArray[np.int64],
    width: Floats,
    fill_rate: Floats,
    point: Floats,
) -> None:
    for row in range(start, stop):
        if np.isnan(fill_rate[row]):
            continue
        long, short = protection[row], lead[row]
        wanted = 0.0
        for i in range(len(long)):
            wanted += float(long[i]) - float(short[i])
        allowed = (1.0 - fill_rate[row]) / fill_rate[row] * wanted / len(long)
        # below: too much runs short there; above: not. Whole numbers, then a line between the last two.
        below, above = -1.0, np.ceil(float(long[-1]))
        missed_below, missed_above = np.inf, 0.0
        while above - below > 1.0:
            middle = np.floor((above + below) / 2.0)
            missed = _shortage(long, middle, width[row], density[row], n_cells[row])
            missed -= _shortage(short, middle, width[row], density[row], n_cells[row])
            if missed <= allowed:
                above, missed_above = middle, missed
            else:
                below, missed_below = middle, missed
        if below < 0.0 or missed_below <= missed_above:
            point[row] = above
        else:
            point[row] = above - (allowed - missed_above) / (missed_below - missed_above)
