"""From 91 million hours of FreshRetailNet to the panel, beside DuckDB on the same file.

    SCALEINV_DATA=../shared/data python benchmarks/lake_hourly.py

Runs the stages ingest and features by the contracts in conf/sources/freshretailnet (``scaleinv run --until features``):
3.8 million days of 24 hours with stock status, a quarter of them without stock, so that the demand of nearly all series
is estimated. DuckDB adds the hours up to days, joins the weather and lays out the same days with the same threads and
memory; it does not estimate demand, so what both have is compared: days, units sold, weather. The last line is one JSON
object. Memory is measured as in ``benchmarks/walk.py``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from lake import BOTH, Job, checks, run_reference

AS_OF, HORIZON = date(2024, 6, 11), 28
REFERENCE = f"""
COPY (
    WITH days AS (
        SELECT product_id || '@' || store_id AS unique_id, store_id, dt::DATE AS ds,
            list_sum(hours_sale)::FLOAT AS sales
        FROM read_parquet('{{hourly}}')
    ),
    weather AS (
        SELECT store_id, dt::DATE AS ds, any_value(avg_temperature)::FLOAT AS temperature,
            any_value(precpt)::FLOAT AS precipitation
        FROM read_parquet('{{hourly}}') GROUP BY ALL
    ),
    ahead AS (
        SELECT unique_id, store_id, DATE '{AS_OF}' + n::INTEGER AS ds, NULL AS sales
        FROM (SELECT DISTINCT unique_id, store_id FROM days), range(1, {HORIZON} + 1) r(n)
    )
    SELECT unique_id, ds, sales, temperature, precipitation
    FROM (FROM days UNION ALL BY NAME FROM ahead) LEFT JOIN weather USING (store_id, ds)
) TO '{{panel}}' (FORMAT parquet, COMPRESSION zstd);
"""
CHECK = """
SELECT count(*) AS rows, count(sales) AS known, count(DISTINCT unique_id) AS series, sum(sales::DOUBLE) AS units,
    sum(temperature::DOUBLE) AS degrees, sum(precipitation::DOUBLE) AS millimetres
FROM ({rows})
"""


def demand(rows: str) -> dict[str, Any]:
    """How demand of the known days was found, and how much more it is than sales."""
    query = f"SELECT demand_method, count(*), sum(y), sum(sales) FROM ({rows}) WHERE y IS NOT NULL GROUP BY 1"
    with duckdb.connect() as connection:
        found = connection.execute(query).fetchall()
    return {method: {"days": n, "y": round(y), "sales": round(sales)} for method, n, y, sales in sorted(found)}


def main() -> None:
    """Runs both, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="4g", help="Spark's heap, and DuckDB's limit")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    data = Path(os.environ.get("SCALEINV_DATA", "../shared/data")).absolute()
    hourly = data / "freshretailnet" / "hourly.parquet"
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        job = Job(home, options.threads, options.memory, options.set)
        job.run("job", BOTH, "local", AS_OF, "ingest.contracts=freshretailnet", f"ingest.data={data}")
        there = home / "reference.parquet"
        script = REFERENCE.format(hourly=hourly, panel=there)
        reference, reference_cpu = run_reference(script, there, options.threads, options.memory)
        panel = DeltaTable(str(home / "local" / "lake" / "gold" / "panel"))
        rows = f"FROM read_parquet({panel.file_uris()})"
        ours, theirs = checks(rows, CHECK), checks(f"FROM read_parquet('{there}')", CHECK)
        result = {
            "benchmark": "lake_hourly",
            "rows": 24 * int(ours["known"]),
            "cpus": options.threads,
            "memory": options.memory,
            "set": options.set,
            "job_seconds": job.seconds["job"],
            "peak_gib": round(job.peak[0] / 2**30, 2),
            "reference_seconds": round(reference, 1),
            "cpu_seconds": job.seconds["job_cpu"],
            "reference_cpu_seconds": round(reference_cpu, 1),
            "stages": job.seconds,
            "panel": ours,
            "reference": theirs,
            "agree": all(math.isclose(ours[name], theirs[name], rel_tol=1e-6) for name in ours),
            "demand": demand(rows),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
