"""Tonight's policies of ten million SKU-locations, Delta to Delta, and the kernels beside NumPy, SciPy and stockpyl.

``python benchmarks/optimizer.py --rows 10000000 --folder FOLDER [--ray] [--stockpyl 300]``; the last line is one JSON
object. The tables are made once in FOLDER, not timed: ``gold/forecasts`` (28 steps x 9 cumulative quantiles; the daily
quantiles, which no policy of this method reads, are empty lists) and ``gold/series``. Timed is the job: both are read
group by group, protection demand and policies computed by the room's own functions, ``gold/policies`` written and
committed once; threads overlap reading, computing and writing. References run on one core, ours on
``NUMBA_NUM_THREADS``; ``ratio_per_core`` compares processor time, and does not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import scipy.special as sp
from scipy.stats import nbinom

from scaleinv import inventory
from scaleinv.config.models import LakeConfig, RayConfig
from scaleinv.fanout import Task, fan_out
from scaleinv.lake import Lake, StagedFile
from scaleinv.schema import Table, table

LEVELS = np.array((0.005, 0.025, 0.165, 0.25, 0.5, 0.75, 0.835, 0.975, 0.995))
HORIZON, REVIEW, N_SAMPLES, AS_OF = 28, 7, 400, date(2026, 11, 26)
N_VENDORS = 8
RQ = {"holding_cost": 1.0, "stockout_cost": 9.0, "ordering_cost": 20.0, "lead_time": 3.0}
LEAD_TIMES = np.zeros((N_VENDORS, 15))
for _vendor in range(N_VENDORS):
    LEAD_TIMES[_vendor, [2 + _vendor % 3, 4 + _vendor % 3, 7 + _vendor]] = 0.5, 0.3, 0.2
TARGETS = {"A": 0.98, "B": 0.98, "C": 0.95}
COSTS = {"ordering_cost": 1.0, "holding_rate": 0.25, "max_cover_days": 14}
FORECASTS, SERIES, POLICIES = (table(f"gold/{name}") for name in ("forecasts", "series", "policies"))
_READ = ["unique_id", "sku_id", "location_id", "vendor_id", "abc_class", "unit_cost", "min_order_quantity",
         "order_multiple", "review_period"]  # fmt: skip
HERE = Path(__file__).parent


# --- tables -------------------------------------------------------------------------------------------------------


def group_of(number: int) -> str:
    """A group's name."""
    return f"g{number:04d}"


def make_group(lake: Lake, number: int, n: int, *, daily: bool = False) -> list[tuple[Table, StagedFile]]:
    """One group's forecasts (gamma-like, by Wilson & Hilferty, means 0.1 to 50 a day) and facts."""
    rng = np.random.default_rng(number)
    mean = np.exp(rng.uniform(np.log(0.1), np.log(50), n)).astype(np.float32)
    days = np.arange(1, HORIZON + 1, dtype=np.float32)
    square = (1 / mean + 0.5)[:, None] / days / 9
    root = 1 - square[..., None] + np.sqrt(square)[..., None] * sp.ndtri(LEVELS).astype(np.float32)
    cumulative = (mean[:, None] * days)[..., None] * np.maximum(root, 0) ** 3
    unique = [f"S{number:04d}{i:06d}@L{i % 997:04d}" for i in range(n)]
    columns: dict[str, Any] = {
        "cutoff": pa.array([AS_OF] * n, pa.date32()),
        "unique_id": unique,
        "fitted_model": ["tft"] * n,
        "mean": lists(np.repeat(mean[:, None], HORIZON, axis=1)),
        "quantiles": lists(np.repeat(cumulative[:, :1], HORIZON, axis=1).reshape(n, -1))
        if daily
        else pa.array([[]] * n, pa.list_(pa.float32())),
        "cumulative_quantiles": lists(cumulative.reshape(n, -1)),
        "model": ["tft"] * n,
    }
    facts: dict[str, Any] = {
        "unique_id": unique,
        "sku_id": [name[:11] for name in unique],
        "location_id": [name[12:] for name in unique],
        "category": [f"C{i % 10}" for i in range(n)],
        "region": [f"R{i % 997 % 5}" for i in range(n)],
        "vendor_id": [f"V{v}" for v in rng.integers(0, N_VENDORS, n)],
        "abc_class": rng.choice(["A", "B", "C"], n, p=[0.2, 0.3, 0.5]).tolist(),
        "unit_cost": np.round(np.exp(rng.uniform(-1, 4, n)), 2),
        "unit_price": np.full(n, 100.0),
        "min_order_quantity": np.ones(n),
        "order_multiple": rng.choice([1.0, 6.0, 12.0], n),
        "review_period": np.full(n, REVIEW),
    }
    made = []
    for contract, given in ((FORECASTS, columns), (SERIES, facts)):
        fill = {"as_of": pa.array([AS_OF] * n, pa.date32()), "group_id": [group_of(number)] * n}
        arrays = []
        for field in contract.schema:
            value = {**fill, **given}.get(field.name)
            arrays.append(plain(field.type, n) if value is None else pa.array(value).cast(field.type))
        rows = pa.Table.from_arrays(arrays, schema=contract.schema)
        where = {"as_of": AS_OF, "group_id": group_of(number)}
        if contract is FORECASTS:
            where |= {"cutoff": AS_OF, "model": "tft"}
        made.append((contract, lake.stage_file(contract, rows, partition=where)))
    return made


