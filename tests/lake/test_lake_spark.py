from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from scaleinv.config import LakeConfig
from scaleinv.errors import DataError, EngineError, LakeError
from scaleinv.lake import Lake
from scaleinv.schema import TABLES, Table, table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
DAY = dt.date(2026, 1, 5)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(LakeConfig(root=str(tmp_path / "lake")))


def value(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return [1.5, 2.5]
    if pa.types.is_date(kind):
        return DAY
    if pa.types.is_boolean(kind):
        return True
    if pa.types.is_string(kind):
        return "a b/ü"
    return 3 if pa.types.is_integer(kind) else 0.25


def two_rows(contract: Table) -> pa.Table:
    full = {column.name: value(column.type) for column in contract.columns}
    bare = full | {column.name: None for column in contract.columns if column.nullable}
    if contract.key:
        text = next(n for n in contract.key if pa.types.is_string(contract[n].type))
        bare[text] = "other"
    return pa.Table.from_pylist([full, bare], schema=contract.schema)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["silver/purchase_orders", "gold/panel", "gold/lead_times", "quarantine"])
def test_every_kind_of_column_makes_the_round_trip(spark: SparkSession, lake: Lake, name: str) -> None:
    from scaleinv.lake.spark import read_spark, write_spark

    contract = TABLES[name]
    rows = two_rows(contract)
    assert write_spark(lake, spark.createDataFrame(rows), contract, where={}) == 2
    order = [(column, "ascending") for column in contract.names if not pa.types.is_list(contract[column].type)]
    assert lake.read(contract).sort_by(order).equals(rows.sort_by(order))
    assert read_spark(spark, lake, contract).count() == 2


def test_spark_does_not_write_what_plain_workers_do(spark: SparkSession, lake: Lake) -> None:
    from scaleinv.lake.spark import write_spark

    contract = table("gold/forecasts")
    with pytest.raises(LakeError, match=r"not written by Spark[\s\S]*delta-rs, in the stage forecast"):
        write_spark(lake, spark.createDataFrame(two_rows(contract)), contract, where={})
    assert not lake.exists(contract)


