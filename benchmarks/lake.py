"""From M5's files to the panel, at any size, beside DuckDB on the same files.

    python benchmarks/lake.py --rows 59e6

Writes a retailer in M5's published layout (a column per day, weekly prices, a calendar), runs the stages ingest and
features on it as a user does (``scaleinv run --until features``), then lets DuckDB compute the same panel with the same
threads and memory, and compares all rows of both. Then two days more: sales, late lines, stock and prices come as
files, and the two stages run for that night, both in one process (``scaleinv run --until features --stay``). The first
of them takes its start too, and the SKU registry takes in what master data name, which is done once; the second one is
a usual night of a process that stays. With ``--rebuild`` the stage features makes its panel as a whole too, and both
are compared. ``--rows`` counts cells (series x 1,941 days); M5 itself has 59 million. The last line is
one JSON object. Memory is measured as in ``benchmarks/walk.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
from deltalake import DeltaTable

from walk import watch

SALES = "full_history_subset"
FIRST, N_DAYS, N_CALENDAR, HORIZON = date(2011, 1, 29), 1941, 1969, 28
AS_OF = FIRST + timedelta(days=N_DAYS - 1)
STORES = ("CA_1", "CA_2", "CA_3", "CA_4", "TX_1", "TX_2", "TX_3", "WI_1", "WI_2", "WI_3")
STATES = ("CA", "TX", "WI")
DEPARTMENTS = ("FOODS_1", "FOODS_2", "FOODS_3", "HOBBIES_1", "HOBBIES_2", "HOUSEHOLD_1", "HOUSEHOLD_2")
SHARES = (0.071, 0.130, 0.270, 0.136, 0.049, 0.175, 0.169)
"""Of M5's items in its departments."""
N_WEEKS = -(-N_CALENDAR // 7)
BLOCK = 2000
"""Series made and written at a time: memory does not grow with ``--rows``."""


# --- raw files ------------------------------------------------------------------------------------------------------


def write_raw(folder: Path, cells: int, seed: int = 1) -> int:
    """M5's three files; returns cells. Two thirds of them are zero, units are negative binomial, prices move weekly."""
    rng = np.random.default_rng(seed)
    n_items = max(len(DEPARTMENTS), round(cells / N_DAYS / len(STORES)))
    department = np.sort(np.append(rng.choice(7, n_items - 7, p=np.array(SHARES) / sum(SHARES)), np.arange(7)))
    number = np.arange(n_items) - np.searchsorted(department, department) + 1
    items = np.array([f"{DEPARTMENTS[d]}_{n:05d}" for d, n in zip(department, number, strict=True)])
    item, store = (index.ravel() for index in np.divmod(np.arange(n_items * len(STORES)), len(STORES)))
    weeks = _write_calendar(folder, rng)
    sales = prices = None
    for start in range(0, len(item), BLOCK):
        i, s = item[start : start + BLOCK], store[start : start + BLOCK]
        listed = np.where(rng.random(len(i)) < 0.5, 0, rng.integers(0, 200, len(i)))  # week
        ids = {"item_id": items[i], "dept_id": np.array(DEPARTMENTS)[department[i]], "store_id": np.array(STORES)[s]}
        wide = _sales_block(ids, listed, rng)
        weekly = _prices_block(ids, listed, weeks, rng)
        sales = sales or pq.ParquetWriter(folder / f"sales_{SALES}.parquet", wide.schema, compression="zstd")
        prices = prices or pq.ParquetWriter(folder / "prices.parquet", weekly.schema, compression="zstd")
        sales.write_table(wide)
        prices.write_table(weekly)
    assert sales is not None
    assert prices is not None
    sales.close()
    prices.close()
    return len(item) * N_DAYS


def _sales_block(ids: dict[str, Any], listed: Any, rng: np.random.Generator) -> pa.Table:
    n = len(listed)
    level = rng.lognormal(-0.55, 1.25, (n, 1))
    week = np.array([1.2, 1.15, 0.95, 0.9, 0.88, 0.92, 1.05])[np.arange(N_DAYS) % 7]
    size = 0.9
    rate = rng.standard_gamma(size, (n, N_DAYS), dtype=np.float32) * (level * week / size).astype(np.float32)
    units = rng.poisson(rate).astype(np.int16)
    units[np.arange(N_DAYS) < 7 * listed[:, None]] = 0
    columns = {
        "id": np.char.add(np.char.add(ids["item_id"], "_"), ids["store_id"]), "item_id": ids["item_id"],
        "dept_id": ids["dept_id"], "cat_id": np.char.partition(ids["dept_id"], "_")[:, 0],
        "store_id": ids["store_id"], "state_id": ids["store_id"].astype("U2"),
        **{f"d_{day + 1}": column for day, column in enumerate(np.ascontiguousarray(units.T))},
    }  # fmt: skip
    return pa.table({name: pa.array(column) for name, column in columns.items()})


def _prices_block(ids: dict[str, Any], listed: Any, weeks: Any, rng: np.random.Generator) -> pa.Table:
    """A regular price that changes every other year or so, now and then a week or two at 10 to 30 % off."""
    n = len(listed)
    regular = rng.lognormal(1.2, 0.6, (n, 1)) * np.cumprod(
        np.where(rng.random((n, N_WEEKS)) < 0.01, rng.uniform(0.9, 1.15, (n, N_WEEKS)), 1.0), axis=1
    )
    off = np.where(rng.random((n, N_WEEKS)) < 0.03, rng.uniform(0.7, 0.9, (n, N_WEEKS)), 1.0)
    cents = np.maximum(np.rint(100 * regular * off), 1)
    row, week = np.nonzero(np.arange(N_WEEKS) >= listed[:, None])
    return pa.table(
        {
            "store_id": pa.array(ids["store_id"][row]),
            "item_id": pa.array(ids["item_id"][row]),
            "wm_yr_wk": pa.array(weeks[week]),
            "sell_price": pa.array(cents[row, week] / 100),
        }
    )


def _write_calendar(folder: Path, rng: np.random.Generator) -> Any:
    """Writes it; returns ``wm_yr_wk`` of each week."""
    days = [FIRST + timedelta(days=i) for i in range(N_CALENDAR)]
    weeks = 11101 + 100 * (np.arange(N_WEEKS) // 52) + np.arange(N_WEEKS) % 52
    first, second = rng.random(N_CALENDAR) < 0.08, rng.random(N_CALENDAR) < 0.003
    snap = {f"snap_{state}": np.isin([day.day for day in days], rng.choice(15, 10, replace=False) + 1).astype(int)
            for state in STATES}  # fmt: skip
    table = pa.table(
        {
            "date": [day.isoformat() for day in days],
            "wm_yr_wk": weeks[np.arange(N_CALENDAR) // 7],
            "d": [f"d_{i + 1}" for i in range(N_CALENDAR)],
            "event_name_1": [f"Event{i % 30}" if has else None for i, has in enumerate(first)],
            "event_name_2": [
                f"Other{i % 5}" if a and b else None for i, (a, b) in enumerate(zip(first, second, strict=True))
            ],
            **snap,
        }
    )
    pq.write_table(table, folder / "calendar.parquet")
    return weeks


# --- the job --------------------------------------------------------------------------------------------------------


class Job:
    """The program, run as a user does: seconds of each command and of its stage, peak bytes of all its processes.

    CPU seconds too: on a machine that does other work they say more than the clock.
    """

    def __init__(self, home: Path, threads: int, memory: str, settings: list[str]) -> None:
        self.home, self.peak = home, [0]
        self.seconds: dict[str, float] = {}
        self.settings = [f"spark.master=local[{threads}]", f"spark.driver_memory={memory}", *settings]

    def run(self, name: str, command: list[str], env: str, as_of: date, *settings: str) -> None:
        """One command; its seconds are kept under ``name``, those of its stages beside it."""
        cpu = _children_cpu()
        started = time.perf_counter()
        process = self._start([*command, "--as-of", str(as_of)], env, settings)
        self._watch(process, name, started)
        if process.wait():
            sys.exit(f"{name} ended with code {process.returncode}")
        self.seconds[name] = round(time.perf_counter() - started, 1)
        self.seconds[f"{name}_cpu"] = round(_children_cpu() - cpu, 1)

    def nights(self, env: str, nights: Iterable[tuple[str, date]], *settings: str) -> None:
        """One command that stays; the seconds of each night, of the first with its start."""
        started = time.perf_counter()
        process = self._start([*BOTH, "--stay"], env, settings)
        assert process.stdin is not None
        for name, as_of in nights:
            began = started or time.perf_counter()
            process.stdin.write(f"{as_of}\n")
            process.stdin.flush()
            if not self._watch(process, name, began, until=f"night {as_of} done"):
                sys.exit(f"{name} ended with code {process.wait()}")
            self.seconds[name], started = round(time.perf_counter() - began, 1), 0.0
        process.stdin.close()
        if process.wait():
            sys.exit(f"the nights ended with code {process.returncode}")

    def _start(self, command: list[str], env: str, settings: tuple[str, ...]) -> subprocess.Popen[str]:
        sets = [part for setting in (*self.settings, *settings) for part in ("--set", setting)]
        process = subprocess.Popen(
            [sys.executable, "-m", "scaleinv", *command, "--env", env, *sets],
            env=os.environ | {"SCALEINV_HOME": str(self.home)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        threading.Thread(target=watch, args=(process, self.peak), daemon=True).start()
        return process

    def _watch(self, process: subprocess.Popen[str], name: str, started: float, until: str | None = None) -> bool:
        """Shows what it says and keeps the seconds of stages, up to a line that begins so; whether that came."""
        assert process.stdout is not None
        for line in process.stdout:
            print(f"{time.perf_counter() - started:7.1f} {line}", end="", flush=True)
            if done := re.match(r"\[\d/\d\] (\w+) +done in ([\d.]+) s", line):
                self.seconds[f"{name}_{done[1]}"] = float(done[2])
            if until and line.startswith(until):
                return True
        return False


BOTH = ["run", "--until", "features"]
"""Both stages, as one command."""
DAYS = {"first_day": AS_OF + timedelta(days=1), "day": AS_OF + timedelta(days=2)}
NIGHT = DAYS["day"]
SAME = ("features.history_days=1941", "features.closed_days=0")
"""Of both environments: M5's for the history, a retailer's own files for the day after it."""


def write_day(folder: Path, raw: Path, day: date) -> dict[str, int]:
    """A retailer's delivery of a day: sales, late lines of the week before, stock, some prices; rows of each.

    Of every fiftieth article the shelf is empty.
    """
    rng = np.random.default_rng(day.toordinal())
    ids = pq.read_table(raw / f"sales_{SALES}.parquet", columns=["item_id", "store_id"])
    sku, shop = (ids[name].to_numpy() for name in ids.column_names)
    sold = np.flatnonzero(rng.random(len(sku)) < 1 / 3)
    late = np.flatnonzero(rng.random(len(sku)) < 0.01)
    dates = [day] * len(sold) + [day - timedelta(days=int(n)) for n in rng.integers(1, 8, len(late))]
    at = np.concatenate([sold, late])
    sales = {"sku_id": sku[at], "location_id": shop[at], "date": dates, "quantity": rng.integers(1, 9, len(at)),
             "receipt": [f"{day}-{n}" for n in range(len(at))]}  # fmt: skip
    stock = {"sku_id": sku, "location_id": shop, "date": [day] * len(sku),
             "on_hand": np.where(rng.random(len(sku)) < 0.02, 0, rng.integers(1, 40, len(sku))),
             "reserved": [0] * len(sku), "backorders": [0] * len(sku)}  # fmt: skip
    dear = np.flatnonzero(rng.random(len(sku)) < 0.05)
    prices = {"sku_id": sku[dear], "location_id": shop[dear], "valid_from": [day] * len(dear),
              "valid_to": [day + timedelta(days=6)] * len(dear), "price": rng.integers(100, 900, len(dear)) / 100,
              "is_promotion": ["no"] * len(dear)}  # fmt: skip
    for name, rows in {"sales": sales, "stock": stock, "prices": prices}.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        csv.write_csv(pa.table(rows), folder / name / f"{day}.csv")
    return {"sales": len(at), "stock": len(sku), "prices": len(dear)}


def run_days(job: Job, raw: Path, *, rebuild: bool) -> dict[str, Any]:
    """The increments: rows that came, rows of the panel that were written; whether a rebuild gives the same panel."""
    folder, lake = job.home / "days", job.home / "m5_all" / "lake"
    # Master data have not changed, so their files have not come again.
    quiet = [f"ingest.sources.{name}.required=false" for name in ("items", "locations", "vendors", "lead_times")]
    sets = (*SAME, *quiet, "ingest.sources.assortment.required=false", f"ingest.data={folder}", f"lake.root={lake}")
    came: dict[str, dict[str, int]] = {}

    def deliveries() -> Iterator[tuple[str, date]]:
        for name, day in DAYS.items():
            came[name] = write_day(folder, raw, day)
            yield name, day

    job.nights("local", deliveries(), *sets)
    result: dict[str, Any] = {"came": came["day"], "written": _panel_rows(lake, NIGHT)}
    if rebuild:
        based = checks(_as_one(lake))
        job.run("rebuild", ["features", "--force"], "local", NIGHT, *sets)
        whole = checks(f"SELECT * FROM read_parquet({_files(lake, NIGHT)})")
        result |= {"panel": based, "rebuilt": whole, "agree": based == whole}
    return result


def _files(lake: Path, as_of: date) -> list[str]:
    log = pa.table(DeltaTable(str(lake / "gold" / "panel")).get_add_actions(flatten=True)).to_pylist()
    return [str(lake / "gold" / "panel" / unquote(row["path"])) for row in log if row["partition.as_of"] == as_of]


def _panel_rows(lake: Path, as_of: date) -> int:
    log = pa.table(DeltaTable(str(lake / "gold" / "panel")).get_add_actions(flatten=True)).to_pylist()
    return sum(row["num_records"] for row in log if row["partition.as_of"] == as_of)


def _as_one(lake: Path) -> str:
    """The panel of the last night: its own rows, and those of the night it is based on that they do not replace."""
    before, rows = (f"read_parquet({_files(lake, night)})" for night in (AS_OF, NIGHT))
    first = NIGHT - timedelta(days=N_DAYS - 1)
    return (
        f"SELECT * FROM {rows} UNION ALL BY NAME SELECT * FROM {before} b WHERE ds >= DATE '{first}' AND NOT EXISTS "
        f"(FROM {rows} r WHERE r.unique_id = b.unique_id AND r.ds = b.ds)"
    )


def _children_cpu() -> float:
    """CPU seconds of all processes that have ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# --- the reference --------------------------------------------------------------------------------------------------

REFERENCE = f"""
CREATE TEMP TABLE days AS
    SELECT d, date::DATE AS ds, wm_yr_wk, nullif(concat_ws('+', event_name_1, event_name_2), '') AS event,
        snap_CA = 1 AS snap_CA, snap_TX = 1 AS snap_TX, snap_WI = 1 AS snap_WI
    FROM read_parquet('{{data}}/calendar.parquet');
CREATE TEMP TABLE weeks AS SELECT wm_yr_wk, min(ds) AS week_start, max(ds) AS week_end FROM days GROUP BY ALL;
CREATE TEMP TABLE sold AS
    FROM (UNPIVOT (
            SELECT item_id, store_id, state_id, COLUMNS('d_.*') FROM read_parquet('{{data}}/sales_{SALES}.parquet')
        ) ON COLUMNS('d_.*') INTO NAME d VALUE units)
    SELECT item_id, store_id, state_id, d, units;
CREATE TEMP TABLE flagged AS
    WITH weekly AS (
        SELECT *, round(sell_price * 100)::BIGINT AS cents
        FROM read_parquet('{{data}}/prices.parquet') JOIN weeks USING (wm_yr_wk)
    )
    SELECT store_id, item_id, week_start, week_end, sell_price::FLOAT AS price,
        count(*) OVER past > 0 AND cents * count(*) OVER past <= sum(cents) OVER past * 0.95::DOUBLE AS is_promotion
    FROM weekly
    WINDOW past AS (PARTITION BY store_id, item_id ORDER BY week_start ROWS BETWEEN 26 PRECEDING AND 1 PRECEDING);
CREATE TEMP TABLE series AS
    WITH listed AS (
        SELECT store_id, item_id, greatest(min(week_start), DATE '{FIRST}') AS listed FROM flagged GROUP BY ALL
    ),
    first_sale AS (
        SELECT store_id, item_id, state_id, min(ds) FILTER (units > 0) AS first_sale
        FROM sold JOIN days USING (d) GROUP BY ALL
    )
    SELECT store_id, item_id, state_id, least(coalesce(listed, first_sale), coalesce(first_sale, listed)) AS first_ds
    FROM first_sale LEFT JOIN listed USING (store_id, item_id);
CREATE TEMP TABLE priced AS  -- a week without a price has the last one before, else the first one after
    SELECT g.store_id, g.item_id, g.wm_yr_wk,
        coalesce(p.price, first_value(p.price IGNORE NULLS) OVER (
            PARTITION BY g.store_id, g.item_id ORDER BY g.week_start ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
        ) AS price,
        coalesce(p.is_promotion AND p.week_start = g.week_start, false) AS is_promotion
    FROM (SELECT store_id, item_id, weeks.* FROM series, weeks) g
    ASOF LEFT JOIN flagged p
        ON g.store_id = p.store_id AND g.item_id = p.item_id AND g.week_start >= p.week_start;
COPY (
    WITH dense AS (
        SELECT store_id, item_id, state_id, d, units FROM sold
        UNION ALL
        SELECT store_id, item_id, state_id, d, NULL FROM series, days
        WHERE ds > DATE '{AS_OF}' AND ds <= DATE '{AS_OF}' + {HORIZON}
    )
    SELECT item_id || '@' || store_id AS unique_id, ds, units::FLOAT AS y, price, is_promotion, event,
        CASE dense.state_id WHEN 'CA' THEN snap_CA WHEN 'TX' THEN snap_TX ELSE snap_WI END AS is_benefit_day
    FROM dense JOIN days USING (d) JOIN series USING (store_id, item_id) JOIN priced USING (store_id, item_id, wm_yr_wk)
    WHERE ds >= first_ds
) TO '{{panel}}' (FORMAT parquet, COMPRESSION zstd);
"""
CHECK = """
SELECT count(*) AS rows, sum(y) AS units, sum(round(price * 100))::BIGINT AS cents,
    count_if(is_promotion) AS promotions, count(event) AS events, count_if(is_benefit_day) AS benefit_days,
    bit_xor(hash(unique_id, ds, y, price, is_promotion, event, is_benefit_day)) AS checksum
FROM ({rows})
"""


def run_reference(script: str, panel: Path, threads: int, memory: str) -> tuple[float, float]:
    """Seconds and CPU seconds that DuckDB takes for a script that writes ``panel`` from the same files."""
    started, cpu = time.perf_counter(), time.process_time()
    with duckdb.connect() as connection:
        limits = {"threads": threads, "memory_limit": memory.upper() + "B", "temp_directory": str(panel.parent)}
        for name, value in limits.items():
            connection.execute(f"SET {name} = '{value}'")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(script)
    return time.perf_counter() - started, time.process_time() - cpu


def checks(rows: str, check: str = CHECK) -> dict[str, Any]:
    """What two panels that are the same share; ``checksum`` is over all cells of all rows, in any order."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        found = connection.execute(check.format(rows=rows))
        row = found.fetchone()
        assert row is not None
        assert found.description is not None
        return dict(zip([column[0] for column in found.description], row, strict=True))


def main() -> None:
    """Makes the files, runs both, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=10e6, help="cells: series x 1,941 days")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="4g", help="Spark's heap, and DuckDB's limit")
    parser.add_argument("--rebuild", action="store_true", help="make the day's night as a whole too, and compare")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--home", type=Path, help="an empty folder that stays; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = (options.home or Path(temporary)).absolute()
        data = home / "raw"
        data.mkdir(parents=True)
        cells = write_raw(data, int(options.rows))
        job = Job(home, options.threads, options.memory, options.set)
        job.run("job", BOTH, "m5_all", AS_OF, f"ingest.data={data}", f"ingest.m5.sales={SALES}", *SAME)
        peak = job.peak[0]
        there = home / "reference.parquet"
        script = REFERENCE.format(data=data, panel=there)
        reference, reference_cpu = run_reference(script, there, options.threads, options.memory)
        lake = home / "m5_all" / "lake"
        ours = checks(f"SELECT * FROM read_parquet({_files(lake, AS_OF)})")
        theirs = checks(f"SELECT * FROM read_parquet('{there}')")
        day = run_days(job, data, rebuild=options.rebuild)
        result = {
            "benchmark": "lake",
            "rows": cells,
            "cpus": options.threads,
            "memory": options.memory,
            "set": options.set,
            "job_seconds": job.seconds["job"],
            "peak_gib": round(peak / 2**30, 2),
            "reference_seconds": round(reference, 1),
            "cpu_seconds": job.seconds["job_cpu"],
            "reference_cpu_seconds": round(reference_cpu, 1),
            "first_day_seconds": job.seconds["first_day"],
            "day_seconds": job.seconds["day"],
            "day_peak_gib": round(job.peak[0] / 2**30, 2),
            "stages": job.seconds,
            "panel": ours,
            "reference": theirs,
            "agree": ours == theirs,
            "day": day,
            "raw_mb": round(_size(data) / 1e6, 1),
            "lake_mb": round(_size(lake) / 1e6, 1),
        }
    print(json.dumps(result))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
