"""Trains the groups of the lake under SCALEINV_HOME on a cluster of two machines whose head goes in mid-run.

``python head_lost.py FOLDER N``: it goes when N groups are done. The last line says what became of the run.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from tests.fanout.machines import ADDRESS, Machines
from tests.pipeline.test_pipeline_lost import night

from scaleinv.errors import EngineError
from scaleinv.pipeline import train


def main(folder: Path, after: int) -> None:
    """Runs and prints."""
    machines = Machines(folder)
    machines.start_ray(cpus=1)
    walk = night("ray.address=" + ADDRESS)

    def watch() -> None:
        while sum(path.endswith(".train.json") for path in walk.lake.paths("models")) < after:
            time.sleep(0.05)
        machines.crash_head()

    threading.Thread(target=watch, daemon=True).start()
    try:
        with walk.engines:
            train.work(walk)
    except EngineError as error:
        print(f"lost: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
