"""A night of twelve series with known forecasts, optimized and replenished under any settings: no engine is started."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import poisson
from tests.pipeline.test_pipeline_groups import AS_OF, rows

from scaleinv.config import load_config
from scaleinv.evaluation import cutoffs
from scaleinv.pipeline import optimize, replenish
from scaleinv.pipeline.explain_policy import PolicyExplanation, explained_policy
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

N = 12
FIRST = AS_OF - dt.timedelta(days=150)
MEAN = np.linspace(0.8, 9.0, N)
NAMES = [f"s{number:02}@L{number % 2}" for number in range(N)]
VENDORS = ["V1" if number % 3 else "V2" for number in range(N)]
"""Poisson demand; vendor V1 needs two to four days, V2 three."""


def made(home: Path, *settings: str, series: dict[int, dict[str, Any]] | None = None, **changes: Any) -> Walk:
    """A night up to its champions, then optimized and replenished under these settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALEINV_HOME", str(home))
        walk = Walk(load_config("test", overrides=["forecast.models=[lstm]", *settings]), AS_OF)
    horizon, levels = walk.config.forecast.horizon, np.asarray(walk.config.forecast.quantile_levels)
    days = np.arange(1, horizon + 1)
    facts, panel, forecasts, stock = [], [], [], []
    every = cutoffs(AS_OF, walk.config.evaluation.holdout_days, walk.config.evaluation.refresh_days)
    for at, name in enumerate(NAMES):
        sku, _, location = name.partition("@")
        key = {"as_of": AS_OF, "group_id": "one" if at < 7 else "two", "unique_id": name}
        facts.append(
            key | {
                "sku_id": sku, "location_id": location, "vendor_id": VENDORS[at], "demand_class": "smooth",
                "abc_class": "ABC"[at % 3], "category": "fresh" if at % 2 else "dry", "unit": "EA",
                "unit_cost": 2.0 + at, "unit_price": 4.0 + 2 * at, "min_order_quantity": 2.0, "order_multiple": 2.0,
                "review_period": 1, "review_date": None, "first_ds": FIRST,
            } | (series or {}).get(at, {})
        )  # fmt: skip
        stock.append(key | {"on_hand": 0.0, "on_order": 0.0, "reserved": 0.0, "backorders": 0.0, "stock_date": AS_OF})
        stock[-1] |= {"on_order_overdue": 0.0, "on_order_discount": 0.0}
        stock[-1] |= changes.get("stock", {}).get(at, {})
        random = np.random.default_rng(at)
        for n in range((AS_OF - FIRST).days + 1):
            y = float(random.poisson(MEAN[at]))
            panel.append(key | {"ds": FIRST + dt.timedelta(days=n), "y": y, "sales": y, "is_stockout": False})
        for cutoff in [*every, AS_OF]:
            mean = np.full(horizon, MEAN[at])
            daily = np.tile(poisson.ppf(levels, MEAN[at]), (horizon, 1))
            cumulative = poisson.ppf(levels, (MEAN[at] * days)[:, None])
            if cutoff == AS_OF and at in changes.get("forecasts", {}):
                changes["forecasts"][at](mean, daily, cumulative)
            forecasts.append(
                key | {"cutoff": cutoff, "model": "lstm", "mean": mean, "quantiles": daily.ravel(),
                       "cumulative_quantiles": cumulative.ravel()}
            )  # fmt: skip
    lead = {"V1": [0, 0, 0.3, 0.4, 0.3], "V2": [0, 0, 0, 1.0, 0]} | changes.get("lead_times", {})
    walk.overwrite("gold/series", rows(table("gold/series"), *facts))
    walk.overwrite("gold/panel", rows(table("gold/panel"), *panel))
    walk.overwrite("gold/stock_position", rows(table("gold/stock_position"), *stock))
    walk.overwrite("gold/forecasts", rows(table("gold/forecasts"), *forecasts))
    walk.overwrite(
        "gold/lead_times",
        rows(
            table("gold/lead_times"),
            *(
                {"as_of": AS_OF, "vendor_id": v, "location_id": None, "probability": p, "late": None, "short": None}
                for v, p in lead.items()
            ),
        ),
    )
    walk.overwrite(
        "gold/champions", rows(table("gold/champions"), {"as_of": AS_OF, "demand_class": "smooth", "model": "lstm"})
    )
    skus = [{"sku_id": name.partition("@")[0]} for name in NAMES]
    vendors = [{"vendor_id": "V1"}, {"vendor_id": "V2"}]
    for name, content in (("items", skus), ("vendors", vendors), ("true_demand", [])):
        contract = table(f"silver/{name}")
        walk.lake.overwrite(contract, rows(contract, *content), where={"source": "x"})
    optimize.work(walk)
    outcome = replenish.work(walk)
    assert outcome.complete
    walk.lake.put(f"_walk/{AS_OF}/replenish.json", b"{}")  # as the walk itself does
    return walk


def by_name(walk: Walk, name: str) -> dict[str, dict[str, Any]]:
    return {row["unique_id"]: row for row in walk.read(name).to_pylist()}


def named(walk: Walk) -> list[dict[str, Any]]:
    """Without the shortage of every shelf, which is empty: it is not what limits and bad rows are about."""
    return [row for row in walk.read("gold/exceptions").to_pylist() if row["kind"] != "supply_shortage"]


def nan(mean: Any, daily: Any, cumulative: Any) -> None:
    mean[3] = math.nan


def why_of(walk: Walk, name: str) -> PolicyExplanation:
    sku, _, location = name.partition("@")
    return explained_policy(walk, sku, location)
