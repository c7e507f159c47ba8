"""The reorder point that keeps a cycle service level, from samples, under periodic review and whole packs.

A cycle ends with a delivery and is short if demand was not met in full before it. All earlier orders have come by then,
so a cycle is short where the demand of the L - 1 days between the order's evening and its morning exceeds the position
that the order found: ``r - u``, of which the undershoot u is what the last review period took beyond what was above r.
Its distribution comes from where positions stand after a review (``positions.py``) and from a review's demand. Both
demands hang together as far as the spread of their sum, the protection demand, is wider than that of independent ones:
a Gaussian copula. The textbook's ``P(D_protection <= r)`` is the same where every review orders; where a pack lasts for
several reviews it promises more stock than is needed.
"""

from __future__ import annotations

from math import erfc

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.positions import CELLS, Positions
from scaleinv.inventory.protection import ProtectionDemand, Samples

Floats = NDArray[np.float64]

_ROOT_2 = 1.4142135623730951
_CLOSEST = 0.95
"""Correlation that two demands are said to have at most: variances are estimates."""


def cycle_service_point(protection: ProtectionDemand, cycle_service_level: Floats, after_review: Positions) -> Floats:
    """(n_series,) smallest level, not yet whole units, of which that share of cycles is not short; nan where nan."""
    point = np.full(protection.n_series, np.nan)
    n_lead, n_review = protection.lead.shape[1], protection.review.shape[1]
    ranks = np.concatenate(([-np.inf], ndtri(np.arange(1, n_lead) / n_lead), [np.inf]))
    scores = ndtri((np.arange(n_review) + 0.5) / n_review)
    run_rows(
        _solve, protection.n_series, protection.spread, protection.lead, protection.review, ranks, scores,
        after_review.density, after_review.n_cells, after_review.width,
        np.ascontiguousarray(cycle_service_level, dtype=np.float64), point,
    )  # fmt: skip
    return point


@compiled
def _undershoot(
    review: Samples, scores: Floats, density: Floats, n_cells: int, width: float, share: Floats, score: Floats
) -> float:
    """Fills ``share``, of each size of undershoot among orders, and the mean normal score of the demands behind it.

    Returns the width of a size in units.
    """
    step = max(1.0, float(review[-1]) / CELLS)
    share[:] = 0.0
    score[:] = 0.0
    n, i = len(review), 0
    while i < n:
        first, scored = i, 0.0
        while i < n and review[i] == review[first]:  # slow movers ask for the same again and again
            scored += scores[i]
            i += 1
        for cell in range(n_cells):
            below = review[first] - ((cell + 0.5) * width - 0.5)
            if below <= 0.0:
                break
            at = min(int(below / step), CELLS)
            share[at] += density[cell] * (i - first)
            score[at] += density[cell] * scored
    for at in range(len(share)):
        if share[at] > 0.0:
            score[at] /= share[at]
    total = share.sum()
    if total > 0.0:
        share /= total
    return step


@compiled
def _short(
    lead: Samples, ranks: Floats, level: float, share: Floats, score: Floats, step: float, correlation: float
) -> float:
    """Share of cycles in which the lead time's demand exceeds what the order found; one walk down the samples."""
    i, expected = len(lead), 0.0
    rest = np.sqrt(1.0 - correlation * correlation) * _ROOT_2
    for at in range(len(share)):
        if share[at] == 0.0:
            continue
        found = level - at if step == 1.0 else level - (at + 0.5) * step
        if found < 0.0:
            expected += share[at]
            continue
        while i > 0 and lead[i - 1] > found:
            i -= 1
        expected += share[at] * 0.5 * erfc((ranks[i] - correlation * score[at]) / rest)
    return expected


@compiled
def _correlation(spread: float, lead: Samples, review: Samples) -> float:
    of_lead, of_review = np.var(lead), np.var(review)
    if of_lead <= 0.0 or of_review <= 0.0:
        return 0.0
    found = (spread * spread - of_lead - of_review) / (2.0 * np.sqrt(of_lead * of_review))
    return float(min(max(found, 0.0), _CLOSEST))


@compiled
def _solve(
    start: int,
    stop: int,
    spread: Floats,
    lead: Samples,
    review: Samples,
    ranks: Floats,
    scores: Floats,
    density: Floats,
    n_cells: NDArray[np.int64],
    width: Floats,
    level: Floats,
    point: Floats,
) -> None:
    share, score = np.zeros(CELLS + 1), np.zeros(CELLS + 1)
    for row in range(start, stop):
        if np.isnan(level[row]):
            continue
        ordered = np.sort(review[row])
        step = _undershoot(ordered, scores, density[row], n_cells[row], width[row], share, score)
        correlation = _correlation(spread[row], lead[row], ordered)
        allowed = 1.0 - level[row] + 1e-9
        # Whole numbers, then a line between the last two.
        below, above = -1.0, np.ceil(float(lead[row][-1]) + (CELLS + 1) * step)
        short_below, short_above = 1.0, 0.0
        while above - below > 1.0:
            middle = np.floor((above + below) / 2.0)
            short = _short(lead[row], ranks, middle, share, score, step, correlation)
            if short <= allowed:
                above, short_above = middle, short
            else:
                below, short_below = middle, short
        if below < 0.0 or short_below <= short_above:
            point[row] = above
        else:
            point[row] = above - (allowed - short_above) / (short_below - short_above)
