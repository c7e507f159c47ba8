"""What a distribution promised against what happened: a map of probabilities that makes its quantiles keep their word.

Where outcomes fall within their predicted distribution (their probability integral transforms) is itself a
distribution; read through it, predicted ones are calibrated (Kuleshov, Fenner & Ermon, Accurate uncertainties for deep
learning using calibrated regression, ICML 2018). An outcome in whole days is an interval of such values, an open order
an interval up to 1: masses of both are found by Turnbull's iteration (The empirical distribution function with
arbitrarily grouped, censored and truncated data, *JRSS B* 38, 1976).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scaleinv.vendors.hazards import Floats, Ints

_CELLS: Final = 20
_PASSES: Final = 50
_DRAWN: Final = 2.0
"""So many outcomes in every cell stand for a map that changes nothing: few outcomes change it little."""


@dataclass(frozen=True)
class Calibration:
    """``height[i]`` is what a predicted probability of ``i / (len - 1)`` really is."""

    height: Floats

    def __call__(self, probability: Floats) -> Floats:
        """(n, n_numbers) probabilities, calibrated."""
        cdf = np.clip(np.cumsum(probability, axis=1), 0.0, 1.0)
        read = np.interp(cdf, np.linspace(0.0, 1.0, len(self.height)), self.height)
        read[:, -1] = 1.0
        return np.asarray(np.maximum(np.diff(read, axis=1, prepend=0.0), 0.0))


def same() -> Calibration:
    """Changes nothing."""
    return Calibration(np.linspace(0.0, 1.0, _CELLS + 1))


def calibration(probability: Floats, place: Ints, is_open: np.ndarray) -> Calibration:
    """The map that these outcomes ask for.

    Args:
        probability: (n, n_numbers) predicted.
        place: (n,) which number it was; where it is open, the last number that has passed (-1: none).
        is_open: (n,)
    """
    if not len(place):
        return same()
    cdf = np.column_stack([np.zeros(len(place)), np.clip(np.cumsum(probability, axis=1), 0.0, 1.0)])
    rows = np.arange(len(place))
    low = np.where(is_open, cdf[rows, place + 1], cdf[rows, np.maximum(place, 0)])
    high = np.where(is_open, 1.0, cdf[rows, place + 1])
    edges = np.linspace(0.0, 1.0, _CELLS + 1)
    overlap = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
    touch = np.clip(overlap, 0.0, None) * _CELLS
    point = touch.sum(axis=1) < 1e-9  # what was said to be impossible, or of no width: the cell that it lies in
    touch[point, np.clip((low[point] * _CELLS).astype(int), 0, _CELLS - 1)] = 1.0
    mass = np.full(_CELLS, 1.0 / _CELLS)
    for _ in range(_PASSES):
        share = touch * mass
        mass = (share / share.sum(axis=1, keepdims=True)).sum(axis=0) + _DRAWN
        mass /= mass.sum()
    return Calibration(np.concatenate([[0.0], np.cumsum(mass)[:-1], [1.0]]))