def lists(values: np.ndarray) -> pa.Array:
    """A matrix as a list column."""
    offsets = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1)))


def plain(kind: pa.DataType, n: int) -> pa.Array:
    """A column that this job does not read."""
    value: Any = "-" if pa.types.is_string(kind) else AS_OF if pa.types.is_date(kind) else 1
    return pa.array([value] * n, kind)


def make_tables(lake: Lake, groups: int, size: int) -> None:
    """Both tables, once."""
    with ThreadPoolExecutor(2) as pool:
        made = [
            one for group in pool.map(lambda number: make_group(lake, number, size), range(groups)) for one in group
        ]
    for contract in (FORECASTS, SERIES):
        lake.commit(contract, [file for owner, file in made if owner is contract], where={"as_of": AS_OF})


# --- the job ------------------------------------------------------------------------------------------------------


@dataclass
class Part:
    """One group: its file, not committed yet, and where the time went."""

    file: StagedFile
    read: float
    compute: float
    write: float


def matrix(column: pa.ChunkedArray, width: int) -> np.ndarray:
    """A list column as a matrix, without a copy where it is one chunk."""
    return np.asarray(column.combine_chunks().flatten()).reshape(-1, width)


def work(lake: Lake, group: str, threads: int = 1) -> Part:
    """One group from the tables read to the file written."""
    numba.set_num_threads(threads)
    start = time.perf_counter()
    facts = lake.read(SERIES, where={"as_of": AS_OF, "group_id": group}, columns=_READ)
    where = {"as_of": AS_OF, "cutoff": AS_OF, "model": "tft", "group_id": group}
    found = lake.read(FORECASTS, where=where, columns=["unique_id", "mean", "cumulative_quantiles"])
    if not facts["unique_id"].equals(found["unique_id"]):
        raise AssertionError(f"{group}: facts and forecasts are not in the same order")
    n = facts.num_rows
    cumulative = matrix(found["cumulative_quantiles"], HORIZON * len(LEVELS)).reshape(n, HORIZON, -1)
    mean = matrix(found["mean"], HORIZON).mean(axis=1, dtype=np.float64)
    got = time.perf_counter()
    vendor = np.asarray(facts["vendor_id"].combine_chunks().cast(pa.string()).to_numpy(zero_copy_only=False))
    classes = np.asarray(facts["abc_class"].combine_chunks().cast(pa.string()).to_numpy(zero_copy_only=False))
    targets = np.array([TARGETS[name] for name in classes.tolist()])
    demand = inventory.protection_demand(
        cumulative, LEVELS, LEAD_TIMES, np.array([int(name[1:]) for name in vendor.tolist()]),
        facts["review_period"].to_numpy().astype(np.int64),
        key=np.arange(n, dtype=np.uint64) + np.uint64(int(group[1:]) << 32), n_samples=N_SAMPLES, seed=7,
    )  # fmt: skip
    columns = {name: facts[name].to_numpy() for name in ("unit_cost", "min_order_quantity", "order_multiple")}
    tonight = inventory.policies(
        demand, method="quantile", is_fill_rate=np.ones(n, dtype=np.bool_), target=targets,
        mean_daily=mean, sd_daily=0.0, **columns, **COSTS,
    )  # fmt: skip
    computed = time.perf_counter()
    rows: dict[str, Any] = {name: facts[name] for name in _READ[:4]} | asdict(tonight)
    same = {"group_id": group, "model": "tft", "method": "quantile", "target_kind": "fill_rate"}
    rows |= {name: pa.repeat(value, n) for name, value in same.items()}
    rows |= {"as_of": pa.array([AS_OF] * n, pa.date32()), "target": targets}
    rows |= dict.fromkeys(("constraint_change", "quantity_change"), np.zeros(n))  # nothing limits stock here
    rows |= {name: pa.nulls(n, POLICIES[name].type) for name in ("level_limit", "constraint", "problem")}
    content = pa.table({name: rows[name] for name in POLICIES.names}, schema=POLICIES.schema)
    file = lake.stage_file(POLICIES, content, partition={"as_of": AS_OF, "group_id": group})
    return Part(file, got - start, computed - got, time.perf_counter() - computed)


