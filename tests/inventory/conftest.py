"""Stationary retailers with negative binomial demand, whose quantiles are known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import nbinom

LEVELS = (0.005, 0.025, 0.1, 0.165, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.835, 0.9, 0.975, 0.995)


@dataclass(frozen=True)
class Shops:
    """Series i asks for NB(size, mean) units a day, days independent."""

    mean: NDArray[np.float64]
    size: NDArray[np.float64]
    cumulative: NDArray[np.float64]
    levels: tuple[float, ...]
    lead_time: NDArray[np.float64]
    vendor: NDArray[np.int64]
    key: NDArray[np.uint64]

    @property
    def n(self) -> int:
        return len(self.mean)

    @property
    def sd(self) -> NDArray[np.float64]:
        return np.sqrt(self.mean + self.mean**2 / self.size)

    def demand(self, n_days: int, seed: int) -> NDArray[np.float64]:
        rng = np.random.default_rng(seed)
        rate = rng.gamma(self.size[:, None], 1.0, size=(self.n, n_days)) * (self.mean / self.size)[:, None]
        return rng.poisson(rate).astype(np.float64)


def make_shops(n: int, low: float, high: float, horizon: int = 28) -> Shops:
    rng = np.random.default_rng(20)
    mean = np.exp(rng.uniform(np.log(low), np.log(high), n))
    size = rng.uniform(0.4, 5.0, n)
    days = np.arange(1, horizon + 1)
    share = size / (size + mean)
    cumulative = nbinom.ppf(np.array(LEVELS)[None, None, :], (size[:, None] * days)[:, :, None], share[:, None, None])
    lead_time = np.zeros((3, 10))
    lead_time[0, [2, 3, 4]] = 0.3, 0.5, 0.2
    lead_time[1, [3, 5, 8]] = 0.4, 0.4, 0.2
    lead_time[2, 1] = 1.0
    key = rng.integers(0, 2**63, n).astype(np.uint64)
    return Shops(mean, size, cumulative, LEVELS, lead_time, np.arange(n) % 3, key)


@pytest.fixture(scope="session")
def shops() -> Shops:
    return make_shops(200, 0.5, 50.0)
