"""One writer for all requests: what waits is committed together, and each request is answered after its commit."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from scaleinv.errors import ScaleinvError
from scaleinv.schema.shipping import Outcome, Refusal, ShipmentEvent

_LOG = logging.getLogger(__name__)
_GROUP: Final = 2_000
"""Events in one commit."""

_HEAVIEST: Final = 100_000_000

Record = Callable[[Sequence[ShipmentEvent], Sequence[Refusal]], list[Outcome]]


@dataclass
class Counts:
    """What the writer has done, for ``/metrics``."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    refused: int = 0
    commits: int = 0
    commit_seconds: float = 0.0
    failures: int = 0


@dataclass(frozen=True, eq=False)
class _Waiting:
    events: Sequence[ShipmentEvent]
    refusals: Sequence[Refusal]
    answer: Future[list[Outcome]] = field(default_factory=Future)

    @property
    def size(self) -> int:
        return len(self.events) + len(self.refusals)

    @cached_property
    def weight(self) -> int:
        return sum(len(one.payload) for one in self.events) + sum(len(one.payload) for one in self.refusals)


class FullError(Exception):
    """More waits than may."""


class Intake:
    """A queue before the book. While one commit is on its way to the disk, the next group gathers."""

    def __init__(self, record: Record, *, limit: int, heaviest: int = _HEAVIEST) -> None:
        """``limit``: events that may wait; ``heaviest``: how long their texts may be together."""
        self.counts = Counts()
        self._record, self._limit, self._heaviest = record, limit, heaviest
        self._waiting: deque[_Waiting] = deque()
        self._size = self._weight = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="shipment events", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether somebody writes."""
        return self._thread.is_alive()

    @property
    def size(self) -> int:
        """Events that wait."""
        return self._size

    def put(self, events: Sequence[ShipmentEvent], refusals: Sequence[Refusal] = ()) -> Future[list[Outcome]]:
        """What becomes of each event: done when they are on disk.

        Raises:
            FullError: too many wait.
        """
        one = _Waiting(events, refusals)
        with self._changed:
            heavy = self._waiting and self._weight + one.weight > self._heaviest
            if self._closed or self._size + one.size > self._limit or heavy:
                raise FullError
            self._waiting.append(one)
            self._size += one.size
            self._weight += one.weight
            self._changed.notify()
        return one.answer

    def close(self) -> None:
        """Writes what waits, and ends."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _write(self) -> None:
        while (group := self._next()) is not None:
            started = time.monotonic()
            self._commit(group)
            self.counts.commits += 1
            self.counts.commit_seconds += time.monotonic() - started

    def _next(self) -> list[_Waiting] | None:
        """What waits, up to the size of a group; ``None``: closed, and nothing waits."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if not self._waiting:
                return None
            group: list[_Waiting] = []
            size = 0
            while self._waiting and (not size or size + self._waiting[0].size <= _GROUP):
                one = self._waiting.popleft()
                size += one.size
                self._weight -= one.weight
                # From here on the answer cannot be given up; a request that was given up before is not written.
                if one.answer.set_running_or_notify_cancel():
                    group.append(one)
            self._size -= size
            return group

    def _commit(self, group: list[_Waiting]) -> None:
        events = [event for one in group for event in one.events]
        refusals = [refusal for one in group for refusal in one.refusals]
        try:
            outcomes = self._record(events, refusals)
        except Exception as error:
            self._apart(group, error)
            return
        self._count(outcomes, len(refusals))
        start = 0
        for one in group:
            end = start + len(one.events)
            one.answer.set_result(outcomes[start:end])
            start = end

    def _apart(self, group: list[_Waiting], error: Exception) -> None:
        """A group that fails is written request by request, so that one does not take the others with it.

        A book that does not answer will not answer one of them either.
        """
        if len(group) > 1 and not isinstance(error, ScaleinvError):
            for one in group:
                self._commit([one])
            return
        _LOG.error("events could not be written: %s", error)
        for one in group:
            self.counts.failures += 1
            one.answer.set_exception(error)

    def _count(self, outcomes: list[Outcome], refused: int) -> None:
        self.counts.refused += refused
        for outcome in outcomes:
            setattr(self.counts, outcome, getattr(self.counts, outcome) + 1)
