"""A million SKU-locations under twenty scenarios, and the night as it is: ``scaleinv whatif`` on tables made here.

``python benchmarks/whatif.py --rows 1000000 --folder FOLDER [--samples 100] [--profile]``; the last line is one JSON
object. The tables are made once in FOLDER, not timed: forecasts, facts, stock and lead times like those of
``optimizer.py``, with daily quantiles. Timed is ``what_if`` from the open lake to the saved comparison. The scenarios
are what planners ask: spikes of demand (everything, a category, a region, a week, a promotion with its prices), late
vendors, an outage, costs, twelve promises, half the budget. ``--samples`` is ``inventory.n_samples``.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from optimizer import AS_OF, FORECASTS, HORIZON, LEAD_TIMES, LEVELS, SERIES, group_of, make_group
from scaleinv.config import load_config
from scaleinv.config.whatif import Scenarios
from scaleinv.lake import Lake, StagedFile
from scaleinv.pipeline.walk import Walk, rows_of
from scaleinv.pipeline.whatif import what_if
from scaleinv.schema import Table, table

STOCK = table("gold/stock_position")
WEEK = {"first_day": AS_OF + timedelta(days=3), "last_day": AS_OF + timedelta(days=9)}
SCENARIOS = {
    "scenarios": [
        {"name": "all sells more", "demand": [{"factor": 1.2}]},
        {"name": "category", "demand": [{"factor": 1.6, "which": {"category": ["C1"]}}]},
        {"name": "region, a week", "demand": [{"factor": 2.0, "which": {"region": ["R1"]}, **WEEK}]},
        {
            "name": "promotion",
            "demand": [{"factor": 3.0, "which": {"category": ["C2"]}, **WEEK}],
            "prices": [{"factor": 0.8, "which": {"category": ["C2"]}}],
        },
        {"name": "late", "delays": [{"vendors": ["V1", "V2"], "days": 3}]},
        {"name": "outage", "outages": [{"vendors": ["V3"], "days": 10}]},
        {"name": "dearer", "costs": [{"factor": 1.1}]},
        {"name": "half the money", "budget": 0.0},
    ],
    "sweeps": [
        {"kind": "fill_rate", "targets": [0.9, 0.93, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995]},
        {"kind": "cycle_service_level", "targets": [0.9, 0.95, 0.98, 0.99]},
    ],
}


def tables_of(lake: Lake, number: int, n: int) -> list[tuple[Table, StagedFile]]:
    """One group's forecasts, facts and stock."""
    made = make_group(lake, number, n, daily=True)
    rng = np.random.default_rng(number + 1_000_000)
    days = rng.uniform(0, 15, n) * np.exp(rng.uniform(np.log(0.1), np.log(50), n))
    plain = {c.name: pa.nulls(n, c.type) if c.nullable else pa.array(np.zeros(n)) for c in STOCK.columns}
    columns = plain | {
        "as_of": pa.array([AS_OF] * n, pa.date32()),
        "stock_date": pa.array([AS_OF] * n, pa.date32()),
        "group_id": pa.array([group_of(number)] * n),
        "unique_id": pa.array([f"S{number:04d}{i:06d}@L{i % 997:04d}" for i in range(n)]),
        "on_hand": pa.array(np.round(days)),
    }
    content = pa.table({name: columns[name] for name in STOCK.names}, schema=STOCK.schema)
    where = {"as_of": AS_OF, "group_id": group_of(number)}
    return [*made, (STOCK, lake.stage_file(STOCK, content, partition=where))]


def night(walk: Walk, groups: int, size: int) -> None:
    """All tables, once."""
    with ThreadPoolExecutor(2) as pool:
        made = [
            one for group in pool.map(lambda number: tables_of(walk.lake, number, size), range(groups)) for one in group
        ]
    for contract in (FORECASTS, SERIES, STOCK):
        walk.lake.commit(contract, [file for owner, file in made if owner is contract], where={"as_of": AS_OF})
    vendors = [
        {"as_of": AS_OF, "vendor_id": f"V{v}", "probability": p, "n_receipts": 9}
        for v, p in enumerate(LEAD_TIMES.tolist())
    ]
    walk.overwrite("gold/lead_times", rows_of(table("gold/lead_times"), vendors))
    champion = {"as_of": AS_OF, "demand_class": "-", "model": "tft"}
    walk.overwrite("gold/champions", rows_of(table("gold/champions"), [champion]))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--group", type=int, default=25_000)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()

    groups = max(1, args.rows // args.group)
    size = args.rows // groups
    os.environ["SCALEINV_HOME"] = str(args.folder / f"whatif-{args.rows}-{size}")
    options = {
        "forecast.models": "[tft]", "forecast.quantile_levels": str(LEVELS.tolist()), "forecast.horizon": HORIZON,
        "inventory.n_samples": args.samples,
    }  # fmt: skip
    walk = Walk(load_config("test", overrides=[f"{key}={value}" for key, value in options.items()]), AS_OF)
    if not walk.lake.exists(table("gold/champions")):
        night(walk, groups, size)
    every = list(Scenarios.model_validate(SCENARIOS).every)
    # Compiles, and says what half the money is.
    few = what_if(walk_of_first(walk), every)
    budget = 0.5 * few.results[0].figures["order_value"] * groups
    every = [one.model_copy(update={"budget": budget}) if one.budget is not None else one for one in every]

    profiler = cProfile.Profile(time.process_time)
    before, start = os.times(), time.perf_counter()
    if args.profile:
        profiler.enable()
    told = what_if(walk, every, name="benchmark")
    profiler.disable()
    seconds, after = time.perf_counter() - start, os.times()
    if args.profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
    print(told.text())
    result = {
        "rows": told.n_series, "scenarios": len(every), "n_samples": args.samples, "seconds": round(seconds, 1),
        "processor_seconds": round(sum(after[:2]) - sum(before[:2]), 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "load": [round(one, 1) for one in os.getloadavg()],
    }  # fmt: skip
    print(json.dumps(result))


def walk_of_first(walk: Walk) -> Walk:
    """The same night with its first group alone."""
    names = walk.groups()[:1]
    first = Walk(walk.config, walk.as_of, progress=walk.progress)
    first.groups = lambda: names  # type: ignore[method-assign]
    return first


if __name__ == "__main__":
    main()
