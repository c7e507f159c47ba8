"""Shipments in the book: each event once, and the same state in whatever order events come."""

from __future__ import annotations

import datetime
import random
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.postgres_server import postgres_binaries, postgres_server

from scaleinv.errors import EngineError
from scaleinv.orderbook import Book, opened
from scaleinv.orderbook.shipment_intake import _record, record
from scaleinv.orderbook.shipment_reads import (
    expected_arrivals,
    lane_history,
    refused_events,
    shipment,
    shipments,
    store_arrivals,
)
from scaleinv.orderbook.shipment_state import add, unknown
from scaleinv.orderbook.shipment_tables import EVENTS, LINES, REFUSED, SHIPMENTS
from scaleinv.schema.shipping import Notice, Refusal, ShipmentEvent, ShippedLine

T0 = datetime.datetime(2026, 9, 1, 8, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


def said(event_id: str, kind: str, hours: float, *, of: str = "S", sender: str = "fast", **more: Any) -> ShipmentEvent:
    digest = f"{kind} {hours} {sorted(more)}"[:64]
    return ShipmentEvent(sender, event_id, of, kind, T0 + hours * HOUR, "{}", digest, **more)  # type: ignore[arg-type]


def notice(*quantities: int, **more: Any) -> Notice:
    lines = [ShippedLine("O1", Decimal(quantity), line=n + 1, sku_id=f"A{n}") for n, quantity in enumerate(quantities)]
    return Notice(destination="DC1", lines=tuple(lines), **more)


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server(binaries) as server:
        yield f"postgresql+psycopg://erp:{server.password}@127.0.0.1:{server.port}/postgres"


@pytest.fixture(params=["sqlite", "postgres"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    sqlite = f"sqlite:///{tmp_path}/book.db"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with opened(url) as found:
        yield found
        with found.writing() as connection:
            for table in (EVENTS, LINES, REFUSED, SHIPMENTS):
                connection.execute(sa.delete(table))


def take(book: Book, *events: ShipmentEvent) -> list[str]:
    return list(record(book, events, received_at=T0))


def test_the_migration_makes_the_tables_that_the_code_has(book: Book) -> None:
    found = sa.inspect(book.engine)
    for table in (SHIPMENTS, EVENTS, LINES, REFUSED):
        columns = {column["name"]: column for column in found.get_columns(table.name)}
        assert set(columns) == {column.name for column in table.columns}
        for column in table.columns:
            assert columns[column.name]["nullable"] == column.nullable, column
        indexed = {tuple(index["column_names"]) for index in found.get_indexes(table.name)}
        assert indexed == {tuple(index.columns.keys()) for index in table.indexes}


def test_an_event_counts_once_and_another_content_is_kept_aside(book: Book) -> None:
    one, other = said("e", "departed", 0), said("e", "arrived", 5)
    assert take(book, one, one, other) == ["accepted", "duplicate", "conflict"]
    assert take(book, other, one) == ["conflict", "duplicate"]
    assert shipment(book, "S")["status"] == "departed"  # type: ignore[index]
    assert len(refused_events(book)) == 1


def test_a_late_message_does_not_move_a_shipment_back(book: Book) -> None:
    take(book, said("3", "arrived", 30, place="DC1"))
    take(book, said("2", "in_transit", 20, place="hub"), said("1", "departed", 1, place="port"))
    found = shipment(book, "S")
    assert found is not None
    assert (found["status"], found["place"], found["events"]) == ("arrived", "DC1", 3)
    assert found["departed_at"] == (T0 + HOUR).isoformat()


def test_an_event_declared_wrong_counts_no_more_whichever_comes_first(book: Book) -> None:
    wrong, void = said("w", "arrived", 9), said("w#error", "void", 9, voids="w")
    take(book, said("d", "departed", 1), wrong)
    take(book, void)
    assert shipment(book, "S")["status"] == "departed"  # type: ignore[index]
    take(book, said("w#error", "void", 9, voids="w", of="T"), said("w", "arrived", 9, of="T", sender="slow"))
    assert shipment(book, "T")["status"] == "arrived"  # type: ignore[index]  # another sender's event is another one
    take(book, said("x#error", "void", 9, voids="x", of="U"))
    take(book, said("x", "arrived", 9, of="U"), said("y", "in_transit", 3, of="U"))
    assert shipment(book, "U")["status"] == "in_transit"  # type: ignore[index]


def test_the_latest_announcement_stands(book: Book) -> None:
    take(book, said("n2", "announced", 2, notice=notice(7)), said("d", "departed", 3))
    take(book, said("n1", "announced", 1, notice=notice(5, 6)))
    found = shipment(book, "S")
    assert found is not None
    assert [(line["line"], line["quantity"]) for line in found["lines"]] == [(1, "7.000")]
    take(book, said("v", "void", 2, voids="n2"))
    found = shipment(book, "S")
    assert found is not None
    assert [line["quantity"] for line in found["lines"]] == ["5.000", "6.000"]


def test_the_day_of_an_arrival_is_a_day_where_the_shops_are(book: Book) -> None:
    evening = datetime.datetime(2026, 9, 4, 23, tzinfo=datetime.UTC)
    take(book, said("n", "announced", 0, notice=notice(5, planned_arrival=evening)))
    for zone, day in (("UTC", 4), ("Europe/Berlin", 5), ("America/New_York", 4), ("Pacific/Kiritimati", 5)):
        assert expected_arrivals(book, time_zone=zone)["expected_date"].to_pylist() == [datetime.date(2026, 9, day)]


def test_the_past_of_lanes_and_what_has_ended_reach_back_so_far(book: Book) -> None:
    for name, hours in (("old", 0), ("new", 100)):
        take(book, said(f"d{name}", "departed", hours, of=name), said(f"a{name}", "arrived", hours + 9, of=name))
    take(book, said("away", "departed", 100, of="away"), said("lost", "lost", 101, of="gone"))
    since = T0 + 50 * HOUR
    past = lane_history(book, since=since)
    assert past["departed_at"].to_pylist() == [T0 + 100 * HOUR]
    assert past.column_names == ["origin", "destination", "carrier", "mode", "departed_at", "arrived_at"]
    assert shipments(book, ended=True, since=since)["shipment_id"].to_pylist() == ["gone", "new"]
    assert shipments(book, ended=True)["shipment_id"].to_pylist() == ["gone", "new", "old"]


def of_order(order_id: str, *quantities: int) -> Notice:
    return Notice(lines=tuple(ShippedLine(order_id, Decimal(quantity), line=1) for quantity in quantities))


def test_a_shipment_of_two_orders_keeps_the_lines_of_both(book: Book) -> None:
    # A notice is read order by order; the second may come in later, or have come earlier.
    take(book, said("n:O1", "announced", 2, notice=of_order("O1", 7)))
    take(book, said("n:O2", "announced", 2, notice=of_order("O2", 3)))
    take(book, said("m:O2", "announced", 1, notice=of_order("O2", 9)))
    found = shipment(book, "S")
    assert found is not None
    assert [(line["order_id"], line["quantity"]) for line in found["lines"]] == [("O1", "7.000"), ("O2", "3.000")]
    take(book, said("v", "void", 3, voids="n:O2"))
    found = shipment(book, "S")
    assert found is not None
    assert {line["order_id"]: line["quantity"] for line in found["lines"]} == {"O1": "7.000", "O2": "9.000"}


@pytest.mark.parametrize("kind", ["delayed", "diverted", "lost"])
def test_another_departure_ends_a_delay_a_diversion_and_a_loss(book: Book, kind: str) -> None:
    take(book, said("again", "departed", 5), said("first", "departed", 1))
    more = {"destination": "DC2"} if kind == "diverted" else {}
    take(book, said("k", kind, 3, **more))
    found = shipment(book, "S")
    assert found is not None
    assert (found["status"], found["departed_at"]) == ("departed", (T0 + HOUR).isoformat())
    take(book, said("k2", kind, 6, **more))
    assert shipment(book, "S")["status"] == kind  # type: ignore[index]


def test_a_void_is_not_voided(book: Book) -> None:
    take(book, said("w", "arrived", 9), said("v", "void", 9, voids="w"))
    assert take(book, said("u", "void", 9, voids="v")) == ["conflict"]
    assert "is a void itself" in refused_events(book)[0]["reason"]
    take(book, said("u2", "void", 9, voids="v2", of="T"))  # before what it names: accepted, and without effect
    take(book, said("x", "arrived", 9, of="T"), said("y", "departed", 1, of="T"))
    take(book, said("v2", "void", 9, voids="x", of="T"))
    assert shipment(book, "T")["status"] == "departed"  # type: ignore[index]


def test_a_void_and_its_event_by_two_writers_at_once(postgres_url: str) -> None:
    """The second writer waits for the first: neither would see what the other one has not committed yet."""
    with opened(postgres_url) as book:
        event, void = said("race", "arrived", 9, of="R"), said("race#error", "void", 9, voids="race", of="R")
        with book.writing() as connection:
            _record(connection, [event], T0)
            other = threading.Thread(target=take, args=(book, void))
            other.start()
            other.join(0.5)
            assert other.is_alive()
        other.join()
        assert shipment(book, "R")["status"] == "announced"  # type: ignore[index]


def test_order_lines_are_expected_when_their_shipments_are(book: Book) -> None:
    plan = T0 + datetime.timedelta(days=4)
    for name in ("A", "B", "C", "D"):
        take(book, said(f"n{name}", "announced", 0, of=name, notice=notice(5, planned_arrival=plan)))
    take(book, said("eb", "delayed", 1, of="B", eta=plan + 48 * HOUR), said("lc", "lost", 1, of="C"))
    take(book, said("ad", "arrived", 1, of="D"))
    later = {"computed_at": T0, "expected_arrival": plan + 24 * HOUR, "late_probability": 0.9}
    store_arrivals(book, [{"shipment_id": "A", **later, "arrival_quantiles": {"0.5": plan.isoformat()}}])
    rows = expected_arrivals(book).select(["shipment_id", "order_id", "line", "expected_date", "quantity"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("A", "O1", 1, datetime.date(2026, 9, 6), Decimal("5.000")),
        ("B", "O1", 1, datetime.date(2026, 9, 7), Decimal("5.000")),
        ("C", "O1", 1, None, Decimal("5.000")),
    ]
    assert expected_arrivals(book, order_ids=["none"]).num_rows == 0
    assert shipments(book, ended=True)["shipment_id"].to_pylist() == ["C", "D"]


def test_many_writers_at_once_lose_and_double_nothing(book: Book) -> None:
    events = [said(f"e{n}", "in_transit", n, of=f"S{n % 7}") for n in range(120)]
    accepted: list[str] = []

    def write(seed: int) -> None:
        mine = random.Random(seed).sample(events, len(events))
        for start in range(0, len(mine), 10):
            accepted.extend(one for one in take(book, *mine[start : start + 10]) if one == "accepted")

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(accepted) == len(events)
    found = shipments(book, ended=False)
    assert sum(found["events"].to_pylist()) == len(events)
    assert max(found["last_event_at"].to_pylist()) == T0 + 119 * HOUR


def test_refusals_are_kept_once(book: Book) -> None:
    refusal = Refusal("fast", "/v1/epcis", "no such step", '{"a": "\\u0000"}')
    for _ in range(2):
        record(book, [], [refusal], received_at=T0)
    assert [row["reason"] for row in refused_events(book)] == ["no such step"]


def test_a_database_that_does_not_answer_is_said(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/book.db") as book:
        with book.writing() as connection:
            connection.execute(sa.text("DROP TABLE shipment_events"))
        with pytest.raises(EngineError, match="cannot be written"):
            take(book, said("e", "departed", 0))


KINDS = ["announced", "departed", "in_transit", "delayed", "diverted", "arrived", "lost", "condition"]


@st.composite
def histories(draw: st.DrawFn) -> list[ShipmentEvent]:
    events = []
    for n in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from(KINDS))
        more: dict[str, Any] = {"place": draw(st.sampled_from([None, "p", "q"]))}
        if kind == "announced":
            more["notice"] = notice(n + 1)
        if kind == "diverted":
            more["destination"] = draw(st.sampled_from(["X", "Y"]))
        if draw(st.booleans()):
            more["highest_temperature"] = float(draw(st.integers(-5, 5)))
        if draw(st.booleans()):
            more["eta"] = T0 + draw(st.integers(20, 90)) * HOUR
        events.append(said(f"e{n}", kind, draw(st.integers(0, 6)), **more))
    wrong = draw(st.lists(st.sampled_from(events), max_size=2, unique_by=lambda one: one.event_id))
    return events + [said(f"{one.event_id}#error", "void", 6, voids=one.event_id) for one in wrong]


@pytest.fixture(scope="module")
def one_book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    with opened(f"sqlite:///{tmp_path_factory.mktemp('book')}/book.db") as found:
        yield found


@settings(max_examples=40, deadline=None)
@given(history=histories(), random_=st.randoms(use_true_random=False), pieces=st.integers(1, 4))
def test_any_order_and_any_pieces_give_the_same_state(
    one_book: Book, history: list[ShipmentEvent], random_: random.Random, pieces: int
) -> None:
    with one_book.writing() as connection:
        for table in (EVENTS, LINES, SHIPMENTS):
            connection.execute(sa.delete(table))
    voided = {event.voids for event in history}
    expected = add(unknown("S"), [event for event in history if event.event_id not in voided])
    shuffled = random_.sample(history, len(history))
    for start in range(0, len(shuffled), pieces):
        assert set(take(one_book, *shuffled[start : start + pieces])) == {"accepted"}
    with one_book.reading() as connection:
        row = dict(connection.execute(sa.select(SHIPMENTS)).mappings().one())
        lines = connection.execute(sa.select(LINES.c.quantity)).scalars().all()
    assert {name: row[name] for name in expected} == expected
    announced = [event for event in history if event.kind == "announced" and event.event_id not in voided]
    latest = max(announced, key=lambda event: (event.event_time, event.event_id), default=None)
    assert lines == ([line.quantity for line in latest.notice.lines] if latest and latest.notice else [])
