"""Answers: each statement once, in whatever order they come; quantities by line are what counts."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from tests.orderbook.nights import (
    assert_conserved,
    assert_explained,
    exported,
    key,
    lines,
    night,
    registered,
    status,
)

from scaleinv.errors import DataError
from scaleinv.orderbook import (
    Book,
    Changed,
    Counts,
    apply,
    change,
    claim,
    edit,
    history,
    kept_answers,
    open_lines,
)
from scaleinv.orderbook.answers import answer_of, content_of
from scaleinv.orderbook.tables import ANSWERS
from scaleinv.schema.life import OPEN_LINES, Answer, AnswerKind, AnswerLine

ONE = {"lines": {"s1": 10, "s2": 4}}
ID = key(0)
NUMBER = itertools.count()
P = {"who": "ann", "why": "looked at it"}


@pytest.fixture
def out(book: Book) -> Book:
    """A book with an order of 10 s1 and 4 s2, exported."""
    registered(book, 0, ONE)
    exported(book)
    return book


def says(kind: AnswerKind, *said: AnswerLine, **more: Any) -> Answer:
    return Answer(f"m{next(NUMBER)}", kind, ID, lines=said, **more)


def line(status: Any, quantity: float | None = None, number: int = 1, **more: Any) -> AnswerLine:
    return AnswerLine(status, number, quantity=None if quantity is None else Decimal(str(quantity)), **more)


def told(book: Book, *answers: Answer) -> str:
    apply(book, answers)
    assert_explained(book, ID)
    assert_conserved(book, ID)
    return status(book, ID)


def test_the_plain_way(out: Book) -> None:
    assert told(out, says("taken", erp_number="4500000001")) == "acknowledged"
    assert told(out, says("confirmed")) == "acknowledged"
    assert told(out, says("shipped", shipment_id="S9")) == "shipped"
    assert told(out, says("received")) == "received"
    assert lines(out, ID) == {1: (10, 10, 10, 10, 0), 2: (4, 4, 4, 4, 0)}
    assert history(out, ID).order["erp_number"] == "4500000001"


def test_the_same_message_twice_counts_once(out: Book) -> None:
    part = says("received", line("received", 3))
    assert apply(out, [part, part]) == Counts(applied=1, duplicate=1)
    assert apply(out, [part]) == Counts(duplicate=1)
    assert lines(out, ID)[1] == (10, None, 0, 3, 0)
    assert history(out, ID).answers[0]["repeats"] == 2


def test_an_answer_that_comes_before_its_order_waits_for_it(book: Book) -> None:
    assert apply(book, [says("taken"), says("shipped", line("shipped", 6))]) == Counts(unknown_order=2)
    registered(book, 0, ONE)
    assert apply(book, []) == Counts()
    assert status(book, ID) == "approved", "documents of it are not out as far as we know"
    assert apply(book, [says("taken")]) == Counts(out_of_order=1)
    exported(book)
    assert status(book, ID) == "shipped"
    assert lines(book, ID)[1] == (10, None, 6, 0, 0)
    assert_explained(book, ID)
    assert not [row for row in kept_answers(book) if row["is_waiting"]]


def test_received_before_acknowledged_and_confirmed_after_shipped(out: Book) -> None:
    assert told(out, says("received")) == "received"
    assert apply(out, [says("taken", erp_number="7"), says("shipped"), says("confirmed")]).out_of_order == 3
    assert status(out, ID) == "received"
    assert lines(out, ID) == {1: (10, 10, 0, 10, 0), 2: (4, 4, 0, 4, 0)}
    assert history(out, ID).order["erp_number"] == "7"


def test_parts_add_up(out: Book) -> None:
    told(out, says("confirmed", line("accepted", 6), line("backordered", 4, date=night(9))))
    assert lines(out, ID)[1][1] == 10
    assert history(out, ID).lines[0]["expected_date"] == night(9)
    assert told(out, says("shipped", line("shipped", 4)), says("received", line("received", 4))) == "shipped"
    assert told(out, says("shipped", line("shipped", 6)), says("received", line("received", 6))) == "shipped"
    assert told(out, says("received", line("received", 4, 2))) == "received"


def test_more_may_come_than_was_ordered(out: Book) -> None:
    assert told(out, says("received", line("received", 12), line("received", 4, 2))) == "received"
    assert lines(out, ID)[1] == (10, None, 0, 12, 0)
    assert open_lines(out).num_rows == 0


def test_what_the_vendor_changes_or_rejects_will_not_come(out: Book) -> None:
    assert told(out, says("confirmed", line("changed", 8, unit_cost=Decimal("0.35")), line("rejected", None, 2))) == (
        "acknowledged"
    )
    assert lines(out, ID) == {1: (10, 8, 0, 0, 2), 2: (4, 0, 0, 0, 4)}
    assert history(out, ID).lines[0]["confirmed_cost"] == Decimal("0.35")
    assert told(out, says("confirmed", line("changed", 9))) == "acknowledged"
    assert told(out, says("received", line("received", 9))) == "received"
    assert lines(out, ID)[1] == (10, 9, 0, 9, 1)


def test_all_rejected_is_rejected_and_yet_goods_may_come(out: Book) -> None:
    assert told(out, says("confirmed", line("rejected"), line("rejected", None, 2))) == "rejected"
    assert told(out, says("shipped", line("shipped", 10))) == "shipped"
    assert told(out, says("received", line("received", 10))) == "received"
    assert lines(out, ID) == {1: (10, 0, 10, 10, 0), 2: (4, 0, 0, 0, 4)}


def test_an_order_that_the_vendor_wants_none_of_is_rejected(out: Book) -> None:
    assert told(out, says("rejected", reason="no")) == "rejected"
    assert lines(out, ID) == {1: (10, 0, 0, 0, 10), 2: (4, 0, 0, 0, 4)}
    assert told(out, says("cancelled")) == "rejected"


def test_what_is_on_its_way_comes_although_the_vendor_rejects_the_rest(out: Book) -> None:
    assert told(out, says("shipped", line("shipped", 4)), says("rejected")) == "shipped"
    assert [cancelled for *_, cancelled in lines(out, ID).values()] == [6, 4]
    assert told(out, says("received", line("received", 4))) == "received"


@pytest.mark.parametrize(("ours", "theirs"), [("4000862141404", "04000862141404"), ("00036000241457", "036000241457")])
def test_a_gtin_is_the_same_with_zeros_before_it(book: Book, ours: str, theirs: str) -> None:
    registered(book, 0, {"lines": {"s1": 10}, "gtin": ours})
    exported(book)
    assert told(book, says("received", AnswerLine("received", gtin=theirs))) == "received"
    counts = apply(book, [says("received", AnswerLine("received", gtin="4000862141411"))])
    assert counts.refused == 1


def test_an_answer_that_was_kept_before_lines_had_pallets_is_read() -> None:
    answer = says("shipped", line("shipped", 4, sscc="106141411234567897"))
    content = content_of(answer)
    del content["lines"][0]["sscc"]
    assert answer_of(content) == replace(answer, lines=(line("shipped", 4),))


def test_a_cancellation_and_a_shipment_that_cross_end_alike(out: Book) -> None:
    assert told(out, says("cancelled")) == "cancelled"
    assert told(out, says("shipped", line("shipped", 4))) == "shipped"
    assert lines(out, ID) == {1: (10, None, 4, 0, 6), 2: (4, None, 0, 0, 4)}
    assert told(out, says("received", line("received", 4))) == "received"


def test_what_is_on_its_way_is_not_cancelled_with_the_rest_but_may_be_lost(out: Book) -> None:
    assert told(out, says("shipped", line("shipped", 4)), says("cancelled")) == "shipped"
    assert lines(out, ID) == {1: (10, None, 4, 0, 6), 2: (4, None, 0, 0, 4)}
    assert told(out, says("cancelled", reason="sunk")) == "cancelled"
    assert lines(out, ID)[1] == (10, None, 0, 0, 10)


def test_what_the_erp_could_not_take_is_held_and_goes_out_again(out: Book) -> None:
    assert told(out, says("failed", reason="vendor V1 is blocked")) == "held"
    assert history(out, ID).order["problem"] == "vendor V1 is blocked"
    exported(out)
    assert status(out, ID) == "held", "sent again at once it would fail again"
    assert change(out, [ID], "approved", **P).done == (ID,)
    exported(out)
    assert history(out, ID).order["set_number"] == 2
    assert told(out, says("taken")) == "acknowledged"
    assert history(out, ID).order["problem"] is None


def test_a_failed_order_that_was_posted_by_hand_goes_on(out: Book) -> None:
    assert told(out, says("failed"), says("taken")) == "acknowledged"


def test_failed_goods_are_not_ordered_again_before_somebody_has_looked(out: Book) -> None:
    told(out, says("failed", reason="no such plant"))
    registered(out, 1, ONE)
    assert status(out, key(1)) == "held"
    assert "no such plant" in history(out, key(1)).events[-1]["why"]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (line("received", 1, 9), "no line 9"),
        (AnswerLine("received", sku_id="s7"), "no lines have sku_id 's7'"),
        (AnswerLine("received"), "neither number, SKU nor GTIN"),
        (line("received", -2), "1 cannot be taken back: 0 were received"),
        (line("received", 1, unit="KGM"), "cannot be converted"),
        (line("received", 0.0000001), "no whole number"),
    ],
)
def test_what_cannot_be_understood_is_kept_and_changes_nothing(out: Book, said: AnswerLine, problem: str) -> None:
    before = lines(out, ID)
    bad = says("received", line("received", 1), said)
    assert apply(out, [bad]) == Counts(refused=1)
    assert lines(out, ID) == before
    assert problem in kept_answers(out, outcome="refused")[0]["detail"]
    mended = replace(bad, lines=(line("received", 1),))
    assert apply(out, [mended, mended]) == Counts(applied=1, duplicate=1)
    assert lines(out, ID)[1] == (10, None, 0, 1, 0)


def test_units_are_converted_exactly(book: Book) -> None:
    """ERPNext#37164, #18391: 150 kg are not 0.150."""
    registered(book, 0, {"lines": {"s1": 24}}, {"place": "L2", "lines": {"s1": 3}, "unit": "DZN"})
    registered(book, 0, {"lines": {"s1": 24}}, {"place": "L2", "lines": {"s1": 3}, "unit": "DZN"})
    exported(book)
    dozens = AnswerLine("received", sku_id="s1", quantity=Decimal("1.5"), unit="DZN")
    pieces = AnswerLine("received", sku_id="s1", quantity=Decimal(24), unit="EA")
    answers = [
        Answer("a", "received", ID, lines=(dozens,)),
        Answer("b", "received", key(0, place="L2"), lines=(pieces,)),
    ]
    assert apply(book, answers).applied == 2
    assert lines(book, ID)[1] == (24, None, 0, 18, 0)
    assert lines(book, key(0, place="L2"))[1] == (3, None, 0, 2, 0)


