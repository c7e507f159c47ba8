"""The DAG without Airflow (`infra/check` imports it for real), and the night of cron with a stand-in for scaleinv."""

from __future__ import annotations

import ast
import fcntl
import functools
import json
import os
import re
import runpy
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from scaleinv.config import load_config
from scaleinv.pipeline.stages import STAGE_NAMES

ROOT = Path(__file__).parents[2]
DAG = ROOT / "infra/airflow/scaleinv_dag.py"
PIPELINE = ROOT / "src/scaleinv/pipeline"
ENGINES = ("spark", "ray")
NIGHT = ROOT / "infra/cron/night"


def constant(name: str) -> object:
    tree = ast.parse(DAG.read_text())
    (value,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == [name]
    ]
    return ast.literal_eval(value)


def test_the_dag_has_each_stage_in_order_with_an_engine_that_it_knows_to_submit_to() -> None:
    stages = constant("STAGES")
    assert isinstance(stages, dict)
    assert tuple(stages) == STAGE_NAMES
    submit = DAG.read_text().split("SUBMIT = {")[1].split("}\n")[0]
    assert {*stages.values()} == {*re.findall(r'^    "(\w+)":', submit, re.MULTILINE)}


@functools.cache
def parsed(module: str) -> tuple[dict[str, ast.AST], dict[str, tuple[str, str]]]:
    """Functions and classes of a module of the pipeline, and its names that are another one's."""
    tree = ast.parse((PIPELINE / f"{module}.py").read_text())
    imported = {
        alias.asname or alias.name: (node.module.removeprefix("scaleinv.pipeline."), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("scaleinv.pipeline.")
        for alias in node.names
    }
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}, imported


def asked_for(stage: str) -> set[str]:
    """Engines (``walk.spark()``, ``walk.ray()``) that are asked for by what ``work`` of a stage names, and so on."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    todo = [(stage, "work")]
    while todo:
        module, name = at = todo.pop()
        if at in seen or module == "walk":  # it has both, for those who ask
            continue
        seen.add(at)
        defined, imported = parsed(module)
        for part in ast.walk(defined[name]) if name in defined else ():
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in ENGINES:
                found.add(part.func.attr)
            if isinstance(part, ast.Name):
                todo.append(imported.get(part.id, (module, part.id)))
    return found


def test_stages_are_submitted_to_the_engine_that_their_code_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCALEINV_RETAILER", "SCALEINV_LAKE", "SCALEINV_DATA", "SCALEINV_ORDERS"):
        monkeypatch.setenv(name, "somewhere")
    stages = constant("STAGES")
    assert isinstance(stages, dict)
    engines = {stage: asked_for(stage) for stage in stages}
    assert engines.pop("optimize") == {"ray"}
    assert not load_config("prod").ray.optimize, "only then is it Ray's"
    assert stages.pop("optimize") == "plain"
    assert {stage: {engine} - {"plain"} for stage, engine in stages.items()} == engines


def test_what_fails_for_good_is_told_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow, bash = MagicMock(), MagicMock()
    for name, stub in (("airflow.sdk", airflow), ("airflow.providers.standard.operators.bash", bash)):
        monkeypatch.setitem(sys.modules, name, stub)
    dag = runpy.run_path(str(DAG))
    assert airflow.DAG.call_args.kwargs["default_args"]["on_failure_callback"] is dag["alert"]
    told = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    task = MagicMock(task_id="train", run_id="scheduled__2026-02-01")
    with HTTPServer(("127.0.0.1", 0), Chat) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        monkeypatch.delenv("SCALEINV_ALERT_URL", raising=False)
        dag["alert"]({"task_instance": task})  # nobody is asked
        monkeypatch.setenv("SCALEINV_ALERT_URL", f"http://127.0.0.1:{server.server_port}/hook")
        dag["alert"]({"task_instance": task, "exception": ValueError("exit code 4")})
        thread.join(timeout=30)
    assert told == [{"text": "scaleinv prod: train failed in scheduled__2026-02-01: exit code 4"}]


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """An environment in which `scaleinv` notes what it is asked, and ends as it is told."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "scaleinv"
    program.write_text(
        '#!/bin/sh\necho "$@ retailer=$SCALEINV_RETAILER" >> "$ASKED"\n[ "$1" != run ] || exit "${CODE:-0}"\n'
    )
    program.chmod(0o755)
    (tmp_path / "env").write_text("SCALEINV_ENV=shop\nSCALEINV_RETAILER=us\n")
    return {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "ASKED": str(tmp_path / "asked"),
        "SCALEINV_SETTINGS": str(tmp_path / "env"), "SCALEINV_LOGS": str(tmp_path / "logs"),
        "SCALEINV_LOCK": str(tmp_path / "lock"),
    }  # fmt: skip


