"""The pool on a real local Ray: order, retries, killed workers, cleaning up."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from scaleinv.config.models import RayConfig
from scaleinv.errors import EngineError
from scaleinv.fanout import Outcome, Task, cluster, fan_out
from scaleinv.fanout import pool as pool_module

pytestmark = pytest.mark.ray

CONFIG = RayConfig(num_workers=2, max_attempts=3, object_store_mb=80)


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    with cluster(CONFIG):
        yield


def outcomes(
    work: Callable[[Any], Any], tasks: list[Task], config: RayConfig = CONFIG, **options: Any
) -> dict[str, Outcome]:
    found = list(fan_out(work, tasks, config, **options))
    assert len({one.id for one in found}) == len(found)
    return {one.id: one for one in found}


def counter(folder: Path) -> Callable[[str], int]:
    """Counts calls across processes: one byte in a file per call."""

    def count(name: str) -> int:
        with (folder / name).open("ab") as file:
            file.write(b".")
        return (folder / name).stat().st_size

    return count


def test_no_tasks_start_nothing() -> None:
    assert not ray.is_initialized()
    assert list(fan_out(len, [], CONFIG)) == []
    assert not ray.is_initialized()


def test_two_tasks_of_the_same_id_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="twice: \\['a'\\]"):
        fan_out(len, [Task("a", 1, ""), Task("a", 2, "")], CONFIG)


@pytest.mark.usefixtures("local_ray")
def test_results_equal_a_serial_map() -> None:
    tasks = [Task(f"t{i}", float(i % 5), list(range(i))) for i in range(40)]
    found = outcomes(sum, tasks)
    assert {one.id: one.value for one in found.values()} == {task.id: sum(task.payload) for task in tasks}  # type: ignore[call-overload]
    assert all(one.ok and one.error is None and one.attempts == 1 and one.seconds >= 0 for one in found.values())
    assert 1 <= len({one.worker for one in found.values()}) <= CONFIG.num_workers
    assert ":" in found["t0"].worker


@pytest.mark.usefixtures("local_ray")
def test_the_longest_starts_first_and_ties_go_by_id() -> None:
    tasks = [Task("c", 1, 0), Task("a", 1, 0), Task("b", 3, 0), Task("d", 2, 0)]
    found = list(fan_out(abs, tasks, CONFIG.model_copy(update={"num_workers": 1})))
    assert [one.id for one in found] == ["b", "d", "a", "c"]


@pytest.mark.usefixtures("local_ray")
def test_results_come_as_they_finish(tmp_path: Path) -> None:
    quick_is_done = tmp_path / "done"

    def work(name: str) -> None:
        if name == "quick":
            quick_is_done.touch()
        while not quick_is_done.exists():
            time.sleep(0.05)
        if name == "slow":
            time.sleep(3.0)  # for the other answer to arrive

    found = list(fan_out(work, [Task("slow", 9, "slow"), Task("quick", 1, "quick")], CONFIG))
    assert [one.id for one in found] == ["quick", "slow"]


@pytest.mark.usefixtures("local_ray")
def test_an_error_is_retried_then_reported(tmp_path: Path) -> None:
    count = counter(tmp_path)

    def work(name: str) -> int:
        calls = count(name)
        if name == "never" or (name == "second" and calls < 2):
            raise KeyError(f"call {calls}")
        if name == "exit":
            raise SystemExit(3)
        return calls

    found = outcomes(work, [Task(name, 1, name) for name in ("never", "second", "good", "exit")])
    assert (found["never"].ok, found["never"].value, found["never"].attempts) == (False, None, 3)
    assert found["never"].error == "KeyError: 'call 3'"
    assert (found["second"].ok, found["second"].value, found["second"].attempts) == (True, 2, 2)
    assert (found["good"].ok, found["good"].attempts) == (True, 1)
    assert (found["exit"].ok, found["exit"].error, found["exit"].attempts) == (False, "SystemExit: 3", 3)


@pytest.mark.usefixtures("local_ray")
def test_a_task_that_kills_its_worker_does_not_stop_the_others(tmp_path: Path) -> None:
    count = counter(tmp_path)

    def work(name: str) -> int:
        calls = count(name)
        if name == "poison" or (name == "once" and calls == 1):
            os._exit(1)
        return calls

    tasks = [Task("poison", 9, "poison"), Task("once", 8, "once"), *(Task(f"t{i}", 1, f"t{i}") for i in range(6))]
    found = outcomes(work, tasks)
    assert len(found) == len(tasks)
    assert (found["poison"].ok, found["poison"].attempts) == (False, 3)
    assert "Died" in (found["poison"].error or "")
    assert "worker process has died" in (found["poison"].error or "")
    assert (tmp_path / "poison").stat().st_size == 3
    assert (found["once"].ok, found["once"].attempts) == (True, 2)
    assert all(found[f"t{i}"].ok and found[f"t{i}"].attempts == 1 for i in range(6))


@pytest.mark.usefixtures("local_ray")
def test_a_task_that_hangs_is_given_up_and_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the only worker: that it has been silent for longer than one may take to start is no reason to give up all."""

    def work(name: str) -> str:
        if name == "hangs":
            time.sleep(600)
        return name

    tasks = [Task("hangs", 9, "hangs"), *(Task(f"t{i}", 1, f"t{i}") for i in range(4))]
    monkeypatch.setattr(pool_module, "_START_SECONDS", 1.0)
    found = outcomes(work, tasks, CONFIG.model_copy(update={"task_timeout": 6.0, "num_workers": 1}))
    assert len(found) == len(tasks)
    assert (found["hangs"].ok, found["hangs"].attempts) == (False, 1)
    assert "ray.task_timeout" in (found["hangs"].error or "")
    assert 6 <= found["hangs"].seconds < 30
    assert all(found[f"t{i}"].ok and found[f"t{i}"].attempts == 1 for i in range(4))


