"""Stage evaluate: how good each model was on the held-out days, and which one is used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scaleinv.evaluation import Statistics, aggregate, champion, concatenate, cutoffs, scales, scored_series, statistics
from scaleinv.pipeline.arrays import Rows, distributions, groups
from scaleinv.pipeline.walk import Outcome, Walk, rows_of
from scaleinv.schema import table
from scaleinv.schema.words import BASELINE

_SLICES = ("demand_class", "category", "abc_class")


def work(walk: Walk) -> Outcome:
    """Scores every model on every series, aggregates, chooses the champions."""
    config = walk.config
    cutoff = cutoffs(walk.as_of, config.evaluation.holdout_days, config.evaluation.refresh_days)[0]
    models = (BASELINE, *config.forecast.models)
    parts: dict[str, list[Statistics]] = {model: [] for model in models}
    labels: dict[str, list[NDArray[np.str_]]] = {name: [] for name in _SLICES}
    for rows in groups(walk):
        for name in _SLICES:
            labels[name].append(rows.text(name))
        for model, stats in _score(walk, rows, cutoff, models).items():
            parts[model].append(stats)
    whole = {model: concatenate(part) for model, part in parts.items()}
    by = {name: np.concatenate(values) for name, values in labels.items()}
    n_series = len(by["demand_class"])
    by = {"overall": np.full(n_series, "all"), **by}
    walk.overwrite("gold/accuracy", _accuracy(walk, cutoff, whole, by))
    walk.overwrite("gold/champions", _champions(walk, whole, by["demand_class"]))
    return Outcome()


def _score(walk: Walk, rows: Rows, cutoff: Any, models: tuple[str, ...]) -> dict[str, Statistics]:
    days = walk.config.evaluation.holdout_days
    first = cutoff + timedelta(days=1)
    y = rows.window(rows.y, first, days)
    stocked_out = rows.window(rows.is_stockout, first, days)
    usable = ~np.isnan(y) & (stocked_out != 1)
    known = rows.ds <= np.datetime64(cutoff, "D")
    kept = np.concatenate(([0], np.cumsum(known)))[rows.indptr]
    scale = scales(rows.y[known], kept, ~rows.is_stockout[known], walk.config.evaluation.season)
    weights = rows.numbers("unit_price") * rows.numbers("mean_demand")
    scored = {}
    for model in models:
        found = distributions(walk, rows, cutoff=cutoff, model=model)
        scored[model] = statistics(
            y,
            usable,
            found.mean[:, :days],
            found.quantiles[:, :days],
            walk.config.forecast.quantile_levels,
            scale,
            weights=weights,
        )
    return scored


def _accuracy(walk: Walk, cutoff: Any, whole: Mapping[str, Statistics], by: Mapping[str, NDArray[np.str_]]) -> pa.Table:
    rows = [
        {
            "as_of": walk.as_of, "cutoff": cutoff, "model": model, "slice": name, "value": label, "metric": metric,
            "score": None if np.isnan(score) else score, "n_series": counts[label],
        }
        for model, stats in whole.items()
        for name, labels in by.items()
        for counts in [scored_series(stats, labels)]
        for label, metrics in aggregate(stats, labels).items()
        for metric, score in metrics.items()
    ]  # fmt: skip
    return rows_of(table("gold/accuracy"), rows)


def _champions(walk: Walk, whole: Mapping[str, Statistics], classes: NDArray[np.str_]) -> pa.Table:
    wql = {
        model: {label: metrics["wql"] for label, metrics in aggregate(stats, classes).items()}
        for model, stats in whole.items()
    }
    chosen = champion(wql, sorted(set(classes.tolist())), BASELINE)
    rows = [
        {
            "as_of": walk.as_of, "demand_class": label, "model": best.model, "wql": _number(best.score),
            "runner_up": best.runner_up, "runner_up_wql": _number(best.runner_up_score),
        }
        for label, best in chosen.items()
    ]  # fmt: skip
    for row in rows:
        walk.progress.say(f"{row['demand_class']}: {row['model']}")
    return rows_of(table("gold/champions"), rows)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
