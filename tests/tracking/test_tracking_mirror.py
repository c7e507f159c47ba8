"""Against a real SQLite file of MLflow, and a real server on this machine."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaleinv.config import TrackingConfig
from scaleinv.errors import EngineError
from scaleinv.tracking import Night, Run, mirror, registered_name

MONDAY = dt.date(2026, 2, 2)
TUESDAY = dt.date(2026, 2, 3)
CALLS = (
    "get_experiment_by_name", "create_experiment", "search_runs", "create_run", "log_batch", "log_dict",
    "set_terminated", "set_tag", "delete_run", "search_registered_models", "create_registered_model",
    "search_model_versions", "create_model_version", "delete_model_version", "delete_registered_model_alias",
    "set_registered_model_alias",
)  # fmt: skip
"""Of the client, that the mirror is made by."""


class Death(BaseException):
    """Nobody catches it."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> TrackingConfig:
    """One file for all tests: making one takes seconds. Each test has an experiment and a retailer of its own."""
    return TrackingConfig(uri=f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'deep' / 'mlflow.db'}")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def night(
    name: str,
    as_of: dt.date = MONDAY,
    digest: str = "one",
    *,
    ranked: Sequence[str] = ("xgboost", "lstm"),
    n: int = 2500,
) -> Night:
    """Three families, of one of which nothing is stored; ``ranked``: the best first."""
    trees = Run(
        digest=f"xgboost {digest}", name=f"{as_of} xgboost", seconds=90.0, model=registered_name(name, "xgboost"),
        source=f"/lake/models/{as_of}/xgboost", tags={"as_of": as_of.isoformat(), "model": "xgboost"},
        params={f"option.{n}": str(n) for n in range(130)},
        metrics={"wql": np.array([0.5]), "group/seconds": np.arange(float(n)), "gaps": np.array([1, np.nan, 3])},
        groups={"group_id": ["a", "b"], "validation_loss": [0.1, None]},
    )  # fmt: skip
    lstm = replace(
        trees, digest=f"lstm {digest}", name=f"{as_of} lstm", model=registered_name(name, "lstm"), metrics={},
        groups={}, source=f"/lake/models/{as_of}/lstm", tags={"as_of": as_of.isoformat(), "model": "lstm"},
    )  # fmt: skip
    seasonal = Run(digest=f"seasonal {digest}", name=f"{as_of} seasonal", tags={"model": "seasonal"})
    return Night(
        key=f"{name}/{as_of}", as_of=as_of, experiment=name, runs=[trees, lstm, seasonal],
        models=[registered_name(name, family) for family in ("lstm", "tft", "xgboost")],
        aliases=dict(zip(("champion", "challenger"), [registered_name(name, one) for one in ranked], strict=False)),
    )  # fmt: skip


def client(config: TrackingConfig) -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.tracking import MlflowClient

        return MlflowClient(tracking_uri=config.uri, registry_uri=config.uri)


def state(config: TrackingConfig, name: str) -> dict[str, Any]:
    """All that can be seen of a retailer, without MLflow's own names and numbers."""
    mlflow = client(config)
    place = mlflow.get_experiment_by_name(name).experiment_id
    runs = mlflow.search_runs([place])
    names = {run.info.run_id: run.info.run_name for run in runs}
    found: dict[str, Any] = {
        "runs": sorted(
            (
                run.info.run_name, run.info.status, run.data.tags, run.data.params, run.data.metrics,
                len(mlflow.get_metric_history(run.info.run_id, "group/seconds")),
                [one.path for one in mlflow.list_artifacts(run.info.run_id)],
            )
            for run in runs
        )
    }  # fmt: skip
    for family in ("lstm", "xgboost"):
        model = registered_name(name, family)
        versions = mlflow.search_model_versions(f"name = '{model}'")
        bearers = {
            alias: mlflow.get_model_version(model, number).run_id
            for one in mlflow.search_registered_models(f"name = '{model}'")
            for alias, number in one.aliases.items()
        }
        found[family] = (
            sorted((names.get(one.run_id, "gone"), one.source, one.tags) for one in versions),
            {alias: names.get(run, "gone") for alias, run in bearers.items()},
        )
    return json.loads(json.dumps(found, default=str))


