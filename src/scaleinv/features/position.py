"""Stock and open orders of every series at the end of ``as_of``."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_STOCK = ("on_hand", "reserved", "backorders")


def stock_position(facts: DataFrame, silver: Mapping[str, DataFrame]) -> DataFrame:
    """``gold/stock_position`` without as_of: the latest stock record of each series, and what is on its way.

    A series without a stock record has zeros and a null ``stock_date``: what to do then is not decided here.
    """
    key = ["sku_id", "location_id"]
    latest = silver["stock"].groupBy(*key).agg(F.max_by(F.struct("date", *_STOCK), "date").alias("_stock"))
    open_lines = silver["purchase_orders"].where(F.col("received_date").isNull())
    # As decimals: a sum of doubles depends on the order in which a shuffle brings them.
    quantity = F.col("quantity").cast("decimal(18,6)")
    on_order = open_lines.groupBy(*key).agg(F.sum(quantity).cast("double").alias("on_order"))
    found = facts.select("group_id", "unique_id", *key).join(latest, key, "left").join(on_order, key, "left")
    levels = {name: F.coalesce(F.col(f"_stock.{name}"), F.lit(0.0)).alias(name) for name in _STOCK}
    return found.select(
        "group_id",
        "unique_id",
        levels["on_hand"],
        F.coalesce("on_order", F.lit(0.0)).alias("on_order"),
        levels["reserved"],
        levels["backorders"],
        F.col("_stock.date").alias("stock_date"),
    )
