"""Scorecards against slow loops; what nobody recorded stays unknown."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from scaleinv.schema import check, table
from scaleinv.vendors import scorecards

AS_OF = dt.date(2026, 6, 30)
NUMBERS = (
    "n_lines", "n_received", "n_promised", "n_on_time", "n_otif", "days", "days2", "n_counted", "ordered", "received",
    "paid", "catalogue", "rejected", "inspected", "temperature_incidents",
)  # fmt: skip
UNKNOWN = {"n_counted": 0, "paid": None, "catalogue": None, "rejected": None, "inspected": None,
           "temperature_incidents": None}  # fmt: skip


def months(rows: list[dict[str, object]]) -> pa.Table:
    default: dict[str, object] = dict.fromkeys(NUMBERS, 0)
    fields = [pa.field("vendor_id", pa.string()), pa.field("month", pa.date32())]
    fields += [pa.field(name, pa.float64()) for name in NUMBERS]
    return pa.Table.from_pylist([default | UNKNOWN | row for row in rows], schema=pa.schema(fields))


def month(number: int) -> dt.date:
    return dt.date(2024 + number // 12, number % 12 + 1, 1)


def test_shares_and_spread() -> None:
    taken = np.array([3.0, 5.0, 10.0])
    row = {
        "vendor_id": "V", "month": month(0), "n_lines": 4, "n_received": 3, "n_promised": 4, "n_on_time": 2,
        "n_otif": 1,
        "days": taken.sum(), "days2": (taken**2).sum(), "n_counted": 2, "ordered": 40, "received": 28, "paid": 42,
        "catalogue": 40, "rejected": 2, "inspected": 25, "temperature_incidents": 1,
    }  # fmt: skip
    made = scorecards(months([row]), as_of=AS_OF).cast(table("gold/vendor_scorecards").schema)
    (found,) = check(made, table("gold/vendor_scorecards")).to_pylist()
    assert (found["otif"], found["on_time"], found["fill"]) == (0.25, 0.5, 0.7)
    assert (found["lead_time_mean"], found["lead_time_sd"]) == pytest.approx((taken.mean(), taken.std(ddof=1)))
    assert (found["price_variance"], found["rejected_share"]) == pytest.approx((0.05, 0.08))
    assert (found["temperature_incidents"], found["otif_trend"]) == (1, None)


def test_what_nobody_recorded_is_null() -> None:
    row = {"vendor_id": "V", "month": month(0), "n_lines": 1, "ordered": 5.0, "received": 5.0}
    (found,) = scorecards(months([row]), as_of=AS_OF).to_pylist()
    nothing = ("otif", "on_time", "lead_time_mean", "fill", "price_variance", "rejected_share", "temperature_incidents")
    assert {name: found[name] for name in nothing} == dict.fromkeys(nothing)


def test_trends_are_those_of_a_regression_per_vendor_over_a_year() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for vendor in ("A", "B", "C"):
        for number in np.flatnonzero(rng.random(30) < 0.8).tolist():
            kept = int(rng.integers(0, 20))
            rows.append({"vendor_id": vendor, "month": month(number), "n_lines": 20, "n_promised": 20, "n_otif": kept})
    made = scorecards(months([rows[at] for at in rng.permutation(len(rows))]), as_of=AS_OF).to_pylist()
    assert [(row["vendor_id"], row["month"]) for row in made] == [(row["vendor_id"], row["month"]) for row in rows]
    for row in made:
        now = row["month"].year * 12 + row["month"].month
        known = [
            (other["month"].year * 12 + other["month"].month, other["otif"]) for other in made
            if other["vendor_id"] == row["vendor_id"]
        ]  # fmt: skip
        x, y = zip(*[(at, value) for at, value in known if now - 12 < at <= now], strict=True)
        if len(x) < 3:
            assert row["otif_trend"] is None
            continue
        fit = stats.linregress(x, y)
        assert row["otif_trend"] == pytest.approx(fit.slope, abs=1e-12)
        assert row["otif_trend_se"] == pytest.approx(fit.stderr, abs=1e-9)


def test_no_vendor_no_rows() -> None:
    assert scorecards(months([]), as_of=AS_OF).num_rows == 0
