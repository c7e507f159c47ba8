"""M5: a small one with known contents, the price periods against a loop, and the published facts of the real one."""

from __future__ import annotations

import csv
import datetime as dt
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.ingest.reading import cleansed

from scaleinv.config import IngestConfig
from scaleinv.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
pytestmark = pytest.mark.spark

FIRST = dt.date(2011, 1, 29)
N_DAYS = 30
CELLS = {
    ("FOODS_1_001", "CA_1"): [n % 3 for n in range(N_DAYS)],
    ("FOODS_1_001", "TX_1"): [0] * N_DAYS,
    ("HOBBIES_1_001", "CA_1"): [0] * 20 + [4] * 10,
}
PRICES = [
    ("CA_1", "FOODS_1_001", 0, 2.0), ("CA_1", "FOODS_1_001", 1, 2.0), ("CA_1", "FOODS_1_001", 2, 1.5),
    ("CA_1", "FOODS_1_001", 4, 2.0), ("TX_1", "FOODS_1_001", 0, 3.0), ("CA_1", "HOBBIES_1_001", 3, 5.0),
]  # fmt: skip
ASSUMED: dict[str, Any] = {
    "lead_times": {"FOODS": {"days": [2, 3], "weights": [1, 3]}, "HOBBIES": {"days": [5], "weights": [1]}},
    "order_multiple": {"FOODS": 6},
}


def day(n: int) -> dt.date:
    return FIRST + dt.timedelta(days=n)


def tables() -> dict[str, list[dict[str, Any]]]:
    sales = []
    for (item, store), units in CELLS.items():
        department = item.rsplit("_", 1)[0]
        ids = {"id": f"{item}_{store}", "item_id": item, "dept_id": department, "cat_id": department.split("_")[0]}
        sales.append(ids | {"store_id": store, "state_id": store[:2]} | {f"d_{n + 1}": q for n, q in enumerate(units)})
    calendar = [
        {"date": day(n).isoformat(), "wm_yr_wk": 11101 + n // 7, "d": f"d_{n + 1}",
         "event_name_1": "Easter" if n == 3 else None, "event_name_2": "Purim" if n == 3 else None,
         "snap_CA": int(n == 5), "snap_TX": 0}
        for n in range(N_DAYS + 5)
    ]  # fmt: skip
    prices = [{"store_id": s, "item_id": i, "wm_yr_wk": 11101 + w, "sell_price": p} for s, i, w, p in PRICES]
    return {"sales_full_history_subset": sales, "calendar": calendar, "prices": prices}


