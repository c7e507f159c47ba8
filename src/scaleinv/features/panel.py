"""The dense panel: every day of every life with what was sold, then the days ahead with what is announced."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

_KEY = ["sku_id", "location_id", "date"]


def days_of(alive: DataFrame, silver: Mapping[str, DataFrame], *, as_of: date) -> DataFrame:
    """unique_id, sku_id, location_id, date, y, is_stockout: one row per day of each life up to ``as_of``.

    A day without a sale is a zero inside a life, and nothing outside it. A day that ended without stock understates
    demand, whatever was sold before; without a stock record nobody knows, and it counts as in stock.
    """
    each = F.explode(F.sequence(F.col("first_ds"), F.lit(as_of))).alias("date")
    dense = alive.select("unique_id", "sku_id", "location_id", each)
    empty = silver["stock"].where(F.col("on_hand") <= 0).select(*_KEY, F.lit(True).alias("is_stockout"))
    sold = silver["sales"].select(*_KEY, F.col("quantity").cast("float").alias("y"))
    return (
        dense.join(sold, _KEY, "left")
        .join(empty, _KEY, "left")
        .withColumn("y", F.coalesce("y", F.lit(0.0).cast("float")))
        .withColumn("is_stockout", F.coalesce("is_stockout", F.lit(False)))
    )


def panel(
    alive: DataFrame,
    history: DataFrame,
    facts: DataFrame,
    silver: Mapping[str, DataFrame],
    *,
    as_of: date,
    horizon: int,
) -> DataFrame:
    """``gold/panel`` without as_of: ``history``, ``horizon`` days ahead, and covariates for both."""
    first, last = F.lit(as_of + timedelta(days=1)), F.lit(as_of + timedelta(days=horizon))
    ahead = alive.select(
        "unique_id", "sku_id", "location_id", F.explode(F.sequence(first, last)).alias("date"),
        F.lit(None).cast("float").alias("y"), F.lit(False).alias("is_stockout"),
    )  # fmt: skip
    days = history.unionByName(ahead).join(_priced_days(alive, silver, as_of, horizon), _KEY, "left")
    known = facts.select("unique_id", "group_id", "region", "unit_price")
    days = days.join(known, "unique_id")
    calendar = silver["calendar"].select("region", "date", "event", F.col("is_benefit_day").alias("_benefit"))
    days = days.join(F.broadcast(calendar), ["region", "date"], "left")
    by_day = Window.partitionBy("unique_id").orderBy("date")
    so_far = by_day.rowsBetween(Window.unboundedPreceding, 0)
    from_now = by_day.rowsBetween(0, Window.unboundedFollowing)
    price = F.coalesce(
        F.last("price", ignorenulls=True).over(so_far),
        F.first("price", ignorenulls=True).over(from_now),
        F.col("unit_price"),
    )
    return days.select(
        "group_id",
        "unique_id",
        F.col("date").alias("ds"),
        "y",
        "is_stockout",
        price.cast("float").alias("price"),
        F.coalesce("is_promotion", F.lit(False)).alias("is_promotion"),
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
