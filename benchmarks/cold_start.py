"""How good the forecasts of new products are: a fifth of M5's items pretend to have been launched of late.

    SCALEINV_DATA=../shared/data python benchmarks/cold_start.py --env m5_all --cutoff 2016-04-24

Each of these items loses, in all stores, its sales and prices before a launch day: after the cutoff (nothing is known
but its price and what it is), or so many days before it. The stages run as on any night, and the forecasts of these
items on the days after the cutoff (but for those before the launch) are scored against what they really sold. Beside
them: the forecasts by the same models where nothing was taken away (``all known``), and the quantiles of all days of
the department's other items in the store, which one knows without any day of its own (``department``). WQL as in
``accuracy.py``. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from accuracy import demand, usable
from scaleinv.config import load_config
from scaleinv.evaluation import aggregate, statistics
from scaleinv.lake import Lake
from scaleinv.pipeline.arrays import Rows
from scaleinv.schema import table
from walk import walked

WEEKS = (-1, 0, 1, 2, 5)
"""Whole weeks of prices before the cutoff's own week that a launched item keeps; -1: its first week is the next one."""
SHARE = 0.2
"""Of the items, a class of launch as many as another."""


def launched(items: NDArray[np.str_], seed: int) -> NDArray[np.int64]:
    """Per item its class of launch, -1: an old item."""
    at = np.random.default_rng(seed).permutation(len(items))
    n = int(len(items) * SHARE)
    found = np.full(len(items), -1)
    found[at[:n]] = np.arange(n) % len(WEEKS)
    return found


def rewritten(source: Path, target: Path, cutoff: date, seed: int) -> tuple[dict[str, int], list[date]]:
    """M5 with late launches; item -> class, and the launch day of each class."""
    target.mkdir()
    shutil.copy(source / "calendar.parquet", target)
    calendar, prices = (pq.read_table(source / f"{name}.parquet") for name in ("calendar", "prices"))
    sales = pq.read_table(source / "sales_recent_all_series.parquet")
    items = np.unique(sales["item_id"].to_numpy(zero_copy_only=False).astype(str))
    classes = launched(items, seed)
    days = calendar["date"].cast(pa.string()).cast(pa.date32())
    weeks = calendar["wm_yr_wk"].cast(pa.int64())
    this = pc.min(days.filter(pc.equal(weeks, weeks[pc.index(days, pa.scalar(cutoff, pa.date32())).as_py()]))).as_py()
    first = [this - timedelta(weeks=before) for before in WEEKS]
    first_week = np.array([weeks[pc.index(days, pa.scalar(day, pa.date32())).as_py()].as_py() for day in first])
    of = dict(zip(items.tolist(), classes.tolist(), strict=True))
    at = pc.fill_null(pc.index_in(prices["item_id"], value_set=pa.array(items)), -1).to_numpy()
    price_class = np.append(classes, -1)[at]
    keep = (price_class < 0) | (prices["wm_yr_wk"].to_numpy().astype(np.int64) >= first_week[price_class])
    pq.write_table(prices.filter(pa.array(keep)), target / "prices.parquet")
    sale_class = np.array([of[item] for item in sales["item_id"].to_pylist()])
    launch = np.array([np.datetime64(day) for day in first])[sale_class]
    when = dict(zip(calendar["d"].to_pylist(), days.to_pylist(), strict=True))
    for at, name in enumerate(sales.column_names):
        if name in when:
            hidden = (sale_class >= 0) & (np.datetime64(when[name]) < launch)
            sales = sales.set_column(
                at, name, pc.if_else(pa.array(hidden), pa.scalar(0, sales[name].type), sales[name])
            )
    pq.write_table(sales, target / "sales_recent_all_series.parquet")
    return of, first


