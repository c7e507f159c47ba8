"""What a series is ordered by: its promise, its vendor's terms and calendar, and what it may not exceed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.config.limits import WEEKDAYS, CalendarConfig
from scaleinv.inventory import (
    Deliveries,
    ProtectionDemand,
    deliveries,
    open_days,
    protection_demand,
    screen,
    shelf_life_limit,
)
from scaleinv.inventory.orders import GUARD
from scaleinv.pipeline.arrays import Distributions, Floats, LeadTimes, Rows, lead_times
from scaleinv.pipeline.targets import name_keys, targets_of
from scaleinv.pipeline.walk import Walk
from scaleinv.schema.review import MONDAY

_CALENDAR_DAYS: Final = 400
"""Days ahead that calendars are spelt out for."""


@dataclass(frozen=True)
class Terms:
    """Per series, ``(n_series,)``: the promise and the vendor's terms."""

    kind: NDArray[np.str_]
    target: Floats
    vendor: NDArray[np.int64]
    review_period: NDArray[np.int64]
    review_date: NDArray[np.int64]
    """days since 1970"""
    unit_cost: Floats
    min_order_quantity: Floats
    order_multiple: Floats
    key: NDArray[np.uint64]
    lead_time_probability: Floats
    """(n_vendors, max_lead + 1) of 0, 1, 2 … days"""
    limit: Floats
    """units of stock and orders; inf: none"""
    bound: NDArray[np.str_]
    """whose limit it is: max_stock, max_stock_days, shelf_life; empty: none"""
    problem: NDArray[np.str_]
    """what is wrong with the series (``schema.words.Problem``); empty: nothing"""
    is_held: NDArray[np.bool_]
    """so that nothing may be ordered"""

    def take(self, series: NDArray[np.int64]) -> Terms:
        """Of these series; of all vendors."""
        per_series = {name: value[series] for name, value in vars(self).items() if name != "lead_time_probability"}
        return Terms(**per_series, lead_time_probability=self.lead_time_probability)


def terms_of(walk: Walk, rows: Rows, known: LeadTimes) -> Terms:
    """As they stand in the tables, neither screened nor limited."""
    kind, target = targets_of(walk, rows)
    n = rows.n_series
    return Terms(
        kind=kind,
        target=target,
        vendor=known.of(rows),
        review_period=rows.numbers("review_period").astype(np.int64),
        review_date=_day_numbers(rows.series["review_date"]),
        unit_cost=rows.numbers("unit_cost"),
        min_order_quantity=rows.numbers("min_order_quantity"),
        order_multiple=rows.numbers("order_multiple"),
        key=name_keys(rows.text("unique_id")),
        lead_time_probability=known.probability,
        limit=np.full(n, np.inf),
        bound=np.full(n, "", dtype="<U16"),
        problem=np.full(n, "", dtype="<U32"),
        is_held=np.zeros(n, dtype=np.bool_),
    )


def tonight(walk: Walk, rows: Rows, known: LeadTimes, found: Distributions) -> tuple[Terms, Distributions]:
    """Terms by tonight's calendars and limits, screened; and forecasts that are numbers."""
    return bounded(walk, rows, with_calendars(walk, terms_of(walk, rows, known), known), found)


def bounded(walk: Walk, rows: Rows, terms: Terms, found: Distributions) -> tuple[Terms, Distributions]:
    """With the limits of stock that these forecasts make, screened."""
    return screened(_limited(walk, rows, terms, found), found)


def screened(terms: Terms, found: Distributions) -> tuple[Terms, Distributions]:
    """Rows that no policy can be made of get a name, and numbers that order nothing."""
    rows = screen(
        cumulative_quantiles=found.cumulative_quantiles,
        quantiles=found.quantiles,
        mean=found.mean,
        unit_cost=terms.unit_cost,
        min_order_quantity=terms.min_order_quantity,
        order_multiple=terms.order_multiple,
        review_period=terms.review_period,
        lead_time_probability=terms.lead_time_probability,
        vendor=terms.vendor,
        limit=terms.limit,
    )
    safe = replace(
        terms, unit_cost=rows.unit_cost, min_order_quantity=rows.min_order_quantity,
        order_multiple=rows.order_multiple, review_period=rows.review_period,
        lead_time_probability=rows.lead_time_probability,
        problem=np.where(terms.problem == "", rows.problem, terms.problem), is_held=terms.is_held | rows.is_held,
    )  # fmt: skip
    return safe, Distributions(rows.mean, rows.quantiles, rows.cumulative_quantiles)


def protection_of(walk: Walk, found: Distributions, terms: Terms) -> ProtectionDemand:
    """Samples of what is asked for until the next order can help: of a series always the same."""
    config = walk.config
    return protection_demand(
        found.cumulative_quantiles,
        np.asarray(config.forecast.quantile_levels),
        terms.lead_time_probability,
        terms.vendor,
        terms.review_period,
        key=terms.key,
        n_samples=config.inventory.n_samples,
        seed=config.inventory.seed,
    )


# --- calendars ------------------------------------------------------------------------------------------------------