def test_open_lines_are_what_is_to_come(book: Book) -> None:
    registered(book, 0, ONE, {**ONE, "place": "L2", "disposition": "propose"}, {**ONE, "place": "L3"})
    exported(book)
    told(book, says("confirmed", line("accepted", 7, date=night(5))), says("received", line("received", 0.1)))
    told(book, says("cancelled", line("changed", None, 2)))
    change(book, [key(0, place="L3")], "cancelled", **P)
    found = open_lines(book)
    assert found.schema == OPEN_LINES
    assert found.to_pylist() == [
        {
            "order_id": ID, "as_of": night(0), "line": 1, "unique_id": "s1@L1", "sku_id": "s1", "location_id": "L1",
            "vendor_id": "V1", "status": "shipped", "quantity_open": 6.9, "expected_date": night(5), "erp_number": None,
        }
    ]  # fmt: skip


def test_open_lines_of_nights_before_one_and_of_one_retailer(book: Book) -> None:
    for n in range(3):
        registered(book, n, {"lines": {f"s{n}": 4}})
    assert open_lines(book, retailer="r", before=night(1))["as_of"].to_pylist() == [night(0)]
    assert open_lines(book, retailer="r")["unique_id"].to_pylist() == ["s0@L1", "s1@L1", "s2@L1"]
    assert open_lines(book, retailer="another").num_rows == 0


