"""Expected demand of every series and day from what was seen up to that day: a filter over days, all series at once.

Mean demand of series i on day t is level x weekday x promotion x day, the last one common to a pool (a location). A
level is the discounted gamma-Poisson estimate of a slowly wandering rate (Harvey & Fernandes 1989); weekdays and
promotions are ratios drawn to those of the pool, which are drawn to 1. A censored day enters with its expected demand
given what was seen (the E step of Dempster, Laird & Rubin 1977, taken day by day) and weighs as much as it tells: 1
less the share of variance that stays hidden (Orchard & Woodbury 1972). So days that sold out teach that more is wanted,
and empty shelves teach nothing. Nothing that comes after a day reaches its estimate, but for the first days of all (see
``_WARM_UP``): a backtest may read the estimates of a longer history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaleinv.features.counts import Floats, Seen

_MEMORY = 60.0
"""Days that a level remembers."""
_WARM_UP = 56
"""First days, from the first sale of all on, that are walked twice, so that they are not judged by a level that knows
nothing yet."""
_RATIO = 25.0
"""A ratio is drawn to its pool's as if so much demand had said it: the two differ by about 20 %."""
_DISPERSION = 10.0
"""Days of a large mean by which a series' dispersion is drawn to its pool's."""
_START = 0.5
"""Days that a first guess of a level is worth."""
_ROUNDS = 4
_LEAST_LEVEL = 1e-6
_LARGEST_RATIO = 10.0
"""What a weekday, a promotion or a day of a whole pool may do to demand."""
_MOST_TIMES = 10.0
"""Nobody believes that more was wanted on a day than so many times what the series has sold on its best one: where
shelves run empty day after day, sales are only ever lower bounds, and no likelihood has a largest value."""


@dataclass(frozen=True)
class Days:
    """Series by days; arrays (n_days, n_series) unless said otherwise. Quantities are counts."""

    is_alive: NDArray[np.bool_]
    is_promotion: NDArray[np.bool_]
    seen: Seen
    weekday: NDArray[np.intp]
    """(n_days,) 0 ... 6."""
    pool: NDArray[np.intp]
    """(n_series,)."""


def expected_demand(days: Days) -> tuple[Floats, Floats]:
    """(n_days, n_series) mean and standard deviation of demand; standard deviation 0 where a day hides nothing."""
    first = _first_sale(days)
    state = _State(days, first)
    n_days, n_series = days.is_alive.shape
    mean, sd = np.zeros((n_days, n_series)), np.zeros((n_days, n_series))
    for day in (*range(first, min(n_days, first + _WARM_UP)), *range(n_days)):
        mean[day], sd[day] = state.step(days, day)
    return mean, sd


