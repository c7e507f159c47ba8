"""An order in cartons: answers in cartons, pieces or neither, and who may give them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.orderbook.nights import assert_explained, exported, key, lines, registered, status
from tests.orderbook.test_orderbook_answers import ID, line, says

from scaleinv.orderbook import Book, Counts, apply, edit, history, kept_answers, lines_of_set, sets_of
from scaleinv.orderbook.answers import answer_of, content_of
from scaleinv.schema.life import Answer

IN_CARTONS = {"lines": {"s1": 144, "s2": 24}, "pack": ("CT", 2, 24)}
PACK = ("order_unit", "order_units", "stock_units")


@pytest.fixture
def out(book: Book) -> Book:
    """A book with an order of 12 cartons of s1 and 2 of s2, exported."""
    registered(book, 0, IN_CARTONS)
    exported(book)
    return book


def refusals(book: Book) -> list[str]:
    return [row["detail"] for row in kept_answers(book, outcome="refused")]


def test_what_a_unit_of_order_holds_is_kept_in_lowest_terms(out: Book) -> None:
    rows = history(out, ID).lines
    assert [tuple(row[name] for name in PACK) for row in rows] == [("CT", 1, 12)] * 2
    (part,) = sets_of(out, "r")
    assert lines_of_set(out, part).select(PACK).to_pylist() == [dict(zip(PACK, ("CT", 1, 12), strict=True))] * 2


def test_a_night_done_again_with_other_packs_says_so(book: Book) -> None:
    registered(book, 0, {**IN_CARTONS, "disposition": "propose"})
    assert registered(book, 0, {**IN_CARTONS, "disposition": "propose"}).unchanged == 1
    assert registered(book, 0, {**IN_CARTONS, "disposition": "propose", "pack": ("BX", 1, 6)}).updated == 1
    changes = history(book, ID).events[-1]["changes"]["lines"]
    assert changes["1"] == {"order_unit": ["CT", "BX"], "stock_units": [12, 6]}
    assert_explained(book, ID)


def test_cartons_pieces_and_dozens_are_kept_in_pieces(out: Book) -> None:
    apply(out, [says("confirmed", line("changed", 10, unit="XCT", unit_cost=Decimal("39.01")))])
    row = history(out, ID).lines[0]
    assert (row["confirmed"], row["cancelled"], row["confirmed_cost"]) == (120, 24, Decimal("3.2508"))
    apply(out, [says("shipped", line("shipped", 4, unit="CT"), shipment_id="S1")])
    apply(out, [says("received", line("received", 24, unit="EA"), line("received", 2, unit="DZN"))])
    assert lines(out, ID)[1] == (144, 120, 48, 48, 24)
    apply(out, [says("received", line("received", Decimal("0.5"), 2, unit="XCT"))])
    assert lines(out, ID)[2][3] == 6
    assert_explained(out, ID)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"unit": "XBX"}, "'XBX' cannot be converted to 'EA'"),
        ({"unit": "KGM"}, "'KGM' cannot be converted to 'EA'"),
        ({"unit": None}, "no unit is said: expected EA, or CT, each of which is 12"),
        ({"unit": "TRAY"}, "'TRAY' cannot be converted to 'EA'"),
        ({"unit": "-1*sales_unit"}, "'-1*sales_unit' cannot be converted to 'EA'"),
        ({"unit": "("}, "'(' cannot be converted to 'EA'"),
        ({"unit": "9**9**9"}, "'9**9**9' cannot be converted to 'EA'"),
    ],
)
def test_a_unit_that_is_neither_or_not_said_changes_nothing(out: Book, said: dict[str, Any], reason: str) -> None:
    before = lines(out, ID)
    assert apply(out, [says("received", line("received", 12, **said))]) == Counts(refused=1)
    assert reason in refusals(out)[0]
    assert (lines(out, ID), status(out, ID)) == (before, "exported")


def test_a_promise_that_is_made_when_goods_are_there_is_none(out: Book) -> None:
    early, late = date(2026, 2, 3), date(2026, 2, 9)
    apply(out, [says("confirmed", line("accepted", date=early))])
    apply(out, [says("received", line("received", 144, unit="EA"))])
    apply(out, [says("confirmed", line("accepted", date=late))])
    assert history(out, ID).lines[0]["promised_date"] == early


def test_nothing_of_a_line_needs_no_unit(out: Book) -> None:
    assert apply(out, [says("confirmed", line("changed", 0))]).applied == 1
    assert lines(out, ID)[1][4] == 144


def test_a_person_may_order_what_is_no_whole_carton(book: Book) -> None:
    registered(book, 0, {**IN_CARTONS, "disposition": "propose"})
    edit(book, ID, 1, quantity=Decimal(30), who="ann", why="shelf")
    assert history(book, ID).lines[0]["order_unit"] == "CT"  # the pack is still known: 36 would be 3


# --- whose word it is -------------------------------------------------------------------------------------------------


def of(answer: Answer, *vendors: str) -> Answer:
    return replace(answer, sender="PARTNER", vendors=vendors)


def test_only_the_vendors_partner_changes_its_order(out: Book) -> None:
    received = says("received", line("received", 12, unit="CT"))
    assert apply(out, [of(received, "V2", "V3"), of(says("cancelled"))]) == Counts(refused=2)
    assert sorted(refusals(out)) == [
        "it came from PARTNER, no vendor's partner, and the order is V1's (export.codes)",
        "it came from PARTNER, partner of V2, V3, and the order is V1's (export.codes)",
    ]
    assert status(out, ID) == "exported"
    assert apply(out, [of(received, "V2", "V1")]).applied == 1  # the same message, after the codes were corrected
    assert lines(out, ID)[1][3] == 144


def test_an_answer_that_waits_for_its_order_waits_with_its_partner(book: Book) -> None:
    early = of(says("received", line("received", 12, unit="CT")), "V2")
    assert answer_of(content_of(early)) == early
    assert apply(book, [early]) == Counts(unknown_order=1)
    registered(book, 0, IN_CARTONS)
    exported(book)
    assert refusals(book) == ["it came from PARTNER, partner of V2, and the order is V1's (export.codes)"]
    assert status(book, key(0)) == "exported"