def test_an_order_that_the_erp_could_not_take_is_open_until_somebody_cancels_it(book: Book) -> None:
    registered(book, 0, ONE)
    exported(book)
    told(book, says("failed"))
    assert status(book, ID) == "held"
    assert open_lines(book)["quantity_open"].to_pylist() == [10.0, 4.0]
    change(book, [ID], "cancelled", **P)
    assert open_lines(book).num_rows == 0


def test_two_planners_one_wins(book: Book) -> None:
    registered(book, 0, {**ONE, "disposition": "propose"})
    assert change(book, [ID], "approved", who="ann", why="ok").done == (ID,)
    refused = change(book, [ID], "approved", who="bob", why="ok").refused[0]
    assert refused.problem == "not_allowed"
    assert "approved by ann" in refused.detail
    refused = change(book, [ID], "cancelled", who="bob", why="no", expected_version=1).refused[0]
    assert (refused.problem, refused.version) == ("changed_meanwhile", 2)
    assert edit(book, ID, 1, quantity=Decimal(1), expected_version=1, **P).refused[0].problem == "changed_meanwhile"
    assert change(book, ["nobody"], "approved", **P).refused[0].problem == "unknown_order"
    assert_explained(book, ID)


def test_a_dry_run_changes_nothing(book: Book) -> None:
    registered(book, 0, ONE)
    before = history(book, ID)
    assert change(book, [ID], "cancelled", dry_run=True, **P).done == (ID,)
    assert edit(book, ID, 1, quantity=Decimal(3), dry_run=True, **P).done == (ID,)
    assert history(book, ID) == before


