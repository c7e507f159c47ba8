"""Reorder points by formula: golden cases (A…), plain NumPy and SciPy, and what threads must not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma, nbinom

from scaleinv.errors import DataError
from scaleinv.inventory import (
    cycle_factor,
    fill_factor,
    fill_rate_safety_stock,
    gamma_reorder_point,
    negative_binomial_reorder_point,
    normal_reorder_point,
    path_days,
    path_quantile,
    root_spread,
)


def test_normal_of_chopra_a31() -> None:
    expected = [22491.14, 19297.89, 16108.85, 12927.17, 9760.01, 6628.24, 3624.78, 1695.33]
    found = normal_reorder_point(0.9, 2500, 500, 7, np.arange(7.0, -1.0, -1.0))
    assert found - 17_500 == pytest.approx(expected, abs=0.006)


def test_gamma_a28_and_negative_binomial_a29_a30() -> None:
    assert gamma_reorder_point(0.95, 40, 400) == pytest.approx(77.53656527933, rel=1e-12)
    assert negative_binomial_reorder_point([0.95, 0.98], 12, 30).tolist() == [22, 25]
    assert negative_binomial_reorder_point([0.9, 0.95, 0.98, 0.99], 40, 200).tolist() == [59, 66, 74, 79]


def test_fill_rate_of_nahmias_a37() -> None:
    assert 100 + fill_rate_safety_stock(0.98, 100, 25) == pytest.approx(125.531, abs=6e-4)


def test_rows_are_those_of_numpy_and_scipy_whatever_the_threads() -> None:
    rng = np.random.default_rng(1)
    n = 5_000
    level, mean = rng.uniform(0.5, 0.9999, n), np.exp(rng.uniform(-3, 6, n))
    sd, days, lead = mean * rng.uniform(0.2, 3, n), rng.integers(1, 28, n).astype(float), rng.uniform(0, 4, n)
    spread = root_spread(days, mean, sd, lead)
    expected = days * mean + cycle_factor(level) * spread
    assert normal_reorder_point(level, mean, sd, days, lead) == pytest.approx(expected, rel=1e-12)
    variance = spread**2
    total = days * mean
    expected = gamma.ppf(level, total**2 / variance, scale=variance / total)
    found = gamma_reorder_point(level, total, variance)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-250)
    assert np.array_equal(found[:100], gamma_reorder_point(level[:100], total[:100], variance[:100]))
    wide = np.maximum(variance, total * 1.01)
    found = negative_binomial_reorder_point(level, total, wide)
    assert np.array_equal(found, nbinom.ppf(level, total**2 / (wide - total), total / wide))
    stock = fill_rate_safety_stock(level, 20 * mean, spread)
    assert stock == pytest.approx(spread * fill_factor(level, 20 * mean, spread), rel=1e-9, abs=1e-9)


def test_without_spread_there_is_no_safety_stock() -> None:
    assert gamma_reorder_point(0.95, [3.0, 0.0], [0.0, 0.0]).tolist() == [3.0, 0.0]
    assert fill_rate_safety_stock(0.95, 10.0, [0.0]).tolist() == [0.0]
    assert np.isnan(gamma_reorder_point(0.95, [np.nan, 1.0, -1.0], [1.0, np.nan, 1.0])).all()
    assert np.isnan(fill_rate_safety_stock(0.95, 1.0, [np.nan, -1.0])).all()


@settings(deadline=None, max_examples=60)
@given(st.floats(0.01, 1e5), st.floats(0.05, 100), st.floats(0.5, 0.9999), st.floats(0.5, 0.9999))
def test_a_higher_level_never_asks_for_less(mean: float, ratio: float, one: float, two: float) -> None:
    low, high = sorted((one, two))
    for point in (gamma_reorder_point, negative_binomial_reorder_point):
        assert point(low, mean, ratio * mean) <= point(high, mean, ratio * mean)


def test_the_quantile_of_paths_is_that_of_sorted_sums() -> None:
    rng = np.random.default_rng(2)
    n, n_samples, horizon = 600, 101, 21
    chance = np.zeros((2, 9))
    chance[0, [2, 5, 8]], chance[1, 3] = (0.2, 0.5, 0.3), 1.0
    days = path_days(
        chance, np.arange(n) % 2, np.full(n, 7), key=np.arange(n, dtype=np.uint64), n_samples=n_samples, seed=3
    )
    assert set(np.unique(days[::2]).tolist()) == {8, 11, 14}
    assert (days[1::2] == 9).all()
    assert np.abs((days[::2] == 11).mean(axis=1) - 0.5).max() < 0.02
    paths = rng.negative_binomial(2, 0.4, (n, n_samples, horizon)).astype(np.float32)
    sums = np.sort(np.take_along_axis(np.cumsum(paths, axis=2), days[..., None] - 1, axis=2)[..., 0], axis=1)
    for level, place in ((0.5, 50), (0.95, 95), (0.999, 100), (1e-6, 0)):
        assert np.array_equal(path_quantile(paths, days, level), sums[:, place])
    assert path_quantile(paths * 0, days, 0.9).max() == 0
    paths[3, 7, 0] = np.nan
    assert np.flatnonzero(np.isnan(path_quantile(paths, days, 0.9))).tolist() == [3]
    with pytest.raises(DataError, match="do not fit"):
        path_quantile(paths, days[:, 1:], 0.9)