def write(folder: Path, kind: str) -> Path:
    names = {
        "sales_full_history_subset": "sales_train_evaluation", "calendar": "calendar", "prices": "sell_prices",
    }  # fmt: skip
    for stem, rows in tables().items():
        if kind == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), folder / f"{stem}.parquet")
        else:
            with (folder / f"{names[stem]}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
    return folder


def config(folder: Path, **m5: Any) -> IngestConfig:
    return IngestConfig.model_validate({"data": str(folder), "m5": {"assumptions": ASSUMED, **m5}})


def silver(spark: SparkSession, options: IngestConfig, as_of: dt.date | None = None) -> dict[str, DataFrame]:
    from scaleinv.ingest import read_m5

    assert options.m5 is not None
    done = cleansed(read_m5(spark, options.data, options.m5, as_of=as_of), options)
    assert not any(one.rules for one in done.values())
    return {name: one.accepted for name, one in done.items()}


def rows(frame: DataFrame, *keys: str) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = frame.toArrow().to_pylist()
    return sorted(data, key=lambda row: tuple(str(row[key]) for key in keys))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_small_m5_arrives_whole(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    found = silver(spark, config(write(tmp_path, kind)), as_of=day(24))
    expected = {(i, s, day(n)): q for (i, s), units in CELLS.items() for n, q in enumerate(units) if q}
    sales = rows(found["sales"], "sku_id")
    assert {(r["sku_id"], r["location_id"], r["date"]): r["quantity"] for r in sales} == expected
    foods = [
        r for r in rows(found["prices"], "valid_from") if r["sku_id"] == "FOODS_1_001" and r["location_id"] == "CA_1"
    ]
    assert [(r["valid_from"], r["valid_to"], r["price"], r["is_promotion"]) for r in foods] == [
        (day(0), day(13), 2.0, False), (day(14), day(20), 1.5, True), (day(28), day(34), 2.0, False),
    ]  # fmt: skip
    items = {r["sku_id"]: r for r in rows(found["items"], "sku_id")}
    assert items["FOODS_1_001"]["unit_price"] == 2.25, "median of 1.5 (the week of as_of and the one before) and 3"
    assert items["FOODS_1_001"]["unit_cost"] == pytest.approx(0.7 * 2.25)
    assert (items["FOODS_1_001"]["min_order_quantity"], items["HOBBIES_1_001"]["order_multiple"]) == (6, 1)
    listed = {(r["sku_id"], r["location_id"]): r["listed_from"] for r in rows(found["assortment"], "sku_id")}
    assert listed["HOBBIES_1_001", "CA_1"] == day(21)
    stock = {(r["sku_id"], r["location_id"]): (r["date"], r["on_hand"]) for r in rows(found["stock"], "sku_id")}
    assert stock["HOBBIES_1_001", "CA_1"] == (day(24), 8.0), "10 days of 5 x 4 / 25"
    assert stock["FOODS_1_001", "TX_1"] == (day(24), 1.0)
    lead = [(r["vendor_id"], r["lead_time"], r["weight"]) for r in rows(found["lead_times"], "vendor_id", "lead_time")]
    assert lead == [("V_FOODS_1", 2, 1.0), ("V_FOODS_1", 3, 3.0), ("V_HOBBIES_1", 5, 1.0)]
    events = [(r["region"], r["date"], r["event"]) for r in rows(found["calendar"], "region") if r["event"]]
    assert events == [("CA", day(3), "Easter+Purim"), ("TX", day(3), "Easter+Purim")]
    benefit = [(r["region"], r["date"]) for r in rows(found["calendar"], "region") if r["is_benefit_day"]]
    assert benefit == [("CA", day(5))]


def test_stores_and_departments_select(spark: SparkSession, tmp_path: Path) -> None:
    found = silver(spark, config(write(tmp_path, "parquet"), stores=["CA_1"], departments=["FOODS_1"]))
    assert [(r["sku_id"], r["location_id"]) for r in rows(found["assortment"], "sku_id")] == [("FOODS_1_001", "CA_1")]
    assert {r["sku_id"] for r in rows(found["prices"], "sku_id")} == {"FOODS_1_001"}
    with pytest.raises(DataError, match="no series of this selection"):
        silver(spark, config(tmp_path, stores=["WI_9"]))


def test_what_m5_cannot_answer_is_said(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"M5: no calendar is there") as caught:
        silver(spark, config(tmp_path))
    assert "calendar.parquet or calendar.csv" in str(caught.value)
    write(tmp_path, "parquet")
    with pytest.raises(DataError, match="is without data") as caught:
        silver(spark, config(tmp_path), as_of=day(N_DAYS))
    assert "a day from 2011-01-29 to 2011-02-27" in str(caught.value)
    foods = {"lead_times": {"FOODS": {"days": [2], "weights": [1]}}}
    with pytest.raises(ConfigError, match="lacks categories") as error:
        silver(spark, config(tmp_path, assumptions=foods))
    assert "which:    HOBBIES" in str(error.value)


def test_price_periods_equal_a_loop_over_the_weeks(spark: SparkSession) -> None:
    from scaleinv.ingest.m5_prices import PROMOTION, TRAILING_WEEKS, price_periods

    chance = random.Random(2)
    weeks = sorted(chance.sample(range(90), 80))
    price = [chance.choice([2.0, 2.0, 2.0, 1.88, 1.0, 3.5]) for _ in weeks]
    weekly = [("CA_1", "I", day(7 * w), day(7 * w + 6), p) for w, p in zip(weeks, price, strict=True)]
    expected: list[list[Any]] = []
    for n, (week, now) in enumerate(zip(weeks, price, strict=True)):
        before = price[max(0, n - TRAILING_WEEKS) : n]
        promotion = bool(before) and round(now * 100) * len(before) <= PROMOTION * sum(round(p * 100) for p in before)
        same = n > 0 and weeks[n - 1] == week - 1 and expected[-1][2:] == [now, promotion]
        if same:
            expected[-1][1] = day(7 * week + 6)
        else:
            expected.append([day(7 * week), day(7 * week + 6), now, promotion])
    since = day(100)
    chance.shuffle(weekly)
    frame = spark.createDataFrame(
        weekly, "store_id string, item_id string, week_start date, week_end date, price double"
    )
    found = rows(price_periods(frame, since=since), "valid_from")
    assert [[r["valid_from"], r["valid_to"], r["price"], r["is_promotion"]] for r in found] == [
        row for row in expected if row[1] >= since
    ]


def real() -> Path:
    folder = Path(os.environ["SCALEINV_DATA"]) / "m5"
    if not (folder / "calendar.parquet").exists():
        pytest.skip(f"M5 is not at {folder}")
    return folder


@pytest.mark.slow
def test_the_real_m5_holds_its_published_facts(spark: SparkSession) -> None:
    from scaleinv.ingest import read_m5

    folder = real()
    lead = {category: {"days": [2], "weights": [1]} for category in ("FOODS", "HOUSEHOLD", "HOBBIES")}
    options = config(folder, assumptions={"lead_times": lead}, stores=["TX_3"], departments=["FOODS_3"])
    assert options.m5 is not None
    raw = read_m5(spark, options.data, options.m5)
    wide = pq.read_table(
        folder / "sales_full_history_subset.parquet", filters=[("store_id", "=", "TX_3"), ("dept_id", "=", "FOODS_3")]
    )
    units = wide.select([c for c in wide.column_names if c.startswith("d_")]).to_pandas().to_numpy()
    total = raw["sales"].selectExpr("sum(quantity)", "count(*)", "min(date)", "max(date)").first()
    assert raw["assortment"].count() == raw["stock"].count() == wide.num_rows == 823
    assert tuple(total) == (units.sum(), (units != 0).sum(), FIRST, dt.date(2016, 5, 22))
    assert raw["calendar"].count() == 3 * 1969


@pytest.mark.slow
def test_the_real_m5_has_its_published_size(spark: SparkSession) -> None:
    from scaleinv.config.models import M5Config
    from scaleinv.ingest.m5 import _read, _wide

    folder = str(real())
    calendar = _read(spark, folder, "calendar", "calendar.csv", ("date", "d")).selectExpr(
        "CAST(date AS date) date", "d"
    )
    assert calendar.count() == 1969
    assert _read(spark, folder, "prices", "sell_prices.csv", ("sell_price",)).count() == 6_841_121
    recent, subset = (
        _wide(spark, folder, M5Config.model_validate({"assumptions": ASSUMED, "sales": sales}), calendar)
        for sales in ("recent_all_series", "full_history_subset")
    )
    assert recent.frame.select("item_id", "store_id").distinct().count() == 30_490
    assert (recent.first, recent.last) == (dt.date(2015, 11, 25), dt.date(2016, 5, 22))
    assert subset.frame.select("item_id", "store_id").distinct().count() == 2561
    blocks = subset.frame.where("dept_id = 'FOODS_1' AND store_id IN ('CA_1', 'CA_2')").groupBy("store_id").count()
    assert {row["store_id"]: row["count"] for row in blocks.collect()} == {"CA_1": 216, "CA_2": 216}