def test_an_edit_is_exact_and_ends_where_documents_begin(book: Book) -> None:
    registered(book, 0, {**ONE, "unit": "KGM"})
    assert edit(book, ID, 1, quantity=Decimal("2.5"), **P).done == (ID,)
    assert history(book, ID).order["value"] == Decimal("1.95")
    assert edit(book, ID, 1, quantity=Decimal(0), **P).done == (ID,)
    assert edit(book, ID, 2, quantity=Decimal(0), **P).refused[0].problem == "not_allowed"
    assert edit(book, ID, 7, quantity=Decimal(1), **P).refused[0].problem == "unknown_line"
    exported(book)
    assert edit(book, ID, 2, quantity=Decimal(5), **P).refused[0].problem == "not_allowed"
    assert change(book, [ID], "approved", **P).refused[0].problem == "not_allowed"
    assert_explained(book, ID)


@pytest.mark.parametrize("unit", ["EA", "DZN"])
def test_what_is_counted_is_ordered_whole(book: Book, unit: str) -> None:
    registered(book, 0, {**ONE, "unit": unit})
    before = history(book, ID)
    with pytest.raises(DataError, match=rf"line 2 of order {ID}.*s2.*{unit}") as error:
        edit(book, ID, 2, quantity=Decimal("2.5"), **P)
    assert "whole" in str(error.value)
    assert history(book, ID) == before
    assert edit(book, ID, 2, quantity=Decimal("3.000"), **P).done == (ID,)


@pytest.mark.parametrize("by", ["rule", "person"])
def test_more_than_was_approved_is_to_be_approved_again(book: Book, by: str) -> None:
    registered(book, 0, ONE if by == "rule" else {**ONE, "disposition": "propose"})
    if by == "person":
        change(book, [ID], "approved", **P)
    assert edit(book, ID, 1, quantity=Decimal(8), **P) == Changed((ID,))
    assert status(book, ID) == "approved", "less is covered by the approval"
    dry = edit(book, ID, 1, quantity=Decimal(1_000_000), dry_run=True, **P)
    assert (dry, status(book, ID)) == (Changed((ID,), reopened=(ID,)), "approved")
    assert edit(book, ID, 1, quantity=Decimal(1_000_000), **P) == dry
    assert status(book, ID) == "proposed"
    assert history(book, ID).events[-1]["why"] == "looked at it; line 1 is more than was approved: approve it again"
    assert open_lines(book).num_rows == 0
    assert_explained(book, ID)
    assert change(book, [ID], "approved", **P).done == (ID,)
    assert open_lines(book)["quantity_open"].to_pylist() == [1_000_000.0, 4.0]


