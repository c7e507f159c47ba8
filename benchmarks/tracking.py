"""What MLflow costs a night: the stage `track` on a made-up night, into a SQLite file that is not there yet.

    python benchmarks/tracking.py [--groups 10000] [--epochs 20]

Three families of models, each with a loss curve per group. `first` imports MLflow, makes the file and writes all;
`again` finds that all is there; seconds of the clock and of the processor. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

AS_OF = date(2026, 1, 31)
FAMILIES = ("lstm", "tft", "xgboost")


def ledger(n_groups: int, n_epochs: int) -> list[dict[str, object]]:
    """A night on which every group was trained."""
    losses = 1 + 1 / np.arange(1.0, n_epochs + 1)
    return [
        {
            "as_of": AS_OF, "model": family, "group_id": f"group-{n:05}", "status": "done", "fitted_model": family,
            "error": None, "artefact": f"models/{AS_OF}/{family}/group-{n:05}.bin", "fingerprint": "f",
            "n_series": 1000, "n_windows": 10_000, "epochs": n_epochs, "validation_loss": float(losses[-1] + n % 7),
            "validation_losses": losses + n % 7, "training_losses": losses, "seconds": 60.0 + n % 11, "attempts": 1,
            "worker": "host:1",
        }
        for family in FAMILIES
        for n in range(n_groups)
    ]  # fmt: skip


def scores() -> list[dict[str, object]]:
    """As many as `evaluate` gives: of five labels and thirty metrics."""
    return [
        {
            "as_of": AS_OF, "cutoff": AS_OF, "model": family, "slice": name, "value": label, "metric": metric,
            "score": 1.0 + n, "n_series": 1000,
        }
        for n, family in enumerate(("seasonal", *FAMILIES))
        for name, label in (("overall", "all"), *(("demand_class", one) for one in ("smooth", "lumpy", "erratic")))
        for metric in ("order_cost", *(f"metric_{m}" for m in range(29)))
    ]  # fmt: skip


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Seconds of the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"seconds": round(time.perf_counter() - wall, 2), "cpu": round(time.process_time() - cpu, 2)}


def main() -> None:
    """Prints the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SCALEINV_HOME"] = folder
        from scaleinv.config import load_config
        from scaleinv.pipeline import track
        from scaleinv.pipeline.progress import Progress
        from scaleinv.pipeline.walk import Walk
        from scaleinv.schema import table

        walk = Walk(load_config("test"), AS_OF, progress=Progress(stream=io.StringIO()))
        champions = [{"as_of": AS_OF, "demand_class": "smooth", "model": "lstm"}]
        made = {
            "gold/training_ledger": ledger(arguments.groups, arguments.epochs),
            "gold/accuracy": scores(),
            "gold/champions": champions,
        }
        for name, rows in made.items():
            walk.overwrite(name, pa.Table.from_pylist(rows, schema=table(name).schema))
        result = {
            "groups": arguments.groups,
            "families": len(FAMILIES),
            "first": timed(lambda: track.work(walk)),
            "again": timed(lambda: track.work(walk)),
            "file_mb": round((Path(folder) / "mlflow.db").stat().st_size / 1e6, 1),
            "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
