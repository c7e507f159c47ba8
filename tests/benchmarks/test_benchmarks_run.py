"""Programs of `benchmarks` on small tables: a column that the tables have gained since must not wait for the next
measurement to be missed. What they measure is looked at by nobody here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SMALL = {
    "answers": "--lines 200",
    "budget": "--rows 2000",
    "erp": "--lines 200 --repeats 1",
    "optimizer": "--rows 600 --group 300 --kernel-rows 600 --folder {folder}",
    "orderbook": "--orders 3 --lines 5",
    "replenish": "--series 3000 --sample 300",
    "selection": "--lines 3000",
    "simulator": "--rows 300 --days 60",
    "whatif": "--rows 600 --group 300 --folder {folder}",
}


@pytest.mark.parametrize("name", SMALL)
def test_it_runs_and_its_last_line_is_json(name: str, tmp_path: Path) -> None:
    options = SMALL[name].format(folder=tmp_path).split()
    ran = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / f"{name}.py", *options],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert json.loads(ran.stdout.splitlines()[-1])
