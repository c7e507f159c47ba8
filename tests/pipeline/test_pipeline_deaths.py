"""Loads that die before each of their writes, with drift and registry at work, end as if nothing had been."""

from __future__ import annotations

import datetime as dt
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.pipeline.dying import AFTER, Death, dying

from scaleinv.config import load_config
from scaleinv.config.load import config_folder
from scaleinv.ingest.registry import By
from scaleinv.pipeline import quarantine
from scaleinv.pipeline.progress import Progress
from scaleinv.pipeline.skus import replace
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import TABLES, table
from scaleinv.schema.registry import ALWAYS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.slow]

MONDAY = dt.date(2026, 2, 2)
TUESDAY = dt.date(2026, 2, 3)
ITEM = "sku_id,description,category,department,unit,vendor_id,unit_cost,unit_price,min_order_quantity,order_multiple\n"
ITEMS = ITEM + "".join(
    f"{sku},{said},food,d,EA,V1,1,2,1,1\n"
    for sku, said in [("85123A", "WHITE HEART HOLDER"), ("B1", "PAPER CHAIN KIT RED"), ("C1", "PAPER CHAIN KITS RED")]
)
SALE = "sku_id,location_id,date,quantity,receipt"
STOCK = "sku_id,location_id,date,on_hand,reserved,backorders\n"
FIRST = {
    "vendors": "vendor_id,review_period,currency\nV1,1,EUR\n",
    "locations": "location_id,region\nS1,N\n",
    "items": ITEMS,
    "assortment": "sku_id,location_id\n85123A,S1\nB1,S1\nC1,S1\n",
    "sales/1": f"{SALE}\n85123A,S1,2026-02-01,2,r1\nC1,S1,2026-02-01,4,r2\nC1,S1,2026-01-31,4,r3\n"
    "C1,S1,2026-01-31,4,r3\nX9,S1,2026-02-01,7,r4\nB1,S1,2026-02-01,many,r5\nB1,S1,2026-01-31,2,r6\n",
    "stock/1": f"{STOCK}85123A,S1,2026-02-01,5,0,0\nB1,S1,2026-02-01,6,0,0\nC1,S1,2026-02-01,7,0,0\n",
}
SECOND = {
    "items": f"{ITEMS}X9,FAIRY CAKE CUSHION,food,d,EA,V1,1,2,1,1\n",
    # With a code that is new, and the old one but for case; a column more; and a row for a day that was loaded before.
    "sales/2": f"{SALE},till\n85123a,S1,2026-02-02,3,r7,1\nB1,S1,2026-02-02,1,r8,1\nC1,S1,2026-01-31,1,r9,2\n"
    "Y7,S1,2026-02-02,1,r10,2\nB1,S1,not a day,1,r11,2\n",
    "stock/2": f"{STOCK}85123A,S1,2026-02-01,4,0,0\nB1,S1,2026-02-02,6,0,0\nC1,S1,2026-02-02,1,0,0\n",
}
WHOLE = ("vendors", "locations", "items", "assortment")
"""Sources that are read as a whole: read again, they have another load's number and nothing else."""
Work = Callable[[Walk], object]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    paths = {name: f"{name}.csv" for name in WHOLE} | {"sales": "sales/*.csv", "stock": "stock/*.csv"}
    env = {
        "lake": {"root": "${HERE}/lake"},
        "export": {"folder": "${HERE}/out"},
        "spark": {"master": None},
        "ingest": {
            "data": str(tmp_path / "data"),
            "sources": {name: {"path": path} for name, path in paths.items()},
            "max_quarantine_share": 0.9,
            "max_duplicate_share": 0.9,
            "drift": {"min_rows": 1, "policies": {"null_share": "warn", "retyped": "quarantine"}},
        },
    }
    conf = tmp_path / "conf"
    (conf / "env").mkdir(parents=True)
    (conf / "env" / "mortal.yaml").write_text(json.dumps(env))
    (conf / "base.yaml").write_text((config_folder() / "base.yaml").read_text())
    monkeypatch.setenv("SCALEINV_CONF", str(conf))
    deliver(tmp_path, FIRST)
    return tmp_path


