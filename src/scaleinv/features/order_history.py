"""The latest order lines, as many as a model of lead times learns from: bounded, whatever the history holds."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_COLUMNS = (
    "vendor_id", "sku_id", "location_id", "mode", "order_date", "promised_date", "received_date", "quantity",
    "received_quantity",
)  # fmt: skip


def latest_orders(orders: DataFrame, *, as_of: date, history_days: int, most: int) -> DataFrame:
    """The ``most`` lines sent last, within ``history_days``; lines received before they were sent say nothing.

    Nor do those that the vendor refused.
    """
    orders = without_refused(orders)
    since = F.lit(as_of - timedelta(days=history_days))
    sane = F.col("received_date").isNull() | (F.col("received_date") >= F.col("order_date"))
    there = orders.where(sane & (F.col("order_date") > since) & (F.col("order_date") <= F.lit(as_of)))
    # Ties of a day fall in a fixed order, so that a night that is run again learns from the same lines.
    last = F.col("order_date").desc()
    return there.orderBy(last, "order_id", "line").limit(most).select(*_COLUMNS)


def without_refused(orders: DataFrame) -> DataFrame:
    """Without lines that the vendor refused (``is_refused``, where there is such a column).

    They have no day of receipt and are not under way: as open ones they would be later with every night.
    """
    if "is_refused" not in orders.columns:
        return orders
    return orders.where(~F.coalesce("is_refused", F.lit(False)))
