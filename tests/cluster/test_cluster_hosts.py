"""A night on two hosts by the commands of docs/operations.md, through the loss of both, ends as on a laptop."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyspark
import pytest
from tests.cluster.two_hosts import ROOT, commands
from tests.fanout.machines import ADDRESSES, alone, need_machines
from tests.pipeline.test_pipeline_walk import content, files_of, lake_of, run

from scaleinv.config import SparkConfig
from scaleinv.lake.jars import local_jars
from scaleinv.lake.java import cache_folder, find_java
from scaleinv.schema import TABLES

pytestmark = [pytest.mark.cluster, pytest.mark.spark, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(3600)]

OPTIONS = (
    "--set forecast.models=[lstm,xgboost,croston_sba] --set features.max_group_size=6 --set spark.options="
    '{"spark.sql.codegen.wholeStage":"false","spark.sql.codegen.factoryMode":"NO_CODEGEN"}'
)
"""Beside those of the environment ``test``: several groups, so that a host can be lost between two."""


@dataclass(frozen=True)
class Night:
    """What the two hosts left."""

    home: Path
    local: Path
    """The first host's own disk."""
    told: dict[str, Any]


def settings(host: str, home: Path, local: Path) -> str:
    """What stands for a person's settings."""
    return f"""\
export PATH={Path(sys.executable).parent}:$PATH
export CHECKOUT={ROOT}
export SHARED={home}
export LOCAL={local}
export FIRST={ADDRESSES["head"]}
export HERE={ADDRESSES[host]}
export CORES=1 MEMORY=1g DRIVER_MEMORY=1g
export OPTIONS='--env test --set spark.master=null --set ray.address=auto {OPTIONS}'
export SCALEINV_RETAILER=test SCALEINV_LAKE= SCALEINV_DATA= SCALEINV_ORDERS=
"""


def spark_home(folder: Path) -> Path:
    """The installed Spark with Delta's jars among its own, as ``infra/docker/bake-jars`` leaves it."""
    installed = Path(pyspark.__file__).parent
    (folder / "jars").mkdir(parents=True)
    java = find_java()
    delta = local_jars(SparkConfig().packages, cache=cache_folder(), java_home=java.home)
    for path in installed.iterdir():
        if path.name != "jars":
            (folder / path.name).symlink_to(path)
    for jar in [*(installed / "jars").glob("*.jar"), *delta]:
        (folder / "jars" / jar.name).symlink_to(jar)
    return folder


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    need_machines()
    home = tmp_path_factory.mktemp("hosts")
    with tempfile.TemporaryDirectory(prefix="two", dir="/tmp") as name:  # Ray's sockets need short paths
        folder = Path(name)
        local = {host: folder / host for host in ADDRESSES}
        for host, place in local.items():
            (folder / f"{host}.sh").write_text(settings(host, home, place))
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {
            "SPARK_HOME": str(spark_home(folder / "spark")),
            "JAVA_HOME": str(find_java().home),
            "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # five Javas that live for minutes
            "SCALEINV_HOME": str(home),
            "LAKE": str(home / "test" / "lake"),
        }
        with (home / "said.txt").open("w") as log:
            done = subprocess.run(
                alone(sys.executable, "-m", "tests.cluster.two_hosts", name),
                cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, timeout=3000, check=False,
            )  # fmt: skip
        assert done.returncode == 0, (home / "said.txt").read_text()[-5000:]
        yield Night(home, local["head"], json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("laptop")
    run(home, "run", "--env", "test", *OPTIONS.split())
    return home


def events(night: Night) -> list[dict[str, Any]]:
    """Spark's event logs."""
    found = []
    for path in (night.home / "events").rglob("events_*.zstd"):
        with pa.input_stream(str(path), compression="zstd") as stream:
            found += [json.loads(line) for line in stream.read().splitlines()]
    return found


def test_the_page_asks_for_the_settings_that_are_made_here(tmp_path: Path) -> None:
    name = re.compile(r"\b([A-Z_]+)=")
    assert name.findall(commands()["settings.sh: yours"]) == name.findall(settings("head", tmp_path, tmp_path))


def test_spark_worked_on_both_hosts_as_its_file_says(night: Night) -> None:
    log = events(night)
    hosts = {event["Task Info"]["Host"] for event in log if event["Event"] == "SparkListenerTaskEnd"}
    assert hosts == {*ADDRESSES.values()}
    options = [event["Spark Properties"] for event in log if event["Event"] == "SparkListenerEnvironmentUpdate"]
    lines = [line.split() for line in (ROOT / "conf" / "spark.conf").read_text().splitlines()]
    wanted = {line[0]: line[1] for line in lines if line and line[0] != "#"}
    assert len(wanted) >= 8
    assert [{key: one[key] for key in wanted} for one in options] == [wanted, wanted], "of ingest, of features"
    assert all(one["spark.sql.adaptive.enabled"] == "true" for one in options)


def test_ray_answers_nobody_without_a_token(night: Night) -> None:
    assert night.told["asked"] == 401


def test_code_came_with_the_job(night: Night) -> None:
    """All hosts have Ray's files under the path of the first, which here is one folder."""
    packages = night.local.glob("ray/session_2*/runtime_resources/py_modules_files/_ray_pkg_*/scaleinv/__init__.py")
    assert len({path.parents[1].name for path in packages}) == 1, "one package, named by its content, in both sessions"


def test_what_was_trained_before_the_loss_was_not_trained_again(night: Night) -> None:
    before, after = night.told["before"], night.told["after"]
    assert 2 <= len(before) < len(after)
    assert {card: after[card] for card in before} == before, "worker and seconds are those of the first run"


def test_tables_and_order_files_are_those_of_one_machine(night: Night, laptop: Path) -> None:
    """Exactly: each group is computed by one worker, from the same files and the same seed, wherever it is."""
    expected, found = lake_of(laptop), lake_of(night.home)
    for table in TABLES.values():
        assert content(found, table).equals(content(expected, table)), table.name
    assert files_of(night.home) == files_of(laptop)
    assert {"manifest.json"} < {Path(name).name for name in files_of(laptop)}
