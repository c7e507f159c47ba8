"""Reorder points by formula, a million SKU-locations in a fraction of a second: one compiled pass over the rows.

Rows are spread over threads (``NUMBA_NUM_THREADS``), results do not depend on how many. ``on_device.py`` has the same
functions for torch tensors, ``docs/optimizer-speed.md`` the speed beside NumPy's, SciPy's and stockpyl's.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, fused, run_rows
from scaleinv.inventory.draws import streams, uniform
from scaleinv.inventory.gamma import gamma_quantile
from scaleinv.inventory.lead_time import lead_time_cdf
from scaleinv.inventory.negative_binomial import negative_binomial_quantile
from scaleinv.inventory.special import inverse_loss, normal_quantile

Floats = NDArray[np.float64]

_PURPOSE = 5
_MOST_DAYS = 32_767
_GOLDEN = 0.6180339887498949
_INFINITE = 0x7F800000


def normal_reorder_point(
    cycle_service_level: ArrayLike, mean: ArrayLike, sd: ArrayLike, n_days: ArrayLike, lead_time_sd: ArrayLike
) -> Floats:
    """(n_series,) ``tau mean + z sqrt(tau sd^2 + mean^2 sd_L^2)``, units: normal demand over a random lead time.

    Silver, Pyke & Thomas, section 6.7; Chopra & Meindl, chapter 12. A single number stands for every series.

    Args:
        cycle_service_level: chance of no shortage, within (0, 1).
        mean: demand of a day, units.
        sd: its standard deviation, units.
        n_days: tau, the mean number of days protected.
        lead_time_sd: standard deviation of the lead time, days.

    >>> round(float(normal_reorder_point(0.9, 2500, 500, 7, 7)) - 7 * 2500, 2)
    22491.14
    """
    return _over_rows(_normal, cycle_service_level, mean, sd, n_days, lead_time_sd)


def gamma_reorder_point(cycle_service_level: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """(n_series,) the quantile of gamma demand with this mean and variance over the interval protected, units.

    ``mean`` where the variance is 0; 0 where the mean is.

    >>> round(float(gamma_reorder_point(0.95, 40, 400)), 6)
    77.536565
    """
    return _over_rows(_gamma, cycle_service_level, mean, variance)


def negative_binomial_reorder_point(cycle_service_level: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """(n_series,) the smallest whole r with ``P(D <= r) >= level``, D negative binomial; Poisson up to variance = mean.

    >>> negative_binomial_reorder_point([0.9, 0.95, 0.98, 0.99], 40, 200).tolist()
    [59.0, 66.0, 74.0, 79.0]
    """
    return _over_rows(_negative_binomial, cycle_service_level, mean, variance)


def fill_rate_safety_stock(fill_rate: ArrayLike, order_quantity: ArrayLike, spread: ArrayLike) -> Floats:
    """(n_series,) ``z spread`` with ``spread G(z) = (1 - fill_rate) order_quantity``, units; may be negative.

    ``spread`` is the standard deviation of demand over the interval protected; 0 where it is 0.
    """
    return _over_rows(_fill_rate, fill_rate, order_quantity, spread)


def path_days(
    lead_time_probability: NDArray[np.floating],
    vendor: NDArray[np.integer],
    review_period: NDArray[np.integer],
    *,
    key: NDArray[np.uint64],
    n_samples: int,
    seed: int,
) -> NDArray[np.int16]:
    """(n_series, n_samples) days protected, L + R - 1, on each sample path: lead times spread evenly over the paths.

    In two bytes, since whoever adds up paths waits for memory; no path has more days than they hold.
    """
    cdf = lead_time_cdf(lead_time_probability)
    days = np.empty((len(vendor), n_samples), dtype=np.int16)
    owner, period = np.ascontiguousarray(vendor, np.int64), np.ascontiguousarray(review_period, np.int64)
    run_rows(_path_days, len(vendor), cdf, owner, period, streams(seed, key, _PURPOSE), days)
    return days


def path_quantile(paths: NDArray[np.float32], days: NDArray[np.integer], cycle_service_level: ArrayLike) -> Floats:
    """(n_series,) the smallest sum of a path with ``P(sum <= it) >= level``, units: dependent days need no formula.

    Each path is added up over its own number of days; the quantile is found by selection; a sum below 0 counts as 0.

    Args:
        paths: (n_series, n_samples, horizon) demand of a day.
        days: (n_series, n_samples), of :func:`path_days`; more than the horizon counts as the horizon.
        cycle_service_level: within (0, 1).

    Raises:
        DataError: shapes do not fit.
    """
    if paths.ndim != 3 or days.shape != paths.shape[:2] or 0 in paths.shape[1:]:
        raise DataError(
            explain("sample paths and their days do not fit", expected=f"days {paths.shape[:2]}", found=days.shape)
        )
    n_series = len(paths)
    level = np.broadcast_to(np.asarray(cycle_service_level, dtype=np.float64), (n_series,))
    point = np.empty(n_series)
    run_rows(_path_quantile, n_series, np.ascontiguousarray(paths), np.ascontiguousarray(days), level, point)
    return point


def _over_rows(kernel: object, *values: ArrayLike) -> Floats:
    arrays = [np.asarray(value, dtype=np.float64) for value in values]
    shape = np.broadcast_shapes(*[array.shape for array in arrays])
    rows = [np.broadcast_to(array, shape).reshape(-1) if array.ndim != 1 else array for array in arrays]
    rows = [row if len(row) == math.prod(shape) else np.broadcast_to(row, shape).reshape(-1) for row in rows]
    result = np.empty(shape)
    run_rows(kernel, result.size, *rows, result.reshape(-1))  # type: ignore[arg-type]
    return result


@fused
def _normal(
    start: int, stop: int, level: Floats, mean: Floats, sd: Floats, n_days: Floats, lead_sd: Floats, point: Floats
) -> None:
    for row in range(start, stop):
        of_lead = mean[row] * lead_sd[row]
        spread = math.sqrt(n_days[row] * sd[row] * sd[row] + of_lead * of_lead)
        point[row] = n_days[row] * mean[row] + normal_quantile(level[row]) * spread


@fused
def _gamma(start: int, stop: int, level: Floats, mean: Floats, variance: Floats, point: Floats) -> None:
    for row in range(start, stop):
        scale = variance[row] / mean[row]
        if scale > 0.0 and mean[row] > 0.0:
            point[row] = gamma_quantile(level[row], mean[row] / scale) * scale
        else:
            point[row] = mean[row] if variance[row] == 0.0 or mean[row] == 0.0 else np.nan


@fused
def _negative_binomial(start: int, stop: int, level: Floats, mean: Floats, variance: Floats, point: Floats) -> None:
    for row in range(start, stop):
        excess = (variance[row] - mean[row]) / mean[row] if mean[row] > 0.0 else 0.0
        point[row] = negative_binomial_quantile(level[row], mean[row], excess)


@fused
def _fill_rate(start: int, stop: int, fill_rate: Floats, quantity: Floats, spread: Floats, stock: Floats) -> None:
    for row in range(start, stop):
        sigma = spread[row]
        if sigma > 0.0:
            stock[row] = sigma * inverse_loss((1.0 - fill_rate[row]) * quantity[row] / sigma)
        else:
            stock[row] = 0.0 if sigma == 0.0 else np.nan


@compiled
def _path_days(
    start: int,
    stop: int,
    cdf: Floats,
    vendor: NDArray[np.int64],
    review_period: NDArray[np.int64],
    stream: NDArray[np.uint64],
    days: NDArray[np.int16],
) -> None:
    last = cdf.shape[1] - 1
    for row in range(start, stop):
        who, place = vendor[row], uniform(stream[row], 1)
        for i in range(days.shape[1]):
            luck = (place + i * _GOLDEN) % 1.0
            lead = 0
            while lead < last and cdf[who, lead] <= luck:
                lead += 1
            days[row, i] = min(lead + review_period[row] - 1, _MOST_DAYS)


@compiled
def _path_quantile(
    start: int, stop: int, paths: NDArray[np.float32], days: NDArray[np.integer], level: Floats, point: Floats
) -> None:
    n_samples, horizon = paths.shape[1], paths.shape[2]
    sums = np.empty(n_samples, dtype=np.float32)
    bits = sums.view(np.int32)  # of numbers that are not negative they rise with the number; not-a-numbers lie above
    found = np.empty(1, dtype=np.int32)
    for row in range(start, stop):
        for i in range(n_samples):
            n = min(days[row, i], horizon)
            a, b, c, d = np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0)
            whole = n & ~3
            for t in range(0, whole, 4):  # four sums, so that additions need not wait for each other
                a += paths[row, i, t]
                b += paths[row, i, t + 1]
                c += paths[row, i, t + 2]
                d += paths[row, i, t + 3]
            for t in range(whole, n):
                a += paths[row, i, t]
            total = (a + b) + (c + d)
            sums[i] = np.float32(0.0) if total <= 0.0 else total  # -0 has a bit pattern of its own
        place = math.ceil(level[row] * n_samples - 1e-9)
        low, high = bits.min(), bits.max()
        found[0] = _selected(bits, min(max(place, 1), n_samples), low, high)
        point[row] = found.view(np.float32)[0] if low >= 0 and high <= _INFINITE else np.nan


@compiled
def _selected(bits: NDArray[np.int32], place: int, low: np.int32, high: np.int32) -> np.int32:
    """The ``place``-th smallest, of the least and the greatest; halves the range between values that are there.

    A pass over all values is a handful of vector instructions, with none of the branches that a partition guesses
    wrongly.
    """
    while low < high:
        middle = np.int32(low + (high - low) // 2)
        n, below, above = np.int32(0), low, high
        for i in range(len(bits)):
            n += np.int32(bits[i] <= middle)
            below = max(below, bits[i] if bits[i] <= middle else low)
            above = min(above, bits[i] if bits[i] > middle else high)
        if n >= place:
            high = below
        else:
            low = above
    return low
