"""A night whose cluster is lost while models are trained: what was done is not done again."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from tests.fanout.machines import alone, need_machines
from tests.pipeline.test_pipeline_groups import AS_OF, FIRST, rows

from scaleinv.config import load_config
from scaleinv.pipeline import train
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

pytestmark = [pytest.mark.ray, pytest.mark.slow]

N_GROUPS, N_SERIES = 24, 4


def night(*settings: str) -> Walk:
    """The walk of the night, as its configuration says and these settings."""
    return Walk(load_config("test", overrides=["forecast.models=[xgboost]", *settings]), AS_OF)


def write_panel(walk: Walk) -> None:
    """Groups of a few series each, that sell a few units a day."""
    keys = [{"as_of": AS_OF, "group_id": f"g{n // N_SERIES:02d}", "unique_id": f"s{n:03d}@x"}
            for n in range(N_GROUPS * N_SERIES)]  # fmt: skip
    n_days = (AS_OF - FIRST).days + 1 + walk.config.forecast.horizon
    sold = np.random.default_rng(1).poisson(3, (len(keys), n_days)).astype(float)
    days = [FIRST + dt.timedelta(days=day) for day in range(n_days)]
    walk.overwrite("gold/series", rows(table("gold/series"), *keys))
    panel = [
        key | {"ds": day, "y": units, "sales": units}
        for key, own in zip(keys, sold, strict=True)
        for day, units in zip(days, own, strict=True)
    ]
    walk.overwrite("gold/panel", rows(table("gold/panel"), *panel))


def done(walk: Walk) -> dict[str, bytes]:
    """The cards of the groups that are done."""
    cards = [path for path in walk.lake.paths("models") if path.endswith(".train.json")]
    return {Path(path).name.partition(".")[0]: walk.lake.get(path) or b"" for path in cards}


def test_after_the_loss_of_the_head_only_what_is_missing_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_machines()
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    walk = night()
    write_panel(walk)
    with tempfile.TemporaryDirectory(prefix="two", dir="/tmp") as name:  # Ray's sockets need short paths
        command = alone(sys.executable, "-m", "tests.pipeline.head_lost", name, "6")
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines()[-1].startswith("lost: the Ray cluster was lost while tasks ran"), run.stdout
    before = done(walk)
    assert 6 <= len(before) < N_GROUPS - 2
    with walk.engines:
        train.work(walk)
    after = done(walk)
    assert len(after) == N_GROUPS
    assert {group: after[group] for group in before} == before, "worker and seconds are those of the run that was lost"
    ledger = walk.read("gold/training_ledger").to_pylist()
    assert {row["group_id"] for row in ledger if row["status"] == "done"} == set(after)
    for row in ledger:
        assert row["device"]
        assert row["core_seconds"] > 0
        assert row["peak_memory"] > 50, "MiB of Python and its libraries"
