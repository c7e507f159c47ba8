"""A web server on this machine that does what it is told: fails, waits, answers twice, hangs up."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


class WebServer(ThreadingHTTPServer):
    """``script``: what to do with the next requests, one after the other; then with all others ``ok``."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Any] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.arrived: Counter[str] = Counter()
        """Key -> how often it came."""
        self.taken: dict[str, bytes] = {}
        """Key -> what was taken, once."""
        self.tokens: list[str] = []
        self.token: str | None = None
        """The one that is accepted; none: no token is asked for."""
        self.csrf: str | None = None
        self.lock = threading.Lock()
        self.delay = 0.0
        self.look_ups: list[int] = []
        """Statuses of the next questions; then 200."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebServer

    def log_message(self, format: str, *args: Any) -> None: ...

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body, server = self.rfile.read(length), self.server
        if len(body) < length:  # the sender died meanwhile: nobody takes half a request
            self.close_connection = True
            return None
        with server.lock:
            server.requests.append((self.command, self.path, dict(self.headers), body))
        if self.path == "/token":
            return self._token()
        if server.token is not None and self.headers.get("Authorization") != f"Bearer {server.token}":
            return self._answer(401, {})
        if server.csrf is not None and self.headers.get("X-CSRF-Token") != server.csrf:
            return self._answer(403, {}, {"X-CSRF-Token": "Required"})
        with server.lock:
            step = server.script.pop(0) if server.script else "ok"
        return self._step(step, self.headers.get("Idempotency-Key", ""), body)

    do_PUT = do_POST  # noqa: N815

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            server.requests.append((self.command, self.path, dict(self.headers), b""))
        if self.headers.get("X-CSRF-Token") == "Fetch":
            return self._answer(200, {}, {"X-CSRF-Token": server.csrf or ""})
        if server.look_ups:
            return self._answer(server.look_ups.pop(0), {})
        key = unquote(urlsplit(self.path).query.partition("=")[2])
        found = [{"PurchaseOrder": f"45{key}", "again": True}] if key in server.taken else []
        return self._answer(200, {"d": {"results": found}})

    def _token(self) -> None:
        with self.server.lock:
            step = self.server.tokens.pop(0) if self.server.tokens else "ok"
        if isinstance(step, int):
            return self._answer(step, {"error": "invalid_client", "error_description": "secret-in-words"})
        self.server.token = f"t{len(self.server.requests)}"
        return self._answer(200, {"access_token": self.server.token, "expires_in": 3600})

    def _step(self, step: Any, key: str, body: bytes) -> None:
        if isinstance(step, int):
            return self._answer(step, {"error": {"code": str(step)}})
        if isinstance(step, tuple) and step[0] == "body":
            return self._say(step[1], step[2].encode())
        if isinstance(step, tuple):
            return self._answer(step[0], {}, step[1])
        if step == "drop":
            return self._hang_up()
        with self.server.lock:
            self.server.arrived[key] += 1
            self.server.taken.setdefault(key, body)
        time.sleep(self.server.delay)
        if step == "hang":
            time.sleep(1.5)
            return self._hang_up()
        if step == "half":
            self.wfile.write(b'HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{"d": {')
            self.wfile.flush()
            return self._hang_up()
        if step == "drip":
            self.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n")
            for _ in range(20):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.1)
            return self._hang_up()
        if step == 500.5:
            return self._answer(500, {})
        made = {"d": {"PurchaseOrder": f"45{key}"}}
        if step == "twice":
            one = json.dumps({"d": {"PurchaseOrder": "stale"}}).encode()
            head = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            own = json.dumps(made).encode()
            self.wfile.write(head % len(own) + own + head % len(one) + one)
            return None
        return self._answer(201, made)

    def _answer(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._say(status, json.dumps(body).encode(), headers)

    def _say(self, status: int, text: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def web_server() -> Iterator[WebServer]:
    server = WebServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
