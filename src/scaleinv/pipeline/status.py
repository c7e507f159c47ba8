"""``scaleinv status``: the last night stage by stage, what failed, who is at work, and what to do next. No engine."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from scaleinv.config import Config
from scaleinv.errors import LakeError, explain
from scaleinv.lake import Lake
from scaleinv.lake.lease import holders
from scaleinv.pipeline.records import Record, nights_with_records, records_of
from scaleinv.pipeline.stages import STAGE_NAMES
from scaleinv.schema import table

_SHOWN = 5


@dataclass(frozen=True)
class Lease:
    """Who is at a work that two must not do at once."""

    work: str
    host: str
    pid: int
    since: str
    lives: bool


@dataclass(frozen=True)
class Status:
    """Of one night of one environment."""

    env: str
    lake: str
    night: date
    age_days: int
    """Days from the night's last day known to today."""
    stages: dict[str, Record]
    killed: tuple[str, ...]
    """Stages that were begun on this machine by a process that is gone."""
    leases: tuple[Lease, ...]
    troubles: tuple[str, ...]
    do: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Whether every stage is done, or somebody is seen to be at it, and nothing waits for a person."""
        return not self.troubles

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"night": self.night.isoformat(), "is_well": self.is_well}

    def text(self) -> str:
        """As people read it."""
        lines = [
            f"{self.env}: the last night is {self.night}, {self.age_days:,} days ago; lake {self.lake}",
            "",
            f"  {'stage':<11}{'state':<12}{'ended (UTC)':<18}{'seconds':>9}  wrote",
        ]
        lines += [self._line(name) for name in STAGE_NAMES]
        lines += ["", *(f"  {trouble}" for trouble in self.troubles or ("no trouble",))]
        for lease in self.leases:
            state = "at work" if lease.lives else "gone: the next run takes its place"
            lines.append(f"  lease {lease.work}: process {lease.pid} on {lease.host}, since {lease.since}, {state}")
        return "\n".join([*lines, "", "To do", *(f"  {line}" for line in self.do)])

    def _line(self, name: str) -> str:
        record = self.stages.get(name)
        if record is None:
            return f"  {name:<11}-"
        state = "killed" if name in self.killed else record.state
        ended = record.ended[:16].replace("T", " ") if record.ended else ""
        seconds = "" if record.seconds is None else f"{record.seconds:,.1f}"
        wrote = ", ".join(f"{of} v{one.version}: {one.rows:,}" for of, one in record.writes.items())
        return f"  {name:<11}{state:<12}{ended:<18}{seconds:>9}  {_cut(wrote, 90)}".rstrip()


def status(config: Config, lake: Lake, night: date | None = None) -> Status:
    """How the last night, or ``night``, stands.

    Raises:
        LakeError: no run has touched it.
    """
    nights = nights_with_records(lake)
    chosen = night or (nights[0] if nights else None)
    stages = records_of(lake, chosen) if chosen else {}
    if chosen is None or not stages:
        known = ", ".join(map(str, nights[:_SHOWN])) or "no night"
        do = f"scaleinv run --env {config.env} --as-of YYYY-MM-DD"
        raise LakeError(explain(f"no run has touched {chosen or 'this lake'} yet", found=known, do=do))
    leases = tuple(
        Lease(row["work"], str(row["host"]).split(" ")[0], row["pid"], row["since"], lives)
        for row, lives in holders(lake)
    )
    killed = tuple(name for name, record in stages.items() if _is_killed(record))
    troubles = [
        *_stage_troubles(stages, killed),
        *_unfinished(stages, killed, leases),
        *_load_troubles(lake),
        *_group_troubles(lake, chosen, stages),
    ]
    age = (datetime.now(UTC).date() - chosen).days
    return Status(
        env=config.env, lake=config.lake.root, night=chosen, age_days=age, stages=stages, killed=killed, leases=leases,
        troubles=tuple(troubles), do=tuple(_to_do(config, lake, chosen, stages, killed)),
    )  # fmt: skip


def _is_killed(record: Record) -> bool:
    """A process that was begun here and is gone; of another machine nobody here can tell."""
    if record.state != "running" or record.host != socket.gethostname() or record.pid == os.getpid():
        return False
    try:
        os.kill(record.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's
        return False
    return False


def _stage_troubles(stages: Mapping[str, Record], killed: tuple[str, ...]) -> list[str]:
    found = []
    for name, record in stages.items():
        if name in killed:
            found.append(f"{name} was killed: it began at {record.started} as process {record.pid}")
        elif record.state == "failed":
            found.append(f"{name} failed at {record.ended}: {_cut(record.error or '', 300)}")
        elif record.state == "incomplete":
            groups = f" ({record.groups['failed']:,} groups failed)" if record.groups.get("failed") else ""
            found.append(f"{name} is not complete{groups}")
    return found


def _unfinished(stages: Mapping[str, Record], killed: tuple[str, ...], leases: tuple[Lease, ...]) -> list[str]:
    """What is not done, where nobody is seen to be at it: a process of this machine, or who holds the stage's lease."""
    running = [record for name, record in stages.items() if record.state == "running" and name not in killed]
    held = {lease.work for lease in leases if lease.lives}
    unseen = [record for record in running if record.host != socket.gethostname() and record.stage not in held]
    if len(unseen) < len(running):
        return []
    found = [
        f"{record.stage} began at {record.started} on {record.host}, and nobody here can tell whether it goes on"
        for record in unseen
    ]
    missing = [name for name in STAGE_NAMES if name not in stages]
    return [*found, f"not begun: {', '.join(missing)}"] if missing else found


