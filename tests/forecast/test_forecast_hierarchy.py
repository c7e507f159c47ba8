"""Reconciled means against the dense formula; samples of sums against what is known to be in common."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from scaleinv.config import ForecastConfig
from scaleinv.forecast import (
    Hierarchy,
    common_draws,
    fit,
    normal_scores,
    predict,
    quantiles,
    reconciled_means,
    series_paths,
    shared_errors,
    sum_group,
    variances_of,
)

LEVELS = ForecastConfig().quantile_levels
SHARES = (0.05, 0.1, 0.05, 0.0, 0.15)


def crossed(rng: np.random.Generator, n_skus: int, n_locations: int, n_categories: int, kept: float = 1.0) -> Hierarchy:
    """Total, location, category, category at a location, SKU; not every SKU is everywhere."""
    sku, location = np.divmod(np.flatnonzero(rng.random(n_skus * n_locations) < kept), n_locations)
    both = (sku % n_categories) * n_locations + location
    labels = [sku * 0, location, sku % n_categories, both, sku]
    return Hierarchy.of([np.unique(label, return_inverse=True)[1] for label in labels])


def dense(hierarchy: Hierarchy, means: np.ndarray, nodes: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """b = (S'W⁻¹S)⁻¹ S'W⁻¹ y, step by step, S dense and the series among the nodes."""
    upper = np.array([(hierarchy.codes == node).any(axis=0) for node in range(hierarchy.n_nodes)], float)
    summing = np.vstack([np.eye(len(means)), upper])
    steps = []
    for at in range(means.shape[1]):
        weight = np.diag(1 / np.concatenate([v[:, at], w[:, at]]))
        y = np.concatenate([means[:, at], nodes[:, at]])
        steps.append(np.linalg.solve(summing.T @ weight @ summing, summing.T @ weight @ y))
    return np.stack(steps, axis=1)


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=25, deadline=None)
def test_reconciled_means_are_those_of_the_dense_formula(seed: int, structural: bool) -> None:
    rng = np.random.default_rng(seed)
    hierarchy = crossed(rng, 9, 4, 2, kept=0.7)
    n, horizon = hierarchy.codes.shape[1], 3
    means = rng.gamma(1, 5, (n, horizon))
    nodes = hierarchy.sums(means) * rng.lognormal(0, 0.3, (hierarchy.n_nodes, horizon))
    v, w = rng.uniform(0.1, 3, means.shape), rng.uniform(0.1, 30, nodes.shape)
    if structural:
        v, w = np.ones_like(means), np.repeat(hierarchy.sums(np.ones((n, 1))), horizon, axis=1)
    found = reconciled_means(hierarchy, means, nodes, v, w)
    np.testing.assert_allclose(found, dense(hierarchy, means, nodes, v, w).clip(0), atol=1e-6)


def test_what_agrees_already_stays_and_what_is_certain_is_not_moved() -> None:
    rng = np.random.default_rng(3)
    hierarchy = crossed(rng, 20, 5, 3, kept=0.8)
    means = rng.gamma(1, 5, (hierarchy.codes.shape[1], 4))
    nodes = hierarchy.sums(means)
    ones = np.ones((len(means), 1))
    found = reconciled_means(hierarchy, means, nodes, ones, hierarchy.sums(ones))
    np.testing.assert_allclose(found, means, rtol=1e-12)
    some = np.where(np.arange(len(means)) % 2, 1.0, 0.0)[:, None]
    found = reconciled_means(hierarchy, means, 1.5 * nodes, some, 0.1 * hierarchy.sums(ones))
    np.testing.assert_array_equal(found[::2], means[::2])
    assert (found[1::2].sum(0) > 1.1 * means[1::2].sum(0)).all()


def test_a_node_that_is_certain_is_met_and_nothing_is_negative() -> None:
    rng = np.random.default_rng(4)
    hierarchy = crossed(rng, 10, 3, 2)
    means = rng.gamma(1, 5, (30, 2))
    total = hierarchy.sums(means)
    certain = np.full((hierarchy.n_nodes, 1), 1e9)
    certain[0] = 0
    wanted = total.copy()
    wanted[0] *= 1.3
    found = reconciled_means(hierarchy, means, wanted, means, certain)
    np.testing.assert_allclose(found.sum(0), wanted[0], rtol=1e-3)
    nothing = reconciled_means(hierarchy, means, 0 * total, np.ones((30, 1)), 0.001 * np.ones((hierarchy.n_nodes, 1)))
    assert nothing.min() == 0.0


def test_the_number_of_iterations_does_not_grow_with_the_number_of_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scaleinv.forecast.hierarchy._MOST_ITERATIONS", 40)
    rng = np.random.default_rng(5)
    for n_skus in (10, 2000):
        hierarchy = crossed(rng, n_skus, 10, 4)
        means = rng.gamma(1, 5, (hierarchy.codes.shape[1], 2))
        nodes = hierarchy.sums(means) * rng.lognormal(0, 0.3, (hierarchy.n_nodes, 2))
        ones = np.ones((len(means), 1))
        assert np.isfinite(reconciled_means(hierarchy, means, nodes, ones, hierarchy.sums(ones))).all()


def test_the_variance_read_off_from_quantiles_is_the_distributions() -> None:
    gamma = stats.gamma(4, scale=2.0)
    assert variances_of(gamma.ppf(np.asarray(LEVELS)), LEVELS) == pytest.approx(16.0, rel=0.05)
    assert variances_of(np.zeros((2, len(LEVELS))), LEVELS).tolist() == [0.0, 0.0]


def normals(hierarchy: Hierarchy, days: int, rng: np.random.Generator) -> np.ndarray:
    common = [
        share**0.5 * rng.standard_normal((hierarchy.n_nodes, days))[code]
        for share, code in zip(SHARES, hierarchy.codes, strict=True)
    ]
    own = (1 - sum(SHARES)) ** 0.5 * rng.standard_normal((hierarchy.codes.shape[1], days))
    return np.sum(common, axis=0) + own


@pytest.mark.parametrize("mean", [20.0, 1.0])
def test_what_errors_have_in_common_is_found_level_by_level(mean: float) -> None:
    """Of counts, from randomly missing days."""
    rng = np.random.default_rng(6)
    hierarchy = crossed(rng, 200, 15, 10)
    counts = stats.nbinom(2, 2 / (2 + mean))
    y = counts.ppf(special.ndtr(normals(hierarchy, 400, rng)))
    grid = np.arange(-1, 400) + 0.5
    predicted = np.interp(LEVELS, np.r_[0, counts.cdf(np.arange(0, 400))], grid).clip(0)
    observed = torch.from_numpy(rng.random(y.shape) < 0.9)
    scores = normal_scores(torch.from_numpy(y), observed, torch.from_numpy(predicted).expand(*y.shape, -1), LEVELS)
    found = shared_errors(hierarchy, scores.numpy(), observed.numpy())
    np.testing.assert_allclose(found, SHARES, atol=0.02)


def test_nothing_in_common_is_found_where_there_is_nothing() -> None:
    rng = np.random.default_rng(7)
    hierarchy = crossed(rng, 60, 10, 4)
    scores = rng.standard_normal((600, 200))
    assert shared_errors(hierarchy, scores, np.ones(scores.shape, bool)).sum() < 0.01
    alone = Hierarchy.of([[0]] * 5)
    assert shared_errors(alone, scores[:1], np.ones((1, 200), bool)).tolist() == [0.0] * 5


def test_quantiles_of_sums_cover_what_they_promise() -> None:
    """Series whose errors have a known part in common: their sums lie within the quantiles as often as they should."""
    rng, days, n_samples = np.random.default_rng(8), 300, 2000
    hierarchy = crossed(rng, 40, 6, 3)
    n, horizon = hierarchy.codes.shape[1], 3
    shape = rng.uniform(0.5, 3, n)
    truth = stats.gamma(shape[:, None]).ppf(special.ndtr(normals(hierarchy, days, rng)))
    predicted = torch.from_numpy(stats.gamma(shape[:, None]).ppf(LEVELS))[:, None].expand(-1, horizon, -1)
    means, correlation = torch.from_numpy(np.repeat(shape[:, None], horizon, 1)), torch.eye(horizon)
    draws = common_draws(hierarchy.n_nodes, n_samples, correlation, [1])
    together = [share**0.5 * draws[code] for share, code in zip(SHARES, hierarchy.codes, strict=True)]
    coverage = {}
    for name, common, own in (
        ("dependent", torch.stack(together).sum(0), 1 - sum(SHARES)), ("alone", 0 * together[0], 1.0)
    ):  # fmt: skip
        paths = series_paths(predicted, means, LEVELS, common, own, correlation, [2])
        assert paths.mean(-1).numpy() == pytest.approx(means.numpy(), rel=0.2)
        sums = hierarchy.sums(paths.numpy())
        read = quantiles(torch.from_numpy(sums).transpose(1, 2), LEVELS)[:, 0].numpy()
        coverage[name] = (hierarchy.sums(truth)[..., None] <= read[:, None]).mean(axis=1)
    at = [LEVELS.index(level) for level in (0.1, 0.5, 0.9, 0.975)]
    for level_nodes in (slice(0, 1), slice(1, 7), slice(7, 10), slice(10, 28), slice(28, None)):
        found = coverage["dependent"][level_nodes].mean(axis=0)[at]
        np.testing.assert_allclose(found, [0.1, 0.5, 0.9, 0.975], atol=0.05)
    assert coverage["alone"][0][LEVELS.index(0.9)] < 0.8


def test_sums_are_a_group_that_a_model_can_forecast() -> None:
    history = np.tile([2, 4, 6, 8, 6, 4, 2], 12)[None] * np.array([[1], [10]], np.float32)
    history[1, :14] = 0
    cutoff = date(1970, 3, 25)
    group = sum_group(np.array(["a", "b"], object), history.astype(np.float32), cutoff, 7)
    config = ForecastConfig(horizon=7, n_samples=50)
    fitted = fit("auto_ets", group, cutoff=cutoff, config=config, season=7, seed=1)
    found = predict(fitted, group, cutoff=cutoff, config=config)
    np.testing.assert_allclose(found.mean, history[:, -7:], rtol=0.05)
    assert group.indptr.tolist() == [0, 91, 91 + 77]
