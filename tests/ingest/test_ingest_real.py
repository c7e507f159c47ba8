"""Real, dirty data by their contracts in conf/sources, counted again by DuckDB."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from tests.ingest.reading import cleansed, read

from scaleinv.config import IngestConfig, load_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession
pytestmark = [pytest.mark.spark, pytest.mark.slow]

DATA = Path(os.environ.get("SCALEINV_DATA", "../shared/data"))
NO_PRODUCT = (
    r"regexp_matches(upper(trim(StockCode)), '^(POST|DOT|C2|C3|M|D|S|B|ADJUST.*|BANK CHARGES|AMAZONFEE|PADS|CRUK|"
    r"TEST.*|GIFT.*)$')"
)


@pytest.fixture(scope="module", autouse=True)
def compiled(spark: SparkSession) -> Iterator[None]:
    """Millions of rows: compiling their queries pays here."""
    options = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
    before = {name: str(spark.conf.get(name)) for name in options}
    for name, value in options.items():
        spark.conf.set(name, value)
    yield
    for name, value in before.items():
        spark.conf.set(name, value)


def contracts(name: str, folder: str) -> IngestConfig:
    if not (DATA / folder).is_dir():
        pytest.skip(f"the data are not at {DATA / folder}")
    return load_config("local", overrides=[f"ingest.contracts={name}", f"ingest.data={DATA}"]).ingest


def ask(sql: str) -> Any:
    return duckdb.execute(sql).fetchone()


def test_online_retail_arrives_with_its_cancellations_and_fees_set_aside(spark: SparkSession) -> None:
    config = contracts("online_retail", "online_retail")
    lines = f"(FROM '{DATA}/online_retail/online_retail_2009_2010.parquet')"
    good = f"Invoice NOT LIKE 'C%' AND NOT {NO_PRODUCT} AND Quantity >= 0"
    (n, cancelled, no_product, negative, kept, distinct) = ask(
        f"SELECT count(*), count(*) FILTER (Invoice LIKE 'C%'), "
        f"count(*) FILTER (Invoice NOT LIKE 'C%' AND {NO_PRODUCT}), "
        f"count(*) FILTER (Invoice NOT LIKE 'C%' AND NOT {NO_PRODUCT} AND Quantity < 0), "
        f"count(*) FILTER ({good}), "
        f"(SELECT count(*) FROM (SELECT DISTINCT * FROM {lines} WHERE {good})) FROM {lines}"
    )
    done = cleansed(read(spark, config), config)
    sales = done["sales"]
    assert n == 525_461
    assert sales.rules == {"cancelled": cancelled, "no_product": no_product, "negative_quantity": negative}
    assert sales.counts == {
        "read": n, "accepted": distinct, "quarantined": n - kept, "duplicates": kept - distinct,
    }  # fmt: skip
    units = ask(f"SELECT sum(Quantity) FROM (SELECT DISTINCT * FROM {lines} WHERE {good})")
    assert sales.accepted.selectExpr("sum(quantity)").first()[0] == units[0]
    codes = ask(f"SELECT count(DISTINCT upper(trim(StockCode))) FROM {lines} WHERE NOT {NO_PRODUCT}")
    assert done["items"].accepted.count() == codes[0]
    whole = sales.quarantine.where("rule = 'cancelled'").selectExpr("row", "file", "position").first()
    assert '"Invoice":"C' in whole["row"]
    assert whole["file"].endswith(".parquet")
    assert whole["position"] >= 0
    for one in done.values():
        one.release()


def test_scms_keeps_what_was_ordered_from_a_vendor(spark: SparkSession) -> None:
    config = contracts("scms", "scms_usaid")
    lines = f"read_csv('{DATA}/scms_usaid/delivery_history.csv', all_varchar = true)"
    sent = 'try_cast("PO Sent to Vendor Date" AS date)'
    (n, from_stock, no_date, before, vendors) = ask(
        f"SELECT count(*), count(*) FILTER (\"PO Sent to Vendor Date\" = 'N/A - From RDC'), "
        f"count(*) FILTER (\"PO Sent to Vendor Date\" = 'Date Not Captured'), "
        f'count(*) FILTER ("Delivered to Client Date"::date < {sent}), count(DISTINCT trim(Vendor)) FROM {lines}'
    )
    done = cleansed(read(spark, config), config)
    orders = done["purchase_orders"]
    assert n == 7754
    assert vendors <= 73
    assert done["vendors"].accepted.count() == vendors
    assert orders.rules["from_stock"] == from_stock
    assert orders.rules["no_order_date"] == no_date
    assert orders.rules["received_before_ordered"] == before
    assert orders.counts["read"] == n == orders.counts["accepted"] + orders.counts["quarantined"]
    for one in done.values():
        one.release()


def test_freshretailnet_arrives_whole_with_its_hours(spark: SparkSession) -> None:
    config = contracts("freshretailnet", "freshretailnet")
    wanted = ("hourly_sales", "items", "locations", "vendors", "weather")
    config = config.model_copy(update={"sources": {name: config.sources[name] for name in wanted}})
    done = cleansed(read(spark, config), config)
    hours = done["hourly_sales"]
    assert hours.counts == {"read": 3_800_000, "accepted": 3_800_000, "quarantined": 0, "duplicates": 0}
    lines = f"'{DATA}/freshretailnet/hourly.parquet'"
    empty = ask(f"SELECT sum(list_sum(hours_stock_status)), count(DISTINCT (store_id, product_id)) FROM {lines}")
    found = hours.accepted.selectExpr(
        "sum(size(filter(is_stockout, hour -> hour)))", "count(DISTINCT sku_id, location_id)"
    ).first()
    assert tuple(found) == (empty[0], empty[1]) == (empty[0], 50_000)
    assert 0.2 < empty[0] / (24 * 3_800_000) < 0.3
    assert done["items"].accepted.count() == 865
    assert done["locations"].accepted.count() == 898
    assert done["weather"].counts == {
        "read": 3_800_000, "accepted": 898 * 76, "quarantined": 0, "duplicates": 3_800_000 - 898 * 76,
    }  # fmt: skip
    for one in done.values():
        one.release()
