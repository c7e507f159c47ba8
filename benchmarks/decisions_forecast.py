"""Demand of the next 14 days of 30,490 series as one distribution: the forecast behind ``decisions.py``.

Boosted trees learn the sum itself, not its days, from what was known before earlier days: means of several spans,
weeks, the time since the last sale, the same article elsewhere, its department's trend, price, and how many SNAP days
and events come. A second set of trees learns how far off the first is (squared errors of articles that the first has
not seen, over the mean). A negative binomial stands around the mean.

``months`` adds M5's units per month since 2011, of months that had ended: what 56 days cannot know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import xgboost
from numpy.typing import NDArray

from scaleinv.inventory.compiled import compiled

Floats = NDArray[np.float64]

FIRST_DAY = np.datetime64("2015-11-25")
"""d_1762"""
N_FIRST = 1762
AHEAD = 14
_SPAN = 56
"""Days that are looked back upon."""
_LEAST_PAST = 28
_TREES = {
    "tree_method": "hist", "max_depth": 6, "eta": 0.08, "min_child_weight": 20, "subsample": 0.7,
    "colsample_bytree": 0.6, "max_delta_step": 0.7,
}  # fmt: skip


@dataclass(frozen=True)
class M5:
    """(n_series, n_days) unless said otherwise, d_1762 … d_1941."""

    y: Floats
    price: Floats
    item: NDArray[np.int64]
    department: NDArray[np.int64]
    store: NDArray[np.int64]
    snap: Floats
    """(n_series, n_days + 14)"""
    event: Floats
    """(n_days + 14,)"""
    monthly: Floats
    """(n_series, n_months) units, from January 2011 on"""

    @property
    def n_days(self) -> int:
        """Days of demand."""
        return self.y.shape[1]


def m5(folder: Path) -> M5:
    """The recent table, its prices (the next known one, else the last) and calendar."""
    sales = pq.read_table(folder / "sales_recent_all_series.parquet").to_pandas()
    days = [name for name in sales.columns if name.startswith("d_")]
    calendar = pq.read_table(folder / "calendar.parquet").to_pandas().iloc[N_FIRST - 1 :].reset_index(drop=True)
    calendar = calendar.iloc[: len(days) + AHEAD]
    week = calendar["wm_yr_wk"].to_numpy()[: len(days)]
    key = pd.MultiIndex.from_frame(sales[["item_id", "store_id"]])
    prices = pq.read_table(folder / "prices.parquet", filters=[("wm_yr_wk", ">=", int(week[0]))]).to_pandas()
    wide = prices.pivot(index=["item_id", "store_id"], columns="wm_yr_wk", values="sell_price").reindex(key)
    price = wide[week].bfill(axis=1).ffill(axis=1).to_numpy()
    monthly = pq.read_table(folder / "sales_monthly_all_series.parquet").to_pandas()
    monthly = monthly.pivot(index=["item_id", "store_id"], columns="date", values="sales").reindex(key)
    codes = {name: pd.factorize(sales[name])[0].astype(np.int64) for name in ("item_id", "dept_id", "store_id")}
    snap = np.stack([calendar[f"snap_{state}"] for state in sales["state_id"].unique()]).astype(np.float64)
    return M5(
        y=sales[days].to_numpy(np.float64), price=price, item=codes["item_id"], department=codes["dept_id"],
        store=codes["store_id"], snap=snap[pd.factorize(sales["state_id"])[0]],
        event=calendar["event_name_1"].notna().to_numpy(np.float64), monthly=monthly.fillna(0).to_numpy(np.float64),
    )  # fmt: skip


def columns(data: M5, day: int, *, months: bool) -> dict[str, Floats]:
    """Name -> (n_series,) what is known before ``day`` (0 is d_1762); nothing of the day itself but the calendar."""
    span = min(day, _SPAN)
    past = data.y[:, day - span : day]
    sold = past > 0
    made: dict[str, Floats] = {f"mean_{n}": past[:, -n:].mean(1) for n in (7, 14, 28)}
    made["mean"] = past.mean(1)
    for rate in (0.03, 0.1):
        weight = (1 - rate) ** np.arange(span - 1, -1, -1)
        made[f"smooth_{rate}"] = past @ weight / weight.sum()
    for week in range(4):
        made[f"week_{week}"] = past[:, span - 7 * week - 7 : span - 7 * week].sum(1)
    made["since_sale"] = np.where(sold.any(1), np.argmax(sold[:, ::-1], axis=1), 99)
    made["sale_share"] = sold.mean(1)
    made["size"] = past.sum(1) / np.maximum(sold.sum(1), 1)
    made["dispersion"] = past.var(1) / np.maximum(made["mean"], 0.02)
    made["most"] = past.max(1)
    running = np.cumsum(np.pad(past, ((0, 0), (1, 0))), axis=1)
    fortnight = running[:, AHEAD:] - running[:, :-AHEAD]
    made["most_14"], made["least_14"] = fortnight.max(1), fortnight.min(1)
    for name in ("mean_7", "mean_28"):
        made[f"item_{name}"] = _total(made[name], data.item)
    made["item_stores"] = _total((made["mean_28"] > 0).astype(np.float64), data.item)
    group = data.store * (data.department.max() + 1) + data.department
    made["trend"] = _total(made["mean_7"], group) / np.maximum(_total(made["mean_28"], group), 1e-9)
    price = data.price[:, day - 1]
    made["price"] = np.log(price)
    made["price_change"] = price / data.price[:, day - span : day].mean(1)
    made["price_step"] = price / data.price[:, day - 15]
    made["snap"] = data.snap[:, day : day + AHEAD].sum(1)
    made["snap_before"] = data.snap[:, day - 28 : day].sum(1)
    made["events"] = np.full(len(price), data.event[day : day + AHEAD].sum())
    if months:
        made |= _monthly(data, day)
    made["department"], made["store"] = data.department.astype(np.float64), data.store.astype(np.float64)
    return made


def _monthly(data: M5, day: int) -> dict[str, Floats]:
    """Units a day of whole months that ended before ``day``; the month's own and the next one of a year ago."""
    until = int(((FIRST_DAY + day).astype("datetime64[M]") - np.datetime64("2011-01")).astype(int))

    def mean(first: int, last: int) -> Floats:
        return np.asarray(data.monthly[:, first:last].mean(1) / 30.4)

    year_ago, before = mean(until - 12, until - 10), mean(until - 14, until - 12)
    return {
        "month": mean(until - 1, until), "quarter": mean(until - 3, until), "year": mean(until - 12, until),
        "year_before": mean(until - 24, until - 12), "year_ago": year_ago,
        "season": year_ago / np.maximum(before, 0.02), "most_month": data.monthly[:, until - 12 : until].max(1),
        "months_sold": (data.monthly[:, until - 24 : until] > 0).sum(1).astype(np.float64),
    }  # fmt: skip


