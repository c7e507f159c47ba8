from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from scaleinv.config.drift import DriftConfig, SourceDrift
from scaleinv.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from scaleinv.ingest.drift import Finding
    from scaleinv.ingest.profile import Profile

pytestmark = pytest.mark.spark
DATA = Path(os.environ["SCALEINV_DATA"])
CONFIG = DriftConfig()


def real(folder: str) -> str:
    if not (DATA / folder).is_dir():
        pytest.skip(f"needs {folder} in the data folder")
    return str(DATA / folder)


def found(
    last: Profile | None, this: Profile, config: DriftConfig = CONFIG, contract: SourceDrift | None = None
) -> list[Finding]:
    from scaleinv.ingest.drift import findings

    return findings(last, this, config, contract)


def named(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(finding.kind, finding.column) for finding in findings}


def look(frame: DataFrame, config: DriftConfig = CONFIG) -> Profile:
    from scaleinv.ingest.profile import profile

    return profile(frame, config)


def frame_of(spark: SparkSession, **columns: list[object]) -> DataFrame:
    return spark.createDataFrame(pa.table(columns))


@pytest.fixture(scope="module")
def retail(spark: SparkSession) -> DataFrame:
    """A tenth of the invoices, every cell text as a CSV file brings it; ``half`` is random by line."""
    from pyspark.sql import functions as F

    frame = spark.read.parquet(real("online_retail")).where(F.crc32("Invoice") % 10 == 0)
    lines = frame.select(*[F.col(name).cast("string").alias(name) for name in frame.columns])
    return lines.withColumn("half", F.pmod(F.xxhash64(*lines.columns), F.lit(2))).cache()


@pytest.fixture(scope="module")
def half(retail: DataFrame) -> DataFrame:
    return retail.where("half = 1").drop("half")


@pytest.fixture(scope="module")
def accepted(retail: DataFrame) -> Profile:
    return look(retail.where("half = 0").drop("half"))


@pytest.fixture(scope="module")
def prices(spark: SparkSession) -> DataFrame:
    """Walmart's prices of half a year in one store, as they are published."""
    return (
        spark.read.parquet(real("m5") + "/prices.parquet")
        .where("store_id = 'TX_3' AND wm_yr_wk BETWEEN 11501 AND 11526")
        .cache()
    )


Change = Callable[["DataFrame"], "DataFrame"]


def put(column: str, value: str) -> Change:
    return lambda frame: frame.selectExpr(
        *[f"{value} AS `{name}`" if name == column else f"`{name}`" for name in frame.columns]
    )


