"""What every article of the retailer shares: days, regions, shops, vendors and how long each delivery takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import numpy as np

from scaleinv.config.models import SyntheticConfig
from scaleinv.synthetic.events import REGIONS, benefit_days, event_numbers
from scaleinv.synthetic.streams import stream

MAX_LEAD_TIME: Final = 12
PRICE_ZONES: Final = (1.0, 1.04)

# (shortest lead time, weights of that day and the days after it, review period) of the kinds of vendors.
_VENDORS: Final = (
    (2, (0.55, 0.30, 0.10, 0.05), 1),
    (3, (0.30, 0.35, 0.20, 0.10, 0.05), 1),
    (2, (0.15, 0.25, 0.20, 0.15, 0.10, 0.07, 0.05, 0.03), 1),
    (4, (0.40, 0.35, 0.15, 0.07, 0.03), 7),
    (1, (0.60, 0.30, 0.10), 1),
    (4, (0.20, 0.35, 0.25, 0.12, 0.05, 0.03), 1),
)


@dataclass(frozen=True)
class Chain:
    """Shapes in words of ``days``: warm-up, history and announced future, ``n_all`` in length.

    ``traffic`` is the log of a shop's common shock per day; ``lead_time[v, l, t]`` is how long an order takes that
    is sent to vendor ``v`` for location ``l`` in the evening of day ``t`` (one delivery for all its lines).
    """

    days: np.ndarray
    """(n_all,) datetime64[D]."""
    n_warmup: int
    n_days: int
    n_future: int
    region: np.ndarray
    """(n_locations,) number of the region."""
    size: np.ndarray
    """(n_locations,) factor on demand."""
    price_zone: np.ndarray
    """(n_locations,) number of the price zone."""
    traffic: np.ndarray
    """(n_locations, n_warmup + n_days)."""
    event: np.ndarray
    """(n_regions, n_all) number of the event."""
    benefit: np.ndarray
    """(n_regions, n_all) bool."""
    review_period: np.ndarray
    """(n_vendors,) days."""
    lead_time_probability: np.ndarray
    """(n_vendors, MAX_LEAD_TIME + 1): the truth."""
    lead_time: np.ndarray
    """(n_vendors, n_locations, n_warmup + n_days) uint8, days."""

    @property
    def n_known(self) -> int:
        """Days that are simulated: warm-up and history."""
        return self.n_warmup + self.n_days

    @property
    def history(self) -> slice:
        """The days whose sales are recorded."""
        return slice(self.n_warmup, self.n_known)

    @property
    def review_day(self) -> np.ndarray:
        """(n_vendors, n_known) bool: orders may be sent to the vendor on this evening."""
        number = self.days[: self.n_known].astype(np.int64)
        vendor = np.arange(len(self.review_period))
        return np.asarray((number[None, :] + vendor[:, None]) % self.review_period[:, None] == 0)

    @property
    def first_review(self) -> np.ndarray:
        """(n_vendors,) datetime64[D], the first review day of the history."""
        return np.asarray(self.days[self.history][self.review_day[:, self.history].argmax(axis=1)])

    @property
    def mean_lead_time(self) -> np.ndarray:
        """(n_vendors,) days."""
        return np.asarray(self.lead_time_probability @ np.arange(MAX_LEAD_TIME + 1))


def last_day(config: SyntheticConfig) -> date:
    """The last day with sales: the natural ``as_of``."""
    return config.start + timedelta(config.n_days - 1)


@lru_cache(maxsize=2)
def chain(config: SyntheticConfig) -> Chain:
    """Everything that does not depend on the article; made once per configuration."""
    random = stream(config.seed, "chain")
    n, known = config.n_locations, config.warmup_days + config.n_days
    first = np.datetime64(config.start, "D") - config.warmup_days
    days = first + np.arange(known + config.future_days)
    probability = _lead_times(config.n_vendors, stream(config.seed, "chain", 1))
    kinds = [_VENDORS[v % len(_VENDORS)] for v in range(config.n_vendors)]
    return Chain(
        days=days, n_warmup=config.warmup_days, n_days=config.n_days, n_future=config.future_days,
        region=np.arange(n) % len(REGIONS), size=np.exp(np.clip(random.normal(0, 0.3, n), -0.6, 0.7)),
        price_zone=np.arange(n) % len(PRICE_ZONES),
        traffic=stream(config.seed, "traffic").normal(0, 0.05, (n, known)),
        event=event_numbers(days), benefit=benefit_days(days),
        review_period=np.array([kind[2] for kind in kinds]),
        lead_time_probability=probability,
        lead_time=_draw_lead_times(probability, (n, known), stream(config.seed, "lead_time")),
    )  # fmt: skip


def quoted_lead_times(config: SyntheticConfig) -> np.ndarray:
    """``(n_vendors, MAX_LEAD_TIME + 1)`` whole per cents: what vendors say; close to the truth, without its tail."""
    random = stream(config.seed, "chain", 2)
    truth = chain(config).lead_time_probability
    said = truth * np.exp(random.normal(0, 0.2, truth.shape)) * (truth >= 0.06)
    percent = np.round(100 * said / said.sum(axis=1, keepdims=True))
    return np.asarray(np.where(said > 0, np.maximum(percent, 1), 0))


def _lead_times(n_vendors: int, random: np.random.Generator) -> np.ndarray:
    probability = np.zeros((n_vendors, MAX_LEAD_TIME + 1))
    for v in range(n_vendors):
        shortest, weights, _ = _VENDORS[v % len(_VENDORS)]
        probability[v, shortest : shortest + len(weights)] = weights * np.exp(random.normal(0, 0.15, len(weights)))
    return np.asarray(probability / probability.sum(axis=1, keepdims=True))


def _draw_lead_times(probability: np.ndarray, shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    drawn = np.empty((len(probability), *shape), np.uint8)
    for v, p in enumerate(probability):
        cumulative = np.cumsum(p)
        drawn[v] = np.searchsorted(cumulative / cumulative[-1], random.random(shape, np.float32), side="right")
    return drawn
