"""Scorecards: how well each vendor delivered, month by month, and where that is going."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TREND_MONTHS: Final = 12
_LEAST_MONTHS: Final = 3


def scorecards(months: pa.Table, *, as_of: date) -> pa.Table:
    """Columns of ``gold/vendor_scorecards``, sorted by vendor and month.

    A share of nothing is null. So is what the vendor's lines of the month do not record: fill where no line says what
    was received, price variance where none says what was invoiced, rejects and temperature where none says of them.
    A trend is the slope of the last 12 months with lines, per month, by least squares with every month counting alike,
    and its standard error; null below three months.

    Args:
        months: sums per vendor and month (``features.vendor_months``).
        as_of: the last day known.
    """
    data = months.sort_by([("vendor_id", "ascending"), ("month", "ascending")]).combine_chunks()
    value = {name: _numbers(data, name) for name in data.column_names if name not in ("vendor_id", "month")}
    n = value["n_received"]
    mean = _share(value["days"], n)
    variance = _share(value["days2"] - n * np.nan_to_num(mean) ** 2, np.where(n > 1, n - 1, 0))
    otif = _share(value["n_otif"], value["n_promised"])
    vendor = pc.dictionary_encode(data["vendor_id"]).combine_chunks().indices.to_numpy().astype(np.int64)
    at = _month_numbers(data["month"])
    otif_slope, otif_error = _trends(vendor, at, otif)
    days_slope, days_error = _trends(vendor, at, mean)
    columns = {
        "otif": otif,
        "on_time": _share(value["n_on_time"], value["n_promised"]),
        "lead_time_mean": mean,
        "lead_time_sd": np.sqrt(np.maximum(variance, 0.0)),
        "fill": np.where(value["n_counted"] > 0, _share(value["received"], value["ordered"]), np.nan),
        "price_variance": _share(value["paid"] - value["catalogue"], value["catalogue"]),
        "rejected_share": _share(value["rejected"], value["inspected"]),
        "otif_trend": otif_slope,
        "otif_trend_se": otif_error,
        "lead_time_trend": days_slope,
        "lead_time_trend_se": days_error,
    }
    return pa.table(
        {
            "as_of": pa.array([as_of] * data.num_rows, pa.date32()),
            "vendor_id": data["vendor_id"],
            "month": data["month"].cast(pa.date32()),
            "n_lines": data["n_lines"].cast(pa.int64()),
            "n_received": data["n_received"].cast(pa.int64()),
            **{name: pa.array(values, mask=~np.isfinite(values)) for name, values in columns.items()},
            "temperature_incidents": data["temperature_incidents"].cast(pa.int64()),
        }
    )


def _numbers(data: pa.Table, name: str) -> Floats:
    return np.asarray(data[name].cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _share(part: Floats, whole: Floats) -> Floats:
    """(n,) nan where there is no whole."""
    return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan))


def _month_numbers(months: pa.ChunkedArray) -> Floats:
    year, month = (_whole(f(months)) for f in (pc.year, pc.month))
    return np.asarray(year * 12 + month, dtype=np.float64)


def _whole(values: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(values.to_numpy(), dtype=np.int64)


def _trends(vendor: NDArray[np.int64], month: Floats, value: Floats) -> tuple[Floats, Floats]:
    """(n,) slope per month of each row's vendor over the months up to its own, and its standard error."""
    rows = np.arange(len(value))
    # The months before a row are the rows before it: so many of the same vendor, no older than the span.
    back = rows[:, None] - np.arange(TREND_MONTHS)
    x = month[np.maximum(back, 0)]
    y = value[np.maximum(back, 0)]
    same = (back >= 0) & (vendor[np.maximum(back, 0)] == vendor[:, None])
    use = same & (x > month[:, None] - TREND_MONTHS) & np.isfinite(y)
    n = use.sum(axis=1)
    x, y = np.where(use, x - month[:, None], 0.0), np.where(use, y, 0.0)
    mean_x, mean_y = x.sum(axis=1) / np.maximum(n, 1), y.sum(axis=1) / np.maximum(n, 1)
    dx, dy = np.where(use, x - mean_x[:, None], 0.0), np.where(use, y - mean_y[:, None], 0.0)
    sxx = (dx**2).sum(axis=1)
    known = (n >= _LEAST_MONTHS) & (sxx > 0)
    slope = np.where(known, (dx * dy).sum(axis=1) / np.where(known, sxx, 1.0), np.nan)
    rest = np.where(use, dy - np.nan_to_num(slope)[:, None] * dx, 0.0)
    error = np.sqrt((rest**2).sum(axis=1) / np.maximum(n - 2, 1) / np.where(known, sxx, 1.0))
    return slope, np.where(known, error, np.nan)
