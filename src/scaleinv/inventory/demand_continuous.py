"""Demand that is a real number: normal, gamma (exponential: shape 1), lognormal, uniform.

Losses: Silver, Pyke & Thomas, appendix III (normal); Zipkin, section C.2 (gamma, uniform); Snyder & Shen, appendix C.3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, gammainc, gammaincc, gammaincinv, ndtr, ndtri

from scaleinv.inventory.demand import Demand, probability_within
from scaleinv.inventory.inputs import not_negative, numbers, positive
from scaleinv.inventory.theory import normal_loss

Floats = NDArray[np.float64]

_ROOT_2PI = 2.5066282746310002
_POINT = 1e-100


class Normal(Demand):
    """Normal demand; ``sd`` 0 is demand that is known. Fit for ``sd / mean`` below about 0.5 only."""

    is_whole = False

    def __init__(self, mean: ArrayLike, sd: ArrayLike) -> None:
        self.mean, self._sd = np.broadcast_arrays(numbers("mean", mean), not_negative("sd", sd))
        self.variance = self._sd**2
        self.third_moment = np.zeros_like(self.variance)

    @property
    def sd(self) -> Floats:
        """Standard deviation."""
        return self._sd

    def cdf(self, level: ArrayLike) -> Floats:  # noqa: D102
        return np.asarray(ndtr(self._score(level)), dtype=np.float64)

    def quantile(self, probability: ArrayLike) -> Floats:  # noqa: D102
        z = ndtri(probability_within("probability", probability))
        return np.where(self._sd > 0, self.mean + np.where(self._sd > 0, self._sd, 1.0) * z, self.mean)

    def loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        x = np.asarray(level, dtype=np.float64)
        return np.where(self._sd > 0, self._sd * normal_loss(self._score(x)), np.maximum(self.mean - x, 0.0))

    def second_loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        x = np.asarray(level, dtype=np.float64)
        spread_out = self.variance * normal_second_loss(self._score(x))
        return np.where(self._sd > 0, spread_out, 0.5 * np.maximum(self.mean - x, 0.0) ** 2)

    def over(self, n_periods: ArrayLike) -> Normal:  # noqa: D102
        n = not_negative("periods", n_periods)
        return Normal(self.mean * n, self._sd * np.sqrt(n))

    def expanded(self) -> Normal:  # noqa: D102
        return Normal(self.mean[..., None], self._sd[..., None])

    def _score(self, level: ArrayLike) -> Floats:
        x = np.asarray(level, dtype=np.float64)
        far = np.where(x >= self.mean, 40.0, -40.0)
        return np.where(self._sd > 0, (x - self.mean) / np.where(self._sd > 0, self._sd, 1.0), far)


class Gamma(Demand):
    """Gamma demand by shape and scale; :meth:`of_moments` by mean and standard deviation."""

    is_whole = False

    def __init__(self, shape: ArrayLike, scale: ArrayLike) -> None:
        self.shape, self.scale = np.broadcast_arrays(positive("shape", shape), positive("scale", scale))
        self.mean, self.variance = self.shape * self.scale, self.shape * self.scale**2
        self.third_moment = 2.0 * self.shape * self.scale**3

    @classmethod
    def of_moments(cls, mean: ArrayLike, sd: ArrayLike) -> Gamma:
        """``shape = mean² / sd²``, ``scale = sd² / mean``; no demand, or none that varies, is as good as a point."""
        m, s = np.broadcast_arrays(not_negative("mean", mean), not_negative("sd", sd))
        m = np.maximum(m, _POINT)
        s = np.clip(s, 1e-5 * m, 1e3 * np.maximum(m, np.where(m > _POINT, s * 1e-3, 0.0)))
        return cls((m / s) ** 2, s**2 / m)

    def cdf(self, level: ArrayLike) -> Floats:  # noqa: D102
        return np.asarray(gammainc(self.shape, self._scaled(level)), dtype=np.float64)

    def quantile(self, probability: ArrayLike) -> Floats:  # noqa: D102
        p = probability_within("probability", probability)
        return np.asarray(self.scale * gammaincinv(self.shape, p), dtype=np.float64)

    def loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        x, y = np.asarray(level, dtype=np.float64), self._scaled(level)
        found = self.mean * gammaincc(self.shape + 1.0, y) - x * gammaincc(self.shape, y)
        return np.asarray(np.maximum(found, 0.0), dtype=np.float64)

    def second_loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        x, y, k = np.asarray(level, dtype=np.float64), self._scaled(level), self.shape
        square = self.mean * (k + 1.0) * self.scale * gammaincc(k + 2.0, y)
        found = 0.5 * (square - 2.0 * x * self.mean * gammaincc(k + 1.0, y) + x * x * gammaincc(k, y))
        return np.asarray(np.maximum(found, 0.0), dtype=np.float64)

    def over(self, n_periods: ArrayLike) -> Gamma:  # noqa: D102
        return Gamma(self.shape * positive("periods", n_periods), self.scale)

    def expanded(self) -> Gamma:  # noqa: D102
        return Gamma(self.shape[..., None], self.scale[..., None])

    def _scaled(self, level: ArrayLike) -> Floats:
        return np.asarray(np.maximum(np.asarray(level, dtype=np.float64), 0.0) / self.scale, dtype=np.float64)


class LogNormal(Demand):
    """Demand whose logarithm is normal with mean ``log_mean`` and standard deviation ``log_sd``."""

    is_whole = False

    def __init__(self, log_mean: ArrayLike, log_sd: ArrayLike) -> None:
        self.log_mean, self.log_sd = np.broadcast_arrays(numbers("log_mean", log_mean), positive("log_sd", log_sd))
        w = np.exp(self.log_sd**2)
        self.mean = np.exp(self.log_mean + 0.5 * self.log_sd**2)
        self.variance = (w - 1.0) * self.mean**2
        self.third_moment = (w + 2.0) * np.sqrt(w - 1.0) * self.variance**1.5

    def cdf(self, level: ArrayLike) -> Floats:  # noqa: D102
        return 1.0 - self._upper(level, 0)

    def quantile(self, probability: ArrayLike) -> Floats:  # noqa: D102
        z = ndtri(probability_within("probability", probability))
        return np.asarray(np.exp(self.log_mean + self.log_sd * z), dtype=np.float64)

    def loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        x = np.asarray(level, dtype=np.float64)
        return np.asarray(np.maximum(self.mean * self._upper(x, 1) - x * self._upper(x, 0), 0.0), dtype=np.float64)

    def second_loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        x = np.asarray(level, dtype=np.float64)
        square = (self.variance + self.mean**2) * self._upper(x, 2)
        found = 0.5 * (square - 2.0 * x * self.mean * self._upper(x, 1) + x * x * self._upper(x, 0))
        return np.asarray(np.maximum(found, 0.0), dtype=np.float64)

    def expanded(self) -> LogNormal:  # noqa: D102
        return LogNormal(self.log_mean[..., None], self.log_sd[..., None])

    def _upper(self, level: ArrayLike, order: int) -> Floats:
        """Share of ``E D^order`` above the level."""
        x = np.asarray(level, dtype=np.float64)
        with np.errstate(divide="ignore"):
            log = np.log(np.maximum(x, 0.0))
        return np.asarray(ndtr((self.log_mean - log) / self.log_sd + order * self.log_sd), dtype=np.float64)


class Uniform(Demand):
    """Any demand from ``low`` to ``high``, all alike."""

    is_whole = False

    def __init__(self, low: ArrayLike, high: ArrayLike) -> None:
        self.low, self.high = np.broadcast_arrays(numbers("low", low), numbers("high", high))
        width = positive("high - low", self.high - self.low)
        self.mean, self.variance = 0.5 * (self.low + self.high), width**2 / 12.0
        self.third_moment = np.zeros_like(self.variance)

    def cdf(self, level: ArrayLike) -> Floats:  # noqa: D102
        share = (np.asarray(level, dtype=np.float64) - self.low) / (self.high - self.low)
        return np.asarray(np.clip(share, 0.0, 1.0), dtype=np.float64)

    def quantile(self, probability: ArrayLike) -> Floats:  # noqa: D102
        p = probability_within("probability", probability)
        return np.asarray(self.low + p * (self.high - self.low), dtype=np.float64)

    def loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        x = np.asarray(level, dtype=np.float64)
        inside = np.clip(x, self.low, self.high)
        found = (self.high - inside) ** 2 / (2.0 * (self.high - self.low)) + (inside - np.minimum(x, inside))
        return np.asarray(found, dtype=np.float64)

    def second_loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        x = np.asarray(level, dtype=np.float64)
        inside = np.clip(x, self.low, self.high)
        below = inside - np.minimum(x, inside)
        at_low = below * (0.5 * (self.high - self.low)) + 0.5 * below**2
        found = (self.high - inside) ** 3 / (6.0 * (self.high - self.low)) + at_low
        return np.asarray(found, dtype=np.float64)

    def expanded(self) -> Uniform:  # noqa: D102
        return Uniform(self.low[..., None], self.high[..., None])


def normal_second_loss(z: ArrayLike) -> Floats:
    """``((1 + z²)(1 - Phi(z)) - z phi(z)) / 2``: the integral of the unit normal loss above z."""
    level = np.asarray(z, dtype=np.float64)
    upper = np.abs(level)
    density = np.exp(-0.5 * upper * upper) / _ROOT_2PI
    mills = np.asarray(1.2533141373155003 * erfcx(upper * 0.7071067811865476), dtype=np.float64)
    tail = 0.5 * density * np.maximum((1.0 + upper * upper) * mills - upper, 0.0)
    return np.where(level < 0, 0.5 * (1.0 + upper * upper) - tail, tail)