def night(machine: dict[str, str], *given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(NIGHT), *given], env=machine, capture_output=True, text=True, timeout=30, check=False)


def asked(machine: dict[str, str]) -> list[str]:
    file = Path(machine["ASKED"])
    return file.read_text().splitlines() if file.exists() else []


def test_a_night_of_cron_trains_what_is_due_and_says_nothing(machine: dict[str, str], tmp_path: Path) -> None:
    done = night(machine, "2026-01-31")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert asked(machine) == ["run --env shop --as-of 2026-01-31 --due retailer=us"]
    assert (tmp_path / "logs" / "2026-01-31.log").exists()


def test_a_night_that_fails_says_so_and_how_it_stands(machine: dict[str, str]) -> None:
    done = night(machine | {"CODE": "4"}, "2026-01-31")
    assert done.returncode == 4
    assert "ended with 4" in done.stderr
    assert asked(machine)[1].startswith("status --env shop --as-of 2026-01-31")


def test_two_nights_do_not_overlap(machine: dict[str, str]) -> None:
    with Path(machine["SCALEINV_LOCK"]).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = night(machine, "2026-01-31")
    assert done.returncode == 75
    assert asked(machine) == []
    assert night(machine, "2026-01-31").returncode == 0


def test_without_a_day_it_is_yesterday_where_the_shops_are(machine: dict[str, str]) -> None:
    import datetime
    import zoneinfo

    night(machine | {"SCALEINV_TIMEZONE": "Pacific/Kiritimati"})
    (line,) = asked(machine)
    today = datetime.datetime.now(zoneinfo.ZoneInfo("Pacific/Kiritimati")).date()
    days = {str(today - datetime.timedelta(days=n)) for n in (1, 2)}  # midnight may pass meanwhile
    assert line.split()[4] in days


def test_the_crontab_has_five_fields_a_user_and_programs_that_are_there() -> None:
    lines = (ROOT / "infra/cron/scaleinv.cron").read_text().splitlines()
    jobs = [line for line in lines if line[:1].isdigit()]
    assert len(jobs) == 3
    for job in jobs:
        fields = job.split(maxsplit=6)
        assert all(re.fullmatch(r"[\d*/,-]+", field) for field in fields[:5]), job
        assert fields[5] == "scaleinv"
        for path in re.findall(r"/opt/scaleinv/(infra/\S+)", fields[6]):
            assert os.access(ROOT / path, os.X_OK)


def test_cron_finds_what_the_documented_install_makes() -> None:
    crontab = (ROOT / "infra/cron/scaleinv.cron").read_text()
    (path,) = re.findall(r"^PATH=(.+)$", crontab, re.MULTILINE)
    (programs,) = re.findall(r"^BIN := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lines = (ROOT / "docs/operations.md").read_text().split('title="one machine: cron, as root"')[1].split("```")[0]
    (checkout,) = re.findall(r"^git clone \S+ (\S+) && make -C \1 sync-cpu$", lines, re.MULTILINE)
    assert path.split(":")[0] == f"{checkout}/{programs}"
    assert f"{checkout}/infra/cron/night" in crontab
    (logs,) = re.findall(r"SCALEINV_LOGS:-(\S+)}", NIGHT.read_text())
    (folders,) = re.findall(r"^install -d -o scaleinv -g scaleinv (.+)$", lines, re.MULTILINE)
    assert logs in folders.split()
    home, sources = (
        re.findall(rf"^{name}=(\S+)$", lines, re.MULTILINE)[0] for name in ("SCALEINV_HOME", "SCALEINV_DATA")
    )
    assert home in folders.split()
    assert Path(sources).parent == Path(home)


def test_maintain_runs_with_the_settings_and_without_any(machine: dict[str, str], tmp_path: Path) -> None:
    (line,) = [line for line in (ROOT / "infra/cron/scaleinv.cron").read_text().splitlines() if "maintain -" in line]
    command = line.split(maxsplit=6)[6]
    for settings, env in (("env", "shop"), ("none", "prod")):
        here = command.replace("/etc/scaleinv/env", str(tmp_path / settings))
        subprocess.run(["/bin/sh", "-c", here], env=machine | {"SCALEINV_RETAILER": ""}, check=True, timeout=30)
        assert asked(machine)[-1].startswith(f"maintain --env {env} ")