# --- a file -------------------------------------------------------------------------------------------------------


def test_a_night_is_one_run_per_family_and_a_version_with_an_alias(file: TrackingConfig, name: str) -> None:
    assert mirror(file, night(name)) == 3
    mlflow = client(file)
    place = mlflow.get_experiment_by_name(name).experiment_id
    runs = {run.data.tags["model"]: run for run in mlflow.search_runs([place])}
    assert set(runs) == {"xgboost", "lstm", "seasonal"}
    trees = runs["xgboost"]
    assert (trees.info.status, trees.info.end_time - trees.info.start_time) == ("FINISHED", 90_000)
    assert len(trees.data.params) == 130
    history = {metric: mlflow.get_metric_history(trees.info.run_id, metric) for metric in trees.data.metrics}
    assert [point.value for point in sorted(history["group/seconds"], key=lambda p: p.step)] == list(range(2500))
    assert [(point.step, point.value) for point in history["gaps"]] == [(0, 1.0), (2, 3.0)]
    groups = json.loads(Path(mlflow.download_artifacts(trees.info.run_id, "groups.json")).read_text())
    assert groups == {"columns": ["group_id", "validation_loss"], "data": [["a", 0.1], ["b", None]]}
    assert file.file is not None
    assert list(file.file.parent.rglob("groups.json")), "beside the file, not where the process happens to be"
    for alias, family in (("champion", "xgboost"), ("challenger", "lstm")):
        version = mlflow.get_model_version_by_alias(registered_name(name, family), alias)
        assert (version.source, version.run_id) == (f"/lake/models/{MONDAY}/{family}", runs[family].info.run_id)


def test_a_night_that_is_there_is_left_alone(file: TrackingConfig, name: str) -> None:
    mirror(file, night(name))
    before = state(file, name)
    assert mirror(file, night(name)) == 0
    assert state(file, name) == before


def test_a_night_with_other_results_takes_the_place_of_the_first(file: TrackingConfig, name: str) -> None:
    mirror(file, night(name))
    other = night(name, ranked=("lstm", "xgboost"))
    runs = [replace(run, digest=f"{run.name} two", params={"other": "1"}) for run in other.runs]
    other = replace(other, runs=runs)
    assert mirror(file, other) == 3
    found = state(file, name)
    assert [run[3] for run in found["runs"]] == [{"other": "1"}] * 3
    assert [len(found[family][0]) for family in ("lstm", "xgboost")] == [1, 1]
    assert found["lstm"][1] == {"champion": f"{MONDAY} lstm"}
    assert found["xgboost"][1] == {"challenger": f"{MONDAY} xgboost"}


def test_aliases_follow_the_latest_night_and_only_that(file: TrackingConfig, name: str) -> None:
    mirror(file, night(name, TUESDAY))
    mirror(file, night(name, MONDAY, ranked=("lstm", "xgboost")))
    assert state(file, name)["xgboost"][1] == {"champion": f"{TUESDAY} xgboost"}
    mirror(file, night(name, TUESDAY + dt.timedelta(days=1), ranked=("lstm",)))
    found = state(file, name)
    assert (found["xgboost"][1], found["lstm"][1]) == ({}, {"champion": "2026-02-04 lstm"})


def test_a_family_that_is_no_more_leaves_nothing(file: TrackingConfig, name: str) -> None:
    mirror(file, night(name))
    without = night(name, ranked=("lstm",))
    trees, lstm, seasonal = without.runs
    fallen = replace(trees, digest="fallen", model=None, source=None)
    assert mirror(file, replace(without, runs=[fallen, lstm, seasonal])) == 1
    found = state(file, name)
    assert (found["xgboost"], found["lstm"][1]) == ([[], {}], {"champion": f"{MONDAY} lstm"})
    assert mirror(file, replace(without, runs=[lstm])) == 0
    assert [run[0] for run in state(file, name)["runs"]] == [f"{MONDAY} lstm"]


