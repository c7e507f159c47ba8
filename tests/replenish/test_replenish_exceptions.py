"""Exceptions: each kind, the same one from day to day, and decisions that count until they end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from tests.replenish.nights import AS_OF, night

from scaleinv.config.limits import StockLimits
from scaleinv.replenish import DECISIONS, Known
from scaleinv.schema import table
from scaleinv.schema.exceptions import KINDS
from scaleinv.schema.words import CUTS, HELD_PROBLEMS

ONE_DAY = timedelta(days=1)


def test_every_kind_has_a_queue_and_something_to_do() -> None:
    assert {*HELD_PROBLEMS, *CUTS} <= set(KINDS)
    assert all(kind.queue and kind.action for kind in KINDS.values())
    assert StockLimits  # kinds of limits are named in schema.words


@pytest.mark.parametrize(
    ("row", "config", "kind", "value", "detail"),
    [
        ({"on_hand": 1.0, "lead": 4.0}, {}, "supply_shortage", 2.58, "3.444 more units are expected"),
        ({"vendor": "V1"}, {"blocked_vendors": ["V1"]}, "vendor_blocked", 22.5, "V1 is blocked: nothing is ordered"),
        ({"on_hand": 30.0, "recent_demand": 5.0}, {}, "demand_spike", 26.25, "5 a day were asked for in the last week"),
        ({"on_hand": 30.0, "days_since_sale": 20.0}, {}, "data_gap", 16.67, "no sale for 20 days with stock"),
        ({"last_unit_cost": 0.9}, {}, "price_jump", 10.5, "the unit cost was 0.9 the night before, and is 1.25"),
        ({"on_hand": 50.0, "limit": 45.0, "bound": "shelf_life"}, {}, "shelf_life_risk", 6.25, "5 units more than"),
        ({"oul": 20.0, "moq": 144.0}, {}, "rounded_far_above_need", 170.0, "needed 8, ordered 144 because of minimum"),
    ],
)
def test_each_kind(row: dict[str, Any], config: dict[str, Any], kind: str, value: float, detail: str) -> None:
    found = {r["kind"]: r for r in night(row).propose(exceptions=config).exceptions.to_pylist()}
    assert list(found) == [kind]
    assert found[kind]["value_at_risk"] == pytest.approx(value, abs=0.005)
    assert found[kind]["detail"].startswith(detail)
    assert (found[kind]["queue"], found[kind]["action"]) == (KINDS[kind].queue, KINDS[kind].action)


@pytest.mark.parametrize(
    "row",
    [
        {"on_hand": 30.0, "recent_demand": 2.0},  # twice as much, but of so little that it may be chance
        {"on_hand": 30.0, "recent_demand": None},
        {"on_hand": 30.0, "days_since_sale": 3.0},
        {"on_hand": 30.0, "days_since_sale": 100.0, "expected": 0.1},  # sells once in three months
        {"last_unit_cost": 1.2}, {"last_unit_cost": None}, {"on_hand": 30.0, "last_unit_cost": 0.1},
        {"on_hand": 30.0, "limit": 45.0, "bound": "shelf_life"}, {"on_hand": 50.0, "limit": 45.0, "bound": "max_stock"},
    ],
)  # fmt: skip
def test_what_is_none(row: dict[str, Any]) -> None:
    assert night(row).propose().exceptions.num_rows == 0


def test_a_blocked_vendor_is_not_asked_and_not_waited_for() -> None:
    made = night({}, {"sku": "B", "vendor": "V2"}).propose(exceptions={"blocked_vendors": ["V1"]})
    assert made.lines["sku_id"].to_pylist() == ["B"]
    assert made.n_waiting == 0


def test_the_most_money_comes_first_and_a_queue_can_be_another() -> None:
    made = night({"on_hand": -1.0, "on_order": 13.0}, {"sku": "B", "on_hand": -9.0, "on_order": 13.0}).propose(
        exceptions={"queues": {"negative_stock": "night_shift"}}
    )
    rows = {r["unique_id"]: r for r in made.exceptions.to_pylist()}
    assert {name: r["rank"] for name, r in rows.items()} == {"A@S1": 2, "B@S1": 1}
    assert rows["A@S1"]["queue"] == "night_shift"


def _night(day: int, before: pa.Table | None = None, decisions: pa.Table | None = None, **row: Any) -> Any:
    known = Known(before=before) if decisions is None else Known(before=before, decisions=decisions)
    return night({"on_hand": -1.0, "on_order": 13.0} | row, as_of=AS_OF + day * ONE_DAY).propose(known=known)


def test_the_same_thing_is_the_same_exception_night_after_night() -> None:
    first = _night(0).exceptions
    second = _night(1, first).exceptions
    third = _night(3, second, on_hand=-5.0).exceptions
    found = [(r["first_seen"], r["days_open"]) for t in (first, second, third) for r in t.to_pylist()]
    assert found == [(AS_OF, 1), (AS_OF, 2), (AS_OF, 4)]
    assert _night(1, first).exceptions.equals(second), "run twice: nothing changes"
    other = _night(1, first, on_hand=30.0, on_order=0.0, recent_demand=9.0).exceptions
    assert [(r["kind"], r["first_seen"]) for r in other.to_pylist()] == [("demand_spike", AS_OF + ONE_DAY)]
    late = _night(8, first).exceptions
    assert late["first_seen"].to_pylist() == [AS_OF + 8 * ONE_DAY], "too long ago to be the same"


def decided(decision: str, until: date, **more: Any) -> pa.Table:
    row = {
        "unique_id": "A@S1",
        "kind": "negative_stock",
        "decision": decision,
        "until": until,
        "who": "ada",
        "note": "",
    }
    return pa.Table.from_pylist([row | more], schema=DECISIONS)


@pytest.mark.parametrize(("decision", "is_ranked"), [("accept", True), ("dismiss", False), ("snooze", False)])
def test_a_decision_counts_until_it_ends_and_is_never_lost_by_a_run(decision: str, is_ranked: bool) -> None:
    """frePPLe#394, odoo#180951: what a planner said was overwritten, or stayed for ever."""
    kept = decided(decision, AS_OF + ONE_DAY)
    before = None
    for day in range(3):
        made = _night(day, before, kept).exceptions
        (row,) = made.to_pylist()
        counts = day <= 1
        assert (row["decision"], row["decided_until"]) == ((decision, AS_OF + ONE_DAY) if counts else (None, None))
        assert row["rank"] == (1 if is_ranked or not counts else None)
        before = made


