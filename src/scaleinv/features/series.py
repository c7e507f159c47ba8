"""Static facts of every series: demand class, velocity, ABC class, training group."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from scaleinv.config import FeaturesConfig
from scaleinv.schema.words import ADI_CUT, CV2_CUT

FAST, MEDIUM = 1.0, 0.1
"""Units per day from which a series is fast, medium."""
A_SHARE, B_SHARE = 0.80, 0.95
_BUCKETS_PER_FACTOR_E: Final = 100
"""ABC: series are ranked by the logarithm of their value in steps of 1 %, so that one small table is cumulated."""


def placed(lives: DataFrame, silver: Mapping[str, DataFrame]) -> DataFrame:
    """``lives`` with what master data say of the item, the location and the vendor."""
    return (
        lives.join(silver["items"].drop("description", "gtin"), "sku_id")
        .join(F.broadcast(silver["locations"].select("location_id", "region")), "location_id")
        .join(F.broadcast(silver["vendors"].select("vendor_id", "review_period", "review_date")), "vendor_id")
    )


def series(facts: DataFrame, *, last: date) -> DataFrame:
    """``gold/series`` without as_of.

    Args:
        facts: :func:`placed` with :func:`scaleinv.features.measures.measures`.
        last: last day of the panel.
    """
    usable = F.col("n_days") - F.col("stockout_days")
    mean = F.when(F.col("_sold") > 0, F.col("_sum") / usable).otherwise(0.0)
    adi = F.when(F.col("_sold") > 0, usable / F.col("_sold")).otherwise(0.0)
    # Variance over squared mean, of the days with a sale.
    spread = F.col("_sold") * F.col("_squares") / (F.col("_sum") * F.col("_sum")) - 1
    cv2 = F.when(F.col("_sold") > 0, F.greatest(spread, F.lit(0.0))).otherwise(0.0)
    facts = facts.withColumn("mean_demand", mean).withColumn("adi", adi).withColumn("cv2", cv2)
    return _abc(facts).select(
        "group_id",
        "unique_id", "sku_id", "location_id", "vendor_id", "category", "department", "region", "first_ds",
        F.lit(last).alias("last_ds"),
        "n_days", "stockout_days", "mean_demand", "adi", "cv2",
        _demand_class().alias("demand_class"),
        _velocity().alias("velocity_class"),
        "abc_class", "unit", "unit_cost", "unit_price", "min_order_quantity", "order_multiple", "review_period",
        "review_date", "old_reorder_point", "old_order_up_to_level",
    )  # fmt: skip


def _demand_class() -> Column:
    often, even = F.col("adi") < ADI_CUT, F.col("cv2") < CV2_CUT
    return (
        F.when(F.col("adi") == 0, "no_demand")
        .when(often & even, "smooth")
        .when(often, "erratic")
        .when(even, "intermittent")
        .otherwise("lumpy")
    )


def _velocity() -> Column:
    mean = F.col("mean_demand")
    return F.when(mean >= FAST, "fast").when(mean >= MEDIUM, "medium").otherwise("slow")


def _abc(facts: DataFrame) -> DataFrame:
    """The class of the bucket in which a series' value lies: A up to 80 % of the value, B up to 95 %."""
    value = F.col("mean_demand") * F.col("unit_price")
    bucket = F.when(value > 0, F.floor(F.log(value) * _BUCKETS_PER_FACTOR_E)).otherwise(-1_000_000)
    facts = facts.withColumn("_value", value).withColumn("_bucket", bucket.cast("long"))
    buckets = facts.groupBy("_bucket").agg(F.sum(F.col("_value").cast("decimal(30,9)")).alias("_sum"))
    # A few thousand buckets, however many series: one partition is right for their running sum.
    above = Window.partitionBy(F.lit(0)).orderBy(F.desc("_bucket")).rowsBetween(Window.unboundedPreceding, -1)
    whole = Window.partitionBy(F.lit(0))
    before = F.coalesce(F.sum("_sum").over(above), F.lit(0))
    share = F.when(F.sum("_sum").over(whole) > 0, before / F.sum("_sum").over(whole)).otherwise(F.lit(1))
    letter = (
        F.when(F.col("_bucket") == -1_000_000, "C").when(share < A_SHARE, "A").when(share < B_SHARE, "B").otherwise("C")
    )
    return facts.join(F.broadcast(buckets.select("_bucket", letter.alias("abc_class"))), "_bucket")


def grouped(found: DataFrame, config: FeaturesConfig) -> DataFrame:
    """``found`` with group_id.

    ``<category>-<shard>``: the same series is always in the same shard while its category keeps its size class.

    Args:
        found: :func:`placed`, or with ``cluster``: rows that are gone through twice.
        config: by which column, and how large a group may be.
    """
    branch = config.group_by
    sizes = found.groupBy(branch).agg(F.ceil(F.count("*") / F.lit(config.max_group_size)).alias("_shards"))
    return found.join(F.broadcast(sizes), branch).withColumn("group_id", _group(branch))


def regrouped(found: DataFrame, config: FeaturesConfig, *, before: DataFrame) -> DataFrame:
    """As :func:`grouped`, of series of which most stay where they are; the others go to the shards that there are.

    Args:
        found: its rows; a series that stays needs no value to be grouped by.
        config: by which column.
        before: unique_id and group_id of series that stay, if they are found.
    """
    name, shard = F.regexp_extract("group_id", "^(.*)-[0-9]+$", 1), F.substring_index("group_id", "-", -1)
    sizes = before.groupBy(name.alias(config.group_by)).agg((F.max(shard.cast("int")) + 1).alias("_shards"))
    kept = before.select("unique_id", F.col("group_id").alias("_kept"))
    rows = found.join(F.broadcast(sizes), config.group_by, "left").fillna(1, "_shards").join(kept, "unique_id", "left")
    return rows.withColumn("group_id", F.coalesce("_kept", _group(config.group_by))).drop("_kept")


def _group(branch: str) -> Column:
    slug = F.regexp_replace(F.trim(F.col(branch)), "[^A-Za-z0-9_]+", "_")
    return F.format_string("%s-%02d", slug, F.pmod(F.xxhash64("unique_id"), F.col("_shards")))
