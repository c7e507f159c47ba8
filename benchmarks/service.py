"""Promised and achieved: cycle service levels and fill rates of policies that are made anew every week, on M5.

    SCALEINV_DATA=../shared/data python benchmarks/service.py

A sample of M5's series. Every seventh day from d_1818 on trees forecast the next 14 days (``decisions_forecast.py``,
without months); a negative binomial of that mean and variance, days alike, gives cumulative quantiles of 28 steps, and
``protection_demand`` and ``policies`` make reorder points of them, for lead times of 3, 7 and 14 days, reviews each day
and each week, targets of 90, 95 and 98 %. The simulator replays what was sold from d_1818 on with lost sales; the days
from d_1846 on count. Orders are a review's demand, at least a unit.

A cycle is a delivery; achieved is the share of cycles without a day short, or of units served. Both are those of all
series together, and of each demand class (Syntetos-Boylan, on the days before d_1818). A promise is kept in every
single cycle at the reorder point only; whole units, and positions above the point when an order is placed, do better,
most of all for slow movers. The last line is one JSON object: achieved minus promised, in points.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

from decisions import FIRST, WEEK, forecasts, reviews
from decisions_forecast import AHEAD, N_FIRST, Floats, count_quantiles, m5
from scaleinv.inventory import policies, protection_demand, simulate

LEVELS = np.array([0.005, 0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995])
STEPS = np.arange(1, 29)
WARMUP = 28


def demand_classes(y: Floats) -> np.ndarray:
    """(n_series,) smooth, erratic, intermittent or lumpy: at 1.32 days between sales and 0.49 of squared variation."""
    sold = y > 0
    n_sold = sold.sum(1)
    between = y.shape[1] / np.maximum(n_sold, 1)
    mean = y.sum(1) / np.maximum(n_sold, 1)
    variation = (np.where(sold, y - mean[:, None], 0) ** 2).sum(1) / np.maximum(n_sold, 1) / np.maximum(mean, 1e-9) ** 2
    names = np.array([["smooth", "erratic"], ["intermittent", "lumpy"]])
    return names[(between > 1.32).astype(int), (variation > 0.49).astype(int)]


def cumulative_quantiles(mean: Floats, variance: Floats) -> Floats:
    """(n_series, horizon, n_quantiles) of forecasts of 14 days."""
    share = STEPS / AHEAD
    made = count_quantiles(np.outer(mean, share).ravel(), np.outer(variance, share).ravel(), LEVELS)
    return np.moveaxis(made.reshape(len(LEVELS), len(mean), len(STEPS)), 0, -1)


def main() -> None:
    """Every lead time, review and target; prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=4000)
    parser.add_argument("--every", type=int, default=4, help="reviews between two trainings")
    parser.add_argument("--rounds", type=int, default=120)
    parser.add_argument("--origins", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=Path, help="a folder for forecasts, read where they are there")
    options = parser.parse_args()
    data = m5(Path(os.environ.get("SCALEINV_DATA", "../shared/data")) / "m5")
    settings = {name: getattr(options, name) for name in ("every", "rounds", "origins", "threads")}
    mean, variance = forecasts(data, months=False, keep=options.keep, **settings)
    mine = np.sort(np.random.default_rng(1).choice(len(mean), options.series, replace=False))
    mean, variance, demand, price = mean[mine], variance[mine], data.y[mine, FIRST:], data.price[mine, -1]
    n, n_days = demand.shape
    quantiles = [cumulative_quantiles(mean[:, k], variance[:, k]) for k in range(len(reviews(data)))]
    refresh = np.minimum(np.arange(n_days) // WEEK, len(quantiles) - 1)
    kind = demand_classes(data.y[mine, :FIRST])
    labels = {"all": np.ones(n, bool)} | {name: kind == name for name in np.unique(kind).tolist()}
    key, same = mine.astype(np.uint64), np.zeros(n, int)
    found: dict[str, dict[str, float]] = {}
    for lead in (3, 7, 14):
        for review in (1, 7):
            terms = (np.eye(lead + 1)[-1:], same, same + review)
            made = [protection_demand(q, LEVELS, *terms, key=key, n_samples=400, seed=1) for q in quantiles]
            for is_fill in (False, True):
                for target in (0.9, 0.95, 0.98):
                    tonight = [
                        policies(
                            one, method="quantile", is_fill_rate=np.full(n, is_fill), target=target, unit_cost=price,
                            min_order_quantity=1.0, order_multiple=1.0, mean_daily=mean[:, k] / AHEAD,
                            sd_daily=np.sqrt(variance[:, k] / AHEAD), ordering_cost=0.0, holding_rate=0.2,
                            max_cover_days=7.0,
                        )
                        for k, one in enumerate(made)
                    ]  # fmt: skip
                    point, up_to = (
                        np.stack([getattr(one, name) for one in tonight], axis=1)
                        for name in ("reorder_point", "order_up_to_level")
                    )
                    run = simulate(
                        demand, point, up_to, refresh, np.ones(n), np.ones(n), *terms, n_warmup=WARMUP, key=key, seed=1,
                        n_replications=1, review_phase=same + review - 1,
                    )  # fmt: skip
                    short, whole = (run.lost, run.demand) if is_fill else (run.cycles_short, run.cycles)
                    name = f"L={lead} R={review} {'fill' if is_fill else 'cycle'} {target:.2f}"
                    found[name] = {
                        label: round(100 * float(1 - short[at].sum() / whole[at].sum() - target), 2)
                        for label, at in labels.items()
                    }
                    print(f"{name:<24}" + "".join(f"{a:>14} {b:+6.2f}" for a, b in found[name].items()), flush=True)
    within = {
        "all_within_1": float(np.mean([abs(x["all"]) <= 1 for x in found.values()])),
        "classes_within_2": float(np.mean([abs(v) <= 2 for x in found.values() for k, v in x.items() if k != "all"])),
    }
    counts = {label: int(at.sum()) for label, at in labels.items()}
    first = f"d_{FIRST + WARMUP + N_FIRST}"
    print(json.dumps({"benchmark": "service", "series": counts, "counted_from": first, **settings, **within,
                      "points": found}))  # fmt: skip


if __name__ == "__main__":
    main()
