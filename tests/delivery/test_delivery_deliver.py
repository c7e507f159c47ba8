"""Document after document: what fails is tried later, what must wait waits, and a kill loses and doubles nothing."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.delivery.sftp_server import PASSWORD, sftp_server
from tests.delivery.web_server import web_server

from scaleinv.config.delivery import BackoffConfig
from scaleinv.delivery import Clock, Item, Receipt, RejectedError, Result, TryAgainError, deliver, next_try

NOW = datetime(2026, 9, 20, 22, tzinfo=UTC)
KEEPS = {"when_unsure": "send", "keeps_keys": True}
CLOCK = Clock(now=lambda: NOW)


def item_of(key: str, **options: Any) -> Item:
    return Item(key, f"{key}.csv", hashlib.sha256(b"").hexdigest(), content=b"", **options)


class Place:
    """Does with each key what it is told."""

    def __init__(self, **outcomes: Exception) -> None:
        self.outcomes, self.sent = outcomes, []

    def send(self, item: Item) -> Receipt:
        self.sent.append(item.key)
        if item.key in self.outcomes:
            raise self.outcomes[item.key]
        return Receipt(item.key, "there")

    def close(self) -> None: ...


def run(items: list[Item], place: Place, **options: Any) -> dict[str, Result]:
    results: list[Result] = []
    deliver(items, place, on_result=results.append, clock=CLOCK, **options)
    assert [result.key for result in results] == [item.key for item in items]
    return {result.key: result for result in results}


def test_one_that_fails_does_not_stop_the_others() -> None:
    place = Place(b=TryAgainError("busy"), c=RejectedError("no"))
    found = run([item_of(key) for key in "abcd"], place)
    assert {key: result.state for key, result in found.items()} == {
        "a": "delivered", "b": "retry", "c": "failed", "d": "delivered",
    }  # fmt: skip
    assert found["a"].receipt == Receipt("a", "there")
    assert found["b"].next_try is not None
    assert NOW + timedelta(seconds=15) <= found["b"].next_try <= NOW + timedelta(seconds=30)
    assert (found["b"].reason, found["c"].reason) == ("busy", "no")


@pytest.mark.parametrize(
    "error", [OSError("no such file"), UnicodeEncodeError("ascii", "ü", 0, 1, "no"), KeyError("x")]
)
def test_what_nobody_has_thought_of_fails_one_document_only(error: Exception) -> None:
    found = run([item_of(key) for key in "abc"], Place(b=error))
    assert [result.state for result in found.values()] == ["delivered", "failed", "delivered"]
    assert type(error).__name__ in (found["b"].reason or "")


def test_where_nobody_answers_the_rest_is_not_tried() -> None:
    place = Place(b=TryAgainError("gone", unreachable=True))
    found = run([item_of(key) for key in "abc"], place)
    assert place.sent == ["a", "b"]
    assert (found["c"].state, found["c"].reason) == ("waiting", "gone")
    assert found["c"].next_try is not None
    assert found["c"].next_try > NOW


def test_a_manifest_follows_its_documents() -> None:
    place = Place(a=TryAgainError("busy"))
    manifest = item_of("m", needs=frozenset({"a", "b"}))
    found = run([item_of("a"), item_of("b"), manifest], place)
    assert (found["m"].state, found["m"].reason) == ("waiting", "it follows a")
    assert run([item_of("a"), manifest], Place(), delivered={"b"})["m"].state == "delivered"
    assert run([manifest], Place(), delivered={"b"})["m"].state == "waiting"


def test_after_the_last_attempt_a_person_looks() -> None:
    backoff = BackoffConfig(attempts=3)
    states = [
        run([item_of("a", attempts=n)], Place(a=TryAgainError("busy")), backoff=backoff)["a"].state for n in (0, 1, 2)
    ]
    assert states == ["retry", "retry", "failed"]


def test_what_the_outbox_cannot_write_ends_the_delivery() -> None:
    place = Place()

    def full(result: Result) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        deliver([item_of("a"), item_of("b")], place, on_result=full)
    assert place.sent == ["a"]


@given(st.integers(1, 10_000), st.text(max_size=20), st.one_of(st.none(), st.floats(0, 1e5)))
def test_waits_are_bounded_and_the_same_each_time(attempts: int, key: str, after: float | None) -> None:
    backoff = BackoffConfig(first=30, longest=3600, jitter=0.5)
    when = next_try(key, attempts, backoff, now=NOW, after=after)
    wait = (when - NOW).total_seconds()
    assert when == next_try(key, attempts, backoff, now=NOW, after=after)
    full = min(3600, 30 * 2.0 ** min(attempts - 1, 60))
    assert max(full * 0.5, after or 0) - 1e-3 <= wait <= max(full, after or 0) + 1e-3


# --- killed ---------------------------------------------------------------------------------------------------------

N = 120


def killed_again_and_again(folder: Path, config: dict[str, Any], progress: Callable[[], int]) -> int:
    """Runs ``sending.py`` and kills it at random moments while it sends, then lets it end; how often it was killed."""
    command = [sys.executable, str(Path(__file__).parent / "sending.py"), str(folder), json.dumps(config)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    kills, rng = 0, random.Random(7)
    for _ in range(4):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            wanted, begin = progress() + rng.randint(1, 25), time.monotonic()
            while progress() < wanted and process.poll() is None and time.monotonic() - begin < 30:
                time.sleep(0.001)
            if process.poll() is None:
                time.sleep(rng.random() * 0.01)
                process.send_signal(signal.SIGKILL)
                kills += process.wait() == -signal.SIGKILL
    subprocess.run(command, env=environment, check=True, timeout=60, stdout=subprocess.DEVNULL)
    assert set((folder / "done").read_text().split()) == {path.name for path in (folder / "todo").iterdir()}
    return kills


def box(folder: Path) -> Path:
    """An outbox of ``N`` documents."""
    (folder / "todo").mkdir(parents=True)
    for number in range(N):
        (folder / "todo" / f"{number:03d}").write_bytes(b"%d\n" % number * 500)
    return folder


@pytest.mark.slow
def test_killed_while_it_posts(tmp_path: Path) -> None:
    with web_server() as server:
        server.delay = 0.02
        config = {"kind": "http", "base_url": server.url, "send": "file", "path": "/in/{name}", **KEEPS}
        kills = killed_again_and_again(box(tmp_path / "box"), config, lambda: len(server.taken))
        assert kills >= 3
        assert server.taken == {f"{n:03d}": b"%d\n" % n * 500 for n in range(N)}
        assert sum(server.arrived.values()) <= N + kills  # at most the one that was under way


@pytest.mark.slow
def test_killed_in_the_middle_of_a_document_of_requests(tmp_path: Path) -> None:
    line = '{"key":"K%d","method":"POST","path":"/o","body":{"n":%d}}\n'
    with web_server() as server:
        server.delay = 0.02
        config = {"kind": "http", "base_url": server.url, "responses": str(tmp_path / "kept"), **KEEPS}
        (tmp_path / "box" / "todo").mkdir(parents=True)
        (tmp_path / "box" / "todo" / "all").write_text("".join(line % (n, n) for n in range(N)))
        kills = killed_again_and_again(tmp_path / "box", config, lambda: len(server.taken))
        assert kills >= 3
        assert server.taken == {f"K{n}": b'{"n":%d}' % n for n in range(N)}
        assert sum(server.arrived.values()) <= N + kills


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "sftp"])
def test_killed_while_it_writes_files(tmp_path: Path, kind: str) -> None:
    there = tmp_path / "there"

    def count() -> int:
        return sum(1 for path in there.iterdir() if path.name.isdigit())

    def check(config: dict[str, Any]) -> None:
        assert killed_again_and_again(box(tmp_path / "box"), config, count) >= 3
        assert {path.name: path.read_bytes() for path in there.iterdir() if path.name.isdigit()} == {
            f"{n:03d}": b"%d\n" % n * 500 for n in range(N)
        }
        assert [path.name for path in there.iterdir() if not path.name.isdigit()] == []

    if kind == "folder":
        there.mkdir()
        check({"kind": "folder", "path": str(there)})
        return
    with sftp_server(there) as server:
        check({"kind": "sftp", "host": "127.0.0.1", "port": server.port, "username": "us", "password": PASSWORD,
               "host_key": server.host_key})  # fmt: skip
