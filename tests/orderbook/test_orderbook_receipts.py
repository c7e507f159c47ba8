"""What has come of own orders on which day: what a stock record that is older does not hold."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from tests.orderbook.nights import exported, key, night, registered

from scaleinv.orderbook import Book, Counts, apply, own_receipts
from scaleinv.schema.life import OWN_RECEIPTS, Answer, AnswerLine


def receipt(message: str, *lines: AnswerLine, day: int, order_id: str | None = None) -> Answer:
    at = dt.datetime.combine(night(day), dt.time(9), dt.UTC)
    return Answer(message, "received", order_id or key(0), at=at, lines=lines)


def part(quantity: int | None, day: int | None = None, **more: Any) -> AnswerLine:
    units = None if quantity is None else Decimal(quantity)
    return AnswerLine("received", quantity=units, date=None if day is None else night(day), **({"line": 1} | more))


def came(book: Book, since: int, until: int, history: int = 90) -> list[tuple[str, int, float]]:
    """Series, day, units."""
    days = {"since": night(since), "as_of": night(until), "ordered_after": night(until - history)}
    found = own_receipts(book, retailer="r", **days)
    assert found.schema == OWN_RECEIPTS
    assert {row["order_id"] for row in found.to_pylist()} <= {key(0)}
    return sorted(
        (row["unique_id"], (row["received_date"] - night()).days, row["quantity"]) for row in found.to_pylist()
    )


def test_receipts_of_one_line_count_each_on_its_day_in_whatever_order_they_are_told(book: Book) -> None:
    registered(book, 0, {"lines": {"s1": 48, "s2": 6}})
    exported(book)
    assert came(book, -9, 9) == []
    later, earlier = receipt("r2", part(10, 5), day=6), receipt("r1", part(30, 3), part(6, line=2), day=4)
    assert apply(book, [later, earlier, later]) == Counts(applied=2, duplicate=1)
    told = [("s1@L1", 3, 30.0), ("s1@L1", 5, 10.0), ("s2@L1", 4, 6.0)]
    assert came(book, 0, 9) == told
    assert came(book, 3, 9) == told[1:], "what came on the day of a stock record is in it"
    assert came(book, 3, 4) == told[2:], "what comes later has not come yet"
    assert came(book, 5, 9) == []
    assert came(book, 0, 9, history=9) == [], "of nights that are too long ago nothing is read"


def test_what_a_receipt_says_of_a_line_in_parts_or_not_at_all_is_found_again(book: Book) -> None:
    """By the rest of it, by an article, in cartons, and of a whole order."""
    registered(book, 0, {"lines": {"s1": 48, "s2": 24}, "pack": ("CT", 1, 12)})
    exported(book)
    cartons = part(1, 2, line=None, sku_id="s1", unit="CT")
    assert apply(book, [receipt("r1", cartons, part(6, unit="EA"), part(None, 4, unit="EA"), day=3)]).applied == 1
    assert came(book, 0, 9) == [("s1@L1", 2, 12.0), ("s1@L1", 3, 6.0), ("s1@L1", 4, 30.0)]
    assert apply(book, [receipt("r2", day=7)]).applied == 1
    assert came(book, 4, 9) == [("s2@L1", 7, 24.0)], "of the first line nothing was left to come"


def test_only_what_was_taken_up_has_come(book: Book) -> None:
    registered(book, 0, {"lines": {"s1": 48}})
    waiting, stranger = receipt("r1", part(8), day=2), receipt("r2", part(9, line=7), day=2)
    assert apply(book, [waiting]) == Counts(out_of_order=1)
    assert came(book, 0, 9) == [], "the order has not gone out"
    exported(book)
    assert apply(book, [stranger]).refused == 1
    assert came(book, 0, 9) == [("s1@L1", 2, 8.0)]
    assert own_receipts(
        book, retailer="another", since=night(0), as_of=night(9), ordered_after=night(-9)
    ).num_rows == 0  # fmt: skip
    registered(book, 9, {"lines": {"s1": 5}})
    exported(book, 9)
    apply(book, [receipt("r3", part(5), day=9, order_id=key(9))])
    assert came(book, 0, 9) == [("s1@L1", 2, 8.0)], "orders of tonight are made anew"


def test_what_was_booked_by_mistake_and_taken_back_has_not_come(book: Book) -> None:
    registered(book, 0, {"lines": {"s1": 48, "s2": 6}})
    exported(book)
    both = receipt("r1", part(48, 3), part(6, 3, line=2), day=3)
    assert apply(book, [both, receipt("r2", part(-8, 4), part(-6, 4, line=2), day=4)]).applied == 2
    told = [("s1@L1", 3, 48.0), ("s1@L1", 4, -8.0), ("s2@L1", 3, 6.0), ("s2@L1", 4, -6.0)]
    assert came(book, 0, 9) == told
    apply(book, [receipt("r3", part(-40, 5), day=5)])
    assert came(book, 0, 9) == [], "of an order of which nothing has come nothing is told"
