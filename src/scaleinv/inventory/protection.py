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
_N_FIXED = 128
_PURPOSE = 1


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

    Each lead time gets its share of the samples (rounded up or down by ``key`` and ``seed``), and these get levels u
    that are evenly spread: the samples are the mixture's own quantiles, without the noise of draws. Each reads the
    *cumulative* quantile function of step L + R - 1 at u: a cubic in the normal score between levels, kept between its
    two neighbours (so steps stay steps); above the last level an exponential tail through the last two, cut at
    1 - 1/16384; below the first linear; never under 0. Longer than the horizon: the last step's value times days /
    horizon, which keeps the relative spread and so errs on the safe side; such series are counted.

    Args:
        cumulative_quantiles: (n_series, horizon, n_quantiles) demand of steps 1 ... h together, units.
        levels: (n_quantiles,) ascending, within (0, 1), at least four.
        lead_time_probability: (n_vendors, max_lead + 1) of 0, 1, 2 ... days; 0 counts as 1.
        vendor: (n_series,) row of ``lead_time_probability``.
        review_period: (n_series,) days, at least 1.
        key: (n_series,) a hash of the series' name: the same draws in any chunk or order.
        n_samples: per series.
        seed: another seed, another shift.
        whole_units: round samples to whole units, up as often as keeps their mean. Goods are asked for in units;
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
    nodes, score, inverse = _reader(levels)
    protection = np.empty((n_series, n_samples), dtype=np.float32)
    lead = np.empty_like(protection)
    review = np.empty((n_series, _N_REVIEW), dtype=np.float32)
    moments = np.empty((4, n_series))
    stream = streams(seed, key, _PURPOSE)
    run_rows(
        _sample, n_series, quantiles, levels, nodes, score, inverse, cdf, lead_mean, owner, period, stream, whole_units,
        protection, lead, review, moments,
    )  # fmt: skip
    for samples in (protection, lead):
        samples.sort(axis=1)
    run_rows(_finish, n_series, stream, whole_units, protection, lead, moments)
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


def _reader(levels: Floats) -> tuple[Floats, Floats, Floats]:
    """Normal scores of the levels; per cell of u its score (in a tail: how far out); reciprocals of score differences.

    Between levels the quantile function is a cubic in the normal score through the four levels around.
    """
    u = (np.arange(_CELLS) + 0.5) / _CELLS
    nodes, score = ndtri(levels), ndtri(u)
    lower, upper = u < levels[0], u >= levels[-1]
    score[lower] = (levels[0] - u[lower]) / (levels[1] - levels[0])
    score[upper] = np.log((1.0 - levels[-1]) / (1.0 - u[upper])) / np.log((1.0 - levels[-2]) / (1.0 - levels[-1]))
    apart = nodes[:, None] - nodes[None, :]
    return nodes, score, 1.0 / np.where(apart == 0.0, 1.0, apart)


@compiled
def _first(level: float, n: int, n_cells: int) -> int:
    """The first of n evenly spread samples whose cell lies at ``level`` or above."""
    j = max(int(level * n - 0.5) - 1, 0)
    while j < n and (int((j + 0.5) * (n_cells / n)) + 0.5) / n_cells < level:
        j += 1
    return j


