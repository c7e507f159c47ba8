"""How sure a ratio of sums over series is: a fill rate, a cycle service level, turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain

Floats = NDArray[np.float64]

_CHUNK = 100_000


def ratio_interval(
    part: Floats, whole: Floats, *, confidence: float = 0.95, n_draws: int = 400, seed: int = 0
) -> tuple[float, float]:
    """Bounds of ``sum(part) / sum(whole)``, were other series of the same kind drawn: the Poisson bootstrap.

    Each series counts 0, 1, 2 … times, Poisson with mean 1 (Hanley & MacGibbon 2006), so that series can be added up
    chunk by chunk. Series are taken to be independent: what one bad week does to all of them is not in it.

    Args:
        part: (n_series,).
        whole: (n_series,).
        confidence: that the bounds hold.
        n_draws: of the assortment.
        seed: of the draws.

    Returns:
        Lower and upper bound; nan where the sum of ``whole`` is not above 0.

    Raises:
        DataError: arrays are not equally long, or the confidence is not within (0, 1).
    """
    if part.shape != whole.shape or part.ndim != 1 or not 0 < confidence < 1:
        raise DataError(
            explain(
                "a ratio's interval needs two arrays of the same series, and a confidence within (0, 1)",
                found=f"{part.shape}, {whole.shape}, {confidence}",
            )
        )
    if not whole.sum() > 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    both = np.stack([part, whole], axis=1)
    sums = np.zeros((n_draws, 2))
    step = max(1, _CHUNK // n_draws)
    for first in range(0, len(both), step):
        piece = both[first : first + step]
        sums += rng.poisson(1.0, (n_draws, len(piece))) @ piece
    ratios = sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan)
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(ratios, [tail, 1 - tail])
    return float(low), float(high)
