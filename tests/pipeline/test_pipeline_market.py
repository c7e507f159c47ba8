"""Vendors of a night's lines, from the tables of the lake to orders, exceptions and the reason."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.pipeline.limited_night import NAMES, VENDORS, N, by_name, made, named, why_of
from tests.pipeline.test_pipeline_groups import AS_OF, rows
from tests.replenish.test_replenish_selection import optimum

from scaleinv.pipeline import replenish
from scaleinv.pipeline.market import market_of, records_of, safety_factors
from scaleinv.pipeline.walk import Walk
from scaleinv.replenish import Limits
from scaleinv.schema import table

SKUS = [name.partition("@")[0] for name in NAMES]
PRICES = [2.0 + at for at in range(N)]
"""What ``made`` says that articles cost."""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """V1 takes two to four days, V2 three; W takes two days or twenty, and X three."""
    uneven, even = [0.0, 0, 0.8] + [0.0] * 17 + [0.2], [0.0, 0, 0, 1.0] + [0.0] * 17
    short = {"V1": [0, 0, 0.3, 0.4, 0.3] + [0.0] * 16}
    return made(
        tmp_path_factory.mktemp("market"), "features.max_lead_time=20",
        lead_times={"V2": even, "W": uneven, "X": even, **short},
    )  # fmt: skip


def vendor(name: str, **changes: Any) -> dict[str, Any]:
    return {"vendor_id": name, "review_period": 1, "currency": "EUR", "is_blocked": None, "capacity": None} | changes


def offer(at: int, name: str, factor: float = 1.0, **changes: Any) -> dict[str, Any]:
    terms = {"min_order_quantity": 2.0, "order_multiple": 2.0, "min_share": None, "max_share": None}
    free = {"freight_per_order": None, "freight_per_unit": None}
    return {"sku_id": SKUS[at], "vendor_id": name, "unit_cost": PRICES[at] * factor} | terms | free | changes


def proposed(
    walk: Walk,
    offers: list[dict[str, Any]],
    vendors: list[dict[str, Any]] | None = None,
    breaks: list[dict[str, Any]] | None = None,
    **config: Any,
) -> dict[str, dict[str, Any]]:
    """Lines of the night with these offers, by series."""
    default = [vendor(name) for name in ("V1", "V2", "W", "X")]
    for name, content in (("vendors", vendors or default), ("vendor_items", offers), ("price_breaks", breaks or [])):
        contract = table(f"silver/{name}")
        walk.lake.overwrite(contract, rows(contract, *content), where={"source": "x"})
    changed = Walk(walk.config.model_copy(update={"replenish": walk.config.replenish.model_copy(update=config)}), AS_OF)
    assert replenish.work(changed).complete
    lines = changed.read("gold/order_proposals").to_pylist()
    for line in lines:
        assert line["need"] + line["rounding"] + line["constraint_change"] == line["quantity"]
        assert line["value"] == pytest.approx(round(line["quantity"] * line["unit_cost"], 2), abs=0.0051)
    return {line["unique_id"]: line for line in lines}


def test_without_offers_the_night_is_as_it_was(night: Walk) -> None:
    proposed(night, [])
    plain = night.read("gold/order_proposals")
    again = proposed(night, [offer(0, VENDORS[0])])
    assert plain["vendor_reason"].null_count == N
    for line in plain.to_pylist():
        other = again[line["unique_id"]]
        alone = "the only vendor that may deliver it" if line["unique_id"] == NAMES[0] else None
        assert (other.pop("vendor_reason") or "").startswith(alone or "")
        line.pop("vendor_reason")
        assert other == line, "the same vendor on the same terms: the same order, with the same key"


def test_late_and_cheap_against_dear_and_reliable_turns_with_what_a_shortage_costs(night: Walk) -> None:
    offers = [one for at in range(N) for one in (offer(at, "W", 0.97), offer(at, "X"))]
    free = proposed(night, offers, goodwill=0.0)
    dear = proposed(night, offers, goodwill=20.0)
    assert sorted(free) == sorted(dear) == NAMES
    assert {line["vendor_id"] for line in dear.values()} == {"X"}
    assert "W" in {line["vendor_id"] for line in proposed(night, [offer(at, "W", 0.5) | {} for at in range(N)]
                                                          + [offer(at, "X") for at in range(N)]).values()}  # fmt: skip
    cheap = proposed(night, [one for at in range(N) for one in (offer(at, "W", 0.2), offer(at, "X"))], goodwill=0.0)
    assert {line["vendor_id"] for line in cheap.values()} == {"W"}
    for at, name in enumerate(NAMES):
        line = cheap[name]
        assert line["unit_cost"] == pytest.approx(PRICES[at] * 0.2)
        assert (line["delivery_date"] - AS_OF).days == math.ceil(0.8 * 2 + 0.2 * 20)
        assert (dear[name]["delivery_date"] - AS_OF).days == 3
        assert line["vendor_reason"].startswith("cheapest of 2: ")
        assert ", next X " in line["vendor_reason"]
        assert "(purchase " in line["vendor_reason"]


def test_keys_stay_where_the_vendor_stays(night: Walk) -> None:
    before = proposed(night, [])
    offers = [offer(at, VENDORS[at]) for at in range(N)] + [offer(at, "X", 0.5) for at in (0, 5)]
    after = proposed(night, offers)
    moved = {name for name in NAMES if after[name]["vendor_id"] != before[name]["vendor_id"]}
    assert moved == {NAMES[0], NAMES[5]}
    for name in set(NAMES) - moved:
        assert after[name]["order_id"] == before[name]["order_id"]
    assert {after[name]["order_id"] for name in moved}.isdisjoint(line["order_id"] for line in before.values())


def test_a_minimum_above_the_need_raises_the_order_and_shuts_nobody_out(night: Walk) -> None:
    """odoo/odoo#76162: a vendor whose minimum is above the need was passed over, whatever it cost."""
    offers = [offer(at, "V1", 3.0) for at in range(N)]
    offers += [offer(at, "X", min_order_quantity=90.0, order_multiple=12.0) for at in range(N)]
    lines = proposed(night, offers)
    assert {line["vendor_id"] for line in lines.values()} == {"X"}
    for line in lines.values():
        assert line["quantity"] % 12 == 0
        assert line["quantity"] >= 96
        assert line["quantity"] >= line["need"]
        assert "minimum 90, multiple 12" in line["reason"]


