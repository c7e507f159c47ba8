"""Sample paths, cumulative quantiles and the dependence between steps, against known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scaleinv.config import ForecastConfig
from scaleinv.forecast.paths import (
    cumulative_quantiles,
    joint_paths,
    mean_weights,
    normal_scores,
    quantiles,
    read_off,
    step_correlation,
)

LEVELS = ForecastConfig().quantile_levels
DAILY = stats.nbinom(2, 2 / 7)
"""Negative binomial demand with mean 5 and r 2."""


def _exchangeable(rho: float, horizon: int = 14) -> torch.Tensor:
    return torch.full((horizon, horizon), rho, dtype=torch.float64).fill_diagonal_(1.0)


def _copula_normals(correlation: torch.Tensor, n: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (n, len(correlation))
    return torch.randn(shape, generator=generator, dtype=torch.float64) @ torch.linalg.cholesky(correlation).T


@pytest.mark.parametrize(("rho", "expected"), [(0.0, 97), (0.3, 132), (0.9, 177)])
def test_the_95th_percentile_of_14_days_depends_on_their_correlation(rho: float, expected: int) -> None:
    u = torch.special.ndtr(_copula_normals(_exchangeable(rho), 40_000)).numpy()
    paths = torch.from_numpy(DAILY.ppf(u))[None]
    total = cumulative_quantiles(paths, [0.95])[0, -1, 0]
    assert float(total) == pytest.approx(expected, abs=1.5)
    assert float(total) < 14 * DAILY.ppf(0.95) == 182


@pytest.mark.parametrize(("rho", "expected"), [(0.0, 97), (0.3, 132), (0.9, 177)])
def test_joint_paths_from_daily_quantiles_find_the_same_percentile(rho: float, expected: int) -> None:
    daily = torch.from_numpy(DAILY.ppf(np.asarray(LEVELS))).expand(1, 14, -1)
    paths = joint_paths(daily, LEVELS, _exchangeable(rho), n_samples=4000, seed=1)
    total = float(cumulative_quantiles(paths, [0.95])[0, -1, 0])
    assert total == pytest.approx(expected, rel=0.04)


def test_joint_paths_meet_each_steps_own_quantiles() -> None:
    generator = torch.Generator().manual_seed(3)
    predicted = torch.rand((4, 28, len(LEVELS)), generator=generator).cumsum(-1)
    paths = joint_paths(predicted, LEVELS, _exchangeable(0.4, 28), n_samples=1000, seed=0)
    found = quantiles(paths, LEVELS)
    inner = slice(1, -1)
    torch.testing.assert_close(found[..., inner], predicted[..., inner], atol=0.06, rtol=0.0)


def test_joint_paths_of_a_series_do_not_depend_on_its_neighbours() -> None:
    predicted = torch.arange(3 * 5 * len(LEVELS)).reshape(3, 5, -1).double()
    together = joint_paths(predicted, LEVELS, _exchangeable(0.2, 5), n_samples=50, seed=4)
    alone = joint_paths(predicted[1:2], LEVELS, _exchangeable(0.2, 5), n_samples=50, seed=4)
    torch.testing.assert_close(together[1:2], alone)


@given(st.integers(0, 2**32 - 1), st.integers(20, 60), st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_quantiles_agree_with_numpy_never_cross_and_never_fall_with_the_horizon(seed: int, n: int, h: int) -> None:
    rng = np.random.default_rng(seed)
    paths = rng.poisson(2.0, size=(3, n, h)).astype(np.float64)
    daily = quantiles(torch.from_numpy(paths), LEVELS).numpy()
    expected = np.moveaxis(np.quantile(paths, LEVELS, axis=1, method="median_unbiased"), 0, -1)
    np.testing.assert_allclose(daily, expected, atol=1e-9)
    total = cumulative_quantiles(torch.from_numpy(paths), LEVELS).numpy()
    assert (np.diff(total, axis=-1) >= 0).all()
    assert (np.diff(total, axis=1) >= -1e-9).all()


@given(st.lists(st.floats(0.01, 50), min_size=len(LEVELS), max_size=len(LEVELS)))
@settings(max_examples=50, deadline=None)
def test_reading_off_rises_with_probability_and_returns_the_levels(values: list[float]) -> None:
    predicted = torch.tensor(sorted(values), dtype=torch.float64)
    at_levels = predicted @ read_off(LEVELS, torch.tensor(LEVELS, dtype=torch.float64))
    torch.testing.assert_close(at_levels, predicted)
    everywhere = predicted @ read_off(LEVELS, torch.linspace(0, 0.99999, 500, dtype=torch.float64))
    assert float(everywhere[0]) == 0.0
    assert bool((everywhere.diff() >= -1e-9).all())


def test_the_mean_read_off_from_quantiles_is_the_distributions() -> None:
    exponential = stats.expon(scale=7.0)
    predicted = torch.from_numpy(exponential.ppf(np.asarray(LEVELS)))
    assert float(predicted @ mean_weights(LEVELS)) == pytest.approx(7.0, rel=0.03)


def test_one_quantile_level_is_enough_to_read_off() -> None:
    weights = read_off([0.5], torch.tensor([0.25, 0.5, 0.9], dtype=torch.float64))
    torch.testing.assert_close(weights[0], torch.tensor([0.5, 1.0, 1.0], dtype=torch.float64))


@pytest.mark.parametrize("mean", [5.0, 1.0])
@pytest.mark.parametrize(("level", "swing", "decay"), [(0.0, 0.0, 0.0), (0.25, 0.0, 0.0), (0.1, 0.4, 0.8)])
def test_the_dependence_of_counts_is_found_again(mean: float, level: float, swing: float, decay: float) -> None:
    lag = torch.arange(28, dtype=torch.float64)
    lags = (lag[:, None] - lag).abs()
    true = torch.where(lags == 0, 1.0, level + swing * decay**lags)
    counts = stats.nbinom(2, 2 / (2 + mean))
    y = torch.from_numpy(counts.ppf(torch.special.ndtr(_copula_normals(true, 1500)).numpy()))
    # quantiles of the count spread over its unit, as a network that is trained on many series predicts them
    grid = np.arange(-1, 400) + 0.5
    predicted = np.interp(LEVELS, np.r_[0, counts.cdf(np.arange(0, 400))], grid).clip(0)
    scores = normal_scores(
        y, torch.ones_like(y, dtype=torch.bool), torch.from_numpy(predicted).expand(*y.shape, -1), LEVELS
    )
    found = step_correlation(scores, torch.ones_like(y, dtype=torch.bool))
    assert found[0, 1:].numpy() == pytest.approx(true[0, 1:].numpy(), abs=0.07)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0), st.integers(2, 28))
@settings(max_examples=25, deadline=None)
def test_the_correlation_is_always_one_that_can_be_drawn_from(seed: int, share: float, horizon: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = 3 * torch.randn((40, 1), generator=generator) + torch.randn((40, horizon), generator=generator)
    observed = torch.rand((40, horizon), generator=generator) < share
    found = step_correlation((scores * observed).double(), observed)
    assert bool((torch.linalg.eigvalsh(found) > 0).all())
    torch.testing.assert_close(found.diagonal(), torch.ones(horizon, dtype=torch.float64))
