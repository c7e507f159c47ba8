"""Words with a fixed spelling, used by more than one room."""

from __future__ import annotations

from typing import Final, Literal, get_args

DemandClass = Literal["smooth", "erratic", "intermittent", "lumpy", "no_demand"]
DEMAND_CLASSES: Final[tuple[DemandClass, ...]] = ("smooth", "erratic", "intermittent", "lumpy", "no_demand")
"""Classes by how often and how evenly an article sells; ``no_demand`` never sold."""
ADI_CUT: Final = 1.32
CV2_CUT: Final = 0.49
"""Mean days between sales, and squared coefficient of variation of what is sold, that part the classes: Syntetos,
Boylan & Croston, On the categorization of demand patterns, JORS 56 (2005)."""

AbcClass = Literal["A", "B", "C"]
ABC_CLASSES: Final[tuple[AbcClass, ...]] = ("A", "B", "C")
"""Share of sales value: A up to 80 %, B up to 95 %, C the rest."""

StatsName = Literal["auto_arima", "auto_ets", "theta", "croston_sba", "tsb", "adida", "imapa"]
ProphetName = Literal["prophet"]
ClassicalName = StatsName | ProphetName
"""Models of one series, fitted anew for each forecast."""
TrainedName = Literal["lstm", "tft", "xgboost"]
"""Models that are trained on a group."""
NETWORKS: Final[tuple[TrainedName, ...]] = ("lstm", "tft")
"""Of these, those that have weights to begin with."""
ModelName = Literal["seasonal"] | TrainedName | ClassicalName
STATS: Final[tuple[StatsName, ...]] = get_args(StatsName)
PROPHET: Final[ProphetName] = "prophet"
CLASSICAL: Final[tuple[ClassicalName, ...]] = (*STATS, PROPHET)
BASELINE: Final[ModelName] = "seasonal"
"""The model that every other must beat and that every failed group falls back to."""
UNTRAINED: Final[tuple[ModelName, ...]] = (BASELINE, *CLASSICAL)
EXPLAINED: Final[tuple[TrainedName, ...]] = ("xgboost", "tft")
"""Models that can say what moved their forecasts."""

POOLED: Final = "+"
"""Between the names of models whose quantiles are averaged."""

Level = Literal["total", "location", "category", "category_location", "sku"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""Sums of series that are forecast, each series in one node of each level."""
WHOLE: Final = "all"
"""The node of the level ``total``."""

PolicyMethod = Literal["quantile", "root", "seed"]
POLICY_METHODS: Final[tuple[PolicyMethod, ...]] = ("quantile", "root", "seed")

Problem = Literal[
    "demand_unknown", "demand_infinite", "demand_negative", "bad_unit_cost", "bad_order_terms", "bad_review_period",
    "bad_lead_time", "minimum_above_maximum", "bad_stock", "bad_levels", "zero_lead_time",
]  # fmt: skip
"""What can be wrong with a series so that no policy, or no order, can be made of it; first come, first named."""
PROBLEMS: Final[tuple[Problem, ...]] = get_args(Problem)
HELD_PROBLEMS: Final[tuple[Problem, ...]] = PROBLEMS[:-1]
"""Of these, those for which nothing is ordered until a person has looked. A lead time of 0 counts as one day."""

Limit = Literal["max_stock", "rule", "vendor_minimum", "trucks", "capacity", "budget", "override"]
"""What changes an order of tonight."""
Cut = Literal[
    "cut_by_max_stock", "below_vendor_minimum", "cut_to_trucks", "cut_by_capacity", "cut_by_budget",
    "impossible_budget", "contradictory_limits", "cut_by_rule",
]  # fmt: skip
"""Why less is ordered than was wanted. An impossible budget pays for nothing; limits contradict each other where what
one of them takes away leaves less than a vendor's minimum."""
CUTS: Final[tuple[Cut, ...]] = get_args(Cut)

Disposition = Literal["approve", "propose", "hold"]
"""What becomes of a proposed order: it goes out by itself, a person approves it, or it is set aside."""
DISPOSITIONS: Final[tuple[Disposition, ...]] = get_args(Disposition)

ID_SEPARATOR: Final = "@"


def series_id(sku_id: str, location_id: str) -> str:
    """The ``unique_id`` of a SKU at a location.

    >>> series_id("FOODS_3_090", "TX_3")
    'FOODS_3_090@TX_3'
    """
    return f"{sku_id}{ID_SEPARATOR}{location_id}"
