"""Demand of a lead time in parametric form: moments first, then a family; or exactly, as a mixture over lead times.

Sources: Silver, Pyke & Thomas, section 7; Chopra & Meindl, chapter 12; Zipkin, section 7.5; Axsäter, section 5.3.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.demand import Demand
from scaleinv.inventory.demand_continuous import Gamma, Normal
from scaleinv.inventory.demand_discrete import NegativeBinomial, Pmf, Poisson
from scaleinv.inventory.inputs import not_negative, numbers

Floats = NDArray[np.float64]
Family = Literal["normal", "gamma", "negative_binomial", "poisson"]

_REST = 1e-14


def lead_demand(
    mean: ArrayLike,
    sd: ArrayLike,
    lead_time: ArrayLike,
    lead_time_sd: ArrayLike = 0.0,
    *,
    review: ArrayLike = 0.0,
    correlation: ArrayLike = 0.0,
    family: Family = "normal",
) -> Demand:
    """Demand of ``lead_time + review`` periods: ``E = mu tau``, ``Var = tau sigma² + mu² sigma_L²``, in a family.

    Periods are independent, or errors follow an AR(1) with ``correlation`` (then ``tau sigma²`` is replaced, see
    :func:`correlated_variance`); lead times are independent of demand, and orders do not cross (where they may, this
    is on the safe side: the effective lead time of orders that overtake varies less). A gamma lead time and Poisson
    demand make a negative binomial **exactly**; elsewhere the family is a fit of two moments.

    Args:
        mean: mu, units per period.
        sd: sigma of one period's forecast error, not of demand (ignored for ``poisson``, whose variance is mu).
        lead_time: mean, periods.
        lead_time_sd: periods; the review adds none.
        review: R, periods; 0 under continuous review.
        correlation: of neighbouring errors, within (-1, 1).
        family: of the result; ``poisson`` has a fixed lead time and turns negative binomial when that varies.
    """
    mu, tau = numbers("mean", mean), not_negative("lead time", lead_time) + not_negative("review", review)
    sigma, spread = not_negative("sd", sd), not_negative("lead-time sd", lead_time_sd)
    if family == "poisson":
        sigma = np.sqrt(mu)
    variance = correlated_variance(sigma, tau, correlation) + (mu * spread) ** 2
    total, variance = np.broadcast_arrays(mu * tau, variance)
    if family == "normal":
        return Normal(total, np.sqrt(variance))
    if family == "gamma":
        return Gamma.of_moments(total, np.sqrt(variance))
    if family == "poisson" and not spread.any() and not np.any(correlation):
        return Poisson(total)
    return NegativeBinomial(total, variance)


def correlated_variance(sd: ArrayLike, n_periods: ArrayLike, correlation: ArrayLike) -> Floats:
    """Variance of a sum of AR(1) errors: ``sigma² [tau + 2 sum_(k < tau) (tau - k) rho^k]``, in closed form.

    ``sigma² [tau + 2 rho (tau (1 - rho) - (1 - rho^tau)) / (1 - rho)²]``, which also holds between whole numbers of
    periods.
    """
    sigma, tau = not_negative("sd", sd), not_negative("periods", n_periods)
    rho = numbers("correlation", correlation, -1.0, 1.0)
    is_one = rho > 1.0 - 1e-9
    off = np.where(is_one, 0.5, rho)
    power = np.where(off < 0, np.cos(np.pi * tau), 1.0) * np.abs(off) ** tau
    more = off * (tau * (1.0 - off) - (1.0 - power)) / (1.0 - off) ** 2
    # Less than one period is its share of the period: nothing to be correlated with.
    more = np.where(tau > 1.0, np.where(is_one, 0.5 * tau * (tau - 1.0), more), 0.0)
    return np.asarray(np.maximum(sigma**2 * (tau + 2.0 * more), 0.0), dtype=np.float64)


def variance_of_sum(covariance: ArrayLike) -> Floats:
    """``1' Sigma 1`` of (…, horizon, horizon): the variance of a sum of errors that move together."""
    return np.asarray(numbers("covariance", covariance).sum(axis=(-2, -1)), dtype=np.float64)