def job(lake: Lake, groups: list[str], threads: int) -> list[Part]:
    """All groups on this machine, and one commit."""
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda group: work(lake, group), groups))
    lake.commit(POLICIES, [part.file for part in parts], where={"as_of": AS_OF})
    return parts


def _on_ray(payload: tuple[Lake, str]) -> StagedFile:
    return work(*payload).file


def job_on_ray(lake: Lake, groups: list[str], workers: int) -> int:
    """The same as one Ray job over the groups; commits nothing where the files are those that are there already."""
    tasks = [Task(id=group, payload=(lake, group), cost=1.0) for group in groups]
    files = []
    for outcome in fan_out(_on_ray, tasks, RayConfig(num_workers=workers)):
        if not outcome.ok:
            raise RuntimeError(f"{outcome.id}: {outcome.error}")
        files.append(outcome.value)
    return lake.commit(POLICIES, files, where={"as_of": AS_OF})


# --- kernels ------------------------------------------------------------------------------------------------------


def best(function: Callable[..., np.ndarray], *args: Any, repeat: int = 3) -> tuple[np.ndarray, float, float]:
    """The result, and the least seconds, by the clock and of the processors: something else may be running besides."""
    seconds, processor, result = [], [], np.empty(0)
    for _ in range(repeat):
        start, used = time.perf_counter(), time.process_time()
        result = function(*args)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return result, min(seconds), min(processor)


