"""The pool: one task at a time on each warm actor, the longest first, retried by the driver."""

from __future__ import annotations

import heapq
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray

from scaleinv.errors import EngineError, explain
from scaleinv.fanout.cluster import cluster, find_head
from scaleinv.fanout.tasks import Outcome, Task
from scaleinv.fanout.usage import forget_peak, peak_memory

if TYPE_CHECKING:
    from scaleinv.config.models import RayConfig

_log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 30.0
"""A worker that imports torch takes 6 to 20 seconds to come up: until then waiting is nothing to speak of."""
_START_SECONDS = 600.0
"""A pool of which no worker starts gives up after this long; a cluster that has to grow needs minutes."""
_HEAD_EVERY_SECONDS = 5.0
"""Between two looks whether the cluster's head is there: without it workers go on with what they have, for a while."""
_MOST_LOSSES = 10
"""Nodes that a task may lose before it is held for what brings them down."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_NUM_THREADS",
)  # fmt: skip


def fan_out(
    work: Callable[[Any], Any],
    tasks: Sequence[Task],
    config: RayConfig,
    *,
    setup: Callable[[], None] | None = None,
) -> Iterator[Outcome]:
    """Call ``work(task.payload)`` for every task and yield one outcome per task as they finish.

    The most expensive task starts first (ties by id), one task at a time on each of ``min(num_workers, len(tasks))``
    actors. A task that raises, or that takes its worker process down with it, is tried ``max_attempts`` times in all,
    after the tasks that have failed less often, and then comes out with ``ok=False``, as does at once one that has not
    answered within ``task_timeout``; the others are not disturbed. A task whose node is lost has not failed: it is
    begun anew, and only one that has lost many nodes is held for what brings them down.
    Workers are spread over the nodes of the cluster. A lost one is replaced, and where no node has room for another,
    the others go on. Closing the iterator early stops the workers. Without tasks nothing is started.

    Args:
        work: called on a worker; sent by reference if it is importable there, else by value.
        tasks: with unique ids.
        config: size and resources of the pool; a Ray that is initialised already is used (see :func:`cluster`).
        setup: called once in every worker before its first task, for instance to set the number of threads.

    Raises:
        ValueError: two tasks have the same id.
        EngineError: Ray cannot be had, no worker starts, or the cluster is lost (while iterating).
    """
    ids = [task.id for task in tasks]
    if len(set(ids)) < len(ids):
        raise ValueError(
            f"task ids must be unique, found twice: {sorted({one for one in ids if ids.count(one) > 1})[:5]}"
        )
    return _outcomes(work, list(tasks), config, setup)


def _outcomes(
    work: Callable[[Any], Any], tasks: list[Task], config: RayConfig, setup: Callable[[], None] | None
) -> Iterator[Outcome]:
    if not tasks:
        return
    with cluster(config):
        pool = _Pool(work, tasks, config, setup)
        try:
            while outcomes := pool.step():
                yield from outcomes
        finally:
            pool.close()


@dataclass(order=True)
class _Entry:
    """A task in the queue: those that failed least first, then the most expensive, then by id."""

    failures: int
    minus_cost: float
    id: str
    task: Task = field(compare=False)
    losses: int = field(default=0, compare=False)
    """Nodes that went while they were at it."""


@dataclass
class _Slot:
    """One actor and the task that it is busy with; ``entry`` is ``None`` while it starts up or idles."""

    actor: Any
    worker: str = ""
    node: str = ""
    entry: _Entry | None = None
    since: float = 0.0


class _Pool:
    """Actors, queue and what is under way; :meth:`step` moves it on to the next finished task."""

    def __init__(
        self, work: Callable[[Any], Any], tasks: list[Task], config: RayConfig, setup: Callable[[], None] | None
    ) -> None:
        self._config = config
        self._queue = [_Entry(0, -task.cost, task.id, task) for task in tasks]
        heapq.heapify(self._queue)
        self._functions = ray.put((work, setup))
        self._actor_class = _actor_class(config)
        self._waiting: dict[Any, _Slot] = {}  # object reference -> the slot that will answer it
        self._idle: list[_Slot] = []
        self._failed_starts = 0
        self._last_sign = time.monotonic()  # of any worker
        self._head_seen = time.monotonic()
        for _ in range(min(config.num_workers, len(tasks))):
            self._start_worker()

    def step(self) -> list[Outcome]:
        """The next outcomes; none when all tasks are done."""
        while self._queue or any(slot.entry for slot in self._waiting.values()):
            self._look_for_head(every=_HEAD_EVERY_SECONDS)
            ready, _ = ray.wait(list(self._waiting), num_returns=1, timeout=self._patience())
            outcomes = [outcome for reference in ready if (outcome := self._answer(reference))]
            gone = self._overdue()
            outcomes += [outcome for reference in gone if (outcome := self._given_up(reference))]
            self._assign()
            if ready or gone:
                self._last_sign = time.monotonic()
            else:
                self._check_alive()
            if outcomes:
                return outcomes
        return []

    def close(self) -> None:
        """Stop every worker, busy or not."""
        for slot in (*self._waiting.values(), *self._idle):
            _kill(slot.actor)
        self._waiting.clear()
        self._idle.clear()

    def _look_for_head(self, *, every: float = 0.0) -> None:
        if time.monotonic() - self._head_seen >= every:
            try:
                find_head(self._config)
            except OSError as error:
                raise _lost(error) from error
            self._head_seen = time.monotonic()

    def _start_worker(self) -> None:
        slot = _Slot(self._actor_class.remote(self._functions), since=time.monotonic())
        self._waiting[slot.actor.name.remote()] = slot

    def _assign(self) -> None:
        while self._queue and self._idle:
            slot, slot.entry, slot.since = (slot := self._idle.pop()), heapq.heappop(self._queue), time.monotonic()
            self._waiting[slot.actor.run.remote(slot.entry.task.payload)] = slot

    def _answer(self, reference: Any) -> Outcome | None:
        """What a worker says: that it is there, or what became of its task; an outcome if that was the last try."""
        slot = self._waiting.pop(reference)
        entry, slot.entry = slot.entry, None
        try:
            answer = ray.get(reference)
        except ray.exceptions.LocalRayletDiedError as error:
            raise _lost(error) from error
        except ray.exceptions.RayTaskError as error:  # the worker lives; arguments or value cannot be (un)pickled
            if entry is None:
                self._failed_start(slot, error)
                return None
            self._idle.append(slot)
            return self._failed(slot, entry, _describe(error.cause), time.monotonic() - slot.since)
        except ray.exceptions.RayError as error:
            self._look_for_head()  # where it is gone, asking for another worker would never return
            if entry is None:
                self._failed_start(slot, error)
                return None
            message = f"{type(error).__name__}: {_gist(error)}"
            if _is_lost(slot.node) and entry.losses < _MOST_LOSSES:
                self._begun_anew(slot, entry, message)
                return None
            return self._replaced(slot, entry, message)
        self._idle.append(slot)
        if entry is None:
            (slot.worker, slot.node), self._failed_starts = answer, 0
            return None
        value, message, seconds, core_seconds, peak = answer
        if message is not None:
            return self._failed(slot, entry, message, seconds)
        return Outcome(entry.id, True, value, None, seconds, entry.failures + 1, slot.worker, core_seconds, peak)

    def _patience(self) -> float:
        """Seconds to wait for an answer before looking after the workers."""
        return min(5.0, max(0.5, self._config.task_timeout or 5.0))

    def _overdue(self) -> list[Any]:
        limit = self._config.task_timeout
        if limit is None:
            return []
        now = time.monotonic()
        late = [reference for reference, slot in self._waiting.items() if slot.entry and now - slot.since > limit]
        # One that has answered while nobody looked is not late.
        return ray.wait(late, num_returns=len(late), timeout=0)[1] if late else []

    def _given_up(self, reference: Any) -> Outcome | None:
        """A task that hangs; hours more of the same would tell nothing, so it is not tried again."""
        slot = self._waiting.pop(reference)
        entry, slot.entry = slot.entry, None
        assert entry is not None
        return self._replaced(
            slot, entry, f"no answer in {self._config.task_timeout:g} s (ray.task_timeout)", is_last=True
        )

    def _begun_anew(self, slot: _Slot, entry: _Entry, error: str) -> None:
        """The machine is gone, by its owner's will or not: that says nothing of the task."""
        entry.losses += 1
        _log.warning("task %s is begun anew, %s is lost: %s", entry.id, slot.worker, error)
        _kill(slot.actor)
        heapq.heappush(self._queue, entry)
        self._start_worker()

    def _replaced(self, slot: _Slot, entry: _Entry, error: str, *, is_last: bool = False) -> Outcome | None:
        """A worker is gone, or in a state that nobody knows: another one takes its share of the machine."""
        _kill(slot.actor)
        outcome = self._failed(slot, entry, error, time.monotonic() - slot.since, is_last=is_last)
        if self._queue:
            self._start_worker()
        return outcome

    def _failed(
        self, slot: _Slot, entry: _Entry, error: str, seconds: float, *, is_last: bool = False
    ) -> Outcome | None:
        entry.failures += 1
        _log.warning(
            "task %s failed on %s, attempt %d of %d: %s",
            entry.id, slot.worker, entry.failures, self._config.max_attempts, error,
        )  # fmt: skip
        if is_last or entry.failures >= self._config.max_attempts:
            return Outcome(entry.id, False, None, error, seconds, entry.failures, slot.worker)
        heapq.heappush(self._queue, entry)
        return None

    def _failed_start(self, slot: _Slot, error: Exception) -> None:
        """A worker that does not come up is no task's fault; many of them in a row are the pool's."""
        _kill(slot.actor)
        self._failed_starts += 1
        if self._failed_starts >= self._config.max_attempts:
            self._look_for_head()  # it may have been dying at the first of them
            raise EngineError(
                explain(
                    f"workers do not start: {self._failed_starts} in a row failed",
                    found=_gist(error),
                    do="see that scaleinv is installed on every node of the cluster and that `setup` runs there",
                )
            ) from error
        self._start_worker()

    def _check_alive(self) -> None:
        """Nobody works, nobody answers: say so while waiting, and give up in the end."""
        if any(slot.entry for slot in self._waiting.values()):
            return
        silent = time.monotonic() - self._last_sign
        asked = f"{self._config.cpus_per_worker} CPUs and {self._config.gpus_per_worker:g} GPUs for each worker"
        asked += "".join(f", on a node with {name}={value}" for name, value in sorted(self._config.labels.items()))
        has = ", ".join(f"{name} {amount:g}" for name, amount in sorted(ray.available_resources().items()))
        if silent > _PATIENCE_SECONDS:
            _log.warning("waiting for a worker for %.0f s: asked for %s, free are %s", silent, asked, has or "none")
        if silent > _START_SECONDS:
            raise EngineError(
                explain(
                    f"no worker started within {_START_SECONDS:.0f} s",
                    expected=asked,
                    found=f"free: {has or 'nothing'}",
                    do="ask for less (ray.cpus_per_worker, ray.gpus_per_worker) or make the cluster larger",
                )
            )


