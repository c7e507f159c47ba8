"""What vendors made of our orders, as the ERP's list would have it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from tests.orderbook.nights import NIGHT, exported, key, night, registered

from scaleinv.orderbook import Book, apply
from scaleinv.orderbook.record import RECORD, vendor_record
from scaleinv.schema.life import Answer, AnswerLine

ORDER = {"lines": {"s1": 10, "s2": 6, "s3": 4, "s4": 3}}


def said(kind: Any, message: str, *lines: AnswerLine, days: int = 0, place: str = "L1") -> Answer:
    at = dt.datetime.combine(night(days), dt.time(9), dt.UTC)
    return Answer(message, kind, key(0, place=place), at=at, lines=lines)


def came(line: int, quantity: int, day: int | None = None) -> AnswerLine:
    return AnswerLine("received", line=line, quantity=Decimal(quantity), date=None if day is None else night(day))


def record(book: Book, days: int = 90, history: int = 365) -> dict[int, dict[str, Any]]:
    found = vendor_record(book, retailer="r", since=night(days - history), as_of=night(days))
    assert found.schema == RECORD
    return {row["line"]: row for row in found.to_pylist()}


def test_lines_are_received_when_the_last_of_them_came(book: Book) -> None:
    registered(book, 0, ORDER)
    assert record(book) == {}, "the vendor has no order yet"
    exported(book)
    assert {row["received_date"] for row in record(book).values()} == {None}
    promise = [AnswerLine("accepted", line=1, date=night(5), unit_cost=Decimal("0.35")), AnswerLine("rejected", line=4)]
    apply(book, [said("confirmed", "c", *promise)])
    apply(book, [said("shipped", "s", AnswerLine("shipped", line=1, quantity=Decimal(10), date=night(8)))])
    apply(book, [said("received", "r1", came(1, 4, 7), came(2, 5), days=6), said("received", "r2", came(1, 6, 9))])
    apply(book, [said("cancelled", "x", AnswerLine("rejected", line=2)), Answer("t", "taken", key(0), erp_number="45")])
    rows = record(book)
    first = {
        "order_id": key(0), "erp_number": "45", "line": 1, "vendor_id": "V1", "sku_id": "s1", "location_id": "L1",
        "order_date": NIGHT, "promised_date": night(5), "received_date": night(9), "quantity": 10.0,
        "received_quantity": 10.0, "unit_cost": 0.35, "is_refused": False,
    }  # fmt: skip
    assert rows[1] == first, "the ship notice moves what is expected, and not what was promised"
    asked = {"promised_date": night(3), "received_date": night(6), "quantity": 6.0, "received_quantity": 5.0}
    assert {name: rows[2][name] for name in asked} == asked, "a receipt that names no day came on the day it was made"
    assert rows[2]["unit_cost"] is None
    assert (rows[3]["received_date"], rows[3]["received_quantity"]) == (None, None)
    then = record(book, days=8)[1]
    assert (then["received_date"], then["received_quantity"]) == (None, None), "on that evening it was open"
    assert record(book, days=90, history=90) == {}
    assert record(book, days=-1) == {}


def test_what_the_vendor_refused_came_short_and_what_we_gave_up_is_not_its_fault(book: Book) -> None:
    registered(book, 0, *({**ORDER, "place": place} for place in ("L1", "L2", "L3")))
    exported(book)
    none = AnswerLine("accepted", line=2, quantity=Decimal(0), unit_cost=Decimal("0.35"))
    third = AnswerLine("rejected", line=3)
    apply(book, [said("confirmed", "c", AnswerLine("rejected", line=1), none)])
    apply(book, [said("cancelled", "x", third), said("confirmed", "y", third)])
    apply(book, [said("confirmed", "z", AnswerLine("changed", line=4, quantity=Decimal(1))), said("cancelled", "w")])
    apply(book, [said("rejected", "n", place="L2")])
    apply(book, [said("cancelled", "u", place="L3"), said("rejected", "v", place="L3")])
    found = vendor_record(book, retailer="r", since=night(-1), as_of=night(90)).to_pylist()
    assert [(row["location_id"], row["line"]) for row in found] == [
        ("L1", 1), ("L1", 2), ("L2", 1), ("L2", 2), ("L2", 3), ("L2", 4),
    ], "the vendor's rejection of what we gave up is none"  # fmt: skip
    for row in found:
        assert (row["received_date"], row["received_quantity"], row["unit_cost"]) == (None, 0.0, None)
        assert row["is_refused"]
    apply(book, [said("received", "r", came(1, 10, 6))])
    first = vendor_record(book, retailer="r", since=night(-1), as_of=night(90)).to_pylist()[0]
    assert (first["received_quantity"], first["is_refused"]) == (10.0, False)


def test_what_the_erp_failed_to_take_is_no_order_of_the_vendors(book: Book) -> None:
    registered(book, 0, ORDER)
    exported(book)
    apply(book, [said("failed", "f")])
    assert record(book) == {}
