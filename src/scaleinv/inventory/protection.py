"""Protection demand: what may be asked for before the next order can help, as samples.

Timing, binding for policies, simulator and the synthetic retailer: deliveries arrive in the morning, demand is served,
the rest is lost; in the evening of a review day an order may be placed, and it arrives ``lead_time`` >= 1 days later in
the morning. An order of evening t is on the shelf from the morning of t + L. The next order can be placed in the
evening of t + R and is on the shelf in the morning of t + R + L. So the position after the review of evening t must
last for the days t + 1 ... t + L + R - 1: **L + R - 1 days of demand**, one less than ``lead_time + review_period``,
which stays the ``protection_interval`` of tables. The first L - 1 of them (the lead part) were decided by earlier
orders; what runs short on the other R days is what this review answers for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.draws import streams, uniform
from scaleinv.inventory.lead_time import lead_time_cdf, lead_time_moments

Floats = NDArray[np.float64]
Samples = NDArray[np.float32]

_CELLS = 8192
_N_REVIEW = 64
_PURPOSE = 1
# The lattice of the plastic number: (i / n, i * A mod 1, i * B mod 1) fills the unit cube evenly.
_A, _B = 0.7548776662466927, 0.5698402909980532


@dataclass(frozen=True)
class ProtectionDemand:
    """Samples of demand over random lead times, in units; rows of ``protection`` and ``lead`` ascend.

    ``protection`` covers L + R - 1 days, ``lead`` the L - 1 days before the order arrives (all 0 where L = 1),
    ``review`` the next R days.
    """

    protection: Samples
    """(n_series, n_samples)"""
    lead: Samples
    """(n_series, n_samples)"""
    review: Samples
    """(n_series, 64)"""
    mean: Floats
    """(n_series,) of ``protection``"""
    spread: Floats
    """(n_series,) standard deviation of ``protection``"""
    fixed_mean: Floats
    """(n_series,) mean, were every lead time the mean one"""
    fixed_spread: Floats
    """(n_series,) standard deviation, were every lead time the mean one"""
    lead_time_mean: Floats
    """(n_series,) days"""
    lead_time_sd: Floats
    """(n_series,) days"""
    review_period: NDArray[np.int64]
    """(n_series,) days"""
    beyond_horizon: Floats
    """(n_series,) probability that L + R - 1 is longer than the forecast, which was then stretched"""

    @property
    def n_series(self) -> int:
        """Number of series."""
        return len(self.mean)

    @property
    def n_beyond_horizon(self) -> int:
        """Series whose forecast had to be stretched."""
        return int(np.count_nonzero(self.beyond_horizon > 0))


def protection_demand(
    cumulative_quantiles: NDArray[np.floating],
    levels: ArrayLike,
    lead_time_probability: NDArray[np.floating],
    vendor: NDArray[np.integer],
    review_period: NDArray[np.integer],
    *,
    key: NDArray[np.uint64],
    n_samples: int,
    seed: int,
    whole_units: bool = True,
) -> ProtectionDemand:
    """Demand until the next order can help, lead-time variability mixed in by sampling.

    Sample i takes a lead time by its place in the vendor's distribution and a level u, evenly spread together (a
    lattice shifted per series by ``key`` and ``seed``), and reads the *cumulative* quantile function of step L + R - 1
    at u: a cubic in the normal score between levels, kept between its two neighbours (so steps stay steps); above the
    last level an exponential tail through the last two, cut at 1 - 1/16384; below the first linear; never under 0.
    Longer than the horizon: the last step's value times days / horizon, which keeps the relative spread and so errs on
    the safe side; such series are counted.

    Args:
        cumulative_quantiles: (n_series, horizon, n_quantiles) demand of steps 1 ... h together, units.
        levels: (n_quantiles,) ascending, within (0, 1), at least four.
        lead_time_probability: (n_vendors, max_lead + 1) of 0, 1, 2 ... days; 0 counts as 1.
        vendor: (n_series,) row of ``lead_time_probability``.
        review_period: (n_series,) days, at least 1.
        key: (n_series,) a hash of the series' name: the same draws in any chunk or order.
        n_samples: per series.
        seed: another seed, another shift.
        whole_units: round samples to whole units at random so that their mean stays. Goods are asked for in units;
            quantiles of slow movers are steps, and a straight line between steps is not a demand that can happen.

    Raises:
        DataError: shapes do not fit, a quantile is not finite, or lead times are not distributions.
    """
    levels = np.asarray(levels, dtype=np.float64)
    quantiles = np.ascontiguousarray(cumulative_quantiles)
    cdf = lead_time_cdf(lead_time_probability)
    owner, period = np.ascontiguousarray(vendor, np.int64), np.ascontiguousarray(review_period, np.int64)
    _check(quantiles, levels, len(cdf), owner, period, key)
    n_series, horizon, _ = quantiles.shape
    lead_mean, lead_sd = lead_time_moments(cdf)
    below, first, weight = _reader(levels)
    protection = np.empty((n_series, n_samples), dtype=np.float32)
    lead = np.empty_like(protection)
    review = np.empty((n_series, _N_REVIEW), dtype=np.float32)
    moments = np.empty((4, n_series))
    run_rows(
        _sample, n_series, quantiles, below, first, weight, cdf, lead_mean, owner, period,
        streams(seed, key, _PURPOSE), whole_units, protection, lead, review, moments,
    )  # fmt: skip
    for samples in (protection, lead):
        samples.sort(axis=1)
    # L + R - 1 > horizon  <=>  L > horizon + 1 - R
    last = np.clip(horizon + 1 - period, 0, cdf.shape[1] - 1)
    return ProtectionDemand(
        protection, lead, review, moments[0], moments[1], moments[2], moments[3], lead_mean[owner], lead_sd[owner],
        period, 1.0 - cdf[owner, last],
    )  # fmt: skip


def _check(
    quantiles: NDArray[np.floating],
    levels: Floats,
    n_vendors: int,
    vendor: NDArray[np.int64],
    review_period: NDArray[np.int64],
    key: NDArray[np.uint64],
) -> None:
    if levels.size < 4 or not (np.diff(levels) > 0).all() or levels[0] <= 0 or levels[-1] >= 1:
        raise DataError(explain("quantile levels do not rise within (0, 1)", expected="at least four", found=levels))
    n_series = len(vendor)
    if quantiles.ndim != 3 or quantiles.shape[0] != n_series or quantiles.shape[2] != levels.size:
        raise DataError(
            explain(
                "cumulative quantiles have the wrong shape",
                expected=f"({n_series}, horizon, {levels.size})",
                found=quantiles.shape,
            )
        )
    if quantiles.shape[1] < 1 or len(review_period) != n_series or len(key) != n_series:
        raise DataError(
            explain(
                "arrays of series are not equally long, or the horizon is empty",
                expected=f"{n_series} series, horizon >= 1",
                found=f"{len(review_period)} review periods, {len(key)} keys, horizon {quantiles.shape[1]}",
            )
        )
    _refuse(~np.isfinite(quantiles).all(axis=(1, 2)), "a forecast is not finite", "forecast them again")
    _refuse((vendor < 0) | (vendor >= n_vendors), "a vendor has no lead times", "add a row to gold/lead_times")
    _refuse(review_period < 1, "a review period is below one day", "correct silver/vendors")


def _refuse(bad: NDArray[np.bool_], problem: str, do: str) -> None:
    if bad.any():
        raise DataError(explain(problem, which=[f"series {row}" for row in np.flatnonzero(bad)], do=do))


def _reader(levels: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Per cell of u: the level below it (-1 in a tail), the first level that counts, the weights from that level on.

    Between levels the weights are Lagrange's: a cubic in the normal score through the four levels around.
    """
    u = (np.arange(_CELLS) + 0.5) / _CELLS
    n_levels, width = levels.size, 4
    below = np.clip(np.searchsorted(levels, u, side="right") - 1, 0, n_levels - 2)
    first = np.clip(below - 1, 0, n_levels - width)
    nodes = ndtri(levels)[first[:, None] + np.arange(width)]
    score = ndtri(u)[:, None]
    weight = np.ones((_CELLS, width))
    for j in range(width):
        for other in range(width):
            if other != j:
                weight[:, j] *= (score[:, 0] - nodes[:, other]) / (nodes[:, j] - nodes[:, other])
    lower, upper = u < levels[0], u > levels[-1]
    weight[lower | upper] = 0.0
    step = (levels[0] - u[lower]) / (levels[1] - levels[0])
    weight[lower, 0], weight[lower, 1] = 1.0 + step, -step
    step = np.log((1.0 - levels[-1]) / (1.0 - u[upper])) / np.log((1.0 - levels[-2]) / (1.0 - levels[-1]))
    weight[upper, -1], weight[upper, -2] = 1.0 + step, -step
    return np.where(lower | upper, -1, below), first, weight