@pytest.mark.parametrize("now", ["proposed", "held"])
def test_more_of_what_is_not_approved_changes_its_quantity_only(book: Book, now: str) -> None:
    registered(book, 0, {**ONE, "disposition": "propose"})
    if now == "held":
        change(book, [ID], "held", **P)
    assert edit(book, ID, 1, quantity=Decimal(99), **P) == Changed((ID,))
    assert status(book, ID) == now


def test_an_answer_is_kept_with_all_it_says() -> None:
    said = AnswerLine(
        "shipped", 3, "s", "4000862141404", Decimal("1.50"), "EA", Decimal("2.1"), night(1), "L7", night(9)
    )
    whole = Answer("m", "shipped", ID, dt.datetime(2026, 2, 1, tzinfo=dt.UTC), "45", "S1", (said,), "because")
    assert answer_of(content_of(whole)) == whole


# --- answers that others cross ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_exported_only", [True, False])
def test_an_order_that_the_erp_has_is_neither_held_nor_sent_again(out: Book, is_exported_only: bool) -> None:
    if not is_exported_only:
        told(out, says("taken"))
    before = open_lines(out)
    refused = change(out, [ID], "held", **P).refused[0]
    assert refused.problem == "not_allowed"
    assert "hold it there" in refused.detail
    assert open_lines(out) == before
    assert change(out, [ID], "cancelled", **P).done == (ID,)


@pytest.mark.parametrize("to", ["approved", "proposed"])
@pytest.mark.parametrize("kind", ["taken", "failed", "confirmed", "shipped", "received", "cancelled"])
def test_an_answer_finds_an_order_that_waits_to_go_out_again(out: Book, to: Any, kind: AnswerKind) -> None:
    told(out, says("failed"))
    change(out, [ID], to, **P)
    other = Answer("other", "taken", key(0, place="L9"))
    assert apply(out, [says(kind), other]) == Counts(applied=1, unknown_order=1)
    assert_explained(out, ID)
    assert_conserved(out, ID)
    expected = {"taken": "acknowledged", "failed": "held", "confirmed": "acknowledged"}.get(kind, kind)
    assert status(out, ID) == expected
    exported(out)
    assert history(out, ID).order["exports"] == 1, "the ERP has it: it does not go out once more"


def test_an_answer_of_an_order_whose_documents_are_written_again_waits_for_them(out: Book) -> None:
    told(out, says("failed"))
    change(out, [ID], "approved", **P)
    claim(out, "r", night(0))
    assert apply(out, [says("taken")]) == Counts(out_of_order=1)
    assert status(out, ID) == "approved"
    exported(out)
    assert status(out, ID) == "acknowledged"


def test_one_answer_that_cannot_be_read_stops_no_other(book: Book) -> None:
    apply(book, [says("taken"), says("shipped", line("shipped", 6))])
    with book.writing() as connection:
        taken = sa.and_(ANSWERS.c.order_id == ID, ANSWERS.c.kind == "taken")
        connection.execute(sa.update(ANSWERS).where(taken).values(content={"kind": "taken"}))
    registered(book, 0, ONE)
    exported(book)
    assert status(book, ID) == "shipped"
    assert "cannot be read" in kept_answers(book, outcome="refused")[0]["detail"]


@pytest.mark.parametrize(
    ("said", "kept"), [("0.34565", "0.3457"), ("0.34564999", "0.3456"), ("2", "2"), ("-1", None), ("NaN", None)]
)
def test_a_price_has_four_decimals(out: Book, said: str, kept: str | None) -> None:
    found = apply(out, [says("confirmed", line("accepted", 10, unit_cost=Decimal(said))), says("taken")])
    assert found == (Counts(applied=2) if kept else Counts(applied=1, refused=1))
    assert history(out, ID).lines[0]["confirmed_cost"] == (kept and Decimal(kept))


