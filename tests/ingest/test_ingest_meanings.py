"""What decided codes mean as far as the item master has it; hours of two codes as hours of one SKU."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from scaleinv.ingest.registry import By, merge, split, supersede
from scaleinv.ingest.registry.decisions import LOG
from scaleinv.ingest.registry.silver import item_meanings, meanings, together
from scaleinv.schema import table
from scaleinv.schema.registry import ALWAYS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ANN = By("ann", dt.date(2026, 1, 31))
MARCH, MAY = dt.date(2026, 3, 1), dt.date(2026, 5, 1)


@pytest.fixture(scope="module")
def log() -> pa.Table:
    """``a`` was always ``b``; ``old`` is ``new`` from March on; ``c`` was ``d`` until it was split off in May."""
    rows = LOG.schema.empty_table()
    rows = pa.concat_tables([rows, merge(rows, "b", "a", ANN)])
    rows = pa.concat_tables([rows, supersede(rows, "old", "new", ANN, since=MARCH)])
    rows = pa.concat_tables([rows, merge(rows, "d", "c", ANN)])
    return pa.concat_tables([rows, split(rows, "c", ANN, since=MAY)])


def said(found: pa.Table) -> dict[tuple[str, dt.date], str | None]:
    return {(row["own_id"], row["valid_from"]): row["sku_id"] for row in found.to_pylist()}


@pytest.mark.parametrize(
    ("master", "day", "expected"),
    [
        (["a", "b", "old", "new", "c", "d"], MAY, {"a": ["b"], "old": ["old", "new"], "c": ["d", "c"]}),
        (["b", "new", "d"], MAY, {"a": ["b"], "old": ["new", "new"], "c": ["d", None]}),
        (["a", "old", "c"], MARCH, {"a": ["a"], "old": ["old", "old"], "c": ["c", "c"]}),
        ([], MAY, {"a": [None], "old": [None, None], "c": [None, None]}),
    ],
    ids=["all there", "the old ones are gone", "the new ones are not there yet", "nothing"],
)
def test_what_the_item_master_lacks_counts_as_what_it_has(
    log: pa.Table, master: list[str], day: dt.date, expected: dict[str, list[str | None]]
) -> None:
    found = said(meanings(log, pa.chunked_array([master], pa.string()), day=day))
    starts = {"a": [ALWAYS], "old": [ALWAYS, MARCH], "c": [ALWAYS, MAY]}
    wanted = {(sku, at): one for sku in expected for at, one in zip(starts[sku], expected[sku], strict=True)}
    assert {key: one for key, one in found.items() if key in wanted} == wanted


def test_an_item_that_was_ever_itself_keeps_its_row(log: pa.Table) -> None:
    assert said(item_meanings(log)) == {("a", ALWAYS): "b"}


@pytest.mark.spark
def test_hours_of_two_codes_are_added_and_the_shelf_is_empty_if_both_are(spark: SparkSession) -> None:
    hours = [0.5] * 23
    rows = pa.table(
        {
            "sku_id": ["b", "b"], "location_id": ["S1", "S1"], "date": [MAY, MAY],
            "sales": pa.array([[1.0, *hours], [2.0, *hours]], pa.list_(pa.float32())),
            "is_stockout": [[True] * 24, [True, *[False] * 23]], "_code": ["a", "b"],
        }
    )  # fmt: skip
    (row,) = together(spark.createDataFrame(rows), table("silver/hourly_sales"), system="own").collect()
    assert row["sales"] == [3.0, *[1.0] * 23]
    assert row["is_stockout"] == [True, *[False] * 23]