def _load_troubles(lake: Lake) -> list[str]:
    """Sources whose last load was stopped."""
    if not lake.exists(table("ingest_log")):
        return []
    rows = lake.read(table("ingest_log"), columns=["source", "load", "stopped"]).to_pylist()
    last = {row["source"]: row for row in sorted(rows, key=lambda row: int(row["load"]))}
    return [f"source {name} was stopped: {_cut(row['stopped'], 300)}" for name, row in last.items() if row["stopped"]]


def _group_troubles(lake: Lake, night: date, stages: Mapping[str, Record]) -> list[str]:
    """Why groups failed, most frequent first."""
    if not stages.get("train") or not stages["train"].groups.get("failed"):
        return []
    where = {"as_of": night, "status": "failed"}
    rows = lake.read(table("gold/training_ledger"), where=where, columns=["error"])
    errors = Counter(str(error) for error in rows["error"].to_pylist())
    return [f"{n:,} groups: {_cut(error, 200)}" for error, n in errors.most_common(_SHOWN)]


def _to_do(config: Config, lake: Lake, night: date, stages: Mapping[str, Record], killed: tuple[str, ...]) -> list[str]:
    again = f"scaleinv run --env {config.env} --as-of {night}"
    working = [one for name, one in stages.items() if one.state == "running" and name not in killed]
    if working:
        one = working[-1]
        place = f"{one.stage}, since {one.started}, process {one.pid} on {one.host}"
        return [f"wait: a run is under way ({place}); if that is gone, {again} goes on where it was"]
    lines = []
    states = {record.state for record in stages.values()}
    if "failed" in states or killed:
        lines.append(f"{again}: goes on where it was, once the cause is gone")
    elif "incomplete" in states:
        lines.append(f"{again}: tries again what failed, nothing else")
    elif len(stages) < len(STAGE_NAMES):
        lines.append(f"{again}: {', '.join(name for name in STAGE_NAMES if name not in stages)} to be done")
    if lake.exists(table("quarantine")) and lake.rows(table("quarantine")):
        rows = lake.rows(table("quarantine"))
        lines.append(f"scaleinv quarantine list --env {config.env}: {rows:,} rows wait for a decision")
    return lines or ["nothing"]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
