"""What rules do with a night: each action, who wins, what is written down, and that the order of rows plays no part."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.replenish.nights import AS_OF, Night, by_series, night

from scaleinv.config.rules import RuleConfig, rules_version
from scaleinv.replenish import order_key

HOLD = {"name": "dear", "when": "value > 100", "do": "hold"}


def test_the_base_rule_orders_by_itself() -> None:
    (line,) = night({}).propose().lines.to_pylist()
    assert (line["disposition"], line["rule"], line["rules"]) == ("approve", f"base@{rules_version(())}", None)


def test_every_decision_bears_the_version_of_its_rules() -> None:
    made = night({}, {"sku": "B", "cost": 50.0}).propose(HOLD)
    version = rules_version((RuleConfig.model_validate(HOLD),))
    assert {r["sku_id"]: r["rule"] for r in made.lines.to_pylist()} == {"A": f"base@{version}", "B": f"dear@{version}"}


def test_lines_of_different_fates_share_no_order_and_those_of_today_keep_their_key() -> None:
    rules = [HOLD, {"name": "cheese", "when": "category = 'fresh'", "do": "route", "queue": "cheese"}]
    made = night({}, {"sku": "B", "cost": 50.0}, {"sku": "C", "category": "fresh"}, {"sku": "D"}).propose(*rules)
    lines = by_series(made.lines)
    fates = {name: row["disposition"] for name, row in lines.items()}
    assert fates == {"A@S1": "approve", "B@S1": "hold", "C@S1": "propose", "D@S1": "approve"}
    keys = {row["disposition"]: row["order_id"] for row in lines.values()}
    assert len(set(keys.values())) == 3
    assert keys["approve"] == order_key("retailer", AS_OF, "V1", "S1")
    assert keys["hold"] == order_key("retailer", AS_OF, "V1", "S1", 1, "hold")
    assert [row["line"] for row in made.lines.to_pylist()] == [1, 2, 1, 1]
    assert (lines["C@S1"]["queue"], lines["A@S1"]["queue"]) == ("cheese", None)
    held = {row["unique_id"]: row for row in made.exceptions.to_pylist() if row["kind"] == "held_by_rule"}
    assert list(held) == ["B@S1"]
    assert held["B@S1"]["value_at_risk"] == 1500.0


@pytest.mark.parametrize(
    ("priorities", "fate", "rule"),
    [((0, 0, 0), "hold", "h"), ((0, 1, 0), "propose", "r"), ((0, 1, 2), "approve", "o"), ((3, 1, 2), "hold", "h")],
)
def test_the_highest_priority_decides_then_the_strictest_and_all_are_recorded(
    priorities: tuple[int, ...], fate: str, rule: str
) -> None:
    rules: list[dict[str, Any]] = [
        {"name": "h", "when": "true", "do": "hold"}, {"name": "r", "when": "true", "do": "route", "queue": "q"},
        {"name": "o", "when": "true", "do": "order"},
    ]  # fmt: skip
    for one, priority in zip(rules, priorities, strict=True):
        one["priority"] = priority
    (line,) = night({}).propose(*rules).lines.to_pylist()
    assert (line["disposition"], line["rule"].partition("@")[0]) == (fate, rule)
    assert sorted(line["rules"].split(", ")) == ["h", "o", "r"]
    assert line["rules"].split(", ")[0] == rule


def test_order_brings_what_is_not_below_its_reorder_point_but_nothing_unknown() -> None:
    rule = {"name": "event", "when": "sku_id like 'X%' and days_of_stock < 60", "do": "order"}
    full = {"on_hand": 30.0}
    made = night(full | {"sku": "XA"}, full | {"sku": "B"}, full | {"sku": "XC", "stock_date": None},
                 full | {"sku": "XD", "problem": "bad_lead_time"}, full | {"sku": "XE", "review": 7})  # fmt: skip
    (line,) = made.propose(rule).lines.to_pylist()
    assert (line["sku_id"], line["quantity"], line["need"]) == ("XA", 12.0, 12.0)
    assert line["reason"].startswith("position 30 not below reorder point 20; brought to 42")


@pytest.mark.parametrize(
    ("units", "quantity"), [("30", 30.0), ("29", 24.0), ("on_hand", 12.0), ("5", None), ("1/0", None)]
)
def test_a_cap_cuts_to_whole_packs_and_is_named(units: str, quantity: float | None) -> None:
    made = night({}).propose({"name": "less", "when": "is_below", "do": "cap", "units": units})
    lines = made.lines.to_pylist()
    assert [row["quantity"] for row in lines] == ([] if quantity is None else [quantity])
    kinds = [row["kind"] for row in made.exceptions.to_pylist()]
    assert kinds == ([] if quantity == 30 else ["cut_by_rule"])
    for row in lines:
        assert row["constraint"] == (None if quantity == 30 else "rule")
        assert row["need"] + row["rounding"] + row["constraint_change"] == row["quantity"]
        assert row["rule"].startswith("less@")


def test_the_cap_of_the_highest_priority_counts() -> None:
    rules = [{"name": n, "when": "true", "do": "cap", "units": u, "priority": p} for n, u, p in
             (("a", "6", 1), ("b", "24", 5))]  # fmt: skip
    (line,) = night({}).propose(*rules).lines.to_pylist()
    assert (line["quantity"], line["rule"].partition("@")[0]) == (24.0, "b")


TRANSFER = {"name": "from_w", "when": "location_id like 'S%'", "do": "transfer_first", "locations": ["W1", "W2"]}


def test_stock_of_another_location_is_moved_before_anything_is_bought() -> None:
    made = night(
        {"on_hand": 12.0}, {"loc": "S2", "on_hand": 10.0}, {"loc": "S3", "on_hand": 30.0},
        {"loc": "W1", "on_hand": 80.0, "on_order": 100.0}, {"loc": "W2", "on_hand": 47.5},
    ).propose(TRANSFER)  # fmt: skip
    moves = [(r["from_location_id"], r["to_location_id"], r["quantity"]) for r in made.transfers.to_pylist()]
    # W1 has 80 on hand, 38 above its level of 42 as a shelf: what is on its way to it cannot be moved, but counts.
    assert moves == [("W1", "S1", 30.0), ("W1", "S2", 32.0)]
    assert made.lines.num_rows == 0
    assert {r["rule"] for r in made.transfers.to_pylist()} == {"from_w"}


def test_what_a_transfer_does_not_bring_is_bought() -> None:
    made = night({"on_hand": 0.0}, {"loc": "W1", "on_hand": 52.0}, {"loc": "W2", "on_hand": 46.7}).propose(TRANSFER)
    moves = [(r["from_location_id"], r["quantity"]) for r in made.transfers.to_pylist()]
    assert moves == [("W1", 10.0), ("W2", 4.0)]
    (line,) = made.lines.to_pylist()
    assert (line["inventory_position"], line["need"], line["quantity"]) == (14.0, 28.0, 30.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=5), st.integers(0, 140), st.integers(0, 30))
def test_transfers_conserve_stock_and_leave_the_giver_its_level(shops: list[int], giver: int, reserved: int) -> None:
    rows = [{"loc": f"S{n}", "on_hand": float(units)} for n, units in enumerate(shops)]
    made = night(*rows, {"loc": "W1", "on_hand": float(giver), "reserved": float(reserved)}).propose(TRANSFER)
    moved = {r["to_location_id"]: r["quantity"] for r in made.transfers.to_pylist()}
    assert sum(moved.values()) <= max(giver - reserved - 42, 0)
    left = max(giver - reserved - 42, 0)
    for name, units in sorted((r["loc"], r["on_hand"]) for r in rows):  # one after the other, as they are called
        wants = 42 - units if units < 20 else 0
        assert moved.get(name, 0) == min(wants, left)
        left -= min(wants, left)
    for line in made.lines.to_pylist():
        shop = (
            next(r["on_hand"] for r in rows if r["loc"] == line["location_id"]) if line["location_id"] != "W1" else None
        )
        if shop is not None:
            assert line["inventory_position"] == shop + moved.get(line["location_id"], 0)


def test_a_substitute_is_ordered_instead() -> None:
    rule = {"name": "new_pack", "when": "true", "do": "substitute", "skus": {"A": "B", "C": "Z"}}
    made = night({}, {"sku": "B", "on_hand": 38.0}, {"sku": "C"}, {"sku": "B", "loc": "S2", "on_hand": 38.0}).propose(
        rule
    )
    lines = by_series(made.lines)
    assert sorted(lines) == ["B@S1", "C@S1"]
    # B has 38 of 42, A would have ordered 30: 34 of B, in sixes.
    assert (lines["B@S1"]["inventory_position"], lines["B@S1"]["need"], lines["B@S1"]["quantity"]) == (8.0, 34.0, 36.0)
    assert lines["B@S1"]["rule"].startswith("new_pack@")
    kinds = {(r["unique_id"], r["kind"]) for r in made.exceptions.to_pylist()}
    assert kinds == {("A@S1", "substituted"), ("C@S1", "no_substitute")}


def test_what_a_night_does_not_want_is_what_it_knows_to_be_covered() -> None:
    """Not what only cannot be ordered tonight; transfers and substitutes cover, too."""
    rules = [
        {"name": "from_w", "when": "sku_id = 'T'", "do": "transfer_first", "locations": ["W1"]},
        {"name": "swap", "when": "sku_id = 'A'", "do": "substitute", "skus": {"A": "B"}},
        {"name": "end", "when": "sku_id = 'OLD'", "do": "cap", "units": "0"},
        {"name": "fair", "when": "sku_id = 'FAIR'", "do": "order"},
    ]
    unwanted = [
        {"sku": "FULL", "on_hand": 50.0}, {"sku": "T"}, {"sku": "T", "loc": "W1", "on_hand": 99.0}, {"sku": "A"},
        {"sku": "OLD"}, {"sku": "SHUT_FULL", "on_hand": 50.0, "review": 7},
    ]  # fmt: skip
    others = [
        {"sku": "LOW"}, {"sku": "B"}, {"sku": "SHUT", "review": 7}, {"sku": "UNKNOWN", "stock_date": None},
        {"sku": "BAD", "on_hand": 50.0, "problem": "bad_stock"},
        {"sku": "OLD_COUNT", "on_hand": 50.0, "stock_date": date(2026, 1, 1)},
        {"sku": "FAIR", "on_hand": 30.0}, {"sku": "NO_VENDOR", "vendor": "V9"},
    ]  # fmt: skip
    made = night(*unwanted, *others).propose(*rules, exceptions={"blocked_vendors": ["V9"]})
    assert sorted(made.unwanted.to_pylist()) == sorted(f"{r['sku']}@{r.get('loc', 'S1')}" for r in unwanted)
    assert not {*made.unwanted.to_pylist()} & {*made.lines["unique_id"].to_pylist()}


@pytest.mark.parametrize("unit", ["KGM", "DZN"])
def test_a_need_in_one_unit_is_not_taken_for_one_in_another(unit: str) -> None:
    rule = {"name": "new_pack", "when": "true", "do": "substitute", "skus": {"A": "B"}}
    made = night({}, {"sku": "B", "unit": unit, "on_hand": 38.0}).propose(rule)
    lines = by_series(made.lines)
    assert {name: line["quantity"] for name, line in lines.items()} == {"A@S1": 30.0}, "as without the rule"
    (told,) = made.exceptions.to_pylist()
    assert (told["unique_id"], told["kind"]) == ("A@S1", "no_substitute")
    assert told["detail"] == f"B: is kept in {unit}, not in EA"
    assert made.unwanted.to_pylist() == ["B@S1"]


def test_what_is_to_be_hurried_is_named_ordered_or_not() -> None:
    rule = {"name": "empty", "when": "on_hand = 0 and on_order > 0", "do": "expedite"}
    made = night({"on_hand": 0.0, "on_order": 30.0}, {"sku": "B"}).propose(rule)
    found = [(r["unique_id"], r["kind"], r["queue"]) for r in made.exceptions.to_pylist()]
    assert found == [("A@S1", "expedite", "buying")]


@pytest.mark.parametrize(
    ("approval", "proposed"),
    [
        ({}, ""), ({"max_line_value": 37.5}, "CD"), ({"max_line_value": 37.49}, "ACD"), ({"max_order_value": 75}, "D"),
        ({"max_vendor_value": {"V2": 1}}, "D"), ({"vendors": ["V1"]}, "D"), ({"vendors": []}, "ABCD"),
        ({"classes": ["A"]}, "B"), ({"min_confidence": 0.65}, "C"), ({"min_confidence": 0.6}, ""),
    ],
)  # fmt: skip
def test_limits_of_approval(approval: dict[str, Any], proposed: str) -> None:
    made = night(
        {}, {"sku": "B", "cost": 0.5, "abc": "B"}, {"sku": "C", "loc": "S2", "spread": 6.0, "cost": 1.26},
        {"sku": "D", "vendor": "V2", "loc": "S2", "cost": 2.6},
    ).propose(approval=approval)  # fmt: skip
    fates = {row["sku_id"]: row["disposition"] for row in made.lines.to_pylist()}
    assert "".join(sorted(sku for sku, fate in fates.items() if fate == "propose")) == proposed
    for row in made.lines.to_pylist():
        assert row["rule"].startswith("approval_" if row["sku_id"] in proposed else "base@")


def test_what_has_no_class_does_not_go_out_by_itself_where_only_some_classes_do() -> None:
    assert night({"abc": None}).propose(approval={"classes": ["A", "B"]}).lines["disposition"].to_pylist() == [
        "propose"
    ]
    assert night({"abc": None}).propose().lines["disposition"].to_pylist() == ["approve"]


def test_a_rule_of_a_higher_priority_overrules_a_limit_of_approval() -> None:
    trusted = {"name": "trusted", "when": "vendor_id = 'V1'", "do": "order", "priority": 5}
    made = night({}, {"sku": "B", "vendor": "V2"}).propose(trusted, approval={"max_line_value": 1})
    assert {row["sku_id"]: row["disposition"] for row in made.lines.to_pylist()} == {"A": "approve", "B": "propose"}


def test_a_vendor_that_is_asked_for_too_much_goes_to_a_person() -> None:
    made = night({}, {"sku": "B"}, {"sku": "C", "vendor": "V2"}).propose(exceptions={"vendor_capacity": {"V1": 59}})
    fates = {row["sku_id"]: (row["disposition"], row["queue"]) for row in made.lines.to_pylist()}
    assert fates == {
        "A": ("propose", "vendor_management"),
        "B": ("propose", "vendor_management"),
        "C": ("approve", None),
    }
    found = [(r["unique_id"], r["kind"]) for r in made.exceptions.to_pylist()]
    assert found == [("A@S1", "vendor_over_capacity"), ("B@S1", "vendor_over_capacity")]


_RULES = (
    HOLD | {"when": "value > 40 or abc_class = 'B'"},
    {"name": "cap_c", "when": "abc_class = 'C'", "do": "cap", "units": "2 * order_multiple"},
    {"name": "more", "when": "days_of_stock < 25", "do": "order", "priority": 2},
    TRANSFER | {"locations": ["S2"], "when": "location_id = 'S1'"},
    {"name": "swap", "when": "location_id = 'S2'", "do": "substitute", "skus": {"B": "C"}},
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "sku": st.sampled_from("ABC"), "loc": st.sampled_from(["S1", "S2"]),
                "vendor": st.sampled_from(["V1", "V2"]),
                "on_hand": st.integers(-3, 70).map(float), "abc": st.sampled_from("ABC"),
                "cost": st.sampled_from([0.5, 1.25, 3.0]), "limit": st.sampled_from([None, 40.0]),
            }
        ),
        min_size=1, max_size=6, unique_by=lambda r: (r["sku"], r["loc"]),
    ),
    st.randoms(),
)  # fmt: skip
def test_neither_the_order_of_rows_nor_their_parts_change_anything(rows: list[dict[str, Any]], chance: Any) -> None:
    made = night(*rows)
    options: dict[str, Any] = {"approval": {"max_order_value": 90, "max_vendor_value": {"V1": 150}}}
    expected = made.propose(*_RULES, **options)
    moved = Night(
        *(_shuffled(getattr(made, name), chance) for name in ("policies", "position", "series", "items", "vendors"))
    )
    parts = [
        (moved.policies.slice(0, 2), moved.position, moved.series),
        (moved.policies.slice(2), moved.position, moved.series),
    ]
    for found in (moved.propose(*reversed(_RULES), **options), moved.propose(*_RULES, parts=parts, **options)):
        assert found.lines.equals(expected.lines)
        assert found.exceptions.equals(expected.exceptions)
        assert found.transfers.equals(expected.transfers)
    for line in expected.lines.to_pylist():
        assert line["need"] + line["rounding"] + line["constraint_change"] == line["quantity"]
        assert line["quantity"] % 6 == 0


def _shuffled(data: pa.Table, chance: random.Random) -> pa.Table:
    at = list(range(data.num_rows))
    chance.shuffle(at)
    return data.take(pa.array(at, pa.int64()))


def test_dates_and_days_of_the_week_can_be_asked_for() -> None:
    old = {"sku": "B", "stock_date": AS_OF - timedelta(days=3)}
    rule = {"name": "old", "when": "weekday = 7 and as_of - stock_date >= 3 and stock_age = 3", "do": "hold"}
    fates = {row["sku_id"]: row["disposition"] for row in night({}, old).propose(rule).lines.to_pylist()}
    assert fates == {"A": "approve", "B": "hold"}
