"""Forecasts and their reasons as rows of ``gold/forecasts`` and ``gold/explanations``."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from scaleinv.forecast.predict import Forecast
from scaleinv.forecast.reasons import Reasons
from scaleinv.schema import table
from scaleinv.schema.columns import FLOATS


def forecast_table(forecast: Forecast, *, as_of: date, cutoff: date, model: str, group_id: str) -> pa.Table:
    """One row per series; (horizon, n_quantiles) flattened, step major."""
    n = len(forecast.unique_id)
    columns = {
        "as_of": pa.array([as_of] * n, pa.date32()),
        "cutoff": pa.array([cutoff] * n, pa.date32()),
        "model": pa.array([model] * n, pa.string()),
        "group_id": pa.array([group_id] * n, pa.string()),
        "unique_id": pa.array(forecast.unique_id.tolist(), pa.string()),
        "fitted_model": pa.array(forecast.fitted_model.tolist(), pa.string()),
        "mean": float_lists(forecast.mean),
        "quantiles": float_lists(forecast.quantiles),
        "cumulative_quantiles": float_lists(forecast.cumulative_quantiles),
    }
    return pa.table(columns, schema=table("gold/forecasts").schema)


def reasons_table(why: Reasons, *, as_of: date, model: str, group_id: str) -> pa.Table:
    """One row per series that is explained; (horizon, n_reasons) flattened, step major."""
    n = len(why.unique_id)
    columns = {
        "as_of": pa.array([as_of] * n, pa.date32()),
        "model": pa.array([model] * n, pa.string()),
        "group_id": pa.array([group_id] * n, pa.string()),
        "unique_id": pa.array(why.unique_id.tolist(), pa.string()),
        "kind": pa.array([why.kind] * n, pa.string()),
        "is_exact": pa.array([why.is_exact] * n, pa.bool_()),
        "reasons": pa.array([why.names] * n, table("gold/explanations")["reasons"].type),
        "effects": float_lists(why.effects),
        "start": float_lists(why.start),
        "forecast": float_lists(why.forecast),
        "parts": float_lists(why.parts),
        "looked_back": float_lists(why.looked_back),
    }
    return pa.table(columns, schema=table("gold/explanations").schema)


def float_lists(values: npt.NDArray[np.floating]) -> pa.ListArray:
    """A column of lists, one per row of ``values`` (n_rows, ...), flattened."""
    n = len(values)
    size = values[0].size if n else 0
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * size)
    return pa.ListArray.from_arrays(offsets, pa.array(values.astype(np.float32).reshape(-1), pa.float32())).cast(FLOATS)
