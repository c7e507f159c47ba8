"""Proposals enter the book once, and never over what a person decided."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import DBAPIError
from tests.orderbook.nights import assert_explained, exported, key, lines, night, proposals, registered, status

from scaleinv.errors import DataError
from scaleinv.orderbook import Book, Changed, Registered, apply, change, counts, edit, history, opened, register
from scaleinv.orderbook.database import METADATA
from scaleinv.orderbook.tables import ORDER_EVENTS
from scaleinv.schema.life import Answer

ONE = {"lines": {"s1": 5, "s2": 7.5}}
OTHER = {"lines": {"s1": 6, "s3": 1}}
ELSE = {"vendor": "V2", "lines": {"s9": 2}}
PROPOSED = {**ONE, "disposition": "propose"}
P = {"who": "ann", "why": "looked at it"}


def done(found: Changed) -> None:
    assert not found.refused


def test_migrations_make_the_tables_that_the_code_knows(book: Book) -> None:
    with book.reading() as connection:
        differing = [
            one
            for one in compare_metadata(MigrationContext.configure(connection), METADATA)
            if not (isinstance(one, tuple) and one[0].endswith("_table") and one[1].name.startswith("shipment"))
        ]
    assert not [one for one in differing if not isinstance(one, list)], differing


def test_the_same_night_again_changes_nothing(book: Book) -> None:
    assert registered(book, 0, ONE, ELSE) == Registered(new=2)
    before = history(book, key(0))
    assert registered(book, 0, ELSE, ONE) == Registered(unchanged=2)
    assert history(book, key(0)) == before
    assert (status(book, key(0)), before.order["value"]) == ("approved", Decimal("3.75"))
    assert [(event["who"], event["new_status"]) for event in before.events] == [
        ("scaleinv", "proposed"), ("rule:auto", "approved"),
    ]  # fmt: skip
    assert_explained(book, key(0))


@pytest.mark.parametrize(
    ("disposition", "expected"), [("approve", "approved"), ("propose", "proposed"), ("hold", "held")]
)
def test_a_rule_says_what_becomes_of_an_order(book: Book, disposition: str, expected: str) -> None:
    registered(book, 0, {**ONE, "disposition": disposition, "rule": "small"})
    assert status(book, key(0)) == expected
    last = history(book, key(0)).events[-1]
    assert last["who"] == ("scaleinv" if disposition == "propose" else "rule:small")


@pytest.mark.parametrize("disposition", ["approve", "propose", "hold"])
def test_what_nobody_decided_on_follows_the_night(book: Book, disposition: str) -> None:
    registered(book, 0, {**ONE, "disposition": disposition}, ELSE)
    assert registered(book, 0, OTHER) == Registered(updated=1, withdrawn=1)
    assert status(book, key(0)) == "approved"
    assert [row[0] for row in lines(book, key(0)).values()] == [6, 1]
    assert [row["sku_id"] for row in history(book, key(0)).lines] == ["s1", "s3"]
    assert status(book, key(0, "V2")) == "cancelled"
    for order_id in (key(0), key(0, "V2")):
        assert_explained(book, order_id)
    assert registered(book, 0, {"lines": {"s1": 6}}, ELSE) == Registered(updated=2)
    assert status(book, key(0, "V2")) == "approved"
    assert list(lines(book, key(0))) == [1]
    assert_explained(book, key(0))


def test_an_approval_by_a_rule_is_taken_back_where_rules_say_otherwise(book: Book) -> None:
    registered(book, 0, ONE)
    registered(book, 0, PROPOSED)
    assert status(book, key(0)) == "proposed"
    registered(book, 0, {**ONE, "disposition": "hold"})
    assert status(book, key(0)) == "held"


def test_what_a_person_decided_stays_and_is_told(book: Book) -> None:
    places = {"approved": "L1", "cancelled": "L2", "edited": "L3", "exported": "L4", "held": "L5"}
    registered(book, 0, *({**PROPOSED, "place": place} for place in places.values()))
    ids = {what: key(0, place=place) for what, place in places.items()}
    done(edit(book, ids["edited"], 1, quantity=Decimal(9), **P))
    done(change(book, [ids["exported"]], "approved", **P))
    exported(book)
    for what in ("approved", "cancelled", "held"):
        done(change(book, [ids[what]], what, **P))
    found = registered(book, 0, *({**OTHER, "place": place} for place in places.values()))
    assert {one.order_id for one in found.kept} == {ids[what] for what in ids if what != "held"}
    assert found.updated == 1
    assert {what: status(book, order_id) for what, order_id in ids.items()} == {
        "approved": "approved", "cancelled": "cancelled", "edited": "proposed", "exported": "exported", "held": "held",
    }  # fmt: skip
    assert lines(book, ids["edited"])[1][0] == 9
    assert lines(book, ids["held"])[1][0] == 6, "a hold is of the order, not of its quantities"
    found = registered(book, 0)
    assert {one.order_id for one in found.kept} == {*ids.values()} - {ids["cancelled"]}


def test_proposals_of_earlier_nights_are_never_doubled(book: Book) -> None:
    """ERPNext#50475, odoo#31490, #78711: what is open and proposed again stands there once."""
    registered(book, 0, PROPOSED, {**PROPOSED, "place": "L2"}, {**ELSE, "disposition": "propose"})
    assert registered(book, 1, {**PROPOSED, "lines": {"s1": 8}}, {**PROPOSED, "place": "L2"}).superseded == 2
    assert [row[0] for row in lines(book, key(0)).values()] == [0, 7.5], "what is not proposed again stays"
    assert status(book, key(0)) == "proposed"
    assert status(book, key(0, place="L2")) == "cancelled"
    assert status(book, key(0, "V2")) == "proposed", "its vendor was not asked this night"
    assert registered(book, 1, {**PROPOSED, "lines": {"s1": 8}}, {**PROPOSED, "place": "L2"}).superseded == 0
    for order_id in (key(0), key(0, place="L2")):
        assert_explained(book, order_id)


