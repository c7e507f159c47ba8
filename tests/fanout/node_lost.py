"""A cluster of two machines, the second of which goes in mid-run: ``python node_lost.py FOLDER killed|unplugged``.

Leaves in FOLDER a file for each task, a byte for each call of it. The last line is JSON: ``spread``, the machines that
worked while there was room for all workers on each; ``placed``, those that worked where one was asked for;
``outcomes``, of the run in which the machine went.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.fanout.machines import ADDRESS, Machines

from scaleinv.config.models import RayConfig
from scaleinv.fanout import Task, fan_out

N_TASKS = 40


def working(folder: Path) -> Callable[[str], None]:
    """On the node the third call gets stuck, on the head all wait for that: it is in flight when the node is lost."""
    stuck, calls = folder / "stuck", 0

    def work(name: str) -> None:
        nonlocal calls
        calls += 1
        with (folder / name).open("ab") as file:
            file.write(b".")
        if socket.gethostname() == "node" and calls == 3:
            stuck.touch()
            time.sleep(600)
        while socket.gethostname() == "head" and not stuck.exists():
            time.sleep(0.1)

    return work


def main(folder: Path, how: str) -> None:
    """Runs and prints."""
    machines = Machines(Path(tempfile.mkdtemp(dir=folder)))
    machines.start_ray(cpus=4)
    config = RayConfig(address=ADDRESS, num_workers=2)
    tasks = [Task(f"t{n}", 1.0, f"t{n}") for n in range(N_TASKS)]
    two = [Task("a", 1, 3), Task("b", 1, 3)]
    spread, placed = (
        {one.worker.partition(":")[0] for one in fan_out(time.sleep, two, config.model_copy(update={"labels": labels}))}
        for labels in ({}, {"pool": "node"})
    )
    outcomes, is_lost = [], False
    # One worker fits on each machine: there is no room for another in place of the one that is lost.
    for outcome in fan_out(working(folder), tasks, config.model_copy(update={"cpus_per_worker": 3, "max_attempts": 1})):
        outcomes.append([outcome.id, outcome.ok, outcome.attempts, outcome.worker.partition(":")[0]])
        if not is_lost and (folder / "stuck").exists():
            machines.crash_node(unplugged=how == "unplugged")
            is_lost = True
    print(json.dumps({"spread": sorted(spread), "placed": sorted(placed), "outcomes": outcomes, "is_lost": is_lost}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
