"""Trains and applies one model on one group's arrays; knows nothing of Spark, Ray or paths."""

from scaleinv.forecast.fit import fit
from scaleinv.forecast.fitted import Fitted
from scaleinv.forecast.frames import device_frames, group_from_files
from scaleinv.forecast.group import Group, grains, group_arrays
from scaleinv.forecast.hierarchy import (
    Hierarchy,
    common_draws,
    reconciled_means,
    series_paths,
    shared_errors,
    sum_group,
    variances_of,
)
from scaleinv.forecast.odd import odd_series
from scaleinv.forecast.paths import cumulative_quantiles, normal_scores, quantiles, step_correlation
from scaleinv.forecast.predict import Forecast, predict
from scaleinv.forecast.reasons import Reasons, reasons
from scaleinv.forecast.table import float_lists, forecast_table, reasons_table

__all__ = [
    "Fitted",
    "Forecast",
    "Group",
    "Hierarchy",
    "Reasons",
    "common_draws",
    "cumulative_quantiles",
    "device_frames",
    "fit",
    "float_lists",
    "forecast_table",
    "grains",
    "group_arrays",
    "group_from_files",
    "normal_scores",
    "odd_series",
    "predict",
    "quantiles",
    "reasons",
    "reasons_table",
    "reconciled_means",
    "series_paths",
    "shared_errors",
    "step_correlation",
    "sum_group",
    "variances_of",
]
