"""The walk at several sizes: seconds, processor time and peak memory of each stage, their growth, a million's cost.

    python benchmarks/scale.py --rows 1000,10000 --folder FOLDER
    python benchmarks/scale.py --rows 1000000 --models '' --folder FOLDER    # the baseline alone: nothing is trained

A size is so many SKU-locations of the synthetic retailer (ten SKUs for each location; some 93 % are listed), ``--days``
of history. Each stage is a process of its own, as a cluster's job is, so engines start in its time. It can be cut off:
what FOLDER has measured is not done again. The last line is one JSON object; ``--out`` keeps it.

Processor seconds are those of the stage's processes (JVM, Ray and its workers included), looked at once a second: less
than a second may be missed of each, but other work on the machine does not count as it does for seconds of the clock.
Memory is their proportional set size. A doubling's ratio is that of the last two sizes, the million's cost what the
series between them cost.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from result import tell
from scaleinv.config import Config, load_config
from scaleinv.lake import Lake
from scaleinv.pipeline.stages import STAGE_NAMES
from scaleinv.schema import table
from scaleinv.synthetic import write_sources
from walk import tree_memory

CORE_HOUR = 0.0408
"""USD: half an m7g.large (2 cores, 8 GiB), on demand, us-east-1, June 2026; see docs/scale.md."""
Measured = dict[str, float]


def settings(rows: int, days: int, models: str) -> list[str]:
    """The demo's retailer at this size."""
    n_locations = round(math.sqrt(rows / 10))
    sizes = {"n_skus": rows // n_locations, "n_locations": n_locations, "n_days": days}
    return [*(f"synthetic.{name}={value}" for name, value in sizes.items()), f"forecast.models=[{models}]"]


def processor_seconds(root: psutil.Process, seen: dict[int, float]) -> None:
    """Notes what each process of the tree has used; one that has ended keeps what it was last seen with."""
    for process in [root, *root.children(recursive=True)]:
        try:
            used = process.cpu_times()
        except psutil.Error:
            continue
        seen[process.pid] = used.user + used.system


def measure(stage: str, options: list[str]) -> Measured:
    """Runs one stage and watches all its processes."""
    arguments = [part for option in options for part in ("--set", option)]
    seen: dict[int, float] = {}
    peak, started = 0, time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "scaleinv", stage, "--env", "demo", *arguments])
    root = psutil.Process(process.pid)
    while process.returncode is None:
        with suppress(psutil.NoSuchProcess):
            processor_seconds(root, seen)
            peak = max(peak, tree_memory(root))
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
    if process.returncode:
        sys.exit(f"{stage} ended with code {process.returncode}; the same command goes on from there")
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(sum(seen.values()), 1),
        "peak_gib": round(peak / 2**30, 2),
    }


def make_sources(config: Config) -> Measured:
    """The retailer's files: not a stage, but told."""
    started, cpu = time.perf_counter(), time.process_time()
    assert config.synthetic is not None
    write_sources(config.synthetic, Path(config.ingest.data), progress=print)
    return {"seconds": round(time.perf_counter() - started, 1), "cpu_seconds": round(time.process_time() - cpu, 1)}


def size_of(folder: Path, rows: int, stages: list[str], options: list[str]) -> dict[str, object]:
    """All stages at one size; those that ``folder`` has measured are not done again."""
    home = folder / str(rows)
    home.mkdir(parents=True, exist_ok=True)
    os.environ["SCALEINV_HOME"] = str(home.resolve())
    config = load_config("demo", overrides=options)
    kept = home / "measured.json"
    known: dict[str, Measured] = json.loads(kept.read_text()) if kept.exists() else {}
    for name in ["sources", *stages]:
        if name not in known:
            known[name] = make_sources(config) if name == "sources" else measure(name, options)
            kept.write_text(json.dumps(known))
    lake = Lake(config.lake)
    series = lake.read(table("gold/series"), columns=["unique_id"]).num_rows if "features" in known else 0
    return {"rows": rows, "series": series, "stages": known}


def growth(small: dict[str, object], large: dict[str, object]) -> dict[str, object]:
    """Of two sizes: what a doubling multiplies seconds by, and what a million series more cost."""
    doublings = math.log2(large["series"] / small["series"])
    ratio, million = {}, {}
    for stage in small["stages"].keys() & large["stages"].keys() - {"sources"}:
        few, many = small["stages"][stage], large["stages"][stage]
        ratio[stage] = {
            name: round((many[name] / max(few[name], 0.1)) ** (1 / doublings), 2) for name in ("seconds", "cpu_seconds")
        }
        more = many["cpu_seconds"] - few["cpu_seconds"]
        million[stage] = round(more / (large["series"] - small["series"]) * 1e6)
    total = sum(million.values())
    return {
        "ratio_per_doubling": ratio,
        "cpu_seconds_per_million": million,
        "core_hours_per_million": round(total / 3600, 2),
        "usd_per_million": round(total / 3600 * CORE_HOUR, 2),
    }


def main() -> None:
    """Each size, each stage, printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1000", help="SKU-locations; several by commas, the smallest first")
    parser.add_argument("--stages", default=",".join(STAGE_NAMES), help="in the walk's order")
    parser.add_argument("--models", default="xgboost", help="forecast.models; '': the baseline alone")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--folder", type=Path, required=True, help="lakes and measurements, kept")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    sizes = [
        size_of(options.folder, rows, options.stages.split(","), settings(rows, options.days, options.models))
        for rows in map(int, options.rows.split(","))
    ]
    result = {
        "benchmark": "scale", "cpus": os.cpu_count(), "days": options.days, "models": options.models, "sizes": sizes,
        **(growth(*sizes[-2:]) if len(sizes) > 1 else {}),
    }  # fmt: skip
    tell(result, options.out)


if __name__ == "__main__":
    main()
