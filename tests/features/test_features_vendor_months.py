"""Monthly sums of vendors against a slow loop, and the latest orders."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scaleinv.schema import table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
AS_OF = dt.date(2026, 3, 31)


def orders(n: int = 120) -> list[dict[str, Any]]:
    rng = np.random.default_rng(4)
    made = []
    for number in range(n):
        sent = AS_OF - dt.timedelta(days=int(rng.integers(1, 80)))
        came = sent + dt.timedelta(days=int(rng.integers(-1, 20)))
        made.append({
            "order_id": f"o{number:03}", "line": 1, "vendor_id": f"V{rng.integers(3)}", "sku_id": f"s{rng.integers(2)}",
            "location_id": "S1", "order_date": sent, "mode": None, "quantity": 10.0,
            "promised_date": sent + dt.timedelta(days=8) if rng.random() < 0.8 else None,
            "received_date": came if rng.random() < 0.9 else None,
            "received_quantity": float(rng.integers(7, 11)) if rng.random() < 0.5 else None,
            "rejected_quantity": None, "unit_cost": float(rng.integers(1, 4)), "temperature_incidents": None,
        })  # fmt: skip
    return made


def test_sums_equal_a_slow_loop(spark: SparkSession) -> None:
    from scaleinv.features.vendor_months import vendor_months

    names = [c.name for c in table("silver/purchase_orders").received]
    lines = orders()
    import pyarrow as pa

    schema = pa.schema([table("silver/purchase_orders").schema.field(name) for name in names])
    frame = spark.createDataFrame(pa.Table.from_pylist(lines, schema=schema))
    items = spark.createDataFrame([("s0", 2.0), ("s1", 0.0)], "sku_id string, unit_cost double")
    found = {(r["vendor_id"], r["month"]): r for r in vendor_months(frame, items, as_of=AS_OF).toArrow().to_pylist()}
    wanted: dict[tuple[str, dt.date], dict[str, float]] = {}
    for line in lines:
        came, due = line["received_date"], line["promised_date"] or line["received_date"]
        if due is None or due > AS_OF or (came and came < line["order_date"]):
            continue
        is_there = came is not None and came <= AS_OF
        got = (line["received_quantity"] or 10.0) if is_there else 0.0
        sums = wanted.setdefault((line["vendor_id"], due.replace(day=1)), {})
        on_time = is_there and line["promised_date"] is not None and came <= line["promised_date"]
        for name, value in {
            "n_lines": 1, "n_received": is_there, "n_promised": line["promised_date"] is not None, "n_on_time": on_time,
            "n_otif": on_time and got >= 10, "days": (came - line["order_date"]).days if is_there else 0,
            "ordered": 10.0, "received": got, "n_counted": line["received_quantity"] is not None,
        }.items():  # fmt: skip
            sums[name] = sums.get(name, 0) + value
        if line["sku_id"] == "s0":
            sums["paid"] = sums.get("paid", 0) + line["unit_cost"] * 10
    assert found.keys() == wanted.keys()
    for key, sums in wanted.items():
        assert {name: found[key][name] for name in sums} == pytest.approx(sums), key
        assert (found[key]["rejected"], found[key]["temperature_incidents"]) == (None, None)


def test_the_latest_orders_are_bounded_and_sane(spark: SparkSession) -> None:
    import pyarrow as pa

    from scaleinv.features.order_history import latest_orders

    names = [c.name for c in table("silver/purchase_orders").received]
    lines = orders()
    schema = pa.schema([table("silver/purchase_orders").schema.field(name) for name in names])
    frame = spark.createDataFrame(pa.Table.from_pylist(lines, schema=schema))
    found = latest_orders(frame, as_of=AS_OF, history_days=60, most=20).toArrow().to_pylist()
    sane = [r for r in lines if r["received_date"] is None or r["received_date"] >= r["order_date"]]
    best = sorted(sane, key=lambda r: (-r["order_date"].toordinal(), r["order_id"]))[:20]
    assert [row["order_date"] for row in found] == [row["order_date"] for row in best]
