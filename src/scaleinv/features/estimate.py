"""Demand of the days on which stock ran out, for a bucket of series: Arrow in, Arrow out, on a Spark worker."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain
from scaleinv.features.counts import Floats, Seen
from scaleinv.features.filter import Days, expected_demand
from scaleinv.features.hourly import HOURS, Hours, profile, sale_unit, seen_of

OBSERVED: Final = "observed"
HOURLY: Final = "hourly_profile"
DAILY: Final = "daily_likelihood"
UNKNOWN: Final = "unknown"
"""The series has not been seen in stock yet: ``y`` stays what was sold, and nobody knows more."""
NEGLIGIBLE: Final = 0.05
"""A day counts as observed if the hours without stock usually bring less than this share of its demand: empty shelves
at night would otherwise censor nearly every day. And hours that bring less say nothing of the others."""
_KEY: Final = ("sku_id", "location_id", "date")
_ROUNDING: Final = 0.01
"""Hours that add up to the day's sales but for this share of them were rounded."""
_MONDAY: Final = 3
"""1970-01-01 was a Thursday, three days after one."""


def estimate(rows: pa.Table) -> pa.Table:
    """sku_id, location_id, date, y, y_sd, demand_method of days that are censored, or that a stock record calls so.

    Args:
        rows: consecutive days of whole series, in any order: sku_id, location_id, date, sales, is_stockout (the day
            ended without stock), is_promotion; where there are hourly records hour_sales and hour_stockout too, of days
            with one (24,) lists, else empty ones or nulls. Quantities in the unit of sale.
    """
    place = _codes(rows["location_id"])
    n_places = int(place.max()) + 1
    pairs, series = np.unique(_codes(rows["sku_id"]) * n_places + place, return_inverse=True)
    n_series, pool = len(pairs), pairs % n_places
    date = rows["date"].cast(pa.int32()).to_numpy()
    order = np.lexsort((date, series))  # sums in this order, whatever order a shuffle brings
    rows = rows.take(pa.array(order))
    series, place, date = series[order], place[order], date[order].astype(np.int64)
    sales = rows["sales"].to_numpy().astype(np.float64)
    seen, unit, is_hourly = _seen(rows, series, place, date, n_series, n_places, sales)
    first = int(date.min())
    grid = (date - first, series)
    shape = (int(date.max()) - first + 1, n_series)
    days = Days(
        is_alive=_grid(grid, shape, np.ones(len(date), bool), False),
        is_promotion=_grid(grid, shape, _numpy(rows["is_promotion"]), False),
        seen=Seen(
            units=_grid(grid, shape, seen.units / unit[series], 0.0), share=_grid(grid, shape, seen.share, 1.0),
            least=_grid(grid, shape, seen.least / unit[series], 0.0),
            least_share=_grid(grid, shape, seen.least_share, 0.0),
        ),
        weekday=(first + np.arange(shape[0]) + _MONDAY) % 7,
        pool=pool,
    )  # fmt: skip
    mean, sd = (values[grid] * unit[series] for values in expected_demand(days))
    is_censored = seen.share < 1
    known = _so_far(series, seen.share + seen.least) > 0
    y = np.where(is_censored & known, np.maximum(mean, sales), sales)
    method = np.select([~is_censored, ~known, is_hourly], [OBSERVED, UNKNOWN, HOURLY], DAILY)
    told = np.flatnonzero(is_censored | _numpy(rows["is_stockout"]))
    return pa.table(
        {
            **{name: rows[name].take(pa.array(told)) for name in _KEY},
            "y": pa.array(np.maximum(y.astype(np.float32), sales.astype(np.float32))[told]),
            "y_sd": pa.array(sd[told].astype(np.float32)),
            "demand_method": pa.array(method[told].tolist(), pa.string()),
        }
    )


def _seen(
    rows: pa.Table,
    series: NDArray[np.intp],
    place: NDArray[np.intp],
    date: NDArray[np.int64],
    n_series: int,
    n_places: int,
    sales: Floats,
) -> tuple[Seen, Floats, NDArray[np.bool_]]:
    """What each row shows, (n_rows,); units per sale, (n_series,); which rows have hourly records, (n_rows,)."""
    empty = _numpy(rows["is_stockout"])
    units, share = np.where(empty, 0.0, sales), np.where(empty, 0.0, 1.0)
    least, least_share = np.where(empty, sales, 0.0), np.where(empty, 1.0, 0.0)
    is_hourly = np.zeros(len(sales), bool)
    if "hour_sales" in rows.column_names:
        is_hourly = pc.fill_null(pc.greater(pc.list_value_length(rows["hour_sales"]), 0), False).to_numpy()
    at = np.flatnonzero(is_hourly)
    unit = np.ones(n_series)
    if len(at):
        records = rows.take(pa.array(at))
        hours = Hours(
            sales=_hours(records, "hour_sales").astype(np.float64),
            is_stockout=_hours(records, "hour_stockout").astype(bool),
            pool=place[at],
            weekday=(date[at] + _MONDAY) % 7,
        )
        course = profile(hours, n_places)
        unit = sale_unit(hours, course, series[at], n_series)
        found = seen_of(hours, course)
        whole = found.share > 1 - NEGLIGIBLE
        # The day's sales are what the tills say; hours only tell how they were spread. What they do not know of was
        # sold in hours that they call empty: a lower bound, where in the hours before it would be worth a multiple.
        # Of hours that hardly bring anything a sale would be worth hundreds: it is a lower bound of the day, too.
        little = ~whole & (found.share + found.least_share < NEGLIGIBLE)
        units[at] = np.where(whole, sales[at], np.where(little, 0.0, np.minimum(found.units, sales[at])))
        least[at] = sales[at] - units[at]
        unknown = least[at] - found.least > _ROUNDING * sales[at]
        share[at] = np.where(whole, 1.0, np.where(little, 0.0, found.share))
        least_share[at] = np.where(whole, 0.0, np.where(unknown | little, 1 - share[at], found.least_share))
    return Seen(units, share, least, least_share), unit, is_hourly


def _codes(column: pa.ChunkedArray) -> NDArray[np.intp]:
    """(n_rows,) position of each row's text among all texts in alphabetical order."""
    return np.asarray(pc.index_in(column, value_set=pc.unique(column).sort()).to_numpy(), np.intp)


def _so_far(series: NDArray[np.intp], values: Floats) -> Floats:
    """(n_rows,) running sum within each series; rows are sorted by series."""
    total = values.cumsum()
    first = np.searchsorted(series, series, side="left")
    return np.asarray(total - (total - values)[first])


def _numpy(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(column.to_numpy(), dtype=bool)


def _hours(records: pa.Table, name: str) -> NDArray[np.generic]:
    """(n_rows, 24)."""
    lists = records[name].combine_chunks()
    wrong = records.filter(pc.not_equal(pc.list_value_length(lists), HOURS))
    if wrong.num_rows:
        raise DataError(
            explain(
                f"silver/hourly_sales: {wrong.num_rows} days do not have 24 hours",
                expected="lists of 24 values",
                which=["/".join(str(row[key]) for key in _KEY) for row in wrong.slice(0, 6).to_pylist()],
                do="correct the source: a day of summer time has 24 hours too, one of them empty or added up",
            )
        )
    return np.asarray(lists.flatten().to_numpy(zero_copy_only=False)).reshape(-1, HOURS)


def _grid(
    grid: tuple[NDArray[np.int64], NDArray[np.intp]], shape: tuple[int, int], values: NDArray[Any], outside: object
) -> NDArray[Any]:
    filled = np.full(shape, outside, values.dtype)
    filled[grid] = values
    return filled
