"""The SKU registry in the stage: tills, shop and ERP number differently, people decide, Online Retail II mistypes."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from scaleinv.config import load_config
from scaleinv.errors import ConfigError
from scaleinv.ingest.registry import By
from scaleinv.pipeline import ingest
from scaleinv.pipeline.registry import LOG
from scaleinv.pipeline.skus import find, listed, replace, reverse
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.registry import ALWAYS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
pytestmark = pytest.mark.spark

DATA = Path(os.environ.get("SCALEINV_DATA", "../shared/data"))
DAY = dt.date(2026, 2, 3)
ANN = By("ann", DAY)
MUG, LAMP = "4006381333931", "96385074"
HEAD = "category,department,unit,vendor_id,unit_cost,unit_price,min_order_quantity,order_multiple"
REST = "home,d,EA,V1,1,2,1,1"
FILES = {
    "items.csv": f"sku_id,description,gtin,{HEAD}\n"
    + "".join(
        f"{code},{name},{gtin},{REST}\n"
        for code, name, gtin in [
            ("A1", "RED MUG", MUG),
            ("0042", "LAMP", LAMP),
            ("OLD", "CANDLE", ""),
            ("NEW", "CANDLE LONG", ""),
            ("T1", "TEA TOWEL", ""),
            ("T2", "TEA TOWEL GREEN", ""),
        ]
    ),
    "tills/items.csv": f"sku_id,description,gtin,{HEAD}\n"
    + f"7001,MUG RED,{MUG},{REST}\n7002,LAMP,{LAMP},{REST}\n7009,GIFT CARD HOLDER,,{REST}\n",
    "locations.csv": "location_id,region\nS1,N\n",
    "vendors.csv": "vendor_id,review_period,currency\nV1,1,EUR\n",
    "assortment.csv": "sku_id,location_id,reorder_point\nOLD,S1,3\nNEW,S1,5\nT1,S1,7\nT2,S1,8\n",
    "stock/1.csv": "sku_id,location_id,date,on_hand,reserved,backorders\n"
    "OLD,S1,2026-02-01,4,0,0\nOLD,S1,2026-02-02,3,1,0\nNEW,S1,2026-02-02,5,0,2\n",
    # 7002 with a zero before it, a code that nobody has, and one of another system with the same digits
    "sales/1.csv": "sku_id,location_id,date,quantity,receipt\n7001,S1,2026-02-01,2,r1\n07002,S1,2026-02-01,1,r2\n"
    "7009,S1,2026-02-01,1,r3\n9999,S1,2026-02-01,1,r4\nA1,S1,2026-02-01,1,r5\n",
    "web.csv": "sku_id,location_id,date,quantity,receipt\nA1,S1,2026-02-01,1,w1\n42,S1,2026-02-01,4,w2\n"
    "OLD,S1,2026-02-01,5,w3\nOLD,S1,2026-02-02,6,w4\nNEW,S1,2026-02-02,1,w5\nT2,S1,2026-02-02,1,w6\n"
    "XX9,S1,2026-02-02,1,w8\n",
    "scans.csv": f"sku_id,location_id,date,quantity,receipt\n{MUG},S1,2026-02-01,10,s1\n",
}
SETS = (
    "spark.master=null", "ingest.max_quarantine_share=0.5", "ingest.sources.sales.system=pos",
    "ingest.sources.tills={into: items, path: tills/items.csv, system: pos}",
    "ingest.sources.web={into: sales, path: 'web*.csv'}",
    "ingest.sources.scans={into: sales, path: scans.csv, system: gtin}",
    *[f"ingest.sources.{name}.required=false" for name in ("lead_times", "prices")],
)  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCALEINV_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def walk_of(*overrides: str) -> Walk:
    return Walk(load_config("local", overrides=[*SETS, *overrides]), DAY)


def night() -> Walk:
    walk = walk_of()
    assert walk.run(STAGES[:1]) == ["ingest"]
    return walk


def rows(walk: Walk, spark: SparkSession, name: str, *columns: str) -> set[tuple[Any, ...]]:
    from scaleinv.lake.spark import read_spark

    found = read_spark(spark, walk.lake, table(name)).collect()
    assert len(found) == len({tuple(row) for row in found})
    return {tuple(row[column].day if column == "date" else row[column] for column in columns) for row in found}


def sold(walk: Walk, spark: SparkSession) -> set[tuple[Any, ...]]:
    return rows(walk, spark, "silver/sales", "sku_id", "date", "quantity")


def counts(walk: Walk, source: str) -> tuple[int, int, int, int]:
    log = walk.lake.read(table("ingest_log"), where={"source": source}).sort_by("load").to_pylist()
    assert all(row["read"] == row["accepted"] + row["quarantined"] + row["duplicates"] for row in log)
    last = log[-1]
    return last["read"], last["accepted"], last["quarantined"], last["duplicates"]


@pytest.mark.slow
def test_systems_that_number_differently_sell_one_product(
    data: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in FILES.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(content)
    walk = night()
    items = {"A1", "0042", "OLD", "NEW", "T1", "T2", "pos:7009"}
    assert rows(walk, spark, "silver/items", "sku_id") == {(sku,) for sku in items}
    assert counts(walk, "tills") == (3, 1, 0, 2), "the ERP's rows stand for what it has, too"
    plain = {("OLD", 1, 5.0), ("OLD", 2, 6.0), ("NEW", 2, 1.0), ("T2", 2, 1.0)}
    products = {("A1", 1, 13.0), ("0042", 1, 5.0), ("pos:7009", 1, 1.0)}
    assert sold(walk, spark) == products | plain
    assert counts(walk, "sales") == (5, 3, 2, 0)
    aside = walk.lake.read(table("quarantine"), where={"source": "sales"}).to_pylist()
    assert {row["reason"] for row in aside} == {"sku_id '9999': not in items", "sku_id 'A1': not in items"}
    assert walk.run(STAGES[:1]) == [], "what ingest decides itself is no reason to run again"

    # Decided after it was loaded: from a day on, and since ever. No file has changed.
    towel = {row["kept"]: row for row in listed(walk.lake, None).to_pylist()}
    assert "T1" not in towel, "a word more is another product, unless a person says otherwise"
    since = replace(walk.lake, "OLD", "NEW", ANN, since=dt.date(2026, 2, 2))
    replace(walk.lake, "T2", "T1", ANN, since=ALWAYS)
    real = ingest.write_spark

    def killed(lake: Any, frame: Any, into: Any, **options: Any) -> int:
        if into.name == "silver/stock":
            raise KeyboardInterrupt
        return real(lake, frame, into, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "write_spark", killed)
        with pytest.raises(KeyboardInterrupt):
            night()
    walk = night()
    moved = {("OLD", 1, 5.0), ("NEW", 2, 7.0), ("T1", 2, 1.0)}
    assert sold(walk, spark) == products | moved
    assert counts(walk, "web") == (7, 6, 1, 0), "what lies in quarantine stays there"
    (aside,) = walk.lake.read(table("quarantine"), where={"source": "web"}).to_pylist()
    assert (aside["rule"], aside["load"]) == ("unknown_sku", 1)
    stock = rows(walk, spark, "silver/stock", "sku_id", "date", "on_hand", "reserved", "backorders")
    assert stock == {("OLD", 1, 4.0, 0.0, 0.0), ("NEW", 2, 8.0, 1.0, 2.0)}, "of one product in two codes there is both"
    assert rows(walk, spark, "silver/items", "sku_id") == {(sku,) for sku in items - {"T2"}}, "OLD was one until then"
    assert counts(walk, "items") == (6, 5, 0, 1)
    listing = rows(walk, spark, "silver/assortment", "sku_id", "reorder_point", "listed_to")
    until = dt.date(2026, 2, 1)
    assert listing == {("OLD", 3.0, until), ("NEW", 5.0, None), ("T1", 7.0, None)}, "the SKU's own row stands"
    assert counts(walk, "assortment") == (4, 3, 0, 1)
    assert walk.run(STAGES[:1]) == []

    # What comes now bears it, and files that were read stay read.
    (data / "web2.csv").write_text("sku_id,location_id,date,quantity,receipt\nOLD,S1,2026-02-03,2,w7\n")
    walk = night()
    assert sold(walk, spark) == products | moved | {("NEW", 3, 2.0)}

    # Undone: master data at once, movements when all is loaded again.
    reverse(walk.lake, since, ANN)
    walk = night()
    assert ("OLD", None) in rows(walk, spark, "silver/assortment", "sku_id", "listed_to")
    assert sold(walk, spark) == products | moved | {("NEW", 3, 2.0)}
    walk = walk_of()
    walk.force = True
    walk.run(STAGES[:1])
    assert sold(walk, spark) == products | (plain - {("T2", 2, 1.0)}) | {("T1", 2, 1.0), ("OLD", 3, 2.0)}
    assert {row["method"] for row in walk.lake.read(LOG).to_pylist()} == {"gtin", "variant", "supersession", "undone"}
    assert {row["sku_id"] for row in find(walk.lake, "07002").codes.to_pylist()} == {"0042"}


def test_other_systems_need_the_registry(data: Path) -> None:
    with pytest.raises(ConfigError, match="need the registry: sales, tills, scans"):
        walk_of("ingest.registry.enabled=false")


@pytest.mark.slow
def test_codes_of_online_retail_are_one_product_however_they_are_typed(data: Path, spark: SparkSession) -> None:
    source = DATA / "online_retail" / "online_retail_2009_2010.parquet"
    if not source.is_file():
        pytest.skip(f"the data are not at {source}")
    (data / "online_retail").mkdir(parents=True)
    lines, items = data / "online_retail" / "lines.parquet", data / "items.parquet"
    one_in_ten = f"FROM '{source}' WHERE upper(trim(StockCode)) LIKE '850%' OR StockCode IN ('POST', 'DOT')"
    duckdb.execute(f"COPY (SELECT * {one_in_ten}) TO '{lines}'")
    # The item master has each code in its commonest spelling; of 85014B there are two, and they are two umbrellas.
    called = "mode(Description) FILTER (Price > 0)"  # beside a price of 0 stand notes
    spelt = f"SELECT StockCode AS sku_id, {called} AS description, count(*) AS n FROM '{lines}' GROUP BY 1"
    best = "row_number() OVER (PARTITION BY upper(trim(sku_id)) ORDER BY n DESC, sku_id) = 1"
    rest = "'X' AS category, 'X' AS department, 'EA' AS unit, 'UNKNOWN' AS vendor_id, 0 AS unit_cost, 0 AS unit_price"
    rest += ", 0 AS min_order_quantity, 1 AS order_multiple"
    chosen = f"SELECT sku_id, description, {rest} FROM ({spelt}) QUALIFY {best} OR upper(sku_id) = '85014B'"
    duckdb.execute(f"COPY ({chosen}) TO '{items}'")
    master = {row[0] for row in duckdb.execute(f"SELECT sku_id FROM '{items}'").fetchall()}
    assert {"85014b", "85014B"} <= master
    sets = [
        "spark.master=null", "ingest.contracts=online_retail", "ingest.sources.sales.expressions.sku_id=StockCode",
        "ingest.sources.items={path: none, required: false}", "ingest.sources.sales.max_quarantine_share=0.2",
        "ingest.sources.products={into: items, path: items.parquet, format: parquet}",
        "ingest.registry.services=['POST', 'DOT']",
    ]  # fmt: skip
    walk = Walk(load_config("local", overrides=sets), dt.date(2010, 12, 9))
    walk.run(STAGES[:1])
    by_key = "CASE WHEN upper(trim(StockCode)) = '85014B' THEN trim(StockCode) ELSE upper(trim(StockCode)) END"
    good = "Invoice NOT LIKE 'C%' AND StockCode NOT IN ('POST', 'DOT') AND Quantity >= 0"
    wanted = duckdb.execute(
        f"SELECT {by_key}, sum(Quantity) FROM (SELECT DISTINCT * FROM '{lines}' WHERE {good}) GROUP BY 1"
    ).fetchall()
    from scaleinv.lake.spark import read_spark

    sales = read_spark(spark, walk.lake, table("silver/sales")).groupBy("sku_id").sum("quantity").collect()
    assert {row[0] for row in sales} <= master, "no code that is not in the item master"
    found = {(row[0] if row[0].upper() == "85014B" else row[0].upper()): row[1] for row in sales}
    assert found == {code: float(units) for code, units in wanted}
    typed = duckdb.execute(f"SELECT count(DISTINCT trim(StockCode)) FROM '{lines}' WHERE {good}").fetchone()
    merged = [row for row in walk.lake.read(LOG).to_pylist() if row["method"] == "variant"]
    assert typed is not None
    assert len(merged) == typed[0] - len(wanted) > 0
    pair = [row for row in listed(walk.lake).to_pylist() if {row["kept"], row["other"]} == {"85014b", "85014B"}]
    assert [row["method"] for row in pair] == ["variant"], "contradicting descriptions are for a person"