def test_what_a_later_night_does_not_want_ends(book: Book) -> None:
    """It was proposed, the need was met otherwise, and an approval on day 10 would buy it all the same."""
    registered(book, 0, PROPOSED, {**PROPOSED, "place": "L2"}, {**ELSE, "disposition": "hold"})
    unwanted = ["s1@L1", "s1@L2", "s2@L2", "s9@L1"]
    assert registered(book, 1, unwanted=unwanted).ended == 3
    assert status(book, key(0)) == "proposed"
    assert [row[0] for row in lines(book, key(0)).values()] == [0, 7.5], "of s2@L1 the night says nothing"
    assert history(book, key(0)).order["value"] == Decimal("2.25")
    for order_id in (key(0, place="L2"), key(0, "V2")):
        assert status(book, order_id) == "cancelled"
    for order_id in (key(0), key(0, place="L2"), key(0, "V2")):
        last = history(book, order_id).events[-1]
        assert (last["who"], last["why"]) == ("scaleinv", f"the night of {night(1)} does not want it")
        assert_explained(book, order_id)
    before = [history(book, order_id) for order_id in (key(0), key(0, place="L2"), key(0, "V2"))]
    assert registered(book, 1, unwanted=unwanted) == Registered()
    registered(book, 0, PROPOSED, {**PROPOSED, "place": "L2"}, {**ELSE, "disposition": "hold"})
    assert [history(book, order_id) for order_id in (key(0), key(0, place="L2"), key(0, "V2"))] == before


