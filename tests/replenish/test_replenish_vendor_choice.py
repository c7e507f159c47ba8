"""Vendors of lines from tables: terms, lead times per lane, blocked vendors, shares, and the reason in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from scaleinv.errors import DataError
from scaleinv.replenish import Conditions, VendorChoice, vendor_choice
from scaleinv.schema import table

VENDORS: list[dict[str, Any]] = [
    {"vendor_id": name, "review_period": 1, "currency": "EUR", "is_blocked": None, "capacity": None} for name in "ABC"
]


def made(name: str, rows: list[dict[str, Any]], *leave: str) -> pa.Table:
    schema = pa.schema([f for f in table(name).schema if f.name not in ("source", "load", "known_on", *leave)])
    return pa.Table.from_pylist(rows, schema=schema)


def offers(**costs: dict[str, Any]) -> pa.Table:
    common = {"min_order_quantity": 1.0, "order_multiple": 1.0}
    return made(
        "silver/vendor_items",
        [
            common | {"sku_id": key.split("_")[0], "vendor_id": key.split("_")[1]} | terms
            for key, terms in costs.items()
        ],
    )


def chosen(
    items: pa.Table,
    *,
    n: int = 1,
    vendors: list[dict[str, Any]] | None = None,
    lanes: dict[Any, list[float]] | None = None,
    predicted: dict[str, float] | None = None,
    records: pa.Table | None = None,
) -> VendorChoice | None:
    lines = pa.table({
        "sku_id": ["x"] * n, "location_id": [f"S{number}" for number in range(n)], "need": [10.0] * n,
        "mean_daily": [2.0] * n, "sd_daily": [1.0] * n, "review_period": [1] * n,
    })  # fmt: skip
    known: dict[Any, list[float]] = {(name, None): [0, 0, 0, 1.0] for name in "ABC"} | (lanes or {})
    lead = [{"vendor_id": v, "location_id": where, "probability": p, "short": (predicted or {}).get(v)}
            for (v, where), p in known.items()]  # fmt: skip
    return vendor_choice(
        lines, items, made("silver/vendors", vendors or VENDORS), made("gold/lead_times", lead, "as_of", "n_receipts"),
        safety_factor=np.full(n, 1.64), stockout_cost=np.full(n, 3.0), conditions=Conditions(records=records),
    )  # fmt: skip


def test_without_several_vendors_nothing_is_chosen() -> None:
    assert chosen(offers()) is None


def test_the_cheapest_is_chosen_and_the_next_is_told() -> None:
    found = chosen(
        offers(x_A={"unit_cost": 3.0}, x_B={"unit_cost": 2.0}, x_C={"unit_cost": 4.0}, y_A={"unit_cost": 1.0})
    )
    assert found is not None
    assert found.vendor_id.to_pylist() == ["B"]
    total = np.sort(found.cost.total[0])
    (said,) = found.reason.to_pylist()
    assert said.startswith(f"cheapest of 3: {total[0]:.2f}, next A {total[1]:.2f} (purchase ".replace(".00", ""))


def test_what_is_predicted_to_come_short_counts_and_else_the_record_does() -> None:
    items = offers(x_A={"unit_cost": 2.0}, x_B={"unit_cost": 2.01})
    records = pa.table({"vendor_id": ["A", "B"], "late": [0.0, 0.0], "short": [0.0, 0.3]})
    for predicted, best in (({}, "A"), ({"A": 0.3}, "A"), ({"A": 0.4}, "B"), ({"A": 0.3, "B": 0.0}, "B")):
        found = chosen(items, predicted=predicted, records=records)
        assert found is not None
        assert found.vendor_id.to_pylist() == [best], predicted


def test_a_blocked_vendor_is_never_chosen() -> None:
    blocked = [VENDORS[0], VENDORS[1] | {"is_blocked": True}, VENDORS[2]]
    found = chosen(offers(x_A={"unit_cost": 3.0}, x_B={"unit_cost": 2.0}), vendors=blocked)
    assert found is not None
    assert found.vendor_id.to_pylist() == ["A"]
    (said,) = found.reason.to_pylist()
    assert said.startswith("the only vendor that may deliver it (purchase 30, ")
    assert said.endswith("); a blocked vendor was left out")
    alone = chosen(offers(x_B={"unit_cost": 2.0}), vendors=blocked)
    assert alone is not None
    assert (alone.vendor_id.to_pylist(), alone.quantity.tolist(), alone.offer.tolist()) == ([None], [0.0], [-1])


def test_a_minimum_raises_the_quantity_and_shuts_nobody_out() -> None:
    """odoo/odoo#76162."""
    found = chosen(
        offers(x_A={"unit_cost": 3.0}, x_B={"unit_cost": 2.0, "min_order_quantity": 24.0, "order_multiple": 12.0})
    )
    assert found is not None
    assert (found.vendor_id.to_pylist(), found.quantity.tolist()) == (["B"], [24.0])


def test_a_lane_that_is_uneven_costs_its_vendor_the_line_there_and_only_there() -> None:
    uneven = {("B", "S1"): [0.0, 0.5] + [0.0] * 28 + [0.5]}
    lanes = {key: p + [0.0] * (31 - len(p)) for key, p in uneven.items()} | {
        (name, None): [0, 0, 0, 1.0] + [0.0] * 27 for name in "ABC"
    }
    found = chosen(offers(x_A={"unit_cost": 2.2}, x_B={"unit_cost": 2.0}), n=3, lanes=lanes)
    assert found is not None
    assert found.vendor_id.to_pylist() == ["B", "A", "B"]


def test_capacity_and_shares_are_kept_and_said() -> None:
    full = [VENDORS[0], VENDORS[1] | {"capacity": 40.0}, VENDORS[2]]
    items = offers(x_A={"unit_cost": 3.0}, x_B={"unit_cost": 2.0}, x_C={"unit_cost": 5.0, "min_share": 0.2})
    found = chosen(items, n=10, vendors=full)
    assert found is not None
    names = found.vendor_id.to_pylist()
    assert {name: names.count(name) for name in "ABC"} == {"A": 4, "B": 4, "C": 2}
    said = {name: found.reason[names.index(name)].as_py() for name in "ABC"}
    assert said["A"].startswith("B would cost")
    assert " less, but capacity and shares do not allow it (purchase 30, " in said["A"]
    assert found.selection.cost >= found.selection.bound - 1e-9
    most = chosen(offers(x_A={"unit_cost": 3.0}, x_B={"unit_cost": 2.0, "max_share": 0.5}), n=10)
    assert most is not None
    assert most.vendor_id.to_pylist().count("B") == 5


def test_an_article_without_an_offer_and_a_vendor_without_lead_times_are_named() -> None:
    with pytest.raises(DataError, match=r"silver/vendor_items lacks rows[\s\S]*x"):
        chosen(offers(y_A={"unit_cost": 3.0}))
    with pytest.raises(DataError, match=r"silver/vendors lacks rows[\s\S]*D"):
        chosen(offers(x_D={"unit_cost": 3.0}))
    with pytest.raises(DataError, match=r"without lead times[\s\S]*D"):
        chosen(offers(x_D={"unit_cost": 3.0}), vendors=[*VENDORS, VENDORS[0] | {"vendor_id": "D"}])
