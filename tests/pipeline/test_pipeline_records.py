"""Who watches a run: records, log lines, metrics, lineage and status; stages are stubs, the lake is real."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.pipeline.test_pipeline_groups import rows
from typer.testing import CliRunner

from scaleinv.cli import app
from scaleinv.config import load_config
from scaleinv.errors import ConfigError, DataError, LakeError
from scaleinv.lake.lease import lease
from scaleinv.pipeline.lineage import event_of
from scaleinv.pipeline.metrics import METRICS, exposition
from scaleinv.pipeline.progress import Progress
from scaleinv.pipeline.records import Record, keep, nights_with_records, records_of
from scaleinv.pipeline.stages import STAGE_NAMES, STAGES, Stage
from scaleinv.pipeline.status import status
from scaleinv.pipeline.stream import progress_of
from scaleinv.pipeline.walk import Outcome, Walk
from scaleinv.schema import table

NIGHT = dt.date(2026, 1, 31)
TRAIN = next(stage for stage in STAGES if stage.name == "train")
RUN = ["run", "--env", "test"]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(Walk, "_require_inputs", lambda walk, stage: None)


def make(*settings: str, night: dt.date = NIGHT, stream: io.StringIO | None = None) -> Walk:
    return Walk(load_config("test", overrides=settings), night, progress=Progress(stream=stream or io.StringIO()))


def ledger(walk: Walk, n: int = 2) -> None:
    night = {"as_of": walk.as_of, "model": "lstm"}
    walk.overwrite(
        "gold/training_ledger", rows(table("gold/training_ledger"), *[night | {"group_id": f"g{i}"} for i in range(n)])
    )


def stub(monkeypatch: pytest.MonkeyPatch, work: Callable[[Walk], Outcome]) -> None:
    monkeypatch.setattr(Stage, "load", lambda stage: work)


def trained(walk: Walk) -> Outcome:
    ledger(walk)
    cards = [
        {"status": "done", "device": "H100", "seconds": 1e-9},
        {"status": "failed", "device": None, "seconds": 1.0},
    ]
    walk.watch.groups(cards, cards[:1])
    return Outcome(complete=False)


# --- records ----------------------------------------------------------------------------------------------------------


def test_a_stage_leaves_what_became_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = make()
    during: list[Record] = []
    walk.overwrite("gold/series", rows(table("gold/series"), {"as_of": NIGHT}))

    def work(walk: Walk) -> Outcome:
        during.extend(records_of(walk.lake, NIGHT).values())
        return trained(walk)

    stub(monkeypatch, work)
    walk.run([TRAIN])
    (record,) = records_of(walk.lake, NIGHT).values()
    assert (during[0].state, during[0].ended, during[0].reads) == ("running", None, {"gold/series": 0})
    assert (record.stage, record.state, record.run, record.pid) == ("train", "incomplete", walk.watch.run, os.getpid())
    assert record.id == during[0].id
    assert record.id != record.run
    assert {name: (one.version, one.rows) for name, one in record.writes.items()} == {"gold/training_ledger": (0, 2)}
    assert record.groups == {"done": 1, "failed": 1}
    assert record.gpu_busy is not None
    assert 0 <= record.gpu_busy <= 1
    assert Record.from_bytes(record.to_bytes()) == record


def test_a_stage_that_fails_says_why_and_raises_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(walk: Walk) -> Outcome:
        ledger(walk)
        raise DataError("no\nsuch thing")

    stub(monkeypatch, work)
    walk = make()
    with pytest.raises(DataError, match="such thing"):
        walk.run([TRAIN])
    (record,) = records_of(walk.lake, NIGHT).values()
    assert (record.state, record.error) == ("failed", "DataError: no such thing")
    assert record.writes["gold/training_ledger"].rows == 2, "what was committed before stays"


def test_what_is_up_to_date_keeps_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(walk: Walk) -> Outcome:
        ledger(walk)
        return Outcome()

    stub(monkeypatch, work)
    make().run([TRAIN])
    before = records_of(make().lake, NIGHT)
    assert make().run([TRAIN]) == []
    assert records_of(make().lake, NIGHT) == before


def test_a_run_killed_between_marker_and_record_is_mended_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def work(walk: Walk) -> Outcome:
        ledger(walk)
        return Outcome()

    def killed(lake: object, record: Record) -> None:
        if record.state == "done":
            raise Killed
        keep(lake, record)  # type: ignore[arg-type]

    stub(monkeypatch, work)
    with monkeypatch.context() as patch:
        patch.setattr("scaleinv.pipeline.watch.keep", killed)
        with pytest.raises(Killed):
            make().run([TRAIN])
    assert records_of(make().lake, NIGHT)["train"].state == "running"
    assert make().run([TRAIN]) == [], "its marker says that it is done"
    assert records_of(make().lake, NIGHT)["train"].state == "done"


@pytest.mark.parametrize(
    ("name", "why"),
    [("gold/champions", "train may not write gold/champions"), ("gold/series", "not written by delta-rs")],
)
def test_a_stage_that_runs_writes_its_own_tables_only(monkeypatch: pytest.MonkeyPatch, name: str, why: str) -> None:
    def work(walk: Walk) -> Outcome:
        walk.overwrite(name, rows(table(name), {"as_of": walk.as_of}))
        return Outcome()

    stub(monkeypatch, work)
    walk = make()
    with pytest.raises(LakeError, match=why):
        walk.run([TRAIN])
    assert not walk.lake.exists(table(name))
    work(walk)  # no stage runs: a notebook's own lake
    assert walk.lake.exists(table(name))


def test_pieces_of_a_table_add_up() -> None:
    walk = make()
    ledger(walk, 1)
    walk.watch.wrote("gold/training_ledger", 4)
    assert walk.watch._writes["gold/training_ledger"].rows == 5


@pytest.mark.parametrize("broken", ["keep", "publish", "send_event"])
def test_those_who_look_on_cost_no_night(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def fail(*given: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(f"scaleinv.pipeline.watch.{broken}", fail)
    stub(monkeypatch, trained)
    said = io.StringIO()
    assert make(stream=said).run([TRAIN]) == ["train"]
    assert "could not be written: OSError: no route" in said.getvalue()


# --- log lines --------------------------------------------------------------------------------------------------------


def test_json_lines_say_run_stage_and_table_version(monkeypatch: pytest.MonkeyPatch) -> None:
    stub(monkeypatch, trained)
    said = io.StringIO()
    walk = make("logging.format=json", stream=said)
    walk.run([TRAIN])
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    for line in lines:
        assert {"run": walk.watch.run, "env": "test", "as_of": "2026-01-31", "stage": "train"}.items() <= line.items()
        assert dt.datetime.fromisoformat(line["time"]).utcoffset() == dt.timedelta(0)
    (wrote,) = [line for line in lines if line["event"] == "wrote"]
    assert (wrote["table"], wrote["rows"], wrote["table_version"]) == ("gold/training_ledger", 2, 0)
    assert lines[-1]["event"] == "done"
    assert lines[-1]["seconds"] >= 0


@pytest.mark.parametrize("stay", [False, True])
def test_every_line_of_a_command_says_run_night_and_stage_also_what_libraries_log(
    monkeypatch: pytest.MonkeyPatch, stay: bool
) -> None:
    def work(stage: Stage, walk: Walk) -> Outcome:
        logging.getLogger("some.library").warning("%s runs out of\nluck", stage.name)
        for name in stage.writes[-1:]:
            walk.lake.create(table(name))
            walk.watch.wrote(name, 3)
        return Outcome()

    monkeypatch.setattr(Stage, "load", lambda stage: partial(work, stage))
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of a process of its own, not pytest's
    words = [*RUN, "--until", "features", "--set", "logging.format=json"]
    night = ["--stay"] if stay else ["--as-of", str(NIGHT)]
    result = CliRunner().invoke(app, [*words, *night], input=f"{NIGHT}\n{NIGHT + dt.timedelta(days=1)}\n")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert all({"time", "level", "run", "env", "as_of", "stage", "event", "message"} <= {*line} for line in lines)
    logged = [(line["as_of"], line["stage"], line["message"]) for line in lines if line["event"] == "logged"]
    wrote = [(line["as_of"], line["stage"], line["table_version"]) for line in lines if line["event"] == "wrote"]
    nights = ["2026-01-31", "2026-02-01"] if stay else ["2026-01-31"]
    stages = [(day, stage) for day in nights for stage in ("ingest", "features")]
    assert logged == [(*one, f"{one[1]} runs out of\nluck") for one in stages]
    assert wrote == [(*one, 0) for one in stages]
    assert {(line["as_of"], line["stage"]) for line in lines} == {*stages}
    assert len({line["run"] for line in lines}) == len(nights)


def test_lines_of_a_stream_are_of_a_run_and_of_ingest_and_of_no_night() -> None:
    progress = progress_of(load_config("test", overrides=["logging.format=json"]))
    progress.stream = io.StringIO()
    progress.begin("ingest", 1, 1)
    progress.end()
    (line,) = map(json.loads, progress.stream.getvalue().splitlines())
    assert uuid.UUID(line["run"])
    assert (line["env"], line["stage"], line.get("as_of")) == ("test", "ingest", None)


def test_a_failure_is_a_json_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(walk: Walk) -> Outcome:
        raise DataError("expected\n  found")

    stub(monkeypatch, work)
    said = io.StringIO()
    with pytest.raises(DataError):
        make("logging.format=json", stream=said).run([TRAIN])
    (failed,) = [one for one in map(json.loads, said.getvalue().splitlines()) if one["event"] == "failed"]
    assert (failed["level"], failed["message"]) == ("error", "DataError: expected found")


@pytest.mark.parametrize(
    ("setting", "cluster", "expected"),
    [("auto", "", False), ("auto", "10.0.0.1", True), ("plain", "10.0.0.1", False), ("json", "", True)],
)
def test_auto_is_json_inside_kubernetes_only(
    monkeypatch: pytest.MonkeyPatch, setting: str, cluster: str, expected: bool
) -> None:
    if cluster:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", cluster)
    assert make(f"logging.format={setting}").progress.is_json is expected


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_bar_and_a_log_has_lines() -> None:
    terminal, log = Terminal(), io.StringIO()
    for stream in (terminal, log):
        progress = Progress(stream=stream)
        progress.begin("train", 3, 10)
        progress.count(6, 12, "groups")
        progress.count(12, 12, "groups")
    assert "\r\x1b[K[3/10] train     [############............] 6 of 12 groups, 0 s" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K[3/10] train     12 of 12 groups, 0 s\n")
    assert log.getvalue().splitlines()[-1] == "[3/10] train     12 of 12 groups, 0 s"
    assert "\x1b" not in log.getvalue()


# --- metrics ----------------------------------------------------------------------------------------------------------


def sample(text: str) -> dict[str, float]:
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


def test_metrics_of_a_night(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stub(monkeypatch, trained)
    walk = make(f"metrics.textfile={tmp_path}/collector/scaleinv.prom")
    log = {"source": "sales", "load": 0, "read": 100, "quarantined": 50, "replays": False}
    later = [
        log | {"load": 1, "read": 200, "quarantined": 6},
        log | {"load": 2, "read": 3, "quarantined": 3, "replays": True},
    ]
    walk.lake.overwrite(table("ingest_log"), rows(table("ingest_log"), log, *later), where={})
    walk.run([TRAIN])
    file = tmp_path / "collector" / "scaleinv.prom"
    found = sample(file.read_text())
    assert found['scaleinv_stage_state{env="test",stage="train",state="incomplete"}'] == 1
    assert found['scaleinv_stage_state{env="test",stage="train",state="failed"}'] == 0
    assert found['scaleinv_groups{env="test",stage="train",state="failed"}'] == 1
    assert found['scaleinv_table_rows{env="test",stage="train",table="gold/training_ledger"}'] == 2
    assert found['scaleinv_table_version{env="test",stage="train",table="gold/training_ledger"}'] == 0
    assert found['scaleinv_quarantine_share{env="test",source="sales"}'] == 0.03, "of the last load that was no replay"
    assert 0 < found['scaleinv_stage_duration_seconds{env="test",stage="train"}'] < 60
    assert 'scaleinv_gpu_busy_ratio{env="test",stage="train"}' in found
    assert not [name for name in found if "forecast_as_of" in name], "there is no forecast yet"
    assert [path.name for path in file.parent.iterdir()] == ["scaleinv.prom"], "no draft is left"
    assert file.stat().st_mode & 0o444 == 0o444


def test_the_age_of_a_forecast_is_that_of_the_day_it_knows() -> None:
    walk = make()
    assert exposition(walk.config, walk.lake) == ""
    base = record("forecast", state="done", seconds=2.0, ended="2026-02-01T03:00:00+00:00")
    keep(walk.lake, base)
    found = sample(exposition(walk.config, walk.lake))
    assert found['scaleinv_forecast_as_of_timestamp_seconds{env="test"}'] == 1769817600  # date -u -d 2026-01-31 +%s
    assert found['scaleinv_stage_success_timestamp_seconds{env="test",stage="forecast"}'] == 1769914800
    assert not [name for name in found if name.startswith("scaleinv_gpu")]
    keep(walk.lake, replace(base, state="failed"))
    failed = sample(exposition(walk.config, walk.lake))
    assert not [name for name in failed if "as_of" in name or "success" in name]
    keep(walk.lake, replace(base, as_of="2026-01-30"))
    keep(walk.lake, replace(base, as_of="2026-01-29"))
    older = sample(exposition(walk.config, walk.lake))
    assert older['scaleinv_forecast_as_of_timestamp_seconds{env="test"}'] == 1769817600 - 86400


def test_each_metric_is_explained_once_and_labels_are_as_declared() -> None:
    walk = make()
    states = {
        "gpu_busy": 0.5,
        "groups": {"done": 1},
        "state": "done",
        "seconds": 1.0,
        "ended": "2026-02-01T03:00:00+00:00",
    }
    keep(walk.lake, record("forecast", **states, writes=records_with_rows()))
    walk.lake.overwrite(table("ingest_log"), rows(table("ingest_log"), {"source": 'a"\\\nb'}), where={})
    text = exposition(walk.config, walk.lake)
    for name, metric in METRICS.items():
        lines = [line for line in text.splitlines() if line.startswith(f"{name}{{")]
        assert lines, name
        assert text.count(f"# TYPE {name} gauge\n") == 1
        for line in lines:
            names = [part.partition("=")[0] for part in line[len(name) + 1 : line.index("} ")].split('",')]
            assert names[0] == "env", line
            assert {*names[1:]} == {*metric.labels}, line
    assert r'source="a\"\\\nb"' in text


def test_a_night_that_is_done_again_later_does_not_take_the_place_of_the_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stub(monkeypatch, trained)
    file = tmp_path / "a.prom"
    make(f"metrics.textfile={file}").run([TRAIN])
    before = file.read_text()
    make(f"metrics.textfile={file}", night=NIGHT - dt.timedelta(days=9)).run([TRAIN])
    assert file.read_text() == before


class _Server(HTTPServer):
    taken: list[tuple[str, str, dict[str, str], bytes]]


@pytest.fixture
def server() -> Iterator[_Server]:
    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            there.taken.append((self.command, self.path, dict(self.headers), body))
            self.send_response(200 if "refuse" not in self.path else 500)
            self.end_headers()

        do_PUT = do_POST = _take  # noqa: N815 - names that the base class asks for

        def log_message(self, *given: Any) -> None:
            pass

    there = _Server(("127.0.0.1", 0), Handler)
    there.taken = []
    thread = threading.Thread(target=there.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield there
    there.shutdown()
    thread.join()
    there.server_close()


def test_a_pushgateway_is_told_by_environment(monkeypatch: pytest.MonkeyPatch, server: _Server) -> None:
    stub(monkeypatch, trained)
    walk = make(f"metrics.pushgateway=http://127.0.0.1:{server.server_port}/")
    walk.run([TRAIN])
    method, path, _, body = server.taken[-1]
    assert (method, path) == ("PUT", "/metrics/job/scaleinv/env/test")
    assert body.decode() == exposition(walk.config, walk.lake)


# --- lineage ----------------------------------------------------------------------------------------------------------

FACET = {"type": "object", "required": ["_producer", "_schemaURL"]}
FACETS = {"type": "object", "additionalProperties": FACET}
DATA_SET = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {
        "namespace": {"type": "string", "minLength": 1}, "name": {"type": "string", "minLength": 1},
        "facets": FACETS, "inputFacets": FACETS, "outputFacets": FACETS,
    },
    "additionalProperties": False,
}  # fmt: skip
RUN_EVENT = {
    # What the specification (openlineage.io/spec/2-0-2, RunEvent) asks for; infra/check builds the same events with
    # OpenLineage's own client.
    "type": "object",
    "required": ["eventType", "eventTime", "producer", "schemaURL", "run", "job"],
    "additionalProperties": False,
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"},
        "producer": {"type": "string", "pattern": "^https://"},
        "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        "run": {
            "type": "object",
            "required": ["runId"],
            "properties": {
                "runId": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
                "facets": FACETS,
            },
        },
        "job": {
            "type": "object",
            "required": ["namespace", "name"],
            "properties": {"facets": FACETS},
        },
        "inputs": {"type": "array", "items": DATA_SET},
        "outputs": {"type": "array", "items": DATA_SET},
    },
}  # fmt: skip


def records_with_rows() -> dict[str, Any]:
    from scaleinv.pipeline.records import Written

    return {"gold/forecasts": Written(3, 12)}


def record(stage: str, *, night: dt.date = NIGHT, **facts: Any) -> Record:
    base = Record(
        stage=stage, as_of=night.isoformat(), env="test", run="6f1c1e0e-2ad4-4b4a-9a34-6ab2a8b5b5a1",
        id="0b9a5a2e-7f0c-4a51-8f8e-1d7d1d1f2c3d", host=socket.gethostname(), pid=os.getpid(),
        started="2026-02-01T02:00:00+00:00",
    )  # fmt: skip
    return replace(base, **facts)


def test_events_say_what_was_read_and_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    walk = make(f"lineage.file={tmp_path}/events.jsonl")
    walk.overwrite("gold/series", rows(table("gold/series"), {"as_of": NIGHT}))
    stub(monkeypatch, trained)
    walk.run([TRAIN])
    start, end = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    for event in (start, end):
        jsonschema.validate(event, RUN_EVENT)
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == end["run"]["runId"]
    assert end["run"]["facets"]["parent"]["run"]["runId"] == walk.watch.run
    (read,), (written,) = end["inputs"], end["outputs"]
    assert read["name"].endswith("/lake/gold/series")
    assert read["namespace"] == "file"
    assert read["facets"]["version"]["datasetVersion"] == "0"
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 2
    fields = {field["name"]: field for field in written["facets"]["schema"]["fields"]}
    assert list(fields) == table("gold/training_ledger").names
    assert fields["seconds"]["type"] == "double"


def test_a_failure_is_an_event_with_its_error() -> None:
    walk = make()
    event = event_of(
        walk.config, walk.lake, record("train", state="failed", error="DataError: x", ended="2026-02-01T02:00:01+00:00")
    )
    jsonschema.validate(event, RUN_EVENT)
    assert event["eventType"] == "FAIL"
    assert event["run"]["facets"]["errorMessage"]["message"] == "DataError: x"


def test_tables_of_an_object_store_are_named_by_bucket_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = make()
    monkeypatch.setattr(walk.lake.files, "spark_address", "s3a://bucket/a/lake")
    event = event_of(walk.config, walk.lake, record("forecast", reads={"gold/series": 4}))
    (read,) = event["inputs"]
    assert (read["namespace"], read["name"]) == ("s3://bucket", "a/lake/gold/series")


def test_a_server_gets_the_events_with_the_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, server: _Server
) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "hush")
    address = f"http://127.0.0.1:{server.server_port}"
    stub(monkeypatch, trained)
    make(f"lineage.url={address}/api/v1/lineage", "lineage.api_key=${OPENLINEAGE_API_KEY:-}").run([TRAIN])
    assert [json.loads(body)["eventType"] for *_, body in server.taken] == ["START", "COMPLETE"]
    assert {headers["Authorization"] for _, _, headers, _ in server.taken} == {"Bearer hush"}
    said = io.StringIO()
    assert make(f"lineage.url={address}/refuse", stream=said).run([TRAIN]) == ["train"]
    assert "lineage could not be written: HTTPError: HTTP Error 500" in said.getvalue()


@pytest.mark.parametrize("key", ["lineage.url", "metrics.pushgateway"])
def test_an_address_with_a_password_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigError, match="must not name a user") as caught:
        make(f"{key}=https://me:hush@example")
    assert "hush" not in str(caught.value)


def test_the_key_is_in_no_dump_of_the_configuration() -> None:
    config = load_config("test", overrides=["lineage.api_key=hush"])
    assert "hush" not in config.model_dump_json()
    assert "hush" not in repr(config)


# --- status -----------------------------------------------------------------------------------------------------------


def test_status_of_a_lake_that_nobody_touched_says_what_to_do() -> None:
    walk = make()
    with pytest.raises(LakeError, match=r"no run has touched this lake[\s\S]*scaleinv run --env test"):
        status(walk.config, walk.lake)


def test_status_tells_a_killed_stage_from_one_at_work() -> None:
    walk = make()
    keep(walk.lake, record("train", pid=2**22 + 1))  # above the highest process number of Linux
    found = status(walk.config, walk.lake)
    assert found.killed == ("train",)
    assert not found.is_well
    assert "train was killed" in found.text()
    assert "goes on where it was" in found.text()
    for other in ({}, {"host": "elsewhere", "pid": 2**22 + 1}):
        keep(walk.lake, record("train", **other))
        assert status(walk.config, walk.lake).killed == ()
        assert status(walk.config, walk.lake).is_well == (not other), "of another machine's process nobody can tell"
        assert "wait: a run is under way" in status(walk.config, walk.lake).text()


def test_a_night_that_was_not_gone_on_with_is_not_well() -> None:
    walk = make()
    for stage in STAGE_NAMES[:3]:
        keep(walk.lake, record(stage, state="done"))
    assert "not begun: " in "".join(status(walk.config, walk.lake).troubles)
    for stage in STAGE_NAMES:
        keep(walk.lake, record(stage, state="done"))
    assert status(walk.config, walk.lake).is_well
    keep(walk.lake, record("track", host="elsewhere"))
    assert "nobody here can tell" in "".join(status(walk.config, walk.lake).troubles)
    with lease(walk.lake, "track"):
        assert status(walk.config, walk.lake).is_well


def test_status_names_failures_sources_and_groups() -> None:
    walk = make()
    keep(walk.lake, record("train", state="incomplete", groups={"done": 1, "failed": 2}))
    keep(walk.lake, record("export", state="failed", error="LakeError: disk", ended="2026-02-01T02:00:01+00:00"))
    stopped = [
        {"source": "sales", "load": 0, "stopped": None},
        {"source": "sales", "load": 1, "stopped": "too many bad rows"},
    ]
    walk.lake.overwrite(table("ingest_log"), rows(table("ingest_log"), *stopped), where={})
    failed = {"as_of": NIGHT, "model": "lstm", "status": "failed", "error": "OutOfMemory"}
    walk.overwrite(
        "gold/training_ledger", rows(table("gold/training_ledger"), *[failed | {"group_id": g} for g in "ab"])
    )
    text = status(walk.config, walk.lake).text()
    for words in (
        "train is not complete (2 groups failed)",
        "LakeError: disk",
        "too many bad rows",
        "2 groups: OutOfMemory",
    ):
        assert words in text


def test_status_shows_who_is_at_work() -> None:
    walk = make()
    keep(walk.lake, record("ingest", state="done"))
    with lease(walk.lake, "ingest"):
        assert f"lease ingest: process {os.getpid()} on" in status(walk.config, walk.lake).text()
    assert status(walk.config, walk.lake).leases == ()


def test_the_command_ends_with_one_where_there_is_trouble() -> None:
    walk = make()
    for stage in STAGES:
        keep(walk.lake, record(stage.name, state="done"))
    runner = CliRunner()
    fine = runner.invoke(app, ["status", "--env", "test"])
    assert (fine.exit_code, fine.output.splitlines()[-1]) == (0, "  nothing")
    keep(walk.lake, record("export", state="failed", error="x"))
    bad = runner.invoke(app, ["status", "--env", "test", "--json"])
    assert bad.exit_code == 1
    assert json.loads(bad.output)["stages"]["export"]["error"] == "x"
    assert runner.invoke(app, ["metrics", "--env", "test"]).output == exposition(walk.config, walk.lake)


def test_the_last_night_is_the_last_by_day() -> None:
    walk = make()
    for days in (3, 0, 9):
        keep(walk.lake, record("train", night=NIGHT - dt.timedelta(days=days)))
    assert nights_with_records(walk.lake)[0] == NIGHT
