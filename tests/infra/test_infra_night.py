"""The script that leads a night on Kubernetes, against an API that a test plays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

NIGHT = Path(__file__).parents[2] / "infra/docker/night"
SPARK = "/apis/sparkoperator.k8s.io/v1beta2/namespaces/n/sparkapplications"
RAY = "/apis/ray.io/v1/namespaces/n/rayjobs"


class Api(ThreadingHTTPServer):
    """Objects by path; each GET moves an object on by one state, until its last."""

    things: dict[str, dict[str, Any]]
    states: dict[str, list[str]]
    after: dict[str, list[str]]
    """States of what is made anew."""
    asked: list[str]
    errors: int = 0


class Handler(BaseHTTPRequestHandler):
    server: Api

    def _body(self) -> Any:
        length = int(self.headers.get("Content-Length") or 0)
        return json.loads(self.rfile.read(length)) if length else None

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        if self.server.errors:
            self.server.errors -= 1
            return self._answer(503, {})
        thing = self.server.things.get(self.path)
        if thing is None:
            return self._answer(404, {})
        states = self.server.states.get(self.path.rpartition("/")[2], ["COMPLETED"])
        state = states.pop(0) if len(states) > 1 else states[0]
        spark = {"applicationState": {"state": state}}
        ends = {"SUCCEEDED": "Complete", "STOPPED": "Complete", "FAILED": "Failed"}
        job, _, deployment = state.partition("/")
        ray = {"jobStatus": job, "jobDeploymentStatus": deployment or ends.get(job, "Running")}
        return self._answer(200, {**thing, "kind": "", "status": spark if "spark" in self.path else ray})

    def do_POST(self) -> None:
        body = self._body()
        self.server.asked.append(f"create {body['metadata']['name']}")
        self.server.things[f"{self.path}/{body['metadata']['name']}"] = body
        self._answer(201, body)

    def do_DELETE(self) -> None:
        self._body()
        self.server.asked.append(f"delete {self.path.rpartition('/')[2]}")
        self.server.things.pop(self.path, None)
        name = self.path.rpartition("/")[2]
        self.server.states[name] = self.server.after.pop(name)
        self._answer(200, {})

    def log_message(self, *given: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api(("127.0.0.1", 0), Handler)
    server.things, server.states, server.after, server.asked = {}, {}, {}, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    parts = [("1", "SparkApplication", "sparkoperator.k8s.io/v1beta2", "lake"), ("2", "RayJob", "ray.io/v1", "ray")]
    for number, kind, version, name in parts:
        thing = {
            "apiVersion": version, "kind": kind, "metadata": {"name": f"{name}-AS_OF_COMPACT", "namespace": "n"},
            "spec": {"arguments": ["--as-of", "AS_OF"]},
        }  # fmt: skip
        (tmp_path / f"{number}.json").write_text(json.dumps(thing))
    return tmp_path


def lead(api: Api, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {
        "SCALEINV_KUBERNETES": f"http://127.0.0.1:{api.server_port}", "SCALEINV_AS_OF": "2026-01-31",
        "SCALEINV_POLL": "0.01", "SCALEINV_RETRY": "0.01", "PATH": os.environ["PATH"], **environment,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, str(NIGHT), str(folder)], env=given, capture_output=True, text=True, timeout=60, check=False
    )


def test_parts_are_created_in_order_with_the_day_filled_in(api: Api, folder: Path) -> None:
    api.states = {"lake-20260131": ["", "RUNNING", "COMPLETED"], "ray-20260131": ["PENDING", "RUNNING", "SUCCEEDED"]}
    done = lead(api, folder)
    assert done.returncode == 0, done.stderr
    assert api.asked == ["create lake-20260131", "create ray-20260131"]
    assert api.things[f"{SPARK}/lake-20260131"]["spec"]["arguments"] == ["--as-of", "2026-01-31"]
    assert done.stdout.splitlines()[-1] == "the night of 2026-01-31 is done"


def test_what_is_tried_again_has_not_ended(api: Api, folder: Path) -> None:
    api.states = {
        "lake-20260131": ["SUBMISSION_FAILED", "RUNNING", "COMPLETED"],
        "ray-20260131": ["FAILED/Retrying", "RUNNING", "SUCCEEDED"],
    }
    done = lead(api, folder)
    assert done.returncode == 0, done.stderr
    assert api.asked == ["create lake-20260131", "create ray-20260131"]


def test_a_job_that_was_stopped_is_not_done(api: Api, folder: Path) -> None:
    api.states = {"ray-20260131": ["STOPPED"]}
    assert "2.json failed" in lead(api, folder).stderr


def test_a_part_that_fails_ends_the_night(api: Api, folder: Path) -> None:
    api.states = {"lake-20260131": ["FAILED"]}
    done = lead(api, folder)
    assert done.returncode == 1
    assert "1.json failed" in done.stderr
    assert api.asked == ["create lake-20260131"]


def test_what_is_at_work_is_waited_for_and_what_has_ended_is_made_anew(api: Api, folder: Path) -> None:
    for path in (f"{SPARK}/lake-20260131", f"{RAY}/ray-20260131"):
        api.things[path] = {"metadata": {"name": path.rpartition("/")[2]}}
    api.states = {"lake-20260131": ["RUNNING", "RUNNING", "COMPLETED"], "ray-20260131": ["FAILED"]}
    api.after = {"ray-20260131": ["RUNNING", "SUCCEEDED"]}
    done = lead(api, folder)
    assert api.asked == ["delete ray-20260131", "create ray-20260131"]
    assert done.returncode == 0


def test_an_api_that_is_away_for_a_moment_is_asked_again(api: Api, folder: Path) -> None:
    api.errors = 3
    api.states = {"ray-20260131": ["SUCCEEDED"]}
    done = lead(api, folder)
    assert done.returncode == 0
    assert done.stderr.count("HTTP Error 503") == 3


def test_without_a_day_it_is_yesterday_where_the_shops_are(api: Api, folder: Path) -> None:
    import datetime
    import zoneinfo

    zone = "Pacific/Kiritimati"
    before = datetime.datetime.now(zoneinfo.ZoneInfo(zone)).date() - datetime.timedelta(days=1)
    api.states = {f"ray-{before:%Y%m%d}": ["SUCCEEDED"]}
    done = lead(api, folder, SCALEINV_AS_OF="", SCALEINV_TIMEZONE=zone)
    assert f"the night of {before}" in done.stdout


def test_an_empty_folder_is_no_night(api: Api, tmp_path: Path) -> None:
    assert "no manifests" in lead(api, tmp_path).stderr
