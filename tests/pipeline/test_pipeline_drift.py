from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from scaleinv.config import LakeConfig
from scaleinv.config.drift import DriftConfig
from scaleinv.errors import LakeError
from scaleinv.lake import Lake
from scaleinv.schema import table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from scaleinv.ingest.drift import Finding

pytestmark = pytest.mark.spark
DAY = dt.date(2026, 1, 31)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(LakeConfig(root=str(tmp_path / "lake")))


def load(spark: SparkSession, lake: Lake, number: int, factor: int = 1, rows: int = 400) -> list[Finding]:
    """A load as the stage does it: looked at, and committed unless something stops it."""
    from scaleinv.pipeline.drift import settle, watch

    cells = pa.table(
        {"sku": [f"s{i % 40}" for i in range(rows)], "price": [(0.99 + i % 37) * factor for i in range(rows)]}
    )
    frame = spark.createDataFrame(cells)
    found = watch(lake, frame, source="prices", load=number, day=DAY, config=DriftConfig())
    if all(finding.policy != "stop" for finding in found):
        settle(lake, "prices", number, DriftConfig())
    return found


def profiles(lake: Lake) -> set[tuple[str, int, str | None]]:
    rows = lake.read(table("profiles")).to_pylist()
    return {(row["status"], row["load"], row["accepted_by"]) for row in rows}


def test_a_drift_waits_until_a_person_accepts_it(spark: SparkSession, lake: Lake) -> None:
    from scaleinv.pipeline.drift import accept, drift_rows, told

    assert load(spark, lake, 0) == load(spark, lake, 1) == []
    assert profiles(lake) == {("accepted", 1, "scaleinv")}
    with pytest.raises(LakeError, match="waits"):
        accept(lake, "prices", who="ann", day=DAY)
    assert drift_rows(lake) == []

    for number in (2, 2, 3):  # stopped, tried again, and a night later
        assert [finding.kind for finding in load(spark, lake, number, factor=100)] == ["unit_changed"]
    assert profiles(lake) == {("accepted", 1, "scaleinv"), ("waiting", 3, None)}
    (row,) = accept(lake, "prices", who="ann", day=DAY)
    assert (row["load"], row["column"], row["policy"], row["accepted_by"]) == (3, "price", "stop", "ann")
    assert json.loads(row["evidence"])["factor"] == 100.0
    assert profiles(lake) == {("accepted", 3, "ann")}

    assert load(spark, lake, 3, factor=100) == []  # the same load, tried again: it goes on
    assert profiles(lake) == {("accepted", 3, "ann")}
    assert [(one["load"], one["accepted_by"]) for one in drift_rows(lake, all_=True)] == [(2, None), (3, "ann")]
    assert "accepted by ann on 2026-01-31" in told(drift_rows(lake, "prices"))


def test_the_same_load_again_commits_nothing(spark: SparkSession, lake: Lake) -> None:
    load(spark, lake, 0)
    load(spark, lake, 1, factor=100)
    before = [lake.version(table(name)) for name in ("profiles", "drift_log")]
    load(spark, lake, 1, factor=100)
    assert [lake.version(table(name)) for name in ("profiles", "drift_log")] == before


def test_a_handful_of_rows_does_not_become_the_measure(spark: SparkSession, lake: Lake) -> None:
    load(spark, lake, 0)
    assert load(spark, lake, 1, rows=12) == []
    assert profiles(lake) == {("accepted", 0, "scaleinv"), ("waiting", 1, None)}


def test_the_command_line_shows_and_accepts(
    spark: SparkSession, lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from scaleinv.cli import main

    load(spark, lake, 0)
    load(spark, lake, 1, factor=100)
    options = ["--env", "demo", "--set", f"lake.root={lake.config.root}"]
    for command, said in ((["list"], "all is 100 times what it was"), (["accept", "prices", "--who", "ann"], "by ann")):
        with pytest.raises(SystemExit) as caught:
            main(["drift", *command, *options])
        assert caught.value.code == 0
        assert said in capsys.readouterr().out