CHANGES: dict[str, tuple[Change, set[tuple[str, str]]]] = {
    "nothing": (lambda frame: frame, set()),
    "added": (lambda frame: frame.selectExpr("*", "'web' AS Channel"), {("added", "Channel")}),
    "missing": (lambda frame: frame.drop("Customer ID"), {("missing", "Customer ID")}),
    "renamed, another spelling": (
        lambda frame: frame.withColumnRenamed("Quantity", "Qty"),
        {("renamed", "Quantity"), ("missing", "Quantity")},
    ),
    "renamed, another language": (
        lambda frame: frame.withColumnRenamed("Country", "Land").withColumnRenamed("Description", "Artikeltext"),
        {("renamed", "Country"), ("missing", "Country"), ("renamed", "Description"), ("missing", "Description")},
    ),
    "retyped, text": (
        put("Quantity", "if(crc32(StockCode) % 5 = 0, concat(Quantity, ' pcs'), Quantity)"),
        {("retyped", "Quantity")},
    ),
    "retyped, dates": (
        put("InvoiceDate", "date_format(InvoiceDate, 'dd/MM/yyyy HH:mm')"), {("retyped", "InvoiceDate")}
    ),
    "retyped, decimal comma": (put("Price", "replace(Price, '.', ',')"), {("retyped", "Price")}),
    "retyped, fractions": (put("Quantity", "cast(Quantity / 8 AS string)"), {("retyped", "Quantity")}),
    "cents": (put("Price", "cast(cast(Price AS double) * 100 AS string)"), {("unit_changed", "Price")}),
    "dozens": (put("Quantity", "cast(Quantity * 12 AS string)"), {("unit_changed", "Quantity")}),
    "new values": (
        put("Country", "if(crc32(StockCode) % 20 = 0, 'UK', Country)"), {("new_values", "Country")}
    ),
    "shifted": (put("Price", "cast(round(Price * 1.7 + 1, 2) AS string)"), {("shifted", "Price")}),
    "shifted values": (
        put("Country", "if(crc32(StockCode) % 2 = 0, 'France', Country)"), {("shifted", "Country")}
    ),
    "nulls": (put("Customer ID", "if(crc32(Invoice) % 3 = 0, ' ', `Customer ID`)"), {("null_share", "Customer ID")}),
    "nulls where there were none": (
        put("Price", "if(crc32(StockCode) % 100 = 0, NULL, Price)"), {("null_share", "Price")}
    ),
    "all nulls": (put("Country", "''"), {("null_share", "Country")}),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_found_in_the_other_half_of_a_retailers_lines_and_nothing_else(
    accepted: Profile, half: DataFrame, name: str
) -> None:
    change, expected = CHANGES[name]
    assert named(found(accepted, look(change(half)))) == expected


def test_a_change_of_the_currencys_unit_names_its_factor(prices: DataFrame) -> None:
    before = look(prices.where("wm_yr_wk < 11514"))
    cents = prices.where("wm_yr_wk >= 11514").withColumn("sell_price", prices.sell_price * 100)
    (finding,) = [one for one in found(before, look(cents)) if one.column == "sell_price"]
    assert (finding.kind, finding.policy, finding.evidence["factor"]) == ("unit_changed", "stop", 100.0)
    assert "cents" in finding.detail


def test_the_next_weeks_of_prices_are_no_drift(prices: DataFrame) -> None:
    halves = [look(prices.where(f"wm_yr_wk {sign} 11514")) for sign in ("<", ">=")]
    assert named(found(*halves)) == set()


def test_two_halves_of_a_year_have_one_schema(retail: DataFrame) -> None:
    lines = retail.drop("half")
    halves = [look(lines.where(f"InvoiceDate {sign} '2010-06-15'")) for sign in ("<", ">=")]
    # Greece and Singapore begin to buy, and more is sold without a customer's number: such things are to be told.
    assert {kind for kind, _ in named(found(*halves))} <= {"new_values", "null_share", "shifted"}
    assert all(finding.policy == "warn" for finding in found(*halves))


def test_purchase_orders_do_not_drift_between_random_halves(spark: SparkSession) -> None:
    orders = spark.read.csv(real("scms_usaid"), header=True, multiLine=True)
    halves = [look(orders.where(f"pmod(xxhash64(ID), 2) = {i}")) for i in (0, 1)]
    assert named(found(*halves)) == set()
    assert halves[0]["Delivered to Client Date"].kind == "yyyy-MM-dd"
    assert halves[0]["Weight (Kilograms)"].kind == "text"  # "Weight Captured Separately" is really there


def test_nested_columns_are_counted(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    fresh = spark.read.parquet(real("freshretailnet")).where("store_id < 3").cache()
    before = look(fresh)
    assert before["hours_sale"].kind == "nested"
    assert before["hours_sale"].counted == before.rows == fresh.count()
    gone = fresh.withColumn("hours_sale", F.when(F.col("product_id") % 2 == 0, F.col("hours_sale")))
    assert named(found(before, look(gone))) == {("null_share", "hours_sale")}
    other = fresh.withColumn("hours_sale", F.col("hours_sale").cast("array<int>"))
    assert named(found(before, look(other))) == {("retyped", "hours_sale")}


def test_rows_and_partitions_may_come_in_any_order(retail: DataFrame, prices: DataFrame) -> None:
    from pyspark.sql import functions as F

    for frame in (retail, prices):
        config = DriftConfig(sample_rows=2_000)
        one = look(frame, config)
        assert one == look(frame.repartition(5, F.crc32(F.col(frame.columns[1]))).orderBy(F.rand(7)), config)
        assert one.rows == frame.count()
        assert one.columns[0].cells == 2_000
        assert found(one, one, config) == []


def test_a_sample_says_what_all_rows_say(retail: DataFrame) -> None:
    few, all_ = (look(retail, DriftConfig(sample_rows=rows)) for rows in (5_000, 1_000_000))
    assert all_["Price"].cells == all_.rows
    assert few["Customer ID"].nulls == all_["Customer ID"].nulls > 0
    assert few["Quantity"].negative == pytest.approx(all_["Quantity"].negative, abs=0.01)
    assert found(all_, few) == []


def test_a_wide_table_is_looked_at_in_part_and_says_so(spark: SparkSession) -> None:
    wide = {f"d_{i}": [float(i), 1.0] for i in range(30)}
    config = DriftConfig(max_columns=20)
    last = look(frame_of(spark, **wide), config)
    (finding,) = found(None, last, config)
    assert finding.kind == "not_profiled"
    assert "10 of 30 columns" in finding.detail
    more = look(frame_of(spark, **wide, **{f"e_{i}": [None, "x"] for i in range(70)}), config)
    added = [one for one in found(last, more, config) if one.kind == "added"]
    assert len(added) == 50
    assert added[-1].evidence["n"] == 21
    gone = found(more, last, config, SourceDrift(policies={"missing": "stop"}))
    assert sum(one.policy == "stop" for one in gone) == 50  # the one that stands for many stops, too


def test_codes_that_lose_their_leading_zeros_are_retyped(spark: SparkSession) -> None:
    codes = [f"{i:05d}" for i in range(500, 20_500, 10)]
    last, this = (look(frame_of(spark, code=values)) for values in (codes, [str(int(code)) for code in codes]))
    (finding,) = found(last, this)
    assert finding.kind == "retyped"
    assert "leading zeros" in finding.detail
    assert found(this, this) == []


def test_rows_of_a_finding_can_be_put_aside(accepted: Profile, half: DataFrame) -> None:
    from scaleinv.ingest.drift import quarantine_rules

    kinds = ("new_values", "retyped", "null_share")
    own = SourceDrift(policies=dict.fromkeys(kinds, "quarantine"))
    for name, wrong in (
        ("new values", "Country = 'UK'"),
        ("retyped, text", "Quantity LIKE '%pcs'"),
        ("retyped, fractions", "Quantity NOT LIKE '%.0'"),
        ("nulls", "coalesce(trim(`Customer ID`), '') = ''"),
    ):
        frame = CHANGES[name][0](half)
        ((rule, broken, reason),) = quarantine_rules(found(accepted, look(frame), CONFIG, own))
        kind, column = next(iter(CHANGES[name][1]))
        assert rule == f"drift_{kind}"
        assert reason.startswith(f"{column}: ")
        assert frame.where(broken).count() == frame.where(wrong).count() > 0
        assert frame.where(broken.isNull()).count() == 0


def test_a_load_is_stopped_by_what_stops_and_says_how_to_accept_it(accepted: Profile, half: DataFrame) -> None:
    from scaleinv.ingest.drift import check_drift

    this = look(half.drop("Price").selectExpr("*", "1 AS Channel"))
    check_drift("pos", found(accepted, this, CONFIG, SourceDrift(columns={"Price": {"missing": "warn"}})))
    with pytest.raises(DataError, match=r"(?s)missing Price.*scaleinv drift accept pos"):
        check_drift("pos", found(accepted, this))


def test_a_small_rise_of_nulls_warns_and_a_large_one_stops(accepted: Profile, half: DataFrame) -> None:
    few, many = (put("Price", f"if(crc32(StockCode) % 10 < {n}, NULL, Price)")(half) for n in (1, 5))
    assert [one.policy for one in found(accepted, look(few))] == ["warn"]
    assert [one.policy for one in found(accepted, look(many))] == ["stop"]


def test_volume_far_from_usual(accepted: Profile) -> None:
    from scaleinv.ingest.drift import findings

    def kinds(usual: list[int]) -> set[tuple[str, str]]:
        return named(findings(accepted, accepted, CONFIG, usual=usual))

    rows = accepted.rows
    assert kinds([rows * 6] * 3) == kinds([rows // 6] * 5) == {("rows", "")}
    assert kinds([rows * 6] * 2) == kinds([rows * 4, rows // 4, rows]) == set()


def test_what_has_no_rows_cannot_be_put_aside() -> None:
    with pytest.raises(ValidationError, match=r"missing: .*may warn or stop"):
        DriftConfig(policies={"missing": "quarantine"})
    with pytest.raises(ValidationError, match=r"unit_changed: .*retyped, new_values, null_share"):
        SourceDrift(columns={"price": {"unit_changed": "quarantine"}})


def test_a_config_that_names_one_kind_leaves_the_others_as_they_are() -> None:
    config = DriftConfig(policies={"added": "stop"})
    assert config.policy("added", "x", SourceDrift()) == config.policy("missing", "x", SourceDrift()) == "stop"


def test_small_samples_do_not_cry_wolf() -> None:
    from scaleinv.ingest.likeness import psi

    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(400):
        shares = rng.dirichlet(np.ones(20))
        was, now = (rng.multinomial(n, shares) / n for n in (5_000, 100))
        index, noise = psi(was.tolist(), now.tolist(), 5_000, 100)
        alarms += index > CONFIG.psi + noise
    assert alarms <= 2
    index, noise = psi([0.05] * 20, [0.5] + [0.5 / 19] * 19, 5_000, 100)
    assert index > CONFIG.psi + noise