def deliver(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = folder / "data" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def walk_in(folder: Path, day: dt.date) -> Walk:
    """A run of its own; its lake is in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HERE", str(folder))
        return Walk(load_config("mortal"), day, progress=Progress(stream=io.StringIO()))


def ingest(walk: Walk) -> None:
    walk.run(STAGES[:1])


def replay(walk: Walk) -> None:
    quarantine.replayed(walk, "sales", {})


def content(walk: Walk, work: Work) -> dict[str, list[str]]:
    """All rows of what ingest writes, without times and names of runs."""
    found = {}
    for name, one in TABLES.items():
        if one.writer != "ingest":
            continue
        rows = walk.lake.read(one, columns=[column for column in one.names if column not in one.measured]).to_pylist()
        if work is replay:  # asked for once more, it tries what is left once more
            rows = [row for row in rows if name != "ingest_log" or row["accepted"] or not row["replays"]]
        for row in rows:
            if row.get("source") in WHOLE or (work is replay and name == "quarantine"):
                row["load"] = None
        texts = [json.dumps(row, sort_keys=True, default=str) for row in rows]
        # As often as it was loaded the log tells of it.
        found[name] = sorted({*texts} if name in ("ingest_log", "source_files") else texts)
    state = json.loads(walk.lake.get("_walk/skus.json") or b"{}")
    return found | {"decided": [state[name] for name in ("in_force", "log")]}


def sweep(folder: Path, name: str, before: Path | None, work: Work, day: dt.date) -> Path:
    """Does ``work`` once undisturbed, and once with a death before each of its writes; gives the folder of the first.

    A run after a death is one with the next death: each goes on from what the one before left. The last one survives.
    """
    straight, crooked = folder / f"{name}-straight", folder / f"{name}-crooked"
    for place in (straight, crooked) if before else ():
        shutil.copytree(before, place)
    with dying(set(), once=False) as writes:
        work(walk_in(straight, day))
    survived: set[str] = set()
    for _ in range(4 * len(writes)):
        try:
            with dying(survived):
                work(walk_in(crooked, day))
            break
        except Death:
            continue
    else:
        pytest.fail("it dies again and again")
    assert {_what(one) for one in writes} <= {_what(one) for one in survived}, "it died before each write"
    found, expected = (content(walk_in(place, day), work) for place in (crooked, straight))
    for one in expected:
        assert found[one] == expected[one], one
    return straight


def _what(write: str) -> str:
    return write.partition(AFTER)[0]


def test_a_load_that_dies_before_any_write_and_is_repeated_changes_nothing(folder: Path, spark: SparkSession) -> None:
    first = sweep(folder, "first", None, ingest, MONDAY)
    deliver(folder, SECOND)
    replace(walk_in(first, TUESDAY).lake, "C1", "B1", By("ann", TUESDAY), since=ALWAYS)
    second = sweep(folder, "second", first, ingest, TUESDAY)
    walk = walk_in(second, TUESDAY)
    loads = walk.lake.read(table("ingest_log"), where={"source": "sales"}).sort_by("load")
    assert loads["replaces"].to_pylist() == [False, False, True], "two files, and what was decided"
    assert {*walk.lake.read(table("silver/sales"))["sku_id"].to_pylist()} == {"85123A", "B1"}
    assert walk.lake.read(table("drift_log")).num_rows == 1
    replayed = walk_in(sweep(folder, "replay", second, replay, TUESDAY), TUESDAY)
    assert "X9" in replayed.lake.read(table("silver/sales"))["sku_id"].to_pylist()
    assert replayed.lake.read(table("quarantine")).num_rows == 3