def test_capacity_moves_lines_and_what_nobody_can_deliver_is_named(night: Walk) -> None:
    offers = [one for at in range(N) for one in (offer(at, "W", 0.5), offer(at, "X"))]
    alone = proposed(night, offers, goodwill=0.0)
    asked = sum(line["quantity"] for line in alone.values() if line["vendor_id"] == "W")
    assert asked > 0
    vendors = [vendor("V1"), vendor("V2"), vendor("W", capacity=asked / 2), vendor("X")]
    lines = proposed(night, offers, vendors, goodwill=0.0)
    assert sorted(lines) == NAMES
    taken = [line for line in lines.values() if line["vendor_id"] == "W"]
    assert 0 < sum(line["quantity"] for line in taken) <= asked / 2
    pushed = [
        line for line in lines.values() if line["vendor_id"] == "X" and alone[line["unique_id"]]["vendor_id"] == "W"
    ]
    assert any(line["vendor_reason"].startswith("W would cost ") for line in pushed)
    few = [vendor("V1"), vendor("V2"), vendor("W", capacity=asked / 2), vendor("X", capacity=20.0)]
    lines = proposed(night, offers, few, goodwill=0.0)
    assert sum(line["quantity"] for line in lines.values() if line["vendor_id"] == "X") <= 20
    lost = {row["unique_id"] for row in named(night) if row["kind"] == "vendor_over_capacity"}
    assert lost
    assert lost | set(lines) == set(NAMES), "nothing is lost in silence"
    assert not lost & set(lines)
    assert all(row["value_at_risk"] > 0 for row in named(night) if row["kind"] == "vendor_over_capacity")
    why = why_of(night, min(lost))
    assert why.why_not == "vendor_over_capacity"
    assert "Vendor: nobody delivers it tonight" in why.text()


def test_capacity_is_shared_with_articles_of_one_vendor(night: Walk) -> None:
    before = proposed(night, [])
    fixed = sum(before[name]["quantity"] for name in NAMES[1:] if before[name]["vendor_id"] == "V2")
    mine = before[NAMES[0]]["quantity"]
    offers = [offer(0, "V2"), offer(0, "X", 2.0)]
    for more, expected in ((mine, "V2"), (mine - 1, "X")):
        vendors = [vendor("V1"), vendor("V2", capacity=fixed + more), vendor("W"), vendor("X")]
        assert proposed(night, offers, vendors)[NAMES[0]]["vendor_id"] == expected


