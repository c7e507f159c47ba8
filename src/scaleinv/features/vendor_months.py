"""What vendors did, per month: sums that scorecards are made of. Their number is vendors times months."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def vendor_months(orders: DataFrame, items: DataFrame, *, as_of: date) -> DataFrame:
    """Sums per vendor_id and month of the lines that were due, or came, by ``as_of``.

    A line belongs to the month in which it was promised; where nothing was promised, to that of its receipt. A line
    that is past its day and open counts as late; one that is neither due nor received is left out. Lines received
    before they were sent are left out, too. What nobody recorded is null, not zero.
    """
    due = F.coalesce("promised_date", "received_date")
    came = F.col("received_date").isNotNull() & (F.col("received_date") <= F.lit(as_of))
    sane = F.col("received_date").isNull() | (F.col("received_date") >= F.col("order_date"))
    catalogue = items.select("sku_id", F.col("unit_cost").alias("_catalogue"))
    lines = (
        orders.where(sane & (due <= F.lit(as_of)))
        .join(catalogue, "sku_id", "left")
        .withColumn("month", F.trunc(due, "month"))
        .withColumn("_came", came)
        .withColumn("_days", F.when(came, F.datediff("received_date", "order_date")).cast("double"))
        .withColumn("_got", F.when(came, F.coalesce("received_quantity", "quantity")).otherwise(0.0))
    )
    promised = F.col("promised_date").isNotNull()
    in_time = F.col("_came") & (F.col("received_date") <= F.col("promised_date"))
    in_full = F.col("_got") >= F.col("quantity") - 1e-9
    priced = F.col("unit_cost").isNotNull() & (F.col("_catalogue") > 0)
    return lines.groupBy("vendor_id", "month").agg(
        F.count("*").alias("n_lines"),
        _count(F.col("_came")).alias("n_received"),
        _count(promised).alias("n_promised"),
        _count(promised & in_time).alias("n_on_time"),
        _count(promised & in_time & in_full).alias("n_otif"),
        F.coalesce(F.sum("_days"), F.lit(0.0)).alias("days"),
        F.coalesce(F.sum(F.col("_days") * F.col("_days")), F.lit(0.0)).alias("days2"),
        _count(F.col("received_quantity").isNotNull()).alias("n_counted"),
        F.sum("quantity").alias("ordered"),
        F.sum("_got").alias("received"),
        F.sum(F.when(priced, F.col("unit_cost") * F.col("quantity"))).alias("paid"),
        F.sum(F.when(priced, F.col("_catalogue") * F.col("quantity"))).alias("catalogue"),
        F.sum("rejected_quantity").alias("rejected"),
        F.sum(F.when(F.col("rejected_quantity").isNotNull(), F.col("_got"))).alias("inspected"),
        F.sum("temperature_incidents").cast("long").alias("temperature_incidents"),
    )


def _count(flag: Column) -> Column:
    return F.sum(F.coalesce(flag, F.lit(False)).cast("long"))
