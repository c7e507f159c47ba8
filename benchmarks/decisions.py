"""Stock against fill rate on M5, one fixed protocol: what a forecast is worth when it decides.

    SCALEINV_DATA=../shared/data python benchmarks/decisions.py [--picture docs/images/decisions.svg]

All 30,490 series of M5's recent table. In the morning of d_1818 and of every seventh day after it, after the delivery,
each policy raises its position to a level made of days before that morning; the order is there seven mornings later.
Stock starts at the first level, what is not there is lost, d_1832 … d_1941 count. The fill rate is weighted by each
day's price; stock is that of mornings after deliveries, at the last price. Each policy is one knob turned (a factor, a
safety factor, a probability, the same for all series), and the stock at a fill rate of 98 % lies on the straight line
between two of its points. Levels of 14 days: those until the order of the next review is there.

Then demand is drawn from the forecast itself, to see what stands between the result and perfect information. The last
line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import gammaincinv

from decisions_forecast import AHEAD, M5, N_FIRST, Floats, count_quantiles, learnt, m5, ranked_levels, seen_before
from scaleinv.inventory import simulate

FIRST, COUNTED = 1818 - N_FIRST, 1832 - N_FIRST
WEEK = 7
GOAL = 0.98
Curve = list[tuple[float, float]]
Draw = Callable[[np.random.Generator, Floats, Floats], Floats]


def replayed(data: M5, levels: Floats, demand: Floats | None = None) -> tuple[float, float]:
    """Fill rate and stock of levels (n_series, n_reviews); demand of d_1818 … d_1941, if not the real one.

    A review in the morning is one in the evening before, with a lead time of a day more.
    """
    wanted = data.y[:, FIRST:] if demand is None else demand
    n_series, n_days = wanted.shape
    review = np.minimum((np.arange(n_days) + 1) // WEEK, levels.shape[1] - 1)
    same = np.zeros(n_series, int)
    found = simulate(
        wanted, levels, levels, review, np.zeros(n_series), np.full(n_series, 1e-6), np.eye(WEEK + 2)[-1:], same,
        same + WEEK, n_warmup=COUNTED - FIRST, key=np.zeros(n_series, np.uint64), seed=0, n_replications=1,
        review_phase=same + WEEK - 1, price=data.price[:, FIRST:],
    )  # fmt: skip
    fill = 1 - found.short_value.sum() / found.demand_value.sum()
    return float(fill), float((found.mean_on_shelf * data.price[:, -1]).sum())


def at_goal(curve: Curve) -> float | None:
    """Stock at 98 %, between the two points around it."""
    fill, stock = (np.array(x) for x in zip(*sorted(curve), strict=True))
    return float(np.interp(GOAL, fill, stock)) if fill[0] <= GOAL <= fill[-1] else None


def reviews(data: M5) -> list[int]:
    """Days of review; 0 is d_1762."""
    return list(range(FIRST, data.n_days, WEEK))


def of_days(data: M5, made: Callable[[Floats], Floats]) -> Floats:
    """(n_series, n_reviews) of a function of all days before each review."""
    return np.stack([made(data.y[:, :day]) for day in reviews(data)], axis=1)


def by_count(mean: Floats, variance: Floats, probabilities: list[float]) -> list[Floats]:
    """Negative binomial levels, one array like ``mean`` per probability."""
    found = count_quantiles(mean.ravel(), variance.ravel(), np.array(probabilities))
    return list(found.reshape(len(probabilities), *mean.shape))


def simple_policies(data: M5) -> dict[str, list[Floats]]:
    """Levels of each policy, for each place of its knob."""
    mean = of_days(data, lambda y: y[:, -28:].mean(1))
    sd = of_days(data, lambda y: y[:, -28:].std(1, ddof=1))
    quantile = {q: of_days(data, lambda y, q=q: np.quantile(y[:, -28:], q, axis=1)) for q in (0.9, 0.95, 0.98)}  # type: ignore[misc]
    future = np.pad(data.y, ((0, 0), (0, AHEAD)))
    own_mean, own_var = of_days(data, lambda y: y[:, -56:].mean(1)), of_days(data, lambda y: y[:, -56:].var(1, ddof=1))
    level, ratio = (np.stack(x, axis=1) for x in zip(*[pooled(data.y[:, :d]) for d in reviews(data)], strict=True))
    probabilities = [0.98, 0.99, 0.995, 0.998, 0.999, 0.9995]
    return {
        "weeks of cover": [np.ceil(days * mean) for days in (28, 31.5, 35, 38.5)],
        "textbook mean + z sigma": [AHEAD * mean + z * np.sqrt(AHEAD) * sd for z in (2, 2.576, 3.09, 3.5, 3.8, 4.2)],
        # The level of 14 days is not known better than 56 days tell it.
        "negative binomial, own": by_count(AHEAD * own_mean, AHEAD * own_var * (1 + AHEAD / 56), probabilities),
        "negative binomial, pooled": by_count(AHEAD * level, AHEAD * level * ratio, probabilities),
        "daily quantiles added up": [AHEAD * quantile[q] for q in quantile],
        "perfect information": [np.stack([future[:, d : d + AHEAD].sum(1) for d in reviews(data)], axis=1)],
    }


def pooled(y: Floats, rate: float = 0.05, n_bins: int = 20) -> tuple[Floats, Floats]:
    """(n_series,) exponential level, and variance over mean of a day, that of series of about its rate."""
    weight = (1 - rate) ** np.arange(y.shape[1] - 1, -1, -1)
    weight /= weight.sum()
    level = y @ weight
    variance = np.square(y - level[:, None]) @ weight
    rank = np.argsort(np.argsort(level)) * n_bins // len(level)
    ratio = np.bincount(rank, variance) / np.maximum(np.bincount(rank, level), 1e-6)
    return level, np.maximum(ratio, 1.0)[rank]


def forecasts(
    data: M5, *, months: bool, every: int, rounds: int, origins: int, threads: int, keep: Path | None = None
) -> tuple[Floats, Floats]:
    """(n_series, n_reviews) mean and variance of the 14 days from each review on; trees learnt every few reviews."""
    file = keep and keep / f"forecasts-{months}-{every}-{rounds}-{origins}.npz"
    if file and file.exists():
        kept = np.load(file)
        return kept["mean"], kept["variance"]
    made = []
    for number, day in enumerate(reviews(data)):
        if number % every == 0:
            trees = learnt(data, day, months=months, rounds=rounds, origins=origins, threads=threads)
            print(f"  learnt before d_{day + N_FIRST}", flush=True)
        made.append(trees(*seen_before(data, day, months=months)))
    mean, variance = (np.stack(x, axis=1) for x in zip(*made, strict=True))
    if file:
        np.savez(file, mean=mean, variance=variance)
    return mean, variance


def worlds(data: M5, mean: Floats, variance: Floats) -> dict[str, Curve]:
    """Curves where demand comes from the forecast, and the forecast is known to be right.

    ``dispersed``: negative binomial days of the forecast's own variance. ``poisson``: the same means, with nothing but
    the noise of counts. ``fractions``: gamma days of the first world's mean and variance, and levels that need not be
    whole; ``rounded``: the same days, with levels rounded up.
    """
    rng = np.random.default_rng(1)
    ratio = np.maximum(variance / mean, 1.0005)
    week = np.arange(data.n_days - FIRST) // WEEK
    daily, excess = np.maximum(mean / AHEAD, 1e-9)[:, week], ratio[:, week]
    probabilities = [0.8, 0.85, 0.9, 0.93, 0.95, 0.96, 0.97, 0.98]
    dispersed = rng.poisson(rng.gamma(daily / (excess - 1), excess - 1)).astype(np.float64)
    fractions = rng.gamma(daily / excess, excess)
    continuous = [gammaincinv(mean / ratio, p) * ratio for p in probabilities]
    made = {
        "fractions": (fractions, continuous),
        "rounded": (fractions, [np.ceil(x) for x in continuous]),
        "dispersed": (dispersed, by_count(mean, mean * ratio, probabilities)),
        "poisson": (rng.poisson(daily).astype(np.float64), by_count(mean, mean, probabilities)),
    }
    return {name: [replayed(data, x, demand) for x in levels] for name, (demand, levels) in made.items()}


def picture(curves: dict[str, Curve], file: Path) -> None:
    """Stock against fill rate."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "decisions"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5))
    for name, curve in curves.items():
        fill, stock = zip(*sorted(curve), strict=True)
        axes.plot(100 * np.array(fill), np.array(stock) / 1e3, marker="o", markersize=3, label=name)
    axes.axvline(100 * GOAL, color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="fill rate by value, %", ylabel="mean stock, thousand", xlim=(95, 100.1), ylim=(0, 4500))
    axes.set_title("M5, 30,490 series, lead time and review 7 days")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(file, metadata={"Date": None})


