"""What customers want: the mean of every series and day, and a draw around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scaleinv.config.models import SyntheticConfig
from scaleinv.synthetic.assortment import category_values
from scaleinv.synthetic.chain import Chain
from scaleinv.synthetic.events import effects
from scaleinv.synthetic.items import Items
from scaleinv.synthetic.streams import stream

_DRIFT: Final = 0.1
"""Standard deviation of the log level's slow wandering."""
_PERSISTENCE: Final = 0.97
_NEVER_ASKED: Final = 0.005
"""Share of series that nobody ever asks for."""
_MOST_LIKELY: Final = 0.95


@dataclass(frozen=True)
class Demand:
    """``mean`` is the expectation that ``units`` were drawn around; ``level`` is an average day's mean, before both."""

    units: np.ndarray
    """(n_series, n_known) int32."""
    mean: np.ndarray
    """(n_series, n_known) float32."""
    level: np.ndarray
    """(n_series,)."""


def draw_demand(
    config: SyntheticConfig,
    chain: Chain,
    items: Items,
    block: int,
    item: np.ndarray,
    location: np.ndarray,
    listed: np.ndarray,
) -> Demand:
    """Demand of the block's series, each a row of its own in every stream.

    ``item`` is each series' place in ``items``, ``location`` its location, both ``(n_series,)``; outside ``listed``,
    ``(n_series, n_known)``, nobody asks.
    """
    own = stream(config.seed, "series", block).random((len(item), 2))
    strength = chain.size[location] * np.exp(0.4 * (own[:, 0] - 0.5)) * (own[:, 1] >= _NEVER_ASKED)
    factor = _factor(config, chain, items, block, item, location)
    factor *= strength[:, None]
    factor *= listed
    regular, size = items.regular[item], items.size[item]
    occurrence = np.minimum(items.occurrence[item, None] * factor, _MOST_LIKELY)
    # A regular article's mean moves with the factor; a rare one is asked for more often, not in larger lots.
    per_occurrence = np.where(regular[:, None], size[:, None] * factor, size[:, None])
    units = _draw(config, block, per_occurrence, items.dispersion[item], regular, occurrence)
    mean = np.where(regular[:, None], per_occurrence, occurrence * (1 + size[:, None]))
    return Demand(units=units, mean=mean.astype(np.float32), level=items.rate[item] * strength)


def _draw(
    config: SyntheticConfig,
    block: int,
    mean: np.ndarray,
    dispersion: np.ndarray,
    regular: np.ndarray,
    occurrence: np.ndarray,
) -> np.ndarray:
    """Negative binomial (gamma-mixed Poisson); for rare articles one more, on days when somebody asks."""
    shape = np.broadcast_to(dispersion[:, None], mean.shape)
    rate = stream(config.seed, "gamma", block).standard_gamma(shape)
    rate *= mean / dispersion[:, None]
    units = stream(config.seed, "poisson", block).poisson(rate).astype(np.int32)
    asked = stream(config.seed, "occurrence", block).random(mean.shape, np.float32) < occurrence
    return np.asarray(np.where(regular[:, None], units, (1 + units) * asked), np.int32)


def _factor(
    config: SyntheticConfig, chain: Chain, items: Items, block: int, item: np.ndarray, location: np.ndarray
) -> np.ndarray:
    """``(n_series, n_known)``: what the day does to the mean."""
    n = chain.n_known
    category, region = items.category[item], chain.region[location]
    log = (_season(chain, items) + _promotion(chain, items))[item]
    log += chain.traffic[location]
    log += _drift(config, block, len(item), n)
    factor: np.ndarray = np.exp(log, out=log)
    # (n_regions, n_categories, n_known): few, so events and benefit days are looked up once
    by_event = np.moveaxis(effects()[chain.event[:, :n]], 2, 1)
    by_benefit = np.where(chain.benefit[:, None, :n], category_values("benefit")[None, :, None], 1.0)
    factor *= (by_event * by_benefit)[region, category]
    return factor


def _season(chain: Chain, items: Items) -> np.ndarray:
    """``(n_items, n_known)``: log of week, year and trend."""
    days = chain.days[: chain.n_known]
    weekday = (days.astype(np.int64) + 3) % 7  # day 0 of the epoch was a Thursday; 0 is Monday
    of_year = (days - days.astype("datetime64[Y]")).astype(np.int64)
    week = np.log(category_values("week"))[:, weekday]
    angle = 2 * np.pi * (of_year[None, :] - category_values("peak")[:, None]) / 365.25
    year = category_values("amplitude")[:, None] * np.cos(angle)
    years = (np.arange(chain.n_known) - chain.n_warmup) / 365.25
    return np.asarray((week + year)[items.category] + items.trend[:, None] * years)


def _promotion(chain: Chain, items: Items) -> np.ndarray:
    """``(n_items, n_known)``: log uplift, a constant elasticity in the price paid."""
    return np.asarray(-items.elasticity[:, None] * np.log1p(-items.discount[:, : chain.n_known]))


def _drift(config: SyntheticConfig, block: int, n_series: int, n_days: int) -> np.ndarray:
    """``(n_series, n_days)``: a stationary AR(1) in the log level."""
    shock = stream(config.seed, "drift", block).standard_normal((n_series, n_days), np.float32).T.copy()
    shock[0] *= _DRIFT
    shock[1:] *= _DRIFT * (1 - _PERSISTENCE**2) ** 0.5
    for day in range(1, n_days):
        shock[day] += _PERSISTENCE * shock[day - 1]
    return shock.T
