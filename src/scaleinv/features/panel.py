"""The dense panel: every day of every life, then the days ahead with what is announced."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

_KEY = ["sku_id", "location_id", "date"]


def days_of(alive: DataFrame, silver: Mapping[str, DataFrame], *, as_of: date, horizon: int) -> DataFrame:
    """One row per day of each life and of the ``horizon`` days after ``as_of``.

    unique_id, sku_id, location_id, date, sales, is_stockout, price, is_promotion; prices may be null. A day without a
    sale is a zero inside a life, and nothing outside it; after ``as_of`` sales are null. ``is_stockout`` says that the
    day ended without stock; without a stock record nobody knows, and it counts as in stock.
    """
    last = F.lit(as_of + timedelta(days=horizon))
    each = F.explode(F.sequence(F.col("first_ds"), last)).alias("date")
    dense = alive.select("unique_id", "sku_id", "location_id", each)
    known = F.col("date") <= F.lit(as_of)
    empty = silver["stock"].where(F.col("on_hand") <= 0).select(*_KEY, F.lit(True).alias("is_stockout"))
    sold = silver["sales"].select(*_KEY, F.col("quantity").cast("float").alias("sales"))
    return (
        dense.join(sold, _KEY, "left")
        .join(empty, _KEY, "left")
        .join(_priced_days(alive, silver, as_of, horizon), _KEY, "left")
        .withColumn("sales", F.when(known, F.coalesce("sales", F.lit(0.0).cast("float"))))
        .withColumn("is_stockout", known & F.coalesce("is_stockout", F.lit(False)))
        .withColumn("is_promotion", F.coalesce("is_promotion", F.lit(False)))
    )


def panel(days: DataFrame, facts: DataFrame, silver: Mapping[str, DataFrame]) -> DataFrame:
    """``gold/panel`` without as_of: ``days`` with their demand, and covariates."""
    known = facts.select("unique_id", "group_id", "region", "unit_price")
    days = days.join(known, "unique_id")
    calendar = silver["calendar"].select("region", "date", "event", F.col("is_benefit_day").alias("_benefit"))
    days = days.join(F.broadcast(calendar), ["region", "date"], "left")
    by_series = Window.partitionBy("unique_id")
    so_far = by_series.orderBy("date").rowsBetween(Window.unboundedPreceding, 0)
    price = F.coalesce(
        F.last("price", ignorenulls=True).over(so_far),
        # Days before the first price have that one. (Looking ahead from each day would take the square of the days.)
        F.min_by("price", F.when(F.col("price").isNotNull(), F.col("date"))).over(by_series),
        F.col("unit_price"),
    )
    return days.select(
        "group_id",
        "unique_id",
        F.col("date").alias("ds"),
        "sales",
        "y",
        "y_sd",
        "demand_method",
        "is_stockout",
        price.cast("float").alias("price"),
        "is_promotion",
        "event",
        F.coalesce("_benefit", F.lit(False)).alias("is_benefit_day"),
    )


def _priced_days(alive: DataFrame, silver: Mapping[str, DataFrame], as_of: date, horizon: int) -> DataFrame:
    """Price periods as days, as far as the panel reaches; where two overlap, the later start wins."""
    starts = alive.agg(F.min("first_ds")).first()
    assert starts is not None
    oldest, newest = F.lit(starts[0]), F.lit(as_of + timedelta(days=horizon))
    periods = silver["prices"].where((F.col("valid_to") >= oldest) & (F.col("valid_from") <= newest))
    span = F.sequence(F.greatest(F.col("valid_from"), oldest), F.least(F.col("valid_to"), newest))
    days = periods.select("sku_id", "location_id", "valid_from", "price", "is_promotion", F.explode(span).alias("date"))
    latest = F.max_by(F.struct("price", "is_promotion"), "valid_from").alias("_latest")
    return days.groupBy(*_KEY).agg(latest).select(*_KEY, "_latest.price", "_latest.is_promotion")