class _Worker:
    """Lives in an actor process."""

    def __init__(self, functions: tuple[Callable[[Any], Any], Callable[[], None] | None]) -> None:
        self._work, setup = functions
        if setup is not None:
            setup()

    def name(self) -> tuple[str, str]:
        """``host:process``, and Ray's id of the node."""
        return f"{socket.gethostname()}:{os.getpid()}", ray.get_runtime_context().get_node_id()

    def run(self, payload: Any) -> tuple[Any, str | None, float, float, float | None]:
        """Value, error (``class: message``), seconds, core-seconds and peak memory of one call."""
        is_counted = forget_peak()
        started, cpu = time.perf_counter(), time.process_time()
        value, error = None, None
        try:
            value = self._work(payload)
        except (Exception, SystemExit) as raised:
            error = _describe(raised)
        seconds, core_seconds = time.perf_counter() - started, time.process_time() - cpu
        return value, error, seconds, core_seconds, peak_memory() if is_counted else None


def _actor_class(config: RayConfig) -> Any:
    """The worker as a Ray actor with its share of the machine; replaced by the driver, so never restarted by Ray."""
    environment = dict.fromkeys(_THREADS, str(config.cpus_per_worker))
    if config.gpus_per_worker == 0:
        environment["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves all GPUs visible to a worker that asked for none
    return ray.remote(_Worker).options(
        num_cpus=config.cpus_per_worker,
        num_gpus=config.gpus_per_worker,
        max_restarts=0,
        max_task_retries=0,
        label_selector=config.labels or None,
        scheduling_strategy="SPREAD",  # else all on one node while it has room: lost together
        runtime_env={"env_vars": environment},
    )


def _is_lost(node: str) -> bool:
    return any(one["NodeID"] == node and not one["Alive"] for one in ray.nodes())


def _kill(actor: Any) -> None:
    try:
        ray.kill(actor, no_restart=True)
    except (ValueError, RuntimeError, ray.exceptions.RayError) as error:  # it is gone already, or Ray is
        _log.debug("worker not stopped: %s", error)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _gist(error: BaseException) -> str:
    """Ray's messages run over pages; the first line says what happened, the last one why."""
    lines = [line.strip() for line in _COLOUR.sub("", str(error)).splitlines() if line.strip()]
    return " … ".join(dict.fromkeys((*lines[:1], *lines[-1:])))


def _lost(error: Exception) -> EngineError:
    return EngineError(
        explain(
            "the Ray cluster was lost while tasks ran",
            found=f"{type(error).__name__}: {_gist(error)}",
            do="run it again: it resumes",
        )
    )
