"""Goods that are in the book already: what a night, done again or done while persons decide, must not double."""

from __future__ import annotations

import datetime as dt
import importlib
from decimal import Decimal
from typing import Any

import pytest
from tests.orderbook.nights import assert_explained, exported, key, lines, night, proposals, registered, status

from scaleinv.orderbook import Book, change, edit, history, listing, register
from scaleinv.schema.life import OPEN_STATUSES

ONE = {"lines": {"s1": 5, "s2": 7}}
ELSEWHERE = {**ONE, "vendor": "V2"}
PROPOSED = {**ONE, "disposition": "propose"}
P = {"who": "ann", "why": "looked at it"}


def ordered(book: Book) -> dict[str, Decimal]:
    """SKU -> what all open orders have of it."""
    found: dict[str, Decimal] = {}
    for row in listing(book):
        if row["status"] in OPEN_STATUSES:
            for line in history(book, row["order_id"]).lines:
                found[line["sku_id"]] = found.get(line["sku_id"], Decimal(0)) + line["ordered"]
    return found


@pytest.mark.parametrize("kept", ["exported", "approved", "edited", "held", "cancelled"])
def test_goods_of_a_night_that_go_to_another_order_stay_where_somebody_has_them(book: Book, kept: str) -> None:
    registered(book, 0, PROPOSED)
    if kept == "edited":
        edit(book, key(0), 1, quantity=Decimal(9), **P)
    else:
        change(book, [key(0)], "approved" if kept == "exported" else kept, **P)  # type: ignore[arg-type]
    if kept == "exported":
        exported(book)
    before = ordered(book)
    both = {"vendor": "V2", "lines": {"s1": 5, "s2": 7, "s3": 2}}
    for _ in range(2):
        found = registered(book, 0, both)
        assert key(0) in {one.order_id for one in found.kept}
        assert ordered(book) == before | {"s3": 2}
        assert [row["sku_id"] for row in history(book, key(0, "V2")).lines] == ["s3"]
    assert lines(book, key(0))[2][0] == 7


def test_goods_that_a_person_holds_stay_in_the_held_order_if_a_part_of_them_goes_to_another(book: Book) -> None:
    registered(book, 0, PROPOSED)
    change(book, [key(0)], "held", **P)
    registered(book, 0, {"lines": {"s2": 7}}, {"vendor": "V2", "lines": {"s1": 5}})
    assert [row["sku_id"] for row in history(book, key(0)).lines] == ["s1", "s2"]
    assert status(book, key(0)) == "held"
    assert ordered(book) == {}
    registered(book, 1, {"vendor": "V2", "lines": {"s1": 5}})
    assert status(book, key(1, "V2")) == "held"


def test_goods_of_undecided_orders_follow_the_night_to_another_order(book: Book) -> None:
    registered(book, 0, ONE)
    registered(book, 0, ELSEWHERE)
    assert ordered(book) == {"s1": 5, "s2": 7}
    registered(book, 0, ONE)
    assert ordered(book) == {"s1": 5, "s2": 7}
    assert status(book, key(0)) == "approved"


def test_quantities_that_a_person_changed_are_not_superseded(book: Book) -> None:
    registered(book, 0, PROPOSED)
    edit(book, key(0), 1, quantity=Decimal(9), **P)
    for n in (1, 2):
        registered(book, n, {"lines": {"s1": 5}})
        assert status(book, key(0)) == "proposed"
        assert lines(book, key(0))[1][0] == 9
        assert status(book, key(n)) == "held"
        assert "quantities that a person has changed" in history(book, key(n)).events[-1]["why"]
    change(book, [key(0)], "cancelled", **P)
    registered(book, 3, {"lines": {"s1": 5}})
    assert status(book, key(3)) == "approved"


def meanwhile(monkeypatch: pytest.MonkeyPatch, what: Any) -> None:
    """Does something after a night has read the book, and before its orders enter."""
    module = importlib.import_module("scaleinv.orderbook.register")
    enter = module._enter

    def late(*args: Any) -> None:
        monkeypatch.setattr(module, "_enter", enter)
        what()
        enter(*args)

    monkeypatch.setattr(module, "_enter", late)


@pytest.mark.parametrize("to", ["approved", "held", "cancelled"])
def test_what_is_decided_while_a_night_enters_is_neither_lost_nor_doubled(
    book: Book, monkeypatch: pytest.MonkeyPatch, to: Any
) -> None:
    registered(book, 0, PROPOSED)
    meanwhile(monkeypatch, lambda: change(book, [key(0)], to, who="ann", why="they are delisted"))
    registered(book, 1, ONE)
    assert status(book, key(1)) == "held"
    assert "they are delisted" in history(book, key(1)).events[-1]["why"]
    assert ordered(book) == ({"s1": 5, "s2": 7} if to == "approved" else {})
    assert_explained(book, key(1))


def test_an_order_that_is_approved_while_its_night_is_done_again_keeps_its_goods(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(book, 0, PROPOSED)
    meanwhile(monkeypatch, lambda: change(book, [key(0)], "approved", **P))
    registered(book, 0, ELSEWHERE)
    assert ordered(book) == {"s1": 5, "s2": 7}
    assert status(book, key(0, "V2")) == "held"


def test_what_was_decided_since_the_night_read_what_is_open_is_held(book: Book) -> None:
    registered(book, 0, PROPOSED)
    since = dt.datetime.now(dt.UTC)
    change(book, [key(0)], "approved", **P)
    register(book, proposals(1, ONE), retailer="r", as_of=night(1), since=since)
    assert status(book, key(1)) == "held"
    assert ordered(book) == {"s1": 5, "s2": 7}
    registered(book, 2, ONE)
    assert status(book, key(2)) == "approved", "its position counts what was approved before"


def test_a_hold_is_passed_on_with_its_reason_when_a_part_was_superseded(book: Book) -> None:
    registered(book, 0, PROPOSED)
    change(book, [key(0)], "held", who="ann", why="they are delisted")
    registered(book, 1, {"lines": {"s1": 5}})
    registered(book, 2, {"lines": {"s2": 7}})
    assert "they are delisted" in history(book, key(2)).events[-1]["why"]
