"""How long the synthetic retailer takes: ``python benchmarks/synthetic.py [n_skus] [n_locations] [n_days]``.

The last line is one JSON object: seconds, rows (all sources), bytes, series, peak memory of the process.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from scaleinv.config import SyntheticConfig
from scaleinv.synthetic import SUCCESS, write_sources


def main() -> None:
    """10,000 SKU-locations over 730 days, unless told otherwise."""
    n_skus, n_locations, n_days = (int(a) for a in [*sys.argv[1:], *("1000", "10", "730")[len(sys.argv) - 1 :]])
    config = SyntheticConfig(n_skus=n_skus, n_locations=n_locations, n_days=n_days)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start, cpu = time.perf_counter(), time.process_time()
        write_sources(config, folder, progress=print)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        rows = json.loads((folder / SUCCESS).read_text())["rows"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {
        "benchmark": "synthetic", "series": n_skus * n_locations, "days": n_days, "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2), "rows": sum(rows.values()), "rows_by_source": rows,
        "megabytes": round(size / 2**20), "peak_mib": round(peak),
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
