"""Lead times predicted: of the next order to a vendor, or of one that is under way and promised for a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scaleinv.errors import DataError, explain
from scaleinv.vendors.hazards import Bins, Floats, Ints, bins_of
from scaleinv.vendors.history import Past, nested_levels, plain_features
from scaleinv.vendors.orders import Orders
from scaleinv.vendors.survival import Outcomes, Sample, Survival, fitted

_BINS = 24
Clock = Literal["order", "promise"]


@dataclass(frozen=True)
class Options:
    """How it is fitted."""

    max_lead_time: int
    """Days; longer deliveries count as this long."""
    clock: Clock = "order"
    """``order``: days count from the order, nothing is promised yet. ``promise``: days count from the promised date."""
    min_orders: int = 300
    """Received lines that trees need."""
    max_orders: int = 50_000
    """Lines at most, the latest."""
    calibration_share: float = 0.2
    """Share of the lines, the latest, held out to weigh and calibrate."""
    seed: int = 7


@dataclass(frozen=True)
class Source:
    """What features are made from: receipts of the past."""

    past: Past
    with_quote: bool

    def sample(self, asked: Orders) -> Sample:
        """Features and groups of each order, from what was received before it was sent."""
        plain = plain_features(asked, with_quote=self.with_quote)
        return Sample(np.column_stack([self.past.features(asked), plain]), nested_levels(asked), asked.order_day)


def source(known: Orders, *, with_quote: bool) -> Source:
    """Of orders as they were known."""
    done = known.take(~known.is_open)
    return Source(Past(done), with_quote)


@dataclass(frozen=True)
class LeadTimeModel:
    """A fitted model."""

    options: Options
    source: Source
    survival: Survival

    def probability(self, asked: Orders) -> Floats:
        """(n, max_lead_time + 1) chances that the delivery takes 0, 1, 2 … days; what takes longer counts as that long.

        Raises:
            DataError: the clock runs from the promise, and one is missing.
        """
        made = self.survival.probability(self.source.sample(asked))
        if self.options.clock == "order":
            return made
        return _shifted(made, self.survival.bins.first, _quoted(asked), self.options.max_lead_time)

    def late(self, asked: Orders) -> Floats:
        """(n,) chance that it comes after the promised day."""
        quoted = np.clip(_quoted(asked), 0, self.options.max_lead_time)
        return np.asarray(1.0 - np.cumsum(self.probability(asked), axis=1)[np.arange(len(asked)), quoted])


def fit_lead_times(orders: Orders, *, cut: int, options: Options) -> LeadTimeModel:
    """Learns from what was known in the evening of ``cut`` (days since 1970); later receipts count as open orders.

    Raises:
        DataError: nothing was received by then.
    """
    known = orders.known_at(cut)
    if options.clock == "promise":
        known = known.take(np.isfinite(known.promised_day))
    if known.is_open.all():
        raise DataError(
            explain("no received orders to learn lead times from", found=f"{len(known)} orders up to the cut")
        )
    known = known.take(np.argsort(known.order_day, kind="stable")[-options.max_orders :])
    made = source(known, with_quote=options.clock == "promise")
    bins = _bins(known, cut, options)
    split = split_day(known, options.calibration_share)
    before, after = known.known_at(split), known.take(known.order_day > split)
    parts = [
        (made.sample(rows), _outcomes(rows, day, options.clock))
        for rows, day in ((before, split), (after, cut), (known, cut))
    ]
    early, late, everything = parts
    if before.is_open.all():
        none = np.zeros(0, np.int64)
        early = (early[0].take(none), early[1].take(none))
    model = fitted(bins, early, late, everything, min_rows=options.min_orders, seed=options.seed)
    return LeadTimeModel(options, made, model)


def split_day(known: Orders, share: float) -> int:
    """The last day of what is learnt from first; the ``share`` of orders sent later is held out."""
    return int(np.quantile(known.order_day, 1.0 - share, method="lower"))


def _outcomes(rows: Orders, day: int, clock: Clock) -> Outcomes:
    value = rows.taken(day)
    if clock == "promise":
        value = value - _quoted(rows)
    return Outcomes(value, rows.is_open)


def _bins(known: Orders, cut: int, options: Options) -> Bins:
    done = known.take(~known.is_open)
    value = _outcomes(done, cut, options.clock).value
    first = 0 if options.clock == "order" else -options.max_lead_time
    return bins_of(value, first, options.max_lead_time, _BINS)


def _quoted(asked: Orders) -> Ints:
    missing = np.flatnonzero(~np.isfinite(asked.promised_day))
    if missing.size:
        raise DataError(
            explain(
                "orders without a promised date", which=[f"row {row}" for row in missing],
                do="ask for the lead time of the next order (clock: order) instead",
            )
        )  # fmt: skip
    return np.maximum(asked.quoted, 0).astype(np.int64)


def _shifted(probability: Floats, first: int, quoted: Ints, longest: int) -> Floats:
    """(n, longest + 1) of days from the order, from chances of days after the promise, the first being ``first``."""
    n, width = probability.shape
    days = np.clip(quoted[:, None] + first + np.arange(width), 0, longest)
    flat = np.arange(n)[:, None] * (longest + 1) + days
    made = np.bincount(flat.ravel(), probability.ravel(), minlength=n * (longest + 1))
    return np.asarray(made.reshape(n, longest + 1), dtype=np.float64)
