"""What a censored count is worth: mean and variance of demand that is only known to be at least so much.

Demand of a day is negative binomial with mean m and size r (a gamma-mixed Poisson: the day's rate is Gamma(r, r / m)).
Written for any real lower bound, so that weights in kilograms go through the same formulas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

Floats = NDArray[np.float64]
_RARE = 1e-60
"""Where the bound is less likely than this, digits run out: the tail beyond it is taken to be geometric."""


def at_least(bound: Floats, mean: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of D given D >= ``bound``, D negative binomial; arrays of one shape, units and units squared.

    From k p(k; m, r) = m p(k - 1; m (r + 1) / r, r + 1), once for D and once more for D (D - 1).

    >>> mean, variance = at_least(np.array([0.0]), np.array([3.0]), np.array([2.0]))
    >>> round(float(mean[0]), 6), round(float(variance[0]), 6)
    (3.0, 7.5)
    """
    bound = np.maximum(bound, 0.0)
    reached = _tail(bound, mean, size)
    likely = reached > _RARE
    safe = np.where(likely, reached, 1.0)
    # mean / size stays the same when both grow by the factor (r + 1) / r
    first = mean * _tail(bound - 1, mean * (size + 1) / size, size + 1) / safe
    second = mean**2 * (size + 1) / size * _tail(bound - 2, mean * (size + 2) / size, size + 2) / safe
    kept = np.clip((bound + size) / (bound + 1) * mean / (mean + size), 0.0, 0.99)  # p(k + 1) / p(k) at the bound
    expected = np.where(likely, np.maximum(first, bound), bound + kept / (1 - kept))
    return expected, np.where(likely, np.maximum(second + first - first**2, 0.0), kept / (1 - kept) ** 2)


def _tail(bound: Floats, mean: Floats, size: Floats) -> Floats:
    """P(D >= bound)."""
    share = mean / (mean + size)
    return np.where(bound > 0, betainc(np.maximum(bound, 1e-9), size, share), 1.0)


@dataclass(frozen=True)
class Seen:
    """What was seen of each day's demand, arrays of one shape.

    The day's demand falls into three parts of its usual course: hours with stock, hours in which stock ran out, and
    hours without any. A day known only by its evening's stock is one long hour in which stock ran out.
    """

    units: Floats
    """Sold while there was stock."""
    share: Floats
    """Share of a day's demand that those hours usually bring, 0 ... 1; 1: nothing is hidden."""
    least: Floats
    """Sold in the hours in which stock ran out."""
    least_share: Floats
    """Share of a day's demand that those hours usually bring."""

    def __getitem__(self, which: int | slice | NDArray[np.intp]) -> Seen:
        return Seen(self.units[which], self.share[which], self.least[which], self.least_share[which])

    def demand(self, mean: Floats, size: Floats) -> tuple[Floats, Floats]:
        """Mean and variance of the day's demand, given what was seen, where ``mean`` and ``size`` were expected of it.

        Sales in the hours with stock update the day's rate to Gamma(r + units, r / mean + share). Hours in which stock
        ran out bring what is expected of them, being no less than what they sold, and that updates the rate again,
        by which the hours without stock are filled.
        """
        shape, inverse_scale = size + self.units, size / mean + self.share
        ran_out, variance = at_least(self.least, shape / inverse_scale * self.least_share, shape)
        shape, inverse_scale = shape + ran_out, inverse_scale + self.least_share
        hidden = np.maximum(1 - self.share - self.least_share, 0.0) / inverse_scale
        empty = shape * hidden
        return self.units + ran_out + empty, variance * (1 + hidden) ** 2 + empty * (1 + hidden)