@pytest.mark.parametrize("quantity", ["1E+999999999", "1E-999999999", "sNaN", "Infinity", "999999999999.9999999"])
def test_a_number_that_nobody_means_is_refused(out: Book, quantity: str) -> None:
    said = AnswerLine("received", 1, quantity=Decimal(quantity))
    assert apply(out, [says("received", said), says("taken")]) == Counts(applied=1, refused=1)


def test_a_notice_of_the_same_shipment_takes_the_place_of_the_one_before(out: Book) -> None:
    for _ in range(2):
        told(out, says("shipped", line("shipped", 4), line("shipped", 2), shipment_id="A"))
        assert lines(out, ID)[1][2] == 6
    told(out, says("shipped", line("shipped", 3), shipment_id="B"))
    assert lines(out, ID)[1][2] == 9
    told(out, says("shipped", line("shipped", 5), shipment_id="A"))
    assert lines(out, ID)[1][2] == 8
    for _ in range(2):
        told(out, says("shipped", shipment_id="C"))
        assert [lines(out, ID)[n][2] for n in (1, 2)] == [10, 4]
    assert status(out, ID) == "shipped"


def test_the_later_of_two_statements_of_the_erp_counts(out: Book) -> None:
    early, late = (dt.datetime(2026, 2, 1, hour, tzinfo=dt.UTC) for hour in (8, 9))
    told(out, says("taken", at=late))
    assert apply(out, [says("failed", at=early, reason="old")]) == Counts(out_of_order=1)
    assert (status(out, ID), history(out, ID).order["problem"]) == ("acknowledged", None)
    assert told(out, says("failed", at=late.replace(hour=10), reason="new")) == "held"
    assert apply(out, [says("taken", at=late)]) == Counts(out_of_order=1)
    assert history(out, ID).order["problem"] == "new"


def test_what_no_database_keeps_as_a_text_stops_no_other_answer(out: Book) -> None:
    bad = "a\0b\ud800"
    long = "x" * 300_000
    answers = [
        Answer("1" + bad, "failed", ID, erp_number=bad, shipment_id=bad, reason=bad),
        Answer("2", "taken", "no" + bad),
        Answer(long, "taken", long),
        Answer(long, "taken", long),
        Answer("3", "received", ID, lines=(AnswerLine("received", sku_id=bad),)),
        Answer("4", "taken", ID, at=dt.datetime(2026, 2, 1)),
    ]
    assert apply(out, answers) == Counts(applied=2, unknown_order=2, duplicate=1, refused=1)
    assert apply(out, answers) == Counts(duplicate=5, refused=1)
    assert status(out, ID) == "acknowledged"
    assert history(out, ID).order["erp_number"] == "a\ufffdb\ufffd"


@pytest.mark.parametrize("before", ["cancelled", "rejected"])
def test_a_whole_receipt_of_what_was_given_up_is_not_lost(out: Book, before: str) -> None:
    rejections = says("confirmed", line("rejected"), line("rejected", None, 2))
    assert told(out, says("cancelled") if before == "cancelled" else rejections) == before
    assert told(out, says("received")) == "received"
    said = None if before == "cancelled" else 0
    assert lines(out, ID) == {1: (10, said, 0, 10, 0), 2: (4, said, 0, 4, 0)}


def test_a_whole_receipt_has_not_what_the_vendor_will_not_send(out: Book) -> None:
    told(out, says("confirmed", line("changed", 8)))
    for _ in range(2):
        assert told(out, says("received")) == "received"
        assert lines(out, ID)[1] == (10, 8, 0, 8, 2)


def test_a_later_confirmation_takes_the_place_of_the_one_before(out: Book) -> None:
    for _ in range(2):
        told(out, says("confirmed", line("accepted", 4)))
        assert lines(out, ID)[1][1] == 4
    told(out, says("confirmed", line("accepted", 4), line("backordered", 3)))
    assert lines(out, ID)[1][1] == 7


# --- less than was ordered --------------------------------------------------------------------------------------------


def to_come(book: Book, number: int = 1) -> float:
    return float(sum(row["quantity_open"] for row in open_lines(book).to_pylist() if row["line"] == number))