@compiled
def _read(
    quantiles: NDArray[np.floating],
    row: int,
    n_days: int,
    levels: Floats,
    nodes: Floats,
    score: Floats,
    inverse: Floats,
    out: NDArray[np.floating],
) -> None:
    """Fills ``out`` with demand of a row's next ``n_days`` days at evenly spread levels, ascending.

    Interval by interval, so that what an interval's values share is worked out once.
    """
    n, n_levels, n_cells = len(out), len(levels), len(score)
    if n_days == 0:
        out[:] = 0.0
        return
    horizon = quantiles.shape[1]
    step = min(n_days, horizon) - 1
    scale = n_days / horizon if n_days > horizon else 1.0
    cells = n_cells / n
    j = _first(levels[0], n, n_cells)
    low, high = float(quantiles[row, step, 0]), float(quantiles[row, step, 1])
    for i in range(j):
        out[i] = max(low + score[int((i + 0.5) * cells)] * (low - high), 0.0) * scale
    for k in range(n_levels - 1):
        end = _first(levels[k + 1], n, n_cells)
        if end > j:
            low, high = float(quantiles[row, step, k]), float(quantiles[row, step, k + 1])
            f = min(max(k - 1, 0), n_levels - 4)
            q0, q1 = float(quantiles[row, step, f]), float(quantiles[row, step, f + 1])
            q2, q3 = float(quantiles[row, step, f + 2]), float(quantiles[row, step, f + 3])
            d01, d12 = (q1 - q0) * inverse[f + 1, f], (q2 - q1) * inverse[f + 2, f + 1]
            d23 = (q3 - q2) * inverse[f + 3, f + 2]
            d012, d123 = (d12 - d01) * inverse[f + 2, f], (d23 - d12) * inverse[f + 3, f + 1]
            d0123 = (d123 - d012) * inverse[f + 3, f]
            z0, z1, z2 = nodes[f], nodes[f + 1], nodes[f + 2]
            for i in range(j, end):
                z = score[int((i + 0.5) * cells)]
                value = q0 + (z - z0) * (d01 + (z - z1) * (d012 + (z - z2) * d0123))
                out[i] = max(min(max(value, low), high), 0.0) * scale
            j = end
    low, high = float(quantiles[row, step, n_levels - 2]), float(quantiles[row, step, n_levels - 1])
    for i in range(j, n):
        out[i] = max(high + score[int((i + 0.5) * cells)] * (high - low), 0.0) * scale


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
    levels: Floats,
    nodes: Floats,
    score: Floats,
    inverse: Floats,
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
    n_samples, last = protection.shape[1], cdf.shape[1] - 1
    fixed, next_day = np.empty(_N_FIXED), np.empty(_N_FIXED)
    for row in range(start, stop):
        who, n_review = vendor[row], review_period[row]
        place = uniform(stream[row], 1)
        done = 0
        for days in range(1, last + 1):
            upto = n_samples if days == last else min(int(np.floor(cdf[who, days] * n_samples + place)), n_samples)
            if upto > done:
                long, short = protection[row, done:upto], lead[row, done:upto]
                _read(quantiles, row, days - 1, levels, nodes, score, inverse, short)
                _read(quantiles, row, days + n_review - 1, levels, nodes, score, inverse, long)
                for i in range(upto - done):
                    long[i] = max(long[i], short[i])
                done = upto
        mean_days = lead_mean[who] + n_review - 1
        whole_days = int(mean_days)
        part = mean_days - whole_days
        _read(quantiles, row, whole_days, levels, nodes, score, inverse, fixed)
        if part > 0.0:
            _read(quantiles, row, whole_days + 1, levels, nodes, score, inverse, next_day)
            for i in range(_N_FIXED):
                fixed[i] += part * (next_day[i] - fixed[i])
        moments[2, row], moments[3, row] = _moments(fixed)
        _read(quantiles, row, n_review, levels, nodes, score, inverse, review[row])
        if whole:
            fractions = 0.0
            for i in range(_N_FIXED):
                fractions += (fixed[i] - np.floor(fixed[i])) * (np.floor(fixed[i]) + 1.0 - fixed[i])
            moments[3, row] = np.sqrt(moments[3, row] ** 2 + fractions / _N_FIXED)  # what rounding at random adds
            _round(review[row], uniform(stream[row], 3))


@compiled
def _finish(
    start: int,
    stop: int,
    stream: NDArray[np.uint64],
    whole: bool,
    protection: Samples,
    lead: Samples,
    moments: Floats,
) -> None:
    for row in range(start, stop):
        if whole:
            half = uniform(stream[row], 3)
            _round(protection[row], half)
            _round(lead[row], half)
        moments[0, row], moments[1, row] = _moments(protection[row])


@compiled
def _round(values: Samples, half: float) -> None:
    """Ascending values to whole ones, of which ``n + half`` rounded down are at most m where n is expected to be.

    Each value x would be ``floor(x)`` with the chance ``floor(x) + 1 - x``, else one more. Ascending values stay so.
    """
    n, i, done = len(values), 0, 0
    while i < n:
        floor = np.floor(values[i])
        expected = float(i)
        while i < n and values[i] < floor + 1.0:
            expected += floor + 1.0 - values[i]
            i += 1
        for j in range(done, min(int(expected + half), i)):
            values[j] = floor
            done = j + 1
        if (i < n and values[i] >= floor + 2.0) or i == n:
            for j in range(done, i):
                values[j] = floor + 1.0
            done = i
