"""M5's wide sales (a row per series, a column per day): packed to an array, and from there to long rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

CELLS: Final = "_cells"
"""Column of packed sales: what was received for each day, in order."""


def packed(wide: DataFrame, ids: Sequence[str], days: Sequence[str]) -> DataFrame:
    """``ids`` and :data:`CELLS`, held: a plan with a column per day is analysed again by all that is built on it.

    Two bytes a cell where the file has small integers; a series is one row, so this is no larger than the file is
    when it is unpacked. Spread over all cores, as a file may be one piece.
    """
    # One SQL text instead of an expression object per day: the plan is built in one call.
    rows = wide.select(*ids, F.expr(f"array({', '.join(days)})").alias(CELLS))
    return rows.repartition(wide.sparkSession.sparkContext.defaultParallelism).localCheckpoint()


def mean_of_days(first: int, last: int) -> Column:
    """Mean of :data:`CELLS` from the ``first`` to before the ``last``, counted from 0; no whole number counts as 0."""
    whole = [F.coalesce(F.get(CELLS, F.lit(day)).try_cast("int"), F.lit(0)) for day in range(first, last)]
    return sum(whole[1:], whole[0]) / F.lit(last - first)


def long_sales(series: DataFrame, first: date) -> DataFrame:
    """``sku_id, location_id, date, quantity`` without the zeros, which say nothing that the assortment does not.

    A cell that is empty or no number stays, as received, for the rules to set aside. No Python runs on the workers.

    Args:
        series: ``item_id, store_id`` and :data:`CELLS` of consecutive days from ``first``.
    """
    cells = F.posexplode(CELLS).alias("_day", "quantity")
    number = F.col("quantity").try_cast("double")
    return (
        series.select(F.col("item_id").alias("sku_id"), F.col("store_id").alias("location_id"), cells)
        .where(number.isNull() | (number != 0))
        .select("sku_id", "location_id", F.date_add(F.lit(first), F.col("_day")).alias("date"), "quantity")
    )
