"""(r, Q) and (R, S): optimum against enumeration, service against simulation, and the traps of approximations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from scaleinv.errors import DataError
from scaleinv.inventory import (
    Demand,
    Gamma,
    NegativeBinomial,
    Normal,
    Pmf,
    Poisson,
    cycle_shortage,
    fill_rate,
    fill_reorder_point,
    hadley_whitin,
    newsvendor_cost,
    optimal_cycle_service,
    periodic_fill_rate,
    periodic_order_up_to,
    reorder_by_loss,
    reorder_cost,
    reorder_optimum,
    reorder_point_for,
    reorder_stock,
    service_order_quantity,
)


@pytest.mark.parametrize(
    "demand", [Poisson(3.0), Poisson(0.4), NegativeBinomial(6, 20), Pmf([0.3, 0.1, 0.0, 0.4, 0.2])]
)
@pytest.mark.parametrize("costs", [(100, 20, 150), (4, 4, 28), (0.1, 1, 1), (900, 0.5, 3)])
def test_whole_optimum_is_the_cheapest_of_all(demand: Demand, costs: tuple[float, float, float]) -> None:
    k, h, p = costs
    known = {"demand_rate": 1.5, "ordering_cost": k, "holding_cost": h, "stockout_cost": p}
    r, q = np.meshgrid(np.arange(-60, 40.0), np.arange(1, 150.0), indexing="ij")
    all_costs = reorder_cost(demand, r.ravel(), q.ravel(), **known)
    point, quantity, cost = reorder_optimum(demand, **known)
    assert cost == pytest.approx(all_costs.min(), rel=1e-10)
    assert reorder_cost(demand, point, quantity, **known) == pytest.approx(cost, rel=1e-12)
    assert point == np.round(point)
    assert point == pytest.approx(reorder_point_for(demand, quantity, h, p))


@pytest.mark.parametrize("demand", [Normal(100, 25), Normal(5, 0), Gamma(0.7, 30)])
def test_real_optimum_is_the_cheapest_around(demand: Demand) -> None:
    known = {"demand_rate": 300.0, "ordering_cost": 12.0, "holding_cost": 1.0, "stockout_cost": 7.0}
    point, quantity, cost = reorder_optimum(demand, **known)
    for dr in (-5, -0.1, 0, 0.1, 5):
        for dq in (-5, -0.1, 0, 0.1, 5):
            assert reorder_cost(demand, point + dr, quantity + dq, **known) >= cost * (1 - 1e-9)
    rise = newsvendor_cost(demand, point + quantity, 1, 7) - newsvendor_cost(demand, point, 1, 7)
    assert rise == pytest.approx(0, abs=1e-5)
    assert newsvendor_cost(demand, point, 1, 7) == pytest.approx(cost, rel=1e-6)  # Zheng: g(r*) is the cost itself


def test_exact_cost_is_the_mean_over_positions() -> None:
    demand, r, q = Normal(40, 15), 45.0, 30.0
    expected = integrate.quad(lambda y: float(newsvendor_cost(demand, y, 2, 9)), r, r + q)[0] / q
    found = reorder_cost(demand, r, q, demand_rate=50, ordering_cost=10, holding_cost=2, stockout_cost=9)
    assert found == pytest.approx(50 * 10 / q + expected, rel=1e-10)


def test_stock_and_fill_rate_of_poisson_demand_by_simulation() -> None:
    rate, lead, r, q = 2.0, 1.7, 4, 6
    rng, horizon = np.random.default_rng(7), 60_000.0
    times = np.cumsum(rng.exponential(1 / rate, int(horizon * rate * 1.05)))
    times = times[times < horizon]
    arrivals = times[q - 1 :: q] + lead  # position starts at r + q: every q-th customer triggers an order
    events = np.concatenate([times, arrivals])
    change = np.concatenate([np.full(len(times), -1.0), np.full(len(arrivals), float(q))])
    order = np.argsort(events, kind="stable")
    net = r + q + np.cumsum(change[order])
    spans = np.diff(events[order])
    on_hand, waiting = (float((np.maximum(s * net[:-1], 0) * spans).sum() / spans.sum()) for s in (1, -1))
    before = net - change[order]
    met = (before[change[order] < 0] > 0).mean()
    found_hand, found_waiting = reorder_stock(Poisson(rate * lead), r, q)
    assert (on_hand, waiting) == pytest.approx((float(found_hand), float(found_waiting)), rel=0.03, abs=0.003)
    assert met == pytest.approx(float(fill_rate(Poisson(rate * lead), r, q)), abs=0.005)


def test_small_quantities_need_the_second_term() -> None:
    demand = Normal(100, 40)
    one, two = (fill_reorder_point(demand, 10, 0.95, is_exact=exact) for exact in (False, True))
    assert one > two + 5
    assert fill_rate(demand, two, 10) == pytest.approx(0.95, rel=1e-9)
    assert fill_rate(demand, one, 10, is_exact=False) == pytest.approx(0.95, rel=1e-9)
    big = [fill_reorder_point(demand, 1000, 0.95, is_exact=exact) for exact in (False, True)]
    assert big[0] == pytest.approx(big[1], abs=1e-6)


def test_lost_sales_have_their_own_share() -> None:
    demand, q, beta = Normal(100, 40), 200.0, 0.9
    point = fill_reorder_point(demand, q, beta, lost_sales=True)
    assert cycle_shortage(demand, point) == pytest.approx((1 - beta) / beta * q)
    assert fill_rate(demand, point, q, lost_sales=True) == pytest.approx(beta)
    assert point < fill_reorder_point(demand, q, beta, is_exact=False)


def test_a_modest_fill_rate_has_negative_safety_stock() -> None:
    assert fill_reorder_point(Normal(100, 10), 500, 0.9) < 100
    assert fill_reorder_point(Normal(100, 10), 5000, 0.9) < 0
    assert fill_reorder_point(Poisson(3), 100, 0.9) < 0


@given(
    mean=st.floats(0.1, 100),
    more=st.floats(1.05, 9),
    q=st.integers(1, 200),
    beta=st.floats(0.5, 0.995),
    exact=st.booleans(),
    lost=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_fill_points_are_the_smallest(mean: float, more: float, q: int, beta: float, exact: bool, lost: bool) -> None:
    demand = NegativeBinomial(mean, mean * more)
    point = fill_reorder_point(demand, q, beta, is_exact=exact, lost_sales=lost)
    assert fill_rate(demand, point, q, is_exact=exact, lost_sales=lost) >= beta - 1e-9
    assert fill_rate(demand, point - 1, q, is_exact=exact, lost_sales=lost) < beta + 1e-9
    more_service = fill_reorder_point(demand, q, min(beta + 0.004, 0.999), is_exact=exact, lost_sales=lost)
    assert more_service >= point


def test_periodic_fill_rate_by_simulation() -> None:
    lead, review, n = 2, 3, 40_000
    day = NegativeBinomial(4, 12)
    level = periodic_order_up_to(day.over(lead + review), day.over(lead), 4 * review, 0.95)
    demand = np.random.default_rng(11).negative_binomial(2, 1 / 3, n * review)
    # Day t's evening position is S at reviews: net stock of day t is S less demand since the last review that is here.
    total = np.concatenate([[0], np.cumsum(demand)])
    days = np.arange(lead + review, n * review)
    reviewed = ((days - lead) // review) * review
    short_end = np.maximum(total[days + 1] - total[reviewed] - level, 0)
    short_start = np.maximum(total[days] - total[reviewed] - level, 0)
    achieved = 1 - (short_end - short_start).sum() / demand[days].sum()
    expected = periodic_fill_rate(day.over(lead + review), day.over(lead), 4 * review, level)
    assert expected >= 0.95
    assert periodic_fill_rate(day.over(lead + review), day.over(lead), 4 * review, level - 1) < 0.95
    assert achieved == pytest.approx(float(expected), abs=0.004)


def test_periodic_lost_sales_need_no_more() -> None:
    long, short = Normal(60, 12), Normal(20, 7)
    back = periodic_order_up_to(long, short, 40, 0.9)
    lost = periodic_order_up_to(long, short, 40, 0.9, lost_sales=True)
    assert lost < back
    assert periodic_fill_rate(long, short, 40, lost, lost_sales=True) == pytest.approx(0.9)


def test_hadley_whitin_is_a_stationary_point_of_its_cost() -> None:
    demand = Gamma(9, 11)
    known = {"demand_rate": 1200.0, "ordering_cost": 30.0, "holding_cost": 2.0}
    for lost in (False, True):
        point, quantity, cost = hadley_whitin(demand, **known, shortage_cost=20.0, lost_sales=lost)

        def total(r: float, q: float, lost: bool = lost) -> float:
            n = float(demand.loss(r))
            return float(30 * 1200 / q + 2 * (q / 2 + r - demand.mean + (n if lost else 0)) + 20 * 1200 * n / q)

        assert cost == pytest.approx(total(float(point), float(quantity)), rel=1e-12)
        slope_r = (total(point + 1e-3, quantity) - total(point - 1e-3, quantity)) / 2e-3
        slope_q = (total(point, quantity + 1e-2) - total(point, quantity - 1e-2)) / 2e-2
        assert slope_r == pytest.approx(0, abs=1e-4)
        assert slope_q == pytest.approx(0, abs=2e-2 if lost else 1e-4)


def test_where_holding_costs_more_than_being_short() -> None:
    point, _, cost = hadley_whitin(Normal(10, 3), demand_rate=1, ordering_cost=500, holding_cost=50, shortage_cost=1)
    assert point == 0
    assert np.isfinite(cost)
    assert optimal_cycle_service(100, 1, 50, 1) == 0
    assert optimal_cycle_service(100, 200, 2, 25, lost_sales=True) == pytest.approx(1 - 200 / 5200)


def test_loss_approximation_is_close_to_the_optimum() -> None:
    known = {"demand_rate": 1300.0, "ordering_cost": 8.0, "holding_cost": 0.225, "stockout_cost": 7.5}
    demand = Normal([1300 / 12, 80.0], [43.3, 20.0])
    point, quantity = reorder_by_loss(demand, **known)
    best = reorder_optimum(demand, **known)[2]
    assert reorder_cost(demand, point, quantity, **known) == pytest.approx(best, rel=1e-4)


def test_service_order_quantity_pays() -> None:
    known = {"demand_rate": 200.0, "ordering_cost": 50.0, "holding_cost": 2.0}
    demand = Normal(100, 25)
    point, quantity = service_order_quantity(demand, 0.98, **known)

    def cost(q: float) -> float:
        r = float(demand.inverse_loss(0.02 * q))
        return 50 * 200 / q + 2 * (q / 2 + r)

    assert cost(float(quantity)) <= min(cost(float(quantity) * f) for f in (0.9, 0.99, 1.01, 1.1)) + 1e-9
    assert demand.loss(point) == pytest.approx(0.02 * quantity)


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="fill rate"):
        fill_reorder_point(Normal(1, 1), 1, 1.0)
    with pytest.raises(DataError, match="order quantity"):
        fill_rate(Normal(1, 1), 1, 0)
    with pytest.raises(DataError, match="holding cost"):
        reorder_optimum(Normal(1, 1), demand_rate=1, ordering_cost=1, holding_cost=0, stockout_cost=1)