def test_what_the_vendor_accepts_less_will_not_come(out: Book) -> None:
    told(out, says("confirmed", line("accepted", 8)), says("cancelled", line("rejected", None, 2)))
    assert lines(out, ID)[1] == (10, 8, 0, 0, 2)
    assert told(out, says("received", line("received", 8))) == "received"
    assert open_lines(out).num_rows == 0


def test_what_came_before_it_was_accepted_is_all_that_comes(out: Book) -> None:
    told(out, says("received", line("received", 8), line("received", 4, 2)))
    assert told(out, says("confirmed", line("accepted", 8))) == "received"
    assert lines(out, ID)[1] == (10, 8, 0, 8, 2)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([[("accepted", 4)], [("accepted", 4)]], (4, 6)),  # said twice is not cancelled twice
        ([[("accepted", 4)], [("accepted", 6)]], (6, 4)),  # the later one takes the place of the one before
        ([[("accepted", 4)], [("accepted", 10)]], (10, 0)),
        ([[("accepted", 4)], [("accepted", None)]], (4, 6)),  # no quantity: that of before
        ([[("accepted", 4)], [("backordered", 6)]], (10, 0)),
        ([[("accepted", 4), ("backordered", 6)]], (10, 0)),
        ([[("accepted", 4), ("backordered", 3)]], (7, 3)),
        ([[("accepted", 4), ("backordered", None)]], (10, 0)),
        ([[("backordered", 3)]], (10, 0)),  # it says nothing of the other seven
        ([[("accepted", 6), ("rejected", 4)]], (6, 4)),
        ([[("accepted", 6), ("rejected", None)]], (6, 4)),
        ([[("accepted", 10), ("rejected", 4)]], (6, 4)),
        ([[("accepted", 6)], [("rejected", 4)]], (6, 4)),
        ([[("rejected", 4)], [("accepted", 6)]], (6, 4)),
        ([[("rejected", 4)], [("rejected", 4)]], (6, 4)),
        ([[("rejected", None)], [("accepted", 10)]], (10, 0)),
        ([[("backordered", 6), ("rejected", 4)]], (6, 4)),
        ([[("accepted", 0)], [("accepted", 0)]], (0, 10)),
    ],
)
def test_of_what_is_confirmed_nothing_is_cancelled_twice(
    out: Book, said: list[list[tuple[str, float | None]]], expected: tuple[int, int]
) -> None:
    """Line 2 keeps the order open."""
    for parts in said:
        told(out, says("confirmed", *(line(status, quantity) for status, quantity in parts)))
        ordered, _, _, received, cancelled = lines(out, ID)[1]
        assert to_come(out) == float(ordered - received - cancelled)  # type: ignore[operator]
    assert lines(out, ID)[1] == (10, expected[0], 0, 0, expected[1])
    goods = line("received", expected[0])
    assert told(out, says("received", goods, line("received", 4, 2))) == "received"


def test_what_we_gave_up_stays_given_up_whatever_the_vendor_accepts(out: Book) -> None:
    told(out, says("cancelled", line("rejected", 4)), says("confirmed", line("accepted", 10)))
    assert lines(out, ID)[1] == (10, 10, 0, 0, 4)
    told(out, says("cancelled", line("rejected")), says("confirmed", line("rejected")))
    assert lines(out, ID)[1] == (10, 10, 0, 0, 10), "it is no refusal of the vendor"


def test_a_notice_that_is_taken_back_leaves_no_rest_that_nobody_sends(out: Book) -> None:
    told(out, says("shipped", line("shipped", 8), shipment_id="S"), says("confirmed", line("accepted", 5)))
    assert lines(out, ID)[1] == (10, 5, 8, 0, 2)
    told(out, says("shipped", line("shipped", 3), shipment_id="S"))
    assert lines(out, ID)[1] == (10, 5, 3, 0, 5)
    assert to_come(out) == 5.0


# --- back-ordered without a day ---------------------------------------------------------------------------------------


def expected(book: Book, number: int = 1) -> dt.date:
    found: dt.date = history(book, ID).lines[number - 1]["expected_date"]
    return found


