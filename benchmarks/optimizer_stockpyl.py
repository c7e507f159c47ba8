"""SKUs through stockpyl, one at a time as it works: run by ``optimizer.py`` in an environment of its own."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from scipy.stats import nbinom
from stockpyl.newsvendor import newsvendor_discrete, newsvendor_normal


def main() -> None:
    """Reads ``mean variance level`` rows from the file named, prints levels and SKUs per second as JSON."""
    mean, variance, level = np.loadtxt(sys.argv[1]).T
    start = time.perf_counter()
    normal = [newsvendor_normal(1 - p, p, m, v**0.5)[0] for m, v, p in zip(mean, variance, level, strict=True)]
    middle = time.perf_counter()
    counts = [
        newsvendor_discrete(1 - p, p, demand_distrib=nbinom(m * m / (v - m), m / v))[0]
        for m, v, p in zip(mean, variance, level, strict=True)
    ]
    end = time.perf_counter()
    speeds = {"normal": len(mean) / (middle - start), "negative_binomial": len(mean) / (end - middle)}
    print(json.dumps({"speeds": speeds, "normal": normal, "negative_binomial": [int(k) for k in counts]}))


if __name__ == "__main__":
    main()
