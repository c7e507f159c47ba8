"""Features against a slow Python oracle on a small retailer."""

from __future__ import annotations

import datetime as dt
import importlib
import re
import statistics
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from tests.features.retailer import AS_OF, HORIZON, N_DAYS, build, day, demand, frames, retailer

from scaleinv.config import FeaturesConfig
from scaleinv.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def gold(spark: SparkSession) -> dict[str, pa.Table]:
    return build(spark, retailer())


def test_parts_grow_with_the_sales_and_days_are_not_moved(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days moved by series and day end up in a few parts, each too large for the sales to be hashed."""
    monkeypatch.setattr(importlib.import_module("scaleinv.features.build"), "SALES_PER_PART", 7)
    plans: list[str] = []
    rows = retailer()
    build(spark, rows, plans=plans)
    (plan,) = plans
    divided = r"hashpartitioning\(sku_id#\d+, location_id#\d+, "
    assert re.search(rf"{divided}{len(rows['sales']) // 7 + 1}\)", plan)
    assert not re.search(rf"{divided}date", plan)


def by_series(gold: dict[str, pa.Table], name: str) -> dict[str, Any]:
    return {row["unique_id"].split("@")[0]: row for row in gold[name].to_pylist()}


def test_lives_are_dense_and_zero_only_inside(gold: dict[str, pa.Table]) -> None:
    rows = [row for row in gold["gold/panel"].to_pylist() if row["unique_id"] == "new@S1"]
    first = next(n for n, q in enumerate(demand()["new"]) if q)
    assert [row["ds"] for row in rows] == [day(n) for n in range(first, N_DAYS + HORIZON)]
    assert [row["y"] for row in rows] == demand()["new"][first:] + [None] * HORIZON


def test_a_delisted_sku_is_left_out_and_one_that_never_sold_stays(gold: dict[str, pa.Table]) -> None:
    facts = by_series(gold, "gold/series")
    assert set(facts) == {"steady", "lumpy", "never", "new"}
    assert (facts["never"]["demand_class"], facts["never"]["adi"], facts["never"]["abc_class"]) == ("no_demand", 0, "C")


def test_a_series_is_reviewed_when_its_vendor_is(gold: dict[str, pa.Table]) -> None:
    facts = by_series(gold, "gold/series")
    assert (facts["steady"]["review_period"], facts["steady"]["review_date"]) == (7, day(3))
    assert (facts["new"]["review_period"], facts["new"]["review_date"]) == (1, None)


def test_classes_equal_a_loop_over_the_days(gold: dict[str, pa.Table]) -> None:
    for sku, units in demand().items():
        row = by_series(gold, "gold/series")[sku]
        first = next((n for n, q in enumerate(units) if q), 0) if sku == "new" else 0
        known = [q for n, q in enumerate(units) if n >= first and not (sku == "steady" and n == 7)]
        sold = [q for q in known if q]
        adi = len(known) / len(sold) if sold else 0.0
        cv2 = float(np.var(sold) / np.mean(sold) ** 2) if sold else 0.0
        assert row["mean_demand"] == pytest.approx(np.mean(known))
        assert (row["adi"], row["cv2"]) == (pytest.approx(adi), pytest.approx(cv2))
    assert by_series(gold, "gold/series")["steady"]["demand_class"] == "smooth"
    assert by_series(gold, "gold/series")["lumpy"]["demand_class"] == "lumpy"


def test_stockouts_prices_and_events_fall_on_their_days(gold: dict[str, pa.Table]) -> None:
    rows = [row for row in gold["gold/panel"].to_pylist() if row["unique_id"] == "steady@S1"]
    assert [n for n, row in enumerate(rows) if row["is_stockout"]] == [7]
    assert [row["sales"] for row in rows] == demand()["steady"] + [None] * HORIZON
    assert {n for n, row in enumerate(rows) if row["y"] != row["sales"]} == {7}
    assert (rows[7]["demand_method"], rows[8]["demand_method"]) == ("daily_likelihood", "observed")
    assert rows[7]["sales"] < rows[7]["y"] < rows[7]["sales"] + 3 * rows[7]["y_sd"]
    assert [rows[n]["price"] for n in (0, 10, 19, 20, N_DAYS + HORIZON - 1)] == [1.5, 1.5, 1.5, 2.5, 2.5]
    assert [n for n, row in enumerate(rows) if row["is_promotion"]] == list(range(10, 20))
    assert [(n, row["event"]) for n, row in enumerate(rows) if row["event"]] == [(N_DAYS + 1, "Easter")]


def test_position_and_lead_times(gold: dict[str, pa.Table]) -> None:
    position = by_series(gold, "gold/stock_position")
    assert (position["steady"]["on_hand"], position["steady"]["on_order"], position["steady"]["reserved"]) == (9, 6, 1)
    assert (position["lumpy"]["stock_date"], position["lumpy"]["on_hand"]) == (None, 0)
    lead = {row["vendor_id"]: row for row in gold["gold/lead_times"].to_pylist()}
    assert lead["V1"]["probability"] == pytest.approx([0, 0, 0.5, 0.5] + [0] * 7)
    assert lead["V2"]["probability"] == pytest.approx([0, 0, 0, 0.25, 0, 0.75] + [0] * 5)
    assert (lead["V1"]["n_receipts"], lead["V2"]["n_receipts"]) == (40, 0)


def test_a_truck_is_one_delivery_and_quotes_beyond_the_longest_add_up(spark: SparkSession) -> None:
    from scaleinv.features.lead_times import lead_times

    rows = retailer()
    truck = [line for line in rows["purchase_orders"] if line["order_id"] == "o0"]
    rows["purchase_orders"] += [truck[0] | {"line": n, "sku_id": f"s{n}"} for n in range(2, 32)]
    rows["lead_times"] = [{"vendor_id": "V2", "lead_time": n, "weight": 1.0} for n in (3, 11, 12, 99)]
    vendors = spark.createDataFrame([("V1",), ("V2",)], "vendor_id string")
    made = lead_times(vendors, frames(spark, rows), as_of=AS_OF, config=FeaturesConfig(max_lead_time=10))
    lead = {row["vendor_id"]: row for row in made.toArrow().to_pylist()}
    assert lead["V1"]["n_receipts"] == 40
    assert lead["V1"]["probability"] == pytest.approx([0, 0, 0.5, 0.5] + [0] * 7)
    assert lead["V2"]["probability"] == pytest.approx([0, 0, 0, 0.25] + [0] * 6 + [0.75])


def test_the_group_is_a_safe_name(gold: dict[str, pa.Table]) -> None:
    assert set(gold["gold/series"]["group_id"].to_pylist()) == {"Food_more-00"}


def test_a_hundred_shards_have_a_hundred_names(spark: SparkSession) -> None:
    from scaleinv.features.series import grouped

    series = spark.range(3000).selectExpr("CAST(id AS string) AS unique_id", "'c' AS category")
    found = grouped(series, FeaturesConfig(max_group_size=25)).select("group_id").distinct().toArrow()
    assert sorted(found["group_id"].to_pylist()) == sorted(f"c-{n:02d}" for n in range(120))


@pytest.mark.slow
def test_order_and_partitioning_of_rows_change_nothing(spark: SparkSession, gold: dict[str, pa.Table]) -> None:
    again = build(spark, retailer(), shuffled=True)
    assert all(again[name].equals(gold[name]) for name in gold)


def test_days_are_not_moved_to_their_sales(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    from scaleinv.features import build as build_features
    from scaleinv.features.panel import SALES_PER_PART, with_sales

    parts: list[int] = []

    def watched(*args: Any, **kwargs: Any) -> DataFrame:
        rows = with_sales(*args, **kwargs)
        parts.append(rows.rdd.getNumPartitions())
        return rows

    monkeypatch.setattr(sys.modules["scaleinv.features.build"], "with_sales", watched)
    config = FeaturesConfig(max_lead_time=10)
    with ExitStack() as held:
        build_features(
            frames(spark, retailer()), lambda rows, _: (rows, None), held, as_of=AS_OF, horizon=HORIZON, config=config,
            n_sales=6 * SALES_PER_PART,
            n_prices=1000,
        )  # fmt: skip
    assert parts == [7, 7]


def test_an_as_of_beyond_the_data_says_what_is_known(spark: SparkSession) -> None:
    with pytest.raises(DataError, match="lies beyond the data") as caught:
        build(spark, retailer(), as_of=AS_OF + dt.timedelta(days=1))
    assert "a day from 2026-01-01 to 2026-03-01" in str(caught.value)


def test_no_sales_is_a_clear_error(spark: SparkSession) -> None:
    with pytest.raises(DataError, match="there are no sales on or before 2026-03-01"):
        build(spark, retailer() | {"sales": []})


def test_a_vendor_without_lead_times_is_named(spark: SparkSession) -> None:
    with pytest.raises(DataError, match="vendors without lead times") as caught:
        build(spark, retailer() | {"lead_times": []})
    assert "V2" in str(caught.value)


def test_features_of_a_night_are_what_a_loop_over_the_days_finds(gold: dict[str, pa.Table]) -> None:
    of = {row["unique_id"]: row for row in gold["gold/series"].to_pylist()}
    days: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in of}
    for row in gold["gold/panel"].to_pylist():
        if row["ds"] <= AS_OF:
            days[row["unique_id"]][(AS_OF - row["ds"]).days] = row  # 0: the last day known

    def last(name: str, n: int, value: str) -> list[float]:
        return [float(row[value]) for ago, row in sorted(days[name].items()) if ago < n]

    def share(name: str, n: int, value: str) -> float:
        return statistics.mean(last(name, n, value))

    for found in gold["gold/features"].to_pylist():
        name = found["unique_id"]
        expected: dict[str, float | None] = {
            f"demand_lag_{n}": days[name][n - 1]["y"] if n - 1 in days[name] else None for n in (1, 7, 14, 28, 364)
        }
        expected |= {f"demand_mean_{n}": share(name, n, "y") for n in (7, 28, 91)}
        for n in (28, 91):
            y = last(name, n, "y")
            expected[f"demand_sd_{n}"] = statistics.stdev(y) if len(y) > 1 else None
            expected[f"zero_share_{n}"] = y.count(0.0) / len(y)
            expected[f"stockout_share_{n}"] = share(name, n, "is_stockout")
        price = days[name][0]["price"]
        expected["price_level"] = price / share(name, 91, "price")
        expected["price_change_28"] = price / days[name][28]["price"] - 1 if 28 in days[name] else None
        expected["promotion_share_91"] = share(name, 91, "is_promotion")
        for column, place in (("category_mean_28", "category"), ("location_mean_28", "location_id")):
            near = [other for other in of if of[other][place] == of[name][place]]
            expected[column] = statistics.mean(y for other in near for y in last(other, 28, "y"))
        sold = [ago for ago, row in days[name].items() if row["sales"] > 0]
        expected |= {"days_since_sale": min(sold, default=None), "days_on_sale": len(days[name])}
        assert expected.keys() == found.keys() - {"as_of", "group_id", "unique_id"}
        for column, value in expected.items():
            assert found[column] == (None if value is None else pytest.approx(value, abs=2e-6)), (name, column)
