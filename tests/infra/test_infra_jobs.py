"""Submit scripts: each starts, and Spark takes them as docs/operations.md says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scaleinv.pipeline.stages import STAGE_NAMES

ROOT = Path(__file__).parents[2]
JOBS = sorted(path.stem for path in (ROOT / "jobs").glob("*.py"))


def submit(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """``spark-submit`` of the installed pyspark, on the Java that scaleinv itself takes."""
    import pyspark

    from scaleinv.lake.java import cache_folder, find_java

    environment = os.environ | {
        "JAVA_HOME": str(find_java(cache=cache_folder()).home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "SCALEINV_HOME": str(home),
    }
    command = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit"), *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )  # fmt: skip


def test_there_is_a_script_for_each_stage_and_for_the_walk() -> None:
    assert sorted([*STAGE_NAMES, "run"]) == JOBS


@pytest.mark.parametrize("name", JOBS)
def test_each_script_is_its_stage(name: str) -> None:
    command = [sys.executable, ROOT / "jobs" / f"{name}.py", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert f"Usage: {name}.py {name} [OPTIONS]" in said
    assert "--as-of" in said


@pytest.mark.spark
def test_spark_submit_starts_the_walk(tmp_path: Path) -> None:
    """Python started by ``spark-submit``, from another folder's configuration; nothing is done."""
    done = submit("--master", "local[1]", "jobs/run.py", "--env", "test", "--dry-run", home=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert all(stage in done.stdout + done.stderr for stage in STAGE_NAMES)
    assert not list(tmp_path.rglob("_delta_log")), "a dry run writes no table"


@pytest.mark.spark
def test_a_standalone_cluster_has_no_cluster_mode_for_python(tmp_path: Path) -> None:
    """As docs/operations.md says; Spark refuses before it looks for the cluster."""
    done = submit("--deploy-mode", "cluster", "--master", "spark://127.0.0.1:1", "jobs/ingest.py", home=tmp_path)
    assert done.returncode != 0
    assert "Cluster deploy mode is currently not supported for python applications on standalone" in done.stderr
