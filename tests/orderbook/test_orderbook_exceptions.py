"""Decisions on exceptions in the database: kept, versioned, refused where they make no sense or come too late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from scaleinv.errors import DataError
from scaleinv.orderbook import Book, opened
from scaleinv.orderbook.exception_decisions import Decided, decide_exception, decision_history, known_decisions
from scaleinv.orderbook.exception_tables import EXCEPTION_DECISIONS
from scaleinv.replenish import DECISIONS

DAY = date(2026, 9, 21)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with opened(f"sqlite:///{tmp_path / 'book.db'}") as book:
        yield book


def one(**changes: Any) -> Decided:
    common = {"unique_id": "A@S1", "kind": "price_jump", "decision": "snooze", "since": DAY, "until": DAY, "who": "ada"}
    return Decided(**(common | changes))


def test_the_last_decision_counts_and_all_are_kept(book: Book) -> None:
    assert decide_exception(book, one()) == 1
    override = one(decision="override", quantity=Decimal("7.250001"), until=DAY + timedelta(days=3), note="promised")
    assert decide_exception(book, override, after=1) == 2
    decide_exception(book, one(kind="data_gap"))
    rows = known_decisions(book, ended=DAY, as_of=DAY).to_pylist()
    assert [(r["kind"], r["decision"], r["quantity"]) for r in rows] == [
        ("data_gap", "snooze", None), ("price_jump", "override", 7.250001),
    ]  # fmt: skip
    assert rows[1]["decided_at"] < rows[0]["decided_at"]
    assert abs(datetime.now(UTC) - rows[0]["decided_at"]) < timedelta(minutes=5)
    history = decision_history(book, "A@S1", "price_jump")
    assert [(r["version"], r["decision"], r["who"]) for r in history] == [(1, "snooze", "ada"), (2, "override", "ada")]
    assert history[1]["quantity"] == Decimal("7.250001")


def test_a_decision_of_tomorrow_does_not_count_tonight(book: Book) -> None:
    decide_exception(book, one(decision="accept"))
    decide_exception(book, one(since=DAY + timedelta(days=1), until=DAY + timedelta(days=9)))
    assert known_decisions(book, ended=DAY, as_of=DAY)["decision"].to_pylist() == ["accept"]
    assert known_decisions(book, ended=DAY, as_of=DAY + timedelta(days=1))["decision"].to_pylist() == ["snooze"]
    assert known_decisions(book, ended=DAY)["decision"].to_pylist() == ["snooze"]


def test_who_has_not_seen_the_last_decision_is_refused(book: Book) -> None:
    decide_exception(book, one(), after=0)
    with pytest.raises(DataError, match=r"somebody has decided(.|\n)*the first decision(.|\n)*version 1"):
        decide_exception(book, one(who="bob"), after=0)
    assert [r["who"] for r in decision_history(book, "A@S1")] == ["ada"]


def test_two_at_the_same_moment(book: Book) -> None:
    refused: list[str] = []
    barrier = threading.Barrier(4)

    def decide(who: str) -> None:
        barrier.wait()
        try:
            decide_exception(book, one(who=who), after=0)
        except DataError:
            refused.append(who)

    threads = [threading.Thread(target=decide, args=(f"p{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert len(decision_history(book, "A@S1")) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "nonsense"}, "kind 'nonsense' is none"),
        ({"decision": "explode"}, "decision 'explode' is none of accept"),
        ({"until": DAY - timedelta(days=1)}, "before it begins"),
        ({"decision": "override"}, "an override has a quantity"),
        ({"quantity": Decimal(3)}, "an override has a quantity"),
        ({"decision": "override", "quantity": Decimal(-1)}, "is not zero or more"),
        ({"decision": "override", "quantity": Decimal("NaN")}, "is not zero or more"),
        ({"who": " "}, "nobody is named"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(book: Book, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        decide_exception(book, one(**changes))
    assert decision_history(book, "A@S1") == []


def test_an_empty_book_has_the_columns_that_a_night_reads(book: Book) -> None:
    assert known_decisions(book, ended=DAY).schema == DECISIONS


def test_the_migration_makes_what_the_code_expects(book: Book) -> None:
    with book.reading() as connection:
        found = sa.inspect(connection).get_columns("exception_decisions")
    made = {column["name"]: (str(column["type"]), column["nullable"]) for column in found}
    assert made == {c.name: (str(c.type.compile(book.engine.dialect)), bool(c.nullable)) for c in EXCEPTION_DECISIONS.c}
