"""Demand of lead times: moments, exact mixtures, correlated errors, compound Poisson, sample paths and bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scaleinv.errors import DataError
from scaleinv.inventory import (
    Gamma,
    Mixture,
    NegativeBinomial,
    Normal,
    Pmf,
    Poisson,
    compound_poisson,
    copula_paths,
    correlated_variance,
    equal_correlation,
    fading_correlation,
    lead_demand,
    path_sums,
    variance_of_sum,
    willemain_paths,
)

KEY = np.arange(1, 4, dtype=np.uint64)


@pytest.mark.parametrize(
    ("family", "kind"), [("normal", Normal), ("gamma", Gamma), ("negative_binomial", NegativeBinomial)]
)
def test_moments_in_every_family(family: str, kind: type) -> None:
    demand = lead_demand([20.0, 3.0], [12.0, 4.0], 7, [2.0, 0.0], review=[0.0, 4.0], family=family)
    assert isinstance(demand, kind)
    assert demand.mean == pytest.approx([140, 33])
    assert demand.variance == pytest.approx([7 * 144 + 400 * 4, 11 * 16])  # the review adds days, but no variance of L


def test_poisson_over_a_gamma_lead_time_is_negative_binomial() -> None:
    demand = lead_demand(4.0, 0.0, 5.0, 2.0, family="poisson")
    shape, scale = (5 / 2) ** 2, 4 / 5
    lead = stats.gamma(shape, scale=scale)
    points = lead.ppf((np.arange(20_000) + 0.5) / 20_000)
    k = np.arange(120)
    mixed = stats.poisson(4 * points[:, None]).pmf(k).mean(axis=0)
    assert demand.cdf(k) == pytest.approx(np.cumsum(mixed), abs=2e-5)
    assert isinstance(lead_demand(4.0, 0.0, 5.0, family="poisson"), Poisson)


@given(tau=st.integers(0, 30), rho=st.floats(-0.95, 0.999))
@settings(max_examples=80, deadline=None)
def test_correlated_errors_against_their_matrix(tau: int, rho: float) -> None:
    expected = variance_of_sum(2.25 * fading_correlation(rho, tau)) if tau else 0.0
    assert correlated_variance(1.5, tau, rho) == pytest.approx(float(expected), rel=1e-7, abs=1e-9)


def test_correlated_errors_at_the_edges() -> None:
    assert correlated_variance(2, [4, 4, 0.5], [1.0, 0.0, 0.9]) == pytest.approx([4 * 16, 16, 2])
    assert lead_demand(10, 2, 9, correlation=0.5).variance > 2 * lead_demand(10, 2, 9).variance


@pytest.mark.parametrize("rate", [0.3, 6.0, 150.0])
def test_compound_poisson_against_convolution(rate: float) -> None:
    size = np.array([0.1, 0.5, 0.0, 0.4])
    found = compound_poisson(rate, size)
    n = 3 * int(rate + 12 * np.sqrt(rate) + 20)
    spectrum = np.exp(rate * (np.fft.fft(size, n) - 1.0))
    expected = np.fft.ifft(spectrum).real
    k = found.probability.shape[-1]
    assert found.probability[: min(k, n)] == pytest.approx(expected[: min(k, n)], abs=1e-12)
    mean = (size * np.arange(4)).sum()
    assert (found.mean, found.variance) == pytest.approx((rate * mean, rate * (size * np.arange(4) ** 2).sum()))


def test_compound_poisson_of_many_series_and_its_limits() -> None:
    many = compound_poisson([0.0, 2.0], [[0.0, 1.0], [0.0, 1.0]])
    assert many.mean == pytest.approx([0, 2])
    assert many.loss(1)[1] == pytest.approx(float(Poisson(2).loss(1)))
    with pytest.raises(DataError, match="700"):
        compound_poisson(800, [0.0, 1.0])


def test_mixture_is_wider_than_the_mean_lead_time() -> None:
    chance = [0.0, 0.4, 0.0, 0.0, 0.0, 0.6]
    exact = Mixture.over_lead_time(NegativeBinomial(4, 12), chance)
    moments = lead_demand(4, np.sqrt(12), 3.4, np.sqrt(0.6 * 0.4) * 4, family="negative_binomial")
    assert (exact.mean, exact.variance) == pytest.approx((float(moments.mean), float(moments.variance)))
    assert exact.quantile(0.95) > NegativeBinomial(4, 12).over(3.4).quantile(0.95)


def test_copula_keeps_each_period_and_ties_the_sum() -> None:
    day = NegativeBinomial([5.0, 5.0, 5.0], 17.5)
    paths = copula_paths(day, fading_correlation([0.0, 0.6, 0.9], 10), n_samples=20_000, key=KEY, seed=1)
    assert paths.shape == (3, 20_000, 10)
    seen = np.bincount(paths[1, :, 4].astype(int), minlength=8)[:8] / 20_000
    assert seen == pytest.approx(stats.nbinom(2, 2 / 7).pmf(np.arange(8)), abs=0.012)
    spread = paths.sum(axis=-1).var(axis=-1)
    assert spread[0] == pytest.approx(175, rel=0.05)
    assert spread[0] < spread[1] < spread[2]
    normal = copula_paths(Normal(10.0, 3.0), equal_correlation(0.5, 6), n_samples=20_000, key=KEY[:1], seed=1)
    assert normal.sum(axis=-1).var() == pytest.approx(9 * (6 + 30 * 0.5), rel=0.05)


def test_paths_belong_to_the_series_not_to_its_place() -> None:
    history = np.random.default_rng(0).poisson(0.4, (3, 60))
    for paths in (
        lambda k, rows: copula_paths(Poisson(np.full(len(rows), 2.0)), np.eye(4), n_samples=50, key=k, seed=3),
        lambda k, rows: willemain_paths(history[rows], 4, n_samples=50, key=k, seed=3),
    ):
        together, alone = paths(KEY, [0, 1, 2]), paths(KEY[2:], [2])
        assert (together[2] == alone[0]).all()
        assert (together[0] != together[2]).any()


def test_correlations_that_cannot_be_are_refused() -> None:
    with pytest.raises(DataError, match="do not fit"):
        copula_paths(Poisson(2.0), [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]], n_samples=2, key=KEY[:1], seed=0)


def test_bootstrap_keeps_occurrence_and_sizes() -> None:
    rng = np.random.default_rng(4)
    state, history = 0, []
    for _ in range(4000):  # demand comes in runs: after a day with demand the next has it with chance 0.6, else 0.1
        state = int(rng.random() < (0.6 if state else 0.1))
        history.append(state * rng.integers(3, 9))
    paths = willemain_paths(np.array([history]), 200, n_samples=300, key=KEY[:1], seed=2)[0]
    has = paths > 0
    assert has[:, 1:][has[:, :-1]].mean() == pytest.approx(0.6, abs=0.03)
    assert has[:, 1:][~has[:, :-1]].mean() == pytest.approx(0.1, abs=0.02)
    assert paths[has].mean() == pytest.approx(np.mean([x for x in history if x]), rel=0.1)
    assert paths.max() > 9  # jitter goes beyond what was seen
    assert (paths == np.round(paths)).all()
    plain = willemain_paths(np.array([history]), 20, n_samples=300, key=KEY[:1], seed=2, jitter=False)
    assert set(np.unique(plain)) <= {0, *history}


def test_bootstrap_of_series_that_never_or_always_sold() -> None:
    paths = willemain_paths([[0, 0, 0], [2, 2, 2], [0, 0, 7]], 5, n_samples=40, key=KEY, seed=1, jitter=False)
    assert (paths[0] == 0).all()
    assert (paths[1] == 2).all()
    assert set(np.unique(paths[2])) == {0, 7}


def test_path_sums_take_a_lead_time_per_path() -> None:
    paths = np.ones((2, 50_000, 8)) * np.arange(1, 9)
    chance = [[0.0, 0.3, 0.0, 0.7], [0.2, 0.0, 0.8, 0.0]]
    sums = path_sums(paths, chance, np.array([0, 1]), key=KEY[:2], seed=5, review=1)
    values, often = np.unique(sums[0], return_counts=True)
    assert values.tolist() == [3, 10]  # 1 + 1 or 3 + 1 periods
    assert often[1] / 50_000 == pytest.approx(0.7, abs=0.01)
    assert np.unique(sums[1]).tolist() == [3, 6]  # 0 days count as 1
    long = path_sums(paths[:1, :5, :2], [[0.0, 0.0, 0.0, 1.0]], np.array([0]), key=KEY[:1], seed=5)
    assert long.tolist() == [[4.5] * 5]  # stretched: 3 for 2 periods


def test_quantile_of_sums_is_not_the_sum_of_quantiles() -> None:
    day = NegativeBinomial(5.0, 17.5)
    paths = copula_paths(day, equal_correlation(0.3, 14), n_samples=20_000, key=KEY[:1], seed=9)
    level = float(Pmf.of_samples(paths.sum(axis=-1)).quantile([0.95])[0])
    assert level < 0.8 * 14 * float(day.quantile(0.95))
