"""A server that is killed under load: what it answered is there, once; what it did not answer is sent again."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.server.live import Live
from tests.server.senders import Sender

from scaleinv.orderbook import opened
from scaleinv.orderbook.shipment_reads import shipments
from scaleinv.orderbook.shipment_tables import EVENTS


def in_book(url: str) -> list[str]:
    with opened(url) as book, book.reading() as connection:
        return list(connection.execute(sa.select(EVENTS.c.event_id)).scalars())


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_over_kills(tmp_path: Path) -> None:
    live = Live(tmp_path)
    live.start()
    senders = [Sender(live.port, f"one{n}", 400) for n in range(3)] + [Sender(live.port, "batch", 2_000, size=50)]
    try:
        for sender in senders:
            sender.start()
        for _ in range(2):
            before = sum(len(sender.answered) for sender in senders)
            while sum(len(sender.answered) for sender in senders) < before + 150:
                time.sleep(0.01)
            live.stop(signal.SIGKILL)
            answered = {one for sender in senders for one in list(sender.answered)}
            assert answered <= set(in_book(live.url))
            live.start()
        for sender in senders:
            sender.join(timeout=240)
        assert [sender.problem for sender in senders] == [None] * len(senders)
        assert any(sender.is_alive() for sender in senders) is False
    finally:
        live.stop()
    sent = {f"{sender.name_}-{n}" for sender in senders for n in range(sender.number)}
    found = in_book(live.url)
    assert len(found) == len(sent)
    assert set(found) == sent
    with opened(live.url) as book:
        assert sum(shipments(book, ended=False)["events"].to_pylist()) == len(sent)


@pytest.mark.slow
def test_asked_to_stop_it_answers_what_it_took(tmp_path: Path) -> None:
    live = Live(tmp_path)
    live.start()
    sender = Sender(live.port, "one", 100_000, patience=0.5)
    try:
        sender.start()
        while len(sender.answered) < 50:
            time.sleep(0.01)
    finally:
        status = live.stop()
    assert status in (0, -signal.SIGTERM)
    sender.join(timeout=60)
    assert sender.answered <= set(in_book(live.url))
