"""The stock position from Spark against a plain loop: what is due when, overdue orders, transfers."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.features.retailer import AS_OF, HORIZON, frames, retailer

from scaleinv.config import FeaturesConfig
from scaleinv.features.position import LONGEST_LATE
from scaleinv.inventory.overdue import late_chances
from scaleinv.pipeline.features import _chances
from scaleinv.schema import check, table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def orders() -> list[dict[str, Any]]:
    """Received ones, a quarter of them late; open ones before and after tonight, with a promise or without."""
    random = np.random.default_rng(11)
    made = []
    for n in range(160):
        ordered = AS_OF - dt.timedelta(days=int(random.integers(4, 58)))
        promised = ordered + dt.timedelta(days=3) if n % 5 else None
        late = int(random.choice([0, 0, 0, 1, 2, 6]))
        received = ordered + dt.timedelta(days=3 + late)
        made.append((ordered, promised, received if n % 8 and received <= AS_OF else None))
    ahead = [(AS_OF, AS_OF + dt.timedelta(days=n), None) for n in (0, 1, 4, 4, 30)]
    return [
        {
            "order_id": f"o{n}", "line": 1, "vendor_id": "V1", "sku_id": "steady" if n % 3 else "lumpy",
            "location_id": "S1", "order_date": day, "promised_date": promised, "received_date": received,
            "quantity": 1.5 + n % 7,
        }
        for n, (day, promised, received) in enumerate([*made, *ahead])
    ] + since_the_count()  # fmt: skip


def since_the_count() -> list[dict[str, Any]]:
    """Of a SKU that was counted two days ago: what came then, what came since, and what is to come."""
    one = {
        "line": 1, "vendor_id": "V1", "sku_id": "new", "location_id": "S1", "order_date": AS_OF - dt.timedelta(days=5),
        "promised_date": AS_OF + dt.timedelta(days=1), "received_date": None, "quantity": 10.0,
    }  # fmt: skip
    counted, since = AS_OF - dt.timedelta(days=2), AS_OF - dt.timedelta(days=1)
    return [
        one | {"order_id": "n1", "received_date": counted},
        one | {"order_id": "n2", "received_date": since, "received_quantity": 6.0, "rejected_quantity": 1.0},
        one | {"order_id": "n3", "received_date": AS_OF},
        one | {"order_id": "n4", "received_quantity": 6.0},
        one | {"order_id": "n5", "received_quantity": 12.0},
    ]


def transfers() -> list[dict[str, Any]]:
    day = AS_OF - dt.timedelta(days=2)
    one = {"line": 1, "sku_id": "steady", "order_date": day, "promised_date": AS_OF + dt.timedelta(days=2)}
    inward = one | {"location_id": "S1", "from_location_id": "S2", "shipped_date": None, "received_date": None}
    outward = inward | {"location_id": "S2", "from_location_id": "S1"}
    return [
        inward | {"transfer_id": "t1", "quantity": 3.0},
        inward | {"transfer_id": "t2", "quantity": 5.0, "received_date": AS_OF, "shipped_date": day},
        outward | {"transfer_id": "t3", "quantity": 2.0},
        outward | {"transfer_id": "t4", "quantity": 7.0, "shipped_date": day},  # it has left the shelf's count
        inward | {"transfer_id": "t5", "quantity": 1.5, "sku_id": "new", "shipped_date": day, "received_date": AS_OF},
        outward
        | {"transfer_id": "t6", "quantity": 0.5, "sku_id": "new", "shipped_date": AS_OF, "received_date": AS_OF},
        outward | {"transfer_id": "t7", "quantity": 4.0, "sku_id": "new", "shipped_date": day, "received_date": day},
    ]


def test_the_position_against_a_plain_loop(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    from scaleinv.features import build

    rows = retailer() | {"purchase_orders": orders(), "transfers": transfers()}
    counted = {"sku_id": "new", "location_id": "S1", "date": AS_OF - dt.timedelta(days=2), "on_hand": 3.0}
    rows["stock"] = [r for r in rows["stock"] if r["sku_id"] != "new"] + [rows["stock"][0] | counted]
    silver = frames(spark, rows, shuffled=True)
    kept: list[Any] = []

    def keep(frame: Any, _: bool) -> Any:
        kept.append(frame.persist())
        return kept[0].where(F.col("ds") <= F.lit(AS_OF)), None

    with ExitStack() as held:
        gold = build(
            silver, keep, held, as_of=AS_OF, horizon=HORIZON, config=FeaturesConfig(max_lead_time=10),
            n_sales=len(rows["sales"]), n_prices=len(rows["prices"]), late=_chances,
        )  # fmt: skip
        tables = {name: check(frame.toArrow(), table(name)) for name, frame in gold.items()}
    (lead,) = [r["probability"] for r in tables["gold/lead_times"].to_pylist() if r["vendor_id"] == "V1"]
    mean = float(np.dot(lead, np.arange(len(lead))))
    dues = [
        (line, line["promised_date"] or line["order_date"] + dt.timedelta(days=int(np.ceil(round(mean, 6)))))
        for line in rows["purchase_orders"]
    ]
    arrived, waiting = np.zeros((1, LONGEST_LATE + 1)), np.zeros((1, LONGEST_LATE + 1))
    for line, due in dues:
        if line["received_date"]:
            arrived[0, max((line["received_date"] - due).days, 0)] += 1
        elif due < AS_OF:
            waiting[0, (AS_OF - due).days] += 1
    # The other vendor has no record: it is the same as if it were not there.
    chance = late_chances(arrived, waiting, [mean + 7])[0]
    known = {r["vendor_id"]: r["chance"] for r in tables["gold/late_supply"].to_pylist()}
    assert np.allclose(known["V1"], chance, atol=1e-6)
    found = {r["unique_id"]: r for r in tables["gold/stock_position"].to_pylist()}
    for sku in ("steady", "lumpy"):
        row = found[f"{sku}@S1"]
        mine = [(line["quantity"], due) for line, due in dues if line["sku_id"] == sku and not line["received_date"]]
        overdue = [(units, (AS_OF - due).days) for units, due in mine if due < AS_OF]
        assert overdue
        assert row["on_order_overdue"] == sum(units for units, _ in overdue)
        taken = sum(units * (1 - chance[days]) for units, days in overdue)
        assert row["on_order_discount"] == pytest.approx(taken, abs=1e-4)
        moved = 3.0 if sku == "steady" else 0.0
        assert row["transfer_in"] == moved
        assert row["on_order"] == pytest.approx(sum(units for units, _ in mine) + moved - taken, abs=1e-4)
        ahead: dict[dt.date, float] = {}
        for units, due in [*mine, (moved, AS_OF + dt.timedelta(days=2))]:
            if due > AS_OF and units:
                ahead[due] = ahead.get(due, 0.0) + units
        assert dict(zip(row["supply_dates"], row["supply_units"], strict=True)) == ahead
        assert row["supply_dates"] == sorted(ahead)
    assert found["steady@S1"]["transfer_out"] == 2.0
    assert found["steady@S1"]["reserved"] == 1.0 + 2.0
    since = found["new@S1"]
    assert since["on_hand"] == counted["on_hand"] + 5.0 + 10.0 + 1.5, "what came after the count is there"
    assert (since["on_order"], since["supply_units"]) == (4.0, [4.0]), "of an open line the rest, of a closed one none"
    assert since["transfer_out"] == 0.5, "what left after the count is gone, although it has arrived"
