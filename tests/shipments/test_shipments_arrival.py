"""Expected arrivals: conditioned on the time that has passed, moved by what is heard, honest about the unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.config.shipments import ArrivalConfig
from scaleinv.shipments.arrival import Arrival, Progress, arrivals, distance
from scaleinv.shipments.lanes import lane_times

CONFIG = ArrivalConfig(max_days=40)
NAN = np.nan


def lane(**probability: float) -> Any:
    row = np.zeros((1, 41))
    for day, share in probability.items():
        row[0, int(day[1:])] = share
    return row


def arrival(row: Any, *, config: ArrivalConfig = CONFIG, known: float = 1.0, **of: float) -> Arrival:
    names = ("elapsed", "eta", "eta_age", "planned", "fix_elapsed", "way_left")
    values = {name: np.array([of.get(name, 0.0 if name == "elapsed" else NAN)]) for name in names}
    return arrivals(row, np.array([known]), Progress(**values), config)


def test_without_news_it_is_the_lanes_past_that_is_left() -> None:
    never = CONFIG.model_copy(update={"stuck_share": 1e-12})
    row = lane(d3=0.6, d8=0.4)
    assert arrival(row, config=never).quantiles[0] == pytest.approx([3 + 1 / 6, 3 + 5 / 6, 8.75])
    # After five days the quick half has not come: only day 8 is left.
    assert arrival(row, config=never, elapsed=5.0).quantiles[0] == pytest.approx([3.1, 3.5, 3.9])
    # In the middle of its last day, the rest of that day.
    assert arrival(row, config=never, elapsed=8.5).quantiles[0] == pytest.approx([0.05, 0.25, 0.45])


def test_the_conditional_distribution_is_that_of_draws() -> None:
    rng = np.random.default_rng(3)
    row = rng.dirichlet(np.ones(41))[None, :]
    draws = rng.choice(41, size=400_000, p=row[0]) + rng.random(400_000)
    stuck = rng.random(400_000) < 0.1
    draws[stuck] = rng.exponential(14.0, stuck.sum())
    config = CONFIG.model_copy(update={"stuck_share": 0.1, "quantile_levels": (0.05, 0.25, 0.5, 0.75, 0.95)})
    for elapsed in (0.0, 3.3, 17.8, 31.0):
        left = draws[draws > elapsed] - elapsed
        found = arrival(row, config=config, elapsed=elapsed, planned=NAN).quantiles[0]
        assert found == pytest.approx(np.quantile(left, config.quantile_levels), abs=0.15)


def test_overdue_far_beyond_its_lane_it_counts_as_stuck() -> None:
    row = lane(d3=1.0)
    found = arrival(row, elapsed=20.0)
    assert found.expected[0] == pytest.approx(14 * np.log(2), abs=0.2)
    assert arrival(row, elapsed=200.0).expected[0] == pytest.approx(14 * np.log(2), abs=0.2)


def test_what_the_carrier_foresaw_and_is_over_gives_its_weight_back_to_the_lane() -> None:
    row = lane(**{f"d{day}": 1 / 30 for day in range(30)})
    by_lane = arrival(row, elapsed=10.0)
    # Said three days before: the spread is half a day, so after 1.5 days nothing of it is left.
    over = arrival(row, elapsed=10.0, eta=-1.6, eta_age=3.0)
    assert over.quantiles[0] == pytest.approx(by_lane.quantiles[0])
    medians = [arrival(row, elapsed=10.0, eta=-late, eta_age=3.0).expected[0] for late in (0.0, 0.5, 1.0, 1.4, 1.6)]
    assert medians == sorted(medians)
    assert medians[-2] < medians[-1] == by_lane.expected[0]
    # Where the lane has no past, what was foreseen is all that there is.
    assert np.isfinite(arrival(row, known=0.0, elapsed=10.0, eta=-1.6, eta_age=3.0).expected[0])


def test_the_carriers_word_moves_it_and_counts_less_the_older_it_is() -> None:
    row = lane(**{f"d{day}": 1 / 20 for day in range(20)})
    fresh = arrival(row, elapsed=2.0, eta=10.0, eta_age=0.0)
    assert fresh.expected[0] == pytest.approx(10.0, abs=0.5)
    far = arrival(row, elapsed=2.0, eta=10.0, eta_age=30.0)
    spread = [one.quantiles[0, 2] - one.quantiles[0, 0] for one in (fresh, far)]
    assert spread[0] < spread[1]


def test_where_it_is_tells_when_it_comes() -> None:
    row = lane(**{f"d{day}": 1 / 40 for day in range(40)})
    half = arrival(row, elapsed=4.0, fix_elapsed=4.0, way_left=0.5)
    assert half.expected[0] == pytest.approx(4.0, abs=0.7)
    nearly = arrival(row, elapsed=4.0, fix_elapsed=4.0, way_left=0.1)
    assert nearly.expected[0] < 1.2 < half.expected[0]


def test_what_nobody_knows_is_not_made_up() -> None:
    found = arrival(np.zeros((1, 41)), known=0.0, elapsed=3.0)
    assert np.isnan(found.expected[0])
    assert np.isnan(found.quantiles).all()
    assert np.isnan(found.late[0])
    strict = CONFIG.model_copy(update={"grace_days": 0.0})
    planned = arrival(np.zeros((1, 41)), config=strict, known=0.0, elapsed=1.0, planned=5.0)
    assert planned.expected[0] == pytest.approx(5.0, abs=0.3)
    assert planned.late[0] == pytest.approx(0.5, abs=0.05)


@settings(max_examples=60, deadline=None)
@given(
    elapsed=st.floats(0, 60), eta=st.one_of(st.none(), st.floats(-20, 40)), left=st.one_of(st.none(), st.floats(0, 1)),
    planned=st.one_of(st.none(), st.floats(-20, 40)), seed=st.integers(0, 99), known=st.booleans(),
)  # fmt: skip
def test_whatever_is_known_it_is_a_distribution(
    elapsed: float, eta: float | None, left: float | None, planned: float | None, seed: int, known: bool
) -> None:
    row = np.random.default_rng(seed).dirichlet(np.ones(41))[None, :] * known
    none_is_nan = {"eta": eta, "planned": planned, "way_left": left}
    of = {name: NAN if value is None else value for name, value in none_is_nan.items()}
    found = arrival(row, known=float(known), elapsed=elapsed, eta_age=1.0, fix_elapsed=elapsed / 2, **of)
    if np.isnan(found.expected[0]):
        assert not known
        return
    quantiles = found.quantiles[0]
    assert (np.diff(quantiles) >= 0).all()
    assert quantiles[0] >= 0
    assert planned is None or -1e-9 <= found.late[0] <= 1 + 1e-9


def test_many_at_once_are_each_as_if_alone() -> None:
    rng = np.random.default_rng(5)
    n = 20_500  # more than a piece
    rows = rng.dirichlet(np.ones(41), size=n)
    progress = Progress(*(rng.uniform(0, 12, n) for _ in range(5)), rng.random(n))
    together = arrivals(rows, np.ones(n), progress, CONFIG)
    for one in (0, 19_999, 20_000, n - 1):
        alone = Progress(**{name: value[one : one + 1] for name, value in vars(progress).items()})
        single = arrivals(rows[one : one + 1], np.ones(1), alone, CONFIG)
        assert single.quantiles[0] == pytest.approx(together.quantiles[one])
        assert single.late[0] == pytest.approx(together.late[one])


def test_lanes_lean_on_wider_ones_until_they_have_a_past() -> None:
    days = np.array([2.0] * 100 + [9.5] * 3)
    past = np.array([[0, 0]] * 100 + [[1, 0]] * 3)
    found, known = lane_times(days, past, np.array([[0, 0], [1, 0], [7, 0], [7, 7]]), max_days=20, weight=20)
    assert known.tolist() == [1, 1, 1, 1]
    assert found.sum(axis=1) == pytest.approx(1)
    everywhere = 3 / 103
    parent = (3 + 20 * everywhere) / 123
    assert found[:, 9] == pytest.approx([20 * parent / 120, (3 + 20 * parent) / 23, parent, everywhere])
    nothing, known = lane_times(np.empty(0), np.empty((0, 2), np.int64), np.array([[0, 0]]), max_days=20, weight=20)
    assert (nothing.sum(), known.tolist()) == (0, [0])


def test_distance_along_the_great_circle() -> None:
    found = distance(*(np.array([one]) for one in (50.0379, 8.5622, 40.6413, -73.7781)))  # Frankfurt - New York
    assert found[0] == pytest.approx(6_205, rel=0.01)
