"""What an import must not load: the command line answers at once because it loads no engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scaleinv.pipeline.stages import STAGE_NAMES

ENGINES = {
    "pyspark", "ray", "torch", "lightning", "pytorch_forecasting", "deltalake", "numba", "pandas", "matplotlib",
    "mlflow",
}  # fmt: skip


def loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join(sorted({{n.split('.')[0] for n in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split()) & ENGINES


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("scaleinv", set()),
        ("scaleinv.cli", set()),
        ("scaleinv.config", set()),
        ("scaleinv.schema", set()),
        ("scaleinv.evaluation", set()),
        ("scaleinv.replenish", set()),
        ("scaleinv.erp", set()),
        ("scaleinv.synthetic", set()),
        ("scaleinv.tracking", set()),
        ("scaleinv.shipments.messages", set()),
        ("scaleinv.server.app", set()),
        ("scaleinv.pipeline.track", {"deltalake"}),
        ("scaleinv.inventory", {"numba"}),
        ("scaleinv.lake", {"deltalake"}),
    ],
)
def test_a_room_loads_only_its_own_engine(module: str, allowed: set[str]) -> None:
    assert loaded(f"import {module}") <= allowed


def test_every_submit_script_says_what_its_arguments_are() -> None:
    jobs = sorted((Path(__file__).resolve().parents[2] / "jobs").glob("*.py"))
    assert {job.stem for job in jobs} == {*STAGE_NAMES, "run"}
    for job in jobs:
        done = subprocess.run([sys.executable, str(job), "--help"], capture_output=True, text=True, check=True)
        assert "--as-of" in done.stdout, job


def test_the_demo_can_be_of_another_day() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scaleinv", "demo", "--as-of", "2023-06-30", "--dry-run"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "environment demo, as of 2023-06-30" in done.stdout


def test_help_loads_no_engine() -> None:
    assert loaded("from scaleinv.cli import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass") == set()
