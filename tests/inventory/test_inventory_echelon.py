"""Guaranteed service against all assignments of service times, serial systems against simulation and enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.errors import DataError
from scaleinv.inventory import (
    FREE,
    NegativeBinomial,
    Normal,
    Poisson,
    guaranteed_service,
    newsvendor,
    serial_heuristic,
    serial_levels,
)


def cheapest_of_all(
    edges: list[tuple[int, int]], t: list[int], h: list[float], sd: list[float], outside: list[int], most: list[int]
) -> float:
    n = len(t)
    later = {k: {b for a, b in edges if a == k} for k in range(n)}
    earlier = {k: {a for a, b in edges if b == k} for k in range(n)}

    def variance(k: int) -> float:
        return sd[k] ** 2 + sum(variance(j) for j in later[k])

    longest = sum(t) + max(outside)
    best = np.inf
    for s in product(*(range((most[k] if most[k] >= 0 else longest) + 1) for k in range(n))):
        net = [max([outside[k], *(s[j] for j in earlier[k])]) + t[k] - s[k] for k in range(n)]
        if min(net) >= 0:
            best = min(best, sum(h[k] * np.sqrt(variance(k) * net[k]) for k in range(n)))
    return best


def test_with_outside_vendors_at_two_nodes_nothing_is_cheaper_than_8_66() -> None:
    edges, t, h, sd = [(0, 2), (2, 1), (2, 3)], [2, 1, 1, 1], [1.0, 3.0, 2.0, 3.0], [0.0, 1.0, 0.0, 1.0]
    most = [FREE, 0, FREE, 1]
    for outside, expected in (([1, 0, 0, 0], 8.277916867529), ([1, 0, 1, 0], 8.656854249492)):
        assert cheapest_of_all(edges, t, h, sd, outside, most) == pytest.approx(expected)
        found = guaranteed_service(edges, t, h, sd, external_inbound_time=outside, max_service_time=most)
        assert found.cost == pytest.approx(expected)


@given(data=st.data(), n=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_tree_against_all_service_times(data: st.DataObject, n: int) -> None:
    edges = []
    for k in range(1, n):
        other = data.draw(st.integers(0, k - 1))
        edges.append((other, k) if data.draw(st.booleans()) else (k, other))
    t = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    h, sd = (data.draw(st.lists(st.floats(0.1, 9), min_size=n, max_size=n)) for _ in range(2))
    outside = data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    is_last = [all(a != k for a, _ in edges) for k in range(n)]
    most = [data.draw(st.integers(0, 2)) if last else FREE for last in is_last]
    found = guaranteed_service(edges, t, h, sd, external_inbound_time=outside, max_service_time=most)
    assert found.cost == pytest.approx(cheapest_of_all(edges, t, h, sd, outside, most), rel=1e-9, abs=1e-9)
    assert (found.net_lead_time >= 0).all()
    assert found.cost == pytest.approx((np.array(h) * found.safety_stock).sum())
    for a, b in edges:
        assert found.inbound_time[b] >= found.service_time[a]


def test_a_warehouse_with_stores_for_many_series() -> None:
    edges = [(0, 1), (0, 2), (0, 3)]
    t = np.tile([5, 1, 1, 2], (600, 1))
    h = np.random.default_rng(0).uniform(1, 3, (600, 4))
    sd = np.tile([0.0, 2.0, 1.0, 3.0], (600, 1))
    found = guaranteed_service(edges, t, h, sd, safety_factor=1.645)
    assert found.service_time.shape == (600, 4)
    for row in (0, 599):
        alone = guaranteed_service(edges, t[row], h[row], sd[row], safety_factor=1.645)
        assert alone.cost == pytest.approx(found.cost[row])
        least = cheapest_of_all(edges, [5, 1, 1, 2], list(h[row]), [0, 2, 1, 3], [0] * 4, [FREE, 0, 0, 0])
        assert alone.cost == pytest.approx(1.645 * least)


def test_networks_that_are_no_tree_are_refused() -> None:
    for edges in ([(0, 1), (1, 2), (0, 2)], [(0, 1)], [(0, 1), (0, 1)], [(0, 1), (1, 5)], [(0, 1), (2, 2)]):
        with pytest.raises(DataError, match="tree"):
            guaranteed_service(edges, [1, 1, 1], [1, 1, 1], [1, 1, 1])
    with pytest.raises(DataError, match="whole periods"):
        guaranteed_service([(0, 1)], [1.5, 1], [1, 1], [1, 1])


def test_one_stage_is_a_newsvendor() -> None:
    for demand in (Normal(20, 4), Poisson(7), NegativeBinomial(9, 30)):
        levels, cost = serial_levels([demand], [2.0], 11.0)
        level, least = newsvendor(demand, 2.0, 11.0)
        assert levels[0] == pytest.approx(float(level), rel=1e-9)
        assert cost == pytest.approx(float(least), rel=1e-6)


def serial_cost(s: np.ndarray, lead: list[int], h: np.ndarray, p: float, rate: float, n: int) -> float:
    """Simulated: echelon base-stock policy, stage 0 next to the customer, demand Poisson(rate) a period."""
    rng = np.random.default_rng(1)
    demand = rng.poisson(rate, n)
    total = np.concatenate([[0], np.cumsum(demand)])
    # The echelon position of stage j: S_j, or what the stage before has in its echelon where that is less.
    position = np.full(n + 1, float(s[-1]))
    cost = np.zeros(n + 1)
    start = 0
    for j in range(len(s) - 1, -1, -1):
        level = np.empty(n + 1)
        level[lead[j] :] = position[: n + 1 - lead[j]] - (total[lead[j] :] - total[: n + 1 - lead[j]])
        level[: lead[j]] = level[lead[j]]
        start += lead[j]
        cost += h[j] * level
        position = np.minimum(s[j - 1], level) if j else level
    cost += (p + h.sum()) * np.maximum(-position, 0)
    return float(cost[start:].mean())


def test_serial_system_by_simulation() -> None:
    lead, h, p, rate = [1, 1, 2], np.array([3.0, 2.0, 1.0]), 30.0, 5.0
    levels, cost = serial_levels([Poisson(rate * t) for t in lead], h, p)
    simulated = serial_cost(levels, lead, h, p, rate, 300_000)
    assert simulated == pytest.approx(float(cost), rel=0.01)
    for j in range(3):
        for step in (-1, 1):
            other = levels.copy()
            other[j] += step
            assert serial_cost(other, lead, h, p, rate, 300_000) > simulated * (1 - 2e-4)


def test_serial_heuristic_is_near() -> None:
    lead = [Normal(5, 1), Normal(5, 1), Normal(10, np.sqrt(2))]
    exact, _ = serial_levels(lead, [3, 2, 2], 37.12)
    rough = serial_heuristic([Normal(5, 1), Normal(10, np.sqrt(2)), Normal(20, 2)], [3, 2, 2], 37.12)
    assert rough == pytest.approx(exact, rel=0.01)


def test_serial_systems_of_many_series() -> None:
    h, p = np.array([[3.0, 2.0], [1.0, 4.0]]), np.array([37.0, 9.0])
    lead = [Poisson([5.0, 2.0]), Poisson([10.0, 4.0])]
    levels, cost = serial_levels(lead, h, p)
    for row in range(2):
        alone = serial_levels([Poisson(float(d.mean[row])) for d in lead], h[row], p[row])
        assert levels[row] == pytest.approx(alone[0])
        assert cost[row] == pytest.approx(float(alone[1]))
    with pytest.raises(DataError, match="stages"):
        serial_levels([Poisson(1), Normal(1, 1)], [1, 1], 1)
