"""How long deliveries take: the distribution of received orders per vendor, else what the vendor says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scaleinv.config import FeaturesConfig
from scaleinv.errors import DataError, explain


def lead_times(facts: DataFrame, silver: Mapping[str, DataFrame], *, as_of: date, config: FeaturesConfig) -> DataFrame:
    """``gold/lead_times`` without as_of, a row per vendor: wherever it delivers to, and nothing predicted.

    Orders sent within ``max_lead_time`` days of ``as_of`` are left out: of them only the quick ones have come back, so
    they would make every vendor look fast. A longer delivery counts as ``max_lead_time``. The lines of an order that
    reach a location on one day came on one truck: they are one delivery.

    Raises:
        DataError: a vendor of a series has neither enough receipts nor quoted lead times.
    """
    longest = config.max_lead_time
    taken = F.datediff("received_date", "order_date")
    settled = F.col("received_date").isNotNull() & (F.col("order_date") <= F.lit(as_of - timedelta(days=longest)))
    receipts = (
        silver["purchase_orders"]
        .where(settled)
        .select(
            "vendor_id", "order_id", "location_id", F.greatest(F.least(taken, F.lit(longest)), F.lit(1)).alias("days")
        )
        .distinct()
        .groupBy("vendor_id", "days")
        .agg(F.count("*").cast("double").alias("weight"))
    )
    quoted = (
        silver["lead_times"]
        .groupBy("vendor_id", F.least(F.col("lead_time"), F.lit(longest)).alias("days"))
        .agg(_added(F.collect_list("weight")).alias("weight"))
    )
    enough = receipts.groupBy("vendor_id").agg(F.sum("weight").cast("long").alias("n_receipts"))
    enough = enough.where(F.col("n_receipts") >= config.min_receipts)
    seen = receipts.join(enough, "vendor_id")
    said = quoted.join(enough, "vendor_id", "left_anti").withColumn("n_receipts", F.lit(0).cast("long"))
    vendors = facts.select("vendor_id").distinct()
    weights = vendors.join(seen.unionByName(said), "vendor_id", "left")
    found = weights.groupBy("vendor_id").agg(
        F.map_from_entries(F.collect_list(F.when(F.col("weight") > 0, F.struct("days", "weight")))).alias("_weights"),
        _added(F.collect_list("weight")).alias("_total"),
        F.max("n_receipts").alias("n_receipts"),
    )
    _check_known(found)
    days = F.sequence(F.lit(0), F.lit(longest))
    share = F.transform(
        days, lambda day: (F.coalesce(F.col("_weights")[day], F.lit(0.0)) / F.col("_total")).cast("float")
    )
    anywhere = F.lit(None).cast("string").alias("location_id")
    chances = [F.lit(None).cast("double").alias(name) for name in ("late", "short")]
    return found.select("vendor_id", anywhere, share.alias("probability"), "n_receipts", *chances)


def _added(weights: Column) -> Column:
    """Their sum in a fixed order: as a shuffle brings them, its last digits would differ from night to night."""
    return F.aggregate(F.array_sort(weights), F.lit(0.0), lambda total, weight: total + weight)


def _check_known(found: DataFrame) -> None:
    missing = [row["vendor_id"] for row in found.where(F.col("_total") == 0).limit(6).collect()]  # at most six
    if missing:
        raise DataError(
            explain(
                "vendors without lead times",
                expected="receipts in silver/purchase_orders, or rows in silver/lead_times",
                which=missing,
                do="let the vendor quote its lead time in the source lead_times",
            )
        )
