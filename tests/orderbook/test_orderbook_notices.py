"""Ship notices among the answers: which are new, what they say by the order's lines, and what shipments carry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from tests.orderbook.nights import exported, key, lines, registered

from scaleinv.orderbook import Book, apply, opened
from scaleinv.orderbook.carried import carried
from scaleinv.orderbook.exception_decisions import known_decisions
from scaleinv.orderbook.ship_notices import new_ship_notices
from scaleinv.orderbook.shipment_intake import record
from scaleinv.orderbook.shipment_reads import lane_history, shipment, shipments
from scaleinv.pipeline.follow import follow_answers
from scaleinv.schema.life import Answer, AnswerLine
from scaleinv.schema.shipping import Notice, ShipmentEvent, ShippedLine
from scaleinv.shipments.notices import SENDER

NOON = dt.datetime(2026, 2, 1, 12, tzinfo=dt.UTC)


def two_orders(book: Book) -> None:
    registered(book, 0, {"lines": {"s1": 10, "s2": 6}}, {"place": "L2", "lines": {"s1": 4}})
    exported(book)


def shipped(message: str, place: str, *parts: AnswerLine, shipment_id: str | None = "S", hours: int = 0) -> Answer:
    at = NOON + dt.timedelta(hours=hours)
    return Answer(message, "shipped", key(0, place=place), at=at, shipment_id=shipment_id, lines=parts)


def received(message: str, place: str, *parts: AnswerLine) -> Answer:
    return Answer(message, "received", key(0, place=place), at=NOON + dt.timedelta(days=3), lines=parts)


def said(book: Book, kind: str, hours: float = 1, shipment_id: str = "S") -> None:
    moment = NOON + dt.timedelta(hours=hours)
    record(book, [ShipmentEvent("c", f"{kind}{hours}", shipment_id, kind, moment, "{}", "0")], received_at=moment)  # type: ignore[arg-type]


def content(book: Book, shipment_id: str = "S") -> list[tuple[str, int, str]]:
    found = shipment(book, shipment_id)
    assert found is not None
    return [(row["order_id"], row["line"], row["quantity"]) for row in found["lines"]]


def test_a_shipment_of_two_orders_carries_both_and_each_notice_counts_once(book: Book) -> None:
    two_orders(book)
    one = shipped("b", "L1", AnswerLine("shipped", sku_id="s1", quantity=Decimal(10)))
    other = shipped("a", "L2", AnswerLine("shipped", line=1, quantity=Decimal(4)))
    apply(book, [one, other])
    assert follow_answers(book, retailer="r") == 2
    expected = [(key(0), 1, "10.000"), (key(0, place="L2"), 1, "4.000")]
    assert sorted(content(book)) == expected
    for _ in range(2):
        apply(book, [one, other])
        assert follow_answers(book, retailer="r") == 0
    # Another notice of the same shipment, made earlier: it adds to what was known.
    apply(book, [shipped("c", "L1", AnswerLine("shipped", line=2, quantity=Decimal(6)), hours=-5)])
    assert follow_answers(book, retailer="r") == 1
    assert sorted(content(book)) == sorted([*expected, (key(0), 2, "6.000")])


def test_a_notice_waits_for_its_order_and_one_that_was_refused_announces_nothing(book: Book) -> None:
    registered(book, 0, {"lines": {"s1": 10}})
    early = shipped("e", "L1", AnswerLine("shipped", line=1, quantity=Decimal(3)))
    nobody = shipped("n", "L9", AnswerLine("shipped", line=1, quantity=Decimal(3)), shipment_id="N")
    apply(book, [early, nobody])
    assert follow_answers(book, retailer="r") == 0
    exported(book)
    wrong = shipped("w", "L1", AnswerLine("shipped", line=7, quantity=Decimal(1)), shipment_id="W")
    unnamed = shipped("u", "L1", AnswerLine("shipped", line=1, quantity=Decimal(1)), shipment_id=None)
    apply(book, [wrong, unnamed])
    assert follow_answers(book, retailer="r") == 1
    assert content(book) == [(key(0), 1, "3.000")]
    assert shipment(book, "N") is None
    assert shipment(book, "W") is None
    assert new_ship_notices(book, SENDER) == []


def test_without_quantities_it_is_what_was_announced_and_units_are_the_orders(book: Book) -> None:
    two_orders(book)
    apply(book, [received("r", "L1", AnswerLine("received", line=1, quantity=Decimal(2)))])
    dozen = AnswerLine("shipped", line=1, quantity=Decimal("0.25"), unit="DZN")
    apply(book, [shipped("whole", "L1"), shipped("dozen", "L2", dozen, shipment_id="D")])
    assert [row[2] for row in lines(book, key(0)).values()] == [Decimal(8), Decimal(6)]
    follow_answers(book, retailer="r")
    assert content(book) == [(key(0), 1, "6.000"), (key(0), 2, "6.000")]
    assert content(book, "D") == [(key(0, place="L2"), 1, "3.000")]


def test_a_shipment_has_arrived_when_all_that_it_carries_was_received(book: Book) -> None:
    two_orders(book)
    every = [shipped("b", "L1"), shipped("a", "L2")]
    apply(book, every)
    follow_answers(book, retailer="r")
    said(book, "departed")
    apply(book, [received("r1", "L1")])
    assert follow_answers(book, retailer="r") == 0
    apply(book, [received("r2", "L2")])
    assert follow_answers(book, retailer="r") == 1
    found = shipment(book, "S")
    assert found is not None
    assert (found["status"], found["arrived_at"]) == ("arrived", (NOON + dt.timedelta(days=3)).isoformat())
    assert follow_answers(book, retailer="r") == 0


def test_what_was_lost_and_given_up_has_not_arrived_and_what_came_all_the_same_has(book: Book) -> None:
    two_orders(book)
    apply(book, [shipped("b", "L1", AnswerLine("shipped", line=1, quantity=Decimal(4)))])
    follow_answers(book, retailer="r")
    said(book, "lost")
    apply(book, [received("r1", "L1", AnswerLine("received", line=1, quantity=Decimal(6))),
                 Answer("x", "cancelled", key(0), lines=(AnswerLine("rejected", line=1),))])  # fmt: skip
    follow_answers(book, retailer="r")
    assert shipment(book, "S")["status"] == "lost"  # type: ignore[index]
    apply(book, [received("r2", "L1", AnswerLine("received", line=1, quantity=Decimal(4)))])
    follow_answers(book, retailer="r")
    assert shipment(book, "S")["status"] == "arrived"  # type: ignore[index]


def test_what_is_carried_stands_beside_its_order_line_by_number_sku_or_gtin(book: Book) -> None:
    two_orders(book)
    with book.writing() as connection:
        connection.exec_driver_sql("UPDATE order_lines SET gtin = '04000862141404' WHERE sku_id = 's2'")
    parts = [
        ShippedLine(key(0), Decimal(1), line=1), ShippedLine(key(0), Decimal(2), sku_id="s1"),
        ShippedLine(key(0), Decimal(3), gtin="4000862141404"), ShippedLine("PO-1", Decimal(4), line=1, sku_id="s9"),
    ]  # fmt: skip
    notice = Notice(lines=tuple(parts))
    event = ShipmentEvent("c", "n", "S", "announced", NOON, "{}", "0", notice=notice)
    record(book, [event], received_at=NOON)
    found: list[dict[str, Any]] = carried(book, retailer="r", since=NOON).to_pylist()
    told = [(row["unique_id"], row["line"], row["quantity"], row["is_open"], row["sku_id"]) for row in found]
    assert told == [
        ("s1@L1", 1, Decimal(1), True, "s1"), ("s1@L1", 1, Decimal(2), True, "s1"),
        ("s2@L1", 2, Decimal(3), True, "s2"), (None, None, Decimal(4), None, "s9"),
    ]  # fmt: skip
    assert [row["order_id"] for row in carried(book, retailer="another", since=NOON).to_pylist()] == ["PO-1"]
    said(book, "arrived")
    assert len(carried(book, retailer="r", since=NOON)) == 3, "what has arrived is not booked yet"
    apply(book, [received("r1", "L1")])
    assert len(carried(book, retailer="r", since=NOON)) == 0


def statements(book: Book, work: Callable[[], object]) -> list[tuple[str, Any]]:
    """What ``work`` asks the database."""
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    sa.event.listen(book.engine, "before_cursor_execute", note)
    work()
    sa.event.remove(book.engine, "before_cursor_execute", note)
    return asked


def test_no_table_that_grows_with_the_years_is_read_from_end_to_end(tmp_path: Path) -> None:
    """Neither what shipments carry, nor which notices are new, nor which decisions count."""
    with opened(f"sqlite:///{tmp_path / 'book.db'}") as book:
        two_orders(book)
        apply(book, [shipped("b", "L1"), shipped("a", "L2"), received("r", "L1")])
        follow_answers(book, retailer="r")

        def look() -> None:
            follow_answers(book, retailer="r")
            carried(book, retailer="r", since=NOON)
            shipments(book, ended=False)
            shipments(book, ended=True, since=NOON)
            lane_history(book, since=NOON)
            known_decisions(book, ended=NOON.date(), as_of=NOON.date())

        asked = [one for one in statements(book, look) if one[0].startswith("SELECT") or "UPDATE answers" in one[0]]
        assert len(asked) > 7
        with book.reading() as connection:
            plans = [
                step[-1]
                for statement, parameters in asked
                for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
    assert [step for step in plans if step.startswith("SCAN") and "CONSTANT" not in step] == []
