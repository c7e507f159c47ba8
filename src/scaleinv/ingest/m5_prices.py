"""M5's weekly prices to periods of one price, with a promotion flag that looks only backwards."""

from __future__ import annotations

from datetime import date
from typing import Final

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

TRAILING_WEEKS: Final = 26
PROMOTION: Final = 0.95
"""A price at or below this share of the mean price of the last :data:`TRAILING_WEEKS` priced weeks is a promotion."""

_SERIES: Final = ("store_id", "item_id")


def price_periods(weekly: DataFrame, *, since: date | None = None) -> DataFrame:
    """Raw ``prices``: consecutive weeks of equal price and flag become one period; those over before ``since`` go.

    The mean is of the weeks before the priced one, so nothing of the future is used; a permanent cut counts as a
    promotion until the mean has come down to it. Prices are added as whole cents, so that sums are exact.

    Args:
        weekly: ``store_id, item_id, week_start, week_end, price``.
    """
    by_week = Window.partitionBy(*_SERIES).orderBy("week_start")
    cents = F.rint(F.col("price") * 100).cast("bigint")
    flagged = (
        weekly.withColumn("_cents", cents)
        .withColumn("_sum", F.coalesce(F.sum("_cents").over(by_week) - F.col("_cents"), F.lit(0)))
        .withColumn("_n", F.row_number().over(by_week) - 1)
        .withColumn("_old", F.coalesce(F.lag("_sum", TRAILING_WEEKS).over(by_week), F.lit(0)))
        .withColumn("_mean", F.col("_sum") - F.col("_old"))
        .withColumn("_weeks", F.least("_n", F.lit(TRAILING_WEEKS)))
        .withColumn("is_promotion", F.col("_cents") * F.col("_weeks") <= F.col("_mean") * PROMOTION)
        .withColumn("is_promotion", F.col("is_promotion") & (F.col("_weeks") > 0))
    )
    last_week = F.lag("week_start").over(by_week)
    same = (
        (F.date_add(last_week, 7) == F.col("week_start"))
        & (F.lag("_cents").over(by_week) == F.col("_cents"))
        & (F.lag("is_promotion").over(by_week) == F.col("is_promotion"))
    )
    run = F.sum(F.when(same, 0).otherwise(1)).over(by_week)
    periods = (
        flagged.withColumn("_run", run)
        .groupBy(*_SERIES, "_run")
        .agg(
            F.min("week_start").alias("valid_from"),
            F.max("week_end").alias("valid_to"),
            F.max("price").alias("price"),
            F.first("is_promotion").alias("is_promotion"),
        )
        .select(
            F.col("item_id").alias("sku_id"), F.col("store_id").alias("location_id"),
            "valid_from", "valid_to", "price", "is_promotion", F.lit(None).cast("string").alias("promotion_type"),
        )
    )  # fmt: skip
    return periods if since is None else periods.where(F.col("valid_to") >= F.lit(since))


def latest_prices(periods: DataFrame, as_of: date) -> DataFrame:
    """``sku_id, price``: the median over locations of each location's latest price at ``as_of``.

    An item whose first price lies after ``as_of`` has that first one.

    Args:
        periods: all of :func:`price_periods`.
    """
    known = F.col("valid_from") <= F.lit(as_of)
    # Latest known period first, else the earliest to come; the day number makes one number of both.
    nearness = F.when(known, F.unix_date("valid_from")).otherwise(-F.unix_date("valid_from"))
    latest = F.max_by("price", F.struct(known, nearness)).alias("price")
    per_location = periods.groupBy("sku_id", "location_id").agg(latest)
    return per_location.groupBy("sku_id").agg(F.round(F.median("price"), 4).alias("price"))
