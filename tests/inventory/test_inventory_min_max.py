"""(s, S): cost and fill rate from its own Markov chain; the optimum from all policies; undershoot simulated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scaleinv.errors import DataError
from scaleinv.inventory import (
    Demand,
    Gamma,
    NegativeBinomial,
    Normal,
    Pmf,
    Poisson,
    min_max_cost,
    min_max_fill_rate,
    min_max_optimum,
    min_max_reorder_point,
    newsvendor_cost,
    power_approximation,
    probability_table,
    undershoot_moments,
    undershoot_probability,
    with_undershoot,
)


def chain(demand: Demand, s: int, top: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Positions after a review, how often each holds, and how often an order is placed: the chain's own equations."""
    chance, n = probability_table(demand, 400), top - s
    moves, orders = np.zeros((n, n)), np.zeros(n)
    for i in range(n):  # position s + 1 + i
        for d, p in enumerate(chance):
            to = i - d
            if to >= 0:
                moves[i, to] += p
            else:
                moves[i, n - 1] += p
                orders[i] += p
    system = np.vstack([moves.T - np.eye(n), np.ones(n)])
    often = np.linalg.lstsq(system, np.append(np.zeros(n), 1.0), rcond=None)[0]
    return np.arange(s + 1, top + 1), often, float(often @ orders)


DEMANDS = [Poisson(6), Poisson(0.7), NegativeBinomial(4, 12), Pmf([0.6, 0.0, 0.1, 0.3]), Pmf([0.0, 0.2, 0.8])]


@pytest.mark.parametrize("demand", DEMANDS)
@pytest.mark.parametrize("lead_time", [0, 2])
@pytest.mark.parametrize(("s", "top"), [(3, 9), (-2, 1), (4, 5), (10, 40)])
def test_cost_and_fill_rate_against_the_chain(demand: Demand, lead_time: int, s: int, top: int) -> None:
    known = {"ordering_cost": 7.0, "holding_cost": 1.3, "stockout_cost": 6.0, "lead_time": lead_time}
    positions, often, orders = chain(demand, s, top)
    long = demand.over(lead_time + 1)
    expected = 7.0 * orders + often @ newsvendor_cost(long, positions, 1.3, 6.0)
    assert min_max_cost(demand, s, top, **known) == pytest.approx(expected, rel=1e-9)
    before = demand.over(lead_time).loss(positions) if lead_time else np.maximum(-positions, 0)
    short = often @ (long.loss(positions) - before)
    found = min_max_fill_rate(demand, s, top, lead_time=lead_time)
    assert found == pytest.approx(1 - short / demand.mean, rel=1e-9, abs=1e-9)


@given(
    weights=st.lists(st.floats(0.01, 1), min_size=2, max_size=6),
    k=st.floats(0.1, 60),
    h=st.floats(0.2, 4),
    p=st.floats(0.3, 40),
    lead_time=st.integers(0, 2),
)
@settings(max_examples=40, deadline=None)
def test_optimum_is_the_cheapest_of_all(weights: list[float], k: float, h: float, p: float, lead_time: int) -> None:
    demand = Pmf(np.array(weights) / sum(weights))
    known = {"ordering_cost": k, "holding_cost": h, "stockout_cost": p, "lead_time": lead_time}
    s, top, cost = min_max_optimum(demand, **known)
    low, high = np.meshgrid(np.arange(-40, 25.0), np.arange(-20, 50.0), indexing="ij")
    fits = low < high
    n = int(fits.sum())
    many = Pmf(np.tile(demand.probability, (n, 1)))
    costs = min_max_cost(many, low[fits], high[fits], **known)
    assert cost == pytest.approx(costs.min(), rel=1e-9)
    assert min_max_cost(demand, s, top, **known) == pytest.approx(cost, rel=1e-9)


def test_many_series_at_once_and_series_without_demand() -> None:
    s, top, cost = min_max_optimum(
        Poisson([6.0, 0.0, 4.0]), ordering_cost=[5, 5, 150], holding_cost=[1, 1, 40], stockout_cost=[4, 4, 125]
    )
    assert (s.tolist(), top.tolist()) == ([4, -1, 2], [10, 0, 7])
    assert cost == pytest.approx([8.03411156147, 0, 223.574829567])


def test_policies_that_are_none_are_refused() -> None:
    known = {"ordering_cost": 1, "holding_cost": 1, "stockout_cost": 1}
    with pytest.raises(DataError, match="not below S"):
        min_max_cost(Poisson(2), 5, 5, **known)
    with pytest.raises(DataError, match="whole number"):
        min_max_cost(Poisson(2), 1.5, 5, **known)
    with pytest.raises(DataError, match="whole units"):
        min_max_cost(Normal(2, 1), 1, 5, **known)
    with pytest.raises(DataError, match="lead time"):
        min_max_optimum(Poisson(2), **known, lead_time=-1)


