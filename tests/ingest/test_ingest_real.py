"""Real, dirty data through the stage into a lake, by their contracts in conf/sources; counted again by DuckDB."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from deltalake import DeltaTable

from scaleinv.config import load_config
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk

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


def loaded(home: Path, env: str, folder: str, as_of: dt.date, *overrides: str) -> Walk:
    """The data of ``folder``, ingested as a user does it: drift and the registry are on, unless the test says no."""
    if not (DATA / folder).is_dir():
        pytest.skip(f"the data are not at {DATA / folder}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALEINV_DATA", str(DATA))
        patch.setenv("SCALEINV_HOME", str(home))
        walk = Walk(load_config(env, overrides=["spark.master=null", *overrides]), as_of)
    walk.run(STAGES[:1])
    return walk


def lake_of(walk: Walk) -> duckdb.DuckDBPyConnection:
    """What the lake holds, for SQL: ``silver/sales`` is ``silver_sales``."""
    connection = duckdb.connect()
    for name in ("ingest_log", "quarantine", *[f"silver/{name}" for name in SILVER]):
        frame = DeltaTable(f"{walk.config.lake.root}/{name}").to_pyarrow_dataset()
        connection.register(name.replace("/", "_"), frame)
    return connection


SILVER = (
    "sales", "hourly_sales", "stock", "purchase_orders", "items", "locations", "vendors", "assortment", "prices",
    "calendar", "weather", "sku_codes", "sku_registry",
)  # fmt: skip


def ask(lake: duckdb.DuckDBPyConnection, sql: str) -> Any:
    return lake.execute(sql).fetchone()


def differing(lake: duckdb.DuckDBPyConnection, ours: str, theirs: str) -> int:
    """Rows of either that the other has not, or not as often."""
    (n,) = ask(
        lake,
        f"SELECT count(*) FROM ((({ours}) EXCEPT ALL ({theirs})) UNION ALL (({theirs}) EXCEPT ALL ({ours})))",
    )
    return int(n)


def logged(lake: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, ...]]:
    """Source -> read, accepted, quarantined, duplicates of its only load."""
    rows = lake.execute('FROM ingest_log SELECT source, "load", read, accepted, quarantined, duplicates').fetchall()
    assert all(load == 0 for _, load, *_ in rows)
    found = {source: tuple(counts) for source, _, *counts in rows}
    assert len(found) == len(rows)
    aside = dict(lake.execute("FROM quarantine SELECT source, count(*) GROUP BY ALL").fetchall())
    for source, (n, accepted, quarantined, duplicates) in found.items():
        assert n == accepted + quarantined + duplicates
        assert aside.get(source, 0) == quarantined
    return found


def test_online_retail_arrives_with_its_cancellations_and_fees_set_aside(spark: SparkSession, tmp_path: Path) -> None:
    walk = loaded(tmp_path, "local", "online_retail", dt.date(2010, 12, 9), "ingest.contracts=online_retail")
    assert walk.config.ingest.drift.enabled
    assert walk.config.ingest.registry.enabled
    check_online_retail(lake_of(walk))


def check_online_retail(lake: duckdb.DuckDBPyConnection) -> None:
    file = f"read_parquet('{DATA}/online_retail/online_retail_2009_2010.parquet', file_row_number = true)"
    lake.execute(
        f"CREATE TEMP TABLE lines AS SELECT *, upper(trim(StockCode)) AS sku, CASE WHEN Invoice LIKE 'C%' THEN "
        f"'cancelled' WHEN {NO_PRODUCT} THEN 'no_product' WHEN Quantity < 0 THEN 'negative_quantity' END AS rule "
        f"FROM {file}"
    )
    counts = "count(*), count(DISTINCT Invoice), count(DISTINCT StockCode), count(*) FILTER (Quantity < 0)"
    n, invoices, codes, negative = ask(lake, f"SELECT {counts} FROM lines")
    assert (n, invoices, codes, round(100 * negative / n, 1)) == (525_461, 28_816, 4_632, 2.3)

    # Every line of the file is in quarantine at its position, or one of those that silver adds up.
    aside = "SELECT position, rule FROM quarantine WHERE source = 'sales'"
    wanted = "SELECT file_row_number, rule FROM lines WHERE rule IS NOT NULL"
    assert differing(lake, aside, wanted) == 0
    seen = "CAST(row AS JSON)"
    refused = ask(
        lake,
        f"SELECT count(*), count(DISTINCT position), count(DISTINCT {seen}->>'Invoice'), "
        f"count(*) FILTER (CAST({seen}->>'Quantity' AS bigint) < 0) FROM quarantine WHERE source = 'sales'",
    )
    assert refused == ask(
        lake,
        "SELECT count(*), count(*), count(DISTINCT Invoice), count(*) FILTER (Quantity < 0) FROM lines "
        "WHERE rule IS NOT NULL",
    )
    assert refused[3] == negative, "no line below zero is demand"
    lake.execute("CREATE TEMP TABLE good AS SELECT DISTINCT * EXCLUDE (file_row_number) FROM lines WHERE rule IS NULL")
    (kept,), (distinct,) = (
        ask(lake, "FROM lines SELECT count(*) WHERE rule IS NULL"),
        ask(lake, "FROM good SELECT count(*)"),
    )
    done = logged(lake)
    assert done["sales"] == (n, distinct, n - kept, kept - distinct)
    ours = "SELECT CASE location_id WHEN 'WEB' THEN sku_id END, date, quantity FROM silver_sales"
    theirs = "SELECT sku, CAST(InvoiceDate AS date), CAST(sum(Quantity) AS double) FROM good GROUP BY ALL"
    assert differing(lake, ours, theirs) == 0
    # Of 4,632 spellings some differ in case only; the rest are the products, each under its own code, and the fees.
    spelt = f"FROM lines SELECT count(DISTINCT sku) FILTER (NOT {NO_PRODUCT}), count(DISTINCT sku)"
    products, spellings = ask(lake, spelt)
    assert codes > spellings > products
    for name, key in (("items", "sku_id"), ("sku_codes", "own_id"), ("sku_registry", "sku_id")):
        assert ask(lake, f"SELECT count(*), count(DISTINCT {key}) FROM silver_{name}") == (products, products), name
    assert done["items"][:2] == (n, products)
    assert (ask(lake, "FROM silver_vendors SELECT count(*)"), done["vendors"]) == ((1,), (n, 1, 0, n - 1))


def test_scms_keeps_what_was_ordered_from_a_vendor(spark: SparkSession, tmp_path: Path) -> None:
    walk = loaded(tmp_path, "local", "scms_usaid", dt.date(2015, 12, 31), "ingest.contracts=scms")
    check_scms(lake_of(walk))


def check_scms(lake: duckdb.DuckDBPyConnection) -> None:
    file = f"read_csv('{DATA}/scms_usaid/delivery_history.csv', all_varchar = true)"
    sent, came = 'try_cast("PO Sent to Vendor Date" AS date)', 'try_cast("Delivered to Client Date" AS date)'
    lake.execute(
        f"CREATE TEMP TABLE lines AS SELECT *, CASE "
        f"WHEN \"PO Sent to Vendor Date\" = 'N/A - From RDC' THEN 'from_stock' "
        f"WHEN \"PO Sent to Vendor Date\" = 'Date Not Captured' THEN 'no_order_date' "
        f"WHEN {came} < {sent} THEN 'received_before_ordered' END AS rule FROM {file}"
    )
    n, vendors = ask(lake, "SELECT count(*), count(DISTINCT trim(Vendor)) FROM lines")
    assert n == 7_754
    assert vendors <= 73
    done = logged(lake)
    rules = Counter(dict(lake.execute("FROM lines SELECT rule, count(*) WHERE rule IS NOT NULL GROUP BY 1").fetchall()))
    aside = dict(lake.execute("FROM quarantine SELECT rule, count(*) GROUP BY 1").fetchall())
    assert aside == rules
    assert min(rules.values()) > 0
    assert len(rules) == 3
    assert done["purchase_orders"] == (n, n - rules.total(), rules.total(), 0)
    ours = (
        "SELECT order_id, line, vendor_id, sku_id, location_id, order_date, promised_date, received_date, quantity "
        "FROM silver_purchase_orders"
    )
    theirs = (
        f'SELECT trim("PO / SO #"), CAST(ID AS int), trim(Vendor), trim("Item Description"), trim(Country), {sent}, '
        f'try_cast("Scheduled Delivery Date" AS date), {came}, CAST("Line Item Quantity" AS double) '
        "FROM lines WHERE rule IS NULL"
    )
    assert differing(lake, ours, theirs) == 0
    numbers = "SELECT CAST(CAST(row AS JSON)->>'ID' AS int), rule FROM quarantine"
    given = "SELECT CAST(ID AS int), rule FROM lines WHERE rule IS NOT NULL"
    assert differing(lake, numbers, given) == 0
    for name, key, column in (
        ("vendors", "vendor_id", "Vendor"),
        ("locations", "location_id", "Country"),
        ("items", "sku_id", '"Item Description"'),
    ):
        ((k,), found) = (
            ask(lake, f"SELECT count(DISTINCT trim({column})) FROM lines"),
            ask(lake, f"SELECT count(*), count(DISTINCT {key}) FROM silver_{name}"),
        )
        assert found == (k, k), name
        assert done[name] == (n, k, 0, n - k)
    assert ask(lake, "FROM silver_sales SELECT count(*)") == (0,)


@pytest.mark.timeout(2400)
def test_freshretailnet_arrives_whole_with_its_hours(spark: SparkSession, tmp_path: Path) -> None:
    # One file many times over: of a first load drift has nothing to say, and it looks at every column each time.
    walk = loaded(
        tmp_path, "local", "freshretailnet", dt.date(2024, 6, 11), "ingest.contracts=freshretailnet",
        "ingest.drift.enabled=false", "ingest.registry.enabled=false",
    )  # fmt: skip
    lake = lake_of(walk)
    done = logged(lake)
    check_hours(lake, done)
    check_places_and_weather(lake, done)
    check_discounts(lake, done)
    check_days_off(lake, done)


FRESH = f"'{DATA}/freshretailnet/hourly.parquet'"
N_FRESH, N_DAYS, N_STORES = 3_800_000, 76, 898
Counts = dict[str, tuple[int, ...]]


def check_hours(lake: duckdb.DuckDBPyConnection, done: Counts) -> None:
    lines, n, series, days, stores, products, cities = FRESH, N_FRESH, 50_000, N_DAYS, N_STORES, 865, 18
    assert ask(
        lake,
        f"FROM {lines} SELECT count(*), count(DISTINCT (store_id, product_id)), count(DISTINCT dt), "
        "count(DISTINCT store_id), count(DISTINCT product_id), count(DISTINCT city_id)",
    ) == (n, series, days, stores, products, cities)
    assert done["hourly_sales"] == done["sales"] == (n, n, 0, 0)
    each = (
        "SELECT sku_id, location_id, count(DISTINCT date) AS days, count(*) AS n FROM silver_hourly_sales GROUP BY 1, 2"
    )
    found = f"SELECT count(*), sum(n), min(days), max(days), min(n), max(n) FROM ({each})"
    assert ask(lake, found) == (series, n, days, days, days, days)
    # All rows at once, with their hours in order: a sum of hashes does not depend on the order of the rows.
    ours = ask(
        lake,
        "FROM silver_hourly_sales SELECT sum(CAST(hash(sku_id, location_id, date, CAST(sales AS float[]), "
        "CAST(is_stockout AS boolean[])) AS hugeint)), sum(list_sum(CAST(is_stockout AS int[])))",
    )
    theirs = ask(
        lake,
        f"FROM {lines} SELECT sum(CAST(hash(CAST(product_id AS varchar), CAST(store_id AS varchar), dt, "
        "CAST(hours_sale AS float[]), CAST(hours_stock_status AS boolean[])) AS hugeint)), "
        "sum(list_sum(hours_stock_status))",
    )
    assert ours == theirs
    assert 0.2 < ours[1] / (24 * n) < 0.3
    farthest = ask(
        lake,
        "SELECT count(*), max(abs(quantity - units)) FROM silver_sales JOIN "
        "(SELECT CAST(product_id AS varchar) sku_id, CAST(store_id AS varchar) location_id, dt AS date, "
        f"list_sum(hours_sale) units FROM {lines}) "
        "USING (sku_id, location_id, date)",
    )
    assert farthest == (n, pytest.approx(0, abs=1e-6))


def check_places_and_weather(lake: duckdb.DuckDBPyConnection, done: Counts) -> None:
    lines, n, days, stores, products, cities = FRESH, N_FRESH, N_DAYS, N_STORES, 865, 18
    assert ask(lake, "FROM silver_items SELECT count(*), count(DISTINCT sku_id)") == (products, products)
    assert ask(
        lake,
        "SELECT count(*), count(DISTINCT location_id), count(DISTINCT city_id) FROM silver_locations JOIN "
        f"(SELECT DISTINCT CAST(store_id AS varchar) location_id, city_id FROM {lines}) USING (location_id)",
    ) == (stores, stores, cities), "silver keeps no city: a store's is looked up in the file"
    assert done["items"] == (n, products, 0, n - products)
    assert done["locations"] == (n, stores, 0, n - stores)
    assert done["weather"] == (n, stores * days, 0, n - stores * days)
    measured = "avg_temperature, precpt, avg_humidity, avg_wind_level"
    ours_there = "SELECT region, date, temperature, precipitation, humidity, wind_speed FROM silver_weather"
    there = f"SELECT DISTINCT CAST(store_id AS varchar), dt, {measured} FROM {lines}"
    assert differing(lake, ours_there, there) == 0


def check_discounts(lake: duckdb.DuckDBPyConnection, done: Counts) -> None:
    lines, n = FRESH, N_FRESH
    # A price is a share of the regular one; of what costs nothing it is not known whether it was given away.
    free = ask(lake, f"FROM {lines} SELECT count(*) WHERE discount = 0")[0]
    assert done["prices"] == (n, n - free, free, 0)
    assert free
    assert ask(lake, "FROM quarantine SELECT count(*), min(rule), max(rule), max(CAST(row AS JSON)->>'discount')") == (
        free, "no_price", "no_price", "0.0"
    )  # fmt: skip
    own = "sum(CAST(hash(sku_id, location_id, valid_from, valid_to, price, is_promotion) AS hugeint))"
    whose = "CAST(product_id AS varchar), CAST(store_id AS varchar), dt, dt, discount, activity_flag = 1"
    assert ask(lake, f"FROM silver_prices SELECT {own}, count(*)") == ask(
        lake, f"FROM {lines} SELECT sum(CAST(hash({whose}) AS hugeint)), count(*) WHERE discount <> 0"
    )


def check_days_off(lake: duckdb.DuckDBPyConnection, done: Counts) -> None:
    lines, n, days, stores = FRESH, N_FRESH, N_DAYS, N_STORES
    off, quiet = (
        f"SELECT DISTINCT CAST(store_id AS varchar), dt, {event}, false FROM {lines} WHERE holiday_flag = {flag}"
        for event, flag in (("'day off'", 1), ("NULL", 0))
    )
    assert done["calendar"] == (n, stores * days, 0, n - stores * days)
    said = "SELECT region, date, event, is_benefit_day FROM silver_calendar"
    assert differing(lake, said, f"{off} UNION ALL {quiet}") == 0
    assert ask(lake, "FROM silver_calendar SELECT count(DISTINCT date) WHERE event IS NOT NULL") == (27,)
    known = "FROM silver_calendar SELECT count(*) WHERE region NOT IN (SELECT region FROM silver_locations)"
    assert ask(lake, known) == (0,)


@pytest.mark.timeout(2400)
def test_m5_arrives_with_its_published_counts(spark: SparkSession, tmp_path: Path) -> None:
    walk = loaded(
        tmp_path, "m5", "m5", dt.date(2016, 5, 22), "ingest.m5.stores=[]", "ingest.m5.departments=[]",
        "ingest.drift.enabled=false",
    )  # fmt: skip
    check_m5(lake_of(walk))


def check_m5(lake: duckdb.DuckDBPyConnection) -> None:
    subset, recent, months, calendar, prices = (
        f"'{DATA}/m5/{name}.parquet'"
        for name in ("sales_full_history_subset", "sales_recent_all_series", "sales_monthly_all_series", "calendar",
                     "prices")
    )  # fmt: skip
    size = "count(DISTINCT (item_id, store_id)), count(DISTINCT item_id), count(DISTINCT store_id)"
    for file in (recent, months):
        assert ask(lake, f"FROM {file} SELECT {size}") == (30_490, 3_049, 10)
    assert ask(lake, f"FROM {calendar} SELECT count(*), count(DISTINCT date)") == (1_969, 1_969)
    assert ask(lake, f"FROM {prices} SELECT count(*)") == (6_841_121,)
    # The months end on d_1913; the days after it are in the recent table.
    after = " + ".join(f"CAST(d_{day} AS bigint)" for day in range(1914, 1942))
    (before,), (rest,) = ask(lake, f"FROM {months} SELECT sum(sales)"), ask(lake, f"FROM {recent} SELECT sum({after})")
    assert ask(lake, f"FROM {months} SELECT max(date)") == (dt.date(2016, 4, 1),)
    assert ask(lake, f"FROM {calendar} SELECT date WHERE d = 'd_1913'") == ("2016-04-24",)
    assert before + rest == 66_927_173

    # What is loaded is the subset: all its days, one row per day with a sale.
    done = logged(lake)
    assert ask(lake, "FROM silver_assortment SELECT count(DISTINCT (sku_id, location_id))") == (2_561,)
    assert done["assortment"] == done["stock"] == (2_561, 2_561, 0, 0)
    blocks = lake.execute(
        "FROM silver_assortment JOIN silver_items USING (sku_id) SELECT department, location_id, count(*) "
        "WHERE (department, location_id) IN (('FOODS_3', 'TX_3'), ('FOODS_1', 'CA_1'), ('FOODS_1', 'CA_2')) "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert blocks == [("FOODS_1", "CA_1", 216), ("FOODS_1", "CA_2", 216), ("FOODS_3", "TX_3", 823)]
    ours = "SELECT sku_id, location_id, date, CAST(quantity AS bigint) FROM silver_sales"
    theirs = (
        f"SELECT item_id, store_id, CAST(date AS date) AS date, CAST(units AS bigint) FROM "
        f"(UNPIVOT {subset} ON COLUMNS('^d_[0-9]+$') INTO NAME d VALUE units) JOIN {calendar} USING (d) WHERE units > 0"
    )
    lake.execute(f"CREATE TEMP TABLE days AS {theirs}")
    assert differing(lake, ours, "FROM days") == 0
    assert ask(lake, "FROM days SELECT count(*), min(date), max(date)") == (
        done["sales"][1],
        dt.date(2011, 1, 29),
        dt.date(2016, 5, 22),
    )
    # The two tables that hold all series say the same of those that are loaded.
    ask_months = (
        "SELECT count(*) FROM (SELECT sku_id, location_id, date_trunc('month', date) AS date, sum(quantity) AS units "
        "FROM silver_sales WHERE date <= DATE '2016-04-24' GROUP BY ALL) AS ours FULL JOIN "
        f"(SELECT item_id, store_id, date, sales FROM {months} SEMI JOIN silver_assortment "
        "ON item_id = sku_id AND store_id = location_id WHERE sales > 0) AS theirs ON ours.sku_id = item_id AND "
        "location_id = store_id AND ours.date = theirs.date WHERE units IS DISTINCT FROM sales"
    )
    assert ask(lake, ask_months) == (0,)
    assert ask(lake, "FROM silver_sales SELECT sum(quantity) WHERE date > DATE '2016-04-24'") == ask(
        lake,
        f"FROM {recent} SEMI JOIN silver_assortment ON item_id = sku_id AND store_id = location_id SELECT sum({after})",
    )
    states = "FROM silver_calendar SELECT count(*), count(DISTINCT region), count(DISTINCT date)"
    assert ask(lake, states) == (3 * 1_969, 3, 1_969)
    # A period of silver is so many days of one price; weeks may lack one, and the last of the calendar is short.
    weeks = f"(FROM {calendar} SELECT wm_yr_wk, count(*) AS days GROUP BY 1)"
    ours_sum = (
        "FROM silver_prices SELECT sum(valid_to - valid_from + 1), "
        "sum(CAST(round(100 * price) AS bigint) * (valid_to - valid_from + 1))"
    )
    theirs_sum = (
        f"FROM {prices} JOIN {weeks} USING (wm_yr_wk) SEMI JOIN silver_assortment ON item_id = sku_id "
        "AND store_id = location_id SELECT sum(days), sum(CAST(round(100 * sell_price) AS bigint) * days)"
    )
    assert ask(lake, ours_sum) == ask(lake, theirs_sum)