def _total(values: Floats, group: NDArray[np.int64]) -> Floats:
    return np.bincount(group, values)[group]


@dataclass(frozen=True)
class Trees:
    """Two of the mean, each learnt from half of the articles, and one of the dispersion."""

    means: list[xgboost.Booster]
    dispersion: xgboost.Booster

    def __call__(self, seen: NDArray[np.float32], start: Floats) -> tuple[Floats, Floats]:
        """(n_series,) mean and variance of the demand of 14 days."""
        matrix = xgboost.DMatrix(seen, base_margin=start)
        mean = np.mean([model.predict(matrix) for model in self.means], axis=0).astype(np.float64)
        over = self.dispersion.predict(xgboost.DMatrix(np.column_stack([seen, np.log(mean)])))
        return mean, mean * np.maximum(over, 1.0)


def seen_before(data: M5, day: int, *, months: bool) -> tuple[NDArray[np.float32], Floats]:
    """(n_series, n_columns) and the logarithm of the mean that the trees start from."""
    made = columns(data, day, months=months)
    start = np.log(AHEAD * (0.7 * made["smooth_0.1"] + 0.3 * made["mean"]) + 0.2)
    return np.stack(list(made.values()), axis=1).astype(np.float32), start


def learnt(data: M5, day: int, *, months: bool, rounds: int, origins: int, threads: int) -> Trees:
    """Trees of what was known before ``day``: the last ``origins`` weeks whose 14 days had passed by then."""
    starts = list(range(day - AHEAD, _LEAST_PAST - 1, -7))[:origins]
    parts = [seen_before(data, first, months=months) for first in starts]
    seen, start = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    y = np.concatenate([data.y[:, first : first + AHEAD].sum(1) for first in starts])
    half = np.tile(data.item % 2, len(starts))
    options = _TREES | {"nthread": threads}
    means, unseen = [], np.empty(len(y))
    for other in (0, 1):
        mine, rest = half != other, half == other
        matrix = xgboost.DMatrix(seen[mine], y[mine], base_margin=start[mine])
        means.append(xgboost.train(options | {"objective": "count:poisson"}, matrix, rounds))
        unseen[rest] = means[-1].predict(xgboost.DMatrix(seen[rest], base_margin=start[rest]))
    error = (y - unseen) ** 2 / np.maximum(unseen, 0.02)
    error = np.clip(error, 1e-3, np.quantile(error, 0.9995))
    options |= {"objective": "reg:gamma", "eta": 0.06, "max_depth": 5, "min_child_weight": 50}
    matrix = xgboost.DMatrix(np.column_stack([seen, np.log(unseen)]), error)
    return Trees(means, xgboost.train(options | {"base_score": float(error.mean())}, matrix, rounds))


