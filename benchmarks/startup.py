"""How long a person waits for the first answer: `import scaleinv` and `scaleinv --help` against a bare Python.

    python benchmarks/startup.py [--runs 10]

Seconds of the whole process, median of the runs; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python": ("-c", "pass"),
    "import scaleinv": ("-c", "import scaleinv"),
    "scaleinv --help": ("-m", "scaleinv", "--help"),
}


def seconds(arguments: tuple[str, ...]) -> float:
    """Of one process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print; the commands take turns, so that other work on the machine hits all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    medians = {name: round(statistics.median(found), 3) for name, found in times.items()}
    print(json.dumps({"benchmark": "startup", "cpus": os.cpu_count(), "runs": runs, "median_seconds": medians}))


if __name__ == "__main__":
    main()