def override(quantity: float, until: date = AS_OF) -> Known:
    return Known(decisions=decided("override", until, kind="rounded_far_above_need", quantity=quantity))


@pytest.mark.parametrize(
    ("row", "quantity"), [({}, 7.0), ({"on_hand": 50.0}, 12.0), ({"stock_date": None}, 6.0), ({}, 0.0)]
)
def test_what_a_person_has_set_is_ordered(row: dict[str, Any], quantity: float) -> None:
    lines = night(row).propose(known=override(quantity)).lines.to_pylist()
    assert [line["quantity"] for line in lines] == ([quantity] if quantity else [])
    for line in lines:
        assert line["constraint"] == "override"
        assert line["need"] + line["rounding"] + line["constraint_change"] == line["quantity"]


def test_an_override_stands_above_caps_and_limits_of_rules() -> None:
    cap = {"name": "cap", "when": "true", "do": "cap", "units": "6"}
    (line,) = night({}).propose(cap, known=override(24.0)).lines.to_pylist()
    assert line["quantity"] == 24.0


def test_what_nothing_can_be_ordered_by_is_not_ordered_by_a_person_either() -> None:
    assert night({"problem": "bad_lead_time"}).propose(known=override(24.0)).lines.num_rows == 0
    assert night({"review": 7}).propose(known=override(24.0)).lines.num_rows == 0  # its vendor takes none tonight


@pytest.mark.parametrize(("row", "ordered"), [({}, [30.0]), ({"on_hand": 50.0}, []), ({"unit": "DZN"}, [30.0])])
def test_a_fraction_of_what_is_counted_is_not_ordered_but_told(row: dict[str, Any], ordered: list[float]) -> None:
    made = night(row, {"sku": "B"}).propose(known=override(2.5))
    assert [line["quantity"] for line in made.lines.to_pylist() if line["sku_id"] == "A"] == ordered, "by the rules"
    (told,) = made.exceptions.to_pylist()
    assert (told["kind"], told["unique_id"], told["queue"]) == ("override_not_whole", "A@S1", "buying")
    assert told["detail"] == f"2.5 {row.get('unit', 'EA')} are set, which are counted: the rules decide"


def test_a_fraction_of_what_is_weighed_is_ordered() -> None:
    made = night({"unit": "KGM"}).propose(known=override(2.5))
    assert made.lines["quantity"].to_pylist() == [2.5]
    assert made.exceptions.num_rows == 0


@pytest.mark.parametrize("kinds", [("data_gap", "supply_shortage"), ("supply_shortage", "data_gap")])
def test_of_two_overrides_of_a_series_the_latest_counts(kinds: tuple[str, str]) -> None:
    at = datetime(2026, 9, 19, 12, tzinfo=UTC)
    rows = [
        decided("override", AS_OF, kind=kind, quantity=quantity, decided_at=at + hour * timedelta(hours=1))
        for hour, (kind, quantity) in enumerate(zip(kinds, (24.0, 7.0), strict=True))
    ]
    (line,) = night({}).propose(known=Known(decisions=pa.concat_tables(rows))).lines.to_pylist()
    assert line["quantity"] == 7.0


def test_of_several_nights_before_the_newest_row_counts() -> None:
    first = _night(0).exceptions
    second = _night(2, first, on_hand=30.0, on_order=0.0, recent_demand=9.0).exceptions
    found = _night(3, pa.concat_tables([first, second])).exceptions.to_pylist()
    assert [(r["kind"], r["first_seen"]) for r in found] == [("negative_stock", AS_OF)], "away for two nights"
    again = first.set_column(0, first.schema.field(0), pa.array([AS_OF + ONE_DAY], pa.date32()))
    again = again.set_column(6, "first_seen", pa.array([AS_OF + ONE_DAY], pa.date32())).cast(first.schema)
    found = _night(3, pa.concat_tables([first, again])).exceptions.to_pylist()
    assert [r["first_seen"] for r in found] == [AS_OF + ONE_DAY]


def test_an_override_ends_and_says_so() -> None:
    """odoo#180951: the manual quantity stuck to the orderpoint."""
    made = night({}, as_of=AS_OF + ONE_DAY).propose(known=override(7.0))
    assert made.lines["quantity"].to_pylist() == [30.0]
    (row,) = made.exceptions.to_pylist()
    assert row["kind"] == "override_expired"
    assert row["detail"] == f"7 set by ada counted until {AS_OF}; the rules decide again"
    later = night({}, as_of=AS_OF + 30 * ONE_DAY).propose(known=override(7.0))
    assert later.exceptions.num_rows == 0


def test_the_table_keeps_its_contract() -> None:
    made = night({"on_hand": -3.0}).propose().exceptions
    assert made.schema == table("gold/exceptions").schema
