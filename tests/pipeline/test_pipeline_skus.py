"""The registry in the lake: a load, what persons say to it on the command line, and the load after that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from scaleinv.cli import app
from scaleinv.config import load_config
from scaleinv.errors import DataError
from scaleinv.ingest.registry import By, Rules, codes_of
from scaleinv.lake import Lake
from scaleinv.pipeline.registry import CODES, LOG, MAPPING, PROPOSALS, refresh_registry
from scaleinv.pipeline.skus import answer, find, listed, replace, reverse, separate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

DAY = dt.date(2026, 1, 31)
ANN = By("ann", DAY)
ITEMS = [
    ("85123A", "WHITE HEART HOLDER"), ("85123A", "WHITE HEART HOLDER"), ("85123a", "WHITE HEART HOLDER"),
    ("3001", "PAPER CHAIN KIT RED"), ("3004", "PAPER CHAIN KITS RED"),
    ("4001", "FAIRY CAKE CUSHION"), ("4002", "FAIRY CAKES CUSHION"), ("POST", "POSTAGE"),
]  # fmt: skip
Command = Callable[..., str]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path / "home"))
    return Lake(load_config("local").lake)


@pytest.fixture
def command() -> Command:
    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["skus", *words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def loaded(spark: SparkSession, lake: Lake, items: list[tuple[str, str]]) -> dict[str, object]:
    seen = codes_of(spark.createDataFrame(items, "sku_id string, name string"), description="name")
    found = refresh_registry(spark, lake, seen, day=DAY, rules=Rules(services=("POST",)))
    return {"codes": found.codes, "skus": found.skus, "merges": found.merges, "open": found.proposals}


@pytest.mark.slow
def test_a_load_and_the_people_after_it(spark: SparkSession, lake: Lake, command: Command) -> None:
    assert loaded(spark, lake, ITEMS) == {"codes": 7, "skus": 5, "merges": {"variant": 1}, "open": 2}
    version = lake.version(LOG)
    before = lake.read(MAPPING).sort_by("code")
    first = before.to_pylist()
    assert [(row["code"], row["sku_id"]) for row in first if row["sku_id"] != row["code"]] == [("85123a", "85123A")]

    # Looked at.
    text = command("find", " 085123a")
    assert "same code but for case" in text
    assert text.count("85123A  ") >= 2
    by_words = {row["kept"]: row["proposal_id"] for row in listed(lake).to_pylist()}
    assert set(by_words) == {"3001", "4001"}
    assert by_words["3001"] in command("proposals")
    assert "(no product)" in command("find", "post")

    # Decided.
    accepted = command("accept", by_words["3001"], "--by", "ann").split()[0]
    command("reject", by_words["4001"], "--by", "ann")
    with pytest.raises(DataError, match="is accepted"):
        answer(lake, [by_words["3001"]], ANN, verdict="reject")
    assert listed(lake).num_rows == 0
    assert {row["code"]: row["sku_id"] for row in find(lake, "3004").codes.to_pylist()} == {
        "3001": "3001",
        "3004": "3001",
    }
    assert lake.read(MAPPING).sort_by("code") == before  # the history is ingest's

    # In force from the next load on, of whatever codes.
    assert loaded(spark, lake, [("9", "NEW")]) == {"codes": 8, "skus": 5, "merges": {}, "open": 0}
    now = {row["code"]: (row["sku_id"], row["merge_id"]) for row in lake.read(MAPPING).to_pylist()}
    assert now["3004"] == ("3001", accepted)
    assert {row["status"] for row in lake.read(PROPOSALS).to_pylist()} == {"accepted", "rejected"}

    # Reversed, by name: all is as it was before anybody decided.
    variant = now["85123a"][1]
    assert variant is not None
    for merge_id in (accepted, variant):
        command("undo", merge_id, "--by", "ann")
    assert loaded(spark, lake, []) == {"codes": 8, "skus": 7, "merges": {}, "open": 2}
    rows = lake.read(MAPPING).to_pylist()
    assert all(row["sku_id"] == row["code"] and row["merge_id"] is None for row in rows)
    log = lake.read(LOG)
    assert sorted(log["kind"].to_pylist()) == ["merge", "merge", "reject", "undo", "undo"]
    assert lake.version(LOG) == version + 4
    assert lake.rows(CODES) == 8


def test_replaced_and_separated(lake: Lake) -> None:
    for table in (CODES, LOG, PROPOSALS):
        lake.create(table)
    codes = [
        {
            "system": "own", "code": code, "code_key": code, "own_id": code, "gtins": [], "description": None,
            "n_lines": 1, "is_product": True,
        }
        for code in "abc"
    ]  # fmt: skip
    lake.overwrite(CODES, pa.Table.from_pylist(codes, schema=CODES.schema), where={})
    replace(lake, "a", "b", ANN, since=dt.date(2026, 1, 1))
    chain = replace(lake, "b", "c", ANN, since=dt.date(2026, 2, 1))
    separate(lake, "a", ANN, since=dt.date(2026, 3, 1))
    rows = [(str(r["valid_from"]), r["sku_id"]) for r in find(lake, "a").codes.to_pylist() if r["code"] == "a"]
    assert sorted(rows) == [("1970-01-01", "a"), ("2026-01-01", "b"), ("2026-02-01", "c"), ("2026-03-01", "a")]
    with pytest.raises(DataError, match="no SKU 'x'"):
        replace(lake, "x", "b", ANN, since=DAY)
    with pytest.raises(DataError, match="no system uses the code 'x'"):
        find(lake, "x")
    reverse(lake, chain, ANN)
    assert {r["sku_id"] for r in find(lake, "b").codes.to_pylist() if r["code"] == "b"} == {"b"}
