"""Events over HTTP: who may send, what counts once, what is refused and kept."""

from __future__ import annotations

import asyncio
import gzip
import time
from pathlib import Path
from typing import Any

import pytest
from tests.server.conftest import CONFIG, Clock, Server, TestClient
from tests.server.signing import KEY, NOW, OLD_KEY, encoded, event, headers

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.orderbook import opened
from scaleinv.orderbook.shipment_reads import refused_events
from scaleinv.server.app import app


def log_of(server: Server, shipment_id: str = "S1") -> list[str]:
    answer = server.get(f"/v1/shipments/{shipment_id}")
    return [one["event_id"] for one in answer.json().get("log", [])]


def test_an_event_is_taken_and_shown(server: Server) -> None:
    answer = server.post(event(latitude=50.1, longitude=8.6, place="FRA"))
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "duplicates": 0, "refused": []})
    shown = server.get("/v1/shipments/S1").json()
    assert (shown["status"], shown["place"], shown["latitude"]) == ("in_transit", "FRA", 50.1)
    assert [one["shipment_id"] for one in server.get("/v1/shipments").json()["shipments"]] == ["S1"]


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
def test_while_keys_change_both_are_good(server: Server, key: str) -> None:
    assert server.post(event(), key=key).status_code == 200


def test_several_signatures_may_be_sent_one_of_them_good(server: Server) -> None:
    body = encoded(event())
    signed = headers(body)
    signed["X-Scaleinv-Signature"] = f"v1={'0' * 64}, {signed['X-Scaleinv-Signature']}"
    assert server.client.post("/v1/shipments/events", content=body, headers=signed).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"X-Scaleinv-Sender": "nobody"},
        {"X-Scaleinv-Sender": "other"},
        {"X-Scaleinv-Signature": f"v1={'0' * 64}"},
        {"X-Scaleinv-Signature": "v1="},
        {"X-Scaleinv-Signature": ""},
        {"X-Scaleinv-Timestamp": str(NOW + 1)},
        {"X-Scaleinv-Timestamp": "now"},
        {"X-Scaleinv-Timestamp": "9" * 5_000},
    ],
)
def test_who_has_not_signed_these_bytes_is_refused(server: Server, change: dict[str, str]) -> None:
    body = encoded(event())
    answer = server.client.post("/v1/shipments/events", content=body, headers=headers(body) | change)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert server.get("/v1/shipments/S1").status_code == 404
    assert refused_events(server.book) == []


def test_a_changed_body_is_refused(server: Server) -> None:
    signed = headers(encoded(event()))
    answer = server.client.post("/v1/shipments/events", content=encoded(event("e2")), headers=signed)
    assert answer.status_code == 401


@pytest.mark.parametrize(("seconds", "status"), [(299, 200), (-299, 200), (301, 401), (-301, 401), (86_400, 401)])
def test_a_signature_is_good_for_five_minutes_before_and_after(server: Server, seconds: int, status: int) -> None:
    server.clock.now = NOW + seconds
    assert server.post(event()).status_code == status


def test_a_message_sent_again_counts_once(server: Server) -> None:
    body = [event("a"), event("b"), event("a")]
    assert server.post(body).json() == {"accepted": 2, "duplicates": 1, "refused": []}
    assert server.post(body).json() == {"accepted": 0, "duplicates": 3, "refused": []}
    assert sorted(log_of(server)) == ["a", "b"]


def test_an_id_with_another_content_is_a_conflict_and_kept(server: Server) -> None:
    server.post(event("a"))
    answer = server.post(event("a", kind="arrived"))
    assert answer.status_code == 409
    assert "known with another content" in answer.json()["detail"]
    assert server.get("/v1/shipments/S1").json()["status"] == "in_transit"
    assert [row["event_id"] for row in refused_events(server.book)] == ["a"]


def test_ids_of_another_sender_are_others(server: Server) -> None:
    server.post(event("a"))
    body = encoded(event("a", kind="departed"))
    signed = headers(body, sender="other", key="the other carrier has this secret")
    assert server.client.post("/v1/shipments/events", content=body, headers=signed).json()["accepted"] == 1


