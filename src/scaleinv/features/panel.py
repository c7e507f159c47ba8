"""The dense panel: every day of every life, then the days ahead with what is announced.

Each row is a function of its own series and day: what was sold then, what the shelf, the price and the calendar were.
So some days of some series can be made anew, and are what they would be in a panel that is made as a whole. Only
``y`` on days without stock looks further (:mod:`scaleinv.features.demand`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scaleinv.features.region_days import region_days
from scaleinv.schema.features import DAY_FEATURES

_SERIES = ["sku_id", "location_id"]
_KEY = [*_SERIES, "date"]
SALES_PER_PART: Final = 250_000
"""Sales that are hashed at once; a worker's core holds some 50 MB of them."""
_LIMITS = ("start", "end", "since", "gap_start", "gap_end")
_LONG_AGO, _FOR_EVER = date(1900, 1, 1), date(9999, 12, 31)


def priced_spans(lives: DataFrame, spans: DataFrame, *, parts: int) -> DataFrame:
    """``lives`` with start, end, price, is_promotion, promotion_type, promotion_depth: a row per series and span.

    Args:
        lives: a row per series, with ``unit_price``, which stands where no price is known.
        spans: :func:`scaleinv.features.prices.price_spans`.
        parts: into how many they are to be divided by series; days made of them lie as they do.
    """
    priced = lives.join(spans, _SERIES, "left").select(
        *lives.columns,
        F.coalesce("start", F.lit(_LONG_AGO)).alias("start"),
        F.coalesce("end", F.lit(_FOR_EVER)).alias("end"),
        F.coalesce("price", "unit_price").cast("float").alias("price"),
        F.coalesce("is_promotion", F.lit(False)).alias("is_promotion"),
        "promotion_type",
        F.coalesce("depth", F.lit(0.0)).cast("float").alias("promotion_depth"),
    )
    return priced.repartition(parts, *_SERIES)


def days_of(spans: DataFrame, *, last: date) -> DataFrame:
    """One row per series and day from its ``since`` to ``last``, but for its gap: ``spans`` with ``date``."""
    start, end = F.greatest("start", "since"), F.least(F.col("end"), F.lit(last))
    around = F.concat(
        _sequence(start, F.least(end, F.date_sub("gap_start", 1))),
        _sequence(F.greatest(start, F.date_add("gap_end", 1)), end),
    )
    days = F.when(F.col("gap_start").isNull(), F.sequence(start, end)).otherwise(around)
    names = _without(spans, *_LIMITS)
    return spans.where(start <= end).select(*names, F.explode(days).alias("date"))


def some_days_of(spans: DataFrame, days: DataFrame) -> DataFrame:
    """As :func:`days_of`, for the ``days`` (sku_id, location_id, date; no row twice) of a life before ``since``."""
    inside = F.col("date").between(F.greatest("start", "first_ds"), F.col("end")) & (F.col("date") < F.col("since"))
    return spans.join(days, _SERIES).where(inside).select(*_without(spans, *_LIMITS), "date")


def _sequence(start: Column, end: Column) -> Column:
    """The days from ``start`` to ``end``; none if it ends before."""
    return F.when(start <= end, F.sequence(start, end)).otherwise(F.array().cast("array<date>"))


def with_sales(days: DataFrame, sales: DataFrame, stock: DataFrame | None, *, as_of: date) -> DataFrame:
    """``days`` with sales and is_stockout.

    A day without a sale is a zero inside a life, and nothing outside it; after ``as_of`` sales are null.
    ``is_stockout`` says that the day ended without stock; without a stock record nobody knows, and it counts as in
    stock. ``stock`` may be left out where no day did.
    """
    known = F.col("date") <= F.lit(as_of)
    # Days lie by series, one after the other; hashing the sales leaves them so, and sorts and moves nothing.
    sold = sales.select(*_KEY, F.col("quantity").cast("float").alias("sales")).hint("shuffle_hash")
    days = days.join(sold, _KEY, "left").withColumn(
        "sales", F.when(known, F.coalesce("sales", F.lit(0.0).cast("float")))
    )
    if stock is None:
        return days.withColumn("is_stockout", F.lit(False))
    empty = stock.where(F.col("on_hand") <= 0).select(*_KEY, F.lit(True).alias("is_stockout"))
    return days.join(empty, _KEY, "left").withColumn("is_stockout", known & F.coalesce("is_stockout", F.lit(False)))


def panel(days: DataFrame, silver: Mapping[str, DataFrame], *, first: date, last: date) -> DataFrame:
    """``gold/panel`` without as_of: ``days`` with their demand, and what is announced for their region."""
    announced = region_days(silver, first=first, last=last)
    return days.join(announced, ["region", "date"], "left").select(
        "group_id", "unique_id", F.col("date").alias("ds"), "sales", "y", "y_sd", "demand_method", "is_stockout",
        *[feature.name for feature in DAY_FEATURES],
    )  # fmt: skip


def _without(frame: DataFrame, *names: str) -> list[Column]:
    return [F.col(name) for name in frame.columns if name not in names]
