"""Lot sizes, discounts, plans and joint orders against grids and enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.errors import DataError
from scaleinv.inventory import (
    all_units_discount,
    economic_order_quantity,
    incremental_discount,
    joint_cycle,
    joint_replenishment,
    lot_heuristic,
    order_quantity_cost,
    plan_cost,
    production_quantity,
    quantity_with_backorders,
    wagner_whitin,
)

GRID = np.exp(np.linspace(np.log(1.0), np.log(50_000.0), 30_001))


def test_backorders_against_a_grid() -> None:
    k, d, h, p = 40.0, 900.0, 1.5, 4.0
    quantity, share, cost = quantity_with_backorders(k, d, h, p)
    for x in (share - 0.02, share, share + 0.02):
        costs = k * d / GRID + h * GRID * (1 - x) ** 2 / 2 + p * GRID * x**2 / 2
        assert costs.min() >= cost * (1 - 1e-9)
    assert k * d / quantity + h * quantity * (1 - share) ** 2 / 2 + p * quantity * share**2 / 2 == pytest.approx(cost)


def test_production_quantity() -> None:
    lot, cost = production_quantity(1500, 6250, 2, 10_000)  # Nahmias' and others' shape: h becomes h (1 - d / rate)
    assert lot == pytest.approx(economic_order_quantity(1500, 6250, 2 * (1 - 0.625)))
    assert cost == pytest.approx(order_quantity_cost(lot, 1500, 6250, 2 * 0.375))
    assert production_quantity(1500, 6250, 2, 1e12)[0] == pytest.approx(economic_order_quantity(1500, 6250, 2))
    assert production_quantity([8.0], [1300.0], [0.225], [1e12], 5)[0] == pytest.approx([310.81255515896])
    assert production_quantity(1, [10.0, 20.0], 1, 10)[0].tolist() == [np.inf, np.inf]


@given(
    k=st.floats(1, 500),
    d=st.floats(20, 5000),
    rate=st.floats(0.05, 0.4),
    gaps=st.lists(st.floats(10, 2000), min_size=1, max_size=4),
    cuts=st.lists(st.floats(0.8, 0.999), min_size=4, max_size=4),
)
@settings(max_examples=30, deadline=None)
def test_discounts_against_a_grid(k: float, d: float, rate: float, gaps: list[float], cuts: list[float]) -> None:
    start = np.concatenate([[0.0], np.cumsum(gaps)])
    price = np.concatenate([[3.0], 3.0 * np.cumprod(cuts[: len(gaps)])])
    grid = np.concatenate([GRID, start[1:]])
    region = np.searchsorted(start, grid, side="right") - 1
    costs = d * price[region] + k * d / grid + rate * price[region] * grid / 2
    quantity, where, cost = all_units_discount(k, d, rate, start, price)
    assert cost == pytest.approx(costs.min(), rel=1e-6)
    assert start[where] <= quantity
    paid = np.concatenate([[0.0], np.cumsum(np.diff(start) * price[:-1])])
    each = (paid[region] + (grid - start[region]) * price[region]) / grid
    costs = d * each + k * d / grid + rate * each * grid / 2
    assert incremental_discount(k, d, rate, start, price)[2] == pytest.approx(costs.min(), rel=1e-6)


def test_discounts_of_vendors_with_fewer_regions() -> None:
    start, price = [[0, 400, 800], [0, np.inf, np.inf]], [[0.75, 0.72, 0.68], [0.75, 9, 9]]
    quantity, region, _ = all_units_discount(8, 1300, 0.3, start, price)
    assert quantity == pytest.approx([800, 304.0467800264])
    assert region.tolist() == [2, 0]
    with pytest.raises(DataError, match="rises"):
        all_units_discount(8, 1300, 0.3, [0, 10], [1, 2])
    with pytest.raises(DataError, match="ascend"):
        incremental_discount(8, 1300, 0.3, [0, 10, 5], [3, 2, 1])


lumpy = st.lists(st.integers(0, 60), min_size=1, max_size=6)


@given(demand=lumpy, data=st.data())
@settings(max_examples=50, deadline=None)
def test_wagner_whitin_is_the_cheapest_of_all_plans(demand: list[int], data: st.DataObject) -> None:
    n = len(demand)
    k, h, c = (
        data.draw(st.lists(st.floats(0.5, most), min_size=n, max_size=n)) for most in (100.0, 2.0, 3.0)
    )  # fmt: skip
    stock = data.draw(st.integers(0, 50))
    quantity, cost = wagner_whitin([demand], [k], [h], [c], initial_stock=stock)
    net = np.maximum(np.cumsum(demand) - stock, 0.0)
    net = np.diff(net, prepend=0.0)
    plans = []
    for is_order in product([False, True], repeat=n):  # an optimal plan orders whole spans between orders
        plan, last = np.zeros(n), -1
        for t in range(n):
            last = t if is_order[t] else last
            if net[t] > 0 and last < 0:
                break
            plan[max(last, 0)] += net[t]
        else:
            plans.append(plan)
    costs = plan_cost(plans, [demand] * len(plans), [k], [h], [c], initial_stock=stock)
    assert cost[0] == pytest.approx(costs.min(), rel=1e-9)
    assert plan_cost(quantity, [demand], [k], [h], [c], initial_stock=stock) == pytest.approx(cost)
    for rule in ("silver_meal", "least_unit_cost", "part_period"):
        guess, paid = lot_heuristic([demand], [k], [h], rule=rule, initial_stock=stock)
        assert plan_cost(guess, [demand], [k], [h], initial_stock=stock) == pytest.approx(paid)
        assert paid[0] >= wagner_whitin([demand], [k], [h], initial_stock=stock)[1][0] - 1e-9


def test_heuristics_of_nahmias() -> None:
    # Nahmias & Olsen, section 8.2: demand 18, 30, 42, 5, 20; K = 80, h = 2.
    demand = [18, 30, 42, 5, 20]
    assert lot_heuristic(demand, 80, 2)[0].tolist() == [48, 0, 47, 0, 20]
    assert lot_heuristic(demand, 80, 2, rule="least_unit_cost")[0].tolist() == [48, 0, 42, 25, 0]
    assert lot_heuristic(demand, 80, 2, rule="part_period")[0].tolist() == [48, 0, 67, 0, 0]


def test_plans_skip_periods_without_demand() -> None:
    quantity, cost = wagner_whitin([[0, 0, 10, 0, 5], [0, 0, 0, 0, 0]], 50, 1)
    assert quantity.tolist() == [[0, 0, 15, 0, 0], [0] * 5]
    assert cost.tolist() == [60, 0]
    assert lot_heuristic([0, 0, 10, 0, 5], 50, 1)[0].tolist() == [0, 0, 15, 0, 0]


def test_plans_of_many_series_do_not_mix() -> None:
    rng = np.random.default_rng(2)
    demand, k = rng.integers(0, 40, (700, 9)), rng.uniform(5, 90, 700)
    quantity, cost = wagner_whitin(demand, k, 1.0)
    for row in (0, 300, 699):
        alone = wagner_whitin(demand[row], k[row], 1.0)
        assert quantity[row].tolist() == alone[0].tolist()
        assert cost[row] == pytest.approx(float(alone[1]))


@given(
    k=st.floats(0, 500),
    items=st.lists(st.tuples(st.floats(1, 300), st.floats(0.5, 50), st.floats(0.5, 50)), min_size=1, max_size=4),
)
@settings(max_examples=25, deadline=None)
def test_joint_orders_against_all_multiples(k: float, items: list[tuple[float, float, float]]) -> None:
    item, h, d = (np.array(x) for x in zip(*items, strict=True))
    time, multiples, cost = joint_replenishment(k, item, h, d, method="optimal")
    assert joint_cycle(k, item, h, d, multiples) == pytest.approx((time, cost))
    all_m = np.array(list(product(range(1, 8), repeat=len(items))), dtype=float)
    assert cost <= joint_cycle(k, item, h, d, all_m)[1].min() * (1 + 1e-9)
    assert cost <= joint_replenishment(k, item, h, d)[2] * (1 + 1e-12)
    lower = np.sqrt(2 * item * h * d).sum()
    assert cost >= lower * (1 - 1e-9)


def test_joint_orders_leave_out_items_without_demand() -> None:
    time, multiples, _ = joint_replenishment([600, 20], [[120, 840, 300, 5]] * 2, [160, 20, 50, 9], [1, 1, 1, 0])
    assert multiples[0].tolist() == [1, 3, 1, 0]
    assert time[0] == pytest.approx(3.103164454171)
    with pytest.raises(DataError, match="no item"):
        joint_replenishment(1, [1, 1], [1, 1], [0, 0])
