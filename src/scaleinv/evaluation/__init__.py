"""Cut-offs and metrics as pure functions on arrays: a statistic per series, then an aggregation."""

from scaleinv.evaluation.choice import Champion, champion
from scaleinv.evaluation.cutoffs import cutoffs
from scaleinv.evaluation.metrics import (
    M5_LEVELS,
    WQL_LEVELS,
    Sums,
    added,
    aggregate,
    label_sums,
    metric_names,
    metrics,
    scored_series,
)
from scaleinv.evaluation.scales import Scales, scales
from scaleinv.evaluation.statistics import Statistics, cumulative_coverage, order_cost, statistics

__all__ = [
    "M5_LEVELS",
    "WQL_LEVELS",
    "Champion",
    "Scales",
    "Statistics",
    "Sums",
    "added",
    "aggregate",
    "champion",
    "cumulative_coverage",
    "cutoffs",
    "label_sums",
    "metric_names",
    "metrics",
    "order_cost",
    "scales",
    "scored_series",
    "statistics",
]
