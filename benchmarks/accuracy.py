"""How accurate each model is on days that it has not seen, beside the seconds that it took to train.

    SCALEINV_DATA=../shared/data python benchmarks/accuracy.py --env m5_all \
        --cutoff 2016-02-28 --cutoff 2016-03-27 --cutoff 2016-04-24

For each cutoff the stages up to ``evaluate`` run as on any night, with ``as_of`` the last of the ``--days`` that follow
the cutoff: nothing later than the cutoff reaches a model. The scores are those of ``gold/accuracy`` (docs/metrics.md),
so WQL is the mean over 0.1 … 0.9 of 2 x pinball / demand, and ``scaled_pinball`` M5's. Three references are scored on
the same days: ``seasonal``, whole weeks of the last eight drawn again; ``empirical``, the quantiles of the last 56
days; ``weekday``, a negative binomial around the mean of the last 28 days times their weekday's share of the location's
demand. Seconds are those of the workers together, as the ledger has them. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from scaleinv.config import load_config
from scaleinv.evaluation import aggregate, cumulative_coverage, scales, statistics
from scaleinv.forecast.counts import negative_binomial_quantiles
from scaleinv.lake import Lake
from scaleinv.pipeline.arrays import Rows
from scaleinv.schema import table
from walk import picked, walked

MEASURES = ("wql", "scaled_pinball", "wape", "bias")
Floats = NDArray[np.float64]


def scored(env: str, cutoff: date, days: int, together: list[int], settings: list[str]) -> dict[str, Any]:
    """One cutoff: scores and training seconds per model, seconds per stage."""
    as_of = cutoff + timedelta(days=days)
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["SCALEINV_HOME"] = temporary
        settings = [*settings, f"evaluation.holdout_days={days}", f"evaluation.refresh_days={days}"]
        arguments = ["--env", env, "--as-of", str(as_of), "--until", "evaluate"]
        arguments += [part for setting in settings for part in ("--set", setting)]
        stages, seconds, peak = walked(arguments, Path(temporary))
        config = load_config(env, overrides=settings)
        lake = Lake(config.lake)
        levels = config.forecast.quantile_levels
        seen = demand(lake)
        accuracy, ledger = lake.read(table("gold/accuracy")), lake.read(table("gold/training_ledger"))
        return {
            "cutoff": str(cutoff), "seconds": round(seconds, 1), "stages": stages, "peak_gib": round(peak / 2**30, 2),
            "series": lake.read(table("gold/series"), columns=["unique_id"]).num_rows,
            "training_seconds": trained(ledger),
            "models": {model: scores(accuracy, model) for model in sorted(set(accuracy["model"].to_pylist()))}
            | references(seen, cutoff, days, levels),
            **{f"demand_of_{total}_days": totals(lake, seen, cutoff, total, levels) for total in together},
            **{f"by_{name}": by_slice(accuracy, name) for name in ("demand_class", "age")},
        }  # fmt: skip


def by_slice(accuracy: pa.Table, name: str) -> dict[str, dict[str, float]]:
    """WQL of each model per label, and how many series the label has."""
    found: dict[str, dict[str, float]] = {}
    for row in picked(accuracy, slice=name, metric="wql"):
        if row["score"] is not None:
            found.setdefault(row["value"], {"series": row["n_series"]})[row["model"]] = round(row["score"], 4)
    return found


def scores(accuracy: pa.Table, model: str) -> dict[str, float]:
    """The measures of one model, and its coverage."""
    found = {row["metric"]: row["score"] for row in picked(accuracy, model=model, slice="overall")}
    wanted = [*MEASURES, *sorted(name for name in found if name.startswith("coverage_"))]
    return {name: round(found[name], 4) for name in wanted if found.get(name) is not None}


def demand(lake: Lake) -> Rows:
    """All series of the only night in the lake, as one group, with the days that are known."""
    series = lake.read(table("gold/series")).sort_by("unique_id")
    panel = lake.read(table("gold/panel"), columns=["unique_id", "ds", "y", "is_stockout"])
    panel = panel.filter(pc.is_valid(panel["y"]))
    owner = pc.index_in(panel["unique_id"], value_set=series["unique_id"].combine_chunks()).to_numpy()
    ds = panel["ds"].to_numpy().astype("datetime64[D]")
    order = np.lexsort((ds, owner))
    indptr = np.searchsorted(owner[order], np.arange(series.num_rows + 1))
    return Rows("all", series, indptr, ds[order], panel["y"].to_numpy()[order], np.asarray(panel["is_stockout"])[order])


def usable(rows: Rows, first: date, n_days: int) -> tuple[Floats, NDArray[np.bool_]]:
    """(n_series, n_days) demand from the day ``first`` on, and whether it is known and there was stock."""
    y = rows.window(rows.y, first, n_days)
    return y, ~np.isnan(y) & (rows.window(rows.is_stockout, first, n_days) != 1)


def references(rows: Rows, cutoff: date, days: int, levels: tuple[float, ...]) -> dict[str, dict[str, float]]:
    """The measures of what nobody has to train."""
    known, n_series = rows.ds <= np.datetime64(cutoff, "D"), rows.n_series
    indptr = np.concatenate(([0], np.cumsum(known)))[rows.indptr]
    scale = scales(rows.y[known], indptr, ~rows.is_stockout[known], 7)
    weights = rows.numbers("unit_price") * rows.numbers("mean_demand")
    location = np.unique(rows.text("location_id"), return_inverse=True)[1]
    tomorrow = cutoff + timedelta(days=1)
    made = {
        "empirical": recent_quantiles(*usable(rows, tomorrow - timedelta(days=56), 56), days, levels),
        "weekday": by_weekday(*usable(rows, tomorrow - timedelta(days=28), 28), location, days, levels),
    }
    actual, scored = usable(rows, tomorrow, days)
    measures = [*MEASURES, *(f"coverage_{level:g}" for level in levels)]
    found = {}
    for name, (expected, quantiles) in made.items():
        sums = statistics(actual, scored, expected, quantiles, levels, scale, weights=weights)
        score = aggregate(sums, np.full(n_series, "all"))["all"]
        found[name] = _defined(score, measures)
    return found


def totals(lake: Lake, rows: Rows, cutoff: date, total: int, levels: tuple[float, ...]) -> dict[str, dict[str, float]]:
    """WQL and coverage of each model on the demand of the first ``total`` days together, as an order needs it."""
    actual, scored = usable(rows, cutoff + timedelta(days=1), total)
    ids = rows.series["unique_id"].combine_chunks()
    found = {}
    for model in lake.partition_values(table("gold/forecasts"), "model"):
        where = {"cutoff": cutoff, "model": model}
        made = lake.read(table("gold/forecasts"), columns=["unique_id", "cumulative_quantiles"], where=where)
        at = pc.index_in(ids, value_set=made["unique_id"]).to_numpy()
        flat = np.stack(made["cumulative_quantiles"].to_numpy()[at])
        quantiles = flat.reshape(len(ids), -1, len(levels))[:, :total]
        sums = cumulative_coverage(actual, scored, quantiles, levels, np.full(len(ids), total))
        score = aggregate(sums, np.full(len(ids), "all"))["all"]
        found[model] = _defined(score, ["wql", *(f"coverage_{level:g}" for level in levels)])
    return found


def _defined(score: dict[str, float], wanted: list[str]) -> dict[str, float]:
    return {name: round(score[name], 4) for name in wanted if not np.isnan(score[name])}


def recent_quantiles(
    y: Floats, counts: NDArray[np.bool_], days: int, levels: tuple[float, ...]
) -> tuple[Floats, Floats]:
    """Mean (n_series, days) and quantiles of all usable days alike; a series without one sells nothing."""
    values = np.where(counts, y, np.nan)
    values[~counts.any(1)] = 0
    quantiles = np.nanquantile(values, levels, axis=1).T
    shape = (len(y), days)
    return np.broadcast_to(np.nanmean(values, 1)[:, None], shape), np.broadcast_to(
        quantiles[:, None], (*shape, len(levels))
    )


def by_weekday(
    y: Floats, counts: NDArray[np.bool_], location: NDArray[np.int64], days: int, levels: tuple[float, ...]
) -> tuple[Floats, Floats]:
    """Mean (n_series, days) and quantiles: a series' mean x its location's weekdays, dispersed as its own days are."""
    values = np.where(counts, y, np.nan)
    values[~counts.any(1)] = 0
    mean = np.nanmean(values, 1)
    sold = np.zeros((location.max() + 1, y.shape[1]))
    np.add.at(sold, location, np.nan_to_num(values))
    weekday = sold.reshape(len(sold), -1, 7).sum(1)
    share = 7 * weekday / np.maximum(weekday.sum(1, keepdims=True), 1e-9)
    expected = mean[:, None] * share[location][:, np.arange(days) % 7]
    excess = np.nanvar(values, 1) - mean
    dispersion = np.clip(excess / np.maximum(mean**2, 1e-9), 0.05, 20.0)
    quantiles = negative_binomial_quantiles(
        torch.from_numpy(expected), torch.from_numpy(dispersion)[:, None].expand(-1, days), levels
    )
    return expected, quantiles.numpy()


def trained(ledger: pa.Table) -> dict[str, float]:
    """Seconds of all groups together, and which fell back."""
    rows = ledger.to_pylist()
    models = sorted({row["model"] for row in rows})
    seconds = {model: round(sum(row["seconds"] for row in rows if row["model"] == model), 1) for model in models}
    fallen = {f"{row['model']} {row['status']}": 1.0 for row in rows if row["status"] != "done"}
    return seconds | fallen


def main() -> None:
    """Scores every cutoff, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="m5_all")
    parser.add_argument(
        "--cutoff", type=date.fromisoformat, action="append", required=True, help="last day of training"
    )
    parser.add_argument("--days", type=int, default=28, help="days after it that are scored")
    parser.add_argument("--total", type=int, nargs="+", default=[7], help="days whose demand is scored as one, too")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    runs = [scored(options.env, cutoff, options.days, options.total, options.set) for cutoff in options.cutoff]
    models = runs[0]["models"]
    result = {
        "benchmark": "accuracy", "env": options.env, "days": options.days, "set": options.set, "cpus": os.cpu_count(),
        "mean": {
            model: {name: round(fmean(run["models"][model][name] for run in runs), 4) for name in measures}
            for model, measures in models.items()
        },
        "runs": runs,
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
