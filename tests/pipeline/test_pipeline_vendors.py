"""Lead times per lane: predicted from order lines, and found again by the series that they belong to."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pytest
from tests.pipeline.test_pipeline_groups import AS_OF, rows

from scaleinv.config import load_config
from scaleinv.errors import DataError
from scaleinv.pipeline.arrays import lead_times, series_of
from scaleinv.pipeline.vendors import lanes, with_lanes
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import check, table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    return Walk(load_config("test", overrides=["features.max_lead_time=20"]), AS_OF)


def lines(n: int = 400) -> pa.Table:
    """Vendor V1 takes 3 days to S1 and 9 to S2; a tenth of the lines, the latest, are open."""
    rng = np.random.default_rng(0)
    sent = [AS_OF - dt.timedelta(days=int(x)) for x in np.sort(rng.integers(1, 300, n))[::-1]]
    place = rng.integers(0, 2, n)
    made = []
    for number, (day, where) in enumerate(zip(sent, place, strict=True)):
        came = day + dt.timedelta(days=int((3, 9)[where] + rng.integers(-1, 2)))
        made.append(
            {"order_id": f"o{number}", "line": 1, "vendor_id": "V1", "location_id": f"S{where + 1}", "order_date": day,
             "promised_date": day + dt.timedelta(days=9), "received_date": came if came <= AS_OF else None,
             "mode": None, "quantity": 10.0, "received_quantity": 8.0 if where and came <= AS_OF else 10.0}
        )  # fmt: skip
    return rows(table("silver/purchase_orders"), *made)


def test_each_lane_gets_the_distribution_of_its_own_deliveries(walk: Walk) -> None:
    made = check(lanes(walk, lines()), table("gold/lead_times"))
    found = {row["location_id"]: np.asarray(row["probability"]) for row in made.to_pylist()}
    assert set(found) == {"S1", "S2"}
    days = np.arange(21)
    assert found["S1"] @ days == pytest.approx(3.0, abs=0.5)
    assert found["S2"] @ days == pytest.approx(9.0, abs=0.5)
    assert all(p[0] == 0 and p.sum() == pytest.approx(1.0, abs=1e-5) for p in found.values())
    assert lanes(walk, lines()).equals(made.cast(lanes(walk, lines()).schema)), "the same night, the same rows"


def test_each_lane_gets_its_chance_of_a_late_line_and_what_never_comes(walk: Walk) -> None:
    """To S2 every line comes with a fifth missing, and a third of them late; to S1 all is well."""
    found = {row["location_id"]: row for row in lanes(walk, lines()).to_pylist()}
    assert found["S1"]["late"] == pytest.approx(0.0, abs=0.03)
    assert found["S2"]["late"] == pytest.approx(1 / 3, abs=0.08)
    assert found["S1"]["short"] == pytest.approx(0.0, abs=0.01)
    assert found["S2"]["short"] == pytest.approx(0.2, abs=0.01)
    silent = lines().set_column(lines().schema.get_field_index("received_quantity"), "received_quantity",
                                pa.nulls(400, pa.float64()))  # fmt: skip
    assert set(lanes(walk, silent)["short"].to_pylist()) == {None}, "nobody said what came"


def test_nothing_received_predicts_nothing(walk: Walk) -> None:
    none = lines(1).set_column(7, "received_date", pa.nulls(1, pa.date32()))
    assert lanes(walk, none.select(lines(1).column_names)).num_rows == 0


@pytest.mark.spark
def test_lanes_stand_beside_what_the_vendors_have(walk: Walk, spark: SparkSession) -> None:
    """The latest lines alone are learnt from; a vendor without any keeps its row, and the types are the table's."""
    said: list[str] = []
    config = walk.config.model_copy(
        update={"vendors": walk.config.vendors.model_copy(update={"max_orders": 300, "history_days": 200})}
    )
    night = cast(
        Walk,
        SimpleNamespace(config=config, as_of=AS_OF, spark=lambda: spark, progress=SimpleNamespace(say=said.append)),
    )
    schema = table("gold/lead_times").schema
    vendors = rows(table("gold/lead_times"), *(
        {"as_of": AS_OF, "vendor_id": vendor, "location_id": None, "probability": [0.0, 1.0] + [0.0] * 19}
        for vendor in ("V1", "V2")
    )).select(schema.names)  # fmt: skip
    known = spark.createDataFrame(vendors)
    given = table("silver/purchase_orders").received
    orders = spark.createDataFrame(lines().select([column.name for column in given]))
    made = with_lanes(night, known, orders).toArrow()
    assert sorted((row["vendor_id"], row["location_id"] or "") for row in made.to_pylist()) == [
        ("V1", ""), ("V1", "S1"), ("V1", "S2"), ("V2", ""),
    ]  # fmt: skip
    lately = [row for row in lines().to_pylist() if row["order_date"] > AS_OF - dt.timedelta(days=200)]
    last = sorted(lately, key=lambda row: (-row["order_date"].toordinal(), row["order_id"]))[:300]
    assert said == [f"lead times of 2 lanes predicted from {len(last)} order lines"]
    received = sum(row["received_date"] is not None for row in last)
    assert sum(row["n_receipts"] for row in made.to_pylist() if row["location_id"]) == received
    assert check(made.cast(schema), table("gold/lead_times")).num_rows == 4
    none = orders.where("false")
    assert with_lanes(night, known, none).toArrow().num_rows == 2
    assert "no order of the latest was received" in said[-1]


def test_a_series_finds_its_lane_else_its_vendor(walk: Walk) -> None:
    night = {"as_of": AS_OF, "group_id": "one"}
    facts = [
        night | {"unique_id": f"{vendor}@{where}", "vendor_id": vendor, "location_id": where}
        for vendor, where in (("V1", "S1"), ("V1", "S2"), ("V1", "S9"), ("V2", "S1"))
    ]
    walk.overwrite("gold/series", rows(table("gold/series"), *facts))
    known = [("V2", None), ("V1", "S2"), ("V1", None), ("V1", "S1")]
    walk.overwrite(
        "gold/lead_times",
        rows(table("gold/lead_times"), *(
            {"as_of": AS_OF, "vendor_id": v, "location_id": where, "probability": [float(n == at) for n in range(5)]}
            for at, (v, where) in enumerate(known)
        )),
    )  # fmt: skip
    read = lead_times(walk)
    assert read.mean[read.of(series_of(walk, "one"))].tolist() == [3.0, 1.0, 2.0, 0.0]
    walk.overwrite("gold/series", rows(table("gold/series"), facts[0] | {"vendor_id": "V3"}))
    with pytest.raises(DataError, match=r"vendors without lead times[\s\S]*V3"):
        lead_times(walk).of(series_of(walk, "one"))