class _State:
    """What is known of every series the evening before."""

    def __init__(self, days: Days, first: int) -> None:
        self.pool, self.n_pools = days.pool, int(days.pool.max(initial=0)) + 1
        n = len(days.pool)
        self.level, self.exposure = _start(days, first)
        self.best = self.level.copy()
        """(n_series,) sold on the best day so far"""
        self.weekday, self.promotion = _Ratio(7, n), _Ratio(1, n)
        self.excess, self.squares = np.zeros(n), np.zeros(n)

    def step(self, days: Days, day: int) -> tuple[Floats, Floats]:
        """Demand of ``day`` given all days up to it; then the state moves on."""
        alive, weekday = days.is_alive[day], days.weekday[day]
        promoted = days.is_promotion[day] & alive
        seen = days.seen[day]
        hidden = np.flatnonzero(alive & (seen.share < 1))
        weekday_ratio = self.weekday.of(weekday, self)
        promotion_ratio = np.where(promoted, self.promotion.of(0, self), 1.0)
        self.best = np.maximum(self.best, np.where(alive, seen.units + seen.least, 0.0))
        most = _MOST_TIMES * self.best
        base = np.clip(self.level * weekday_ratio * promotion_ratio, _LEAST_LEVEL, most)
        inverse_size = self._inverse_size()
        information = np.where(alive, base / (1 + base * inverse_size), 0.0)
        demand, variance = seen.units.copy(), np.zeros(len(base))
        common, hidden_seen = np.ones(self.n_pools), seen[hidden]
        informed = _RATIO + self.pooled(information)
        # Where nothing is hidden the second round finds what the first one did.
        for _ in range(_ROUNDS if len(hidden) else 2):
            mean = base * common[self.pool]
            if len(hidden):
                found, spread = hidden_seen.demand(mean[hidden], 1 / inverse_size[hidden])
                demand[hidden] = np.minimum(found, most[hidden])
                variance[hidden] = np.minimum(spread, most[hidden] ** 2)
            common = np.minimum((_RATIO + self.pooled(information * demand / base)) / informed, _LARGEST_RATIO)
        self._learn(alive, demand, variance, mean, inverse_size)
        weight = np.where(alive, mean / (1 + mean * inverse_size), 0.0)
        self.weekday.add(weekday, weight, demand / mean * weekday_ratio)
        self.promotion.add(0, weight * promoted, demand / mean * promotion_ratio)
        return demand * alive, np.sqrt(variance) * alive

    def pooled(self, values: Floats) -> Floats:
        """(n_pools,) sums."""
        return np.bincount(self.pool, values, self.n_pools).astype(np.float64)

    def _inverse_size(self) -> Floats:
        pooled = (5 * _DISPERSION * 0.2 + self.pooled(self.excess)) / (5 * _DISPERSION + self.pooled(self.squares))
        found = (_DISPERSION * pooled[self.pool] + self.excess) / (_DISPERSION + self.squares)
        return np.clip(found, 0.01, 20.0)

    def _learn(
        self, alive: NDArray[np.bool_], demand: Floats, variance: Floats, mean: Floats, inverse_size: Floats
    ) -> None:
        told = np.where(alive, np.clip(1 - variance / (mean + mean**2 * inverse_size), 0.0, 1.0), 0.0)
        self.exposure = self.exposure * (1 - 1 / _MEMORY) ** told + told * mean / self.level
        step = np.where(alive, (demand - mean) / self.exposure, 0.0)
        self.level = np.maximum(self.level + step, _LEAST_LEVEL)
        # E (D - m)^2 = m + m^2 / r, weighted so that neither large nor small means rule
        weight = np.where(alive, 1 / (1 + mean) ** 2, 0.0)
        kept = np.where(alive, 1 - 1 / (3 * _MEMORY), 1.0)
        self.excess = kept * self.excess + weight * ((demand - mean) ** 2 + variance - mean)
        self.squares = kept * self.squares + weight * mean**2


class _Ratio:
    """What a day of some kind does to demand, per series and drawn to its pool."""

    def __init__(self, n_kinds: int, n_series: int) -> None:
        self.total, self.weight = np.zeros((n_kinds, n_series)), np.zeros((n_kinds, n_series))

    def of(self, kind: int, state: _State) -> Floats:
        total, weight = self.total[kind], self.weight[kind]
        pooled = np.minimum((_RATIO + state.pooled(total)) / (_RATIO + state.pooled(weight)), _LARGEST_RATIO)
        own = (_RATIO * pooled[state.pool] + total) / (_RATIO + weight)
        return np.asarray(np.minimum(own, _LARGEST_RATIO), dtype=np.float64)

    def add(self, kind: int, weight: Floats, ratio: Floats) -> None:
        self.total[kind] += weight * ratio
        self.weight[kind] += weight


def _first_sale(days: Days) -> int:
    """The first day on which anything was sold: what is only listed for years before says nothing of levels."""
    sold = ((days.seen.units + days.seen.least) * days.is_alive).sum(axis=1) > 0
    return int(sold.argmax())


def _start(days: Days, first: int) -> tuple[Floats, Floats]:
    """(n_series,) level, and days behind it, from the ``first`` day of sales on; later ones start with the mean."""
    early = slice(first, first + _WARM_UP)
    seen, alive = days.seen[early], days.is_alive[early]
    units = np.where(alive, seen.units + seen.least, 0.0).sum(0)
    exposure = np.where(alive, seen.share + np.where(seen.least > 0, seen.least_share, 0.0), 0.0).sum(0)
    typical = units.sum() / max(exposure.sum(), 1.0)
    level = (units + _START * typical) / (exposure + _START)
    return np.maximum(level, _LEAST_LEVEL), np.maximum(exposure / 4, _START)
