"""What the pool costs per task: no-op tasks through `fan_out` against a plain loop over Ray tasks.

    nice python benchmarks/fanout.py [--tasks 10000] [--workers 2]

Then tasks of very different length: the time until the last one is done, over what no pool can beat (the longest task,
or all of them shared evenly). They sleep, so that the machine's cores do not matter. The last line is one JSON object.
Starting Ray and its workers is measured apart.
"""

from __future__ import annotations

import argparse
import json
import os
import time

import numpy as np
import ray

from scaleinv.config.models import RayConfig
from scaleinv.fanout import Task, cluster, fan_out


def nothing(payload: object) -> object:
    """A task without work."""
    return payload


def skewed(n: int) -> list[float]:
    """``n`` lengths in seconds, some of them a hundred times others; 30 s in all."""
    drawn = np.random.default_rng(1).lognormal(0, 1.5, n)
    return [float(one) for one in 30 * drawn / drawn.sum()]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--skewed", type=int, default=300, help="tasks of different length")
    options = parser.parse_args()
    config = RayConfig(num_workers=options.workers)
    tasks = [Task(f"t{i:06d}", 1.0, i) for i in range(options.tasks)]

    started = time.perf_counter()
    with cluster(config):
        cluster_seconds = time.perf_counter() - started

        started = time.perf_counter()
        stream = fan_out(nothing, tasks, config)
        next(stream)
        first_seconds = time.perf_counter() - started
        started = time.perf_counter()
        done = sum(outcome.ok for outcome in stream)
        pool_seconds = time.perf_counter() - started

        seconds = skewed(options.skewed)
        work = [Task(f"s{i:06d}", one, one) for i, one in enumerate(seconds)]
        ends = [(time.perf_counter(), outcome.seconds) for outcome in fan_out(time.sleep, work, config)]
        # From where the first task began: what starting workers costs is measured above.
        makespan = max(end for end, _ in ends) - min(end - took for end, took in ends)
        bound = max(*seconds, sum(seconds) / options.workers)

        remote = ray.remote(nothing)
        ray.get(remote.remote(0))  # its worker is up
        started = time.perf_counter()
        for task in tasks:
            ray.get(remote.remote(task.payload))
        loop_seconds = time.perf_counter() - started

    print(
        json.dumps(
            {
                "benchmark": "fanout",
                "tasks": options.tasks,
                "workers": options.workers,
                "cpus": os.cpu_count(),
                "tasks_per_second": round(done / pool_seconds, 1),
                "skewed_tasks": options.skewed,
                "makespan_seconds": round(makespan, 2),
                "makespan_over_lower_bound": round(makespan / bound, 4),
                "reference": "for task in tasks: ray.get(nothing.remote(task.payload))",
                "reference_tasks_per_second": round(options.tasks / loop_seconds, 1),
                "start_cluster_seconds": round(cluster_seconds, 2),
                "first_outcome_seconds": round(first_seconds, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
