from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from scaleinv.config import LakeConfig
from scaleinv.errors import DataError
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
@pytest.mark.parametrize("name", ["silver/purchase_orders", "gold/panel", "gold/forecasts", "quarantine"])
def test_every_kind_of_column_makes_the_round_trip(spark: SparkSession, lake: Lake, name: str) -> None:
    from scaleinv.lake.spark import read_spark, write_spark

    contract = TABLES[name]
    rows = two_rows(contract)
    assert write_spark(lake, spark.createDataFrame(rows), contract, where={}) == 2
    order = [(column, "ascending") for column in contract.names if not pa.types.is_list(contract[column].type)]
    assert lake.read(contract).sort_by(order).equals(rows.sort_by(order))
    assert read_spark(spark, lake, contract).count() == 2


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
    }
    rows = [
        base | {"line": 1, "order_date": DAY, "received_date": DAY + dt.timedelta(days=2)},
        base | {"line": 2, "order_date": DAY + dt.timedelta(days=1), "received_date": None},
    ]
    lake.overwrite(orders, pa.Table.from_pylist(rows, schema=orders.schema), where={})
    (seen,) = read_spark(spark, lake, orders, as_of=DAY).collect()
    assert (seen["line"], seen["received_date"]) == (1, None)
    assert read_spark(spark, lake, orders, as_of=DAY + dt.timedelta(days=2)).count() == 2


def test_a_broken_contract_writes_nothing(spark: SparkSession, lake: Lake) -> None:
    from scaleinv.lake.spark import write_spark

    contract = table("silver/locations")
    good = spark.createDataFrame(two_rows(contract))
    with pytest.raises(DataError, match="missing region"):
        write_spark(lake, good.drop("region"), contract, where={})
    with pytest.raises(DataError, match="nulls"):
        write_spark(lake, good.selectExpr("location_id", "name", "CAST(NULL AS string) AS region"), contract, where={})
    with pytest.raises(DataError, match="keys occur more than once"):
        write_spark(lake, good.union(good), contract, where={})
    assert not lake.exists(contract) or lake.read(contract).num_rows == 0
