"""Loads under bad luck: two at once, and a disk that is full at one point after another."""

from __future__ import annotations

import datetime as dt
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pytest

from scaleinv.config import load_config
from scaleinv.errors import LakeError
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.slow]

MONDAY = dt.date(2026, 2, 2)
N_LINES = 20_000
SETTINGS = [
    "spark.master=null",
    "spark.shuffle_partitions=2",
    "ingest.drift.enabled=false",
    "ingest.registry.enabled=false",
]
FILES = {
    "items": "sku_id,category,department,unit,vendor_id,unit_cost,unit_price,min_order_quantity,order_multiple\n"
    + "".join(f"P{n},food,d,EA,V1,1,2,1,1\n" for n in range(50)),
    "locations": "location_id,region\nS1,N\n",
    "vendors": "vendor_id,review_period,currency\nV1,1,EUR\n",
    "lead_times": "vendor_id,lead_time,weight\nV1,2,1\n",
    "assortment": "sku_id,location_id\nP1,S1\n",
    "prices/1": "sku_id,location_id,valid_from,valid_to,price,is_promotion\nP1,S1,2026-01-01,2026-12-31,2,no\n",
    "stock/1": "sku_id,location_id,date,on_hand,reserved,backorders\nP1,S1,2026-02-01,5,0,0\n",
}


def deliver(data: Path) -> float:
    """A retailer with so many receipt lines; returns the units sold."""
    chance = random.Random(1)
    for name, content in FILES.items():
        (data / f"{name}.csv").parent.mkdir(parents=True, exist_ok=True)
        (data / f"{name}.csv").write_text(content)
    lines = [
        (f"P{chance.randrange(50)}", MONDAY - dt.timedelta(days=chance.randrange(400)), chance.randrange(1, 9), n)
        for n in range(N_LINES)
    ]
    rows = [f"{sku},S1,{day},{units},r{n}" for sku, day, units, n in lines]
    rows += ["P1,S1,not a day,1,bad"] * 3
    (data / "sales").mkdir()
    (data / "sales" / "1.csv").write_text("\n".join(["sku_id,location_id,date,quantity,receipt", *rows]) + "\n")
    return float(sum(units for _, _, units, _ in lines))


def check(walk: Walk, sold: float) -> None:
    """All is there once, and adds up."""
    (row,) = walk.lake.read(table("ingest_log"), where={"source": "sales"}).to_pylist()
    assert (row["read"], row["accepted"], row["quarantined"], row["duplicates"]) == (N_LINES + 3, N_LINES, 1, 2) or (
        row["read"], row["accepted"], row["quarantined"], row["duplicates"]
    ) == (N_LINES + 3, N_LINES, 3, 0)  # fmt: skip
    assert pc.sum(walk.lake.read(table("silver/sales"))["quantity"]).as_py() == sold
    assert walk.lake.read(table("quarantine")).num_rows == row["quarantined"]
    assert walk.lake.read(table("leases")).num_rows == 0


def test_of_two_loads_at_once_one_is_told_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sold = deliver(tmp_path / "data")
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    monkeypatch.setenv("SCALEINV_DATA", str(tmp_path / "data"))
    command = [sys.executable, "-m", "scaleinv", "ingest", "--env", "local", "--as-of", MONDAY.isoformat()]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[0] for process in processes]
    codes = [process.returncode for process in processes]
    assert sorted(codes) == [0, LakeError.exit_code], said
    loser = processes[codes.index(0)].pid
    assert f"process {loser} on" in said[codes.index(LakeError.exit_code)]
    check(Walk(load_config("local"), MONDAY), sold)
    repeat = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert "up to date" in repeat.stdout + repeat.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_full_loses_nothing(
    small_disk: Path, tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold = deliver(tmp_path / "data")
    monkeypatch.setenv("SCALEINV_HOME", str(small_disk))
    monkeypatch.setenv("SCALEINV_DATA", str(tmp_path / "data"))
    walk = Walk(load_config("local", overrides=SETTINGS), MONDAY)
    failed = 0
    for size in (100, 200, 300, 500, 900, 8000):
        subprocess.run(["mount", "-o", f"remount,size={size}k", small_disk], check=True)
        try:
            walk.run(STAGES[:1])
        except LakeError as error:
            failed += "the disk is full" in str(error)
            for state in walk.lake.tables():
                assert walk.lake.read(table(state.name)).num_rows == state.rows
        else:
            break
    assert failed >= 2, "it was full at several points"
    check(walk, sold)
