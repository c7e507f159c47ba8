"""Sources are read as they are, and refused with a message that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.ingest.reading import read

from scaleinv.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from tests.ingest.conftest import Retailer
pytestmark = pytest.mark.spark


def test_a_raw_frame_holds_our_columns_as_text_and_the_row_as_received(spark: SparkSession, retailer: Retailer) -> None:
    rows = read(spark, retailer())["sales"].orderBy("_received.receipt").collect()
    assert [(r.sku_id, r.location_id, r.date, r.quantity) for r in rows][-1] == ("B", "S1", "01.02.2026", "1,5")
    assert rows[0]["_received"].asDict() == {
        "sku": "A", "shop": "S1", "day": "31.01.2026", "units": "2", "receipt": "r1",
    }  # fmt: skip
    assert rows[0]["_file"].endswith("/sales.csv")


def test_files_whose_columns_stand_in_another_order_are_read_by_name(spark: SparkSession, retailer: Retailer) -> None:
    config = retailer({"sales2.csv": "units;day;shop;sku;receipt\n9;02.02.2026;S1;A;r9\n"})
    row = read(spark, config)["sales"].where("quantity = '9'").first()
    assert (row.sku_id, row.location_id, row.date) == ("A", "S1", "02.02.2026")
    assert row["_received"].receipt == "r9"


def test_constants_expressions_and_texts_for_nothing(spark: SparkSession, retailer: Retailer) -> None:
    stock = {
        "path": "stock.csv",
        "constants": {"reserved": "0", "backorders": "0"},
        "expressions": {"sku_id": "upper(trim(article))", "location_id": "concat('S', shop)"},
    }
    config = retailer(
        {"stock.csv": "article,shop,date,on_hand\n a,1,2026-01-31,4\n"},
        stock=stock,
        prices={"path": "prices/*.csv", "required": False},
    )
    raw = read(spark, config)
    row = raw["stock"].first()
    assert (row.sku_id, row.location_id, row.reserved) == ("A", "S1", "0")
    assert row["_received"].article == " a", "the row stays as received"
    assert "prices" not in raw


def test_a_wrong_column_names_the_nearest_spelling(spark: SparkSession, retailer: Retailer) -> None:
    with pytest.raises(DataError, match="source locations: columns are missing") as caught:
        read(spark, retailer({"locations.csv": "Location_Id,regoin\nS1,N\n"}))
    assert "which:    location_id (nearest: Location_Id), region (nearest: regoin)" in str(caught.value)
    assert "found:    Location_Id, regoin" in str(caught.value)


def test_a_slip_in_a_column_that_may_be_absent_is_named(spark: SparkSession, retailer: Retailer) -> None:
    files = {"listed.csv": "sku_id,location_id,listed_From,listd_to\nA,S1,2026-01-01,2026-02-01\n"}
    with pytest.raises(DataError, match="source assortment: columns are missing") as caught:
        read(spark, retailer(files, assortment={"path": "listed.csv"}))
    assert "which:    listed_from (nearest: listed_From), listed_to (nearest: listd_to)" in str(caught.value)
    absent = {"path": "listed.csv", "constants": {"listed_from": "", "listed_to": ""}}
    row = read(spark, retailer(files, assortment=absent))["assortment"].first()
    assert (row.listed_to, row.reorder_point) == ("", None), "nothing looks like reorder_point: it is not there"


def test_an_old_parquet_file_hides_no_column_of_a_new_one(
    spark: SparkSession, retailer: Retailer, tmp_path: Path
) -> None:
    old = pa.table({"location_id": ["S1"], "region": ["N"]})
    pq.write_table(old, tmp_path / "shops-1.parquet")
    pq.write_table(old.append_column("name", pa.array(["Main Street"])), tmp_path / "shops-2.parquet")
    raw = read(spark, retailer(locations={"path": "shops-*.parquet", "format": "parquet"}))
    assert {row.name for row in raw["locations"].collect()} == {None, "Main Street"}


def test_a_source_without_rows_gives_no_frame(spark: SparkSession, retailer: Retailer) -> None:
    assert "locations" not in read(spark, retailer({"locations.csv": "location_id,region\n"}))
    assert "locations" not in read(spark, retailer({"locations.csv": ""}))
    assert "locations" not in read(spark, retailer(locations={"path": "nowhere/*.x"}))


def test_a_header_may_name_a_column_twice_only_where_nobody_reads_it(spark: SparkSession, retailer: Retailer) -> None:
    row = read(spark, retailer({"locations.csv": "location_id,note,note,,region\nS1,a,b,,N\n"}))["locations"].first()
    assert row["_received"].asDict() == {
        "location_id": "S1", "note": "a", "note_3": "b", "unnamed_4": None, "region": "N",
    }  # fmt: skip
    twice = {"path": "locations.csv", "columns": {"region": "region"}}
    with pytest.raises(DataError, match="names a column twice"):
        read(spark, retailer({"locations.csv": "location_id,region,region\nS1,a,b\n"}, locations=twice))


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"locations": {"path": "x", "columns": {"regionn": "r"}}}, "does not have"),
        ({"locations": {"path": "x", "columns": {"region": "r"}, "constants": {"region": "N"}}}, "says twice"),
        ({"locations": {"path": "locations.csv", "expressions": {"region": "regoin"}}}, "cannot be read"),
        ({"locations": {"path": "locations.csv", "rules": {"r": {"where": "1 +", "reason": "x"}}}}, "cannot be read"),
    ],
)
def test_a_configuration_that_names_what_is_not_there(
    spark: SparkSession, retailer: Retailer, sources: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read(spark, retailer(**sources))
