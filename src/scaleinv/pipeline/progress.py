"""What a person or a job log sees while the walk runs: one line per event, groups done of how many.

Lines are for people, or, where programs collect them, JSON objects that say which run, night and stage they are of.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TextIO

BAR: Final = 24
"""Characters of the bar on a terminal."""


@dataclass
class Progress:
    """Writes to ``stream``; on a terminal the count of groups is a bar on one line, in a log a line now and then."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    every_seconds: float = 10.0
    is_json: bool = False
    facts: dict[str, str] = field(default_factory=dict)
    """In every JSON line: run, env, and the night's as_of."""
    _started: float = field(default_factory=time.monotonic)
    _stage: str = ""
    _label: str = ""
    _last: float = 0.0
    _open: bool = False

    def begin(self, stage: str, number: int, total: int) -> None:
        """A stage starts."""
        self._stage, self._label = stage, f"[{number}/{total}] {stage:<9}"
        self._started = time.monotonic()
        self._last = 0.0

    @property
    def known(self) -> dict[str, str]:
        """What every JSON line says: the facts, and the stage that is under way (the last one, between two)."""
        return {"stage": self._stage, **self.facts}

    def say(self, text: str, *, event: str = "said", level: str = "info", **facts: object) -> None:
        """One line under the present stage; ``facts`` are shown in JSON only."""
        if self.is_json:
            self._line(json_line(text, level=level, event=event, **self.known, **facts))
        else:
            self._line(f"{self._label} {text}")

    def count(self, done: int, total: int, what: str) -> None:
        """``done`` of ``total``; throttled, except for the last."""
        now = time.monotonic()
        is_bar = self.stream.isatty() and not self.is_json
        if done < total and now - self._last < (0.2 if is_bar else self.every_seconds):
            return
        self._last = now
        seconds = now - self._started
        text = f"{done:,} of {total:,} {what}, {seconds:.0f} s"
        if is_bar and done < total:
            full = BAR * done // total
            self.stream.write(f"\r\x1b[K{self._label} [{'#' * full}{'.' * (BAR - full)}] {text}")
            self.stream.flush()
            self._open = True
        else:
            self.say(text, event="counted", done=done, total=total, seconds=round(seconds, 3))

    def wrote(self, table: str, rows: int, version: int | None = None) -> None:
        """A table was committed."""
        stands = "" if version is None else f" (version {version})"
        self.say(f"wrote {table}: {rows:,} rows{stands}", event="wrote", table=table, rows=rows, table_version=version)

    def end(self) -> None:
        """The present stage is done."""
        seconds = time.monotonic() - self._started
        self.say(f"done in {seconds:.1f} s", event="done", seconds=round(seconds, 3))

    def _line(self, text: str) -> None:
        if self._open:
            self.stream.write("\r\x1b[K")
            self._open = False
        self.stream.write(text + "\n")
        self.stream.flush()


def json_line(message: str, *, level: str, **facts: object) -> str:
    """One log line as a JSON object: its time in UTC, its level, what is known, the message; never a line break."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    known = {name: value for name, value in facts.items() if value not in (None, "")}
    return json.dumps({"time": now, "level": level, **known, "message": message}, ensure_ascii=False, default=str)
