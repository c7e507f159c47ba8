"""A database as a source: a real PostgreSQL, read over JDBC with a password that nobody gets to see."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.postgres_server import USER, Server, postgres_binaries, postgres_server

from scaleinv.config import Config, load_config
from scaleinv.errors import ConfigError, DataError
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
pytestmark = pytest.mark.spark

MONDAY = dt.date(2026, 2, 2)
FILES = {
    "items.csv": "sku_id,category,department,unit,vendor_id,unit_cost,unit_price,min_order_quantity,order_multiple\n"
    "A,food,d,EA,V1,1,2,1,1\nB,food,d,EA,V1,1,2,1,1\n",
    "locations.csv": "location_id,region\nS1,N\n",
    "vendors.csv": "vendor_id,review_period,currency\nV1,1,EUR\n",
    "sales/1.csv": "sku_id,location_id,date,quantity\nA,S1,2026-02-01,2\n",
}
TABLES = """
CREATE TABLE stock (matnr text, werk text, stand timestamptz, frei numeric(12,3), reserviert int, offen real);
INSERT INTO stock VALUES
    ('A ', 'S1', '2026-02-01 23:00+00', 12.500, 2, 0), ('B', 'S1', '2026-02-01 23:00+00', -3, 0, 1.5),
    ('A', 'S1', '2026-02-01 23:00+00', 12.500, 2, 0), ('A', 'S1', '2026-02-01 22:00+00', 99, 0, 0),
    ('C', 'S1', '2026-02-01 23:00+00', 1, 0, 0), ('B', 'S9', '2026-02-01 23:00+00', 1, 0, 0),
    ('B', 'S1', '2026-01-31 23:00+00', NULL, 0, 0), ('B', 'S1', '2026-01-30 23:00+00', 1, -1, 0),
    ('B', 'S1', '2099-01-30 23:00+00', 1, 0, 0), (NULL, 'S1', '2026-02-01 23:00+00', 1, 0, 0),
    ('B', 'S1', '2026-01-29 23:00+00', 1, 0, 'NaN');
CREATE TABLE ekpo (ebeln text, ebelp smallint, lifnr text, matnr text, bedat date, eindt date, wareneingang date,
    menge numeric, waers char(3), geaendert bigint);
INSERT INTO ekpo VALUES
    ('4500000001', 10, 'V1', 'A', '2026-01-20', '2026-01-27', NULL, 10, 'EUR', 1),
    ('4500000001', 10, 'V1', 'A', '2026-01-20', '2026-01-28', '2026-01-28', 10, 'EUR', 12),
    ('4500000001', 10, 'V1', 'A', '2026-01-20', '2026-01-28', NULL, 10, 'EUR', 9),
    ('4500000002', 10, 'V1', 'B', '2026-01-20', NULL, NULL, 4, 'EUR', 1),
    ('4500000003', 10, 'V1', 'B', '2026-01-20', NULL, '2026-01-19', 4, 'EUR', 1),
    ('4500000004', 10, 'V7', 'B', '2026-01-20', NULL, NULL, 4, 'EUR', 1),
    ('4500000005', 10, 'V1', 'B', '2026-01-20', NULL, NULL, 4, 'USD', 1);
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("there is no PostgreSQL server here: install the package postgresql")
    with postgres_server(binaries) as started:
        with started.connect() as connection:
            connection.execute(TABLES)
        yield started


def sources(url: str) -> dict[str, Any]:
    login = {"url": url, "user": USER, "password": "${ERP_PASSWORD}"}
    columns = {
        "stock": {"on_hand": "frei", "reserved": "reserviert", "backorders": "offen"},
        "purchase_orders": {
            "order_id": "ebeln", "line": "ebelp", "vendor_id": "lifnr", "sku_id": "matnr", "order_date": "bedat",
            "promised_date": "eindt", "received_date": "wareneingang", "quantity": "menge",
        },
    }  # fmt: skip
    return {
        "stock": {
            "format": "jdbc",
            "jdbc": {**login, "query": "SELECT * FROM stock"},
            "columns": columns["stock"] | {"sku_id": "matnr", "location_id": "werk"},
            "expressions": {"date": "to_date(stand)"},
            "order_by": "stand",
        },
        "purchase_orders": {
            "format": "jdbc",
            "jdbc": {**login, "query": "SELECT * FROM ekpo WHERE bedat > '2025-01-01'"},
            "options": {"fetchsize": "1000"},
            "columns": columns["purchase_orders"],
            "constants": {"location_id": "S1"},
            "order_by": "geaendert",
            "rules": {"foreign_currency": {"where": "waers <> 'EUR'", "reason": "of another company"}},
        },
        **{name: {"path": f"{name}.csv"} for name in ("items", "locations", "vendors")},
        "sales": {"path": "sales/*.csv"},
    }


