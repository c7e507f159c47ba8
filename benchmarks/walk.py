"""The whole walk as a user runs it: seconds per stage, peak memory of all its processes, accuracy, replay.

    SCALEINV_DATA=../shared/data python benchmarks/walk.py --env m5 --as-of 2016-05-22
    python benchmarks/walk.py --env demo

Starts from an empty folder. The last line is one JSON object. Memory is the proportional set size of the command and
of everything it starts (Spark's JVM, Ray and its workers), looked at once a second: what several processes share
counts once.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path

import psutil
import pyarrow as pa

from scaleinv.config import load_config
from scaleinv.lake import Lake
from scaleinv.schema import table

MEASURES = ("wql", "wape", "bias", "coverage_0.9", "coverage_0.975")


def tree_memory(root: psutil.Process) -> int:
    """Bytes that ``root`` and all its descendants hold together."""
    total = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def watch(process: subprocess.Popen[str], peak: list[int]) -> None:
    """Keeps the largest memory seen in ``peak[0]`` until the process has ended."""
    root = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            peak[0] = max(peak[0], tree_memory(root))
        except psutil.NoSuchProcess:
            return
        time.sleep(1)


def walked(arguments: list[str], home: Path) -> tuple[dict[str, float], float, int]:
    """Seconds per stage, seconds in all, peak bytes."""
    stages: dict[str, float] = {}
    peak = [0]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "scaleinv", "run", *arguments],
        env=os.environ | {"SCALEINV_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    threading.Thread(target=watch, args=(process, peak), daemon=True).start()
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        if done := re.match(r"\[\d/\d\] (\w+) +done in ([\d.]+) s", line):
            stages[done[1]] = float(done[2])
    if process.wait():
        sys.exit(f"the walk ended with code {process.returncode}")
    return stages, time.perf_counter() - started, peak[0]


def picked(rows: pa.Table, **wanted: str) -> list[dict[str, object]]:
    """Rows whose columns have these values."""
    return [row for row in rows.to_pylist() if all(row[name] == value for name, value in wanted.items())]


def main() -> None:
    """Walks, looks into the lake, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="demo")
    parser.add_argument("--as-of", type=date.fromisoformat)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--home", type=Path, help="an empty folder; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = options.home or Path(temporary)
        os.environ["SCALEINV_HOME"] = str(home)
        arguments = ["--env", options.env, *(["--as-of", str(options.as_of)] if options.as_of else [])]
        arguments += [part for setting in options.set for part in ("--set", setting)]
        stages, seconds, peak = walked(arguments, home)
        lake = Lake(load_config(options.env, overrides=options.set).lake)
        accuracy, replay = lake.read(table("gold/accuracy")), lake.read(table("gold/replay"))
        models = sorted(set(accuracy["model"].to_pylist()))
        scores = {
            model: {row["metric"]: row["score"] for row in picked(accuracy, model=model, slice="overall")}
            for model in models
        }
        result = {
            "benchmark": "walk",
            "env": options.env,
            "as_of": str(options.as_of) if options.as_of else None,
            "set": options.set,
            "cpus": os.cpu_count(),
            "seconds": round(seconds, 1),
            "stages": stages,
            "peak_gib": round(peak / 2**30, 2),
            "series": lake.read(table("gold/series"), columns=["unique_id"]).num_rows,
            "order_lines": lake.read(table("gold/order_proposals"), columns=["unique_id"]).num_rows,
            "accuracy": {model: {name: _rounded(scores[model].get(name)) for name in MEASURES} for model in models},
            "replay": {
                f"{row['policy']} {row['value']}": {
                    "fill_rate": _rounded(row["fill_rate"]),
                    "stockout_share": _rounded(row["stockout_share"]),
                    "mean_stock_value": _rounded(row["mean_stock_value"]),
                }
                for row in replay.to_pylist()
                if row["slice"] in ("overall", "target")
            },
        }
    print(json.dumps(result))


def _rounded(value: object) -> float | None:
    return None if value is None else round(float(str(value)), 4)


if __name__ == "__main__":
    main()
