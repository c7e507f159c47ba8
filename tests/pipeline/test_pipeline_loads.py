"""Loads: what is new is read once, what was known stays readable, what is bad waits; on real Spark and real Delta."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from scaleinv.cli import app
from scaleinv.config import Config, load_config
from scaleinv.errors import ConfigError, DataError, EngineError
from scaleinv.pipeline import ingest, quarantine
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.bronze import bronze_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
pytestmark = pytest.mark.spark

MONDAY = dt.date(2026, 2, 2)
FILES = {
    "items.csv": "sku_id,category,department,unit,vendor_id,unit_cost,unit_price,min_order_quantity,order_multiple\n"
    "A,food,d,EA,V1,1,2,1,1\nB,food,d,EA,V1,1,2,1,1\n",
    "locations.csv": "location_id,region\nS1,N\n",
    "vendors.csv": "vendor_id,review_period,currency\nV1,1,EUR\n",
    "lead_times.csv": "vendor_id,lead_time,weight\nV1,2,1\n",
    "assortment.csv": "sku_id,location_id\nA,S1\nB,S1\n",
    "prices/1.csv": "sku_id,location_id,valid_from,valid_to,price,is_promotion\nA,S1,2026-01-01,2026-12-31,2,no\n",
    "stock/1.csv": "sku_id,location_id,date,on_hand,reserved,backorders\nA,S1,2026-02-01,5,0,0\n",
    "sales/1.csv": "sku_id,location_id,date,quantity,receipt\nA,S1,2026-02-01,2,r1\nB,S1,2026-02-01,1,r2\n",
}
SALES = "sku_id,location_id,date,quantity,receipt\n"


@pytest.fixture(scope="module")
def loaded(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files above, loaded on Monday: each test goes on from a copy."""
    folder = tmp_path_factory.mktemp("loaded")
    for name, content in FILES.items():
        deliver(folder / "data", name, content)
    with pytest.MonkeyPatch.context() as patch:
        at(folder, patch)
        Walk(config(), MONDAY).run(STAGES[:1])
    return folder


