from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scaleinv.errors import DataError
from scaleinv.inventory import Simulation, simulate

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


def test_what_is_owed_in_the_first_morning_is_delivered_first() -> None:
    """stockpyl#180: a negative stock at first was lost, or made units out of nothing."""
    found = simulate(
        np.zeros((1, 10)), np.zeros((1, 1)), np.full((1, 1), 8.0), np.zeros(10, int), np.ones(1), np.ones(1), _FIXED,
        np.zeros(1, int), np.ones(1, int), n_warmup=0, key=np.array([1], np.uint64), seed=1, backorders=True,
        on_hand=np.array([-5.0]),
    )  # fmt: skip
    assert (found.on_hand_before[0], found.received[0], found.on_hand_after[0]) == (-5.0, 13.0, 8.0)
    assert (found.order_lines[0], found.lost[0]) == (1, 0)


def test_errors_say_what_is_wrong(shops: Shops) -> None:
    demand = shops.demand(30, 1)
    with pytest.raises(DataError, match="no day is left to count"):
        _simulated(shops, demand, n_warmup=30)
    demand[3, 4] = np.nan
    with pytest.raises(DataError, match=r"negative or not finite(.|\n)*series 3(.|\n)*outside a series' life"):
        _simulated(shops, demand)
    with pytest.raises(DataError, match="do not fit each other"):
        _simulated(dataclasses.replace(shops, key=shops.key[:5]), shops.demand(30, 1))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.integers(0, 12), st.integers(1, 4), st.integers(0, 30))
def test_no_unit_is_made_or_lost_whatever_the_terms(
    seed: int, waits: bool, life: int, n_samples: int, n_warmup: int
) -> None:
    rng = np.random.default_rng(seed)
    demand = np.round(rng.gamma(0.5, 6.0, (3, n_samples, 60)), 2)
    low = rng.uniform(0, 30, (3, 2))
    found = simulate(
        demand, low, low + rng.uniform(0, 20, (3, 2)), np.arange(60) // 30, rng.uniform(0, 9, 3), np.array([1, 6, 0.5]),
        np.array([[0, 0.2, 0.3, 0.5]]), np.zeros(3, int), np.array([1, 2, 7]), n_warmup=n_warmup,
        key=np.arange(3, dtype=np.uint64), seed=seed, backorders=waits, shelf_life=np.full(3, life),
    )  # fmt: skip
    assert found.demand == pytest.approx(demand[:, :, n_warmup:].sum(axis=2).mean(axis=1))
    sold = found.demand - found.lost
    assert found.on_hand_before + found.received - sold - found.wasted == pytest.approx(found.on_hand_after, abs=1e-6)
    assert (found.mean_on_shelf >= found.mean_on_hand - 1e-9).all()
    assert (found.wasted == 0).all() or life


def test_samples_are_the_paths_one_by_one(shops: Shops) -> None:
    paths = np.stack([shops.demand(80, seed) for seed in (1, 2, 3)], axis=1)
    options = {"n_warmup": 10, "key": shops.key, "seed": 5}
    terms = (
        np.full((shops.n, 1), 30.0), np.full((shops.n, 1), 60.0), np.zeros(80, int), np.ones(shops.n),
        np.ones(shops.n), _FIXED, np.full(shops.n, 2), np.ones(shops.n, int),
    )  # fmt: skip
    together = simulate(paths, *terms, **options)  # type: ignore[arg-type]
    apart = [simulate(paths[:, i], *terms, **options) for i in range(3)]  # type: ignore[arg-type]
    for name in ("lost", "mean_on_hand", "cycles_short"):
        assert getattr(together, name) == pytest.approx(np.mean([getattr(one, name) for one in apart], axis=0))


def test_values_are_at_the_day_s_price() -> None:
    demand = np.array([[4.0, 0.0, 7.0]])
    found = simulate(
        demand, np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(3, int), np.ones(1), np.ones(1), _FIXED, np.zeros(1, int),
        np.ones(1, int), n_warmup=0, key=np.array([1], np.uint64), seed=1, on_hand=np.array([5.0]),
        price=np.array([[2.0, 3.0, 10.0]]),
    )  # fmt: skip
    assert found.demand_value[0] == 4 * 2 + 7 * 10
    assert found.short_value[0] == 6 * 10
    assert found.fill_rate[0] == pytest.approx(5 / 11)
    assert found.cost(holding=1, shortage=3)[0] == pytest.approx((1 + 1 + 0) / 3 + 6 * 3 / 3)


def test_terms_that_cannot_be_are_refused(shops: Shops) -> None:
    demand = shops.demand(30, 1)
    with pytest.raises(DataError, match=r"a shelf life below 0(.|\n)*series 0"):
        _simulated(shops, demand, shelf_life=np.full(shops.n, -1))
    with pytest.raises(DataError, match="a price that is negative"):
        _simulated(shops, demand, price=-demand - 1)
    with pytest.raises(DataError, match="prices of other days"):
        _simulated(shops, demand, price=demand[:, :20])


def test_limits_and_calendars_must_fit_the_series_and_days(shops: Shops) -> None:
    demand = shops.demand(40, 1)
    for changes, message in (
        ({"limit": np.full(shops.n, np.nan)}, "a limit that is no number"),
        ({"limit": np.ones(3)}, "limits of other series"),
        ({"can_order": np.ones((1, 40), bool)}, "a calendar of other vendors or days"),
        ({"can_receive": np.ones((len(shops.lead_time), 41), bool)}, "a calendar of other vendors or days"),
    ):
        with pytest.raises(DataError, match=message):
            _simulated(shops, demand, **changes)  # type: ignore[arg-type]


def test_open_days_without_end_change_nothing_and_closed_ones_order_nothing(shops: Shops) -> None:
    demand = shops.demand(100, 1)
    plain = _simulated(shops, demand)
    every = np.ones((len(shops.lead_time), 100), bool)
    same = _simulated(shops, demand, limit=np.full(shops.n, 1e9), can_order=every, can_receive=every)
    for name in ("lost", "mean_on_hand", "order_lines", "cycles"):
        assert np.array_equal(getattr(plain, name), getattr(same, name)), name
    assert (plain.order_lines > 0).any()
    assert not _simulated(shops, demand, can_order=~every).order_lines.any()
    assert not _simulated(shops, demand, can_receive=~every).received.any()
