from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scaleinv.errors import DataError
from scaleinv.inventory import Simulation, order_quantity_to, simulate

if TYPE_CHECKING:
    from conftest import Shops

_FIXED = np.eye(6)[1:]  # vendor v takes v + 1 days


def _simulated(shops: Shops, demand: NDArray[np.float64], rows: slice = slice(None), **changes: object) -> Simulation:
    point = np.ceil(5 * shops.mean)
    options: dict[str, object] = {"n_warmup": 20, "key": shops.key[rows], "seed": 5, **changes}
    return simulate(
        demand[rows], point[rows, None], (point + np.ceil(9 * shops.mean))[rows, None],
        np.zeros(demand.shape[1], int), np.ones(shops.n)[rows], np.full(shops.n, 6.0)[rows],
        shops.lead_time, shops.vendor[rows], np.where(shops.vendor == 1, 7, 1)[rows], **options,  # type: ignore[arg-type]
    )  # fmt: skip


def _by_hand(
    demand: list[float], r: float, s: float, moq: float, multiple: float, lead: int, review: int, phase: int
) -> tuple[float, int, float, int]:
    """The same rules as plain events: lost, days short, sum of on hand, order lines."""
    on_hand, orders, lost, short, stock, lines = s, [], 0.0, 0, 0.0, 0
    for day, wanted in enumerate(demand):
        on_hand += sum(q for due, q in orders if due == day)
        orders = [(due, q) for due, q in orders if due > day]
        served = min(on_hand, wanted)
        lost += wanted - served
        short += wanted - served > 1e-9
        on_hand -= served
        stock += on_hand
        if day >= phase and (day - phase) % review == 0:
            size = float(order_quantity_to(on_hand + sum(q for _, q in orders), r, s, moq, multiple))
            if size:
                orders.append((day + lead, size))
                lines += 1
    return lost, short, stock / len(demand), lines


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=40), st.integers(0, 20), st.integers(1, 20), st.integers(0, 15),
    st.sampled_from([1, 4]), st.integers(1, 5), st.integers(1, 7), st.integers(0, 6),
)  # fmt: skip
def test_against_events_by_hand(
    demand: list[int], r: int, q: int, moq: int, multiple: int, lead: int, review: int, phase: int
) -> None:
    phase %= review
    found = simulate(
        np.array([demand], float), np.array([[r]]), np.array([[r + q]]), np.zeros(len(demand), int), np.array([moq]),
        np.array([multiple]), _FIXED, np.array([lead - 1]), np.array([review]), n_warmup=0,
        key=np.array([1], np.uint64), seed=1, review_phase=np.array([phase]),
    )  # fmt: skip
    lost, short, stock, lines = _by_hand([*map(float, demand)], r, r + q, moq, multiple, lead, review, phase)
    assert found.lost[0] == pytest.approx(lost)
    assert found.days_short[0] == short
    assert found.mean_on_hand[0] == pytest.approx(stock)
    assert found.order_lines[0] == lines


@pytest.mark.parametrize("n_replications", [1, 3])
def test_no_unit_is_made_or_lost(shops: Shops, n_replications: int) -> None:
    demand = shops.demand(150, 1) * 1.25
    found = _simulated(shops, demand, n_replications=n_replications)
    assert found.n_days == 130
    assert found.demand == pytest.approx(demand[:, 20:].sum(axis=1))
    assert found.on_hand_before + found.received - (found.demand - found.lost) == pytest.approx(found.on_hand_after)
    assert (found.lost >= 0).all()
    assert (found.days_short <= 130).all()


def test_chunks_change_nothing_and_seeds_do(shops: Shops) -> None:
    demand = shops.demand(100, 1)
    whole, other = _simulated(shops, demand), _simulated(shops, demand, seed=6)
    parts = [_simulated(shops, demand, slice(a, a + 25)) for a in range(0, shops.n, 25)]
    for name in ("lost", "mean_on_hand", "order_lines"):
        assert np.array_equal(getattr(whole, name), np.concatenate([getattr(p, name) for p in parts])), name
    assert not np.array_equal(whole.mean_on_hand, other.mean_on_hand)


def test_more_stock_loses_less_under_the_same_luck(shops: Shops) -> None:
    """Lead times do not depend on the policy: with only the level raised, each series fares as well or better."""
    demand, n_days = shops.demand(200, 2), 200
    lost = [
        simulate(
            demand, np.full((shops.n, 1), r), np.full((shops.n, 1), r), np.zeros(n_days, int), np.ones(shops.n),
            np.ones(shops.n), _FIXED, np.full(shops.n, 2), np.ones(shops.n, int), n_warmup=0, key=shops.key, seed=1,
        ).lost.sum()
        for r in (20.0, 40.0, 80.0, 160.0)
    ]  # fmt: skip
    assert lost == sorted(lost, reverse=True)


def test_the_policy_in_force_changes_on_its_day() -> None:
    demand = np.zeros((1, 10))
    demand[0, 0] = 5
    levels = np.array([[0.0, 8.0]])
    refresh = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    found = simulate(
        demand, levels, np.array([[5.0, 8.0]]), refresh, np.ones(1), np.ones(1), _FIXED, np.array([0]), np.ones(1, int),
        n_warmup=0, key=np.array([1], np.uint64), seed=1,
    )  # fmt: skip
    assert found.order_lines[0] == 1
    assert found.received[0] == 8
    assert found.mean_on_hand[0] == pytest.approx(8 * 4 / 10)  # ordered in the evening of day 5, there from day 6


def test_fill_rate_is_not_defined_without_demand(shops: Shops) -> None:
    assert np.isnan(_simulated(shops, np.zeros((shops.n, 30))).fill_rate).all()


def test_errors_say_what_is_wrong(shops: Shops) -> None:
    demand = shops.demand(30, 1)
    with pytest.raises(DataError, match="no day is left to count"):
        _simulated(shops, demand, n_warmup=30)
    demand[3, 4] = np.nan
    with pytest.raises(DataError, match=r"negative or not finite(.|\n)*series 3(.|\n)*outside a series' life"):
        _simulated(shops, demand)
    with pytest.raises(DataError, match="do not fit each other"):
        _simulated(dataclasses.replace(shops, key=shops.key[:5]), shops.demand(30, 1))
