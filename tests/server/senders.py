"""Clients that send signed events over connections that stay open, each event again until it is answered."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.server.signing import encoded, headers


@dataclass
class Sender(threading.Thread):
    """Sends messages of ``size`` events in turn; ``answered``: ids that a 2xx was given for."""

    port: int
    name_: str
    number: int
    size: int = 1
    patience: float = 120.0
    answered: set[str] = field(default_factory=set)
    accepted: int = 0
    duplicates: int = 0
    seconds: list[float] = field(default_factory=list)
    problem: str | None = None

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        for start in range(0, self.number, self.size):
            ids = [f"{self.name_}-{n}" for n in range(start, min(start + self.size, self.number))]
            if not self._send(ids):
                break
        if self._connection is not None:
            self._connection.close()

    def _send(self, ids: list[str]) -> bool:
        events = [self._event(one) for one in ids]
        body = encoded(events if self.size > 1 else events[0])
        until = time.monotonic() + self.patience
        while time.monotonic() < until:
            started = time.monotonic()
            status, found = self._post(body)
            if status == 200:
                self.seconds.append(time.monotonic() - started)
                self.answered.update(ids)
                self.accepted += found["accepted"]
                self.duplicates += found["duplicates"]
                return True
            if status not in (None, 429, 503):
                self.problem = f"{status}: {found}"
                return False
            time.sleep(0.02)
        self.problem = "no answer"
        return False

    def _event(self, event_id: str) -> dict[str, Any]:
        n = int(event_id.rpartition("-")[2])
        moment = f"2026-09-20T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z"
        return {
            "event_id": event_id, "shipment_id": f"S{n % 200}", "kind": "in_transit", "event_time": moment,
            "latitude": 50.0 + n % 10, "longitude": 8.0,
        }  # fmt: skip

    _connection: http.client.HTTPConnection | None = None

    def _post(self, body: bytes) -> tuple[int | None, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            signed = headers(body, at=int(time.time()))
            self._connection.request("POST", "/v1/shipments/events", body, signed)
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self._connection.close()
            self._connection = None
            return None, None
