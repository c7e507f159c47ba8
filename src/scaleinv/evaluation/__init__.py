"""Cut-offs and metrics as pure functions on arrays: a statistic per series, then an aggregation."""

from scaleinv.evaluation.choice import Champion, champion
from scaleinv.evaluation.cutoffs import cutoffs
from scaleinv.evaluation.metrics import M5_LEVELS, WQL_LEVELS, aggregate, metric_names, scored_series
from scaleinv.evaluation.scales import Scales, scales
from scaleinv.evaluation.statistics import Statistics, concatenate, cumulative_coverage, statistics

__all__ = [
    "M5_LEVELS",
    "WQL_LEVELS",
    "Champion",
    "Scales",
    "Statistics",
    "aggregate",
    "champion",
    "concatenate",
    "cumulative_coverage",
    "cutoffs",
    "metric_names",
    "scales",
    "scored_series",
    "statistics",
]
