"""Two machines in one: each has a network, an address and a name of its own, a cable joins them, Ray runs on both.

A process that :func:`alone` starts is the first machine and makes the second. Nothing here needs to be root, and
nothing is left: processes and networks end with that process, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import ray

ADDRESSES = {"head": "10.77.0.1", "node": "10.77.0.2"}
ADDRESS = f"{ADDRESSES['head']}:6379"
# Ray reads it when it is imported; a process that had a Ray of its own hands down another mode. Nobody else is there.
_OPEN = ("env", "RAY_AUTH_MODE=disabled")
_ALONE = ("unshare", "--user", "--map-root-user", "--net", "--uts", "--pid", "--mount-proc", "--fork", "--kill-child")


def alone(*command: str) -> list[str]:
    """``command`` as the first process of a machine without a network; all that it starts ends with it."""
    return [*_OPEN, *_ALONE, *command]


def why_not() -> str | None:
    """Why machines cannot be made here; ``None``: they can."""
    missing = [tool for tool in ("unshare", "nsenter", "ip") if not shutil.which(tool)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    cable = alone("ip", "link", "add", "one", "type", "veth", "peer", "name", "other")
    made = subprocess.run(cable, capture_output=True, text=True, check=False)
    return f"networks cannot be made here: {made.stderr.strip()}" if made.returncode else None


def need_machines() -> None:
    """Leaves a test out where machines cannot be made; with ``SCALEINV_MUST=machines`` it fails instead."""
    import pytest  # not at the top: Ray's processes import this module, too

    if reason := why_not():
        (pytest.fail if os.environ.get("SCALEINV_MUST") == "machines" else pytest.skip)(reason)


class Machines:
    """The machine ``head``, on which this process is, and ``node`` beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        os.environ.update(RAY_USAGE_STATS_ENABLED="0")
        self._node = subprocess.Popen(["unshare", "--net", "--uts", "sleep", "infinity"])
        _until(lambda: _network(self._node.pid) not in (_network(os.getpid()), None))
        _run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(self._node.pid))
        for name, address in ADDRESSES.items():
            enter = self.enter(name)
            _run(*enter, "ip", "address", "add", f"{address}/24", "dev", "cable")
            _run(*enter, "ip", "link", "set", "cable", "up")
            _run(*enter, "ip", "link", "set", "lo", "up")
            _run(*enter, "hostname", name)

    def enter(self, name: str) -> tuple[str, ...]:
        """What a command begins with that is to run on ``head`` or ``node``."""
        return ("nsenter", "--target", str(self._node.pid), "--net", "--uts") if name == "node" else ()

    def start_ray(self, cpus: int) -> None:
        """A cluster of both machines, which is up when this returns."""
        self._start("head", cpus, "--head", "--port=6379", f"--temp-dir={self._folder}")
        _until(_head_answers)
        self._start("node", cpus, f"--address={ADDRESS}")
        ray.init(address=ADDRESS, logging_level="ERROR", log_to_driver=False)
        _until(lambda: sum(node["Alive"] for node in ray.nodes()) == 2)
        ray.shutdown()

    def crash_node(self, *, unplugged: bool) -> None:
        """All processes of the node at once; unplugged, not even their connections are closed."""
        if unplugged:
            _run("ip", "link", "set", "cable", "down")
        for pid in self._on_node() - {self._node.pid}:
            with contextlib.suppress(ProcessLookupError):  # one that its parent took along
                os.kill(pid, signal.SIGKILL)

    def crash_head(self) -> None:
        """All of Ray's processes on this machine at once, this one excepted."""
        mine = {int(path.name) for path in Path("/proc").glob("[0-9]*")} - self._on_node()
        for pid in mine - {os.getpid(), self._node.pid}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _on_node(self) -> set[int]:
        network = _network(self._node.pid)
        return {int(path.name) for path in Path("/proc").glob("[0-9]*") if _network(int(path.name)) == network}

    def _start(self, name: str, cpus: int, *options: str) -> None:
        command = [
            *self.enter(name), sys.executable, "-m", "ray.scripts.scripts", "start", "--block", f"--num-cpus={cpus}",
            f"--node-ip-address={ADDRESSES[name]}", f"--labels=pool={name}",
            f"--object-store-memory={80 * 2**20}", *options,
        ]  # fmt: skip
        subprocess.Popen(command, start_new_session=True, stdout=sys.stderr)


def _network(pid: int) -> str | None:
    """Which network a process is in; ``None``: it is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return None


def _head_answers() -> bool:
    try:
        socket.create_connection((ADDRESSES["head"], 6379), timeout=1).close()
    except OSError:
        return False
    return True


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not is_so():
        assert time.monotonic() < deadline, "the machines did not come up"
        time.sleep(0.2)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
