"""Vendors are judged by the ERP's list and by own orders that it does not hold, by each order once."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pytest
from tests.orderbook.nights import NIGHT, exported, key, night, registered
from tests.pipeline.test_pipeline_groups import rows

from scaleinv.config import FeaturesConfig, load_config
from scaleinv.orderbook import apply
from scaleinv.pipeline.register import order_book
from scaleinv.pipeline.vendors import record_of
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.life import Answer, AnswerLine

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark
AS_OF = night(60)
PLACES = ("L1", "L2", "L3")
ORDERS = table("silver/purchase_orders")


def frame(spark: SparkSession, *lines: dict[str, Any]) -> DataFrame:
    names = [column.name for column in ORDERS.received]
    return spark.createDataFrame(rows(ORDERS, *lines).select(names))


@pytest.fixture
def walk(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Three orders of V1, of ten pieces each, asked for in three days and received after four."""
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    config = load_config("test", overrides=["retailer=r"])
    with order_book(config) as book:
        registered(book, 0, *({"place": place, "lines": {"s1": 10}} for place in PLACES))
        exported(book)
        receipt = AnswerLine("received", line=1, quantity=Decimal(10), date=night(4))
        apply(book, [Answer(place, "received", key(0, place=place), lines=(receipt,)) for place in PLACES])
        apply(book, [Answer("t", "taken", key(0, place="L2"), erp_number="4500000001")])
    return cast(Walk, SimpleNamespace(config=config, as_of=AS_OF, spark=lambda: spark))


def test_an_order_that_the_list_names_is_the_lists(spark: SparkSession, walk: Walk) -> None:
    line = {"line": 1, "vendor_id": "V1", "sku_id": "s1", "order_date": NIGHT, "received_date": night(5)}
    listed = frame(spark, line | {"order_id": key(0)}, line | {"order_id": "4500000001"}, line | {"order_id": "O1"})
    found = record_of(walk, listed)
    assert found is not None
    assert found.columns == [*listed.columns, "is_refused"]
    made = {(row["order_id"], row["received_date"]) for row in found.toArrow().to_pylist()}
    assert made == {
        (key(0), night(5)), ("4500000001", night(5)), ("O1", night(5)), (key(0, place="L3"), night(4)),
    }  # fmt: skip


def test_own_receipts_alone_make_lead_times_and_a_scorecard(spark: SparkSession, walk: Walk) -> None:
    from scaleinv.features.lead_times import lead_times
    from scaleinv.features.vendor_months import vendor_months

    listed = frame(spark)
    found = record_of(walk, listed)
    assert found is not None
    quoted = spark.createDataFrame([("V1", 9, 1.0)], "vendor_id string, lead_time int, weight double")
    facts = spark.createDataFrame([("V1",)], "vendor_id string")
    config = FeaturesConfig(max_lead_time=10, min_receipts=3)
    silver = {"purchase_orders": found, "lead_times": quoted}
    (row,) = lead_times(facts, silver, as_of=AS_OF, config=config).toArrow().to_pylist()
    assert (row["probability"][4], row["n_receipts"]) == (1.0, 3)
    items = spark.createDataFrame([("s1", 0.3)], "sku_id string, unit_cost double")
    (month,) = vendor_months(found, items, as_of=AS_OF).toArrow().to_pylist()
    said = {name: month[name] for name in ("month", "n_lines", "n_received", "n_on_time", "received", "days")}
    assert said == {
        "month": dt.date(2026, 2, 1), "n_lines": 3, "n_received": 3, "n_on_time": 0, "received": 30.0, "days": 12.0,
    }  # fmt: skip


def test_a_line_that_the_vendor_refused_came_short_and_is_not_under_way(spark: SparkSession, walk: Walk) -> None:
    from scaleinv.features.order_history import latest_orders
    from scaleinv.features.vendor_months import vendor_months

    with order_book(walk.config) as book:
        registered(book, 1, {"lines": {"s1": 10}})
        exported(book, 1)
        apply(book, [Answer("no", "rejected", key(1))])
    found = record_of(walk, frame(spark))
    assert found is not None
    items = spark.createDataFrame([("s1", 0.3)], "sku_id string, unit_cost double")
    (month,) = vendor_months(found, items, as_of=AS_OF).toArrow().to_pylist()
    said = {name: month[name] for name in ("n_lines", "n_received", "n_promised", "n_counted", "ordered", "received")}
    assert said == {
        "n_lines": 4, "n_received": 3, "n_promised": 4, "n_counted": 4, "ordered": 40.0, "received": 30.0,
    }  # fmt: skip
    known = latest_orders(found, as_of=AS_OF, history_days=365, most=100).toArrow()
    assert known["received_date"].to_pylist() == [night(4)] * 3


def test_without_own_orders_the_list_is_all_there_is(walk: Walk) -> None:
    later = cast(Walk, SimpleNamespace(config=walk.config, as_of=night(-1), spark=walk.spark))
    assert record_of(later, cast("DataFrame", pa.table({}))) is None
