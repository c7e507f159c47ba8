"""What goes into the pool and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One call of the work function."""

    id: str
    cost: float
    """Any measure of how long it takes; the most expensive task starts first."""
    payload: object
    """The work function's only argument; sent to one worker."""


@dataclass(frozen=True)
class Outcome:
    """What became of one task."""

    id: str
    ok: bool
    value: object
    """What the work function returned; ``None`` if it failed."""
    error: str | None
    """``class: message`` of the last attempt; ``None`` if it is ok."""
    seconds: float
    """Wall clock of the last attempt."""
    attempts: int
    """Times that it was tried, without those that a lost node cut off."""
    worker: str
    """``host:process`` of the last attempt."""
    core_seconds: float | None = None
    """Processor time of the last attempt, all threads of the worker together; ``None`` if it failed."""
    peak_memory: float | None = None
    """MiB that the worker's process held at most during it; ``None`` if it failed, or the system does not say."""
