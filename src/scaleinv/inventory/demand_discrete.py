"""Demand in whole units: Poisson, negative binomial (geometric: ``shape`` 1), and any table of probabilities.

Losses come from size-biased tails: ``E(D; D > k)`` of a Poisson is ``m P(D >= k)``, of a negative binomial of shape r
it is ``m P(D' >= k)`` with D' of shape r + 1 (Zipkin, section C.2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, pdtrc

from scaleinv.errors import DataError, explain
from scaleinv.inventory.demand import Demand, probability_within
from scaleinv.inventory.inputs import not_negative, numbers, positive

Floats = NDArray[np.float64]

_SUM_TOLERANCE = 1e-6
_TIE = 1e-14


class Poisson(Demand):
    """Poisson demand; mean 0 is no demand."""

    is_whole = True

    def __init__(self, mean: ArrayLike) -> None:
        self.mean = not_negative("mean", mean)
        self.variance = self.third_moment = self.mean

    def cdf(self, level: ArrayLike) -> Floats:  # noqa: D102
        return 1.0 - _poisson_tail(np.floor(np.asarray(level, dtype=np.float64)), self.mean)

    def loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        x, m = np.asarray(level, dtype=np.float64), self.mean
        k = np.floor(x)
        return np.maximum(m * _poisson_tail(k - 1.0, m) - x * _poisson_tail(k, m), 0.0)

    def second_loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        k, m = np.floor(np.asarray(level, dtype=np.float64)), self.mean
        t0, t1, t2 = (_poisson_tail(k - i, m) for i in range(3))
        return np.maximum(0.5 * (m * m * t2 - 2.0 * k * m * t1 + k * (k + 1.0) * t0), 0.0)

    def over(self, n_periods: ArrayLike) -> Poisson:  # noqa: D102
        return Poisson(self.mean * not_negative("periods", n_periods))

    def expanded(self) -> Poisson:  # noqa: D102
        return Poisson(self.mean[..., None])


class NegativeBinomial(Demand):
    """Negative binomial demand by mean and variance: ``p = m / v``, ``r = m² / (v - m)``.

    Where the variance does not exceed the mean the family ends in the Poisson, which is used there: it has more spread
    than was asked for, never less.
    """

    is_whole = True

    def __init__(self, mean: ArrayLike, variance: ArrayLike) -> None:
        m, v = np.broadcast_arrays(not_negative("mean", mean), not_negative("variance", variance))
        self.is_poisson = v - m <= 1e-9 * m
        self.mean, self.variance = m, np.where(self.is_poisson, m, v)
        more = np.where(self.is_poisson, 1.0, v - m)
        self.shape = np.where(self.is_poisson, np.inf, m * m / more)
        self._r = np.where(self.is_poisson, 1.0, m * m / more)
        self._q = np.where(self.is_poisson, 0.5, more / np.where(self.is_poisson, 1.0, v))
        self.third_moment = self.variance * (2.0 * self.variance / np.where(m > 0, m, 1.0) - 1.0)

    @classmethod
    def of_parameters(cls, shape: ArrayLike, success: ArrayLike) -> NegativeBinomial:
        """Failures before the ``shape``-th success (may be a fraction), each success with probability ``success``."""
        r, p = positive("shape", shape), numbers("success", success, 0.0, 1.0, open_low=True, open_high=True)
        return cls(r * (1.0 - p) / p, r * (1.0 - p) / p**2)

    def cdf(self, level: ArrayLike) -> Floats:  # noqa: D102
        return 1.0 - self._tail(np.floor(np.asarray(level, dtype=np.float64)), 0)

    def loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        x = np.asarray(level, dtype=np.float64)
        k = np.floor(x)
        return np.maximum(self.mean * self._tail(k - 1.0, 1) - x * self._tail(k, 0), 0.0)

    def second_loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        k, m = np.floor(np.asarray(level, dtype=np.float64)), self.mean
        pairs = np.where(self.is_poisson, m * m, m * m * (1.0 + 1.0 / self._r))
        found = pairs * self._tail(k - 2.0, 2) - 2.0 * k * m * self._tail(k - 1.0, 1) + k * (k + 1.0) * self._tail(k, 0)
        return np.maximum(0.5 * found, 0.0)

    def over(self, n_periods: ArrayLike) -> NegativeBinomial:  # noqa: D102
        n = not_negative("periods", n_periods)
        return NegativeBinomial(self.mean * n, self.variance * n)

    def expanded(self) -> NegativeBinomial:  # noqa: D102
        return NegativeBinomial(self.mean[..., None], self.variance[..., None])

    def _tail(self, k: Floats, more: int) -> Floats:
        """``P(D > k)`` of shape r + ``more``."""
        found = betainc(np.maximum(k, 0.0) + 1.0, self._r + more, self._q)
        found = np.where(self.is_poisson, _poisson_tail(k, self.mean), found)
        return np.where(k < 0, 1.0, np.where(self.mean > 0, found, 0.0))


class Pmf(Demand):
    """Any discrete demand: ``values`` with their probabilities, or samples.

    Args of the constructor: ``probability`` (n_series, n_values) or (n_values,), rows that add to 1; ``values`` of the
    same shape or (n_values,), ascending, 0, 1, 2 … where not given.

    Raises:
        DataError: a row is not a distribution, or values do not ascend.
    """

    def __init__(self, probability: ArrayLike, values: ArrayLike | None = None) -> None:
        p = probability_within("probability", probability)
        v = np.arange(p.shape[-1], dtype=np.float64) if values is None else numbers("values", values)
        if p.ndim == 0 or v.shape[-1:] != p.shape[-1:]:
            raise DataError(explain("values and probabilities do not fit", expected=v.shape, found=p.shape))
        total = p.sum(axis=-1, keepdims=True)
        if (np.abs(total - 1.0) > _SUM_TOLERANCE).any() or (np.diff(v, axis=-1) < 0).any():
            raise DataError(explain("probabilities do not add to 1, or values do not ascend", found=total.ravel()[:5]))
        self.probability, self.values = p / total, v
        self.is_whole = bool((v == np.round(v)).all())
        self._cdf = np.cumsum(self.probability, axis=-1)
        self.mean = (self.probability * v).sum(axis=-1)
        off = v - self.mean[..., None]
        self.variance, self.third_moment = ((self.probability * off**k).sum(axis=-1) for k in (2, 3))

    @classmethod
    def of_samples(cls, samples: ArrayLike) -> Pmf:
        """The empirical distribution of ``samples`` (n_series, n_samples)."""
        ordered = np.sort(numbers("samples", samples), axis=-1)
        return cls(np.full(ordered.shape, 1.0 / ordered.shape[-1]), ordered)

    def cdf(self, level: ArrayLike) -> Floats:  # noqa: D102
        return np.minimum(self._expected(level, lambda off: off <= 0), 1.0)

    def quantile(self, probability: ArrayLike) -> Floats:  # noqa: D102
        p = probability_within("probability", probability)[..., None]
        place = np.minimum((self._cdf < p - _TIE).sum(axis=-1), self._cdf.shape[-1] - 1)
        values = np.broadcast_to(self.values, (*place.shape, self.values.shape[-1]))
        return np.take_along_axis(values, place[..., None], axis=-1)[..., 0]

    def loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        return self._expected(level, lambda off: np.maximum(off, 0.0))

    def second_loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        less = 1.0 if self.is_whole else 0.0
        return self._expected(level, lambda off: 0.5 * np.maximum(off, 0.0) * np.maximum(off - less, 0.0))

    def over(self, n_periods: ArrayLike) -> Pmf:
        """Demand of ``n_periods`` periods, one whole number for all series, of the values 0, 1, 2 … only."""
        n, p = numbers("periods", n_periods, 1.0), self.probability
        if n.ndim or n != np.round(n) or not (self.values == np.arange(p.shape[-1])).all():
            raise DataError(explain("a sum needs values 0, 1, 2 … and one whole number of periods", found=n_periods))
        size = int(n) * (p.shape[-1] - 1) + 1
        spectrum = np.fft.rfft(p, size, axis=-1) ** int(n)
        return Pmf(_cleaned(np.fft.irfft(spectrum, size, axis=-1)))

    def expanded(self) -> Pmf:  # noqa: D102
        values = self.values if self.values.ndim == 1 else self.values[..., None, :]
        return Pmf(self.probability[..., None, :], values)

    def _expected(self, level: ArrayLike, function) -> Floats:  # type: ignore[no-untyped-def]
        off = self.values - np.asarray(level, dtype=np.float64)[..., None]
        return np.asarray((self.probability * function(off)).sum(axis=-1), dtype=np.float64)


def probability_table(demand: Demand, n_values: int) -> Floats:
    """(n_series, n_values) of 0 … n_values - 1 units; what lies above is added to the last one.

    Raises:
        DataError: demand does not come in whole units from 0 up.
    """
    if not demand.is_whole or (demand.cdf(-1.0) > 0).any():
        raise DataError(explain("demand is not in whole units from 0 up", found=type(demand).__name__))
    below = demand.expanded().cdf(np.arange(n_values - 1, dtype=np.float64))
    edge = np.ones((*below.shape[:-1], 1))
    return np.maximum(np.diff(np.concatenate([0.0 * edge, below, edge], axis=-1), axis=-1), 0.0)


def _cleaned(probability: Floats) -> Floats:
    kept = np.where(probability > 1e-17, probability, 0.0)
    return np.asarray(kept / kept.sum(axis=-1, keepdims=True), dtype=np.float64)


def _poisson_tail(k: Floats, mean: Floats) -> Floats:
    """``P(D > k)`` for whole k, 1 below 0."""
    return np.where(k < 0, 1.0, np.where(mean > 0, pdtrc(np.maximum(k, 0.0), np.where(mean > 0, mean, 1.0)), 0.0))
