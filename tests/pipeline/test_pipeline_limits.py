"""The stages optimize and replenish under limits and with bad rows, on a lake that this process wrote."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import poisson
from tests.pipeline.limited_night import MEAN, NAMES, VENDORS, N, by_name, made, named, nan, why_of
from tests.pipeline.test_pipeline_groups import AS_OF

from scaleinv.config import ServiceTarget
from scaleinv.errors import DataError
from scaleinv.pipeline.arrays import champions_of, lead_times, of_champions, series_of
from scaleinv.pipeline.levels import policies_of
from scaleinv.pipeline.picture import draw
from scaleinv.pipeline.terms import protection_of, tonight
from scaleinv.pipeline.walk import Walk
from scaleinv.schema.words import HELD_PROBLEMS

Make = Callable[..., Walk]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    return lambda *settings, **changes: made(tmp_path_factory.mktemp("night"), *settings, **changes)


@pytest.fixture(scope="module")
def plain(make: Make) -> Walk:
    return make()


def kinds(walk: Walk) -> list[tuple[str, str]]:
    return [(row["unique_id"], row["kind"]) for row in named(walk)]


def adds_up(walk: Walk) -> None:
    for row in walk.read("gold/policies").to_pylist():
        parts = row["expected_demand"] + row["demand_safety_stock"] + row["lead_time_safety_stock"] + row["rounding"]
        assert parts + row["constraint_change"] == row["reorder_point"]
        assert row["expected_demand"] + row["safety_stock"] + row["constraint_change"] == row["reorder_point"]
        assert row["reorder_point"] + row["order_quantity"] == row["order_up_to_level"]
    for line in walk.read("gold/order_proposals").to_pylist():
        assert line["need"] + line["rounding"] + line["constraint_change"] == line["quantity"]


def test_without_limits_everything_is_ordered(plain: Walk) -> None:
    adds_up(plain)
    lines = by_name(plain, "gold/order_proposals")
    assert sorted(lines) == NAMES
    assert {line["constraint"] for line in lines.values()} == {None}
    assert kinds(plain) == []
    for row in plain.read("gold/policies").to_pylist():
        assert (row["problem"], row["constraint"], row["level_limit"], row["quantity_change"]) == (None, None, None, 0)


def negative(mean: Any, daily: Any, cumulative: Any) -> None:
    daily[2, 0] = -1.0


def infinite(mean: Any, daily: Any, cumulative: Any) -> None:
    cumulative[5, 4] = math.inf


def test_bad_rows_are_named_and_held_and_the_others_ordered_as_before(make: Make, plain: Walk) -> None:
    walk = make(
        forecasts={0: nan, 1: negative, 2: infinite},
        series={3: {"unit_cost": math.nan}, 4: {"order_multiple": 0.0}, 5: {"review_period": 0}},
        stock={6: {"on_hand": math.nan}},
    )
    adds_up(walk)
    expected = {
        0: "demand_unknown", 1: "demand_negative", 2: "demand_infinite", 3: "bad_unit_cost", 4: "bad_order_terms",
        5: "bad_review_period", 6: "bad_stock",
    }  # fmt: skip
    assert kinds(walk) == [(NAMES[at], kind) for at, kind in expected.items()]
    assert set(expected.values()) <= set(HELD_PROBLEMS)
    for row in named(walk):
        assert row["detail"].endswith("nothing is ordered")
        assert math.isfinite(row["value_at_risk"])
    lines, before = by_name(walk, "gold/order_proposals"), by_name(plain, "gold/order_proposals")
    assert sorted(lines) == NAMES[7:]
    for name in NAMES[7:]:
        assert lines[name]["quantity"] == before[name]["quantity"]
    policies, were = by_name(walk, "gold/policies"), by_name(plain, "gold/policies")
    for at, name in enumerate(NAMES):
        if at < 6:
            assert (policies[name]["problem"], policies[name]["reorder_point"]) == (expected[at], 0)
        else:
            assert policies[name] == were[name]


def test_lead_times_of_nothing_and_of_nonsense(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    walk = make(lead_times={"V1": [1.0, 0, 0, 0, 0], "V2": [0, 0, 0, 0.2, 0]})
    found = dict(kinds(walk))
    for name, vendor in zip(NAMES, VENDORS, strict=True):
        assert found.get(name) == (None if vendor == "V1" else "bad_lead_time")
    assert capsys.readouterr().err.count("mostly 0 days count as 1: vendors V1\n") == 1
    full = make(lead_times={"V1": [1.0, 0, 0, 0, 0]}, stock={1: {"on_hand": 900.0}})
    assert why_of(full, NAMES[1]).why_not == "position 900 is not below the reorder point"
    ordered = {name for name, vendor in zip(NAMES, VENDORS, strict=True) if vendor == "V1"}
    assert set(by_name(walk, "gold/order_proposals")) == ordered


def test_a_minimum_above_the_maximum_stock_is_a_contradiction(make: Make) -> None:
    walk = make("inventory.limits.max_stock=30", series={4: {"min_order_quantity": 31.0}})
    assert (NAMES[4], "minimum_above_maximum") in kinds(walk)
    assert NAMES[4] not in by_name(walk, "gold/order_proposals")
    adds_up(walk)
    for row in walk.read("gold/policies").to_pylist():
        assert row["level_limit"] == 30
        assert row["order_up_to_level"] <= 30 or row["problem"] == "minimum_above_maximum"
    bound = [row for row in walk.read("gold/policies").to_pylist() if row["constraint"]]
    assert {row["constraint"] for row in bound} == {"max_stock"}
    assert all(row["quantity_change"] < 0 for row in bound)
    assert any(row["constraint_change"] < 0 for row in bound)
    assert max(line["quantity"] for line in by_name(walk, "gold/order_proposals").values()) <= 30


def test_a_smaller_order_keeps_its_promise_by_a_higher_reorder_point(make: Make, plain: Walk) -> None:
    walk = make("inventory.limits.max_stock=45")
    adds_up(walk)
    policies, were = by_name(walk, "gold/policies"), by_name(plain, "gold/policies")
    higher = 0
    for group in walk.groups():
        part = series_of(walk, group)
        found = of_champions(walk, group, part.series, champions_of(walk), cutoff=AS_OF)
        terms, found = tonight(walk, part, lead_times(walk), found)
        mine = [policies[name] for name in part.text("unique_id")]
        quantity = [row["order_quantity"] for row in mine]
        demand = protection_of(walk, found, terms)
        asked = policies_of(walk, demand, found, terms, "quantile", max_order_quantity=quantity)
        for row, point in zip(mine, asked.reorder_point, strict=True):
            assert row["reorder_point"] - row["constraint_change"] == point
            was = were[row["unique_id"]]
            assert row["order_quantity"] - row["quantity_change"] == was["order_quantity"]
            higher += row["constraint_change"] == 0 and row["reorder_point"] > was["reorder_point"]
    assert higher >= 2


def test_limits_of_stock_bind_in_the_replay_too(make: Make, plain: Walk) -> None:
    walk = make("inventory.limits.max_stock_days=4")
    stock, before = (
        {row["policy"]: row["mean_on_hand"] for row in one.read("gold/replay").to_pylist() if row["slice"] == "overall"}
        for one in (walk, plain)
    )
    assert set(stock) == set(before)
    assert all(stock[policy] < 0.8 * before[policy] for policy in ("quantile", "root", "seed"))


def test_a_shelf_life_limits_its_category(make: Make, plain: Walk) -> None:
    walk = make("inventory.limits.shelf_life_days={fresh: 5}", "inventory.limits.waste_chance=0.2")
    adds_up(walk)
    policies, were = by_name(walk, "gold/policies"), by_name(plain, "gold/policies")
    for at, name in enumerate(NAMES):
        if at % 2 == 0:
            assert policies[name] == were[name]
            continue
        # Three days to the shelf: two of demand before, five in which it may be sold.
        assert policies[name]["level_limit"] == pytest.approx(poisson.ppf(0.2, 7 * MEAN[at]), abs=1)
        assert policies[name]["order_up_to_level"] <= policies[name]["level_limit"]


def slow(mean: Any, daily: Any, cumulative: Any) -> None:
    """One unit in ten days, as a rule."""
    days, levels = np.arange(1, len(mean) + 1), np.linspace(0.05, 0.95, daily.shape[1])
    mean[:], daily[:], cumulative[:] = 0.1, 0.0, poisson.ppf(levels, (0.1 * days)[:, None])


def dead(mean: Any, daily: Any, cumulative: Any) -> None:
    for values in (mean, daily, cumulative):
        values[:] = 0.0


def test_limits_of_days_leave_slow_movers_orderable_and_dead_ones_alone(make: Make) -> None:
    """Thirty days of 0.1 are 3 units, a pack is 12; a shelf life of five days is a limit of 0."""
    pack = {"min_order_quantity": 0.0, "order_multiple": 12.0}
    walk = make(
        "inventory.limits.max_stock_days=30", "inventory.limits.shelf_life_days={fresh: 5}",
        forecasts={0: slow, 1: slow, 2: dead, 3: dead}, series={0: pack, 1: pack, 3: {"order_multiple": 0.0}},
    )  # fmt: skip
    adds_up(walk)
    found = {name: kind for name, kind in kinds(walk) if name in NAMES[:4]}
    # Above a reorder point of 1, which what sells keeps, the least order is one pack, and two were wanted.
    assert found == {NAMES[0]: "cut_by_max_stock", NAMES[1]: "cut_by_max_stock", NAMES[3]: "bad_order_terms"}
    policies, lines = by_name(walk, "gold/policies"), by_name(walk, "gold/order_proposals")
    assert [policies[name]["level_limit"] for name in NAMES[:3]] == [12.0, 12.0, None]
    assert [lines[name]["quantity"] if name in lines else 0.0 for name in NAMES[:4]] == [12.0, 12.0, 0.0, 0.0]


def test_a_budget_is_spent_on_what_is_worth_most_and_what_it_cuts_is_named(make: Make, plain: Walk) -> None:
    before = by_name(plain, "gold/order_proposals")
    spent = sum(line["value"] for line in before.values())
    walk = make(f"replenish.limits.budget={spent / 2}")
    adds_up(walk)
    lines = by_name(walk, "gold/order_proposals")
    assert sum(line["value"] for line in lines.values()) <= spent / 2
    assert sum(line["value"] for line in lines.values()) > spent / 2 - 30  # a step of the dearest costs 26
    cut = {row["unique_id"]: row for row in named(walk)}
    assert {row["kind"] for row in cut.values()} == {"cut_by_budget"}
    for name, line in before.items():
        got = lines[name]["quantity"] if name in lines else 0.0
        assert got <= line["quantity"]
        assert (name in cut) == (got < line["quantity"])
        if name in lines:
            assert lines[name]["constraint"] == ("budget" if name in cut else None)
    enough = make(f"replenish.limits.budget={spent + 1}")
    assert {n: line["quantity"] for n, line in by_name(enough, "gold/order_proposals").items()} == {
        n: line["quantity"] for n, line in before.items()
    }
    assert kinds(enough) == []


def test_a_budget_that_pays_for_nothing_is_impossible(make: Make) -> None:
    walk = make("replenish.limits.budget=1")
    assert by_name(walk, "gold/order_proposals") == {}
    assert kinds(walk) == [(name, "impossible_budget") for name in NAMES]
    assert all(row["value_at_risk"] > 0 for row in named(walk))


def test_a_vendor_minimum_is_filled_up_to_or_nothing_is_sent(make: Make, plain: Walk) -> None:
    before = by_name(plain, "gold/order_proposals")
    had = {vendor: sum(r["quantity"] for r in before.values() if r["vendor_id"] == vendor) for vendor in ("V1", "V2")}
    walk = make(f"replenish.limits.vendor_minimum={{V1: {{units: {had['V1'] + 20}}}, V2: {{units: 100000}}}}")
    adds_up(walk)
    lines = by_name(walk, "gold/order_proposals")
    assert {line["vendor_id"] for line in lines.values()} == {"V1"}
    assert had["V1"] + 20 <= sum(line["quantity"] for line in lines.values()) <= had["V1"] + 22
    more = [line for line in lines.values() if line["constraint"] == "vendor_minimum"]
    assert more
    assert all("changed by vendor_minimum" in line["reason"] for line in more)
    assert kinds(walk) == [(n, "below_vendor_minimum") for n, v in zip(NAMES, VENDORS, strict=True) if v == "V2"]


def test_capacity_and_trucks(make: Make, plain: Walk) -> None:
    walk = make("replenish.limits.capacity={L0: 60}", "replenish.limits.trucks={V1: {units: 40, cost: 1}}")
    adds_up(walk)
    lines = by_name(walk, "gold/order_proposals").values()
    assert sum(line["quantity"] for line in lines if line["location_id"] == "L0") <= 60
    assert {kind for _, kind in kinds(walk)} >= {"cut_by_capacity"}
    only = make("replenish.limits.trucks={V1: {units: 40, cost: 1}}")
    by_truck = sum(r["quantity"] for r in by_name(only, "gold/order_proposals").values() if r["vendor_id"] == "V1")
    before = sum(r["quantity"] for r in by_name(plain, "gold/order_proposals").values() if r["vendor_id"] == "V1")
    assert before % 40 > 0
    # A truck of 40 is full with 20 packs of 2: the number of trucks next to what was wanted, and no pack of air.
    assert by_truck in (before // 40 * 40, before // 40 * 40 + 40)
    assert by_truck > 0


def test_limits_that_contradict_each_other_send_nothing(make: Make) -> None:
    walk = make("replenish.limits.vendor_minimum={V1: {value: 300}}", "replenish.limits.budget=250")
    lines = by_name(walk, "gold/order_proposals").values()
    assert {line["vendor_id"] for line in lines} == {"V2"}
    found = {name: kind for name, kind in kinds(walk) if kind == "contradictory_limits"}
    assert found
    assert all(VENDORS[NAMES.index(name)] == "V1" for name in found)


def test_rounding_by_cost_goes_both_ways(make: Make, plain: Walk) -> None:
    packs = {at: {"order_multiple": 10.0, "min_order_quantity": 10.0} for at in range(N)}
    up = by_name(make(series=packs), "gold/order_proposals")
    walk = make("replenish.rounding=expected_cost", "replenish.goodwill=0", series=packs)
    adds_up(walk)
    lines = by_name(walk, "gold/order_proposals")
    assert all(line["quantity"] % 10 == 0 and line["quantity"] >= 10 for line in lines.values())
    assert all(lines[name]["quantity"] <= up[name]["quantity"] for name in lines)
    assert any(line["rounding"] < 0 for line in lines.values())


def test_a_calendar_decides_when_and_how_long(make: Make, plain: Walk) -> None:
    """AS_OF is a Saturday."""
    monday = "inventory.calendars={V1: {order_days: [monday]}}"
    walk = make(monday)
    assert {line["vendor_id"] for line in by_name(walk, "gold/order_proposals").values()} == {"V2"}
    saturday = make("inventory.calendars={V1: {order_days: [saturday], delivery_days: [wednesday]}}")
    adds_up(saturday)
    assert len(by_name(saturday, "gold/order_proposals")) == N
    for name, row in by_name(saturday, "gold/policies").items():
        is_v1 = row["vendor_id"] == "V1"
        assert row["protection_interval"] == (11.0 if is_v1 else 4.0), name  # next Saturday's: Wednesday, four days on


def test_the_delivery_date_is_that_of_tonights_own_order(make: Make) -> None:
    """Saturday's order is due on Tuesday and comes on Friday; Monday's, which the levels wait for, comes then too."""
    walk = make("inventory.calendars={V1: {order_days: [saturday, monday], delivery_days: [friday]}}")
    lines = by_name(walk, "gold/order_proposals").values()
    days = {vendor: {line["delivery_date"] for line in lines if line["vendor_id"] == vendor} for vendor in ("V1", "V2")}
    assert days == {"V1": {dt.date(2026, 2, 6)}, "V2": {dt.date(2026, 2, 3)}}
    assert {row["lead_time"] for row in walk.read("gold/policies").to_pylist()} == {4.0, 3.0}


def test_a_night_that_orders_nothing(make: Make) -> None:
    full = {at: {"on_hand": 1e4} for at in range(N)}
    walk = make("replenish.limits.budget=10", "replenish.limits.trucks={V1: {units: 40}}", stock=full)
    assert by_name(walk, "gold/order_proposals") == {}
    assert kinds(walk) == []


def test_it_says_the_same_again(make: Make) -> None:
    settings = ("replenish.limits.budget=400", "replenish.rounding=expected_cost", "inventory.limits.max_stock_days=12")
    one, two = make(*settings), make(*settings)
    for name in ("gold/policies", "gold/order_proposals", "gold/exceptions"):
        tables = [walk.read(name).sort_by("unique_id") for walk in (one, two)]
        assert isinstance(tables[0], pa.Table)
        assert tables[0].equals(tables[1]), name


# --- why -----------------------------------------------------------------------------------------------------------


def test_parts_of_point_and_order_add_up_exactly(make: Make, plain: Walk) -> None:
    limited = make("inventory.limits.max_stock=30", "replenish.limits.budget=500")
    for walk in (plain, limited):
        policies, lines = by_name(walk, "gold/policies"), by_name(walk, "gold/order_proposals")
        for name in NAMES:
            why = why_of(walk, name)
            assert sum(units for _, units in why.reorder_parts) == policies[name]["reorder_point"]
            ordered = lines[name]["quantity"] if name in lines else 0.0
            assert sum(units for _, units in why.order_parts) == ordered == why.order_quantity
            assert why.risk_after <= why.risk_before
            assert why.risk_before > 0
    words = [part for name in NAMES for part, _ in why_of(limited, name).order_parts]
    assert {"limit: max_stock", "limit: budget", "below the reorder point", "order quantity"} <= set(words)
    assert "limit: max_stock" in [part for name in NAMES for part, _ in why_of(limited, name).reorder_parts]
    assert "uncertain lead time" in [part for part, _ in why_of(plain, NAMES[1]).reorder_parts]
    assert "uncertain lead time" not in [part for part, _ in why_of(plain, NAMES[0]).reorder_parts]


def test_it_is_told_and_drawn(plain: Walk, tmp_path: Path) -> None:
    why = why_of(plain, NAMES[4])
    text = why.text().splitlines()
    assert text[0].startswith(f"Reorder point {why.reorder_point:g} (fill rate 98.0% by quantile), order-up-to level ")
    (total,) = [line for line in text if "= reorder point" in line]
    assert float(total.split()[3]) == why.reorder_point
    assert any(line.startswith(f"Ordered tonight: {why.order_quantity:g} (position 0)") for line in text)
    assert json.loads(json.dumps(why.plain()))["reorder_parts"] == [list(part) for part in why.reorder_parts]
    for name in ("one.svg", "two.svg"):
        draw(plain, None, tmp_path / name, why)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    drawn = " ".join(ElementTree.parse(tmp_path / "one.svg").getroot().itertext())
    assert "uncertain demand" in drawn
    assert "order quantity" in drawn


def test_why_nothing_is_ordered(make: Make) -> None:
    walk = make("replenish.limits.budget=1", stock={2: {"on_hand": 500.0}}, series={3: {"unit_cost": -1.0}})
    assert why_of(walk, NAMES[2]).why_not == "position 500 is not below the reorder point"
    assert why_of(walk, NAMES[3]).why_not == "bad_unit_cost (see docs/constraints.md)"
    assert why_of(walk, NAMES[5]).why_not == "impossible_budget"
    assert "Not ordered tonight: impossible_budget" in why_of(walk, NAMES[5]).text()


def test_an_order_of_another_night_is_not_tonights(make: Make) -> None:
    """The table is there from the night before, tonight was only optimized; and a full vendor is closed."""
    walk = make("inventory.calendars={V1: {order_days: [monday]}}", lead_times={"V1": [1.0, 0, 0, 0, 0]})
    assert why_of(walk, NAMES[1]).why_not == "its vendor takes no orders tonight"
    walk.lake.delete(f"_walk/{AS_OF}/replenish.json")
    assert why_of(walk, NAMES[1]).why_not == f"replenish has not been run for {AS_OF}"


def test_a_policy_of_other_options_is_not_explained_by_these(plain: Walk) -> None:
    half = ServiceTarget(fill_rate=0.5)
    options = plain.config.inventory.model_copy(update={"targets": dict.fromkeys("ABC", half)})
    other = Walk(plain.config.model_copy(update={"inventory": options}), AS_OF)
    with pytest.raises(DataError, match="cannot be made again"):
        why_of(other, NAMES[8])
