"""Which series there are, and from which day to which they live."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from scaleinv.schema.words import ID_SEPARATOR


def selling_days(lines: DataFrame) -> DataFrame:
    """sku_id, location_id, first_sale, last_sale: one row per series that has sales.

    Args:
        lines: sku_id, location_id and date of all sales; a key may come more than once.
    """
    ends = [F.min("date").alias("first_sale"), F.max("date").alias("last_sale")]
    return lines.groupBy("sku_id", "location_id").agg(*ends)


def lives(silver: Mapping[str, DataFrame], sold: DataFrame, *, as_of: date, first: date) -> DataFrame:
    """One row per series on sale at ``as_of``: unique_id, sku_id, location_id, first_ds, old levels.

    A series is a listed SKU at a location, or one that has sales. Its life starts when it was listed, else with its
    first sale; a listed SKU that never sold and has no such day has lived through the whole history. One that was
    delisted before ``as_of`` needs no order any more and is left out.

    Args:
        silver: the history.
        sold: :func:`selling_days`.
        as_of: the last day known.
        first: the first day of the panel: no life begins before it.
    """
    day, oldest = F.lit(as_of), F.lit(first)
    listed = silver["assortment"].where(F.col("listed_from").isNull() | (F.col("listed_from") <= day))
    both = listed.join(sold, ["sku_id", "location_id"], "full")
    start = F.coalesce(F.col("listed_from"), F.col("first_sale"), oldest)
    return both.where(F.col("listed_to").isNull() | (F.col("listed_to") >= day)).select(
        F.concat_ws(ID_SEPARATOR, "sku_id", "location_id").alias("unique_id"),
        "sku_id",
        "location_id",
        F.greatest(F.least(start, F.coalesce(F.col("first_sale"), start)), oldest).alias("first_ds"),
        F.col("reorder_point").alias("old_reorder_point"),
        F.col("order_up_to_level").alias("old_order_up_to_level"),
    )


def without_stock(lives: DataFrame, silver: Mapping[str, DataFrame], *, as_of: date) -> DataFrame:
    """sku_id, location_id, date, once each: days of a life that ended, or had an hour, without stock."""
    key = ["sku_id", "location_id", "date"]
    short = silver["stock"].where(F.col("on_hand") <= 0).select(*key)
    if "hourly_sales" in silver:
        gaps = silver["hourly_sales"].where(F.exists("is_stockout", lambda hour: hour)).select(*key)
        short = short.unionByName(gaps).distinct()
    known = F.col("date").between(F.col("first_ds"), F.lit(as_of))
    return short.join(lives.select(*key[:2], "first_ds"), key[:2]).where(known).select(*key)
