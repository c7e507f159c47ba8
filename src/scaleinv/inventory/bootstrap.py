"""How sure a ratio of sums over series is: a fill rate, a cycle service level, turns."""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled
from scaleinv.inventory.draws import streams, uniform

Floats = NDArray[np.float64]

_PURPOSE = 16
_POISSON = np.cumsum([np.exp(-1.0) / factorial(k) for k in range(20)])
"""Distribution function of Poisson with mean 1."""


def ratio_interval(
    part: Floats,
    whole: Floats,
    *,
    confidence: float = 0.95,
    n_draws: int = 400,
    seed: int = 0,
    key: NDArray[np.uint64] | None = None,
) -> tuple[float, float]:
    """Bounds of ``sum(part) / sum(whole)``, were other series of the same kind drawn: the Poisson bootstrap.

    Each series counts 0, 1, 2 … times, Poisson with mean 1 (Hanley & MacGibbon 2006), so that series can be added up
    chunk by chunk: :func:`resampled_sums`. Series are taken to be independent: what one bad week does to all of them is
    not in it.

    Args:
        part: (n_series,).
        whole: (n_series,).
        confidence: that the bounds hold.
        n_draws: of the assortment.
        seed: of the draws.
        key: (n_series,) a hash of each series' name; not given: its place in the array.

    Returns:
        Lower and upper bound; nan where the sum of ``whole`` is not above 0.

    Raises:
        DataError: arrays are not equally long, or the confidence is not within (0, 1).
    """
    named = np.arange(len(part), dtype=np.uint64) if key is None else key
    label = np.zeros(len(part), dtype=np.int64)
    sums = resampled_sums(part, whole, key=named, label=label, n_labels=1, n_draws=n_draws, seed=seed)
    return interval_of_sums(sums[0], confidence=confidence)


def resampled_sums(
    part: Floats,
    whole: Floats,
    *,
    key: NDArray[np.uint64],
    label: NDArray[np.integer],
    n_labels: int,
    n_draws: int = 400,
    seed: int = 0,
) -> Floats:
    """(n_labels, n_draws, 2) sums of ``part`` and ``whole`` in each draw of the assortment.

    How often a draw counts a series depends on nothing but the seed and the series' key, so the sums of two groups of
    series, and those of two labels, may be added.

    Args:
        part: (n_series,).
        whole: (n_series,).
        key: (n_series,) a hash of each series' name.
        label: (n_series,) which sum it belongs to, below ``n_labels``.
        n_labels: how many there are.
        n_draws: of the assortment.
        seed: of the draws.

    Raises:
        DataError: arrays are not equally long, or a label is not there.
    """
    lengths = {len(part), len(whole), len(key), len(label)}
    if part.ndim != 1 or whole.ndim != 1 or len(lengths) > 1:
        raise DataError(
            explain(
                "a ratio's interval needs two arrays of the same series, with their keys and labels",
                found=f"{part.shape}, {whole.shape}, {len(key)} keys, {len(label)} labels",
            )
        )
    place = np.ascontiguousarray(label, dtype=np.int64)
    if len(place) and not 0 <= place.min() <= place.max() < n_labels:
        raise DataError(explain("a label is not there", expected=f"0 … {n_labels - 1}", found=int(place.max())))
    sums = np.zeros((n_labels, n_draws, 2))
    both = np.ascontiguousarray(np.stack([part, whole], axis=1), dtype=np.float64)
    _add(both, place, streams(seed, key, _PURPOSE), _POISSON, sums)
    return sums


def interval_of_sums(sums: Floats, *, confidence: float = 0.95) -> tuple[float, float]:
    """Lower and upper bound of the ratio whose draws these are; nan where the whole is nothing.

    Args:
        sums: (n_draws, 2) of :func:`resampled_sums`.
        confidence: that the bounds hold.

    Raises:
        DataError: the confidence is not within (0, 1).
    """
    if not 0 < confidence < 1:
        raise DataError(explain("a confidence is not within (0, 1)", found=confidence))
    part, whole = sums[sums[:, 1] > 0].T
    if not len(whole):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(part / whole, [tail, 1 - tail])
    return float(low), float(high)


@compiled
def _add(
    both: Floats, label: NDArray[np.int64], stream: NDArray[np.uint64], cdf: Floats, sums: Floats
) -> None:  # one thread: rows share their sums
    for row in range(len(both)):
        part, whole, mine = both[row, 0], both[row, 1], sums[label[row]]
        for draw in range(mine.shape[0]):
            luck, times = uniform(stream[row], draw), 0
            while times < len(cdf) - 1 and luck >= cdf[times]:
                times += 1
            mine[draw, 0] += times * part
            mine[draw, 1] += times * whole
