"""Endpoints over a new order book."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.server.signing import KEY, NOW, OLD_KEY, TOKEN, encoded, headers

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have another HTTP client
    from fastapi.testclient import TestClient

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.orderbook import Book, opened
from scaleinv.server.app import app


class Clock:
    """The server's time: a test moves it."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


class Server:
    """An application and a sender."""

    def __init__(self, book: Book, client: TestClient, clock: Clock) -> None:
        self.book, self.client, self.clock = book, client, clock

    def post(self, content: Any, *, path: str = "/v1/shipments/events", **signed: Any) -> Any:
        body = content if isinstance(content, bytes) else encoded(content)
        return self.client.post(path, content=body, headers=headers(body, **signed))

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}, **more)


CONFIG: dict[str, Any] = {
    "senders": {"fast": {"keys": [KEY, OLD_KEY]}, "other": {"keys": ["the other carrier has this secret"]}},
    "webhooks": {
        "slowship": {
            "sender": "other",
            "events": "data.events",
            "fields": {
                "event_id": "id", "shipment_id": "tracking.number", "kind": "code", "event_time": "ts",
                "place": "hub.0", "eta": "eta",
            },
            "kinds": {"PU": "departed", "OT": "in_transit", "DL": "arrived"},
        }
    },
    "reader_tokens": [TOKEN],
    "max_events": 50,
    "max_body_bytes": 20_000,
}  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    clock = Clock()
    with opened(f"sqlite:///{tmp_path}/book.db") as book:
        made = app(book, ShipmentsConfig.model_validate(CONFIG), clock=clock)
        with TestClient(made, raise_server_exceptions=True) as client:
            yield Server(book, client, clock)
