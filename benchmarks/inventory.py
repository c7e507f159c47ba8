"""Policies for a million SKU-locations, beside a plain NumPy loop over the same series.

``python benchmarks/inventory.py [--rows 1000000] [--chunk 20000] [--sample 300]``; the last line is one JSON object.
Forecasts are made up chunk by chunk (not timed); timed are protection demand and policies, compiled beforehand.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numba
import numpy as np
from scipy.special import ndtri

from scaleinv.inventory import Policies, ProtectionDemand, policies, protection_demand

LEVELS = np.array((0.005, 0.025, 0.1, 0.165, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.835, 0.9, 0.975, 0.995))
HORIZON, N_SAMPLES, REVIEW, TARGET = 28, 400, 7, 0.95
LEAD_TIMES = np.zeros((8, 15))
for _vendor in range(8):
    LEAD_TIMES[_vendor, [2 + _vendor % 3, 4 + _vendor % 3, 7 + _vendor]] = 0.5, 0.3, 0.2
COSTS = {"ordering_cost": 1.0, "holding_rate": 0.25, "max_cover_days": 14}


class Chunk:
    """Made-up forecasts: gamma-like quantiles (Wilson-Hilferty) of cumulative demand, means from 0.1 to 50 a day."""

    def __init__(self, start: int, n: int) -> None:
        rng = np.random.default_rng(start)
        self.mean = np.exp(rng.uniform(np.log(0.1), np.log(50), n))
        self.sd = np.sqrt(self.mean + 0.5 * self.mean**2)
        days = np.arange(1, HORIZON + 1, dtype=np.float32)
        mean = self.mean[:, None].astype(np.float32) * days
        square = (self.sd[:, None] ** 2).astype(np.float32) * days / mean**2 / 9
        root = np.maximum(1 - square[..., None] + np.sqrt(square)[..., None] * ndtri(LEVELS).astype(np.float32), 0)
        self.cumulative = np.round(mean[..., None] * root**3)
        self.vendor = rng.integers(0, len(LEAD_TIMES), n)
        self.key = rng.integers(0, 2**63, n).astype(np.uint64)
        self.is_fill_rate = np.arange(start, start + n) % 2 == 0
        self.multiple = rng.choice([1.0, 6.0, 12.0], n)


def room(chunk: Chunk) -> tuple[ProtectionDemand, Policies, float, float]:
    """Both steps, and the seconds of each."""
    n, start = len(chunk.mean), time.perf_counter()
    demand = protection_demand(
        chunk.cumulative, LEVELS, LEAD_TIMES, chunk.vendor, np.full(n, REVIEW),
        key=chunk.key, n_samples=N_SAMPLES, seed=7,
    )  # fmt: skip
    middle = time.perf_counter()
    found = policies(
        demand, method="quantile", is_fill_rate=chunk.is_fill_rate, target=TARGET, unit_cost=3.0,
        min_order_quantity=1.0, order_multiple=chunk.multiple, mean_daily=chunk.mean, sd_daily=chunk.sd, **COSTS,
    )  # fmt: skip
    return demand, found, middle - start, time.perf_counter() - middle


def plain(chunk: Chunk, row: int, quantity: float) -> float:
    """One series' reorder point the plain way: random samples, np.interp, the textbook's even spread of positions."""
    rng = np.random.default_rng(row)
    lead = np.maximum(rng.choice(LEAD_TIMES.shape[1], N_SAMPLES, p=LEAD_TIMES[chunk.vendor[row]]), 1)
    level = (rng.permutation(N_SAMPLES) + 0.5) / N_SAMPLES
    by_day = np.vstack([np.zeros(len(LEVELS)), chunk.cumulative[row]])
    long, short = np.empty(N_SAMPLES), np.empty(N_SAMPLES)
    for days in np.unique(lead):
        here = lead == days
        long[here] = np.interp(level[here], LEVELS, by_day[min(days + REVIEW - 1, HORIZON)])
        short[here] = np.interp(level[here], LEVELS, by_day[days - 1])
    if not chunk.is_fill_rate[row]:
        return float(np.ceil(np.quantile(long, TARGET)))
    heights = np.linspace(0, quantity + chunk.multiple[row] - 1, 64)
    allowed = (1 - TARGET) / TARGET * (long.mean() - short.mean())
    low, high = -1.0, float(np.ceil(long.max()))
    while high - low > 1:
        middle = np.floor((low + high) / 2)
        levels = middle + heights[:, None]
        missed = np.maximum(long - levels, 0).mean() - np.maximum(short - levels, 0).mean()
        low, high = (low, middle) if missed <= allowed else (middle, high)
    return high


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--chunk", type=int, default=20_000)
    parser.add_argument("--sample", type=int, default=300)
    args = parser.parse_args()

    start = time.perf_counter()
    room(Chunk(0, 10))
    compile_seconds = time.perf_counter() - start
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    seconds = [0.0, 0.0]
    for first in range(0, args.rows, args.chunk):
        _, _, one, two = room(Chunk(first, min(args.chunk, args.rows - first)))
        seconds[0] += one
        seconds[1] += two

    chunk = Chunk(0, args.sample)
    _, found, _, _ = room(chunk)
    start = time.perf_counter()
    reference = np.array([plain(chunk, row, found.order_quantity[row]) for row in range(args.sample)])
    plain_seconds = time.perf_counter() - start
    off = np.abs(reference - found.reorder_point) / np.maximum(found.reorder_point, 10)

    per_second, plain_per_second = args.rows / sum(seconds), args.sample / plain_seconds
    print(f"{args.rows:,} series in {sum(seconds):.1f} s: {per_second:,.0f}/s; plain loop {plain_per_second:,.0f}/s")
    print(
        json.dumps(
            {
                "rows": args.rows,
                "chunk": args.chunk,
                "n_samples": N_SAMPLES,
                "threads": numba.get_num_threads(),
                "compile_seconds": round(compile_seconds, 2),
                "protection_seconds": round(seconds[0], 2),
                "policy_seconds": round(seconds[1], 2),
                "series_per_second": round(per_second),
                "plain_series_per_second": round(plain_per_second),
                "ratio": round(per_second / plain_per_second, 1),
                "median_difference_to_plain": round(float(np.median(off)), 4),
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "mib_before": before // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