def dying(monkeypatch: pytest.MonkeyPatch, survived: set[str]) -> None:
    """The client dies before the first call, the n-th of its kind, that it has not died before yet."""
    from mlflow.tracking import MlflowClient

    made: Counter[str] = Counter()

    def watched(call: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def method(*args: Any, **options: Any) -> Any:
            made[call] += 1
            point = f"{call} {made[call]}"
            if point not in survived:
                survived.add(point)
                raise Death
            return original(*args, **options)

        return method

    for call in CALLS:
        monkeypatch.setattr(MlflowClient, call, watched(call, getattr(MlflowClient, call)))


@pytest.mark.slow
def test_killed_before_any_of_its_calls_the_next_one_mends_it(
    file: TrackingConfig, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first night, and on top of each of its ruins the same; then the same night with other results."""
    whole = f"{name}-whole"
    for digest, ranked in (("one", ("xgboost", "lstm")), ("two", ("lstm", "xgboost"))):
        mirror(file, night(whole, digest=digest, ranked=ranked, n=5))
        survived: set[str] = set()
        for _ in range(200):
            with monkeypatch.context() as patch, contextlib.suppress(Death):
                dying(patch, survived)
                mirror(file, night(name, digest=digest, ranked=ranked, n=5))
                break
        else:
            pytest.fail("it dies again and again")
        expected, found = (json.dumps(state(file, one)).replace(one, "") for one in (whole, name))
        assert found == expected
    replacing = {"create_run", "log_batch", "set_tag", "delete_run", "create_model_version", "delete_model_version"}
    assert {point.split()[0] for point in survived} >= {*replacing, "set_registered_model_alias"}


# --- a server -----------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingConfig]:
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    command = [
        sys.executable, "-W", "ignore", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'server.db'}",
        "--artifacts-destination", str(folder / "files"),
    ]  # fmt: skip
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=os.environ | quiet, start_new_session=True
        )
    try:
        end = time.monotonic() + 240
        while not answers(port):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail((folder / "log").read_text()[-3000:])
            time.sleep(0.5)
        yield TrackingConfig(uri=f"http://127.0.0.1:{port}", timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # a session of its own: it and its workers
        process.wait(timeout=30)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


@pytest.mark.slow
def test_a_server_says_what_a_file_says(server: TrackingConfig, file: TrackingConfig, name: str) -> None:
    """But for the source: a server does not let a version point at a folder of this machine."""
    remote = replace(night(name), runs=[replace(run, source=None) for run in night(name).runs])
    assert mirror(server, remote) == 3
    assert mirror(server, remote) == 0
    mirror(file, night(name))
    there, here = state(server, name), state(file, name)
    for family in ("lstm", "xgboost"):
        assert [source.startswith("mlflow-artifacts:/") for _, source, _ in there[family][0]] == [True]
        for found in (there, here):
            found[family][0][0][1] = ""
    assert there == here
    assert mirror(server, replace(remote, runs=[replace(run, digest=f"{run.name} two") for run in remote.runs])) == 3
    assert len(state(server, name)["runs"]) == 3


def test_where_no_server_is_there_it_is_said_soon(name: str) -> None:
    before = dict(os.environ)
    started = time.monotonic()
    with pytest.raises(EngineError, match=r"scaleinv track.*tracking\.uri=null"):
        mirror(TrackingConfig(uri=f"http://127.0.0.1:{free_port()}", timeout=1), night(name))
    assert time.monotonic() - started < 60
    assert dict(os.environ) == before


def test_a_server_that_does_not_answer_is_not_waited_for(name: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        with pytest.raises(EngineError, match="MLflow does not have this night"):
            mirror(TrackingConfig(uri=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=1), night(name))
    assert time.monotonic() - started < 60
