"""Sales to demand in Spark: which days are estimated, and that the rest stay as they are."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from scaleinv.features.estimate import estimate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

START, N, AHEAD = dt.date(2026, 1, 1), 70, 3
SHORT = {"short": [30, 31, 50], "hourly": [40]}
NIGHT = [hour in (0, 1, 2) for hour in range(24)]


def days() -> pa.Table:
    random = np.random.default_rng(4)
    rows: list[dict[str, Any]] = []
    for sku in ("plenty", "short", "hourly"):
        sold = random.poisson(8.0, N).astype(float)
        rows += [
            {
                "unique_id": f"{sku}@S", "sku_id": sku, "location_id": "S", "date": START + dt.timedelta(days=i),
                "sales": float(sold[i]) if i < N else None, "is_stockout": i in SHORT.get(sku, []),
                "is_promotion": i % 10 == 0,
            }
            for i in range(N + AHEAD)
        ]  # fmt: skip
    schema = pa.Table.from_pylist(rows).schema
    return pa.Table.from_pylist(rows, schema.set(4, pa.field("sales", pa.float32())))


def hourly(rows: pa.Table) -> pa.Table:
    """Of one series: sales lie evenly from 8 to 20; day 45 is empty from 14; nights are always empty."""
    records = []
    for row in rows.to_pylist():
        if row["sku_id"] == "hourly" and row["sales"] is not None:
            after = (row["date"] - START).days == 45
            sales = [row["sales"] / 12 if 8 <= h < (14 if after else 20) else 0.0 for h in range(24)]
            empty = [night or (after and h >= 14) for h, night in enumerate(NIGHT)]
            records.append({name: row[name] for name in ("sku_id", "location_id", "date")})
            records[-1] |= {"sales": sales, "is_stockout": empty}
    hours = [("sales", pa.list_(pa.float32())), ("is_stockout", pa.list_(pa.bool_()))]
    keys = [("sku_id", pa.string()), ("location_id", pa.string()), ("date", pa.date32())]
    return pa.Table.from_pylist(records, pa.schema(keys + hours))


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> list[dict[str, Any]]:
    from scaleinv.features.demand import demand

    rows = days()
    short = spark.createDataFrame([(sku, "S") for sku in SHORT], "sku_id string, location_id string")
    made = demand(spark.createDataFrame(rows), short, spark.createDataFrame(hourly(rows)))
    return made.toArrow().sort_by([("sku_id", "ascending"), ("date", "ascending")]).to_pylist()


def test_every_day_is_there_once_and_demand_is_no_less_than_sales(found: list[dict[str, Any]]) -> None:
    assert len(found) == 3 * (N + AHEAD)
    known = [row for row in found if row["sales"] is not None]
    assert all(row["y"] >= row["sales"] for row in known)
    seen = [row for row in known if not row["is_stockout"]]
    assert all((row["y"], row["y_sd"], row["demand_method"]) == (row["sales"], 0.0, "observed") for row in seen)


def test_days_ahead_are_not_known(found: list[dict[str, Any]]) -> None:
    ahead = [row for row in found if row["date"] >= START + dt.timedelta(days=N)]
    assert len(ahead) == 3 * AHEAD
    assert all(
        (row["sales"], row["y"], row["y_sd"], row["demand_method"], row["is_stockout"]) == (None,) * 4 + (False,)
        for row in ahead
    )


def test_only_days_without_stock_are_estimated_and_hours_overrule_the_evening(found: list[dict[str, Any]]) -> None:
    """Day 40 of the hourly series ended without stock, but its hours hide nothing; day 45 was empty from 14."""
    short = {(row["sku_id"], (row["date"] - START).days): row for row in found if row["is_stockout"]}
    assert set(short) == {("short", 30), ("short", 31), ("short", 50), ("hourly", 45)}
    assert {row["demand_method"] for (sku, _), row in short.items() if sku == "short"} == {"daily_likelihood"}
    assert short["hourly", 45]["demand_method"] == "hourly_profile"
    assert short["hourly", 45]["y"] > short["hourly", 45]["sales"]
    assert all(row["y_sd"] > 0 for row in short.values())


def test_spark_hands_over_what_the_estimate_expects(found: list[dict[str, Any]]) -> None:
    """The same as one call on all days of the two series that ever ran short."""
    rows = days()
    rows = rows.filter(pa.compute.and_(pa.compute.not_equal(rows["sku_id"], "plenty"), rows["sales"].is_valid()))
    records = hourly(rows).rename_columns(["sku_id", "location_id", "date", "hour_sales", "hour_stockout"])
    at = {row["date"]: row for row in records.to_pylist()}
    for name, kind in (("hour_sales", pa.float32()), ("hour_stockout", pa.bool_())):
        values = [at[row["date"]][name] if row["sku_id"] == "hourly" else None for row in rows.to_pylist()]
        rows = rows.append_column(name, pa.array(values, pa.list_(kind)))
    direct = {(row["sku_id"], row["date"]): row for row in estimate(rows).to_pylist()}
    assert len(direct) == 5
    for row in found:
        if (row["sku_id"], row["date"]) in direct:
            same = direct[row["sku_id"], row["date"]]
            assert (row["y"], row["y_sd"], row["demand_method"]) == (same["y"], same["y_sd"], same["demand_method"])
