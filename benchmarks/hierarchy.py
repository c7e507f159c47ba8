"""Forecasts of sums of series: as they are forecast alone, added up, and reconciled; and how reconciling scales.

    SCALEINV_DATA=../shared/data python benchmarks/hierarchy.py --env m5_all --as-of 2016-04-24 \
        --set 'ingest.m5.stores=[CA_1, TX_1, WI_1]' --set 'forecast.models=[xgboost]'

The stages up to ``evaluate`` run as on any night (with ``--home``, a folder where they have been run, they do not).
Then each method forecasts the days after ``as_of``, which are scored by the sales of M5 that followed: WQL and coverage
per level (docs/metrics.md), each node and day alike. ``independent`` is ``bottom_up`` with nothing in common between
series; ``base`` are the nodes' own forecasts, which agree with nothing. Seconds are processor time of this process.
Then means of ``--scale`` series of a made-up assortment are reconciled. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from scaleinv.config import load_config
from scaleinv.evaluation import aggregate, cumulative_coverage, statistics
from scaleinv.forecast import Hierarchy, reconciled_means
from scaleinv.pipeline.arrays import of_champions
from scaleinv.pipeline.reconcile import Nodes, champions_of, dependence, nodes_of, own_forecasts, reconciled, sampled
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.words import LEVELS
from walk import walked

COVERED = (0.1, 0.5, 0.9, 0.975)
WEEK = 7


def peak_gib() -> float:
    """The most memory that this process has held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def sold(walk: Walk, nodes: Nodes, days: int) -> np.ndarray:
    """(n_series, days) what was sold after ``as_of``."""
    window = [pc.field("date") > walk.as_of, pc.field("date") <= walk.as_of + timedelta(days=days)]
    sales = walk.lake.read(table("silver/sales"), columns=["sku_id", "location_id", "date", "quantity"])
    sales = sales.filter(window[0] & window[1])
    ids = pa.concat_tables(nodes.groups.values())["unique_id"].combine_chunks()
    at = pc.index_in(pc.binary_join_element_wise(sales["sku_id"], sales["location_id"], "@"), value_set=ids)
    known = pc.is_valid(at).to_numpy()
    day = (sales["date"].to_numpy().astype("datetime64[D]") - np.datetime64(walk.as_of, "D")).astype(int) - 1
    y = np.zeros((len(ids), days))
    np.add.at(y, (at.drop_null().to_numpy(), day[known]), sales["quantity"].to_numpy()[known])
    return y


def scored(
    y: np.ndarray, mean: np.ndarray, daily: np.ndarray, total: np.ndarray, levels: tuple[float, ...]
) -> dict[str, float]:
    """WQL, error and coverage of nodes of one level; of the first week's demand as one, too."""
    every, label = np.ones(y.shape, bool), np.full(len(y), "all")
    days = aggregate(statistics(y, every, mean, daily, levels), label)["all"]
    week = aggregate(cumulative_coverage(y, every, total, levels, np.full(len(y), WEEK)), label)["all"]
    wanted = ["wql", "wape", "bias", *(f"coverage_{level:g}" for level in COVERED)]
    found = {name: days[name] for name in wanted} | {"week_wql": week["wql"], "week_coverage_0.9": week["coverage_0.9"]}
    return {name: round(value, 4) for name, value in found.items()}


def by_level(
    nodes: Nodes, y: np.ndarray, rows: dict[str, list[pa.Table]], levels: tuple[float, ...]
) -> dict[str, dict[str, float]]:
    """Scores per level of rows of ``gold/hierarchy``; those of series, where they are there."""
    sums = nodes.hierarchy.sums(y)
    ids = pa.concat_tables(nodes.groups.values())["unique_id"]
    actual = {level: (nodes.names[level], sums[nodes.where(level)]) for level in LEVELS} | {"sku_location": (ids, y)}
    found = {}
    for level, parts in rows.items():
        made = pa.concat_tables(parts)
        names, demand = actual[level]
        order = pc.index_in(names, value_set=made["node"].combine_chunks()).to_numpy()
        made = made.take(pa.array(order))
        mean, daily, total = (
            np.asarray(made[name].combine_chunks().flatten(), np.float64).reshape(*demand.shape, -1)
            for name in ("mean", "quantiles", "cumulative_quantiles")
        )
        found[level] = scored(demand, mean[..., 0], daily, total, levels)
    return found