def test_a_blocked_vendor_gets_nothing_and_others_deliver_its_articles(night: Walk) -> None:
    blocked = [vendor("V1", is_blocked=True), vendor("V2"), vendor("W"), vendor("X")]
    offers = [one for at in range(N - 1) for one in (offer(at, "V1", 0.1), offer(at, "X"))]
    offers.append(offer(N - 1, "V1"))
    lines = proposed(night, offers, blocked)
    assert {line["vendor_id"] for line in lines.values()} == {"X"}
    assert VENDORS[N - 1] == "V1"
    assert sorted(lines) == NAMES[:-1]
    assert [(row["unique_id"], row["kind"]) for row in named(night)] == [(NAMES[N - 1], "vendor_blocked")]
    assert "a blocked vendor was left out" in lines[NAMES[1]]["vendor_reason"]
    only = proposed(night, [], blocked)
    assert {line["vendor_id"] for line in only.values()} == {"V2"}
    assert {row["unique_id"] for row in named(night)} == {n for n, v in zip(NAMES, VENDORS, strict=True) if v == "V1"}


def test_a_vendor_of_another_evening_or_currency_is_left_out(night: Walk) -> None:
    """AS_OF is a Saturday, reviews of a period of seven days without a date are on Mondays."""
    offers = [offer(1, "V1"), offer(1, "W", 0.01), offer(1, "X", 0.01)]
    weekly = vendor("W", review_period=7, review_date=None)
    line = proposed(night, offers, [vendor("V1"), vendor("V2"), weekly, vendor("X", currency="JPY")])[NAMES[1]]
    assert line["vendor_id"] == "V1"
    assert "; a vendor that takes no orders tonight was left out" in line["vendor_reason"]
    assert "; a vendor of another currency was left out" in line["vendor_reason"]


def test_a_minimum_that_fits_under_no_limit_of_stock_is_named(tmp_path: Path) -> None:
    walk = made(tmp_path, "inventory.limits.max_stock=30")
    offers = [offer(8, "V1", 0.5, min_order_quantity=40.0), offer(8, "V2", 2.0)]
    assert proposed(walk, offers)[NAMES[8]]["vendor_id"] == "V2"
    assert NAMES[8] not in proposed(walk, offers[:1])
    assert (NAMES[8], "minimum_above_maximum") in [(row["unique_id"], row["kind"]) for row in named(walk)]


def test_price_breaks_change_the_vendor_and_the_price(night: Walk) -> None:
    offers = [one for at in range(N) for one in (offer(at, "V2"), offer(at, "X", 1.05))]
    breaks = [
        {"vendor_id": "X", "sku_id": SKUS[at], "min_quantity": units, "unit_cost": PRICES[at] * price}
        for at in range(N)
        for units, price in ((40.0, 0.8), (20.0, 0.9))
    ]
    breaks.append(breaks[0] | {"sku_id": "not_sold", "vendor_id": "V2"})
    for kind in ("all_units", "incremental"):
        lines = proposed(night, offers, breaks=breaks, price_breaks=kind)
        assert {line["vendor_id"] for line in lines.values()} == {"V2", "X"}
        for at, name in enumerate(NAMES):
            line, cost = lines[name], PRICES[at]
            q = line["quantity"]
            if line["vendor_id"] == "V2":
                assert line["unit_cost"] == cost
                continue
            plain = 1.05 if q < 20 else 0.9 if q < 40 else 0.8
            steps = 1.05 * min(q, 20) + 0.9 * min(max(q - 20, 0), 20) + 0.8 * max(q - 40, 0)
            assert line["unit_cost"] == pytest.approx(cost * (plain if kind == "all_units" else steps / q), abs=5.1e-5)


def test_a_vendors_record_counts(night: Walk) -> None:
    contract = table("gold/vendor_scorecards")
    month = {"month": AS_OF.replace(day=1), "n_lines": 100, "n_received": 100}
    night.overwrite(
        contract.name,
        rows(contract, *({"as_of": AS_OF, "vendor_id": name, "on_time": on_time, "fill": fill} | month
                         for name, on_time, fill in (("V2", 0.4, 0.7), ("X", 1.0, 1.0), ("W", 0.9, None)))),
    )  # fmt: skip
    try:
        found = {row["vendor_id"]: row for row in records_of(night).to_pylist()}  # type: ignore[union-attr]
        of_all = 70 / 300
        assert found["V2"]["late"] == pytest.approx((60 + 10 * of_all) / 110)
        assert found["X"]["short"] == pytest.approx((10 * 30 / 200) / 110)
        assert found["W"]["short"] == pytest.approx(30 / 200), "not recorded: that of all"
        offers = [one for at in range(N) for one in (offer(at, "V2", 0.99), offer(at, "X"))]
        short = proposed(night, offers)
        assert {line["vendor_id"] for line in short.values()} == {"X"}
    finally:
        night.overwrite(contract.name, contract.schema.empty_table())
    assert {line["vendor_id"] for line in proposed(night, offers).values()} == {"V2"}


