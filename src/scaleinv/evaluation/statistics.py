"""Sums per series from which every metric is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.evaluation.scales import Scales

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Statistics:
    """Sums over the scored days of every series: ``(n_series,)`` or ``(n_series, n_quantiles)``."""

    levels: tuple[float, ...]
    """Quantile levels, the last axis of ``pinball`` and ``covered``."""
    n_days: _Floats
    """Scored days."""
    demand: _Floats
    """Sum of y."""
    error: _Floats
    """Sum of mean - y."""
    absolute_error: _Floats
    squared_error: _Floats
    relative_error: _Floats
    """Sum of abs(mean - y) / abs(y) over days with y != 0."""
    n_relative: _Floats
    """Scored days with y != 0."""
    pinball: _Floats
    """(n_series, n_quantiles) sum of the pinball loss."""
    covered: _Floats
    """(n_series, n_quantiles) days with y <= quantile."""
    mase_scale: _Floats
    rmsse_scale: _Floats
    pinball_scale: _Floats
    weight: _Floats
    """Weight of the series in ``scaled_pinball``."""
    order_cost: _Floats
    """What orders would have cost, money: :func:`order_cost`; nan where nobody asked."""


def statistics(
    y: ArrayLike,
    usable: ArrayLike,
    mean: ArrayLike,
    quantiles: ArrayLike,
    levels: Sequence[float],
    history_scale: Scales | None = None,
    *,
    weights: ArrayLike | None = None,
) -> Statistics:
    """Sums per series of one forecast against what was sold.

    A value on a day that is not usable plays no part, whatever it is; a nan on a usable day makes the series' sums
    nan, so that a model which forgets a series is not rewarded for it.

    Args:
        y: (n_series, horizon) demand as sold.
        usable: (n_series, horizon) the day is scored: inside the series' life and no stock-out.
        mean: (n_series, horizon) expected demand.
        quantiles: (n_series, horizon, n_quantiles) quantiles of daily demand.
        levels: the quantile levels, 0 … 1.
        history_scale: scales of the same series; without, the scaled metrics are nan.
        weights: (n_series,) weight of each series in ``scaled_pinball`` (M5: sales value); default: all equal.

    Raises:
        ValueError: shapes do not fit together.
    """
    demand = np.asarray(y)
    scored = np.asarray(usable, dtype=bool)
    expected = np.asarray(mean)
    loss, covered = _quantile_sums(demand, scored, np.asarray(quantiles), levels)
    _same_shape(demand, mean=expected)
    n_series = demand.shape[0]
    scale = history_scale or _no_scales(n_series)
    weight = np.ones(n_series) if weights is None else np.asarray(weights, dtype=np.float64)
    for name, vector in (("history_scale", scale.mase), ("weights", weight)):
        if vector.shape != (n_series,):
            raise ValueError(f"{name} has shape {vector.shape}, expected {(n_series,)}")
    with np.errstate(all="ignore"):
        actual = np.where(scored, demand, 0).astype(np.float64)
        error = np.where(scored, expected, 0).astype(np.float64) - actual
        nonzero = scored & (actual != 0)
        relative = np.abs(error) / np.where(nonzero, np.abs(actual), 1.0)
        return Statistics(
            levels=tuple(float(level) for level in levels),
            n_days=scored.sum(axis=1).astype(np.float64),
            demand=actual.sum(axis=1),
            error=error.sum(axis=1),
            absolute_error=np.abs(error).sum(axis=1),
            squared_error=(error**2).sum(axis=1),
            relative_error=np.where(nonzero, relative, 0.0).sum(axis=1),
            n_relative=nonzero.sum(axis=1).astype(np.float64),
            pinball=loss,
            covered=covered,
            mase_scale=scale.mase,
            rmsse_scale=scale.rmsse,
            pinball_scale=scale.pinball,
            weight=weight,
            order_cost=np.full(n_series, np.nan),
        )


def cumulative_coverage(
    y: ArrayLike, usable: ArrayLike, cumulative_quantiles: ArrayLike, levels: Sequence[float], step: ArrayLike
) -> Statistics:
    """Coverage and pinball loss of the demand of days 1 … ``step`` together: what a reorder point is read from.

    One observation per series. A series is scored only if all its days up to ``step`` are usable and ``step`` lies in
    1 … horizon. Of the aggregated metrics only ``coverage_<level>`` and ``wql`` are defined, the others are nan: there
    is no mean and no scale.

    Args:
        y: (n_series, horizon) demand as sold.
        usable: (n_series, horizon) the day's sales are its demand.
        cumulative_quantiles: (n_series, horizon, n_quantiles) quantiles of the demand of steps 1 … h together.
        levels: the quantile levels, 0 … 1.
        step: (n_series,) number of days, for instance the protection interval rounded up.

    Raises:
        ValueError: shapes do not fit together.
    """
    demand = np.asarray(y)
    quantiles = np.asarray(cumulative_quantiles)
    steps = np.asarray(step)
    n_series, horizon = demand.shape
    if steps.shape != (n_series,) or quantiles.shape[:2] != demand.shape:
        raise ValueError(f"step {steps.shape} and cumulative_quantiles {quantiles.shape} do not fit y {demand.shape}")
    inside = (steps >= 1) & (steps <= horizon)
    days = np.where(inside, steps, 1).astype(np.int64)
    within = np.arange(horizon) < days[:, None]
    scored = inside & ~(within & ~np.asarray(usable, dtype=bool)).any(axis=1)
    total = np.where(within & scored[:, None], demand, 0).sum(axis=1, dtype=np.float64)
    at_step = quantiles[np.arange(n_series), days - 1] if horizon else np.full((n_series, len(levels)), np.nan)
    undefined = np.full((n_series, 1), np.nan)
    return statistics(total[:, None], scored[:, None], undefined, at_step[:, None], levels)


def order_cost(
    y: ArrayLike,
    usable: ArrayLike,
    cumulative_quantiles: ArrayLike,
    levels: Sequence[float],
    step: ArrayLike,
    target: ArrayLike,
    value: ArrayLike,
) -> _Floats:
    """What ordering up to each series' ``target`` quantile would have cost: the newsvendor's loss, in money.

    The order covers the demand of days 1 … ``step``. A unit that is missing costs ``target`` of the unit's value, one
    left over ``1 - target`` of it, which is the ratio of costs that makes the target the best quantile to order
    (Arrow, Harris & Marschak 1951; docs/metrics.md). Between two levels the quantile is read off in a straight line,
    beyond the outer ones it is theirs.

    Args:
        y: (n_series, horizon) demand as sold.
        usable: (n_series, horizon) the day's sales are its demand; a series with another day up to ``step`` costs 0.
        cumulative_quantiles: (n_series, horizon, n_quantiles) quantiles of the demand of steps 1 … h together.
        levels: the quantile levels, rising.
        step: (n_series,) days that an order must last; outside 1 … horizon it is the nearest of both.
        target: (n_series,) level of the quantile that is ordered up to.
        value: (n_series,) value of a unit.

    Returns:
        (n_series,) cost; nan where the forecast is.
    """
    demand, quantiles = np.asarray(y, dtype=np.float64), np.asarray(cumulative_quantiles, dtype=np.float64)
    n_series, horizon = demand.shape
    if not n_series:
        return np.zeros(0)
    days = np.clip(np.asarray(step, dtype=np.int64), 1, horizon)
    within = np.arange(horizon) < days[:, None]
    scored = ~(within & ~np.asarray(usable, dtype=bool)).any(axis=1)
    total = np.where(within & scored[:, None], demand, 0).sum(axis=1)
    at, grid = quantiles[np.arange(n_series), days - 1], np.asarray(levels, dtype=np.float64)
    wanted = np.clip(np.asarray(target, dtype=np.float64), grid[0], grid[-1])
    upper = np.clip(np.searchsorted(grid, wanted), 1, len(grid) - 1) if len(grid) > 1 else np.zeros(n_series, np.int64)
    lower = np.maximum(upper - 1, 0)
    share = (wanted - grid[lower]) / np.where(upper > lower, grid[upper] - grid[lower], 1.0)
    rows = np.arange(n_series)
    ordered = at[rows, lower] + share * (at[rows, upper] - at[rows, lower])
    short = total - ordered
    loss = np.maximum(wanted * short, (wanted - 1) * short) * np.asarray(value, dtype=np.float64)
    return np.where(scored, loss, 0.0)


def _quantile_sums(
    y: NDArray[np.generic], usable: NDArray[np.bool_], quantiles: NDArray[np.generic], levels: Sequence[float]
) -> tuple[_Floats, _Floats]:
    """Sums of pinball loss and of covered days, each (n_series, n_quantiles); level by level to save memory."""
    if y.ndim != 2:
        raise ValueError(f"y has shape {y.shape}, expected (n_series, horizon)")
    _same_shape(y, usable=usable)
    if quantiles.shape != (*y.shape, len(levels)):
        raise ValueError(f"quantiles has shape {quantiles.shape}, expected {(*y.shape, len(levels))}")
    loss, covered = np.empty((2, y.shape[0], len(levels)))
    actual = np.where(usable, y, 0).astype(np.float64)
    with np.errstate(all="ignore"):
        for at, level in enumerate(levels):
            short = actual - np.where(usable, quantiles[..., at], 0)
            loss[:, at] = np.maximum(level * short, (level - 1) * short).sum(axis=1)
            # nan must stay nan here: a forgotten quantile covers nothing and misses nothing
            covered[:, at] = np.where(np.isnan(short), np.nan, usable & (short <= 0)).sum(axis=1)
    return loss, covered


def _same_shape(y: NDArray[np.generic], **others: NDArray[np.generic]) -> None:
    for name, other in others.items():
        if other.shape != y.shape:
            raise ValueError(f"{name} has shape {other.shape}, expected that of y {y.shape}")


def _no_scales(n_series: int) -> Scales:
    undefined = np.full(n_series, np.nan)
    return Scales(undefined, undefined, undefined)
