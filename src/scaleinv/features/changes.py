"""Which days of which series can differ from an earlier night's panel, and two panels as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import reduce
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scaleinv.features.prices import price_spans
from scaleinv.features.region_days import region_days

Frames = Mapping[str, DataFrame]
_SERIES: Final = ["sku_id", "location_id"]
_KEY: Final = [*_SERIES, "date"]
_FEW: Final = 1_000_000
"""Rows of a key that every worker may hold."""


@dataclass(frozen=True)
class Base:
    """An earlier night whose panel is there as a whole.

    ``series`` and ``lives`` are its rows of ``gold/series`` and ``gold/lives``; ``silver`` is what was known then
    (calendar, weather, locations, prices); ``later`` holds the rows that have become known since (sales, stock, prices,
    hourly_sales where there is). ``clusters`` is what it left of :class:`scaleinv.features.clusters.Clusters`.
    """

    as_of: date
    series: DataFrame
    lives: DataFrame
    silver: Frames
    later: Frames
    clusters: Mapping[str, Any] = field(default_factory=dict)


def begins_later(lives: DataFrame, base: Base, *, first: date) -> bool:
    """Whether a life begins later than it did, though not before the panel: rows would have to be taken away."""
    before = base.series.select("unique_id", F.col("first_ds").alias("_first"))
    moved = F.col("first_ds") > F.greatest(F.col("_first"), F.lit(first))
    return not lives.join(before, "unique_id").where(moved).isEmpty()


def prices_since(prices: DataFrame, base: Base | None, *, n_prices: int) -> DataFrame:
    """:func:`price_spans`, with the first day on which a series' price is another than the base's."""
    if base is None:
        return price_spans(prices, n_prices=n_prices)
    touched = base.later["prices"].select(*_SERIES, F.lit(True).alias("is_touched")).distinct()
    now = prices.join(touched, _SERIES, "left").fillna(False, "is_touched")
    then = base.silver["prices"].join(touched, _SERIES, "left_semi")
    return price_spans(now, then, n_prices=n_prices)


def announced_since(silver: Frames, base: Base, *, first: date, last: date) -> DataFrame:
    """Region and date, no row twice: days from ``first`` to ``last`` of which something else is announced by now."""
    now, before = (region_days(of, first=first, last=last) for of in (silver, base.silver))
    return now.exceptAll(before).select("region", "date").distinct()


def since(
    lives: DataFrame, spans: DataFrame, announced: DataFrame | None, base: Base | None, *, ahead: tuple[date, date]
) -> DataFrame:
    """``lives`` with ``since``: from which day on a series' rows are made anew; all of them without a base.

    That is the day after the base, or an earlier one on which a price changes; the whole life of a series that is new,
    or bears another group, region or regular price. Where no price changes, and nothing that is announced for the
    region, the base's rows of the days that were ahead then and still are stay: ``gap_start`` to ``gap_end``, null
    where none do.

    Args:
        lives: a row per series.
        spans: :func:`prices_since`.
        announced: :func:`announced_since` to the last day of ``ahead``; none without a base.
        base: the night that this one is based on.
        ahead: first and last day that were ahead of the base and still are; the last before the first: none.
    """
    none = F.lit(None).cast("date")
    if base is None or announced is None:
        return lives.select("*", F.col("first_ds").alias("since"), none.alias("gap_start"), none.alias("gap_end"))
    seen = base.series.select(
        "unique_id", *[F.col(name).alias(f"_{name}") for name in ("group_id", "region", "unit_price", "first_ds")]
    )
    # The unit price stands where no price is known.
    priced = spans.groupBy(*_SERIES).agg(F.min("changes").alias("_changes"), F.lit(True).alias("_is_priced"))
    first, last = ahead
    restless = (
        announced.where(F.col("date") >= F.lit(first)).select("region", F.lit(True).alias("_restless")).distinct()
    )
    found = lives.join(seen, "unique_id", "left").join(priced, _SERIES, "left").join(restless, "region", "left")
    same = (
        (F.col("_group_id") == F.col("group_id"))
        & (F.col("_region") == F.col("region"))
        & (F.col("_first_ds") <= F.col("first_ds"))
        & (F.col("_is_priced").isNotNull() | (F.col("_unit_price") == F.col("unit_price")))
    )
    tail = F.least(F.lit(base.as_of + timedelta(days=1)), "_changes")
    # A series that the base does not know has nulls here.
    day = F.when(same, F.greatest("first_ds", tail)).otherwise(F.col("first_ds"))
    stays = same & F.col("_restless").isNull() & (F.coalesce("_changes", F.lit(date.max)) > F.lit(last))
    return found.select(
        *lives.columns,
        day.alias("since"),
        *[
            F.when(stays & F.lit(first <= last), F.lit(end)).alias(name)
            for name, end in (("gap_start", first), ("gap_end", last))
        ],
    )


def changed_days(lives: DataFrame, announced: DataFrame, base: Base) -> DataFrame:
    """sku_id, location_id, date, no row twice: days up to the base of which something else is known by now.

    Args:
        lives: a row per series.
        announced: :func:`announced_since`.
        base: the night that this one is based on.
    """
    known = [base.later[name].select(*_KEY) for name in ("sales", "stock", "hourly_sales") if name in base.later]
    around = lives.join(announced, "region").select(*_KEY)
    days = reduce(DataFrame.unionByName, [*known, around])
    return days.where(F.col("date") <= F.lit(base.as_of)).distinct()


def sales_of(lives: DataFrame, changed: DataFrame, sales: DataFrame, base: Base) -> DataFrame | None:
    """The rows of ``sales`` that the night's own rows can meet, nearly all of days after the base; None: too many.

    Args:
        lives: :func:`since`, with ``is_short``: such a series is estimated from all its days.
        changed: :func:`changed_days`.
        sales: the history.
        base: the night that this one is based on.
    """
    begins = F.when(F.col("is_short"), F.col("first_ds")).otherwise(F.col("since"))
    days = changed.groupBy(*_SERIES).agg(F.collect_set("date").alias("_days"))
    wanted = lives.select(*_SERIES, begins.alias("_from")).join(days, _SERIES, "left")
    wanted = wanted.where((F.col("_from") <= F.lit(base.as_of)) | F.col("_days").isNotNull()).localCheckpoint()
    (size,) = wanted.agg(F.sum(1 + F.coalesce(F.size("_days"), F.lit(0))).alias("n")).collect()
    if (size["n"] or 0) > _FEW:
        return None
    late = F.col("date") > F.lit(base.as_of)
    # A semi-join on the key is done before loads are put together, not after; so it is cut out of all of them.
    names = {name: f"_{name}" for name in _SERIES}
    other = F.broadcast(wanted.withColumnsRenamed(names))
    same = reduce(Column.__and__, [F.col(name) == F.col(renamed) for name, renamed in names.items()])
    meets = (F.col("date") >= F.col("_from")) | F.coalesce(F.array_contains("_days", F.col("date")), F.lit(False))
    return sales.where(late).unionByName(sales.where(~late).join(other, same & meets, "left_semi"))


def replaced(before: DataFrame, rows: DataFrame, *, until: date) -> DataFrame:
    """``before`` with ``is_replaced``: whether ``rows`` has that day of the series too.

    Args:
        before: the base's rows of ``gold/panel``.
        rows: what differs.
        until: the last day of ``before``.
    """
    days = rows.where(F.col("ds") <= F.lit(until)).select("unique_id", "ds")
    # A row per series, not per day: the base's rows are many, and each of them is looked up.
    by_series = days.groupBy("unique_id").agg(F.min("ds").alias("_from"), F.collect_set("ds").alias("_days"))
    is_tail = F.datediff(F.lit(until), "_from") + 1 == F.size("_days")
    again = by_series.select(
        "unique_id",
        F.when(is_tail, F.col("_from")).otherwise(F.lit(date.max)).alias("_from"),
        F.when(is_tail, F.array().cast("array<date>")).otherwise(F.col("_days")).alias("_days"),
    ).localCheckpoint()
    (size,) = again.agg(F.sum(F.size("_days") + 1).alias("n")).collect()
    if (size["n"] or 0) > _FEW:
        found = before.join(days.withColumn("is_replaced", F.lit(True)), ["unique_id", "ds"], "left")
    else:
        is_there = (F.col("ds") >= F.col("_from")) | F.array_contains("_days", F.col("ds"))
        found = before.join(F.broadcast(again), "unique_id", "left").withColumn("is_replaced", is_there)
    return found.select(*before.columns, F.coalesce("is_replaced", F.lit(False)).alias("is_replaced"))