def at(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("SCALEINV_HOME", str(folder / "home"))
    patch.setenv("SCALEINV_DATA", str(folder / "data"))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the sources; there is no lake yet."""
    at(tmp_path, monkeypatch)
    return tmp_path / "data"


@pytest.fixture
def monday(loaded: Path, data: Path) -> Path:
    shutil.copytree(loaded, data.parent, dirs_exist_ok=True)
    return data


def deliver(data: Path, name: str, content: str) -> None:
    path = data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def night(day: dt.date = MONDAY, *overrides: str, force: bool = False) -> Walk:
    """Ingests what is there; the Spark session is the tests' own, and stays."""
    walk = Walk(config(*overrides), day, force=force)
    walk.run(STAGES[:1])
    return walk


def config(*overrides: str) -> Config:
    return load_config("local", overrides=["spark.master=null", *overrides])


def known(walk: Walk, spark: SparkSession, name: str, as_of: dt.date | None = None) -> list[tuple[Any, ...]]:
    from scaleinv.lake.spark import read_spark

    rows = read_spark(spark, walk.lake, table(name), as_of=as_of).collect()
    return sorted(tuple(row) for row in rows)


def sold(walk: Walk, spark: SparkSession, as_of: dt.date | None = None) -> dict[tuple[str, int], float]:
    return {(sku, day.day): units for sku, _, day, units in known(walk, spark, "silver/sales", as_of)}


def log(walk: Walk, source: str) -> list[tuple[Any, ...]]:
    rows = walk.lake.read(table("ingest_log"), where={"source": source}).sort_by("load").to_pylist()
    assert all(r["read"] == r["accepted"] + r["quarantined"] + r["duplicates"] for r in rows)
    return [(r["load"], r["files"], r["read"], r["accepted"], r["quarantined"], bool(r["stopped"])) for r in rows]


def test_rows_that_do_not_arrive_in_quarantine_stop_the_load(
    monday: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(monday, "sales/2.csv", SALES + "A,S1,2026-02-01,1,r3\nA,S1,not a day,1,r4\n")
    write = ingest.write_spark

    def lossy(lake: Any, frame: Any, into: Any, **options: Any) -> int:
        return int(write(lake, frame.limit(0) if into.name == "quarantine" else frame, into, **options))

    share = "ingest.max_quarantine_share=0.9"
    monkeypatch.setattr(ingest, "write_spark", lossy)
    with pytest.raises(EngineError, match=r"expected: *1 rows in quarantine"):
        night(MONDAY, share)
    monkeypatch.setattr(ingest, "write_spark", write)
    assert sold(Walk(config(), MONDAY), spark) == {("A", 1): 2.0, ("B", 1): 1.0}
    walk = night(MONDAY, share)
    assert sold(walk, spark) == {("A", 1): 3.0, ("B", 1): 1.0}
    assert walk.lake.read(table("quarantine"))["rule"].to_pylist() == ["unparseable"]


def test_each_file_is_read_once_and_an_earlier_night_sees_what_was_known_then(
    monday: Path, spark: SparkSession
) -> None:
    walk = Walk(config(), MONDAY)
    assert log(walk, "sales") == [(0, 1, 2, 2, 0, False)]
    versions = {state.name: state.version for state in walk.lake.tables()}
    assert walk.run(STAGES[:1]) == [], "nothing is new"
    tuesday = MONDAY + dt.timedelta(days=1)
    deliver(monday, "sales/2.csv", SALES + "A,S1,2026-02-02,3,r3\nA,S1,2026-02-01,1,late\n")
    deliver(monday, "stock/2.csv", FILES["stock/1.csv"].replace(",5,", ",4,"))
    walk = night(tuesday)
    assert log(walk, "sales") == [(0, 1, 2, 2, 0, False), (1, 1, 2, 2, 0, False)]
    assert sold(walk, spark) == {("A", 1): 3.0, ("B", 1): 1.0, ("A", 2): 3.0}
    assert sold(walk, spark, as_of=MONDAY) == {("A", 1): 2.0, ("B", 1): 1.0}, "the late line came on Tuesday"
    assert [row[3] for row in known(walk, spark, "silver/stock")] == [4.0], "the record known last stands"
    assert [row[3] for row in known(walk, spark, "silver/stock", as_of=MONDAY)] == [5.0]
    now = {state.name: state.version for state in walk.lake.tables()}
    assert now["silver/items"] == versions["silver/items"], "its file is the same"
    # Whoever walks an older night later must not change what was known then.
    deliver(monday, "sales/3.csv", SALES + "B,S1,2026-02-01,9,r4\n")
    walk = night(MONDAY)
    assert sold(walk, spark, as_of=MONDAY) == {("A", 1): 2.0, ("B", 1): 1.0}
    assert sold(walk, spark, as_of=tuesday)["B", 1] == 10.0


def test_master_data_are_read_as_a_whole_whenever_they_or_their_contract_change(
    monday: Path, spark: SparkSession
) -> None:
    deliver(monday, "sales/1.csv", FILES["sales/1.csv"])  # the same name and size at another time
    with pytest.raises(DataError, match="files have changed after they were loaded") as caught:
        night()
    assert "sales/1.csv" in str(caught.value)
    (monday / "sales" / "1.csv").unlink()  # files may be cleared away once they are loaded
    deliver(monday, "items.csv", FILES["items.csv"].replace("food", "fish"))
    walk = night(MONDAY, "ingest.sources.locations.constants={name: Main Street}")
    assert {row[2] for row in known(walk, spark, "silver/items")} == {"fish"}
    assert sold(walk, spark) == {("A", 1): 2.0, ("B", 1): 1.0}
    assert [row[1] for row in known(walk, spark, "silver/locations")] == ["Main Street"]
    deliver(monday, "sales/9.csv", SALES + "A,S1,2026-02-01,7,r1\n")
    with pytest.raises(DataError, match="would lose what came in files that are not there any more") as caught:
        night(force=True)
    assert "which:    sales/1.csv" in str(caught.value)
    deliver(monday, "sales/1.csv", FILES["sales/1.csv"].replace(",2,", ",3,"))
    walk = night(force=True)
    assert sold(walk, spark) == {("A", 1): 10.0, ("B", 1): 1.0}, "in place of all that was"
    assert walk.lake.last_load(table("silver/sales"), "sales") == 1


def test_a_load_with_too_many_bad_rows_leaves_them_to_be_seen_and_nothing_else(
    monday: Path, spark: SparkSession
) -> None:
    deliver(monday, "sales/2.csv", SALES + "A,S1,2026-02-02,2,r1\nX,S1,2026-02-01,1,r2\nA,S1,01.02.2026,1,r3\n")
    with pytest.raises(DataError, match="source sales: too many rows were set aside"):
        night()
    walk = Walk(config(), MONDAY)
    assert sold(walk, spark) == {("A", 1): 2.0, ("B", 1): 1.0}
    assert log(walk, "sales")[-1] == (1, 1, 3, 1, 2, True)
    rules = {row["rule"] for row in quarantine.rows_of_source(walk.lake, "sales").to_pylist()}
    assert rules == {"unknown_sku", "unparseable"}
    deliver(monday, "sales/2.csv", SALES + "A,S1,2026-02-02,2,r1\nB,S1,2026-02-02,1,r2\n")
    walk = night()
    assert log(walk, "sales")[-1] == (1, 1, 2, 2, 0, False), "the stopped load is done again"
    assert quarantine.overview(walk.lake) == []


def test_quarantined_rows_are_mended_and_replayed(monday: Path, spark: SparkSession) -> None:
    bad = "X,S1,2026-02-03,5,r2\nB,S1,2026-02-03,1;5,r3\nB,S1,2026-02-03,1;5,r3\n-,S1,2026-02-03,1,r4\n"
    deliver(monday, "sales/2.csv", SALES + bad)
    mostly = ("ingest.max_quarantine_share=1", "ingest.sources.sales.empty=['-']")
    walk = night(MONDAY, *mostly)
    before = sold(walk, spark)
    runner, options = CliRunner(), ["--env", "local", "--set", "spark.master=null"]
    listed = runner.invoke(app, ["quarantine", "list", *options])
    assert "unknown_sku" in listed.output
    out = monday.parent / "bad.jsonl"
    shown = runner.invoke(app, ["quarantine", "show", "sales", "--out", str(out), *options])
    assert shown.output.startswith("4 rows"), shown.output
    assert "sales/2.csv" in runner.invoke(app, ["quarantine", "show", "sales", *options]).output
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    for line in lines:
        line["row"]["quantity"] = line["row"]["quantity"].replace(";", ".")
    out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    deliver(monday, "items.csv", FILES["items.csv"] + "X,food,d,EA,V1,1,2,1,1\n")
    night(MONDAY, *mostly)
    tuesday = str(MONDAY + dt.timedelta(days=1))
    said = runner.invoke(
        app, ["quarantine", "replay", "sales", "--rows", str(out), "--as-of", tuesday, "--set", mostly[1], *options]
    )
    assert said.output.strip().endswith("2 of 4 rows went on, 1 stay"), (said.output, said.exception)
    assert sold(walk, spark) == before | {("X", 3): 5.0, ("B", 3): 1.5}
    assert sold(walk, spark, as_of=MONDAY) == before
    (left,) = quarantine.rows_of_source(walk.lake, "sales").to_pylist()
    assert (left["rule"], left["load"]) == ("missing_value", 2)
    again = runner.invoke(app, ["quarantine", "replay", "sales", "--rows", str(out), "--as-of", tuesday, *options])
    assert "not in quarantine" in str(again.exception)
    with pytest.raises(DataError, match="read as a whole"):
        quarantine.replayed(walk, "items", {})
    with pytest.raises(ConfigError, match="no source 'sale'"):
        quarantine.replayed(walk, "sale", {})


def test_a_replay_that_was_killed_after_its_commit_is_finished_by_the_next_load(
    monday: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(monday, "sales/2.csv", SALES + "X,S1,2026-02-03,5,r2\n")
    mostly = "ingest.max_quarantine_share=1"
    walk = night(MONDAY, mostly)
    deliver(monday, "items.csv", FILES["items.csv"] + "X,food,d,EA,V1,1,2,1,1\n")
    night(MONDAY, mostly)
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "clear_retried", lambda *_: None)
        quarantine.replayed(walk, "sales", {})
    assert quarantine.rows_of_source(walk.lake, "sales").num_rows == 1, "tried again already, and still there"
    deliver(monday, "sales/3.csv", SALES + "A,S1,2026-02-02,1,r5\n")
    night(MONDAY, mostly)
    assert quarantine.overview(walk.lake) == []
    assert sold(walk, spark) == {("A", 1): 2.0, ("B", 1): 1.0, ("X", 3): 5.0, ("A", 2): 1.0}


def test_what_must_be_there_and_how_old_it_may_be(monday: Path, spark: SparkSession) -> None:
    late = MONDAY + dt.timedelta(days=4), "ingest.sources.sales.max_age=2"
    with pytest.raises(DataError, match="source sales is too old"):
        night(*late)  # nothing has come
    deliver(monday, "sales/2.csv", SALES + "A,S1,2026-02-01,1,r9\n")
    with pytest.raises(DataError, match="source sales is too old") as caught:
        night(*late)
    assert "2026-02-01" in str(caught.value)
    deliver(monday, "locations.csv", "location_id,region\n")
    with pytest.raises(DataError, match="source locations is empty") as caught:
        night()
    assert "0 rows in 1 files at locations.csv" in str(caught.value)
    (monday / "locations.csv").unlink()
    with pytest.raises(DataError, match="source locations is empty: no file is there"):
        night()
    deliver(monday, "locations.csv", FILES["locations.csv"])
    deliver(monday, "sales/2.csv", SALES)
    assert log(night(), "sales")[-1] == (1, 1, 0, 0, 0, False), "a day without a sale"


def test_names_of_files_are_no_patterns(monday: Path, spark: SparkSession) -> None:
    deliver(monday, "sales/1[2].csv", SALES + "A,S1,2026-02-03,4,r7\n")
    deliver(monday, "sales/{a,b} 50%*.csv", SALES + "B,S1,2026-02-03,5,r8\n")
    assert sold(night(), spark) == {("A", 1): 2.0, ("B", 1): 1.0, ("A", 3): 4.0, ("B", 3): 5.0}


def test_what_a_load_replaced_is_not_tried_again(monday: Path, spark: SparkSession) -> None:
    deliver(monday, "sales/2.csv", SALES + "X,S1,2026-02-03,5,r2\n")
    walk = night(MONDAY, "ingest.max_quarantine_share=1")
    assert quarantine.rows_of_source(walk.lake, "sales").num_rows == 1
    deliver(monday, "items.csv", FILES["items.csv"] + "X,food,d,EA,V1,1,2,1,1\n")
    night(MONDAY, force=True)
    assert quarantine.overview(walk.lake) == []
    assert sold(walk, spark)["X", 3] == 5.0


def test_two_sources_may_feed_one_table(monday: Path, spark: SparkSession) -> None:
    deliver(monday, "web.csv", SALES + "A,S1,2026-02-01,10,w1\n")
    walk = night(MONDAY, "ingest.sources.web={into: sales, path: web.csv}")
    assert sold(walk, spark)["A", 1] == 12.0
    assert {row["source"] for row in walk.lake.read(table("silver/sales")).to_pylist()} == {"sales", "web"}


def test_messages_that_landed_are_read_once(monday: Path, spark: SparkSession) -> None:
    contract = (
        "ingest.sources.web={into: sales, format: kafka, constants: {location_id: S1}, kafka: "
        "{bootstrap_servers: 'localhost:1', topics: [web]}}"
    )
    walk = Walk(config(contract), MONDAY)
    bronze = bronze_table("web")

    def land(day: dt.date, *messages: tuple[int, int, str | None]) -> None:
        moment = dt.datetime(2026, 2, 2, tzinfo=dt.UTC)
        rows = [
            {"topic": "web", "partition": part, "offset": offset, "timestamp": moment, "key": None, "value": value,
             "landed_on": day}
            for part, offset, value in messages
        ]  # fmt: skip
        walk.lake.overwrite(bronze, pa.Table.from_pylist(rows, schema=bronze.schema), where={"landed_on": day})

    def sale(sku: str, day: int, quantity: str) -> str:
        return json.dumps({"sku_id": sku, "date": f"2026-02-0{day}", "quantity": quantity})

    bad = "ingest.max_quarantine_share=1"
    night(MONDAY, contract)
    assert log(walk, "web") == [], "nothing has landed yet"
    land(MONDAY, (0, 0, sale("A", 1, "10")), (1, 5, sale("B", 1, "1")), (0, 1, "no json"), (0, 2, None))
    night(MONDAY, contract, bad)
    assert sold(walk, spark) == {("A", 1): 12.0, ("B", 1): 2.0}
    aside = quarantine.rows_of_source(walk.lake, "web").to_pylist()
    assert [(row["file"], row["position"], row["rule"], json.loads(row["row"])) for row in aside] == [
        ("web-0", 1, "malformed", {"_corrupt_record": "no json"}),
        ("web-0", 2, "empty_message", {"_corrupt_record": ""}),
    ]
    land(MONDAY + dt.timedelta(days=1), (0, 3, sale("A", 2, "4")), (2, 0, sale("B", 2, "1")))
    night(MONDAY + dt.timedelta(days=1), contract)
    assert sold(walk, spark) == {("A", 1): 12.0, ("B", 1): 2.0, ("A", 2): 4.0, ("B", 2): 1.0}
    assert [row[0] for row in log(walk, "web")] == [0, 1]
    night(MONDAY + dt.timedelta(days=1), contract)
    assert len(log(walk, "web")) == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("ingest.sources.sale={path: x}", "feeds tables that do not exist"),
        ("ingest.sources={sales: {into: stock, path: x}}", "cannot be done without"),
    ],
)
def test_a_contract_for_no_table_is_refused(data: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ingest.ordered_sources(Walk(config(override), MONDAY))