def test_safety_factors_are_those_of_the_promise() -> None:
    policies = pa.table({
        "target": [0.95, 0.98, 0.98, 0.9], "order_quantity": [10.0] * 4, "demand_safety_stock": [4.0, 4.0, 0.0, 4.0],
        "target_kind": ["cycle_service_level", "fill_rate", "fill_rate", "fill_rate"],
    })  # fmt: skip
    k = safety_factors(policies)
    assert k[0] == pytest.approx(1.645, abs=1e-3)
    assert np.isnan(k[2])
    assert k[3] < k[1]
    from scipy.stats import norm

    for at in (1, 3):
        sigma = 4.0 / k[at]
        loss = norm.pdf(k[at]) - k[at] * norm.sf(k[at])
        assert loss * sigma == pytest.approx((1 - policies["target"][at].as_py()) * 10.0, rel=0.02)


def test_the_whole_night_against_a_proven_optimum(night: Walk) -> None:
    """Choice, capacities and shares of the stage, beside OR-Tools on the same costs."""
    from scaleinv.pipeline.explain_vendor import vendor_costs

    random = np.random.default_rng(3)
    names = ["V1", "V2", "X"]
    offers = [offer(at, name, float(random.uniform(0.8, 1.2))) for at in range(N) for name in names]
    alone = proposed(night, offers)
    asked = {name: sum(r["quantity"] for r in alone.values() if r["vendor_id"] == name) for name in names}
    most = {name: math.floor(asked[name] * 0.7) for name in ("V1", "V2")}
    assert all(most.values())
    vendors = [vendor(name, capacity=most.get(name)) for name in (*names, "W")]
    lines = proposed(night, offers, vendors)
    assert sorted(lines) == NAMES
    costs = [{cost.vendor_id: cost for cost in vendor_costs(night, name, lines[name])} for name in NAMES]
    total = np.array([[row[name].total for name in names] for row in costs])
    use = np.array([[row[name].quantity for name in names] for row in costs])
    which = np.tile(np.arange(3), (N, 1))
    limits = Limits(which[None], use[None], np.array([most.get(name, np.inf) for name in names]), np.zeros(3))
    best = optimum(total, np.ones((N, 3), bool), np.full(N, 1e5), limits, np.zeros(3))
    assert best is not None
    paid = sum(row[lines[name]["vendor_id"]].total for row, name in zip(costs, NAMES, strict=True))
    for name, units in most.items():
        assert sum(r["quantity"] for r in lines.values() if r["vendor_id"] == name) <= units
    assert best - 0.01 <= paid <= best * 1.02


def test_totals_reconcile_and_orders_are_of_one_vendor_and_currency(night: Walk) -> None:
    offers = [offer(at, name, 0.9 + 0.01 * ((at * 7 + n * 5) % 20)) for at in range(N) for n, name in enumerate("WX")]
    proposed(night, offers)
    lines = night.read("gold/order_proposals")
    for column in ("vendor_id", "location_id", "currency"):
        each = lines.group_by(["order_id"]).aggregate([(column, "count_distinct")])
        assert pc.all(pc.equal(each[f"{column}_count_distinct"], 1)).as_py()
    by_order = lines.group_by("order_id").aggregate([("value", "sum"), ("line", "max"), ("line", "count")])
    assert by_order["line_max"].to_pylist() == by_order["line_count"].to_pylist()
    assert round(pc.sum(by_order["value_sum"]).as_py(), 2) == round(sum(lines["value"].to_pylist()), 2)
    again = by_name(night, "gold/order_proposals")
    assert proposed(night, offers[::-1]) == again, "the order of the offers changes nothing"


def test_why_this_vendor_is_told_with_what_the_others_cost(night: Walk) -> None:
    offers = [offer(4, "V1", 1.1), offer(4, "W", 0.2), offer(4, "X")]
    line = proposed(night, offers, goodwill=0.0)[NAMES[4]]
    assert market_of(night) is not None
    why = why_of(night, NAMES[4])
    assert why.vendors[0].vendor_id == line["vendor_id"] == "W"
    for cost in why.vendors:
        assert cost.total == pytest.approx(sum(cost.parts.values()), abs=0.03)
    told = line["vendor_reason"]
    assert f"cheapest of 3: {why.vendors[0].total:.2f}".rstrip("0").rstrip(".") in told
    assert f"next {why.vendors[1].vendor_id} {why.vendors[1].total:.2f}".rstrip("0").rstrip(".") in told
    text = why.text()
    assert f"Vendor: {told}" in text
    assert sum("<- chosen" in row for row in text.splitlines()) == 1
    assert json.loads(json.dumps(why.plain()))["vendors"][0]["vendor_id"] == "W"
    assert why_of(night, NAMES[3]).vendors == ()
