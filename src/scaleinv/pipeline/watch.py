"""Who watches a run: keeps a record of each stage, and tells Prometheus and the lineage server where they are named.

Whatever goes wrong here is said and costs no order: a night does not wait for those who look on.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from scaleinv.config import Config
from scaleinv.lake import Lake
from scaleinv.pipeline.lineage import send_event
from scaleinv.pipeline.metrics import publish
from scaleinv.pipeline.progress import Progress
from scaleinv.pipeline.records import LONGEST_ERROR, Record, State, Written, keep, record_of
from scaleinv.schema import table

if TYPE_CHECKING:
    from scaleinv.pipeline.stages import Stage


@dataclass
class Watch:
    """Of one run of one night."""

    config: Config
    as_of: date
    lake: Lake
    progress: Progress
    run: str = field(default_factory=lambda: str(uuid.uuid4()))
    _writes: dict[str, Written] = field(default_factory=dict)
    _groups: Counter[str] = field(default_factory=Counter)
    _on_gpu: float | None = None
    """Seconds that workers were at groups on a GPU."""

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[Callable[[bool], None]]:
        """Watches the block; it is to tell whether all was done that was to be."""
        self._writes, self._groups, self._on_gpu = {}, Counter(), None
        record, started = self._begun(stage), time.monotonic()
        state: State = "done"

        def told(complete: bool) -> None:
            nonlocal state
            state = "done" if complete else "incomplete"

        try:
            yield told
        except Exception as error:
            if self.progress.is_json:  # for people, the command line says it
                self.progress.say(_short(error), event="failed", level="error")
            self._ended(record.ending("failed", error=_short(error), **self._facts(started)))
            raise
        self._ended(record.ending(state, **self._facts(started)))

    def stands(self, stage: Stage) -> None:
        """A stage is up to date: a run that was killed between marker and record left a record that says otherwise."""
        self._try("the record of this stage", lambda: self._mend(stage))

    def _mend(self, stage: Stage) -> None:
        record = record_of(self.lake, self.as_of, stage.name)
        if record is not None and record.state != "done":
            self._tell(record.ending("done", ended=_now(), error=None))

    def wrote(self, name: str, rows: int) -> None:
        """A table was committed: in pieces, their rows add up."""
        version = self.lake.version(table(name))
        before = self._writes[name].rows if name in self._writes else 0
        self._writes[name] = Written(version, before + rows)
        self.progress.wrote(name, rows, version)

    def groups(self, cards: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> None:
        """What became of the groups of a stage; ``new``: those that were not found done."""
        self._groups.update(map(_state_of, cards))
        on_gpu = [card for card in new if card.get("device") not in (None, "cpu")]
        if on_gpu:
            self._on_gpu = (self._on_gpu or 0.0) + sum(float(card["seconds"]) for card in on_gpu)

    def _begun(self, stage: Stage) -> Record:
        record = Record(
            stage=stage.name, as_of=self.as_of.isoformat(), env=self.config.env, run=self.run, id=str(uuid.uuid4()),
            host=socket.gethostname(), pid=os.getpid(), started=_now(),
            reads={name: self.lake.version(table(name)) for name in stage.reads if self.lake.exists(table(name))},
        )  # fmt: skip
        self._tell(record)
        self._publish()  # a stage that hangs is to be seen
        return record

    def _ended(self, record: Record) -> None:
        self._tell(record)
        self._publish()

    def _publish(self) -> None:
        self._try("metrics", lambda: publish(self.config, self.lake, self.as_of))

    def _tell(self, record: Record) -> None:
        self._try("the record of this stage", lambda: keep(self.lake, record))
        self._try("lineage", lambda: send_event(self.config, self.lake, record))

    def _try(self, what: str, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception as error:
            self.progress.say(f"{what} could not be written: {_short(error)[:300]}", event="unwatched", level="warning")

    def _facts(self, started: float) -> dict[str, Any]:
        seconds = time.monotonic() - started
        busy = None if self._on_gpu is None else self._on_gpu / (seconds * self.config.ray.num_workers)
        return {
            "ended": _now(),
            "seconds": round(seconds, 3),
            "writes": dict(self._writes),
            "groups": dict(self._groups),
            "gpu_busy": None if busy is None else min(round(busy, 4), 1.0),
        }


def _state_of(card: dict[str, Any]) -> str:
    """Cards of training say it; those of a forecast say what fell back, and whether it is to be tried again."""
    if "status" in card:
        return str(card["status"])
    if card.get("try_again"):
        return "failed"
    return "fell_back" if card.get("fallen") else "done"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:LONGEST_ERROR]
