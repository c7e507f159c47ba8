"""Rules and exceptions on a lake: tried without a trace, decided by a person, kept by the next run."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.pipeline.limited_night import AS_OF, NAMES, by_name, made
from tests.pipeline.test_pipeline_groups import rows

from scaleinv.config import load_config
from scaleinv.config.rules_file import changed_rules
from scaleinv.errors import ConfigError
from scaleinv.orderbook import apply, change, claim, close, register, sets_of
from scaleinv.pipeline import replenish
from scaleinv.pipeline.exceptions import decide, history, listed
from scaleinv.pipeline.explain_policy import explained_policy
from scaleinv.pipeline.register import order_book
from scaleinv.pipeline.rules import moved
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.life import Answer, AnswerLine


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    return made(tmp_path_factory.mktemp("night"))


def rules_in(folder: Path, text: str) -> Path:
    file = folder / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_dry_run_shows_what_would_move_and_changes_nothing(night: Walk, tmp_path: Path) -> None:
    before = by_name(night, "gold/order_proposals")
    file = rules_in(tmp_path, "rules: [{name: no_v2, when: \"vendor_id = 'V2'\", do: hold}, "
                              "{name: less, when: sku_id = 's01', do: cap, units: order_multiple}]")  # fmt: skip
    found = moved(night, changed_rules(file, night.config.replenish))
    moves = {row["unique_id"]: row for row in found.rows.to_pylist()}
    v2 = {name for name, row in before.items() if row["vendor_id"] == "V2"}
    assert set(moves) == v2 | {"s01@L1"}
    assert moves["s01@L1"]["quantity_after"] == 2.0
    assert moves["s01@L1"]["change"] == pytest.approx(2 * 3.0 - before["s01@L1"]["value"])
    assert all(moves[name]["disposition_after"] == "hold" for name in v2)
    assert found.totals[0]["dispositions"] == {"approve": len(before)}
    assert found.totals[1]["dispositions"] == {"approve": len(before) - len(v2), "hold": len(v2)}
    assert by_name(night, "gold/order_proposals") == before
    text = found.text(2)
    assert "lines move" in text
    assert f"… and {len(moves) - 2} more" in text


def test_rules_that_cannot_be_used_are_refused_by_file_name_and_place(night: Walk, tmp_path: Path) -> None:
    file = rules_in(tmp_path, "rules: [{name: bad, when: on_hnd < 3, do: hold}]")
    with pytest.raises(ConfigError, match=r"rules of (.|\n)*rule bad: there is no column 'on_hnd' at character 1"):
        changed_rules(file, night.config.replenish)
    with pytest.raises(ConfigError, match=r"sections that are no rules(.|\n)*budget"):
        changed_rules(rules_in(tmp_path, "budget: 3"), night.config.replenish)


def test_a_decision_of_a_person_is_kept_by_the_next_night_and_ends(night: Walk) -> None:
    name = NAMES[0]
    kinds = ["supply_shortage"]
    (row,) = [r for r in listed(night, kinds=kinds).to_pylist() if r["unique_id"] == name]
    assert (row["kind"], row["queue"], row["decision"]) == ("supply_shortage", "buying", None)
    assert decide(night, name, row["kind"], "dismiss", who="ada", note="on its way by van", after=0) == 1
    assert name not in {r["unique_id"] for r in listed(night, kinds=kinds).to_pylist()}, "it is put away at once"
    assert name in {r["unique_id"] for r in listed(night, kinds=kinds, every=True).to_pylist()}
    found, decisions = history(night, name)
    assert {r["kind"]: r["decision"] for r in found}["supply_shortage"] == "dismiss"
    assert [(d["decision"], d["who"], d["note"]) for d in decisions] == [("dismiss", "ada", "on its way by van")]


def test_an_override_of_tomorrow_does_not_change_tonight(night: Walk) -> None:
    before = by_name(night, "gold/order_proposals")
    decide(night, NAMES[5], "supply_shortage", "override", who="ada", quantity="8", days=2)
    replenish.work(night)
    assert by_name(night, "gold/order_proposals") == before
    night_after = replenish.known_beside(Walk(night.config, AS_OF + timedelta(days=1)))
    assert [r["quantity"] for r in night_after.decisions.to_pylist() if r["decision"] == "override"] == [8.0]


def test_what_was_away_for_some_nights_is_the_same_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    walk, contract = Walk(load_config("test"), AS_OF), table("gold/exceptions")
    nights = [AS_OF - timedelta(days=n) for n in (20, 1, 3)]
    names = {1: ["a"], 3: ["a", "b"], 20: ["c"]}
    for n, series in names.items():
        old = AS_OF - timedelta(days=n)
        found = [{"unique_id": name, "kind": "data_gap", "as_of": old, "first_seen": old} for name in series]
        walk.lake.overwrite(contract, rows(contract, *found), where={"as_of": old})
    monkeypatch.setattr(replenish, "nights_of", lambda *_: nights)
    known = replenish._seen_before(walk)
    assert known is not None
    assert sorted((r["unique_id"], r["first_seen"]) for r in known.to_pylist()) == [("a", nights[1]), ("b", nights[2])]


def test_the_stage_run_twice_leaves_the_same_tables(night: Walk) -> None:
    names = ("gold/order_proposals", "gold/exceptions", "gold/transfer_proposals")
    first: dict[str, Any] = {name: night.read(name) for name in names}
    replenish.work(night)
    for name in names:
        assert night.read(name).equals(first[name]), name


def ordered_before(walk: Walk, days: int, quantity: float, *names: str) -> None:
    """An order of an earlier night for each of the series, approved, and awaited so many days before tonight."""
    tonight = by_name(walk, "gold/order_proposals")
    earlier = walk.as_of - timedelta(days=days + 3)
    lines = [
        tonight[name] | {"as_of": earlier, "order_id": f"SI{days}{name}", "line": 1, "quantity": quantity,
                         "delivery_date": walk.as_of - timedelta(days=days), "disposition": "hold"}
        for name in names
    ]  # fmt: skip
    contract = table("gold/order_proposals")
    with order_book(walk.config) as book:
        register(book, pa.Table.from_pylist(lines, contract.schema), retailer=walk.config.retailer, as_of=earlier)
        assert not change(book, [line["order_id"] for line in lines], "approved", who="ann", why="needed").refused


def test_open_orders_of_the_book_count_beside_the_erps(tmp_path: Path) -> None:
    night = made(tmp_path)
    before = by_name(night, "gold/order_proposals")
    first, second = sorted(before)[:2]
    assert before[first]["vendor_id"] != before[second]["vendor_id"]
    late = {"as_of": AS_OF, "vendor_id": before[second]["vendor_id"], "chance": [1.0, 0.0]}
    night.overwrite("gold/late_supply", rows(table("gold/late_supply"), late))
    ordered_before(night, 0, 500.0, first)
    ordered_before(night, 1, 500.0, second)
    replenish.work(night)
    after = by_name(night, "gold/order_proposals")
    assert set(before) - set(after) == {first}
    assert after[second]["quantity"] == before[second]["quantity"], "its chance is none: it counts for nothing"
    overdue = [r for r in night.read("gold/exceptions").to_pylist() if r["kind"] == "overdue_supply"]
    assert [r["unique_id"] for r in overdue] == [second]
    why = explained_policy(night, *first.split("@"))
    assert why.position_parts == (("own orders that the list has not yet", 500.0),)
    assert (why.inventory_position, why.order_quantity) == (500.0, 0.0)
    assert "own orders that the list has not yet" in why.text()


def test_what_came_of_own_orders_after_the_stock_record_is_there_once(tmp_path: Path) -> None:
    """The record is of yesterday. Of 48, 30 came today and 6 yesterday, which are in it; 12 are to come."""
    yesterday = AS_OF - timedelta(days=1)
    night = made(tmp_path, stock={n: {"stock_date": yesterday, "on_hand": 2.0} for n in range(12)})
    name, other = sorted(by_name(night, "gold/order_proposals"))[:2]
    ordered_before(night, 0, 48.0, name, other)
    came = [AnswerLine("received", line=1, quantity=Decimal(30), date=AS_OF),
            AnswerLine("received", line=1, quantity=Decimal(6), date=yesterday)]  # fmt: skip
    with order_book(night.config) as book:
        claim(book, night.config.retailer, AS_OF - timedelta(days=3))
        for part in sets_of(book, night.config.retailer):
            close(book, part, [])
        answers = [Answer(f"r{at}{n}", "received", f"SI0{at}", lines=(said,)) for at in (name, other)
                   for n, said in enumerate(came)]  # fmt: skip
        assert apply(book, answers).applied == 4
    replenish.work(night)
    assert not {name, other} & set(by_name(night, "gold/order_proposals"))
    parts = {"on hand": 2.0, "own orders that came after the stock record": 30.0,
             "own orders that the list has not yet": 12.0}  # fmt: skip
    why = explained_policy(night, *name.split("@"))
    assert dict(why.position_parts) == parts
    assert why.inventory_position == sum(parts.values())
    contract = table("silver/purchase_orders")
    night.lake.overwrite(contract, rows(contract, {"order_id": f"SI0{name}", "known_on": AS_OF}), where={"source": "x"})
    replenish.work(night)
    assert dict(explained_policy(night, *name.split("@")).position_parts)["on hand"] == 2.0, "the list's to count"
    assert {name, other} & set(by_name(night, "gold/order_proposals")) == {name}


def test_the_erps_list_counts_an_own_order_that_it_names(tmp_path: Path) -> None:
    night = made(tmp_path)
    name = min(by_name(night, "gold/order_proposals"))
    ordered_before(night, 0, 500.0, name)
    named = {"order_id": f"SI0{name}", "known_on": AS_OF}
    contract = table("silver/purchase_orders")
    night.lake.overwrite(contract, rows(contract, named), where={"source": "x"})
    replenish.work(night)
    assert name in by_name(night, "gold/order_proposals")


def test_explain_counts_what_replenish_counted(tmp_path: Path) -> None:
    stock = {n: {"on_hand": 2.0 - n, "on_order": 1.5 * n, "reserved": 1.0, "backorders": n % 2} for n in range(12)}
    night = made(tmp_path, stock=stock)
    ordered_before(night, 0, 3.0, *[name for name in NAMES[::2] if name in by_name(night, "gold/order_proposals")])
    contract, yesterday = table("gold/transfer_proposals"), AS_OF - timedelta(days=1)
    moves = [(NAMES[4], "L9", "L0", 2.0), (f"{NAMES[6].split('@')[0]}@L9", "L0", "L9", 0.5)]
    moved_before = [
        {"as_of": yesterday, "unique_id": name, "sku_id": name.split("@")[0], "from_location_id": giver,
         "to_location_id": to, "quantity": units}
        for name, giver, to, units in moves
    ]  # fmt: skip
    night.lake.overwrite(contract, rows(contract, *moved_before), where={"as_of": yesterday})
    replenish.work(night)
    lines = by_name(night, "gold/order_proposals")
    assert lines
    for name in NAMES:
        why = explained_policy(night, *name.split("@"))
        assert sum(units for _, units in why.position_parts) == pytest.approx(why.inventory_position)
        assert "substitutes, or known since" not in dict(why.position_parts)
        if name in lines:
            assert why.inventory_position == lines[name]["inventory_position"]
    parts = {at: dict(explained_policy(night, *NAMES[at].split("@")).position_parts) for at in (4, 6)}
    assert parts[4]["own orders that the list has not yet"] == 3.0
    assert (parts[4]["transfers that were proposed before"], parts[6]["transfers that were proposed before"]) == (
        2.0, -0.5,
    )  # fmt: skip