def test_power_approximation_is_near_the_optimum() -> None:
    known = {"ordering_cost": 64.0, "holding_cost": 1.0, "stockout_cost": 9.0}
    demand = NegativeBinomial([10.0, 20.0], [30.0, 50.0])
    s, top = power_approximation(demand.mean, demand.sd, **known, lead_time=2)
    rough = min_max_cost(demand, np.round(s), np.round(top), **known, lead_time=2)
    assert (rough < 1.02 * min_max_optimum(demand, **known, lead_time=2)[2]).all()


def test_power_approximation_with_its_cap() -> None:
    known = {"holding_cost": 0.18, "stockout_cost": 0.7}
    plain = power_approximation(50, 8, ordering_cost=2.5, **known)
    capped = power_approximation(50, 8, ordering_cost=2.5, **known, is_capped=True)
    best = 50 + 8 * stats.norm.ppf(0.7 / 0.88)
    assert (plain[1] - plain[0]) / 50 < 1.5  # an order covers little: neither level is above the newsvendor's
    assert capped == pytest.approx((min(float(plain[0]), best), best))
    big = power_approximation(50, 8, ordering_cost=250, **known)
    assert power_approximation(50, 8, ordering_cost=250, **known, is_capped=True) == big


def simulated_undershoot(demand: np.ndarray, s: int, top: int, *, is_below: bool) -> np.ndarray:
    position, found = top, []
    for d in demand.tolist():
        position -= d
        if position < s or (position == s and not is_below):
            found.append(s - position)
            position = top
    return np.array(found)


@pytest.mark.parametrize("trigger", ["below", "at"])
def test_undershoot_of_whole_demand_by_simulation(trigger: str) -> None:
    demand = NegativeBinomial(4, 12)
    draws = np.random.default_rng(5).negative_binomial(2, 1 / 3, 400_000)
    seen = simulated_undershoot(draws, 20, 80, is_below=trigger == "below")
    mean, variance = undershoot_moments(demand, trigger=trigger)
    assert seen.mean() == pytest.approx(float(mean), abs=0.06)
    assert seen.var() == pytest.approx(float(variance), rel=0.05)
    chance = undershoot_probability(demand, 200, trigger=trigger)
    units = np.arange(200)
    assert (chance @ units, chance @ units**2 - (chance @ units) ** 2) == pytest.approx((float(mean), float(variance)))
    assert np.bincount(seen, minlength=6)[:6] / len(seen) == pytest.approx(chance[:6], abs=0.01)


def test_undershoot_of_real_demand() -> None:
    mean, variance = undershoot_moments(Gamma(1, 5))  # exponential demand: its undershoot is exponential
    assert (mean, variance) == pytest.approx((5, 25))


def test_ignoring_undershoot_promises_too_much() -> None:
    day, lead, quantity, target = NegativeBinomial(4, 12), 3, 60, 0.95
    with_it = float(min_max_reorder_point(day.over(lead), day, target, order_quantity=quantity))
    without = float(Gamma.of_moments(12, 6).inverse_loss(0.05 * quantity))
    # Policies here order below s: s - 1 in the words of min_max_fill_rate. An order of the evening is there after 3
    # days of demand, so the day after it is the third.
    achieved = [
        float(min_max_fill_rate(day, round(s) - 1, round(s) - 1 + quantity, lead_time=lead)) for s in (with_it, without)
    ]
    assert achieved[0] == pytest.approx(target, abs=0.006)
    assert achieved[1] < target - 0.02


def test_min_max_point_of_a_cycle_service_level() -> None:
    day = NegativeBinomial(4, 12)
    total = with_undershoot(day.over(3), day)
    assert total.mean == pytest.approx(12 + 4)
    assert total.variance == pytest.approx(36 + 10)
    assert min_max_reorder_point(day.over(3), day, 0.95) == pytest.approx(total.quantile(0.95))
    normal = min_max_reorder_point(day.over(3), day, 0.95, family="normal")
    assert normal == pytest.approx(16 + 1.6448536 * np.sqrt(46), rel=1e-6)


def test_min_max_points_fall_with_the_quantity_and_never_below_nothing() -> None:
    day = NegativeBinomial([4.0, 0.5], [12.0, 3.0])
    small, big = (min_max_reorder_point(day.over(3), day, 0.95, order_quantity=q) for q in (20, 200))
    assert (big < small).all()
    assert (min_max_reorder_point(day.over(1), day, 0.5, order_quantity=5000) == 0).all()
    lost = min_max_reorder_point(day.over(3), day, 0.9, order_quantity=20, lost_sales=True)
    backorders = min_max_reorder_point(day.over(3), day, 0.9, order_quantity=20)
    assert lost[0] < backorders[0]
    assert lost[1] == backorders[1] == 0
