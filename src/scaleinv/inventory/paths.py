"""Sample paths of demand where no formula holds: errors that move together, and bootstrap of intermittent demand.

Paths are (n_series, n_samples, horizon). What is needed of them is the distribution of their **sums** over a lead time;
the quantiles of single periods must never be added up. Sources: Willemain, Smart & Schwarz (2004) for the bootstrap;
Nelsen, *An Introduction to Copulas*, for the normal copula.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.demand import Demand
from scaleinv.inventory.demand_discrete import probability_table
from scaleinv.inventory.draws import streams, uniform
from scaleinv.inventory.inputs import not_negative, numbers
from scaleinv.inventory.lead_time import lead_time_cdf

Floats = NDArray[np.float64]

_PATHS, _BOOTSTRAP, _LEAD = 11, 12, 13
_REST = 1e-12


def equal_correlation(correlation: ArrayLike, horizon: int) -> Floats:
    """(…, horizon, horizon): every period with every other the same."""
    rho = numbers("correlation", correlation, 0.0, 1.0)[..., None, None]
    return np.where(np.eye(horizon, dtype=np.bool_), 1.0, rho)


def fading_correlation(correlation: ArrayLike, horizon: int) -> Floats:
    """(…, horizon, horizon): ``rho^|i - j|``, as of an AR(1)."""
    rho = numbers("correlation", correlation, -1.0, 1.0)[..., None, None]
    steps = np.arange(horizon)
    return np.asarray(rho ** np.abs(steps[:, None] - steps), dtype=np.float64)


def copula_paths(
    period: Demand, correlation: ArrayLike, *, n_samples: int, key: NDArray[np.uint64], seed: int
) -> Floats:
    """(n_series, n_samples, horizon) demand whose single periods follow ``period``, tied by a normal copula.

    Args:
        period: demand of one period, (n_series,).
        correlation: (horizon, horizon) or (n_series, horizon, horizon) of the normal scores.
        n_samples: paths per series.
        key: (n_series,) a hash of the series' name: the same paths in any chunk or order.
        seed: another seed, other paths.

    Raises:
        DataError: a correlation is no correlation matrix.
    """
    matrix = numbers("correlation", correlation, -1.0, 1.0)
    lowest = np.linalg.eigvalsh(matrix)[..., 0]
    if (lowest < -1e-9).any() or (np.abs(np.diagonal(matrix, axis1=-2, axis2=-1) - 1.0) > 1e-9).any():
        raise DataError(explain("correlations do not fit each other", expected="no eigenvalue below 0, ones across"))
    horizon = matrix.shape[-1]
    root = np.linalg.cholesky(matrix + 1e-12 * np.eye(horizon))
    normal = np.empty((len(key), n_samples, horizon))
    run_rows(_fill_uniform, len(key), streams(seed, key, _PATHS), normal)
    normal = ndtri(normal) @ np.swapaxes(root, -1, -2)
    share = np.asarray(ndtr(normal), dtype=np.float64)
    if not period.is_whole or (period.cdf(-1.0) > 0).any():
        return period.expanded().expanded().quantile(share) if np.ndim(period.mean) else period.quantile(share)
    n_values = int(np.max(period.quantile(1.0 - _REST), initial=0.0)) + 2
    table = np.cumsum(probability_table(period, n_values), axis=-1)
    table = np.ascontiguousarray(np.broadcast_to(table, (len(key), n_values)))
    run_rows(_look_up, len(key), table, share)
    return share


def willemain_paths(
    history: ArrayLike, horizon: int, *, n_samples: int, key: NDArray[np.uint64], seed: int, jitter: bool = True
) -> Floats:
    """(n_series, n_samples, horizon) bootstrap of intermittent demand.

    Whether a period has demand follows a two-state Markov chain, estimated on ``history`` (n_series, n_periods) and
    begun in its last state; sizes are drawn from those seen and ``jitter`` moves a size x to ``1 + int(x + z
    sqrt(x))``, or leaves it where that is not above 0. A series that never sold has paths of 0.
    """
    seen = np.ascontiguousarray(np.atleast_2d(not_negative("history", history)))
    paths = np.empty((len(seen), n_samples, horizon))
    run_rows(_bootstrap, len(seen), seen, streams(seed, key, _BOOTSTRAP), jitter, paths)
    return paths


def path_sums(
    paths: Floats,
    lead_time_probability: ArrayLike,
    vendor: NDArray[np.integer],
    *,
    key: NDArray[np.uint64],
    seed: int,
    review: int = 0,
) -> Floats:
    """(n_series, n_samples) demand of each path until its own lead time, drawn per path, + ``review`` periods is over.

    A path that is too short is stretched: its sum times periods / horizon.

    Args:
        paths: (n_series, n_samples, horizon).
        lead_time_probability: (n_vendors, max_lead + 1) of 0, 1, 2 … periods; 0 counts as 1.
        vendor: (n_series,) row of it.
        key: (n_series,) a hash of the series' name.
        seed: of the lead times.
        review: periods.
    """
    cdf = lead_time_cdf(np.asarray(lead_time_probability, dtype=np.float64))
    sums = np.empty(paths.shape[:2])
    whose = np.ascontiguousarray(vendor, dtype=np.int64)
    run_rows(_sums, len(sums), np.ascontiguousarray(paths), cdf, whose, streams(seed, key, _LEAD), review, sums)
    return sums


@compiled
def _fill_uniform(start: int, stop: int, stream: NDArray[np.uint64], out: Floats) -> None:
    n_samples, horizon = out.shape[1], out.shape[2]
    for row in range(start, stop):
        for i in range(n_samples):
            for t in range(horizon):
                out[row, i, t] = max(uniform(stream[row], i * horizon + t), 5.6e-17)


@compiled
def _look_up(start: int, stop: int, table: Floats, share: Floats) -> None:
    for row in range(start, stop):
        last = table.shape[1] - 1
        for i in range(share.shape[1]):
            for t in range(share.shape[2]):
                share[row, i, t] = min(np.searchsorted(table[row], share[row, i, t]), last)


@compiled
def _bootstrap(start: int, stop: int, seen: Floats, stream: NDArray[np.uint64], jitter: bool, paths: Floats) -> None:
    n_periods, horizon = seen.shape[1], paths.shape[2]
    sizes = np.empty(n_periods)
    for row in range(start, stop):
        n_sizes = 0
        moves = np.zeros((2, 2))
        for t in range(n_periods):
            if seen[row, t] > 0.0:
                sizes[n_sizes] = seen[row, t]
                n_sizes += 1
            if t > 0:
                moves[int(seen[row, t - 1] > 0.0), int(seen[row, t] > 0.0)] += 1.0
        if n_sizes == 0:
            paths[row] = 0.0
            continue
        # A state never left, or never seen before the last period, takes the share of periods with demand.
        chance = np.empty(2)
        for state in range(2):
            total = moves[state, 0] + moves[state, 1]
            chance[state] = moves[state, 1] / total if total > 0.0 else n_sizes / n_periods
        number = 0
        for i in range(paths.shape[1]):
            state = int(seen[row, n_periods - 1] > 0.0)
            for t in range(horizon):
                state = int(uniform(stream[row], number) < chance[state])
                size = sizes[int(uniform(stream[row], number + 1) * n_sizes)] if state else 0.0
                if state and jitter:
                    u, v = 1.0 - uniform(stream[row], number + 2), uniform(stream[row], number + 3)
                    z = np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)
                    moved = 1.0 + np.trunc(size + z * np.sqrt(size))
                    size = moved if moved > 0.0 else size
                paths[row, i, t] = size
                number += 4


@compiled
def _sums(
    start: int, stop: int, paths: Floats, cdf: Floats, vendor: NDArray[np.int64], stream: NDArray[np.uint64], review:
    int, sums: Floats,
) -> None:  # fmt: skip
    horizon = paths.shape[2]
    for row in range(start, stop):
        share = cdf[vendor[row]]
        for i in range(paths.shape[1]):
            luck, days = uniform(stream[row], i), 0
            while share[days] <= luck and days < len(share) - 1:
                days += 1
            wanted = days + review
            total = 0.0
            for t in range(min(wanted, horizon)):
                total += paths[row, i, t]
            sums[row, i] = total * max(wanted / horizon, 1.0)