def newton(fill_rate: np.ndarray, quantity: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Vectorised NumPy: Newton's steps on ``G(z) = (1 - b) Q / sigma`` until none moves by 1e-10."""
    wanted = (1 - fill_rate) * quantity / spread
    z = np.zeros_like(wanted)
    for _ in range(60):
        tail = sp.ndtr(-z)
        step = (np.exp(-0.5 * z * z) / 2.5066282746310002 - z * tail - wanted) / tail
        z = z + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return z * spread


def sums_of(paths: np.ndarray, days: np.ndarray) -> np.ndarray:
    """(n_series, n_samples) sums of the first days of each path."""
    return np.take_along_axis(np.cumsum(paths, axis=2), days[..., None] - 1, axis=2)[..., 0]


def by_numpy(paths: np.ndarray, days: np.ndarray, level: float) -> np.ndarray:
    """Cumulative sums, then NumPy's quantile."""
    return np.asarray(np.quantile(sums_of(paths, days), level, axis=1, method="inverted_cdf"))


def by_mask(paths: np.ndarray, days: np.ndarray, level: float) -> np.ndarray:
    """The quickest that was found: sums under a mask, then a partition."""
    sums = paths.sum(axis=2, where=np.arange(paths.shape[2]) < days[..., None])
    place = int(np.ceil(level * sums.shape[1] - 1e-9)) - 1
    return np.asarray(np.partition(sums, place, axis=1)[:, place])


def kernels(n: int) -> tuple[dict[str, dict[str, float]], tuple[np.ndarray, ...]]:
    """Every kernel beside its reference on the same arrays."""
    rng = np.random.default_rng(1)
    level = rng.choice([0.9, 0.95, 0.98, 0.99], n)
    mean = np.exp(rng.uniform(np.log(0.05), np.log(50), n))
    sd, days, lead = np.sqrt(mean * rng.uniform(1.1, 4, n)), rng.integers(2, 22, n).astype(float), rng.uniform(0, 3, n)
    total, variance = mean * days, days * sd**2 + (mean * lead) ** 2
    found: dict[str, dict[str, float]] = {}

    def note(
        name: str, ours: tuple[np.ndarray, float, float], other: tuple[np.ndarray, float, float], limit: float
    ) -> None:
        off = float(np.max(np.abs(ours[0] - other[0]) / np.maximum(np.abs(other[0]), 1e-3)))
        assert off <= limit, (name, off)
        rows = len(ours[0])
        found[name] = {
            "per_second": round(rows / ours[1]), "reference_per_second": round(rows / other[1]),
            "ratio": round(other[1] / ours[1], 1), "ratio_per_core": round(other[2] / ours[2], 2),
            "greatest_difference": off,
        }  # fmt: skip

    few, fewer, r = slice(0, n // 5), slice(0, n // 10), inventory
    args: tuple[Any, ...] = (level, mean, sd, days, lead)
    best(r.normal_reorder_point, *[a[:9] for a in args])
    formula = lambda p, m, s, t, sl: t * m + sp.ndtri(p) * np.sqrt(t * s**2 + (m * sl) ** 2)  # noqa: E731
    note("normal", best(r.normal_reorder_point, *args, repeat=7), best(formula, *args, repeat=5), 1e-9)
    args = (level[few], total[few], variance[few])
    best(r.gamma_reorder_point, *[a[:9] for a in args])
    note("gamma", best(r.gamma_reorder_point, *args, repeat=5),
         best(lambda p, m, v: sp.gammaincinv(m * m / v, p) * (v / m), *args), 1e-9)  # fmt: skip
    args = (level[fewer], total[fewer], variance[fewer])
    best(r.negative_binomial_reorder_point, *[a[:9] for a in args])
    note("negative_binomial", best(r.negative_binomial_reorder_point, *args, repeat=5),
         best(lambda p, m, v: nbinom.ppf(p, m * m / (v - m), m / v), *args), 0)  # fmt: skip
    args = (level[few], 5 * mean[few], np.sqrt(variance[few]))
    best(r.fill_rate_safety_stock, *[a[:9] for a in args])
    note("fill_rate", best(r.fill_rate_safety_stock, *args, repeat=5), best(newton, *args), 1e-7)
    rows = 4000
    protected = r.path_days(
        LEAD_TIMES, np.arange(rows) % N_VENDORS, np.full(rows, REVIEW), key=np.arange(rows, dtype=np.uint64),
        n_samples=500, seed=1,
    )  # fmt: skip
    protected = np.minimum(protected, 21)
    paths = rng.poisson(3, (rows, 500, 21)).astype(np.float32)
    best(r.path_quantile, paths[:9], protected[:9], 0.95)
    ours = best(r.path_quantile, paths, protected, 0.95, repeat=5)
    note("paths", ours, best(by_numpy, paths, protected, 0.95), 0)
    note("paths_beside_quickest_numpy", ours, best(by_mask, paths, protected, 0.95), 0)
    return found, (level, total, variance)


def stockpyl(arrays: tuple[np.ndarray, ...], n: int, found: dict[str, dict[str, float]]) -> dict[str, float]:
    """The same SKUs through stockpyl, pinned, in an environment that is thrown away."""
    level, mean, variance = (array[:n] for array in arrays)
    with tempfile.TemporaryDirectory() as folder:
        home, data = Path(folder) / "env", Path(folder) / "rows.txt"
        np.savetxt(data, np.stack([mean, variance, level], axis=1), fmt="%.17g")
        uv = os.environ.get("UV", "uv")
        subprocess.run([uv, "venv", "-q", "--python", "3.11", str(home)], check=True)
        python = str(home / "bin" / "python")
        wanted = str(HERE.parent / "requirements" / "stockpyl.txt")
        subprocess.run([uv, "pip", "install", "-q", "--require-hashes", "--python", python, "-r", wanted], check=True)
        clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        ran = subprocess.run(
            [python, str(HERE / "optimizer_stockpyl.py"), str(data), *map(str, RQ.values())],
            check=True,
            capture_output=True,
            text=True,
            env=clean,
        )
    theirs = json.loads(ran.stdout.splitlines()[-1])
    ours = inventory.normal_reorder_point(level, mean, np.sqrt(variance), 1.0, 0.0)
    assert np.allclose(ours, theirs["normal"], rtol=1e-9)
    counts = inventory.negative_binomial_reorder_point(level, mean, variance)
    costs = {name: value for name, value in RQ.items() if name != "lead_time"}
    optimum = best(
        lambda: inventory.reorder_optimum(inventory.Poisson(mean), demand_rate=mean / RQ["lead_time"], **costs)
    )
    assert np.allclose(optimum[0][2][::10], np.array(theirs["exact_r_q"])[:, 2], rtol=1e-9)
    found["exact_r_q"] = {"per_second": n / optimum[1]}
    result = {f"{name}_per_second": round(speed) for name, speed in theirs["speeds"].items()}
    result["rows"] = n
    result["negative_binomial_rows_that_differ"] = int((counts != np.array(theirs["negative_binomial"])).sum())
    for name, speed in theirs["speeds"].items():
        result[f"{name}_ratio"] = round(found[name]["per_second"] / speed)
    found["exact_r_q"]["per_second"] = round(found["exact_r_q"]["per_second"])
    return result


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--group", type=int, default=25_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kernel-rows", type=int, default=1_000_000)
    parser.add_argument("--ray", action="store_true", help="the job once more, by Ray")
    parser.add_argument("--stockpyl", type=int, default=0, help="SKUs through stockpyl (needs uv)")
    args = parser.parse_args()

    n_groups = max(1, args.rows // args.group)
    size = args.rows // n_groups
    lake = Lake(LakeConfig(root=str(args.folder / f"lake-{args.rows}-{size}")))
    if not lake.exists(SERIES):
        make_tables(lake, n_groups, size)
    groups = [group_of(number) for number in range(n_groups)]
    before = os.times()
    start = time.perf_counter()
    parts = job(lake, groups, args.threads)
    seconds = time.perf_counter() - start
    after = os.times()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    result: dict[str, Any] = {
        "rows": size * n_groups, "group": size, "threads": args.threads, "n_samples": N_SAMPLES,
        "job_seconds": round(seconds, 1), "processor_seconds": round(sum(after[:2]) - sum(before[:2]), 1),
        "peak_gib": round(peak, 2), "load": [round(one, 1) for one in os.getloadavg()],
    }  # fmt: skip
    for name in ("read", "compute", "write"):
        result[f"{name}_thread_seconds"] = round(sum(getattr(part, name) for part in parts), 1)
    print(json.dumps(result), file=sys.stderr)
    if args.ray:
        version = lake.version(POLICIES)
        start = time.perf_counter()
        result["ray_is_identical"] = job_on_ray(lake, groups, args.threads) == version
        result["ray_seconds"] = round(time.perf_counter() - start, 1)
    result["kernels"], arrays = kernels(args.kernel_rows)
    if args.stockpyl:
        result["stockpyl"] = stockpyl(arrays, args.stockpyl, result["kernels"])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