def champions(walk: Walk, nodes: Nodes) -> tuple[np.ndarray, np.ndarray]:
    """(n_series, horizon, n_quantiles) both kinds of quantiles of the series' own forecasts."""
    chosen = champions_of(walk)
    made = [of_champions(walk, group, series, chosen, cutoff=walk.as_of) for group, series in nodes.groups.items()]
    return np.concatenate([one.quantiles for one in made]), np.concatenate([one.cumulative_quantiles for one in made])


def measured(env: str, as_of: date, settings: list[str]) -> dict[str, Any]:
    """Every method on the lake of a night that was evaluated."""
    walks = {
        method: Walk(load_config(env, overrides=[*settings, f"hierarchy.method={method}"]), as_of)
        for method in ("bottom_up", "structural", "diagonal")
    }
    first = walks["bottom_up"]
    levels, horizon = first.config.forecast.quantile_levels, first.config.forecast.horizon
    nodes = nodes_of(first)
    y = sold(first, nodes, horizon)
    result: dict[str, Any] = {"series": len(y), "nodes": {level: len(nodes.names[level]) for level in LEVELS}}
    started = time.process_time()
    found = dependence(first, nodes)
    seconds = {"dependence": time.process_time() - started}
    result["in_common"] = dict(zip(LEVELS, found.shares.round(4).tolist(), strict=True))
    scores = {}
    for method, walk in walks.items():
        started = time.process_time()
        means, base = reconciled(walk, nodes)
        seconds[f"{method} means"] = time.process_time() - started
        kinds = {method: found}
        if method == "bottom_up":
            kinds["independent"] = replace(found, shares=np.zeros(len(LEVELS)))
        for name, kind in kinds.items():
            started = time.process_time()
            rows: dict[str, list[pa.Table]] = {}
            for level, part in sampled(walk, nodes, kind, means, base):
                rows.setdefault(level, []).append(part)
            seconds[f"{name} samples"] = time.process_time() - started
            scores[name] = by_level(nodes, y, rows, levels)
            if base is None:  # the series' own forecasts, unchanged
                scores[name]["sku_location"] = scored(y, means, *champions(walk, nodes), levels)
    own = list(own_forecasts(walks["structural"], nodes))
    mean, daily, total = (
        np.concatenate([getattr(one, name) for one in own]).astype(np.float64)
        for name in ("mean", "quantiles", "cumulative_quantiles")
    )
    sums = nodes.hierarchy.sums(y)
    scores["base"] = {
        level: scored(*(values[nodes.where(level)] for values in (sums, mean, daily, total)), levels)
        for level in LEVELS
    }
    seconds = {name: round(value, 1) for name, value in seconds.items()}
    return result | {"scores": scores, "seconds": seconds, "peak_gib": peak_gib()}


def scaled(n_series: int, horizon: int = 28) -> dict[str, float]:
    """Processor seconds of reconciling the means of so many series: 40 locations, 10 categories."""
    rng = np.random.default_rng(1)
    sku, location = np.divmod(np.arange(n_series), 40)
    both = (sku % 10) * 40 + location
    hierarchy = Hierarchy.of([sku * 0, location, sku % 10, both, sku])
    means = rng.gamma(1, 2, (n_series, horizon))
    nodes = hierarchy.sums(means) * rng.lognormal(0, 0.1, (hierarchy.n_nodes, horizon))
    ones = np.ones((n_series, 1))
    weights = {
        "structural": (ones, hierarchy.sums(ones)),
        "diagonal": (means + means**2, 0.01 * nodes**2 + nodes),
    }
    found = {}
    for name, (below, above) in weights.items():
        started = time.process_time()
        made = reconciled_means(hierarchy, means, nodes, below, above)
        found[f"{name}_seconds"] = round(time.process_time() - started, 2)
        assert (made >= 0).all()
    return {"nodes": hierarchy.n_nodes, **found, "peak_gib": peak_gib()}


def main() -> None:
    """Walks, forecasts, scores, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="m5_all")
    parser.add_argument("--as-of", type=date.fromisoformat, required=True, help="last day known")
    parser.add_argument("--home", type=Path, help="a folder where the stages up to evaluate have been run")
    parser.add_argument("--scale", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        home = options.home or Path(temporary)
        os.environ["SCALEINV_HOME"] = str(home)
        if options.home is None:
            arguments = ["--env", options.env, "--as-of", str(options.as_of), "--until", "evaluate"]
            walked(arguments + [part for setting in options.set for part in ("--set", setting)], home)
        result = measured(options.env, options.as_of, options.set)
    scale = {str(n): scaled(n) for n in sorted(options.scale)}
    print(
        json.dumps(
            {
                "benchmark": "hierarchy", "env": options.env, "as_of": str(options.as_of), "set": options.set,
                "cpus": os.cpu_count(), **result, "scale": scale,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