def told(name: str, curve: Curve) -> dict[str, Any]:
    """One line, and the same for JSON: stock in thousands."""
    at = at_goal(curve)
    points = [[round(fill, 4), round(stock / 1e3)] for fill, stock in sorted(curve)]
    shown = " ".join(f"{fill:.4f}→{stock:,}" for fill, stock in points)
    print(f"{name:<40}{'–' if at is None else f'{at / 1e3:,.0f}':>8}  {shown}", flush=True)
    return {"at_98": None if at is None else round(at / 1e3), "points": points}


def main() -> None:
    """Every policy, then the worlds; prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=2, help="reviews between two trainings")
    parser.add_argument("--rounds", type=int, default=150, help="trees of each model")
    parser.add_argument("--origins", type=int, default=8, help="weeks to learn from")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=Path, help="a folder for forecasts, read where they are there")
    parser.add_argument("--picture", type=Path, help="FILE.svg")
    options = parser.parse_args()
    settings = {name: getattr(options, name) for name in ("every", "rounds", "origins", "threads")}
    data = m5(Path(os.environ.get("SCALEINV_DATA", "../shared/data")) / "m5")
    curves = {name: [replayed(data, x) for x in levels] for name, levels in simple_policies(data).items()}
    table = {name: told(name, curve) for name, curve in curves.items()}
    probabilities = [0.88, 0.9, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99]
    seconds = {}
    for name, months in (("trees of 14 days", False), ("trees of 14 days, with months", True)):
        started = time.perf_counter()
        mean, variance = forecasts(data, months=months, keep=options.keep, **settings)
        seconds[name] = round(time.perf_counter() - started)
        curves[name] = [replayed(data, x) for x in by_count(mean, variance, probabilities)]
        table[name] = told(name, curves[name])
    # The same forecast, but units of all series ranked by what they sell per money that lies there.
    ranked = ranked_levels(mean.ravel(), variance.ravel(), np.array([0.016, 0.013, 0.011, 0.009, 0.007, 0.005]))
    curves["… units ranked"] = [replayed(data, x.reshape(mean.shape)) for x in ranked]
    table["… units ranked"] = told("… units ranked", curves["… units ranked"])
    between = {f"world {name}": told(f"world {name}", x) for name, x in worlds(data, mean, variance).items()}
    if options.picture:
        picture(curves, options.picture)
    cover, textbook = (table[name]["at_98"] for name in ("weeks of cover", "textbook mean + z sigma"))
    less = {
        name: {"less_than_cover": round(1 - at / cover, 3), "less_than_textbook": round(1 - at / textbook, 3)}
        for name in seconds
        if (at := table[name]["at_98"]) is not None
    }
    print(
        json.dumps(
            {
                "benchmark": "decisions", "cpus": os.cpu_count(), **settings, "unit": "thousand", "policies": table,
                "less": less, "between": between, "forecast_seconds": seconds,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
