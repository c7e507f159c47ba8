"""Trains and applies one model on one group's arrays; knows nothing of Spark, Ray or paths."""

from scaleinv.forecast.fit import fit
from scaleinv.forecast.fitted import Fitted
from scaleinv.forecast.group import Group, group_arrays
from scaleinv.forecast.predict import Forecast, predict
from scaleinv.forecast.reasons import EXPLAINED, Reasons, reasons
from scaleinv.forecast.table import forecast_table

__all__ = [
    "EXPLAINED",
    "Fitted",
    "Forecast",
    "Group",
    "Reasons",
    "fit",
    "forecast_table",
    "group_arrays",
    "predict",
    "reasons",
]
