"""What a series costs when there are more of them: training and forecast of 1,000, 10,000 and 100,000, group by group.

    python benchmarks/forecast_scale.py [--series 1000,10000,100000] [--model xgboost] [--out FILE]

Groups have 5,000 series at most, as ``features`` splits them, and come one after the other, as on one worker: half a
year of made-up days and 28 days ahead. Timed are arrays, fit, storing and forecast, in seconds of the processor; making
the days up is not. Each size runs in a process of its own. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from result import tell

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

GROUP, DAYS = 5_000, 180


def made_up(n_series: int, seed: int) -> tuple[pa.Table, pa.Table]:
    """Days of one group: levels from 0.1 to 30 units a day, weekdays, most of them intermittent."""
    from tests.forecast.small import small_tables

    rng = np.random.default_rng(seed)
    level = np.exp(rng.uniform(np.log(0.1), np.log(30), n_series))
    days = np.arange(DAYS + 28)
    weekday = 1 + 0.4 * np.sin(2 * np.pi * (days + rng.integers(0, 7, (n_series, 1))) / 7)
    y = rng.negative_binomial(1.5, 1.5 / (1.5 + level[:, None] * weekday))
    panel, series = small_tables(y.astype(float), np.zeros(n_series, int), days_after=28)
    return panel, series


def measure(n_series: int, model: str) -> dict[str, float]:
    """One size, in this process."""
    from tests.forecast.small import START

    from scaleinv.config import ForecastConfig
    from scaleinv.forecast import Fitted, fit, group_arrays, predict

    config, cutoff = ForecastConfig(), START + timedelta(days=DAYS - 1)
    spent = {"arrays": 0.0, "fit": 0.0, "forecast": 0.0}
    for number, at in enumerate(range(0, n_series, GROUP)):
        panel, series = made_up(min(GROUP, n_series - at), number)
        marks = [time.process_time()]
        group = group_arrays(panel, series)
        marks.append(time.process_time())
        stored = fit(model, group, cutoff=cutoff, config=config, season=7, seed=number).to_bytes()
        marks.append(time.process_time())
        predict(Fitted.from_bytes(stored), group, cutoff=cutoff, config=config)
        marks.append(time.process_time())
        for name, seconds in zip(spent, np.diff(marks), strict=True):
            spent[name] += float(seconds)
    per_series = {f"{name}_ms": round(1000 * seconds / n_series, 3) for name, seconds in spent.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "series": n_series,
        **per_series,
        "ms": round(1000 * sum(spent.values()) / n_series, 3),
        "peak_gib": round(peak, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", default="1000,10000,100000")
    parser.add_argument("--model", default="xgboost")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.model)))
        return
    sizes = []
    for size in options.series.split(","):
        command = [sys.executable, __file__, "--one", size, "--model", options.model]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        sizes.append(json.loads(done.stdout.splitlines()[-1]))
        print(sizes[-1], flush=True)
    result = {
        "benchmark": "forecast_scale", "model": options.model, "cpus": os.cpu_count(), "group_size": GROUP,
        "days": DAYS, "sizes": sizes, "last_over_first": round(sizes[-1]["ms"] / sizes[0]["ms"], 3),
    }  # fmt: skip
    tell(result, options.out)


if __name__ == "__main__":
    main()
