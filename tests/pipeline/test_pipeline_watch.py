"""Drift in the stage: deliveries that have changed stop, are put aside or only told, and go on once accepted."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from scaleinv.cli import app
from scaleinv.config import load_config
from scaleinv.errors import DataError
from scaleinv.pipeline import ingest, quarantine
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
pytestmark = pytest.mark.spark

DAY = dt.date(2026, 2, 10)
ITEMS = "sku_id,category,department,unit,vendor_id,unit_cost,unit_price,min_order_quantity,order_multiple\n"
FILES = {
    "items.csv": ITEMS + "".join(f"S{i},food,d,EA,V1,1,2,1,1\n" for i in range(40)),
    "locations.csv": "location_id,region\nS1,N\n",
    "vendors.csv": "vendor_id,review_period,currency\nV1,1,EUR\n",
}
SOURCES = (
    "ingest.registry.enabled=false",
    *[f"ingest.sources.{name}.required=false" for name in ("assortment", "lead_times", "prices", "stock")],
)


def lines(first: int, *, header: str = "sku_id,location_id,date,quantity,price,till,channel,note", **other: Any) -> str:
    """400 receipt lines; ``other`` makes a cell of its number."""
    cells: dict[str, Callable[[int], object]] = {
        "sku": lambda i: f"S{i % 40}",
        "location": lambda i: "S1",
        "date": lambda i: f"2026-02-0{1 + i % 7}",
        "quantity": lambda i: 1 + i % 3,
        "price": lambda i: round(0.995 + i % 37, 3),
        "till": lambda i: f"{i % 9:03}",
        "channel": lambda i: "store" if i % 2 else "web",
        "note": lambda i: f"n{i % 5}",
    }
    cells |= other
    rows = [",".join(str(cell(i)) for cell in cells.values()) + f",r{i}" for i in range(first, first + 400)]
    return "\n".join([header + ",receipt", *rows, ""])


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCALEINV_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "sales").mkdir(parents=True)
    for name, content in FILES.items():
        (tmp_path / "data" / name).write_text(content)
    return tmp_path / "data"


def night(*overrides: str) -> Walk:
    walk = Walk(load_config("local", overrides=["spark.master=null", *SOURCES, *overrides]), DAY)
    walk.run(STAGES[:1])
    return walk


def rows(walk: Walk, name: str) -> list[dict[str, Any]]:
    return walk.lake.read(table(name), where={"source": "sales"}).to_pylist()


def counts(walk: Walk) -> list[tuple[int, int, int, bool]]:
    log = sorted(rows(walk, "ingest_log"), key=lambda row: row["load"])
    assert all(row["read"] == row["accepted"] + row["quarantined"] + row["duplicates"] for row in log)
    return [(row["read"], row["accepted"], row["quarantined"], bool(row["stopped"])) for row in log]


def found(walk: Walk, load: int) -> set[tuple[str, str, str]]:
    return {(row["kind"], row["column"], row["policy"]) for row in rows(walk, "drift_log") if row["load"] == load}


def measure(walk: Walk) -> set[tuple[str, int, str | None]]:
    return {(row["status"], row["load"], row["accepted_by"]) for row in rows(walk, "profiles")}


def command(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--env", "local", "--set", "spark.master=null"])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


@pytest.mark.slow
def test_a_delivery_that_has_drifted_stops_until_it_is_accepted(
    data: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "sales" / "1.csv").write_text(lines(0))
    walk = night()
    assert measure(walk) == {("accepted", 0, "scaleinv")}
    header = "sku_id,location_id,date,quantity,price,till,channel,remark"
    cents = {"price": lambda i: 99.5 + 100 * (i % 37), "till": lambda i: i % 9}
    (data / "sales" / "2.csv").write_text(lines(400, header=header, **cents))
    with pytest.raises(DataError, match="source sales has drifted") as caught:
        night()
    said = str(caught.value)
    assert "missing note: it is not there any more; perhaps it is called remark now" in said
    assert "unit_changed price: all is 100 times what it was" in said
    assert "retyped till: 0.0% of the cells have leading zeros" in said
    stopped = {("missing", "note", "stop"), ("unit_changed", "price", "stop"), ("retyped", "till", "stop")}
    walk = Walk(walk.config, DAY)
    assert found(walk, 1) == stopped | {("renamed", "note", "warn")}
    assert counts(walk) == [(400, 400, 0, False), (400, 400, 0, True)]
    assert walk.lake.last_load(table("silver/sales"), "sales") == 0, "nothing of it went on"
    assert measure(walk) == {("accepted", 0, "scaleinv"), ("waiting", 1, None)}

    kept = [walk.lake.read(table(name)) for name in ("profiles", "drift_log")]
    with pytest.raises(DataError, match="has drifted"):
        night()
    assert [walk.lake.read(table(name)) for name in ("profiles", "drift_log")] == kept, "done again, it is the same"

    assert "unit_changed" in command("drift", "list", "sales")
    command("drift", "accept", "sales", "--who", "ann")
    real = ingest.write_spark

    def killed(lake: Any, frame: Any, into: Any, **options: Any) -> int:
        written = real(lake, frame, into, **options)
        if into.name == "silver/sales":
            raise KeyboardInterrupt
        return written

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "write_spark", killed)
        with pytest.raises(KeyboardInterrupt):
            night()
    assert measure(walk) == {("accepted", 1, "ann"), ("waiting", 1, None)}, "committed, and not settled yet"
    walk = night()
    assert counts(walk) == [(400, 400, 0, False), (400, 400, 0, False)]
    assert measure(walk) == {("accepted", 1, "ann")}
    assert {row["accepted_by"] for row in rows(walk, "drift_log")} == {"ann"}


@pytest.mark.slow
def test_what_drifts_is_told_or_put_aside_as_the_contract_says(data: Path, spark: SparkSession) -> None:
    (data / "sales" / "1.csv").write_text(lines(0))
    night()
    some = {"channel": lambda i: "kiosk" if i % 25 == 0 else "store" if i % 2 else "web"}
    (data / "sales" / "2.csv").write_text(lines(400, **some))
    walk = night()
    assert found(walk, 1) == {("new_values", "channel", "warn")}
    assert counts(walk)[1] == (400, 400, 0, False)
    assert measure(walk) == {("accepted", 0, "scaleinv"), ("waiting", 1, None)}, "told again until it is accepted"

    aside = "ingest.sources.sales.drift={columns: {channel: {new_values: quarantine}}}"
    (data / "sales" / "3.csv").write_text(lines(800, **some))
    (data / "sales" / "4.csv").write_text("sku_id,location_id,date,quantity,receipt\nS1,S1,2026-02-01,1,last\n")
    walk = night(aside)
    assert found(walk, 2) == {("new_values", "channel", "quarantine")}, "the files of a load are looked at together"
    assert counts(walk)[2] == (401, 385, 16, False)
    put = quarantine.rows_of_source(walk.lake, "sales").to_pylist()
    assert {(row["rule"], json.loads(row["row"])["channel"]) for row in put} == {("drift_new_values", "kiosk")}
    assert "new: kiosk (4.00%)" in put[0]["reason"]
    command("drift", "accept", "sales", "--who", "ann")
    assert quarantine.replayed(walk, "sales", {})["accepted"] == 16, "what is tried again is not looked at again"

    # A column that is needed has another name: the load cannot be read, and what it is called now can be looked up.
    header = "sku_id,location_id,date,units,price,till,channel,note"
    (data / "sales" / "5.csv").write_text(lines(1200, header=header, **some))
    with pytest.raises(DataError, match="columns are missing"):
        night(aside)
    assert ("renamed", "quantity", "warn") in found(walk, 4)
    night(aside, "ingest.sources.sales.columns={quantity: units}", "ingest.drift.enabled=false")
    assert counts(walk)[4] == (400, 400, 0, False)
