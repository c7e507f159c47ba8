"""SKUs through stockpyl, one at a time as it works: run by ``optimizer.py`` in an environment of its own."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from scipy.stats import nbinom
from stockpyl.newsvendor import newsvendor_discrete, newsvendor_normal
from stockpyl.rq import r_q_poisson_exact


def main() -> None:
    """Reads ``mean variance level`` rows from the file named, prints levels and SKUs per second as JSON.

    Exact (r, Q), of every tenth row: demand of the lead time is Poisson with that mean; costs and lead time are the
    command line's.
    """
    mean, variance, level = np.loadtxt(sys.argv[1]).T
    holding, waiting, ordering, lead_time = (float(number) for number in sys.argv[2:])
    start = time.perf_counter()
    normal = [newsvendor_normal(1 - p, p, m, v**0.5)[0] for m, v, p in zip(mean, variance, level, strict=True)]
    middle = time.perf_counter()
    counts = [
        newsvendor_discrete(1 - p, p, demand_distrib=nbinom(m * m / (v - m), m / v))[0]
        for m, v, p in zip(mean, variance, level, strict=True)
    ]
    end = time.perf_counter()
    exact = [r_q_poisson_exact(holding, waiting, ordering, m / lead_time, lead_time) for m in mean[::10]]
    last = time.perf_counter()
    seconds = {"normal": middle - start, "negative_binomial": end - middle, "exact_r_q": last - end}
    speeds = {name: len(mean) / took for name, took in seconds.items()}
    speeds["exact_r_q"] = len(exact) / seconds["exact_r_q"]
    levels = {"normal": normal, "negative_binomial": [int(k) for k in counts], "exact_r_q": np.array(exact).tolist()}
    print(json.dumps({"speeds": speeds} | levels))


if __name__ == "__main__":
    main()
