"""Newsvendor and base stock against enumeration and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scaleinv.errors import DataError
from scaleinv.inventory import (
    Demand,
    Gamma,
    NegativeBinomial,
    Normal,
    Pmf,
    Poisson,
    Uniform,
    base_stock,
    critical_ratio,
    newsvendor,
    newsvendor_cost,
    newsvendor_profit,
    unit_costs,
)


@pytest.mark.parametrize("demand", [Poisson(7.3), NegativeBinomial(5, 17.5), Pmf([0.1, 0.4, 0.0, 0.2, 0.3])])
@pytest.mark.parametrize(("h", "p"), [(1, 9), (3, 1), (0.2, 40)])
def test_whole_optimum_is_the_cheapest_of_all(demand: Demand, h: float, p: float) -> None:
    level, cost = newsvendor(demand, h, p)
    costs = [float(newsvendor_cost(demand, s, h, p)) for s in range(80)]
    assert cost == pytest.approx(min(costs), rel=1e-12)
    assert level == int(np.argmin(np.round(costs, 9)))


@pytest.mark.parametrize("demand", [Normal(30, 9), Gamma(1.4, 20), Uniform(5, 65)])
def test_real_optimum_is_flat(demand: Demand) -> None:
    level, cost = newsvendor(demand, 1.0, 6.0)
    around = newsvendor_cost(demand, level + np.array([-0.5, -0.01, 0.01, 0.5]), 1.0, 6.0)
    assert (around > cost).all()
    draws = demand.quantile((np.arange(200_000) + 0.5) / 200_000)
    assert cost == pytest.approx((np.maximum(level - draws, 0) + 6 * np.maximum(draws - level, 0)).mean(), rel=1e-4)


def test_costs_and_levels_of_many_series_at_once() -> None:
    level, cost = newsvendor(Normal([50.0, 900.0], [8.0, 60.0]), [0.18, 43.0], [0.70, 79.0])
    assert level == pytest.approx([56.60395592743, 922.72140382348])
    assert cost == pytest.approx([1.99760519318, 2718.19678178241])


def test_a_salvaged_season_and_its_profit() -> None:
    under, over = unit_costs(10, 6, salvage=2, goodwill=1, holding_cost=0.5)
    assert (under, over) == (5, 4.5)
    demand, level = Poisson(20), 22
    k = np.arange(100)
    profit = 10 * np.minimum(k, level) + 2 * np.maximum(level - k, 0) - 0.5 * np.maximum(level - k, 0)
    profit = profit - np.maximum(k - level, 0) - 6 * level
    expected = (profit * stats.poisson(20).pmf(k)).sum()
    found = newsvendor_profit(demand, level, price=10, unit_cost=6, salvage=2, goodwill=1, holding_cost=0.5)
    assert found == pytest.approx(expected)


def test_what_is_carried_does_not_cost_its_purchase() -> None:
    # The trap: co = cost - salvage would hold far too little when what is left is sold in the next period.
    under, over = unit_costs(10, 6, holding_cost=0.5, leftover="carried")
    assert (under, over) == (4, 0.5)
    assert critical_ratio(under, over) > critical_ratio(*unit_costs(10, 6, salvage=2))
    under, over = unit_costs(
        10, 6, holding_cost=0.5, goodwill=3, leftover="carried", shortage="backordered", discount=0.9
    )
    assert (under, over) == pytest.approx((2.4, 1.1))


def test_carried_stock_with_lost_sales_over_many_periods() -> None:
    price, cost, holding = 10.0, 6.0, 0.5
    level = Poisson(8).quantile(critical_ratio(*unit_costs(price, cost, holding_cost=holding, leftover="carried")))
    demand = np.arange(80)

    def profit(s: float) -> float:  # ordering up to s every period, no lead time: buys what it sold
        sold = np.minimum(demand, s)
        return float((((price - cost) * sold - holding * (s - sold)) * stats.poisson(8).pmf(demand)).sum())

    assert profit(float(level)) >= max(profit(float(level) - 1), profit(float(level) + 1))


def test_base_stock_by_simulation() -> None:
    rng, lead, n = np.random.default_rng(3), 3, 400_000
    level, cost = base_stock(NegativeBinomial(4, 12), lead, 1.0, 9.0)
    demand = rng.negative_binomial(2, 1 / 3, n + lead)
    over = np.convolve(demand, np.ones(lead + 1), "valid")
    net = float(level) - over
    assert cost == pytest.approx(np.maximum(net, 0).mean() + 9 * np.maximum(-net, 0).mean(), rel=0.01)
    assert base_stock(Normal(50, 8), 4, 1, 4, review=0)[0] < base_stock(Normal(50, 8), 4, 1, 4)[0]


def test_costs_that_are_both_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="both 0"):
        critical_ratio(0, 0)
    with pytest.raises(DataError, match="season"):
        unit_costs(10, 6, shortage="backordered")
