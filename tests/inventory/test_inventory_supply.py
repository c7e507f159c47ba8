"""Vendors that fail or deliver more or less than was ordered, against grids and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from scaleinv.inventory import (
    Normal,
    base_stock_with_disruptions,
    disruption_cost,
    economic_order_quantity,
    newsvendor_with_yield,
    quantity_with_disruptions,
    quantity_with_yield,
)

GRID = np.exp(np.linspace(np.log(1.0), np.log(50_000.0), 30_001))


@pytest.mark.parametrize("approximate", [False, True])
def test_disruptions_against_a_grid(approximate: bool) -> None:
    quantity, cost = quantity_with_disruptions(
        [8, 50], [1300, 90], [0.225, 2], [5, 8], [1.5, 0.4], [14, 3], approximate=approximate
    )
    for row, (k, d, h, p, down, up) in enumerate([(8, 1300, 0.225, 5, 1.5, 14), (50, 90, 2, 8, 0.4, 3)]):
        costs = disruption_cost(GRID, k, d, h, p, down, up, approximate=approximate)
        assert cost[row] == pytest.approx(costs.min(), rel=1e-7)
        assert quantity[row] == pytest.approx(GRID[costs.argmin()], rel=1e-3)
    assert quantity_with_disruptions(8, 1300, 0.225, 5, 0, 14)[0] == pytest.approx(304.0467800264, rel=1e-6)


@pytest.mark.parametrize(
    ("h", "p", "a", "b"), [(0.25, 3, 0.04, 0.25), (2, 3, 0.04, 0.25), (1, 50, 0.5, 0.9), (1, 9, 0.3, 1)]
)
def test_periods_without_a_vendor_by_simulation(h: float, p: float, a: float, b: float) -> None:
    level, cost = base_stock_with_disruptions(10.0, h, p, a, b)
    luck, missed, n = np.random.default_rng(2).random(300_000), [], 0
    for u in luck.tolist():
        n = n + 1 if u < (a if n == 0 else 1.0 - b) else 0
        missed.append(n)
    net = np.arange(1, 60)[:, None] * 10.0 - 10.0 * (1 + np.bincount(missed).nonzero()[0])
    often = np.bincount(missed)[np.bincount(missed).nonzero()[0]] / len(missed)
    costs = (h * np.maximum(net, 0) + p * np.maximum(-net, 0)) @ often
    assert cost == pytest.approx(costs.min(), rel=0.03)
    assert costs[round(float(level) / 10) - 1] == pytest.approx(costs.min(), rel=0.01)


def test_random_yield_against_a_grid() -> None:
    k, d, h = 18_500.0, 75_000.0, 0.06
    y, y_sd, z, z_sd = -1500.0, 900.0, 0.83, 0.14
    quantity, cost = quantity_with_yield(k, d, h, added_mean=y, added_sd=y_sd, factor_mean=z, factor_sd=z_sd)
    grid = quantity * np.linspace(0.5, 2, 20_001)
    x = grid * z + y
    costs = (k * d + 0.5 * h * (x**2 + (grid * z_sd) ** 2 + y_sd**2)) / x
    assert cost == pytest.approx(costs.min(), rel=1e-8)
    assert quantity == pytest.approx(grid[costs.argmin()], rel=1e-4)
    assert quantity_with_yield(k, d, h)[0] == pytest.approx(economic_order_quantity(k, d, h))


def test_newsvendor_of_a_random_yield() -> None:
    quantity, cost = newsvendor_with_yield(1000.0, Normal(-50, 30), 2.0, 7.0)
    added = Normal(-50, 30).quantile((np.arange(20_000) + 0.5) / 20_000)
    grid = quantity + np.linspace(-60, 60, 241)
    net = grid[:, None] + added - 1000
    costs = (2 * np.maximum(net, 0) + 7 * np.maximum(-net, 0)).mean(axis=1)
    assert cost == pytest.approx(costs.min(), rel=1e-3)
    assert costs.argmin() == 120
