"""A night's budget over a million order lines: bisection on tables of quantiles, beside a sort of all their steps.

    python benchmarks/budget.py --rows 1000000

The last line is one JSON object: seconds (wall and processor) per share of the budget, what was left of it, and the
processor time of the sort, on a sample and scaled by rows.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any

import numpy as np

from scaleinv.inventory import OrderLines, allot, order_lines, order_value

LEVELS = np.array((0.005, 0.025, 0.1, 0.165, 0.25, 0.4, 0.5, 0.6, 0.75, 0.835, 0.9, 0.975, 0.995))
SAMPLE = 20_000


def lines_of(n: int) -> tuple[OrderLines, np.ndarray]:
    """Lines of a retailer: mean demand 0.4 to 33 until the next order, packs of 1 to 12; and their unit costs."""
    rng = np.random.default_rng(0)
    mean = np.exp(rng.uniform(-1, 3.5, n)).astype(np.float32)
    shape = np.sort(rng.gamma(1.5, 1 / 1.5, (20_000, LEVELS.size)), axis=1)
    demand = np.round(mean[:, None] * shape[rng.integers(0, len(shape), n)]).astype(np.float32)
    cost = rng.uniform(0.5, 20, n)
    lines = order_lines(
        demand, LEVELS, position=np.floor(mean * rng.uniform(0, 1, n)), min_order_quantity=rng.integers(0, 12, n),
        order_multiple=rng.integers(1, 13, n), most=mean * 3, gain=cost * 0.4, holding=cost * 0.01,
        key=rng.integers(0, 2**63, n).astype(np.uint64),
    )  # fmt: skip
    return lines, cost


def sorted_list(lines: OrderLines, cost: np.ndarray, budget: float) -> float:
    """Money that the plain list is worth: all steps of all lines, sorted."""
    before, steps = np.zeros(lines.n_lines), []
    for number in range(1, int(lines.most.max()) + 1):
        at = np.minimum(np.full(lines.n_lines, number), lines.most)
        worth = order_value(lines, at)
        has = lines.most >= number
        money = cost * (lines.units(at) - lines.units(np.minimum(at - 1, lines.most)))
        steps.append(np.stack([(worth - before)[has], money[has]]))
        before = worth
    value, money = np.concatenate(steps, axis=1)
    order = np.argsort(-value / money, kind="stable")
    return float(value[order][np.cumsum(money[order]) <= budget].sum())


def main() -> None:
    """Measures and prints."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    n = options.parse_args().rows
    lines, cost = lines_of(n)
    everything = float((cost * lines.units(lines.most)).sum())
    few, few_cost = lines_of(SAMPLE)
    few_budget = 0.5 * float((few_cost * few.units(few.most)).sum())
    mine = float(order_value(few, allot(few, few_cost, few_budget).steps).sum())  # compiles, too
    start = time.process_time()
    theirs = sorted_list(few, few_cost, few_budget)
    result: dict[str, Any] = {
        "rows": n, "sort_processor_seconds_scaled": round((time.process_time() - start) * n / SAMPLE, 2),
        "value_over_sorted_list": mine / theirs, "budgets": [],
    }  # fmt: skip
    for share in (0.9, 0.5, 0.1):
        wall, processor = time.perf_counter(), time.process_time()
        made = allot(lines, cost, share * everything)
        result["budgets"].append({
            "share": share, "seconds": round(time.perf_counter() - wall, 2),
            "processor_seconds": round(time.process_time() - processor, 2),
            "left": round(share * everything - made.load[0], 2), "shadow_price": float(made.shadow_price[0]),
        })  # fmt: skip
    result["peak_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
