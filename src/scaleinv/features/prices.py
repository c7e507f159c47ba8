"""The price of every day: price periods, which may overlap and leave gaps, as spans that do neither."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_SERIES: Final = ("sku_id", "location_id")
_SPANS: Final = (
    "sku_id string, location_id string, start date, end date, price double, is_promotion boolean, "
    "promotion_type string, depth float, changes date"
)
_TOGETHER: Final = 10_000
"""Periods that are resolved together: of fewer, Python's calls take longer than the work."""
_FIRST, _LAST = np.datetime64("1900-01-01", "D"), np.datetime64("9999-12-31", "D")
_DAYS: Final = np.int64(1) << 23
"""More days than from the first to the last."""


def price_spans(prices: DataFrame, before: DataFrame | None = None, *, n_prices: int) -> DataFrame:
    """Each day of a series in one span: sku_id, location_id, start, end, price, is_promotion, promotion_type, depth.

    ``end`` is inclusive. Where two periods overlap, the one that starts later wins. A day between periods has the last
    price before it, a day before all of them the first, neither as a promotion. ``depth`` is the share by which a
    promotion is below the last price that was none.

    Args:
        prices: periods; with ``before``, and a column ``is_touched``, which series are to be compared.
        before: the periods of these series as they were. ``changes`` is then the first day on which the price of a
            series is another; null: on none, or it was not compared.
        n_prices: rows of prices, about.
    """
    names = [*_SERIES, "valid_from", "valid_to", "price", "is_promotion", "promotion_type"]
    if before is None:
        rows = prices.select(*names, F.lit(False).alias("is_touched"), F.lit(False).alias("was"))
    else:
        then = before.select(*names, F.lit(True).alias("is_touched"), F.lit(True).alias("was"))
        rows = prices.select(*names, "is_touched", F.lit(False).alias("was")).unionByName(then)
    bucket = F.pmod(F.xxhash64(*_SERIES), F.lit(n_prices // _TOGETHER + 1))
    return rows.groupBy(bucket).applyInArrow(compared_spans, _SPANS)


def compared_spans(periods: pa.Table) -> pa.Table:
    """:func:`price_spans` of the periods of some series, as Arrow tables."""
    now = spans(periods.filter(pc.invert(periods["was"])))
    compared = periods.filter(periods["is_touched"])
    both = pa.concat_tables([spans(compared.filter(which)) for which in (pc.invert(compared["was"]), compared["was"])])
    # Neighbouring spans are never alike, so two histories first differ where the first span starts that only one has.
    said = [name for name in both.column_names if name != "end"]
    alone = both.group_by(said, use_threads=False).aggregate([([], "count_all")])
    alone = alone.filter(pc.equal(alone["count_all"], 1)).select([*_SERIES, "start"])
    first = alone.group_by([*_SERIES], use_threads=False).aggregate([("start", "min")])
    names, series = _series(pa.concat_tables([now.select(_SERIES), first.select(_SERIES)]))
    changes = np.full(names.num_rows, np.datetime64("NaT"), "datetime64[D]")
    changes[series[now.num_rows :]] = first["start_min"].to_numpy()
    return now.append_column("changes", pa.array(changes[series[: now.num_rows]]))


def spans(periods: pa.Table) -> pa.Table:
    """The spans of periods, sorted by series and start, without ``changes``."""
    periods = periods.filter(pc.less_equal(periods["valid_from"], periods["valid_to"]))
    names, series = _series(periods)
    start, end = (_day(periods[name]) for name in ("valid_from", "valid_to"))
    order = np.lexsort((start, series))
    start, end = (series * _DAYS + day for day in (start, end + 1))
    # Between two neighbouring bounds of a series one period holds, or none: the last one to start that covers them.
    bounds = np.unique(np.concatenate([start, end]))
    first, last = np.searchsorted(bounds, start[order]), np.searchsorted(bounds, end[order])
    covered = last - first
    within = np.arange(covered.sum()) - np.repeat(covered.cumsum() - covered, covered)
    owner = np.full(len(bounds), -1)
    np.maximum.at(owner, np.repeat(first, covered) + within, np.repeat(np.arange(len(order)), covered))
    gap = owner < 0  # never the first bound of a series, where a period starts
    owner = order[owner[np.maximum.accumulate(np.where(gap, 0, np.arange(len(owner))))]]
    price = periods["price"].to_numpy()[owner]
    promotion = np.asarray(periods["is_promotion"].to_numpy(), bool)[owner] & ~gap
    # 0: no promotion; 1: one of no type; from 2 on: its types.
    types = periods["promotion_type"].combine_chunks().dictionary_encode()
    kind = np.where(promotion, types.indices.fill_null(-1).to_numpy().astype(np.int64)[owner] + 2, 0)
    code, day = np.divmod(bounds, _DAYS)
    # Before all periods: a span of the first price.
    heads = np.flatnonzero(np.diff(code, prepend=-1))
    at = np.insert(np.arange(len(bounds)), heads, heads)
    is_head = np.insert(np.zeros(len(bounds), bool), heads, True)
    code, price, kind = code[at], price[at], np.where(is_head, 0, kind[at])
    day = np.where(is_head, 0, day[at])
    changed = (np.diff(code, prepend=-1) != 0) | (np.diff(price, prepend=np.nan) != 0)
    changed |= np.diff(kind, prepend=0) != 0
    code, day, price, kind = (values[changed] for values in (code, day, price, kind))
    promotion = kind > 0
    regular = price[np.maximum.accumulate(np.where(promotion, 0, np.arange(len(price))))]
    depth = np.where(promotion & (regular > 0), np.maximum(1 - price / np.where(regular > 0, regular, 1), 0), 0)
    is_last = np.diff(code, append=-1) != 0
    until = np.where(is_last, _LAST, _FIRST + np.append(day[1:], 0) - 1)
    return pa.table(
        {
            **{name: names[name].take(pa.array(code)) for name in _SERIES},
            "start": pa.array(_FIRST + day),
            "end": pa.array(until),
            "price": pa.array(price),
            "is_promotion": pa.array(promotion),
            "promotion_type": types.dictionary.take(pa.array(kind - 2, mask=kind < 2)),
            "depth": pa.array(depth.astype(np.float32)),
        }
    )


def _series(periods: pa.Table) -> tuple[pa.Table, NDArray[Any]]:
    """The different series, and (n_periods,) which one each period is of."""
    codes = [pc.index_in(periods[name], value_set=pc.unique(periods[name])).to_numpy() for name in _SERIES]
    pairs = codes[0].astype(np.int64) * (int(codes[1].max(initial=0)) + 1) + codes[1]
    _, first, series = np.unique(pairs, return_index=True, return_inverse=True)
    return periods.select(_SERIES).take(pa.array(first)), series.astype(np.int64)


def _day(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """(n_periods,) days since the first."""
    return np.asarray(column.cast(pa.int32()).to_numpy(), np.int64) - int(_FIRST.astype(np.int64))
