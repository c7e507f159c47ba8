"""From sums per series to sums per label, which add up over groups, and from these to one number per metric."""

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
_PLAIN: Final = (
    "n_days", "demand", "error", "absolute_error", "squared_error", "relative_error", "n_relative", "order_cost",
)  # fmt: skip
_RATIOS: Final = ("mase", "rmsse", "scaled_pinball")

Sums = dict[str, _Floats]
"""Label -> number of scored series, then the sums behind its metrics: a few hundred numbers, however many series."""


def metric_names(levels: Sequence[float]) -> tuple[str, ...]:
    """Names of the metrics that :func:`aggregate` gives for these quantile levels, in its order."""
    coverage = tuple(f"coverage_{level:g}" for level in levels)
    return ("mae", "rmse", "mape", "wape", "bias", "mase", "rmsse", "wql", "scaled_pinball", "order_cost", *coverage)


def aggregate(stats: Statistics, by: ArrayLike) -> dict[str, dict[str, float]]:
    """Every metric for every label, labels sorted; nan where a metric is not defined.

    Over all scored series-days of a label, equally: ``mae``, ``rmse``, ``coverage_<level>`` (share of days with
    y <= quantile; demand is discrete, so a calibrated forecast covers the level or more). ``mape`` leaves out days
    with y == 0, on which a relative error has no meaning: it says nothing about days without demand.
    Over the label's total demand: ``wape`` = sum abs(mean - y) / sum y, ``bias`` = sum(mean - y) / sum y, ``wql`` =
    mean over those of the levels 0.1, 0.2 … 0.9 that the forecast has, and no others, of 2 * sum pinball / sum y.
    Mean over the label's series: ``mase``, ``rmsse`` (equal weights) and ``scaled_pinball`` (mean over M5's nine
    levels, series weighted by ``weight``). A series without scored days or without a scale above zero has no share.
    Summed up: ``order_cost``, in money.

    Args:
        stats: sums per series.
        by: (n_series,) label of each series.

    Raises:
        ValueError: there are not as many labels as series.
    """
    return metrics(label_sums(stats, by), stats.levels)


def label_sums(stats: Statistics, by: ArrayLike) -> Sums:
    """The sums of every label, labels sorted; those of several groups are put together by :func:`added`.

    Raises:
        ValueError: there are not as many labels as series.
    """
    labels = np.asarray(by).astype(np.str_)
    if labels.shape != stats.n_days.shape:
        raise ValueError(f"by has shape {labels.shape}, expected {stats.n_days.shape}")
    names, owner = np.unique(labels, return_inverse=True)
    columns = [(stats.n_days > 0).astype(np.float64), *(getattr(stats, name) for name in _PLAIN)]
    columns += [*stats.pinball.T, *stats.covered.T]
    with np.errstate(all="ignore"):
        columns += _ratios(stats)
    table = [np.bincount(owner, weights=column, minlength=names.size) for column in columns]
    return {str(name): np.array([row[at] for row in table], dtype=np.float64) for at, name in enumerate(names)}


def added(one: Sums, other: Sums) -> Sums:
    """The sums of both, label by label, labels sorted."""
    return {
        name: one[name] + other[name] if name in one and name in other else one.get(name, other.get(name, np.empty(0)))
        for name in sorted({*one, *other})
    }


def scored_series(sums: Sums) -> dict[str, int]:
    """Number of series with at least one scored day, per label."""
    return {name: int(values[0]) for name, values in sums.items()}


def metrics(sums: Sums, levels: Sequence[float]) -> dict[str, dict[str, float]]:
    """Every metric of every label, as :func:`aggregate` describes them."""
    with np.errstate(all="ignore"):
        return {name: _metrics(values, levels) for name, values in sums.items()}


def _ratios(stats: Statistics) -> list[_Floats]:
    """Numerator and denominator of the metrics that are made per series, then averaged: (n_series,) two for each."""
    n_days = stats.n_days
    positions = _positions(stats.levels, M5_LEVELS)
    pinball = stats.pinball[:, positions].mean(axis=1) if len(positions) == len(M5_LEVELS) else n_days * np.nan
    equal = np.ones_like(n_days)
    columns: list[_Floats] = []
    for error, scale, weight, power in (
        (stats.absolute_error, stats.mase_scale, equal, 1.0),
        (stats.squared_error, stats.rmsse_scale, equal, 0.5),
        (pinball, stats.pinball_scale, stats.weight, 1.0),
    ):
        defined = (n_days > 0) & (scale > 0)  # a nan scale is not above zero
        ratio = (error / n_days / scale) ** power
        columns += [np.where(defined, ratio * weight, 0.0), np.where(defined, weight, 0.0)]
    return columns


def _metrics(values: _Floats, levels: Sequence[float]) -> dict[str, float]:
    plain = dict(zip(_PLAIN, values[1:], strict=False))
    start = 1 + len(_PLAIN)
    pinball, covered, ratios = np.split(values[start:], [len(levels), 2 * len(levels)])
    losses = pinball[_positions(levels, WQL_LEVELS)]
    found = {
        "mae": plain["absolute_error"] / plain["n_days"],
        "rmse": np.sqrt(plain["squared_error"] / plain["n_days"]),
        "mape": plain["relative_error"] / plain["n_relative"],
        "wape": _share(plain["absolute_error"], plain["demand"]),
        "bias": _share(plain["error"], plain["demand"]),
        "wql": _share(2 * losses.mean(), plain["demand"]) if len(losses) else np.nan,
        "order_cost": plain["order_cost"],
        **{name: ratios[2 * at] / ratios[2 * at + 1] for at, name in enumerate(_RATIOS)},
        **{f"coverage_{level:g}": covered[at] / plain["n_days"] for at, level in enumerate(levels)},
    }
    return {name: float(found[name]) for name in metric_names(levels)}


def _share(numerator: float, demand: float) -> float:
    """Numerator / demand; nan, not infinity, where nothing was demanded."""
    return numerator / demand if demand > 0 else np.nan


def _positions(levels: Sequence[float], wanted: Sequence[float]) -> list[int]:
    """Where the wanted levels stand among the forecast's levels; missing ones are left out."""
    return [at for at, level in enumerate(levels) if any(abs(level - one) < _SAME_LEVEL for one in wanted)]
