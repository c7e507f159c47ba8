"""Every kind of source, as dirty as it comes, through the stage: each row ends where it is said to, and is counted."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from tests.ingest.kinds import DAY, OK, SAME, STOCK, deliver, deliver_items, item, rows_of

from scaleinv.config import Config, load_config
from scaleinv.config.sources import SourceConfig
from scaleinv.errors import ConfigError
from scaleinv.pipeline import quarantine
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.bronze import bronze_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
pytestmark = pytest.mark.spark

MONDAY = dt.date(2026, 2, 2)
BASE = Path(__file__).parents[2] / "conf" / "base.yaml"
CONTRACTS = Path(__file__).with_name("kinds.yaml")


def retailer(folder: Path, *overrides: str) -> Config:
    conf = folder / "conf"
    (conf / "env").mkdir(parents=True, exist_ok=True)
    shutil.copy(BASE, conf)
    shutil.copy(CONTRACTS, conf / "env")
    return load_config("kinds", folder=conf, overrides=overrides)


def land(walk: Walk) -> None:
    """The messages of the stock topic, as the stream leaves them."""
    bronze, moment = bronze_table("stock"), dt.datetime(2026, 2, 2, tzinfo=dt.UTC)
    rows = [
        {"topic": "stock", "partition": 0, "offset": offset, "timestamp": moment, "key": None, "value": value,
         "landed_on": MONDAY}
        for offset, (_, value) in enumerate(STOCK)
    ]  # fmt: skip
    walk.lake.overwrite(bronze, pa.Table.from_pylist(rows, schema=bronze.schema), where={"landed_on": MONDAY})


@pytest.fixture(scope="module")
def loaded(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("kinds")
    deliver(spark, folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALEINV_HOME", str(folder / "home"))
        patch.setenv("SCALEINV_DATA", str(folder / "data"))
        walk = Walk(retailer(folder), MONDAY)
        land(walk)
        walk.run(STAGES[:1])
    return walk


def silver(walk: Walk, name: str, source: str) -> list[dict[str, Any]]:
    contract = table(f"silver/{name}")
    rows = walk.lake.read(contract, where={"source": source}).sort_by([(key, "ascending") for key in contract.key])
    return rows.select([column.name for column in contract.received]).to_pylist()


def logged(walk: Walk, source: str, load: int = 0) -> dict[str, int]:
    (row,) = walk.lake.read(table("ingest_log"), where={"source": source, "load": load}).to_pylist()
    assert row["read"] == row["accepted"] + row["quarantined"] + row["duplicates"]
    return {name: row[name] for name in ("read", "accepted", "quarantined", "duplicates")}


def aside(walk: Walk, source: str) -> list[dict[str, Any]]:
    return walk.lake.read(table("quarantine"), where={"source": source}).to_pylist()


def test_every_row_of_every_source_ends_where_it_should(loaded: Walk) -> None:
    sources = loaded.config.ingest.sources
    assert len(sources) == 23
    for source in sources:
        said = Counter(label for label, _ in rows_of(source))
        rules = {label: n for label, n in said.items() if label not in (OK, SAME)}
        assert Counter(row["rule"] for row in aside(loaded, source)) == rules, source
        assert logged(loaded, source) == {
            "read": said.total(), "accepted": said[OK], "quarantined": sum(rules.values()), "duplicates": said[SAME],
        }, source  # fmt: skip


def test_what_was_accepted_is_in_our_words_units_and_types(loaded: Walk) -> None:
    def quantities(source: str) -> dict[str, float]:
        return {row["sku_id"]: row["quantity"] for row in silver(loaded, "sales", source)}

    assert quantities("sales") == {"MILK": 2 + 1000.5 + 3, "Käse": 0.25}
    assert quantities("scales") == {"Käse": 1.5005}, "grams to kilograms"
    assert quantities("web") == {"MILK": 10_102.0}
    assert [(row["sku_id"], row["quantity"]) for row in silver(loaded, "sales", "daily")] == [
        ("EGGS", 0),
        ("MILK", 42.5),
    ]
    counted = [(row["sku_id"], row["on_hand"], row["reserved"]) for row in silver(loaded, "stock", "snapshots")]
    assert counted == [("EGGS", -4.0, 0.0), ("MILK", 1200.5, 3.0)]
    assert silver(loaded, "price_breaks", "dozens") == [
        {"vendor_id": "V1", "sku_id": "EGGS", "min_quantity": 120.0, "unit_cost": pytest.approx(0.20)},
        {"vendor_id": "V1", "sku_id": "EGGS", "min_quantity": 1200.0, "unit_cost": pytest.approx(0.15)},
    ]
    assert silver(loaded, "price_breaks", "grams") == [
        {"vendor_id": "V2", "sku_id": "Käse", "min_quantity": 5.0, "unit_cost": pytest.approx(12.0)},
    ]
    moved, cold = silver(loaded, "sensor_readings", "sensor_readings")
    assert (cold["temperature"], cold["lot_id"]) == (pytest.approx(4.0), "L7")
    assert moved["motion"] == pytest.approx(19.6133)
    assert moved["measured_at"] == cold["measured_at"] == dt.datetime(2026, 2, 1, 10, tzinfo=dt.UTC)
    weather, unknown = silver(loaded, "weather", "weather")
    assert weather == {
        "region": "N", "date": DAY, "temperature": pytest.approx(10.0), "precipitation": pytest.approx(2.54),
        "humidity": 80.0, "wind_speed": pytest.approx(5.14444, abs=1e-5),
    }  # fmt: skip
    assert unknown["temperature"] is None
    tree = {
        row["sku_id"]: (row["category"], row["department"], row["unit"]) for row in silver(loaded, "items", "items")
    }
    assert tree == {
        "EGGS": ("Food", "Eggs", "EA"), "Käse": ("Food", "Dairy", "KGM"), "MILK": ("Food", "Dairy", "EA"),
    }  # fmt: skip
    prices = [row for source in ("prices", "promotions", "coupons") for row in silver(loaded, "prices", source)]
    assert [(row["sku_id"], row["valid_to"].year, row["price"], row["is_promotion"]) for row in prices] == [
        ("EGGS", 9999, 2.4, False), ("MILK", 9999, 1.2, False), ("MILK", 2026, 0.99, True),
        ("EGGS", 2026, pytest.approx(1.8), True),
    ]  # fmt: skip
    events = [(row["event"], row["is_benefit_day"]) for row in silver(loaded, "calendar", "calendar")]
    assert events == [("Rosenmontag", False), (None, True)]


def test_vectors_are_as_long_as_those_of_their_model(loaded: Walk) -> None:
    def vectors(source: str) -> dict[tuple[str, ...], list[float]]:
        rows = silver(loaded, "item_embeddings", source)
        return {(row["sku_id"], row["kind"], row["model"]): row["vector"] for row in rows}

    assert vectors("item_embeddings") == {
        ("MILK", "text", "small"): pytest.approx([0.5, -1, 0.2]), ("EGGS", "text", "small"): [0, 0.25, 1],
        ("EGGS", "text", "large"): [1, 2, 3, 4, 5], ("EGGS", "image", "large"): [5, 4, 3, 2, 1],
    }  # fmt: skip
    assert vectors("pictures") == {
        ("MILK", "image", "clip"): pytest.approx([0.1, 0.2, 0.3, 0.4]),
        ("EGGS", "image", "clip"): pytest.approx([-1, 0, 1e-6, 1]),
    }


def test_a_snapshot_takes_the_place_of_the_one_before_and_of_no_other_source(
    loaded: Walk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, data = (Path(place).parent for place in (loaded.config.lake.root, loaded.config.ingest.data))
    shutil.copytree(home, tmp_path / "home")
    shutil.copytree(data / "data", tmp_path / "data")
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCALEINV_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "snapshots" / "1.csv").unlink()
    lines = "item;warehouse;counted_on;qty;held\nKäse;S2;20260202;2,25;0\nKäse;S9;20260202;1;0\n"
    (tmp_path / "data" / "snapshots" / "2.csv").write_text(lines)
    walk = Walk(retailer(tmp_path), MONDAY + dt.timedelta(days=1))
    walk.run(STAGES[:1])
    assert [(row["sku_id"], row["on_hand"]) for row in silver(walk, "stock", "snapshots")] == [("Käse", 2.25)]
    assert logged(walk, "snapshots", 1) == {"read": 2, "accepted": 1, "quarantined": 1, "duplicates": 0}
    assert silver(walk, "stock", "stock") == silver(loaded, "stock", "stock")
    assert walk.lake.last_load(table("silver/stock"), "stock") == 0, "the other source had nothing new"


def test_the_latest_state_of_a_key_stands_and_the_older_ones_are_no_errors(loaded: Walk) -> None:
    eggs, milk = silver(loaded, "stock", "stock")
    assert (milk["on_hand"], milk["reserved"]) == (6.0, 2.0), "of the largest offset"
    assert eggs["on_hand"] == -2.0
    orders = {row["order_id"]: row for row in silver(loaded, "purchase_orders", "purchase_orders")}
    assert {order: row["quantity"] for order, row in orders.items()} == {"P1": 12.0, "P2": 4.0, "P3": 10.0}
    assert orders["P1"]["received_date"] == dt.date(2026, 1, 28)
    assert orders["P3"]["received_date"] is None


def test_lines_that_add_up_have_no_order(spark: SparkSession) -> None:
    from scaleinv.ingest import read_source

    contract = SourceConfig(path="x.csv", order_by="BON")
    with pytest.raises(ConfigError, match="lines of silver/sales add up"):
        read_source(spark, "sales", contract, table("silver/sales"), [])


def test_rows_of_typed_sources_are_mended_and_read_again(loaded: Walk, spark: SparkSession) -> None:
    before = {row["rule"]: row["row"] for row in aside(loaded, "hourly_sales")}
    assert json.loads(before["unknown_sku"])["closed_at"] == "2026-02-01T12:00:00.123456Z"
    deliver_items(spark, Path(loaded.config.ingest.data), [item("NEW")])
    later = Walk(loaded.config, MONDAY + dt.timedelta(days=1))
    later.run(STAGES[:1])
    mended = {
        row["id"]: json.dumps(json.loads(row["row"]) | {"store": "S2", "units": [2] * 24, "empty_shelf": [0] * 24})
        for row in quarantine.rows_of_source(later.lake, "hourly_sales", rule="unparseable").to_pylist()
    }
    quarantine.replayed(later, "hourly_sales", mended)
    assert logged(later, "hourly_sales", 1)["accepted"] == 2
    hours = {(row["sku_id"], row["location_id"]): row for row in silver(later, "hourly_sales", "hourly_sales")}
    assert hours["NEW", "S1"]["sales"] == pytest.approx([0.1, 2.5] * 12)
    assert hours["NEW", "S1"]["is_stockout"] == [False] * 23 + [True]
    assert hours["MILK", "S2"]["sales"] == [2.0] * 24
    left = Counter(row["rule"] for row in aside(later, "hourly_sales"))
    gone = Counter(["unknown_sku", "unparseable"])
    assert left == Counter(label for label, _ in rows_of("hourly_sales") if label not in (OK, SAME)) - gone

    quarantine.replayed(later, "purchase_orders", {})
    assert logged(later, "purchase_orders", 1)["accepted"] == 2, "its product is known now; a conflict has its way"
    (order,) = [row for row in silver(later, "purchase_orders", "purchase_orders") if row["sku_id"] == "NEW"]
    assert (order["quantity"], order["promised_date"]) == (3.25, dt.date(2026, 1, 27))
    assert {row["file"].rsplit(".")[-1] for row in aside(later, "purchase_orders")} == {"avro"}