@compiled
def _read(
    quantiles: NDArray[np.floating],
    row: int,
    n_days: int,
    below: int,
    first: int,
    w0: float,
    w1: float,
    w2: float,
    w3: float,
) -> float:
    """Demand of a row's next ``n_days`` days at a level; between two levels it stays between their values.

    Scalars instead of slices: a view costs more here than what is read through it.
    """
    if n_days == 0:
        return 0.0
    horizon = quantiles.shape[1]
    step = min(n_days, horizon) - 1
    value = w0 * quantiles[row, step, first] + w1 * quantiles[row, step, first + 1]
    value += w2 * quantiles[row, step, first + 2] + w3 * quantiles[row, step, first + 3]
    if below >= 0:
        value = min(max(value, float(quantiles[row, step, below])), float(quantiles[row, step, below + 1]))
    if n_days > horizon:
        value *= n_days / horizon
    return float(max(value, 0.0))


@compiled
def _moments(values: Floats) -> tuple[float, float]:
    mean = 0.0
    for value in values:
        mean += value
    mean /= len(values)
    square = 0.0
    for value in values:
        square += (value - mean) ** 2
    return mean, float(np.sqrt(square / len(values)))


@compiled
def _sample(
    start: int,
    stop: int,
    quantiles: NDArray[np.floating],
    below: NDArray[np.int64],
    first: NDArray[np.int64],
    weight: Floats,
    cdf: Floats,
    lead_mean: Floats,
    vendor: NDArray[np.int64],
    review_period: NDArray[np.int64],
    stream: NDArray[np.uint64],
    whole: bool,
    protection: Samples,
    lead: Samples,
    review: Samples,
    moments: Floats,
) -> None:
    n_cells, n_samples = len(below), protection.shape[1]
    long, fixed = np.empty(n_samples), np.empty(n_samples)
    for row in range(start, stop):
        who, n_review = vendor[row], review_period[row]
        place, level, half = uniform(stream[row], 1), uniform(stream[row], 2), uniform(stream[row], 3)
        mean_days = lead_mean[who] + n_review - 1
        whole_days = int(mean_days)
        part = mean_days - whole_days
        days = 0
        for i in range(n_samples):
            while cdf[who, days] <= (i + place) / n_samples and days < cdf.shape[1] - 1:
                days += 1
            u, v = level + i * _A, half + i * _B
            u, v = u - np.floor(u), v - np.floor(v)
            cell = int(u * n_cells)
            k, f = below[cell], first[cell]
            w0, w1, w2, w3 = weight[cell, 0], weight[cell, 1], weight[cell, 2], weight[cell, 3]
            b = _read(quantiles, row, days - 1, k, f, w0, w1, w2, w3)
            a = max(_read(quantiles, row, days + n_review - 1, k, f, w0, w1, w2, w3), b)
            c = _read(quantiles, row, whole_days, k, f, w0, w1, w2, w3)
            if part > 0.0:
                c += part * (_read(quantiles, row, whole_days + 1, k, f, w0, w1, w2, w3) - c)
            if whole:
                a, b, c = np.floor(a + v), np.floor(b + v), np.floor(c + v)
            long[i], fixed[i] = a, c
            protection[row, i], lead[row, i] = a, b
        moments[0, row], moments[1, row] = _moments(long)
        moments[2, row], moments[3, row] = _moments(fixed)
        for i in range(review.shape[1]):
            u, v = level + i * _A, half + i * _B
            u, v = u - np.floor(u), v - np.floor(v)
            cell = int(u * n_cells)
            k, f = below[cell], first[cell]
            w0, w1, w2, w3 = weight[cell, 0], weight[cell, 1], weight[cell, 2], weight[cell, 3]
            a = _read(quantiles, row, n_review, k, f, w0, w1, w2, w3)
            review[row, i] = np.floor(a + v) if whole else a