@compiled
def count_quantiles(mean: Floats, variance: Floats, levels: Floats) -> Floats:
    """(n_levels, n) smallest count whose negative binomial probability not to be exceeded reaches each rising level."""
    found = np.empty((len(levels), len(mean)))
    for i in range(len(mean)):
        mu = max(mean[i], 1e-6)
        var = max(variance[i], mu * 1.0005)
        p, r = mu / var, mu * mu / (var - mu)
        k = max(0.0, math.floor(mu - 8.0 * math.sqrt(var)))
        mass = math.lgamma(k + r) - math.lgamma(r) - math.lgamma(k + 1.0) + r * math.log(p) + k * math.log1p(-p)
        mass = math.exp(mass)
        total = mass
        for j in range(len(levels)):
            while total < levels[j] and k < 1e5:
                mass *= (k + r) / (k + 1.0) * (1.0 - p)
                k += 1.0
                total += mass
            found[j, i] = k
    return found


@compiled
def ranked_levels(mean: Floats, variance: Floats, least: Floats) -> Floats:
    """(n_least, n) units of each series whose marginal value per money is at least each of falling ``least``.

    Unit k is worth the chance to be sold in the week that an order answers for, ``P(D14 >= k) - P(D7 >= k)``, and costs
    the mornings of that week on which it still lies there, ``sum over j = 7 ... 13 of P(Dj < k)``; its price is in both
    and falls out. Days are alike and independent. All units above half of the mean are ranked.
    """
    found = np.zeros((len(least), len(mean)))
    total, mass, count, p, r = np.zeros(8), np.zeros(8), np.zeros(8), np.zeros(8), np.zeros(8)
    for i in range(len(mean)):
        mu = max(mean[i], 1e-6)
        over = max(variance[i] / mu, 1.0005)
        for j in range(8):
            m = mu * (7 + j) / 14
            p[j], r[j] = 1.0 / over, m / (over - 1.0)
            count[j] = max(0.0, math.floor(m - 9.0 * math.sqrt(m * over)))
            start = math.lgamma(count[j] + r[j]) - math.lgamma(r[j]) - math.lgamma(count[j] + 1.0)
            mass[j] = math.exp(start + r[j] * math.log(p[j]) + count[j] * math.log1p(-p[j]))
            total[j] = mass[j]
        k, place = 1.0, 0
        while place < len(least) and k < 1e5:
            mornings = 0.0
            for j in range(8):
                while count[j] < k - 1:
                    mass[j] *= (count[j] + r[j]) / (count[j] + 1.0) * (1.0 - p[j])
                    count[j] += 1.0
                    total[j] += mass[j]
                if j < 7 and count[j] <= k - 1:
                    mornings += total[j]
            week = total[0] if count[0] <= k - 1 else 0.0
            both = total[7] if count[7] <= k - 1 else 0.0
            while place < len(least) and k > 0.5 * mu and week - both < least[place] * max(mornings, 1e-12):
                found[place, i] = k - 1.0
                place += 1
            k += 1.0
    return found
