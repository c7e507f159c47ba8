"""One at a time: who does a work that two must not do at once says so in the lake, and whoever comes second is told."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from scaleinv.errors import LakeError, explain
from scaleinv.lake.tables import Lake
from scaleinv.schema import table

Row = dict[str, Any]
BEAT: Final = 20.0
"""Seconds between two signs of life."""
DEAD: Final = 120.0
"""Seconds without one, after which nobody is waited for."""
_HELD: Final[set[str]] = set()
"""Runs of this process: one that could not give its lease back, as the disk was full, is none."""


@contextmanager
def lease(lake: Lake, work: str) -> Iterator[None]:
    """Holds ``work`` while the block runs. A holder that was killed is found out: at once on the same machine.

    The lease is taken by a commit, of which Delta lets only one through.

    Raises:
        LakeError: somebody else holds it.
    """
    mine: Row = {
        "work": work, "run": uuid.uuid4().hex, "host": _host(), "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    lake.create(table("leases"))
    while not _take(lake, work, mine):
        time.sleep(0.05)
    _HELD.add(mine["run"])
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(lake, mine, ended), daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()
        _HELD.discard(mine["run"])
        while not _give_back(lake, work, mine):
            time.sleep(0.05)
        lake.delete(_place(mine))


def holders(lake: Lake) -> list[tuple[Row, bool]]:
    """Who holds which work at present, and whether it still lives: work, host, pid, since (UTC)."""
    if not lake.exists(table("leases")):
        return []
    return [(row, _lives(lake, row)) for row in lake.read(table("leases")).to_pylist()]


def _take(lake: Lake, work: str, mine: Row) -> bool:
    """Whether it was taken; False: the table has changed meanwhile."""
    version, held, others = _read(lake, work)
    if held is not None and _lives(lake, held):
        raise LakeError(
            explain(
                f"another {work}, or maintain, is under way in this lake",
                found=f"process {held['pid']} on {held['host']}, since {held['since']}",
                do=f"wait for its end and run again (one that was killed elsewhere counts for {DEAD:.0f} s)",
            )
        )
    taken = _write(lake, version, [*others, mine])
    if taken and held is not None:  # what one that was killed left
        lake.delete(_place(held))
    return taken


def _give_back(lake: Lake, work: str, mine: Row) -> bool:
    version, held, others = _read(lake, work)
    return held is None or held["run"] != mine["run"] or _write(lake, version, others)


def _read(lake: Lake, work: str) -> tuple[int, Row | None, list[Row]]:
    """The table's version, who holds ``work``, and who holds other works."""
    version = lake.version(table("leases"))
    rows = lake.read(table("leases"), version=version).to_pylist()
    return version, next((row for row in rows if row["work"] == work), None), [r for r in rows if r["work"] != work]


def _write(lake: Lake, version: int, rows: list[Row]) -> bool:
    return lake.overwrite_at(
        table("leases"), pa.Table.from_pylist(rows, schema=table("leases").schema), version=version
    )


def _lives(lake: Lake, row: Row) -> bool:
    if row["host"] == _host() and not _is_running(row):
        return False
    beat = lake.get(_place(row))
    last = json.loads(beat)["at"] if beat else datetime.fromisoformat(row["since"]).timestamp()
    return bool(time.time() - last < DEAD)


def _host() -> str:
    """Where a process number means something: containers may share a machine's name, but not its processes."""
    try:
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink().name}"
    except OSError:
        return socket.gethostname()


def _is_running(row: Row) -> bool:
    if row["pid"] == os.getpid():
        return row["run"] in _HELD
    try:
        os.kill(row["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _beat(lake: Lake, mine: Row, ended: threading.Event) -> None:
    while True:
        # One that cannot be written is no end: the next may be.
        with suppress(OSError, LakeError):
            lake.put(_place(mine), json.dumps({"at": time.time()}).encode())
        if ended.wait(BEAT):
            return


def _place(row: Row) -> str:
    return f"_walk/{row['work']}.{row['run']}.alive"
