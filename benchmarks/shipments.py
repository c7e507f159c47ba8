"""Events of shipments over HTTP: events a second, one by one and in batches, and none lost over a kill.

``python benchmarks/shipments.py [--singles 10000] [--batched 40000] [--connections 32]``: a real `scaleinv serve` on
127.0.0.1 with SQLite, signed messages over connections that stay open. Client and server share the machine; the
server's own CPU time stands beside the wall time. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import sqlalchemy as sa
from tests.server.live import Live
from tests.server.signing import encoded, headers

from scaleinv.orderbook import opened
from scaleinv.orderbook.shipment_tables import EVENTS


def event(phase: str, n: int) -> dict[str, Any]:
    """The nth position of a phase."""
    moment = f"2026-09-20T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z"
    return {
        "event_id": f"{phase}-{n}", "shipment_id": f"S{n % 5_000}", "kind": "in_transit", "event_time": moment,
        "latitude": 50.0 + n % 1000 / 1000, "longitude": 8.0 + n % 777 / 777, "place": "on the road",
    }  # fmt: skip


def request(port: int, events: list[dict[str, Any]]) -> bytes:
    """A signed message, as it goes over the wire."""
    body = encoded(events if len(events) > 1 else events[0])
    signed = headers(body, at=int(time.time()))
    lines = [
        "POST /v1/shipments/events HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in signed.items()),
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode() + body


class Client(threading.Thread):
    """Sends its messages in turn over one connection; those without an answer stay in ``left``."""

    def __init__(self, port: int, messages: list[tuple[list[int], bytes]]) -> None:
        super().__init__(daemon=True)
        self.port, self.left, self.done = port, list(reversed(messages)), []
        self.seconds: list[float] = []

    def run(self) -> None:
        """Sends all."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=60) as one:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while self.left:
                    self._send(one, *self.left[-1])
        except OSError:
            return  # killed: what is left is sent again

    def _send(self, one: socket.socket, numbers: list[int], message: bytes) -> None:
        started = time.perf_counter()
        one.sendall(message)
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
            piece = one.recv(65_536)
            if not piece:
                raise ConnectionError
            answer += piece
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer[:500])
        self.seconds.append(time.perf_counter() - started)
        self.done += numbers
        self.left.pop()


def send(live: Live, phase: str, number: int, *, size: int, connections: int, kill_at: float | None = None) -> Any:
    """All events of a phase, and what it took; ``kill_at``: the share after which the server is killed."""
    groups = [list(range(start, min(start + size, number))) for start in range(0, number, size)]
    messages = [(group, request(live.port, [event(phase, n) for n in group])) for group in groups]
    clients = [Client(live.port, messages[n::connections]) for n in range(connections)]
    cpu, started = live.cpu_seconds(), time.perf_counter()
    for client in clients:
        client.start()
    if kill_at is not None:
        while sum(len(client.done) for client in clients) < kill_at * number:
            time.sleep(0.005)
        live.stop(signal.SIGKILL)
    for client in clients:
        client.join()
    wall = time.perf_counter() - started
    if kill_at is not None:
        return clients
    seconds = np.concatenate([client.seconds for client in clients])
    return {
        "events": number, "per_message": size, "connections": connections, "wall_seconds": round(wall, 3),
        "events_per_second": round(number / wall), "server_cpu_seconds": round(live.cpu_seconds() - cpu, 3),
        "latency_ms": {f"p{p}": round(float(np.percentile(seconds, p)) * 1e3, 2) for p in (50, 95, 99, 100)},
    }  # fmt: skip


def over_a_kill(live: Live, number: int, connections: int) -> dict[str, Any]:
    """Kills the server in the middle, starts it again, and sends what was not answered."""
    clients = send(live, "kill", number, size=1, connections=connections, kill_at=0.5)
    answered = {f"kill-{n}" for client in clients for n in client.done}
    with opened(live.url) as book, book.reading() as connection:
        wanted = EVENTS.c.event_id.like("kill-%")
        there = list(connection.execute(sa.select(EVENTS.c.event_id).where(wanted)).scalars())
    live.start()
    again = [n for client in clients for numbers, _ in client.left for n in numbers]
    rest = [Client(live.port, [([n], request(live.port, [event("kill", n)])) for n in again[k::8]]) for k in range(8)]
    for client in rest:
        client.start()
    for client in rest:
        client.join()
    with opened(live.url) as book, book.reading() as connection:
        end = list(connection.execute(sa.select(EVENTS.c.event_id).where(wanted)).scalars())
    return {
        "events": number, "answered_before_the_kill": len(answered), "of_these_lost": len(answered - set(there)),
        "sent_again": len(again), "there_at_the_end": len(set(end)), "doubled": len(end) - len(set(end)),
    }  # fmt: skip


def main() -> None:
    """Prints the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--singles", type=int, default=10_000)
    parser.add_argument("--batched", type=int, default=40_000)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        live = Live(Path(folder))
        live.start()
        try:
            send(live, "warm", 500, size=1, connections=8)
            result = {
                "single": send(live, "single", options.singles, size=1, connections=options.connections),
                "batch": send(live, "batch", options.batched, size=200, connections=4),
                "kill": over_a_kill(live, options.singles // 2, options.connections),
                "cores": os.cpu_count(),
                "load_average": [round(one, 1) for one in os.getloadavg()],
            }
        finally:
            live.stop()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
