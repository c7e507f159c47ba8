"""How accurate each model is on days that it has not seen, beside the seconds that it took to train.

    SCALEINV_DATA=../shared/data python benchmarks/accuracy.py --env m5_all \
        --cutoff 2016-03-27 --cutoff 2016-04-24 --set 'forecast.models=[lstm, tft, xgboost]'

For each cutoff the stages up to ``evaluate`` run as on any night, with ``as_of`` the last of the ``--days`` that follow
the cutoff: nothing later than the cutoff reaches a model. The scores are those of ``gold/accuracy`` (docs/metrics.md),
so WQL is the mean over 0.1 … 0.9 of 2 x pinball / demand, and ``scaled_pinball`` M5's. ``seasonal``, whole weeks of the
last eight drawn again, is the reference of the same run. Seconds are those of the workers together, as the ledger has
them. The last line is one JSON object.
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

import pyarrow as pa

from scaleinv.config import load_config
from scaleinv.lake import Lake
from scaleinv.schema import table
from walk import picked, walked

MEASURES = ("wql", "scaled_pinball", "wape", "bias")


def scored(env: str, cutoff: date, days: int, settings: list[str]) -> dict[str, Any]:
    """One cutoff: scores and training seconds per model, seconds per stage."""
    as_of = cutoff + timedelta(days=days)
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["SCALEINV_HOME"] = temporary
        settings = [*settings, f"evaluation.holdout_days={days}", f"evaluation.refresh_days={days}"]
        arguments = ["--env", env, "--as-of", str(as_of), "--until", "evaluate"]
        arguments += [part for setting in settings for part in ("--set", setting)]
        stages, seconds, peak = walked(arguments, Path(temporary))
        lake = Lake(load_config(env, overrides=settings).lake)
        accuracy, ledger = lake.read(table("gold/accuracy")), lake.read(table("gold/training_ledger"))
        return {
            "cutoff": str(cutoff), "seconds": round(seconds, 1), "stages": stages, "peak_gib": round(peak / 2**30, 2),
            "series": lake.read(table("gold/series"), columns=["unique_id"]).num_rows,
            "training_seconds": trained(ledger),
            "models": {model: scores(accuracy, model) for model in sorted(set(accuracy["model"].to_pylist()))},
            "by_demand_class": {
                row["value"] + " " + row["model"]: round(row["score"], 4)
                for row in picked(accuracy, slice="demand_class", metric="wql") if row["score"] is not None
            },
        }  # fmt: skip


def scores(accuracy: pa.Table, model: str) -> dict[str, float]:
    """The measures of one model, and its coverage."""
    found = {row["metric"]: row["score"] for row in picked(accuracy, model=model, slice="overall")}
    wanted = [*MEASURES, *sorted(name for name in found if name.startswith("coverage_"))]
    return {name: round(found[name], 4) for name in wanted if found.get(name) is not None}


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
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    runs = [scored(options.env, cutoff, options.days, options.set) for cutoff in options.cutoff]
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