@pytest.fixture
def erp(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    import yaml

    for name, content in FILES.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text(content)
    (tmp_path / "conf" / "env").mkdir(parents=True)
    (tmp_path / "conf" / "base.yaml").write_text(Path("conf/base.yaml").read_text())
    env = {
        "lake": {"root": str(tmp_path / "home" / "lake")},
        "export": {"folder": str(tmp_path / "home" / "orders")},
        "spark": {"master": None, "shuffle_partitions": 2},
        "ingest": {
            "data": str(tmp_path / "data"), "max_quarantine_share": 1, "sources": sources(server.url),
            "drift": {"enabled": False}, "registry": {"enabled": False},
        },
    }  # fmt: skip
    (tmp_path / "conf" / "env" / "erp.yaml").write_text(yaml.safe_dump(env))
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ERP_PASSWORD", server.password)
    return load_config("erp", folder=tmp_path / "conf")


def test_stock_and_orders_come_from_a_database_and_its_password_goes_nowhere(
    erp: Config, server: Server, spark: SparkSession, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG, logger="scaleinv")
    walk = Walk(erp, MONDAY)
    walk.run(STAGES[:1])
    said = {
        row["source"]: (row["read"], row["accepted"], row["quarantined"], row["duplicates"])
        for row in walk.lake.read(table("ingest_log")).to_pylist()
    }
    assert said["stock"] == (11, 2, 7, 2), "equal but for a blank, or an older state of the day"
    assert said["purchase_orders"] == (7, 2, 3, 2)
    aside = walk.lake.read(table("quarantine")).to_pylist()
    assert Counter(row["rule"] for row in aside if row["source"] == "stock") == {
        "unknown_sku": 1, "unknown_location": 1, "missing_value": 2, "negative_reserved": 1, "future_date": 1,
        "out_of_range": 1,
    }  # fmt: skip
    assert {row["rule"] for row in aside if row["source"] == "purchase_orders"} == {
        "received_before_ordered", "unknown_vendor", "foreign_currency",
    }  # fmt: skip
    assert {row["file"] for row in aside} == {"jdbc:stock", "jdbc:purchase_orders"}
    stock = {row["sku_id"]: row for row in walk.lake.read(table("silver/stock")).to_pylist()}
    assert (stock["A"]["on_hand"], stock["B"]["on_hand"], stock["B"]["backorders"]) == (12.5, -3.0, 1.5)
    orders = {row["order_id"]: row for row in walk.lake.read(table("silver/purchase_orders")).to_pylist()}
    assert {order: row["received_date"] for order, row in orders.items()} == {
        "4500000001": dt.date(2026, 1, 28), "4500000002": None,
    }  # fmt: skip
    # A snapshot is all there is: what is gone from the database is gone from the lake.
    with server.connect() as connection:
        connection.execute("DELETE FROM stock WHERE matnr = 'B'; UPDATE stock SET frei = 8 WHERE frei = 12.5")
    Walk(erp, MONDAY + dt.timedelta(days=1)).run(STAGES[:1])
    assert {row["on_hand"] for row in walk.lake.read(table("silver/stock")).to_pylist()} == {8.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ERP_PASSWORD", wrong := "not-the-password")
        stranger = Walk(load_config("erp", folder=tmp_path / "conf"), MONDAY + dt.timedelta(days=2))
        with pytest.raises(DataError, match="connect to the database") as caught:
            stranger.run(STAGES[:1])
        assert "check jdbc.url, user, password" in str(caught.value)
        assert wrong not in str(caught.value)
    out, err = capfd.readouterr()
    for text in (out, err, caplog.text, repr(erp), erp.model_dump_json()):
        assert server.password not in text
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or server.password.encode() not in path.read_bytes(), path
    assert server.password not in spark.sparkContext.getConf().toDebugString()


@pytest.mark.parametrize(
    "source",
    [
        "{format: jdbc, jdbc: {url: 'jdbc:postgresql://h/d?user=u&password=s3cret', query: q}}",
        "{format: jdbc, jdbc: {url: 'jdbc:postgresql://h/d', query: q}, options: {Password: s3cret}}",
    ],
)
def test_a_password_where_it_would_be_shown_is_refused(source: str) -> None:
    with pytest.raises(ConfigError, match="password") as caught:
        load_config("local", overrides=[f"ingest.sources.erp={source}"])
    assert "s3cret" not in str(caught.value)
