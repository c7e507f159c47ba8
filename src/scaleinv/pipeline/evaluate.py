"""Stage evaluate: how good each model was on the held-out days, and which one is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scaleinv.config import ForecastConfig
from scaleinv.evaluation import (
    Statistics,
    Sums,
    added,
    champion,
    cutoffs,
    label_sums,
    metrics,
    order_cost,
    scales,
    scored_series,
    statistics,
)
from scaleinv.pipeline.arrays import LeadTimes, Rows, distributions, groups, lead_times, pooled
from scaleinv.pipeline.targets import targets_of
from scaleinv.pipeline.walk import Outcome, Walk, rows_of
from scaleinv.schema import table
from scaleinv.schema.words import BASELINE, POOLED, UNTRAINED

OVERALL = "overall"
_FACTS = ("demand_class", "category", "abc_class")
_SLICES = (OVERALL, *_FACTS, "age")


def work(walk: Walk) -> Outcome:
    """Scores every model on every series; sums per label are all that is kept of a group."""
    config = walk.config
    cutoff = cutoffs(walk.as_of, config.evaluation.holdout_days, config.evaluation.refresh_days)[0]
    models = (BASELINE, *config.forecast.models)
    trained = [model for model in models if model not in UNTRAINED] if config.evaluation.pool else []
    # A weak member costs a pool more than it gives: any of them may stay out.
    pools = [POOLED.join(some) for n in range(2, len(trained) + 1) for some in combinations(trained, n)]
    names = [*models, *pools]
    sums: dict[str, dict[str, Sums]] = {model: {name: {} for name in _SLICES} for model in names}
    vendors = lead_times(walk)
    for rows in groups(walk):
        labels = {name: rows.text(name) for name in _FACTS} | {OVERALL: np.full(rows.n_series, "all")}
        labels["age"] = _ages(rows, cutoff, config.forecast)
        for model, stats in _score(walk, rows, vendors, cutoff, names).items():
            for name in _SLICES:
                sums[model][name] = added(sums[model][name], label_sums(stats, labels[name]))
    walk.overwrite("gold/accuracy", _accuracy(walk, cutoff, sums))
    walk.overwrite("gold/champions", _champions(walk, {model: parts["demand_class"] for model, parts in sums.items()}))
    return Outcome()


def _score(walk: Walk, rows: Rows, vendors: LeadTimes, cutoff: Any, models: Sequence[str]) -> dict[str, Statistics]:
    days = walk.config.evaluation.holdout_days
    first = cutoff + timedelta(days=1)
    y = rows.window(rows.y, first, days)
    stocked_out = rows.window(rows.is_stockout, first, days)
    usable = ~np.isnan(y) & (stocked_out != 1)
    known = rows.ds <= np.datetime64(cutoff, "D")
    kept = np.concatenate(([0], np.cumsum(known)))[rows.indptr]
    scale = scales(rows.y[known], kept, ~rows.is_stockout[known], walk.config.evaluation.season)
    weights = rows.numbers("unit_price") * rows.numbers("mean_demand")
    levels = walk.config.forecast.quantile_levels
    # An order of the evening must last until the next one has come (inventory/protection.py).
    step = np.rint(vendors.mean[vendors.of(rows)] + rows.numbers("review_period") - 1).astype(np.int64)
    _, target = targets_of(walk, rows)
    scored = {}
    single = [model for model in models if POOLED not in model]
    made = {model: distributions(walk, rows.group_id, rows.series, cutoff=cutoff, model=model) for model in single}
    for model in models:
        found = pooled([made[one] for one in model.split(POOLED)])
        daily = statistics(y, usable, found.mean[:, :days], found.quantiles[:, :days], levels, scale, weights=weights)
        cost = order_cost(
            y, usable, found.cumulative_quantiles[:, :days], levels, step, target, rows.numbers("unit_price")
        )
        scored[model] = replace(daily, order_cost=cost)
    return scored


def _ages(rows: Rows, cutoff: date, config: ForecastConfig) -> NDArray[np.str_]:
    """(n_series,) how much of itself a series had shown at the cutoff; ``new``: too little for any model."""
    owner = np.repeat(np.arange(rows.n_series), np.diff(rows.indptr))
    days = np.bincount(owner[rows.ds <= np.datetime64(cutoff, "D")], minlength=rows.n_series)
    return np.select([days < config.min_days, days < config.context_length], ["new", "young"], "grown")


def _accuracy(walk: Walk, cutoff: Any, sums: Mapping[str, Mapping[str, Sums]]) -> pa.Table:
    levels = walk.config.forecast.quantile_levels
    rows = [
        {
            "as_of": walk.as_of, "cutoff": cutoff, "model": model, "slice": name, "value": label, "metric": metric,
            "score": _number(score), "n_series": counts[label],
        }
        for model, parts in sums.items()
        for name, part in parts.items()
        for counts in [scored_series(part)]
        for label, found in metrics(part, levels).items()
        for metric, score in found.items()
    ]  # fmt: skip
    return rows_of(table("gold/accuracy"), rows)


def _champions(walk: Walk, sums: Mapping[str, Sums]) -> pa.Table:
    """Chosen by the cost of orders; where nothing was ordered or everything sold out, by WQL."""
    found = {model: metrics(part, walk.config.forecast.quantile_levels) for model, part in sums.items()}
    classes = sorted({label for part in sums.values() for label in part})
    rows = []
    for label in classes:
        scores = {model: part[label] for model, part in found.items() if label in part}
        by = "order_cost" if any(one["order_cost"] > 0 for one in scores.values()) else "wql"
        best = champion({model: {label: one[by]} for model, one in scores.items()}, [label], BASELINE)[label]
        walk.progress.say(f"{label}: {best.model}")
        first, second = scores.get(best.model, {}), scores.get(best.runner_up or "", {})
        rows.append({
            "as_of": walk.as_of, "demand_class": label, "model": best.model, "runner_up": best.runner_up,
            **{name: _number(first.get(name, np.nan)) for name in ("order_cost", "wql")},
            **{f"runner_up_{name}": _number(second.get(name, np.nan)) for name in ("order_cost", "wql")},
        })  # fmt: skip
    return rows_of(table("gold/champions"), rows)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
