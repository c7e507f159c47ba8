"""Starting, joining and leaving a Ray cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import ray

from scaleinv.config.models import RayConfig
from scaleinv.errors import EngineError
from scaleinv.fanout import Task, cluster, fan_out

pytestmark = pytest.mark.ray

CONFIG = RayConfig(num_workers=1, object_store_mb=80)


def test_fan_out_starts_its_own_ray_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("a" * 60)))  # too long for a socket below it
    stream = fan_out(abs, [Task("a", 1, -1), Task("b", 2, -2)], CONFIG)
    assert not ray.is_initialized()
    assert next(stream).value == 2
    assert ray.is_initialized()
    assert ray.nodes()[0]["NodeManagerAddress"] == "127.0.0.1"
    folder = Path(ray._private.worker.global_worker.node.get_temp_dir_path())
    assert folder.is_dir()
    stream.close()  # type: ignore[attr-defined]
    assert not ray.is_initialized()
    left = [one for one in psutil.Process().children(recursive=True) if one.pid not in before]
    _, alive = psutil.wait_procs(left, timeout=20)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    assert not folder.exists()


def test_no_cluster_at_the_address_says_what_to_do() -> None:
    with (
        pytest.raises(EngineError, match=r"cannot be reached(.|\n)*127\.0\.0\.1:1(.|\n)*ray start --head"),
        cluster(CONFIG.model_copy(update={"address": "127.0.0.1:1"})),
    ):
        pass
    assert not ray.is_initialized()


def test_a_missing_gpu_is_an_error() -> None:
    with (
        pytest.raises(EngineError, match=r"need a GPU(.|\n)*gpus_per_worker=0"),
        cluster(CONFIG.model_copy(update={"gpus_per_worker": 64.0})),
    ):
        pass
    assert not ray.is_initialized()


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def test_a_killed_driver_takes_its_ray_along(tmp_path: Path) -> None:
    program = tmp_path / "driver.py"
    program.write_text(
        "import time\n"
        "from scaleinv.config.models import RayConfig\n"
        "from scaleinv.fanout import Task, fan_out\n"
        "if __name__ == '__main__':\n"
        "    config = RayConfig(num_workers=1, object_store_mb=80)\n"
        "    for outcome in fan_out(time.sleep, [Task('a', 2, 0.0), Task('b', 1, 600.0)], config):\n"
        "        print('first done', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, env={**os.environ}) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"first done\n"
        # Ray's two agents hold nothing; they find out for themselves and leave after about a minute
        names = {process: _name(process) for process in psutil.Process(driver.pid).children(recursive=True)}
        children = [process for process, name in names.items() if "Agent" not in name]
        assert any("raylet" in name for name in names.values())
        driver.kill()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
