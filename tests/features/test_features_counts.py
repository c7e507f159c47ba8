"""Censored counts against scipy's distributions, summed by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scaleinv.features.counts import Seen, at_least

COUNTS = np.arange(5000)


def one(value: float) -> np.ndarray:
    return np.array([float(value)])


def by_force(probability: np.ndarray, bound: int) -> tuple[float, float]:
    kept = np.where(bound <= COUNTS, probability, 0.0)
    mean = (COUNTS * kept).sum() / kept.sum()
    return mean, ((COUNTS - mean) ** 2 * kept).sum() / kept.sum()


@pytest.mark.parametrize("bound", [0, 1, 2, 5, 12])
@pytest.mark.parametrize("mean", [0.3, 3.0, 9.5])
def test_with_a_large_size_it_is_poisson(mean: float, bound: int) -> None:
    expected, variance = at_least(one(bound), one(mean), one(1e7))
    # E[D | D >= s] = mean P(D >= s - 1) / P(D >= s)
    closed = mean * stats.poisson.sf(bound - 2, mean) / stats.poisson.sf(bound - 1, mean)
    assert expected[0] == pytest.approx(closed, rel=1e-4)
    assert variance[0] == pytest.approx(by_force(stats.poisson.pmf(COUNTS, mean), bound)[1], rel=1e-3)


@pytest.mark.parametrize(("mean", "size", "bound"), [(3, 2, 4), (0.4, 0.3, 2), (40, 10, 50), (8, 1.2, 0), (5, 5, 1)])
def test_it_is_the_tail_of_the_negative_binomial(mean: float, size: float, bound: int) -> None:
    expected, variance = at_least(one(bound), one(mean), one(size))
    brute = by_force(stats.nbinom.pmf(COUNTS, size, size / (size + mean)), bound)
    assert (expected[0], variance[0]) == (pytest.approx(brute[0]), pytest.approx(brute[1]))


def test_far_beyond_the_digits_of_its_probability_it_goes_on_as_it_was() -> None:
    bounds = np.arange(1.0, 400.0)
    expected, variance = at_least(bounds, np.full(399, 5.0), np.full(399, 4.0))
    assert (expected >= bounds).all()
    assert (variance > 0).all()
    assert np.abs(np.diff(expected, n=2)[10:]).max() < 0.02  # no jump where the formula changes
    assert np.isfinite(at_least(one(1e6), one(1e-6), one(0.05))[0][0])


def test_half_units_lie_between_whole_ones() -> None:
    expected, _ = at_least(np.array([3.0, 3.5, 4.0]), np.full(3, 3.0), np.full(3, 2.0))
    assert expected[0] < expected[1] < expected[2]


def seen(units: float, share: float, least: float, least_share: float) -> Seen:
    return Seen(one(units), one(share), one(least), one(least_share))


def test_a_day_that_hides_nothing_is_what_was_sold() -> None:
    demand, variance = seen(7, 1, 0, 0).demand(one(3), one(2))
    assert (demand[0], variance[0]) == (7, pytest.approx(0, abs=1e-12))


def test_a_day_that_shows_nothing_is_what_was_expected() -> None:
    demand, variance = seen(0, 0, 0, 1).demand(one(3), one(2))
    assert (demand[0], variance[0]) == (pytest.approx(3), pytest.approx(3 + 9 / 2))


def test_half_a_day_updates_the_rate_of_the_other_half() -> None:
    draws = np.random.default_rng(0)
    rate = draws.gamma(2.0, 4.0 / 2.0, 400_000)  # mean 4, size 2
    morning, evening = draws.poisson(0.6 * rate), draws.poisson(0.4 * rate)
    demand, variance = seen(5, 0.6, 0, 0).demand(one(4), one(2))
    alike = evening[morning == 5]
    assert demand[0] == pytest.approx(5 + alike.mean(), rel=0.01)
    assert variance[0] == pytest.approx(alike.var(), rel=0.03)


@pytest.mark.parametrize("size", [1.5, 1e6])
def test_an_hour_that_ran_out_is_at_least_what_it_sold_and_tells_of_the_hours_after(size: float) -> None:
    draws = np.random.default_rng(1)
    rate = draws.gamma(size, 4.0 / size, 1_000_000)
    before, hour, after = (draws.poisson(share * rate) for share in (0.5, 0.25, 0.25))
    demand, variance = seen(2, 0.5, 3, 0.25).demand(one(4), one(size))
    alike = (before + hour + after)[(before == 2) & (hour >= 3)]
    assert demand[0] == pytest.approx(alike.mean(), rel=0.01)
    assert variance[0] == pytest.approx(alike.var(), rel=0.1)
