"""M5's wide sales (a row per series, a column per day) to long rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def long_sales(wide: DataFrame, days: Sequence[str], first: date) -> DataFrame:
    """``sku_id, location_id, date, quantity`` without the zeros, which say nothing that the assortment does not.

    A cell that is empty or no number stays, as received, for the rules to set aside. No Python runs on the workers.

    Args:
        wide: ``item_id, store_id`` and a column for each of ``days``, consecutive from ``first``.
    """
    ids = wide.select(F.col("item_id").alias("sku_id"), F.col("store_id").alias("location_id"), *days)
    spread = ids.repartition(wide.sparkSession.sparkContext.defaultParallelism)
    # One SQL text instead of an expression object per day: the plan is built in one call.
    cells = F.posexplode(F.expr(f"array({', '.join(days)})")).alias("_day", "quantity")
    number = F.col("quantity").try_cast("double")
    return (
        spread.select("sku_id", "location_id", cells)
        .where(number.isNull() | (number != 0))
        .select("sku_id", "location_id", F.date_add(F.lit(first), F.col("_day")).alias("date"), "quantity")
    )
