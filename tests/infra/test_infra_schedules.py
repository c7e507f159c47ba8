"""The DAG without Airflow (`infra/check` imports it for real), and the night of cron with a stand-in for scaleinv."""

from __future__ import annotations

import ast
import fcntl
import os
import re
import subprocess
from pathlib import Path

import pytest

from scaleinv.pipeline.stages import STAGE_NAMES

ROOT = Path(__file__).parents[2]
DAG = ROOT / "infra/airflow/scaleinv_dag.py"
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


def test_stages_with_spark_or_ray_are_those_whose_modules_ask_for_them() -> None:
    stages = constant("STAGES")
    assert isinstance(stages, dict)
    for stage, engine in stages.items():
        source = (ROOT / f"src/scaleinv/pipeline/{stage}.py").read_text()
        if engine == "spark":
            assert "spark" in source
        if "run_groups" in source:
            assert engine == "ray", stage


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