def open_tonight(walk: Walk) -> dict[str, bool]:
    """Vendor with a calendar -> whether orders for it are made tonight."""
    calendars = walk.config.inventory.calendars
    if not calendars:
        return {}
    one_day = np.tile([0.0, 1.0], (len(calendars), 1))
    made = _deliveries(walk, list(calendars.values()), one_day)
    return dict(zip(calendars, made.can_order.tolist(), strict=True))


def arrivals_tonight(walk: Walk) -> dict[str, date]:
    """Vendor with a calendar -> the day on which an order of tonight is expected."""
    calendars, known = walk.config.inventory.calendars, lead_times(walk)
    # One date for a whole order: that of the vendor, whatever is known of the lane.
    names = zip(known.vendors.tolist(), known.locations.tolist(), strict=True)
    at = [number for number, (name, location) in enumerate(names) if name in calendars and not location]
    if not at:
        return {}
    chosen = [str(known.vendors[number]) for number in at]
    made = _deliveries(walk, [calendars[name] for name in chosen], known.probability[at])
    return {name: walk.as_of + timedelta(days=days) for name, days in zip(chosen, made.arrival.tolist(), strict=True)}


def with_calendars(walk: Walk, terms: Terms, known: LeadTimes) -> Terms:
    """Lead times and review periods of vendors with a calendar, as seen from tonight."""
    calendars = walk.config.inventory.calendars
    vendors = [number for number, name in enumerate(known.vendors.tolist()) if name in calendars]
    if not vendors:
        return terms
    old = terms.lead_time_probability
    made = _deliveries(walk, [calendars[str(known.vendors[number])] for number in vendors], old[vendors])
    width = max(old.shape[1], made.probability.shape[1])
    pmf = np.zeros((len(old), width))
    pmf[:, : old.shape[1]] = old
    pmf[vendors] = 0.0
    pmf[vendors, : made.probability.shape[1]] = made.probability
    period = np.zeros(len(old), dtype=np.int64)
    period[vendors] = made.review_period
    has_calendar = period[terms.vendor] > 0
    return replace(
        terms, lead_time_probability=pmf,
        review_period=np.where(has_calendar, period[terms.vendor], terms.review_period),
    )  # fmt: skip


def _deliveries(walk: Walk, calendars: list[CalendarConfig], probability: Floats) -> Deliveries:
    closed = [calendar.holidays for calendar in calendars]
    first = walk.as_of - timedelta(days=1)
    orders, receipts = (
        open_days(first, _CALENDAR_DAYS, [[day in days for day in WEEKDAYS] for days in chosen], closed)
        for chosen in ([c.order_days for c in calendars], [c.delivery_days for c in calendars])
    )
    late = [calendar.is_past_cutoff for calendar in calendars]
    return deliveries(walk.as_of, probability, orders, receipts, is_past_cutoff=late)


# --- limits of stock ------------------------------------------------------------------------------------------------


def _limited(walk: Walk, rows: Rows, terms: Terms, found: Distributions) -> Terms:
    config = walk.config.inventory.limits
    if not config.is_any:
        return terms
    n = rows.n_series
    limits: dict[str, Floats] = {}
    if config.max_stock is not None:
        limits["max_stock"] = np.full(n, config.max_stock)
    mean = np.nan_to_num(found.mean.mean(axis=1))
    # Days of a demand that is not there are no limit, and what sells must be orderable: one least order always fits.
    lowest_of_days = np.where(mean > 0, _least_order(terms), np.inf)
    if config.max_stock_days is not None:
        limits["max_stock_days"] = np.maximum(np.ceil(config.max_stock_days * mean), lowest_of_days)
    if config.shelf_life_days:
        limits["shelf_life"] = np.maximum(_shelf_life(walk, rows, terms, found), lowest_of_days)
    names, values = np.asarray(list(limits)), np.stack(list(limits.values()))
    lowest = values.argmin(axis=0)
    limit = values[lowest, np.arange(n)]
    return replace(terms, limit=limit, bound=np.where(np.isfinite(limit), names[lowest], ""))


def _least_order(terms: Terms) -> Floats:
    """(n_series,) units: the minimum in whole packs, at least one; 0 where these are no numbers, which is screened."""
    multiple = np.where(terms.order_multiple > 0, terms.order_multiple, np.nan)
    packs = np.maximum(np.ceil(terms.min_order_quantity / multiple - GUARD), 1.0)
    return np.asarray(np.nan_to_num(packs * multiple, posinf=0.0), dtype=np.float64)


def _shelf_life(walk: Walk, rows: Rows, terms: Terms, found: Distributions) -> Floats:
    """Demand until a unit ordered tonight spoils: what lies in front of it is sold first."""
    config = walk.config.inventory.limits
    life = np.asarray([config.shelf_life_days.get(name, np.inf) for name in rows.text("category").tolist()])
    pmf = np.nan_to_num(terms.lead_time_probability)
    lead = np.maximum(pmf @ np.arange(pmf.shape[1]), 1.0)[terms.vendor]
    return shelf_life_limit(
        np.nan_to_num(found.cumulative_quantiles, posinf=0.0, neginf=0.0),
        walk.config.forecast.quantile_levels,
        lead - 1.0 + life,
        config.waste_chance,
    )


# --- keys -----------------------------------------------------------------------------------------------------------


def _day_numbers(dates: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(dates.cast(pa.int32()), MONDAY).to_numpy(), dtype=np.int64)