def compound_poisson(customers: ArrayLike, size_probability: ArrayLike) -> Pmf:
    """Exact demand of a time in which ``customers`` come (mean, Poisson), each for 0, 1, 2 … units (Panjer 1981).

    Args:
        customers: (n_series,) or (), mean number in the time; add times up here (``rate * lead_time``).
        size_probability: (n_series, n_sizes) or (n_sizes,), rows that add to 1.
    """
    size = Pmf(size_probability)
    rate, mean_size, square = np.broadcast_arrays(
        not_negative("customers", customers), size.mean, size.variance + size.mean**2
    )
    mean, sd = rate * mean_size, np.sqrt(rate * square)
    if np.max(rate, initial=0.0) > 700.0:
        raise DataError(
            explain("more than 700 customers", found=float(rate.max()), do="take negative_binomial or gamma")
        )
    n_values = int(np.max(mean + 14.0 * sd + 14.0 * size.probability.shape[-1], initial=1.0)) + 2
    sizes = np.broadcast_to(size.probability, (*rate.shape, size.probability.shape[-1]))
    table = np.zeros((max(rate.size, 1), n_values))
    rows = np.ascontiguousarray(sizes.reshape(-1, sizes.shape[-1]))
    run_rows(_panjer, len(table), np.ascontiguousarray(rate.reshape(-1)), rows, table)
    kept = int((table.cumsum(axis=1) < 1.0 - _REST).sum(axis=1).max()) + 1
    return Pmf(table[:, :kept].reshape(*rate.shape, -1) / table[:, :kept].sum(axis=1).reshape(*rate.shape, 1))


@compiled
def _panjer(start: int, stop: int, rate: Floats, size: Floats, table: Floats) -> None:
    n_values, most = table.shape[1], size.shape[1] - 1
    for row in range(start, stop):
        table[row, 0] = np.exp(-rate[row] * (1.0 - size[row, 0]))
        for x in range(1, n_values):
            total = 0.0
            for j in range(1, min(x, most) + 1):
                total += j * size[row, j] * table[row, x - j]
            table[row, x] = rate[row] * total / x


class Mixture(Demand):
    """Demand over a random number of periods, exactly: what one period's family gives for each number, weighted.

    Args of the constructor: ``period`` demand of one period; ``probability`` (n_series, n + 1) or (n + 1,) of 0, 1, … n
    periods (a lead time's own distribution, before any convention about days).
    """

    def __init__(self, parts: list[Demand], weights: Floats) -> None:
        self._parts, self._weights = parts, weights
        self.is_whole = all(part.is_whole for part in parts)
        means = [np.asarray(part.mean) for part in parts]
        self.mean = self._mixed(means)
        self.variance = self._mixed([p.variance + (m - self.mean) ** 2 for p, m in zip(parts, means, strict=True)])
        self.third_moment = self._mixed([
            p.third_moment + 3.0 * (m - self.mean) * p.variance + (m - self.mean) ** 3
            for p, m in zip(parts, means, strict=True)
        ])  # fmt: skip

    @classmethod
    def over_lead_time(cls, period: Demand, lead_time_probability: ArrayLike, *, review: int = 0) -> Mixture:
        """Demand of lead time + ``review`` periods, with (n_series, max_lead + 1) chances of 0, 1, 2 … periods."""
        weights = numbers("lead-time probability", lead_time_probability, 0.0, 1.0)
        if weights.ndim == 0 or (np.abs(weights.sum(axis=-1) - 1.0) > 1e-6).any():
            raise DataError(explain("lead-time probabilities do not add to 1", found=weights.sum(axis=-1)))
        used = [n for n in range(weights.shape[-1]) if (weights[..., n] > 0).any()]
        parts = [period.over(n + review) if n + review else Normal(0.0 * period.mean, 0.0) for n in used]
        if period.is_whole:
            parts = [Poisson(0.0 * period.mean) if isinstance(part, Normal) else part for part in parts]
        return cls(parts, weights[..., used] / weights.sum(axis=-1, keepdims=True))

    def cdf(self, level: ArrayLike) -> Floats:  # noqa: D102
        return self._mixed([part.cdf(level) for part in self._parts])

    def loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        return self._mixed([part.loss(level) for part in self._parts])

    def second_loss(self, level: ArrayLike) -> Floats:  # noqa: D102
        return self._mixed([part.second_loss(level) for part in self._parts])

    def quantile(self, probability: ArrayLike) -> Floats:  # noqa: D102
        p = numbers("probability", probability, 0.0, 1.0, open_high=True)
        if self.is_whole:
            return super().quantile(p)
        p, _ = np.broadcast_arrays(p, self.mean)
        low = np.min(np.broadcast_arrays(*(part.quantile(np.minimum(p, 0.5) * 0.5) for part in self._parts)), axis=0)
        return self.first_level(lambda x: self.cdf(x) >= p - 1e-15, np.minimum(low, self.mean) - 1.0)

    def expanded(self) -> Mixture:  # noqa: D102
        return Mixture([part.expanded() for part in self._parts], self._weights[..., None, :])

    def _mixed(self, values: list[Floats]) -> Floats:
        return np.asarray(sum(self._weights[..., i] * value for i, value in enumerate(values)), dtype=np.float64)
