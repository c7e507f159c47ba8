"""Vendors for a million order lines: landed cost of three candidates each, then the choice under shared limits.

    python benchmarks/selection.py --lines 1000000

The last line is one JSON object: seconds (wall and processor), the gap to the bound of the same run, memory; and the
time and the gap of a plain loop, line by line, that gives each line the cheapest vendor with room (least shares are not
its business).
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any

import numpy as np

from scaleinv.replenish.landed_cost import Offers, landed_cost
from scaleinv.replenish.selection import Limits, select

VENDORS = 300
CANDIDATES = 3


def main() -> None:
    """Measures and prints."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=1_000_000)
    n = options.parse_args().lines
    rng = np.random.default_rng(0)
    mean = np.exp(rng.uniform(-1, 3, n))
    price = rng.uniform(0.5, 40, n)
    vendor = (
        np.argsort(rng.random((n, VENDORS // 100 + 5)), axis=1)[:, :CANDIDATES] + rng.integers(0, 37, n)[:, None] * 8
    )
    offers = Offers(
        unit_cost=price[:, None] * rng.uniform(0.9, 1.1, (n, CANDIDATES)),
        min_order_quantity=rng.integers(0, 30, (n, CANDIDATES)), order_multiple=rng.integers(1, 13, (n, CANDIDATES)),
        break_quantity=np.sort(rng.integers(20, 200, (n, CANDIDATES, 2)), axis=-1),
        break_cost=price[:, None, None] * np.array([0.88, 0.84]), freight_per_order=rng.uniform(0, 3, (n, CANDIDATES)),
        lead_time=rng.uniform(1, 10, (n, CANDIDATES)), lead_time_sd=rng.uniform(0, 4, (n, CANDIDATES)),
        short=rng.uniform(0, 0.05, (n, CANDIDATES)),
    )  # fmt: skip
    begun, cpu = time.perf_counter(), time.process_time()
    made = landed_cost(
        offers, need=np.ceil(mean * rng.uniform(1, 14, n)), mean_daily=mean, sd_daily=mean**0.7,
        safety_factor=np.full(n, 1.64), stockout_cost=price * 0.3,
    )  # fmt: skip
    costed = {"wall_s": round(time.perf_counter() - begun, 2), "cpu_s": round(time.process_time() - cpu, 2)}
    total, use = made.total, made.quantity
    wanted = np.bincount(vendor[np.arange(n), total.argmin(axis=1)], use[np.arange(n), total.argmin(axis=1)], VENDORS)
    most = np.where(rng.random(VENDORS) < 0.5, wanted * rng.uniform(0.6, 1.2, VENDORS), np.inf)
    least = np.where(np.isinf(most) & (rng.random(VENDORS) < 0.3), wanted * 1.1, 0.0)
    allowed = rng.random((n, CANDIDATES)) < 0.98
    limits = Limits(vendor[None], use[None], most, least)
    begun, cpu = time.perf_counter(), time.process_time()
    chosen = select(total, allowed, total.max(axis=1) * 2.0, limits)
    selected = {"wall_s": round(time.perf_counter() - begun, 2), "cpu_s": round(time.process_time() - cpu, 2)}
    result: dict[str, Any] = {
        "lines": n, "candidates": CANDIDATES, "vendors": VENDORS, "with_capacity": int(np.isfinite(most).sum()),
        "with_least_share": int((least > 0).sum()), "landed_cost": costed, "select": selected,
        "gap": chosen.gap, "cost": chosen.cost, "bound": chosen.bound,
        "over_a_limit": int((chosen.used > most * (1 + 1e-6)).sum()),
        "unmet_least": round(float(chosen.unmet.sum() / max(least.sum(), 1.0)), 6),
        "without_vendor": int((chosen.choice < 0).sum()),
        "greedy_loop": loop(np.where(allowed, total, np.inf), use, vendor, most, total.max(axis=1) * 2.0, chosen.bound),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }  # fmt: skip
    print(json.dumps(result))


def loop(
    total: np.ndarray, use: np.ndarray, vendor: np.ndarray, most: np.ndarray, without: np.ndarray, bound: float
) -> dict[str, float]:
    """Processor seconds and gap of a plain loop: the cheapest vendor that still has room."""
    begun, room, paid = time.process_time(), most.copy(), 0.0
    for line in range(len(total)):
        for column in sorted(range(CANDIDATES), key=lambda j: total[line, j]):
            if use[line, column] <= room[vendor[line, column]] and total[line, column] < without[line]:
                room[vendor[line, column]] -= use[line, column]
                paid += total[line, column]
                break
        else:
            paid += without[line]
    return {"cpu_s": round(time.process_time() - begun, 1), "gap_to_the_same_bound": (paid - bound) / paid}


if __name__ == "__main__":
    main()