def test_files_found_by_name_are_those_that_delta_finds(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few files are opened as the log names them, many are left to Delta; rows that were replaced are in neither."""
    from scaleinv.lake.spark import read_loads, write_spark

    contract = table("gold/series")
    after = DAY + dt.timedelta(days=1)

    def night(group: str, day: dt.date) -> pa.Table:
        cells = {"group_id": group, "as_of": day}
        return pa.Table.from_pylist([row | cells for row in two_rows(contract).to_pylist()], schema=contract.schema)

    lake.create(contract)
    assert lake.few_files(contract) == []
    assert read_loads(spark, lake, contract).toArrow().num_rows == 0
    for group, day in (("FOODS-01", DAY), ("FOODS-01", after), ("HOBBIES-00", after)):
        write_spark(lake, spark.createDataFrame(night(group, day)), contract, where={"as_of": day})
    assert len(lake.few_files(contract) or []) == 2
    few = read_loads(spark, lake, contract)
    monkeypatch.setattr("scaleinv.lake.tables._FEW_FILES", 1)
    assert lake.few_files(contract) is None
    many = read_loads(spark, lake, contract)
    assert [(f.name, f.dataType) for f in few.schema] == [(f.name, f.dataType) for f in many.schema]
    order = [("as_of", "ascending"), ("unique_id", "ascending")]
    rows = pa.concat_tables([night("FOODS-01", DAY), night("HOBBIES-00", after)]).sort_by(order)
    for frame in (few, many):
        assert frame.toArrow().cast(contract.schema).sort_by(order).equals(rows)


def test_a_partition_keeps_its_type_whatever_it_looks_like(spark: SparkSession, lake: Lake) -> None:
    from scaleinv.lake.spark import read_loads

    contract = table("quarantine")
    first, second = two_rows(contract).to_pylist()
    rows = [first | {"source": "007", "load": 3}, second | {"source": "1e5", "load": 12}]
    lake.overwrite(contract, pa.Table.from_pylist(rows, schema=contract.schema), where={})
    assert len(lake.few_files(contract) or []) == 2
    found = read_loads(spark, lake, contract).toArrow().cast(contract.schema).sort_by("source").to_pylist()
    assert found == rows


def test_a_partition_that_is_spelt_anew_in_a_path_is_left_to_delta(spark: SparkSession, lake: Lake) -> None:
    from scaleinv.lake.spark import read_loads, write_spark

    contract = table("gold/series")
    write_spark(lake, spark.createDataFrame(two_rows(contract)), contract, where={})
    assert lake.few_files(contract) is None
    assert {row["group_id"] for row in read_loads(spark, lake, contract).collect()} == {"a b/ü"}


def test_the_as_of_door_hides_later_rows_and_later_receipts(spark: SparkSession, lake: Lake) -> None:
    from scaleinv.lake.spark import read_spark

    orders = table("silver/purchase_orders")
    base = {
        "order_id": "o",
        "vendor_id": "v",
        "sku_id": "s",
        "location_id": "l",
        "promised_date": None,
        "quantity": 1.0,
        "source": "orders",
        "load": 0,
    }
    rows = [
        base | {"line": 1, "known_on": DAY, "order_date": DAY, "received_date": DAY + dt.timedelta(days=2)},
        base
        | {
            "line": 2,
            "known_on": DAY + dt.timedelta(days=1),
            "order_date": DAY + dt.timedelta(days=1),
            "received_date": None,
        },
    ]
    lake.overwrite(orders, pa.Table.from_pylist(rows, schema=orders.schema), where={})
    (seen,) = read_spark(spark, lake, orders, as_of=DAY).collect()
    assert (seen["line"], seen["received_date"]) == (1, None)
    assert read_spark(spark, lake, orders, as_of=DAY + dt.timedelta(days=2)).count() == 2


def test_a_write_has_a_transaction_and_one_that_went_through_is_not_repeated(spark: SparkSession, lake: Lake) -> None:
    from scaleinv.lake.spark import write_spark

    contract = table("gold/lead_times")
    rows = spark.createDataFrame(two_rows(contract))
    for done in range(2):
        app, version = lake.next_transaction(contract, {"as_of": DAY})
        assert (app, version) == ("scaleinv/gold/lead_times/as_of=2026-01-05", done)
        assert write_spark(lake, rows, contract, where={"as_of": DAY}) == 2
    before = lake.version(contract)
    again = rows.write.format("delta").mode("overwrite").option("replaceWhere", "as_of = DATE'2026-01-05'")
    again.option("txnAppId", app).option("txnVersion", version).save(lake.uri(contract))
    assert lake.version(contract) == before


def test_rows_without_a_key_are_spread(spark: SparkSession) -> None:
    from scaleinv.lake.spark_tables import _laid_out

    contract = table("quarantine")
    bad = spark.range(200).selectExpr(
        "'sales' AS source",
        "0 AS load",
        "'r' AS rule",
        "'why' AS reason",
        "'f' AS file",
        "id AS position",
        "CAST(id AS string) AS row",
        "CAST(null AS string) AS types",
    )
    spark.conf.set("spark.sql.adaptive.coalescePartitions.enabled", "false")
    try:
        tasks = _laid_out(bad, contract, ["source"]).selectExpr("spark_partition_id() AS task").distinct().count()
    finally:
        spark.conf.unset("spark.sql.adaptive.coalescePartitions.enabled")
    assert tasks == int(spark.conf.get("spark.sql.shuffle.partitions") or 0) > 1  # a walk in this session sets its own


def test_a_broken_contract_writes_nothing(spark: SparkSession, lake: Lake) -> None:
    from pyspark.sql import functions as F

    from scaleinv.lake.spark import write_spark

    contract = table("silver/locations")
    good = spark.createDataFrame(two_rows(contract))
    with pytest.raises(DataError, match="missing region"):
        write_spark(lake, good.drop("region"), contract, where={})
    with pytest.raises(DataError, match="nulls"):
        write_spark(lake, good.withColumn("region", F.lit(None).cast("string")), contract, where={})
    with pytest.raises(DataError, match="keys occur more than once"):
        write_spark(lake, good.union(good), contract, where={})
    full = F.raise_error(F.lit("java.lang.OutOfMemoryError: Java heap space")).cast("string")
    with pytest.raises(EngineError, match=r"too little memory[\s\S]*Java heap space[\s\S]*spark.driver_memory"):
        write_spark(lake, good.withColumn("region", full), contract, where={})
    vendors = table("silver/vendors")
    cut_off = spark.createDataFrame(two_rows(vendors)).withColumn("review_period", F.lit(2.7))
    with pytest.raises(DataError, match="review_period is double, not int"):
        write_spark(lake, cut_off, vendors, where={})
    assert not lake.exists(contract) or lake.read(contract).num_rows == 0


def test_a_series_in_two_groups_is_refused(spark: SparkSession, lake: Lake) -> None:
    from scaleinv.lake.spark import write_spark

    contract = table("gold/stock_position")
    good = spark.createDataFrame(two_rows(contract))
    assert write_spark(lake, good, contract, where={"as_of": DAY}) == 2
    moved = good.selectExpr("* EXCEPT (group_id)", "'elsewhere' AS group_id").select(*contract.names)
    for where in ({"as_of": DAY}, {}):
        with pytest.raises(DataError, match="keys occur more than once"):
            write_spark(lake, good.union(moved), contract, where=where)
    assert lake.read(contract).num_rows == 2


@pytest.mark.slow
def test_a_stopped_session_takes_its_java_along_and_another_can_start(tmp_path: Path) -> None:
    code = f"""
from pyspark import SparkContext
from scaleinv.config import LakeConfig, SparkConfig
from scaleinv.lake.spark import spark_session, stop_session
for start in range(2):
    spark = spark_session(SparkConfig(driver_memory="1g"), LakeConfig(root={str(tmp_path)!r}), app="twice")
    java = SparkContext._gateway.proc
    assert java.poll() is None
    spark.range(5).write.format("delta").mode("append").save({str(tmp_path / "t")!r})
    print("rows", spark.read.format("delta").load({str(tmp_path / "t")!r}).count())
    stop_session(spark)
    assert java.poll() is not None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["rows", "5", "rows", "10"]
