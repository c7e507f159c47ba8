"""What looking at a load costs beside reading it: FreshRetailNet's 3.8 million rows, the quickest of three runs.

python benchmarks/drift.py
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable

from scaleinv.config import LakeConfig, SparkConfig
from scaleinv.config.drift import DriftConfig
from scaleinv.ingest.profile import profile
from scaleinv.lake.spark import spark_session


def seconds(work: Callable[[], object]) -> float:
    """Of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print; the two take turns, so that other work on the machine hits both."""
    with tempfile.TemporaryDirectory() as folder:
        spark = spark_session(SparkConfig(driver_memory="2g"), LakeConfig(root=folder), app="drift")
        frame = spark.read.parquet(f"{os.environ['SCALEINV_DATA']}/freshretailnet/hourly.parquet")
        works = {
            "count and read": lambda: (frame.count(), frame.write.format("noop").mode("overwrite").save()),
            "profile": lambda: profile(frame, DriftConfig()),
        }
        taken = [{name: seconds(work) for name, work in works.items()} for _ in range(3)]
        read, look = (min(run[name] for run in taken) for name in works)
        print(f"count and read {read:.1f} s, profile {look:.1f} s: {look / read:.1f} times as long")
        spark.stop()


if __name__ == "__main__":
    main()
