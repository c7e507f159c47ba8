"""Several loads of a table as one: what was known on a day, one row per key."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from scaleinv.schema import Table


def merged(frame: DataFrame, table: Table, *, as_of: date | None, one_load: bool) -> DataFrame:
    """The columns that a source brings, one row per key, from the loads known at ``as_of`` (``None``: all).

    Where quantities add up, a later load may take away what an earlier one said. Of other tables the row known last
    stands, and of those of one day the one loaded last.

    Args:
        frame: all rows of the table, with their stamps.
        table: its contract.
        as_of: last day known.
        one_load: the table holds a single load, whose keys are unique already: nothing needs to be put together.
    """
    names = [column.name for column in table.received]
    if as_of is not None:
        frame = frame.where(F.col("known_on") <= F.lit(as_of))
    if one_load or table.loads == "whole":
        return frame.select(*names)
    key = list(table.key)
    others = [name for name in names if name not in key]
    if table.loads == "add":
        # As decimals: a sum of doubles depends on the order in which a shuffle brings them.
        sums = [F.sum(F.col(name).cast("decimal(18,6)")).cast("double").alias(name) for name in others]
        return frame.groupBy(*key).agg(*sums).select(*names)
    latest = F.max_by(F.struct(*others), F.struct("known_on", "load", "source")).alias("_latest")
    return frame.groupBy(*key).agg(latest).select(*key, *[F.col(f"_latest.{name}") for name in others]).select(*names)