def test_of_a_batch_what_is_good_is_taken_and_the_rest_is_named_and_kept(server: Server) -> None:
    answer = server.post([event("a"), event("b", kind="exploded"), event("c")])
    found = answer.json()
    assert (answer.status_code, found["accepted"]) == (200, 2)
    assert found["refused"][0]["position"] == 1
    assert found["refused"][0]["reason"].startswith("kind: Input should be")
    assert sorted(log_of(server)) == ["a", "c"]
    server.post([event("a"), event("b", kind="exploded"), event("c")])
    assert len(refused_events(server.book)) == 1  # the same once


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": "void"}, "voids names the event"),
        ({"voids": "x"}, "voids names the event"),
        ({"latitude": 1.0}, "belong together"),
        ({"latitude": 91.0, "longitude": 0.0}, "latitude: Input should be less"),
        ({"lines": [{"order_id": "o", "quantity": "1"}]}, "belong to kind announced"),
        ({"kind": "condition"}, "has a temperature"),
        ({"lowest_temperature": 5, "highest_temperature": 4}, "is above"),
        ({"event_time": "2026-09-20T08:00:00"}, "event_time: Input should have timezone"),
        ({"event_time": 1_790_000_000}, "event_time"),
        ({"event_time": "1026-09-20T08:00:00Z"}, "years lie between"),
        ({"event_time": "2030-09-20T08:00:00Z"}, "lies in the future"),
        ({"event_id": "a\x00b"}, "event_id: String should match"),
        ({"event_id": ""}, "event_id"),
        ({"shipment_id": "x" * 201}, "shipment_id"),
        ({"colour": "red"}, "colour: Extra inputs"),
        ({"place": "\ud800"}, ""),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_reason(
    server: Server, change: dict[str, Any], reason: str
) -> None:
    answer = server.post(event(**change) if not set(change) & set(event()) else {**event(), **change})
    assert answer.status_code == 422
    assert reason in answer.json()["refused"][0]["reason"]
    assert len(refused_events(server.book)) == 1
    assert server.get("/v1/shipments").json()["shipments"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b"1e999", b'"text"', b"\xff\xfe", b"[" * 5_000,
        b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
        b'{"event_id": ' + b"9" * 6_000 + b"}", b"NaN", b'{"\\u0000": 1}', b"\x00", b'["\\ud800"]', b'{"\\ud800": 1}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/shipments/events", "/v1/epcis", "/v1/webhooks/slowship"])
def test_bytes_that_are_no_message_are_refused(server: Server, body: bytes, path: str) -> None:
    of = {"sender": "other", "key": "the other carrier has this secret"} if "webhooks" in path else {}
    answer = server.post(body, path=path, **of)
    assert answer.status_code in (422, 409)
    assert len(refused_events(server.book)) == 1


def test_too_much_and_compressed_is_refused(server: Server) -> None:
    assert server.post(b" " * 20_001).status_code == 413
    assert server.post([event(str(n)) for n in range(51)]).status_code == 422
    body = gzip.compress(encoded(event()))
    packed = headers(body) | {"Content-Encoding": "gzip"}
    assert server.client.post("/v1/shipments/events", content=body, headers=packed).status_code == 415
    assert server.get("/v1/shipments").json()["shipments"] == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"X-Scaleinv-Sender": "nobody"}, 401),
        ({"X-Scaleinv-Timestamp": str(NOW - 301)}, 401),
        ({"X-Scaleinv-Signature": ""}, 401),
        ({"Content-Length": "20001"}, 413),
    ],
)
def test_who_cannot_be_let_in_is_sent_away_before_the_message_is_read(
    server: Server, change: dict[str, str], status: int
) -> None:
    asked = []

    async def receive() -> dict[str, object]:
        asked.append(1)
        return {"type": "http.request", "body": b"{}", "more_body": False}

    assert call(server, headers(b"{}") | change, receive) == status
    assert asked == []


def test_a_message_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    async def receive() -> dict[str, object]:
        await asyncio.sleep(60)
        return {}

    config = ShipmentsConfig.model_validate(CONFIG | {"body_seconds": 0.05})
    clock = Clock()
    with opened(f"sqlite:///{tmp_path}/book.db") as book, TestClient(app(book, config, clock=clock)) as client:
        assert call(Server(book, client, clock), headers(b"{}"), receive) == 408