def forecasts(env: str, data: Path, cutoff: date, days: int, settings: list[str]) -> tuple[Rows, dict[str, Any]]:
    """What was sold in ``data``, and model -> mean and quantiles in the order of its series."""
    with tempfile.TemporaryDirectory() as temporary:
        os.environ |= {"SCALEINV_HOME": temporary, "SCALEINV_DATA": str(data)}
        settings = [*settings, f"evaluation.holdout_days={days}", f"evaluation.refresh_days={days}"]
        arguments = ["--env", env, "--as-of", str(cutoff + timedelta(days=days)), "--until", "evaluate"]
        walked([*arguments, *(part for one in settings for part in ("--set", one))], Path(temporary))
        config = load_config(env, overrides=settings)
        lake, levels = Lake(config.lake), config.forecast.quantile_levels
        rows = demand(lake)
        ids = rows.series["unique_id"].combine_chunks()
        found: dict[str, Any] = {"levels": levels}
        for model in lake.partition_values(table("gold/forecasts"), "model"):
            where = {"cutoff": cutoff, "model": model}
            made = lake.read(table("gold/forecasts"), columns=["unique_id", "mean", "quantiles"], where=where)
            at = pc.index_in(ids, value_set=made["unique_id"]).to_numpy()
            mean, quantiles = (np.stack(made[name].to_numpy()[at]) for name in ("mean", "quantiles"))
            found[model] = (mean, quantiles.reshape(*mean.shape, len(levels)))
        return rows, found


def by_department(rows: Rows, old: NDArray[np.bool_], cutoff: date, days: int, levels: tuple[float, ...]) -> Any:
    """Mean and quantiles of the last 56 days of all old items of the same department and store."""
    y, counts = usable(rows, cutoff - timedelta(days=55), 56)
    place = np.char.add(np.char.add(rows.text("location_id"), "/"), rows.text("department"))
    mean, quantiles = np.zeros((len(y), days)), np.zeros((len(y), days, len(levels)))
    for name in np.unique(place):
        here = place == name
        values = y[here & old][counts[here & old]]
        mean[here], quantiles[here] = values.mean(), np.quantile(values, levels)
    return mean, quantiles


def wql(rows: Rows, which: NDArray[np.bool_], first: date, cutoff: date, made: Any, levels: tuple[float, ...]) -> float:
    """WQL on the days after the cutoff from ``first`` on."""
    mean, quantiles = made
    actual, scored = usable(rows, cutoff + timedelta(days=1), mean.shape[1])
    scored[:, : max(0, (first - cutoff).days - 1)] = False
    sums = statistics(actual[which], scored[which], mean[which], quantiles[which], levels)
    return round(aggregate(sums, np.full(int(which.sum()), "all"))["all"]["wql"], 4)


def main() -> None:
    """Launches, walks twice, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="m5_all")
    parser.add_argument("--cutoff", type=date.fromisoformat, required=True)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    source = Path(os.environ["SCALEINV_DATA"])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        of, first = rewritten(source / "m5", folder / "m5", options.cutoff, options.seed)
        whole, known = forecasts(options.env, source, options.cutoff, options.days, options.set)
        rows, made = forecasts(options.env, folder, options.cutoff, options.days, options.set)
    levels = made.pop("levels")
    known.pop("levels")
    assert rows.series["unique_id"].equals(whole.series["unique_id"]), "a launch after the cutoff lost its series"
    classes = np.array([of[item] for item in rows.text("sku_id")])
    made["department"] = by_department(rows, classes < 0, options.cutoff, options.days, levels)
    made |= {f"{model}, all known": values for model, values in known.items()}
    result = {
        "benchmark": "cold_start", "env": options.env, "cutoff": str(options.cutoff), "days": options.days,
        "set": options.set, "cpus": os.cpu_count(), "launches": [
            {
                "first_day": str(day), "days_known": max(0, (options.cutoff - day).days + 1),
                "series": int((classes == at).sum()),
                "wql": {
                    model: wql(whole, classes == at, day, options.cutoff, values, levels)
                    for model, values in made.items()
                },
            }
            for at, day in enumerate(first)
        ],
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
