"""From what was sold to what was wanted: stock-out flags, and the demand of the days that have one (docs/demand.md)."""

from __future__ import annotations

from typing import Final

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from scaleinv.features.estimate import OBSERVED, estimate

_SERIES = ["sku_id", "location_id"]
_KEY = [*_SERIES, "date"]
_SERIES_PER_BUCKET: Final = 1024
"""Series of a location that are estimated together: their days fit into a worker's memory however long the history."""
_SERIES_TOGETHER: Final = 256
"""Small locations are sent to a worker together, about so many series at a time: few, so that work spreads evenly."""
_ESTIMATES = "sku_id string, location_id string, date date, y float, y_sd float, demand_method string"


def demand(
    days: DataFrame, short: DataFrame, hourly: DataFrame | None, *, history: DataFrame | None = None
) -> DataFrame:
    """``days`` with y, y_sd, demand_method, and an ``is_stockout`` that knows the hours.

    Series that were never short of stock are not looked at further; those of a location that were are estimated
    together, and large locations are split by a hash of the series.

    Args:
        days: sku_id, location_id, date, sales (null: not yet known), is_stockout (the day ended without stock),
            is_promotion.
        short: sku_id, location_id, once each, of the series that were short of stock on a day or in an hour.
        hourly: rows of ``silver/hourly_sales``; a day that has one is judged by its hours. None: there are none.
        history: consecutive days of each of these series, with the same columns; ``None``: that is what ``days`` are.
    """
    past = (days if history is None else history).where(F.col("sales").isNotNull())
    rows = past.join(_buckets(short), _SERIES)
    wanted = ["bucket", *_KEY, "sales", "is_stockout", "is_promotion"]
    if hourly is not None:
        # Spark takes 10 us to send a null in place of a list, and next to nothing for an empty one.
        none = {name: F.array().cast(kind) for name, kind in _HOURS.items()}
        records = [F.col("sales").cast("array<float>"), F.col("is_stockout")]
        named = [column.alias(name) for column, name in zip(records, _HOURS, strict=True)]
        rows = rows.join(hourly.select(*_KEY, *named), _KEY, "left")
        rows = rows.withColumns({name: F.coalesce(name, empty) for name, empty in none.items()})
        wanted += _HOURS
    # Rows are few and their estimate is long: Spark would take few rows for the work of one core.
    parts = int(days.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    spread = rows.select(*wanted).repartition(parts, "bucket")
    found = spread.groupBy("bucket").applyInArrow(estimate, _ESTIMATES)
    known = F.col("sales").isNotNull()
    return (
        days.join(found, _KEY, "left")
        .withColumn("y", F.coalesce("y", "sales"))
        .withColumn("y_sd", F.when(known, F.coalesce("y_sd", F.lit(0.0).cast("float"))))
        .withColumn("demand_method", F.when(known, F.coalesce("demand_method", F.lit(OBSERVED))))
        .withColumn("is_stockout", known & (F.col("demand_method") != OBSERVED))
    )


def observed(days: DataFrame) -> DataFrame:
    """:func:`demand` of series that were never short of stock: it is what was sold."""
    known = F.col("sales").isNotNull()
    return days.withColumns(
        {
            "y": F.col("sales"),
            "y_sd": F.when(known, F.lit(0.0).cast("float")),
            "demand_method": F.when(known, F.lit(OBSERVED)),
        }
    )


_HOURS: Final = {"hour_sales": "array<float>", "hour_stockout": "array<boolean>"}


def _buckets(short: DataFrame) -> DataFrame:
    """sku_id, location_id, bucket: a bucket has the series of some small locations, or some of a large one's."""
    sizes = short.groupBy("location_id").agg(F.count("*").alias("_size"))
    # One row per location: one partition is right for their running sum.
    before = Window.partitionBy(F.lit(0)).orderBy("location_id").rowsBetween(Window.unboundedPreceding, -1)
    sizes = sizes.withColumn("_together", F.floor(F.coalesce(F.sum("_size").over(before), F.lit(0)) / _SERIES_TOGETHER))
    apart = F.floor(F.pmod(F.xxhash64(*_SERIES), F.col("_size")) / _SERIES_PER_BUCKET)
    # One number, as rows are sorted by it.
    bucket = (F.shiftleft("_together", 32) + apart).alias("bucket")
    return short.join(F.broadcast(sizes), "location_id").select(*_SERIES, bucket)