def test_messages_on_their_way_in_have_so_many_bytes_together(tmp_path: Path) -> None:
    config = ShipmentsConfig.model_validate(CONFIG | {"max_waiting_bytes": 100})
    clock = Clock()
    with opened(f"sqlite:///{tmp_path}/book.db") as book, TestClient(app(book, config, clock=clock)) as client:
        server = Server(book, client, clock)
        assert server.post(b" " * 101).status_code == 429
        assert server.post(b"{}").status_code == 422, "what was sent away waits no more"


def call(server: Server, given: dict[str, str], receive: Any) -> int:
    """A request whose body comes by ``receive``; the status of its answer."""
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/shipments/events", "raw_path": b"/v1/shipments/events", "query_string": b"", "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    asyncio.run(server.client.app(scope, receive, send))
    return int(said[0]["status"])


def test_a_carriers_own_message_is_read_as_configured(server: Server) -> None:
    said = {"id": "17", "tracking": {"number": "Z9"}, "ts": 1_789_990_000, "hub": ["LEJ"]}
    message = {"data": {"events": [said | {"code": "OT"}, said | {"id": "18", "code": "??"}]}}
    of = {"path": "/v1/webhooks/slowship", "sender": "other", "key": "the other carrier has this secret"}
    answer = server.post(message, **of)
    assert (answer.status_code, answer.json()["accepted"], len(answer.json()["refused"])) == (200, 1, 1)
    assert "its code is not in kinds" in answer.json()["refused"][0]["reason"]
    shown = server.get("/v1/shipments/Z9").json()
    assert (shown["status"], shown["place"], shown["seen_at"]) == ("in_transit", "LEJ", "2026-09-21T11:26:40Z")
    assert server.post(message, **of).json()["duplicates"] == 1
    assert server.post(message, path="/v1/webhooks/nobody").status_code == 404


def test_who_has_no_token_sees_nothing(server: Server) -> None:
    for path in ("/v1/shipments", "/v1/shipments/S1", "/v1/orders/O1/arrivals"):
        assert server.client.get(path).status_code == 401
        assert server.client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    for path in ("/healthz", "/readyz", "/metrics"):
        assert server.client.get(path).status_code == 200


def test_metrics_count_what_was_taken(server: Server) -> None:
    server.post([event("a"), event("b"), event("c", kind="?")])
    server.post(event("a"))
    text = server.client.get("/metrics").text
    for name, count in {"accepted": 2, "duplicate": 1, "conflict": 0, "refused": 1}.items():
        assert f'scaleinv_shipment_events_total{{outcome="{name}"}} {count}' in text


def test_other_paths_and_methods_are_problems_too(server: Server) -> None:
    for answer in (server.client.get("/nothing"), server.client.put("/v1/epcis"), server.get("/v1/shipments?limit=0")):
        assert answer.status_code in (404, 405, 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


def test_the_shipments_page_by_page(server: Server) -> None:
    server.post([event(str(n), f"S{n}") for n in range(5)])
    first = server.get("/v1/shipments?limit=3").json()
    rest = server.get(f"/v1/shipments?limit=3&after={first['next']}").json()
    assert [one["shipment_id"] for one in first["shipments"] + rest["shipments"]] == [f"S{n}" for n in range(5)]
    assert rest["next"] is None
    assert server.get("/v1/shipments?status=arrived").json()["shipments"] == []


def test_the_server_makes_arrivals_anew(tmp_path: Path) -> None:
    config = ShipmentsConfig.model_validate(CONFIG | {"arrival": {"every_seconds": 0.05}})
    with (
        opened(f"sqlite:///{tmp_path}/book.db") as book,
        TestClient(app(book, config, clock=lambda: float(NOW))) as client,
    ):
        server = Server(book, client, Clock())
        line = {"order_id": "O/1", "line": 3, "quantity": "2.5"}
        plan = "2026-09-25T08:00:00Z"
        server.post(event(kind="announced", planned_arrival=plan, destination="DC1", lines=[line]))
        until = time.monotonic() + 20
        while (shown := server.get("/v1/shipments/S1").json())["expected_arrival"] is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        coming = server.get("/v1/orders/O%2F1/arrivals").json()
    assert shown["expected_arrival"].startswith("2026-09-2")
    assert list(shown["arrival_quantiles"]) == ["0.1", "0.5", "0.9"]
    assert [(one["line"], one["quantity"], one["location_id"]) for one in coming] == [(3, "2.500", "DC1")]