@pytest.mark.parametrize("days", [0, 5])
def test_what_is_back_ordered_without_a_day_is_expected_after_a_further_lead_time(out: Book, days: int) -> None:
    at = dt.datetime.combine(night(days), dt.time(9), dt.UTC)
    told(out, says("confirmed", line("accepted", None, 2), line("backordered", 10), at=at))
    day = night(max(days, 3) + 3)
    assert (expected(out), expected(out, 2)) == (day, night(3)), "it was asked for in three days"
    assert open_lines(out)["quantity_open"].to_pylist() == [10.0, 4.0]
    assert history(out, ID).lines[0]["promised_date"] is None
    assert f"line 1 is back-ordered and no day is said: expected on {day}" in history(out, ID).events[-1]["why"]


def test_a_back_order_that_has_a_day_is_expected_on_it_and_nothing_of_a_line_is_not_back_ordered(out: Book) -> None:
    told(out, says("confirmed", line("backordered", 10, date=night(4)), line("backordered", 0, 2)))
    assert (expected(out), expected(out, 2)) == (night(4), night(3))
    assert history(out, ID).events[-1]["why"] == "confirmed"
    told(
        out,
        says(
            "confirmed",
            line("accepted", 4, date=night(2)),
            line("backordered", 6),
            at=dt.datetime.combine(night(1), dt.time(9), dt.UTC),
        ),
    )
    assert expected(out) == night(6)
    told(out, says("shipped", line("shipped", 4, date=night(2)), shipment_id="S"))
    assert expected(out) == night(6), "a part brings the rest no nearer"
    told(out, says("shipped", line("shipped", 6, date=night(5)), shipment_id="T"))
    assert expected(out) == night(5)


# --- receipts that are taken back -------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_receipt_that_was_booked_by_mistake_is_taken_back(out: Book, is_announced: bool) -> None:
    told(out, says("taken"), *([says("shipped")] if is_announced else []))
    assert told(out, says("received")) == "received"
    back = says("received", line("received", -10), line("received", -4, 2))
    assert told(out, back) == ("shipped" if is_announced else "acknowledged")
    assert [row["received_date"] for row in history(out, ID).lines] == [None, None]
    assert "line 1: 10 of 10 received are taken back" in history(out, ID).events[-1]["why"]
    assert open_lines(out)["quantity_open"].to_pylist() == [10.0, 4.0]
    assert apply(out, [back]) == Counts(duplicate=1)
    assert told(out, says("received")) == "received"


def test_no_more_is_taken_back_than_was_received(out: Book) -> None:
    told(out, says("received", line("received", 4)))
    before = lines(out, ID)
    assert apply(out, [says("received", line("received", -5))]) == Counts(refused=1)
    assert lines(out, ID) == before
    assert kept_answers(out, outcome="refused")[0]["detail"] == "line 1: 5 cannot be taken back: 4 were received"
    assert told(out, says("received", line("received", -1, date=night(9)), line("received", 0, 2))) == "shipped"
    assert lines(out, ID)[1] == (10, None, 0, 3, 0)
    assert history(out, ID).lines[0]["received_date"] != night(9)
    assert told(out, says("received", line("received", -3))) == "acknowledged"
    assert apply(out, [says("shipped", line("shipped", -1)), says("confirmed", line("received", -1))]).refused == 2


def test_what_the_vendor_had_cut_is_cut_when_a_receipt_of_it_is_taken_back(out: Book) -> None:
    told(out, says("confirmed", line("accepted", 8)), says("received", line("received", 10)))
    assert lines(out, ID)[1] == (10, 8, 0, 10, 0)
    told(out, says("received", line("received", -10)))
    assert lines(out, ID)[1] == (10, 8, 0, 0, 2)
    assert told(out, says("rejected"), says("received", line("received", 3))) == "received"
    assert told(out, says("received", line("received", -3))) == "rejected"


@pytest.mark.parametrize("taken", [4, 1])
def test_an_order_that_was_given_up_stays_so_when_a_receipt_is_taken_back(out: Book, taken: int) -> None:
    told(out, says("received", line("received", 4)))
    change(out, [ID], "cancelled", **P)
    assert told(out, says("received", line("received", -taken))) == "cancelled"
    assert lines(out, ID)[1] == (10, None, 0, 4 - taken, 6 + taken)
