"""How near the estimates of demand come to the truth, where shelves were empty.

    python benchmarks/demand.py
    SCALEINV_DATA=../shared/data python benchmarks/demand.py --sample 10000

(1) Synthetic retailers that order too late and too little; their true demand is known. (2) Made-up hours with a known
demand: also what hiding full days, as below, does to the bias where the truth is known. (3) FreshRetailNet (real,
hourly): days on which no hour was out of stock are hidden behind stock-outs and recovered, in two ways. `pattern`: the
empty hours of another, really censored day of the same store, whatever the day sold. `run_out`: the stock of a really
censored day of the same series (what it had sold when it ran out), so that busy days are hidden and quiet ones are not.

The last line is one JSON object. Without the data set (3) is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scaleinv.config import SyntheticConfig
from scaleinv.features.estimate import estimate
from scaleinv.synthetic import shelf
from scaleinv.synthetic.assortment import CLASSES
from scaleinv.synthetic.block import simulate_block

POLICIES = {"tight": (2.5, 10.0, 1), "tighter": (1.5, 8.0, 1), "a little short": (3.5, 14.0, 2)}
"""Reorder days, cover days, shelf minimum of the old policy."""
HIDDEN_SHARE = 0.3
SERIES_PER_BUCKET = 1024


def synthetic(name: str, seed: int) -> dict[str, object]:
    """Totals of one retailer of 1,000 SKU-locations over two years."""
    reorder, cover, minimum = POLICIES[name]
    with patch.multiple(shelf, REORDER_DAYS=reorder, COVER_DAYS=cover, SHELF_MINIMUM=minimum):
        block = simulate_block(SyntheticConfig(seed=seed), 0)
    series, day = np.nonzero(block.listed)
    names = np.char.partition(block.unique_id, "@")
    sales, truth = block.sales[series, day].astype(float), block.true_demand[series, day].astype(float)
    short = block.on_hand[series, day] <= 0
    started = time.perf_counter()
    y, sd = estimated(
        names[series, 0], names[series, 2], block.days[day], sales, short, block.is_promotion[series, day]
    )
    seconds = time.perf_counter() - started
    kind, told = block.items.demand_class[block.item][series], sd > 0
    return {
        "retailer": name, "seed": seed, "series_days": len(sales), "seconds": round(seconds, 2),
        "true_total": truth.sum(), "stockout_share": rounded(short.mean()),
        "bias_sales": rounded(sales.sum() / truth.sum() - 1), "bias_estimate": rounded(y.sum() / truth.sum() - 1),
        "bias_estimate_by_class": {
            CLASSES[k]: rounded(y[kind == k].sum() / truth[kind == k].sum() - 1) for k in range(len(CLASSES))
        },
        "error_over_sd": rounded(np.sqrt((((truth - y)[told] / sd[told]) ** 2).mean())),
        "wape_sales_on_stockout_days": rounded(wape(sales[short], truth[short])),
        "wape_estimate_on_stockout_days": rounded(wape(y[short], truth[short])),
    }  # fmt: skip


def hourly(seed: int) -> dict[str, object]:
    """150 series over 90 days, half of the days with a stock of about a day's mean demand, in three shops."""
    random = np.random.default_rng(seed)
    n, n_days, hour = 150, 90, np.arange(24)
    level = random.gamma(1.5, 5 / 1.5, n) + 0.5
    course = np.exp(-0.5 * ((hour - 9) / 2.5) ** 2) + 0.7 * np.exp(-0.5 * ((hour - 17) / 2.5) ** 2)
    series, day = np.repeat(np.arange(n), n_days), np.tile(np.arange(n_days), n)
    rate = level[series] * random.gamma(3.0, 1 / 3.0, len(day)) * (1 + 0.3 * (day % 7 > 4))
    wanted = random.poisson(rate[:, None] * course / course.sum())
    stock = np.where(random.random(len(day)) < 0.5, wanted.sum(1) + 1, random.poisson(level[series]))
    sold = np.clip(stock[:, None] - (wanted.cumsum(1) - wanted), 0, wanted)
    out = wanted.cumsum(1) >= stock[:, None]

    def demand_of(hours: np.ndarray, empty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        names = np.char.add("A", series.astype(str)), np.char.add("S", (series % 3).astype(str))
        none = np.zeros(len(day), bool)
        dates = np.datetime64("2026-01-05") + day
        return estimated(*names, dates, hours.sum(1), none, none, hours=hours, empty=empty)

    y, sd = demand_of(sold, out)
    truth, short = wanted.sum(1), sd > 0
    hidden = np.flatnonzero(~out.any(1) & (random.random(len(day)) < HIDDEN_SHARE))
    more = out.copy()
    more[hidden] = out[random.choice(np.flatnonzero(out.any(1)), len(hidden))]
    recovered, _ = demand_of(sold * ~more, more)
    # As FreshRetailNet's `run_out`, of the same days.
    donor, limit = stocks(random, hidden, series, sold, out)
    given = hidden[donor >= 0]
    left = np.clip(limit[donor >= 0][:, None] - (sold[given].cumsum(1) - sold[given]), 0, sold[given])
    fewer, gone = sold.copy(), out.copy()
    fewer[given], gone[given] = left, sold[given].cumsum(1) >= limit[donor >= 0][:, None]
    ran_out, _ = demand_of(fewer, gone)
    given = given[gone[given].any(1)]
    return {
        "seed": seed, "series_days": len(day), "stockout_share": rounded(short.mean()),
        "bias_sales": rounded(sold.sum() / truth.sum() - 1), "bias_estimate": rounded(y.sum() / truth.sum() - 1),
        "bias_estimate_on_stockout_days": rounded(y[short].sum() / truth[short].sum() - 1),
        "bias_on_full_days_that_were_hidden": rounded(recovered[hidden].sum() / truth[hidden].sum() - 1),
        "bias_on_full_days_that_ran_out": rounded(ran_out[given].sum() / truth[given].sum() - 1),
    }  # fmt: skip


def fresh(path: Path, n_series: int, seed: int) -> dict[str, object]:
    """Days of FreshRetailNet hidden and recovered; whole stores, at random, until there are ``n_series``."""
    columns = ["store_id", "product_id", "dt", "hours_sale", "hours_stock_status", "activity_flag"]
    table = pq.read_table(path, columns=columns[:2])
    store, product = (np.asarray(table[name]).astype(np.int64) for name in columns[:2])
    random = np.random.default_rng(seed)
    found, sizes = np.unique(np.unique(store * 100_000 + product) // 100_000, return_counts=True)
    order = random.permutation(len(found))
    chosen = found[order][np.cumsum(sizes[order]) - sizes[order] < n_series]
    table = pq.read_table(path, columns=columns, filters=[("store_id", "in", chosen.tolist())])
    store, product = (np.asarray(table[name]).astype(np.int64) for name in columns[:2])
    series = np.unique(store * 100_000 + product, return_inverse=True)[1]
    day = table["dt"].to_numpy()
    sold = table["hours_sale"].combine_chunks().flatten().to_numpy().reshape(-1, 24)
    out = table["hours_stock_status"].combine_chunks().flatten().to_numpy().reshape(-1, 24) == 1
    promotion = np.asarray(table["activity_flag"]) == 1
    full = ~out.any(1)
    candidates = np.flatnonzero(full & (random.random(len(full)) < HIDDEN_SHARE))
    result: dict[str, object] = {"series": int(series.max()) + 1, "stores": len(chosen), "series_days": len(full)}
    ways = {
        "pattern": patterns(random, candidates, store, out),
        "run_out": stocks(random, candidates, series, sold, out),
    }
    for name, (donor, limit) in ways.items():
        rows = candidates[donor >= 0]
        hours, empty = sold.copy(), out.copy()
        if limit is None:
            empty[rows] = out[donor[donor >= 0]]
            hours[rows] *= ~empty[rows]
        else:
            after = sold[rows].cumsum(1)
            stock = limit[donor >= 0][:, None]
            empty[rows] = after >= stock - 1e-9
            hours[rows] = np.clip(stock - (after - sold[rows]), 0, sold[rows])
        hidden = rows[empty[rows].any(1)]
        started = time.perf_counter()
        bucket = np.unique(store, return_inverse=True)[1] * 76 // SERIES_PER_BUCKET  # whole stores
        y, sd = estimated(
            product.astype(str), store.astype(str), day, hours.sum(1), np.zeros(len(full), bool), promotion,
            hours=hours, empty=empty, bucket=bucket,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        truth = sold.sum(1)
        seen = ~empty.any(1)
        weekday = (day.astype("datetime64[D]").astype(np.int64) + 3) % 7
        mean = means(series, truth, seen, int(series.max()) + 1)
        by_weekday = means(series * 7 + weekday, truth, seen, (int(series.max()) + 1) * 7)
        guesses = {
            "estimate": y,
            "sales": hours.sum(1),
            "dropped, mean of full days": mean[series],
            "dropped, mean of full weekdays": np.where(
                np.isnan(by_weekday), np.repeat(mean, 7), by_weekday
            )[series * 7 + weekday],
        }  # fmt: skip
        known = hidden[~np.isnan(mean[series[hidden]])]
        censored = known[sd[known] > 0]
        result[name] = {
            "hidden_days": len(known), "seconds": round(seconds, 1),
            "share_hidden": rounded(1 - hours[known].sum() / sold[known].sum()),
            "wape": {key: rounded(wape(value[known], truth[known])) for key, value in guesses.items()},
            "bias": {key: rounded(value[known].sum() / truth[known].sum() - 1) for key, value in guesses.items()},
            "bias_of_all_full_days": {
                key: rounded(guesses[key][full].sum() / truth[full].sum() - 1) for key in ("estimate", "sales")
            },
            "within_1.645_sd": rounded((np.abs(truth - y)[censored] < 1.645 * sd[censored]).mean()),
        }  # fmt: skip
    return result


def patterns(
    random: np.random.Generator, days: np.ndarray, store: np.ndarray, out: np.ndarray
) -> tuple[np.ndarray, None]:
    """For each day a really censored day of its store; -1: there is none."""
    return drawn(random, store[days], store, out.any(1)), None


def stocks(
    random: np.random.Generator, days: np.ndarray, series: np.ndarray, sold: np.ndarray, out: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each day a day of its series that ran out after it had sold something, and what that was."""
    total = sold.sum(1)
    donor = drawn(random, series[days], series, out[:, 12:20].all(1) & (total > 0))
    return donor, np.where(donor >= 0, total[donor], 0.0)


def drawn(random: np.random.Generator, wanted: np.ndarray, group: np.ndarray, may: np.ndarray) -> np.ndarray:
    """A row of group ``wanted`` at random among those that ``may``; -1: there is none."""
    rows = np.flatnonzero(may)
    rows = rows[np.argsort(group[rows], kind="stable")]
    first, last = (np.searchsorted(group[rows], wanted, side=side) for side in ("left", "right"))
    at = first + (random.random(len(wanted)) * (last - first)).astype(np.int64)
    return np.where(last > first, rows[np.minimum(at, len(rows) - 1)], -1)


def means(group: np.ndarray, values: np.ndarray, which: np.ndarray, n: int) -> np.ndarray:
    """(n,) mean of ``values`` where ``which``; nan: none."""
    count = np.bincount(group[which], minlength=n)
    return np.where(count > 0, np.bincount(group[which], values[which], n) / np.maximum(count, 1), np.nan)


def estimated(
    sku: np.ndarray,
    location: np.ndarray,
    day: np.ndarray,
    sales: np.ndarray,
    short: np.ndarray,
    promotion: np.ndarray,
    *,
    hours: np.ndarray | None = None,
    empty: np.ndarray | None = None,
    bucket: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Demand of every row and its standard deviation, by what Spark runs on a worker, one bucket after the other."""
    nothing = pa.nulls(len(sales), pa.list_(pa.float32()))
    rows = pa.table(
        {
            "sku_id": pa.array(sku.tolist()), "location_id": pa.array(location.tolist()),
            "date": pa.array(day.astype("datetime64[D]"), pa.date32()), "sales": pa.array(sales, pa.float32()),
            "is_stockout": short, "is_promotion": promotion,
            "hour_sales": nothing if hours is None else lists(hours.astype(np.float32)),
            "hour_stockout": nothing if empty is None else lists(empty),
            "row": np.arange(len(sales)),
        }
    )  # fmt: skip
    bucket = np.zeros(len(sales), np.int64) if bucket is None else bucket
    key = ["sku_id", "location_id", "date"]
    y, sd = sales.astype(float), np.zeros(len(sales))
    for number in range(int(bucket.max()) + 1):
        mine = rows.filter(pa.array(bucket == number))
        found = estimate(mine.drop("row")).join(mine.select([*key, "row"]), key)
        at = found["row"].to_numpy()
        y[at], sd[at] = found["y"].to_numpy(), found["y_sd"].to_numpy()
    return y, sd


def lists(values: np.ndarray) -> pa.ListArray:
    """(n, 24) as a list per row."""
    ends = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values.ravel()))


def wape(guess: np.ndarray, truth: np.ndarray) -> float:
    """Absolute error over demand."""
    return float(np.abs(guess - truth).sum() / truth.sum())


def rounded(value: float) -> float:
    """Four digits after the point."""
    return round(float(value), 4)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=2000, metavar="N", help="series of FreshRetailNet")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    result: dict[str, object] = {
        "benchmark": "demand", "cpus": os.cpu_count(), "seed": options.seed,
        "synthetic": [synthetic(name, options.seed + n) for name in POLICIES for n in range(2)],
        "hourly": [hourly(options.seed + n) for n in range(3)],
    }  # fmt: skip
    path = Path(os.environ.get("SCALEINV_DATA", "data")) / "freshretailnet" / "hourly.parquet"
    if path.exists():
        result["freshretailnet"] = fresh(path, options.sample, options.seed)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
