"""What became of each stage of a night: a record in the lake, for people (``status``), metrics and lineage.

A record is measured, not made: it says when, by which run and how long. Nothing that the walk makes depends on it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any, Final, Literal, Self

from scaleinv.lake import Lake
from scaleinv.pipeline.stages import STAGES

State = Literal["running", "done", "incomplete", "failed"]
LONGEST_ERROR: Final = 2000


@dataclass(frozen=True)
class Written:
    """A table as a stage left it."""

    version: int
    rows: int
    """That the stage wrote, of this night where the table is one of nights."""


@dataclass(frozen=True)
class Record:
    """The last run of one stage of one night that had work to do."""

    stage: str
    as_of: str
    env: str
    run: str
    """Of the whole run: a UUID."""
    id: str
    """Of this stage in it: a UUID."""
    host: str
    pid: int
    started: str
    """UTC, ISO 8601."""
    state: State = "running"
    ended: str | None = None
    seconds: float | None = None
    error: str | None = None
    reads: dict[str, int] = field(default_factory=dict)
    """Table -> the version that was there when the stage began."""
    writes: dict[str, Written] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    """``done``, ``fell_back`` or ``failed`` -> how many groups, times models."""
    gpu_busy: float | None = None
    """Share of the time of all workers in which one was at a group on a GPU; ``None``: there is no GPU."""

    def to_bytes(self) -> bytes:
        """As it lies in the lake."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Of what :meth:`to_bytes` made, also of a later version that says more."""
        found: dict[str, Any] = json.loads(content)
        known = {name: value for name, value in found.items() if name in cls.__dataclass_fields__}
        known["writes"] = {name: Written(**written) for name, written in found.get("writes", {}).items()}
        return cls(**known)

    def ending(self, state: State, **facts: Any) -> Self:
        """The same, ended."""
        return replace(self, state=state, **facts)


def _place(night: date | str, stage: str) -> str:
    return f"_walk/{night}/{stage}.run.json"


def keep(lake: Lake, record: Record) -> None:
    """Puts a record into the lake; an earlier one of the same stage and night goes."""
    lake.put(_place(record.as_of, record.stage), record.to_bytes())


def record_of(lake: Lake, night: date, stage: str) -> Record | None:
    """The record of a stage; ``None``: no run has touched it."""
    content = lake.get(_place(night, stage))
    return Record.from_bytes(content) if content else None


def records_of(lake: Lake, night: date) -> dict[str, Record]:
    """Stage -> its record, in the order of the walk; of a night that no run has touched: empty."""
    found = {stage.name: record_of(lake, night, stage.name) for stage in STAGES}
    return {stage: record for stage, record in found.items() if record is not None}


def nights_with_records(lake: Lake) -> list[date]:
    """Nights that a run has touched, the last one first."""
    places = [path.split("/") for path in lake.paths("_walk")]
    nights = {place[-2] for place in places if len(place) > 2 and place[-1].endswith(".run.json")}
    return sorted(map(date.fromisoformat, nights), reverse=True)
