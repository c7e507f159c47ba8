"""From sums per series to one number per label and metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.evaluation.statistics import Statistics

_Floats = NDArray[np.float64]

WQL_LEVELS: Final = tuple(tenth / 10 for tenth in range(1, 10))
"""Levels of the weighted quantile loss; those that the forecast has are used."""
M5_LEVELS: Final = (0.005, 0.025, 0.165, 0.25, 0.5, 0.75, 0.835, 0.975, 0.995)
"""Levels of M5's scaled pinball loss; all nine or it is not defined."""
_SAME_LEVEL = 1e-9


def metric_names(levels: Sequence[float]) -> tuple[str, ...]:
    """Names of the metrics that :func:`aggregate` gives for these quantile levels, in its order."""
    coverage = tuple(f"coverage_{level:g}" for level in levels)
    return ("mae", "rmse", "mape", "wape", "bias", "mase", "rmsse", "wql", "scaled_pinball", *coverage)


def aggregate(stats: Statistics, by: ArrayLike) -> dict[str, dict[str, float]]:
    """Every metric for every label, labels sorted; nan where a metric is not defined.

    Over all scored series-days of a label, equally: ``mae``, ``rmse``, ``coverage_<level>`` (share of days with
    y <= quantile; demand is discrete, so a calibrated forecast covers the level or more). ``mape`` leaves out days
    with y == 0, on which a relative error has no meaning: it says nothing about days without demand.
    Over the label's total demand: ``wape`` = sum abs(mean - y) / sum y, ``bias`` = sum(mean - y) / sum y, ``wql`` =
    mean over those of the levels 0.1, 0.2 … 0.9 that the forecast has, and no others, of 2 * sum pinball / sum y.
    Mean over the label's series: ``mase``, ``rmsse`` (equal weights) and ``scaled_pinball`` (mean over M5's nine
    levels, series weighted by ``weight``). A series without scored days or without a scale above zero has no share.

    Args:
        stats: sums per series.
        by: (n_series,) label of each series.

    Raises:
        ValueError: there are not as many labels as series.
    """
    names, owner = _labels(stats, by)
    with np.errstate(all="ignore"):
        table = {**_pooled(stats, owner, names.size), **_per_series(stats, owner, names.size)}
    columns = [(metric, table[metric].tolist()) for metric in metric_names(stats.levels)]
    return {str(name): {metric: values[at] for metric, values in columns} for at, name in enumerate(names)}


def scored_series(stats: Statistics, by: ArrayLike) -> dict[str, int]:
    """Number of series with at least one scored day, per label, labels sorted.

    Raises:
        ValueError: there are not as many labels as series.
    """
    names, owner = _labels(stats, by)
    counts = np.bincount(owner[stats.n_days > 0], minlength=names.size)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def _labels(stats: Statistics, by: ArrayLike) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
    labels = np.asarray(by).astype(np.str_)
    if labels.shape != stats.n_days.shape:
        raise ValueError(f"by has shape {labels.shape}, expected {stats.n_days.shape}")
    names, owner = np.unique(labels, return_inverse=True)
    return names, owner


def _pooled(stats: Statistics, owner: NDArray[np.intp], n_labels: int) -> dict[str, _Floats]:
    """Metrics over all days of a label together."""

    def total(values: _Floats) -> _Floats:
        return np.bincount(owner, weights=values, minlength=n_labels).astype(np.float64, copy=False)

    n_days, demand, absolute = total(stats.n_days), total(stats.demand), total(stats.absolute_error)
    losses = [total(stats.pinball[:, at]) for at in _positions(stats.levels, WQL_LEVELS)]
    metrics = {
        "mae": absolute / n_days,
        "rmse": np.sqrt(total(stats.squared_error) / n_days),
        "mape": total(stats.relative_error) / total(stats.n_relative),
        "wape": _share(absolute, demand),
        "bias": _share(total(stats.error), demand),
        "wql": _share(2 * np.mean(losses, axis=0), demand) if losses else np.full(n_labels, np.nan),
    }
    for at, level in enumerate(stats.levels):
        metrics[f"coverage_{level:g}"] = total(stats.covered[:, at]) / n_days
    return metrics


def _per_series(stats: Statistics, owner: NDArray[np.intp], n_labels: int) -> dict[str, _Floats]:
    """Metrics that are made per series, then averaged over the label's series."""
    n_days = stats.n_days
    positions = _positions(stats.levels, M5_LEVELS)
    pinball = stats.pinball[:, positions].mean(axis=1) if len(positions) == len(M5_LEVELS) else n_days * np.nan
    equal = np.ones_like(n_days)

    def mean(error: _Floats, scale: _Floats, weight: _Floats, power: float = 1.0) -> _Floats:
        defined = (n_days > 0) & (scale > 0)  # a nan scale is not above zero
        ratio = (error[defined] / n_days[defined] / scale[defined]) ** power
        used, share = owner[defined], weight[defined]
        top = np.bincount(used, weights=ratio * share, minlength=n_labels)
        return top / np.bincount(used, weights=share, minlength=n_labels)

    return {
        "mase": mean(stats.absolute_error, stats.mase_scale, equal),
        "rmsse": mean(stats.squared_error, stats.rmsse_scale, equal, power=0.5),
        "scaled_pinball": mean(pinball, stats.pinball_scale, stats.weight),
    }


def _share(numerator: _Floats, demand: _Floats) -> _Floats:
    """Numerator / demand; nan, not infinity, where nothing was demanded."""
    return np.where(demand > 0, numerator / demand, np.nan)


def _positions(levels: Sequence[float], wanted: Sequence[float]) -> list[int]:
    """Where the wanted levels stand among the forecast's levels; missing ones are left out."""
    return [at for at, level in enumerate(levels) if any(abs(level - one) < _SAME_LEVEL for one in wanted)]
