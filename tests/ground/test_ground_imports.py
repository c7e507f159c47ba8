"""What an import must not load: the command line answers at once because it loads no engine."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENGINES = {"pyspark", "ray", "torch", "lightning", "pytorch_forecasting", "deltalake", "numba", "pandas"}


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
        ("scaleinv.inventory", {"numba"}),
        ("scaleinv.lake", {"deltalake"}),
    ],
)
def test_a_room_loads_only_its_own_engine(module: str, allowed: set[str]) -> None:
    assert loaded(f"import {module}") <= allowed


def test_help_loads_no_engine() -> None:
    assert loaded("from scaleinv.cli import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass") == set()
