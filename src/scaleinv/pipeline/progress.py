"""What a person or a job log sees while the walk runs: one line per event, groups done of how many."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO


@dataclass
class Progress:
    """Writes to ``stream``; on a terminal the count of groups stays on one line, in a log it is a line now and then."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    every_seconds: float = 10.0
    _started: float = field(default_factory=time.monotonic)
    _label: str = ""
    _last: float = 0.0
    _open: bool = False

    def begin(self, stage: str, number: int, total: int) -> None:
        """A stage starts."""
        self._label = f"[{number}/{total}] {stage:<9}"
        self._started = time.monotonic()
        self._last = 0.0

    def say(self, text: str) -> None:
        """One line under the present stage."""
        self._line(f"{self._label} {text}")

    def count(self, done: int, total: int, what: str) -> None:
        """``done`` of ``total``; throttled, except for the last."""
        now = time.monotonic()
        if done < total and now - self._last < (0.2 if self.stream.isatty() else self.every_seconds):
            return
        self._last = now
        text = f"{self._label} {done:,} of {total:,} {what}, {now - self._started:.0f} s"
        if self.stream.isatty() and done < total:
            self.stream.write(f"\r\x1b[K{text}")
            self.stream.flush()
            self._open = True
        else:
            self._line(text)

    def wrote(self, table: str, rows: int) -> None:
        """A table was committed."""
        self.say(f"wrote {table}: {rows:,} rows")

    def end(self) -> None:
        """The present stage is done."""
        self.say(f"done in {time.monotonic() - self._started:.1f} s")

    def _line(self, text: str) -> None:
        if self._open:
            self.stream.write("\r\x1b[K")
            self._open = False
        self.stream.write(text + "\n")
        self.stream.flush()
