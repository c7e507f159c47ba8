"""Calibration: how far upper quantiles must be stretched to hold what they promise, learnt on the last weeks known.

A network's tails are the least trained part of it, and safety stock is made of them. So each quantile above the median
is multiplied by the factor that would have been right in the last twelve weeks: the p-quantile of demand / quantile,
weighted by the quantile (the minimiser of the pinball loss of level p over factors, Koenker & Bassett 1978; a
multiplicative form of conformalized quantile regression, Romano et al. 2019). One factor per class of demand and level
for single days; for cumulative demand also per span of days, since errors that persist only show there.

A stock-out hides how much was wanted, and it happens on the very days on which most was wanted: leaving such days out
would teach that there are no tails. They count as "at least that much" (Kaplan & Meier 1958); as shelves run empty when
demand is high, that errs on the side of more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import torch
from torch import Tensor

from scaleinv.config import ForecastConfig
from scaleinv.forecast.group import Group
from scaleinv.forecast.history import History, known_at
from scaleinv.forecast.inputs import YEAR
from scaleinv.schema.words import ADI_CUT, CV2_CUT

N_CLASSES: Final = 4
"""Smooth, erratic, intermittent, lumpy, by the last year before the cutoff; what never sold is intermittent."""
SPANS: Final = (1, 3, 7, 14, 28)
"""Days of cumulative demand that have factors of their own; those between are read off in between."""
_MAX_SERIES: Final = 600
_STARTS: Final = 12
"""Forecasts, a season apart, that are scored; only the last ones lie wholly in the validation days, but a network of
this size does not remember the others, and rare events need many days to be seen at all."""
_DOUBT: Final = 50.0
"""A factor of n windows is drawn to 1 as if this many windows had said so."""
_BEYOND: Final = 5
"""Windows that must lie beyond a quantile to judge it; a rarer level takes the factor of the next lower one."""
_LARGEST: Final = 3.0
_MOST_HIDDEN: Final = 0.5
"""Share of windows with a stock-out from which on nothing is learnt of them: Kaplan and Meier want what is hidden to be
hidden by chance, and shelves are empty where much was wanted. Of weeks of which nearly all have an empty hour, it would
read off the few largest."""

Predicted = tuple[Tensor, Tensor]
"""(n_chosen, horizon, n_quantiles) daily and cumulative quantiles."""
Predict = Callable[[History, Tensor], Predicted]
"""Uncalibrated quantiles of the given series (positions) of a history."""


@dataclass(frozen=True)
class Calibration:
    """Factors of the quantiles."""

    daily: Tensor
    """(N_CLASSES, n_quantiles)"""
    cumulative: Tensor
    """(N_CLASSES, len(SPANS), n_quantiles)"""

    def apply(self, daily: Tensor, cumulative: Tensor, classes: Tensor) -> Predicted:
        """(n, horizon, n_quantiles) both, stretched for series of these ``classes`` (n,)."""
        per_step = _between_spans(self.cumulative, cumulative.shape[1])
        # What is wanted in four days is no less than what is wanted in three, whatever their factors say.
        return daily * self.daily[classes][:, None], (cumulative * per_step[classes]).cummax(1).values


def calibrate(predicted: Predict, group: Group, *, cutoff: date, config: ForecastConfig, season: int) -> Calibration:
    """The factors that would have been right on the last twelve seasons up to ``cutoff``.

    One forecast a season, each scored on the days that are left; no day after ``cutoff`` is read. A larger group is
    judged by an even choice of its series.
    """
    known = known_at(group, cutoff=cutoff, horizon=config.horizon, season=season)
    chosen = torch.arange(0, group.n_series, max(1, -(-group.n_series // _MAX_SERIES)), device=known.day.device)
    starts = [cutoff - timedelta(days=season * back) for back in range(_STARTS, 0, -1)]
    scored = [
        _scored(predicted, known, known_at(group, cutoff=start, horizon=config.horizon, season=season), chosen, config)
        for start in starts
    ]
    levels = config.quantile_levels
    daily = torch.ones(N_CLASSES, len(levels))
    cumulative = torch.ones(N_CLASSES, len(SPANS), len(levels))
    for name in range(N_CLASSES):
        daily[name] = _factors([one.days(name) for one in scored], levels)
        for at, span in enumerate(SPANS):
            cumulative[name, at] = _factors([one.totals(name, span) for one in scored], levels)
        _carry_on(cumulative[name])
    return Calibration(daily, cumulative)


def demand_classes(history: History) -> Tensor:
    """(n_series,) class of each series by its last year up to the cutoff: 2 * (sells seldom) + (sells unevenly)."""
    end = history.indptr[:-1] + history.n_days
    begin = end - history.n_days.clamp(max=YEAR)
    total, sold, squares = (running[end] - running[begin] for running in (history.sums, history.sales, history.squares))
    seldom = (end - begin) >= ADI_CUT * sold
    mean = total / sold.clamp(min=1)
    uneven = squares / sold.clamp(min=1) - mean**2 >= CV2_CUT * mean**2
    return (2 * seldom.long() + (uneven & (sold > 0)).long()).cpu()


@dataclass(frozen=True)
class _Scored:
    """One forecast beside what came; on the CPU."""

    classes: Tensor
    y: Tensor
    """(n, horizon)"""
    past: Tensor
    """(n, horizon) the day lies before the cutoff"""
    is_least: Tensor
    """(n, horizon) stock ran out, or sales are unknown"""
    daily: Tensor
    cumulative: Tensor

    def days(self, name: int) -> _Pairs:
        """Each known day of a class."""
        mine = (self.classes == name)[:, None] & self.past
        return _Pairs(self.y[mine], self.is_least[mine], self.daily[mine])

    def totals(self, name: int, span: int) -> _Pairs:
        """The first ``span`` days together of each series of a class; none where they reach beyond the cutoff."""
        mine = (self.classes == name) & self.past[:, :span].all(1) & (span <= self.y.shape[1])
        at = min(span, self.y.shape[1])
        return _Pairs(self.y[mine, :at].sum(1), self.is_least[mine, :at].any(1), self.cumulative[mine, at - 1])


@dataclass(frozen=True)
class _Pairs:
    """Demand and what was predicted of it."""

    y: Tensor
    """(m,)"""
    is_least: Tensor
    """(m,) demand was at least ``y``: stock ran out"""
    quantiles: Tensor
    """(m, n_quantiles)"""


def _scored(
    predicted: Predict,
    known: History,
    history: History,
    chosen: Tensor,
    config: ForecastConfig,
) -> _Scored:
    chosen = chosen[history.is_grown(config.min_days)[chosen]]
    daily, cumulative = predicted(history, chosen)
    step = torch.arange(config.horizon, device=chosen.device)
    row = (known.indptr[chosen] + history.n_days[chosen])[:, None] + step
    row = row.clamp(max=max(len(known.y) - 1, 0))
    past = (step < known.cutoff - history.cutoff).expand(row.shape)
    return _Scored(
        classes=demand_classes(history)[chosen.cpu()],
        y=torch.where(past, known.least[row], 0.0).cpu(),
        past=past.cpu(),
        is_least=(past & ~known.observed[row]).cpu(),
        daily=daily,
        cumulative=cumulative,
    )


def _factors(scored: Sequence[_Pairs], levels: Sequence[float]) -> Tensor:
    """(n_quantiles,) factors, from several forecasts."""
    y = torch.cat([one.y for one in scored]).double()
    is_least = torch.cat([one.is_least for one in scored])
    predicted = torch.cat([one.quantiles for one in scored]).double()
    factors = torch.ones(len(levels), dtype=torch.float64)
    for at, level in enumerate(levels):
        if level <= 0.5:
            continue
        usable = predicted[:, at] > 1e-6
        n = int(usable.sum())
        if n * (1 - level) < _BEYOND:
            factors[at] = factors[at - 1].clamp(min=1)  # nothing says that the tail is too long
            continue
        weight = predicted[usable, at]
        if weight[is_least[usable]].sum() > _MOST_HIDDEN * weight.sum():
            continue
        found = censored_quantile(y[usable] / weight, is_least[usable], weight, level)
        factors[at] = ((found.clamp(1 / _LARGEST, _LARGEST) - 1) * n / (n + _DOUBT)) + 1
    return factors.float()


def censored_quantile(values: Tensor, is_least: Tensor, weights: Tensor, level: float) -> Tensor:
    """The ``level`` quantile of weighted ``values``, some of which are only known to be at least that (Kaplan-Meier).

    Where so many of the largest are of that kind that the quantile is not reached, the largest value known.

    >>> few = torch.tensor([1.0, 2.0, 3.0, 4.0])
    >>> float(censored_quantile(few, torch.tensor([False, True, False, False]), torch.ones(4), 0.5))
    3.0
    """
    order = torch.argsort(values + 1e-12 * is_least)  # of equal values those that are exact come first
    weight = weights[order].double()
    at_risk = weight.flip(0).cumsum(0).flip(0)
    stays = torch.where(is_least[order], 1.0, 1.0 - weight / at_risk)
    reached = torch.nonzero(stays.cumprod(0) <= 1 - level + 1e-12).flatten()
    return values[order][reached[0] if len(reached) else -1]


def _carry_on(cumulative: Tensor) -> None:
    """Spans too long to have been seen whole take the factors of the longest that was; in place."""
    for at in range(1, len(SPANS)):
        if bool((cumulative[at] == 1).all()):
            cumulative[at] = cumulative[at - 1]


def _between_spans(factors: Tensor, horizon: int) -> Tensor:
    """(N_CLASSES, horizon, n_quantiles) straight lines in log days between the spans."""
    step = torch.arange(1, horizon + 1, dtype=torch.float32).log()
    at = torch.tensor(SPANS, dtype=torch.float32).log()
    right = torch.searchsorted(at, step).clamp(1, len(SPANS) - 1)
    share = ((step - at[right - 1]) / (at[right] - at[right - 1])).clamp(0, 1)[None, :, None]
    return torch.lerp(factors[:, right - 1], factors[:, right], share)
