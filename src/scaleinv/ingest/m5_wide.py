"""M5's wide sales (a row per series, a column per day) to long rows, in Arrow batches on the workers.

A Spark plan with an expression per day takes longer to analyse than the data takes to turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_ROWS: Final = 500
"""Series turned at a time: 500 x 1,941 days are a million cells."""

_MISSING: Final = np.iinfo(np.int32).min
"""Stands for an empty or unreadable cell; it leaves as null, so that the rules set the row aside."""


def long_sales(wide: DataFrame, days: Sequence[str], first: date) -> DataFrame:
    """``sku_id, location_id, date, quantity`` without the zeros, which say nothing that the assortment does not.

    Args:
        wide: ``item_id, store_id`` and a column for each of ``days``, consecutive from ``first``.
    """
    spread = wide.repartition(wide.sparkSession.sparkContext.defaultParallelism)
    melted = spread.mapInArrow(
        _melt(tuple(days)), "sku_id string, location_id string, _day int, quantity int"
    )
    return melted.select("sku_id", "location_id", F.date_add(F.lit(first), F.col("_day")).alias("date"), "quantity")


def _melt(days: tuple[str, ...]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def batches(received: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in received:
            for start in range(0, batch.num_rows, _ROWS):
                yield melt(batch.slice(start, _ROWS), days)

    return batches


def melt(batch: pa.RecordBatch, days: Sequence[str]) -> pa.RecordBatch:
    """The non-zero cells of ``(n_series, n_days)`` columns as rows; an unreadable cell is a row with a null."""
    cells = np.stack([_whole(batch.column(day)) for day in days], axis=1) if days else np.zeros((batch.num_rows, 0))
    series, day = np.nonzero(cells)
    values = cells[series, day]
    names = [batch.column(name).cast(pa.string()).take(pa.array(series)) for name in ("item_id", "store_id")]
    quantity = pa.array(values, type=pa.int32(), mask=values == _MISSING)
    return pa.RecordBatch.from_arrays(
        [*names, pa.array(day.astype(np.int32)), quantity], names=["sku_id", "location_id", "_day", "quantity"]
    )


def _whole(column: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        readable = pc.match_substring_regex(column, r"^-?\d{1,9}$")
        column = pc.if_else(readable, column, None)
    whole = pc.fill_null(column.cast(pa.int32()), pa.scalar(int(_MISSING), pa.int32()))
    return np.asarray(whole.to_numpy(zero_copy_only=False), dtype=np.int32)
