"""A real server process of ``scaleinv serve``, on 127.0.0.1, ended by its own id."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.server.signing import KEY, TOKEN

_SECONDS: Final = 90.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Live:
    """A server that can be killed and started again on the same book."""

    def __init__(self, folder: Path, *, url: str | None = None) -> None:
        self.url = url or f"sqlite:///{folder}/book.db"
        self.port = free_port()
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        command = [
            sys.executable, "-m", "scaleinv", "serve", "--env", "test", "--port", str(self.port), "--book", self.url,
            "--set", "shipments.senders.fast.keys=['${FAST_KEY}']", "--set", "shipments.reader_tokens=['${TOKEN}']",
        ]  # fmt: skip
        env = {**os.environ, "FAST_KEY": KEY, "TOKEN": TOKEN, "PYTHONWARNINGS": ""}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        until = time.monotonic() + _SECONDS
        while not self.ready():
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError(f"the server does not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def ready(self) -> bool:
        """Whether it answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def cpu_seconds(self) -> float:
        """What its process has used."""
        import psutil

        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it; the exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(how)
        return self._process.wait(timeout=60)
