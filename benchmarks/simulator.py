"""SKU-days a second of the simulator, one core, beside (s, S) alone written with NumPy over all series at once.

``python benchmarks/simulator.py [--rows 20000] [--days 365]``; the last line is one JSON object. Demand is made up
beforehand, kernels are compiled beforehand; of five runs the fastest counts, in processor time: others may use the
machine.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

os.environ["NUMBA_NUM_THREADS"] = "1"  # before numba is imported: one core is measured

import numpy as np

from scaleinv.inventory import order_quantity_to, simulate

Floats = np.ndarray


def fastest(run: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of the fastest of five, and what it gave."""
    seconds = []
    for _ in range(5):
        started = time.process_time()
        found = run()
        seconds.append(time.process_time() - started)
    return min(seconds), found


def day_by_day(demand: Floats, low: Floats, high: Floats, lead: int, period: int) -> tuple[Floats, Floats]:
    """(s, S) with lost sales as NumPy code, one day of all series at a time, for two sums only: lost, mean on hand."""
    n_series, n_days = demand.shape
    on_hand, arriving = high.copy(), np.zeros((lead + 1, n_series))
    lost, stock = np.zeros(n_series), np.zeros(n_series)
    for day in range(n_days):
        on_hand += arriving[day % (lead + 1)]
        arriving[day % (lead + 1)] = 0
        served = np.minimum(on_hand, demand[:, day])
        lost += demand[:, day] - served
        on_hand -= served
        stock += on_hand
        if day % period == 0:
            position = on_hand + arriving.sum(axis=0)
            arriving[(day + lead) % (lead + 1)] += order_quantity_to(position, low, high, 1.0, 1.0)
    return lost, stock / n_days


def main() -> None:
    """Times each kind of run, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    n, n_days, lead = options.rows, options.days, 3
    rng = np.random.default_rng(1)
    mean = np.exp(rng.normal(0.5, 1.0, n))
    demand = rng.poisson(mean[:, None], (n, n_days)).astype(np.float32)
    low = np.ceil(lead * mean + 2 * np.sqrt(lead * mean))
    high = low + np.ceil(7 * mean)
    fixed, drawn = np.eye(lead + 1)[-1:], np.array([[0, 0, 0.25, 0.5, 0.25]])
    ones = np.ones(n)

    def run(days: Floats = demand, times: int = 1, lead_time: Floats = fixed, period: int = 1, **terms: Any) -> Any:
        return simulate(
            days, low[:, None], high[:, None], np.zeros(n_days, int), ones, ones, lead_time, np.zeros(n, int),
            np.full(n, period), n_warmup=0, key=np.arange(n, dtype=np.uint64), seed=1, n_replications=times, **terms,
        )  # fmt: skip

    kinds: dict[str, dict[str, Any]] = {
        "s_S": {},
        "R_s_S_weekly": {"period": 7},
        "s_S_random_lead_time": {"lead_time": drawn},
        "s_S_backorders": {"backorders": True},
        "s_S_prices_by_day": {"price": np.full((n, n_days), 2.0, np.float32)},
        "s_S_shelf_life_10": {"shelf_life": np.full(n, 10)},
    }
    result: dict[str, float] = {}
    found = {}
    for name, terms in kinds.items():
        run(**terms)
        seconds, found[name] = fastest(lambda terms=terms: run(**terms))  # type: ignore[misc]
        result[name] = round(n * n_days / seconds / 1e6, 1)
        print(f"{name:<24}{result[name]:>8.1f} million SKU-days/s", flush=True)
    seconds, (lost, stock) = fastest(lambda: day_by_day(demand.astype(np.float64), low, high, lead, 1))
    assert np.allclose(lost, found["s_S"].lost)
    assert np.allclose(stock, found["s_S"].mean_on_hand)
    result["numpy_two_sums"] = round(n * n_days / seconds / 1e6, 1)
    print(f"{'numpy_two_sums':<24}{result['numpy_two_sums']:>8.1f} million SKU-days/s")
    print(
        json.dumps(
            {
                "benchmark": "simulator", "rows": n, "days": n_days, "cores": 1, "unit": "million SKU-days/s",
                **result,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
