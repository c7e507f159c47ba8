"""Which days of which series can differ from an earlier night's panel, and two panels as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from typing import Final

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

    ``series`` has its rows of ``gold/series``; ``silver`` is what was known then (calendar, weather, locations,
    prices); ``later`` holds the rows that have become known since (sales, stock, prices, hourly_sales where there is).
    """

    as_of: date
    series: DataFrame
    silver: Frames
    later: Frames


def begins_later(lives: DataFrame, base: Base, *, first: date) -> bool:
    """Whether a life begins later than it did, though not before the panel: rows would have to be taken away."""
    before = base.series.select("unique_id", F.col("first_ds").alias("_first"))
    moved = F.col("first_ds") > F.greatest(F.col("_first"), F.lit(first))
    return not lives.join(before, "unique_id").where(moved).isEmpty()


def since(lives: DataFrame, silver: Frames, base: Base | None) -> DataFrame:
    """``lives`` with ``since``: from which day on a series' rows are made anew; all of them without a base.

    That is the day after the base, or an earlier one on which a price changes; the whole life of a series that is new,
    or bears another group, region or regular price, and of one that is or was short of stock: its demand is estimated
    from all its days.
    """
    if base is None:
        return lives.withColumn("since", F.col("first_ds"))
    seen = base.series.select(
        "unique_id",
        *[F.col(name).alias(f"_{name}") for name in ("group_id", "region", "unit_price", "first_ds", "stockout_days")],
    )
    priced = silver["prices"].select(*_SERIES, F.lit(True).alias("_is_priced")).distinct()
    found = lives.join(seen, "unique_id", "left").join(priced, _SERIES, "left")
    found = found.join(_price_changes(silver["prices"], base), _SERIES, "left")
    same = (
        (F.col("_group_id") == F.col("group_id"))
        & (F.col("_region") == F.col("region"))
        & (F.col("_first_ds") <= F.col("first_ds"))
        & (F.col("_is_priced").isNotNull() | (F.col("_unit_price") == F.col("unit_price")))
        & (F.col("_stockout_days") == 0)
        & ~F.col("is_short")
    )
    tail = F.least(F.lit(base.as_of + timedelta(days=1)), F.coalesce("_price_since", F.lit(date.max)))
    # A series that the base does not know has a null here.
    day = F.when(same, F.greatest("first_ds", tail)).otherwise(F.col("first_ds"))
    return found.select(*lives.columns, day.alias("since"))


def _price_changes(prices: DataFrame, base: Base) -> DataFrame:
    """sku_id, location_id, _price_since: the first day on which a series' price is another than it was."""
    touched = base.later["prices"].select(*_SERIES).distinct()
    now, before = (price_spans(frame.join(touched, _SERIES, "left_semi")) for frame in (prices, base.silver["prices"]))
    values = ["end", "price", "is_promotion", "depth"]
    old = before.select(*_SERIES, "start", F.struct(*values).alias("old"))
    both = now.select(*_SERIES, "start", F.struct(*values).alias("new")).join(old, [*_SERIES, "start"], "full")
    alike = reduce(
        Column.__and__,
        [F.col(f"old.{name}").eqNullSafe(F.col(f"new.{name}")) for name in ("price", "is_promotion", "depth")],
    )
    # Two spans that differ in how far they reach are the same up to there.
    longer = F.date_add(F.least("old.end", "new.end"), 1)
    there = F.col("old").isNotNull() & F.col("new").isNotNull()
    changed = both.where(~there | ~alike | (F.col("old.end") != F.col("new.end")))
    first = F.when(there & alike, longer).otherwise(F.col("start"))
    return changed.groupBy(*_SERIES).agg(F.min(first).alias("_price_since"))


def changed_days(lives: DataFrame, silver: Frames, base: Base, *, first: date) -> DataFrame:
    """sku_id, location_id, date, no row twice: days up to the base of which something else is known by now."""
    known = [base.later[name].select(*_KEY) for name in ("sales", "stock", "hourly_sales") if name in base.later]
    spans = {"first": first, "last": base.as_of}
    now, before = region_days(silver, **spans), region_days(base.silver, **spans)
    announced = now.exceptAll(before).select("region", "date").distinct()
    around = lives.join(announced, "region").select(*_KEY)
    days = reduce(DataFrame.unionByName, [*known, around])
    return days.where(F.col("date") <= F.lit(base.as_of)).distinct()


def sales_of(days: DataFrame, sales: DataFrame, base: Base | None) -> DataFrame:
    """The rows of ``sales`` that ``days`` can meet: nearly all of them are of days after the base."""
    if base is None:
        return sales
    late = F.col("date") > F.lit(base.as_of)
    early = days.where(~late).select(*_KEY)
    n = early.count()
    if n > _FEW:
        return sales
    new = sales.where(late)
    return new.unionByName(sales.where(~late).join(few(early, n), _KEY, "left_semi")) if n else new


def few(keys: DataFrame, n: int) -> DataFrame:
    """``n`` keys to join with; where every worker may hold them, the other side is cut before it is put together."""
    return F.broadcast(keys) if n <= _FEW else keys


def overlaid(before: DataFrame, rows: DataFrame, *, until: date) -> DataFrame:
    """Rows of ``gold/panel`` as one panel: of a series' day that is in both, that of ``rows``.

    Args:
        before: the base's rows.
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
        return before.join(days, ["unique_id", "ds"], "left_anti").unionByName(rows)
    stays = (F.col("ds") < F.col("_from")) & ~F.array_contains("_days", F.col("ds"))
    found = before.join(F.broadcast(again), "unique_id", "left").where(F.coalesce(stays, F.lit(True)))
    return found.select(*before.columns).unionByName(rows)