@pytest.mark.usefixtures("local_ray")
def test_a_value_that_cannot_travel_is_an_error_of_the_task() -> None:
    def work(bad: bool) -> object:
        return (one for one in "generator") if bad else 1

    found = outcomes(work, [Task("bad", 1, True), Task("good", 1, False)])
    assert not found["bad"].ok
    assert "TypeError" in (found["bad"].error or "")
    assert found["bad"].attempts == 3
    assert found["good"].ok


@pytest.mark.usefixtures("local_ray")
def test_workers_get_their_threads_and_no_gpu_and_run_setup_once() -> None:
    def setup() -> None:
        os.environ["SET_UP"] = os.environ.get("SET_UP", "") + "x"

    def work(name: str) -> str | None:
        return os.environ.get(name)

    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "SET_UP"]
    config = CONFIG.model_copy(update={"num_workers": 1, "cpus_per_worker": 2})
    found = outcomes(work, [Task(name, 1, name) for name in names], config, setup=setup)
    assert [found[name].value for name in names] == ["2", "2", "", "x"]


@pytest.mark.usefixtures("local_ray")
def test_what_a_task_has_used_is_not_counted_for_the_next_on_its_worker() -> None:
    def work(mib: int) -> int:
        until = time.process_time() + 0.2
        held = b"x" * (mib * 2**20)
        while time.process_time() < until:
            pass
        return len(held)

    tasks = [Task("large", 2, 300), Task("small", 1, 1)]
    found = outcomes(work, tasks, CONFIG.model_copy(update={"num_workers": 1}))
    large, small = (found[name] for name in ("large", "small"))
    assert large.worker == small.worker
    assert all(one.core_seconds is not None and 0.2 <= one.core_seconds < 5 for one in (large, small))
    if sys.platform == "linux":
        assert 295 < (large.peak_memory or 0) - (small.peak_memory or 0) < 330


@pytest.mark.usefixtures("local_ray")
def test_a_setup_that_fails_is_not_blamed_on_the_tasks() -> None:
    def setup() -> None:
        raise ImportError("no such library")

    with pytest.raises(EngineError, match=r"workers do not start: 3 in a row(.|\n)*no such library"):
        list(fan_out(abs, [Task("a", 1, 1)], CONFIG, setup=setup))


@pytest.mark.usefixtures("local_ray")
def test_workers_that_never_fit_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_START_SECONDS", 0.5)
    with pytest.raises(EngineError, match=r"no worker started(.|\n)*99 CPUs"):
        list(fan_out(abs, [Task("a", 1, 1)], CONFIG.model_copy(update={"cpus_per_worker": 99})))


@pytest.mark.usefixtures("local_ray")
def test_closing_early_stops_the_workers() -> None:
    def work(seconds: float) -> int:
        time.sleep(seconds)
        return os.getpid()

    stream = fan_out(work, [Task("busy", 9, 60.0), *(Task(f"t{i}", 1, 0.0) for i in range(3))], CONFIG)
    process = psutil.Process(int(str(next(stream).value)))
    stream.close()  # type: ignore[attr-defined]
    process.wait(timeout=20)
    deadline = time.monotonic() + 20
    while ray.available_resources().get("CPU") != ray.cluster_resources()["CPU"]:
        assert time.monotonic() < deadline, "the busy worker still holds its CPU"
        time.sleep(0.1)