def test_what_somebody_decided_on_does_not_end_by_itself(book: Book) -> None:
    places = {"approved": "L1", "held": "L2", "edited": "L3", "exported": "L4", "released": "L5", "failed": "L6"}
    ids = {what: key(0, place=place) for what, place in places.items()}
    registered(book, 0, *({**PROPOSED, "place": place} for place in places.values()))
    for what in ("exported", "failed"):
        done(change(book, [ids[what]], "approved", **P))
    exported(book)
    apply(book, [Answer("m", "failed", ids["failed"])])
    done(edit(book, ids["edited"], 1, quantity=Decimal(9), **P))
    for what in ("approved", "held", "released"):
        done(change(book, [ids[what]], "approved" if what == "approved" else "held", **P))
    done(change(book, [ids["released"]], "proposed", **P))
    before = {order_id: history(book, order_id) for order_id in ids.values()}
    goods = [f"{sku}@{place}" for sku in ONE["lines"] for place in places.values()]
    assert registered(book, 1, unwanted=goods) == Registered()
    assert {order_id: history(book, order_id) for order_id in ids.values()} == before


def test_an_older_night_ends_nothing_and_no_night_ends_later_ones(book: Book) -> None:
    registered(book, 0, PROPOSED)
    registered(book, 3, {**ELSE, "disposition": "propose"})
    for n in (1, 2):  # of what the third night has kept, an older one knows less
        assert registered(book, n, unwanted=["s1@L1", "s2@L1", "s9@L1"]).ended == 0
    assert (status(book, key(0)), status(book, key(3, "V2"))) == ("proposed", "proposed")
    assert registered(book, 4, unwanted=["s1@L1", "s2@L1", "s9@L1"]).ended == 2


def test_goods_that_ended_are_proposed_again_when_they_are_needed(book: Book) -> None:
    registered(book, 0, PROPOSED)
    registered(book, 1, unwanted=["s1@L1", "s2@L1"])
    assert registered(book, 2, PROPOSED) == Registered(new=1)
    assert (status(book, key(0)), status(book, key(2))) == ("cancelled", "proposed")
    assert registered(book, 1, PROPOSED).new == 1
    assert status(book, key(1)) == "held", "it wants them now, after a later night has come"


def test_goods_that_a_person_holds_do_not_go_out_with_the_next_night(book: Book) -> None:
    registered(book, 0, PROPOSED)
    done(change(book, [key(0)], "held", who="ann", why="they are delisted"))
    for n in (1, 2):
        registered(book, n, {**ONE, "disposition": "approve"})
        assert status(book, key(n - 1)) == "cancelled"
        assert status(book, key(n)) == "held"
        assert "they are delisted" in history(book, key(n)).events[-1]["why"]
    done(change(book, [key(2)], "approved", **P))
    registered(book, 3, ONE)
    assert status(book, key(3)) == "approved"


def test_an_older_night_done_again_orders_nothing_by_itself(book: Book) -> None:
    registered(book, 1, ONE)
    registered(book, 0, ONE)
    assert status(book, key(0)) == "held"


def test_events_cannot_be_changed_or_deleted(book: Book) -> None:
    registered(book, 0, ONE)
    for statement in (sa.update(ORDER_EVENTS).values(who="nobody"), sa.delete(ORDER_EVENTS)):
        with pytest.raises(DBAPIError, match="append-only"), book.writing() as connection:
            connection.execute(statement)
    assert len(history(book, key(0)).events) == 2


def test_numbers_are_exact(book: Book) -> None:
    registered(book, 0, {"lines": {"s1": 0.1, "s2": 999_999_999.999, "s3": 1e-6}})
    assert [row[0] for row in lines(book, key(0)).values()] == [
        Decimal("0.1"), Decimal("999999999.999"), Decimal("0.000001"),
    ]  # fmt: skip
    with pytest.raises(DataError, match="too large for the order book"):
        registered(book, 1, {"lines": {"s1": 1e15}})


def test_another_nights_proposals_are_refused(book: Book) -> None:
    with pytest.raises(DataError, match="proposals of another night"):
        register(book, proposals(0, ONE), retailer="r", as_of=night(1))


def test_a_book_that_is_there_is_opened_again(url: str) -> None:
    for _ in range(2):
        with opened(url) as found:
            registered(found, 0, ONE)
            assert counts(found, "r") == {"approved": 1}
            assert history(found, key(0)).events[0]["at"].tzinfo is dt.UTC
