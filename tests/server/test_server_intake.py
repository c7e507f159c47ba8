"""The queue before the book: groups, a request that fails alone, a full queue, an end that writes what waits."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.server.conftest import CONFIG, Clock, Server, TestClient
from tests.server.signing import event

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.errors import ConfigError, EngineError
from scaleinv.orderbook import opened
from scaleinv.schema.shipping import Outcome, Refusal, ShipmentEvent
from scaleinv.server.app import app
from scaleinv.server.intake import FullError, Intake
from scaleinv.server.serve import serve

T0 = datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC)


def said(event_id: str) -> ShipmentEvent:
    return ShipmentEvent("fast", event_id, "S", "departed", T0, "{}", "")


class Slow:
    """Writes groups when it is told to."""

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), threading.Event()
        self.groups: list[list[str]] = []

    def __call__(self, events: Sequence[ShipmentEvent], refusals: Sequence[Refusal]) -> list[Outcome]:
        self.begun.set()
        assert self.go.wait(30)
        self.groups.append([one.event_id for one in events])
        if any(one.event_id == "bad" for one in events):
            raise ValueError("this one")
        if any(one.event_id == "full disk" for one in events):
            raise EngineError("the disk is full")
        return ["duplicate" if one.event_id.startswith("old") else "accepted" for one in events]


def test_what_waits_is_written_together_and_each_gets_its_own_answer() -> None:
    record = Slow()
    intake = Intake(record, limit=100)
    first = intake.put([said("1")])
    assert record.begun.wait(30)
    rest = [intake.put([said("2"), said("old 3")]), intake.put([]), intake.put([said("4")])]
    record.go.set()
    assert [one.result(30) for one in (first, *rest)] == [["accepted"], ["accepted", "duplicate"], [], ["accepted"]]
    assert record.groups == [["1"], ["2", "old 3", "4"]]
    intake.close()
    assert (intake.counts.accepted, intake.counts.duplicate, intake.counts.commits) == (3, 1, 2)


def test_a_request_that_fails_does_not_take_the_others_with_it() -> None:
    record = Slow()
    intake = Intake(record, limit=100)
    first = intake.put([said("1")])
    assert record.begun.wait(30)
    good, bad, other = intake.put([said("2")]), intake.put([said("bad")]), intake.put([said("3")])
    record.go.set()
    assert [one.result(30) for one in (first, good, other)] == [["accepted"]] * 3
    with pytest.raises(ValueError, match="this one"):
        bad.result(30)
    # A book that does not answer is not asked again for each of them.
    with pytest.raises(EngineError):
        intake.put([said("full disk")]).result(30)
    assert intake.put([said("5")]).result(30) == ["accepted"]
    intake.close()
    assert intake.counts.failures == 2


def test_more_than_may_wait_is_sent_away_and_a_request_given_up_is_not_written() -> None:
    record = Slow()
    intake = Intake(record, limit=3)
    intake.put([said("1")])
    assert record.begun.wait(30)
    given_up = intake.put([said("2"), said("3")])
    with pytest.raises(FullError):
        intake.put([said("4"), said("5")])
    last = intake.put([said("6")])
    assert given_up.cancel()
    record.go.set()
    intake.close()
    assert last.result(0) == ["accepted"]
    assert record.groups == [["1"], ["6"]]
    with pytest.raises(FullError):
        intake.put([said("7")])


def test_what_waits_has_so_many_bytes_together() -> None:
    record = Slow()
    intake = Intake(record, limit=100, heaviest=3)
    intake.put([said("1")])
    assert record.begun.wait(30)
    waits = intake.put([said("2")])
    with pytest.raises(FullError):
        intake.put([said("3")])
    record.go.set()
    assert waits.result(30) == ["accepted"]
    assert intake.put([said("4")]).result(30) == ["accepted"]
    intake.close()


def test_a_full_queue_is_429_and_a_book_that_fails_503(tmp_path: Path) -> None:
    config = ShipmentsConfig.model_validate(CONFIG | {"max_waiting": 2})
    clock = Clock()
    with opened(f"sqlite:///{tmp_path}/book.db") as book, TestClient(app(book, config, clock=clock)) as client:
        server = Server(book, client, clock)
        answer = server.post([event(str(n)) for n in range(3)])
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert server.post(event("ok")).status_code == 200
        with book.writing() as connection:
            connection.execute(sa.text("ALTER TABLE shipment_events RENAME TO elsewhere"))
        answer = server.post(event("later"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["content-type"] == "application/problem+json"
        with book.writing() as connection:
            connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO shipment_events"))
        assert server.post(event("later")).json()["accepted"] == 1
        assert "scaleinv_write_failures_total 1" in client.get("/metrics").text


def test_nobody_serves_endpoints_that_nobody_may_use(tmp_path: Path) -> None:
    config = ShipmentsConfig.model_validate({"senders": {"fast": {"keys": [""]}}})
    with pytest.raises(ConfigError, match="nobody may use"):
        serve(config, f"sqlite:///{tmp_path}/book.db", host="127.0.0.1", port=0)


@pytest.mark.parametrize("given", [{"senders": {"fast": {"keys": ["short one"]}}}, {"reader_tokens": "short one"}])
def test_short_secrets_are_refused_and_never_shown(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="fewer than 16 characters") as error:
        ShipmentsConfig.model_validate(given)
    from scaleinv.config.load import readable

    assert "short one" not in readable(error.value, "it", "it")  # type: ignore[arg-type]
    assert "secret of" not in repr(ShipmentsConfig.model_validate({"reader_tokens": "the secret of somebody"}))
