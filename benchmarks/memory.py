"""Whether a warm worker hands back the memory of its groups: it trains and forecasts many, and says what it holds.

    python benchmarks/memory.py [--groups 240] [--here] [--out FILE]

The groups are small and of different sizes; the models take turns (lstm, tft, xgboost, theta), as they do where a
night has several. With `--here` this process is the worker, without Ray. The last line is one JSON object: MiB that
the worker's process holds after a group (resident set), means over 20 groups.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

from result import tell
from scaleinv.config.models import RayConfig
from scaleinv.fanout import Task, fan_out

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

MODELS = ("lstm", "tft", "xgboost", "theta")
BLOCK = 20


def one_group(number: int) -> float:
    """Trains and forecasts a group of 8 to 60 series; MiB held afterwards."""
    import psutil
    from tests.forecast.small import CONFIG, CUTOFF, small_demand, small_tables

    from scaleinv.forecast import Fitted, fit, group_arrays, predict

    n = int(np.random.default_rng(number).choice([8, 16, 40, 60]))
    group = group_arrays(*small_tables(small_demand(n), np.zeros(n, int)))
    model = MODELS[number % len(MODELS)]
    fitted = fit(model, group, cutoff=CUTOFF, config=CONFIG, season=7, seed=number)
    predict(Fitted.from_bytes(fitted.to_bytes()), group, cutoff=CUTOFF, config=CONFIG)
    return float(psutil.Process().memory_info().rss / 2**20)


def on_a_worker(n_groups: int) -> list[float]:
    """MiB held after each of so many groups, all of them on one worker."""
    tasks = [Task(f"g{n:04d}", 1.0, n) for n in range(n_groups)]
    outcomes = list(fan_out(one_group, tasks, RayConfig(num_workers=1)))
    assert all(one.ok for one in outcomes), [one.error for one in outcomes if not one.ok][:1]
    assert len({one.worker for one in outcomes}) == 1, "one worker did them all"
    return [float(str(one.value)) for one in outcomes]


def in_blocks(held: list[float]) -> list[float]:
    """Means over ``BLOCK`` groups each."""
    return [round(float(block.mean()), 1) for block in np.split(np.array(held), range(BLOCK, len(held), BLOCK))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=240)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--here", action="store_true", help="in this process, without Ray")
    options = parser.parse_args()
    started = time.perf_counter()
    held = [one_group(n) for n in range(options.groups)] if options.here else on_a_worker(options.groups)
    result = {
        "benchmark": "memory", "groups": options.groups, "models": MODELS, "cpus": os.cpu_count(),
        "ray": not options.here, "seconds": round(time.perf_counter() - started, 1), "held_mib": in_blocks(held),
    }  # fmt: skip
    tell(result, options.out)


if __name__ == "__main__":
    main()
