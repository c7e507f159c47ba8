"""A table with a column per day is a contract, like any other source."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from tests.ingest.reading import cleansed, read

from scaleinv.config import IngestConfig
from scaleinv.config.sources import SourceConfig
from scaleinv.errors import ConfigError, DataError
from scaleinv.schema import table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from tests.ingest.conftest import Retailer
pytestmark = pytest.mark.spark

FIRST = dt.date(2026, 1, 1)
WIDE: dict[str, Any] = {
    "path": "wide.csv",
    "wide": {"columns": r"d_\d+", "name": "d", "value": "units"},
    "columns": {"sku_id": "item", "location_id": "store", "quantity": "units"},
    "expressions": {"date": "date_add('2025-12-31', int(substring(d, 3)))"},
}
LINES = """\
item,store,d_1,d_2,d_3,note
A,S1,1,,3,fine
B,S1,0,x,-2,
Z,S1,4,,,unknown
A,S1,9,9,9,one,more
"""


def test_each_cell_is_a_row_and_a_broken_line_is_one(spark: SparkSession, retailer: Retailer) -> None:
    config = retailer({"wide.csv": LINES}, sales=WIDE)
    sales = cleansed(read(spark, config), config)["sales"]
    rows = {(row["sku_id"], (row["date"] - FIRST).days): row["quantity"] for row in sales.accepted.collect()}
    assert rows == {("A", 0): 1.0, ("A", 2): 3.0, ("B", 0): 0.0}
    assert sales.rules == {"malformed": 1, "negative_quantity": 1, "unknown_sku": 1, "unparseable": 1}
    assert sales.counts == {"read": 7, "accepted": 3, "quarantined": 4, "duplicates": 0}
    aside = {row["rule"]: json.loads(row["row"]) for row in sales.quarantine.collect()}
    assert aside["unparseable"] == {"item": "B", "store": "S1", "note": None, "d": "d_2", "units": "x"}
    assert "one,more" in aside["malformed"]["_corrupt_record"]
    sales.release()


def test_lines_of_json_and_messages_may_be_wide(spark: SparkSession, retailer: Retailer) -> None:
    from scaleinv.ingest import read_messages

    lines = ['{"item": "A", "store": "S1", "d_1": 1, "d_2": null, "d_3": "3"}', "no json"]
    config = retailer({"wide.jsonl": "\n".join(lines)}, sales=WIDE | {"path": "wide.jsonl", "format": "json"})
    of_messages = WIDE | {"path": "", "format": "kafka", "kafka": {"bootstrap_servers": "x:1", "topics": ["t"]}}
    contract = SourceConfig.model_validate(of_messages)
    messages = spark.createDataFrame(
        [("t", 0, n, line) for n, line in enumerate(lines)], "topic string, partition int, offset long, value string"
    )
    for raw in (read(spark, config)["sales"], read_messages("sales", contract, table("silver/sales"), messages)):
        assert raw is not None
        rows = raw.select("sku_id", "date", "quantity", "_corrupt_record").collect()
        assert {tuple(row) for row in rows} == {
            ("A", FIRST, "1", None), ("A", FIRST + dt.timedelta(days=2), "3", None), (None, FIRST, None, "no json"),
        }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"columns": r"day\d+"}, DataError, "no column is one of its wide table's"),
        ({"name": "note"}, ConfigError, "names that others have"),
    ],
)
def test_a_contract_that_does_not_fit_is_refused(
    spark: SparkSession, retailer: Retailer, change: dict[str, str], error: type[Exception], message: str
) -> None:
    config = retailer({"wide.csv": LINES}, sales=WIDE | {"wide": WIDE["wide"] | change})
    with pytest.raises(error, match=message):
        read(spark, config)


def test_a_pattern_must_be_one(retailer: Retailer) -> None:
    with pytest.raises(ValueError, match="no regular expression"):
        retailer(sales=WIDE | {"wide": WIDE["wide"] | {"columns": "d_("}})


@pytest.mark.slow
def test_m5_as_published_is_read_by_a_contract(spark: SparkSession, tmp_path: Path) -> None:
    """All days of a department of one store: two million cells of 1,941 columns."""
    from pyspark.sql import functions as F

    file = Path(os.environ["SCALEINV_DATA"]) / "m5" / "sales_full_history_subset.parquet"
    if not file.exists():
        pytest.skip(f"M5 is not at {file}")
    contract = WIDE | {
        "path": "m5.parquet", "format": "parquet",
        "columns": {"sku_id": "item_id", "location_id": "store_id", "quantity": "units"},
        "expressions": {"date": "date_add('2011-01-28', int(substring(d, 3)))"},
    }  # fmt: skip
    duckdb.execute(f"COPY (FROM '{file}' WHERE store_id = 'TX_3') TO '{tmp_path}/m5.parquet'")
    config = IngestConfig.model_validate({"data": str(tmp_path), "sources": {"sales": contract}})
    found = read(spark, config)["sales"].agg(
        F.count("*"), F.sum("quantity"), F.min("date"), F.max("date"), F.countDistinct("sku_id")
    )
    cells = f"(UNPIVOT (FROM '{tmp_path}/m5.parquet') ON COLUMNS('d_[0-9]+') INTO NAME d VALUE units)"
    expected = duckdb.execute(f"SELECT count(*), sum(units), count(DISTINCT item_id) FROM {cells}").fetchone()
    assert expected is not None
    row = found.first()
    assert row is not None
    assert (row[0], row[1], row[4]) == expected
    assert (row[2], row[3]) == (dt.date(2011, 1, 29), dt.date(2016, 5, 22))
