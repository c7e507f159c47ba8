"""The stages of the walk: what each reads, writes and depends on. Engines are loaded by a stage's module, when run."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scaleinv.errors import ConfigError, explain
from scaleinv.schema import TABLES

if TYPE_CHECKING:
    from scaleinv.pipeline.walk import Outcome, Walk

_SILVER: Final = (
    "silver/sales", "silver/hourly_sales", "silver/stock", "silver/purchase_orders", "silver/items",
    "silver/locations", "silver/vendors", "silver/lead_times", "silver/assortment", "silver/prices", "silver/calendar",
    "silver/weather", "silver/transfers",
)  # fmt: skip
_BACKTEST: Final = ("evaluation.holdout_days", "evaluation.refresh_days", "evaluation.season")


@dataclass(frozen=True)
class Stage:
    """One job. ``sections`` are the parts of the configuration that change its result.

    A stage that ``checks`` depends on more than its tables (files outside the lake, another night): its module has an
    ``is_intact``.
    """

    name: str
    purpose: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    sections: tuple[str, ...]
    checks: bool = False

    def load(self) -> Callable[[Walk], Outcome]:
        """The function that does the work (this import may load Spark, Ray or torch)."""
        work: Callable[[Walk], Outcome] = self._module().work
        return work

    def is_intact(self, walk: Walk) -> bool:
        """Whether what the stage left or went by outside its own tables is as it was."""
        return not self.checks or bool(self._module().is_intact(walk))

    def _module(self) -> Any:
        return importlib.import_module(f"scaleinv.pipeline.{self.name}")


STAGES: Final[tuple[Stage, ...]] = (
    Stage(
        "ingest",
        "source files -> cleansed history; bad rows to quarantine",
        (),
        tuple(name for name, table in TABLES.items() if table.writer == "ingest"),
        ("synthetic", "ingest"),
    ),
    Stage(
        "features",
        "history -> dense panel, demand classes, groups, stock position, lead times",
        _SILVER,
        (
            "gold/panel",
            "gold/lives",
            "gold/series",
            "gold/features",
            "gold/stock_position",
            "gold/lead_times",
            "gold/late_supply",
            "gold/vendor_scorecards",
        ),
        ("features", "vendors", "forecast.horizon"),
        checks=True,
    ),
    Stage(
        "train",
        "one model per group and kind, fanned out by Ray; resumes",
        ("gold/panel", "gold/series"),
        ("gold/training_ledger",),
        ("forecast", *_BACKTEST, "ray.cpus_per_worker", "schedule.rule"),
    ),
    Stage(
        "forecast",
        "models -> distributions of demand, for the backtest and for tonight",
        ("gold/panel", "gold/series", "gold/training_ledger"),
        ("gold/forecasts", "gold/explanations"),
        ("forecast", "explain", *_BACKTEST, "ray.cpus_per_worker"),
    ),
    Stage(
        "evaluate",
        "accuracy on the held-out days; champion per demand class",
        ("gold/panel", "gold/series", "gold/lead_times", "gold/forecasts"),
        ("gold/accuracy", "gold/champions"),
        ("evaluation", "inventory"),
    ),
    Stage(
        "optimize",
        "distributions -> safety stock, reorder point, order quantity; replay on the held-out days",
        (
            "gold/panel",
            "gold/series",
            "gold/forecasts",
            "gold/champions",
            "gold/lead_times",
            "silver/true_demand",
        ),
        ("gold/policies", "gold/replay"),
        ("inventory", "evaluation"),
    ),
    Stage(
        "replenish",
        "policies and stock position -> purchase orders and exceptions; orders enter the order book",
        (
            "gold/policies",
            "gold/stock_position",
            "gold/series",
            "gold/forecasts",
            "gold/champions",
            "gold/lead_times",
            "gold/late_supply",
            "gold/features",
            "silver/items",
            "silver/vendors",
            "silver/packs",
            "silver/purchase_orders",
            "silver/transfers",
            "silver/vendor_items",
            "silver/price_breaks",
            "gold/vendor_scorecards",
        ),
        ("gold/order_proposals", "gold/exceptions", "gold/transfer_proposals"),
        ("replenish", "retailer", "inventory"),
        checks=True,
    ),
    Stage(
        "export",
        "approved orders -> the ERP's files and a manifest",
        ("gold/order_proposals",),
        ("gold/export_log",),
        ("export", "retailer"),
        checks=True,
    ),
    Stage(
        "reconcile",
        "distributions -> those of every SKU, category, location and of the total, which agree with them",
        ("gold/panel", "gold/series", "gold/forecasts", "gold/champions"),
        ("gold/hierarchy",),
        ("hierarchy", "forecast", *_BACKTEST, "ray.cpus_per_worker"),
    ),
    Stage(
        "track",
        "what was trained and how good it is -> MLflow; last, so that no order waits for it",
        ("gold/training_ledger", "gold/accuracy", "gold/champions"),
        (),
        ("tracking", "retailer"),
    ),
)


def stages_before(stage: Stage) -> tuple[Stage, ...]:
    """Those that ``stage`` follows from: up to the last one that writes what it reads."""
    last = max((n for n, earlier in enumerate(STAGES) if {*earlier.writes} & {*stage.reads}), default=-1)
    return STAGES[: last + 1]


STAGE_NAMES: Final = tuple(stage.name for stage in STAGES)


def stages_between(first: str | None, last: str | None) -> tuple[Stage, ...]:
    """The stages from ``first`` to ``last``, both included; ``None``: from the start, to the end.

    Raises:
        ConfigError: there is no such stage.
    """
    unknown = [name for name in (first, last) if name and name not in STAGE_NAMES]
    if unknown:
        raise ConfigError(explain("there is no such stage", expected=", ".join(STAGE_NAMES), which=unknown))
    start = STAGE_NAMES.index(first) if first else 0
    stop = STAGE_NAMES.index(last) + 1 if last else len(STAGES)
    return STAGES[start:stop]
