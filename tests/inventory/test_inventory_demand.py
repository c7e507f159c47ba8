"""Families of demand against SciPy's distributions, sums and integrals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from scaleinv.errors import DataError
from scaleinv.inventory import (
    Demand,
    Gamma,
    LogNormal,
    Mixture,
    NegativeBinomial,
    Normal,
    Pmf,
    Poisson,
    Uniform,
    normal_second_loss,
    probability_table,
)

REAL = [
    (Normal(50, 8), stats.norm(50, 8)),
    (Normal(-3, 2), stats.norm(-3, 2)),
    (Gamma(4, 10), stats.gamma(4, scale=10)),
    (Gamma(0.3, 7), stats.gamma(0.3, scale=7)),
    (Gamma(1, 5), stats.expon(scale=5)),
    (LogNormal(2, 0.6), stats.lognorm(0.6, scale=np.exp(2))),
    (Uniform(20, 70), stats.uniform(20, 50)),
]
WHOLE = [
    (Poisson(6), stats.poisson(6)),
    (Poisson(0.2), stats.poisson(0.2)),
    (Poisson(300), stats.poisson(300)),
    (NegativeBinomial(12, 30), stats.nbinom(8, 0.4)),
    (NegativeBinomial(0.5, 3), stats.nbinom(0.1, 1 / 6)),
    (NegativeBinomial.of_parameters(1, 0.2), stats.geom(0.2, loc=-1)),
]


@pytest.mark.parametrize(("ours", "theirs"), REAL)
def test_real_families_against_scipy(ours: Demand, theirs: stats.rv_continuous) -> None:
    p = np.array([1e-6, 0.05, 0.5, 0.95, 0.999999])
    levels = theirs.ppf(p)
    assert ours.quantile(p) == pytest.approx(levels, rel=1e-9)
    assert ours.cdf(levels) == pytest.approx(p, rel=1e-9)
    assert (ours.mean, ours.variance) == pytest.approx((theirs.mean(), theirs.var()), rel=1e-12)
    assert ours.third_moment == pytest.approx(theirs.stats("s") * theirs.std() ** 3, rel=1e-9, abs=1e-9)
    for x in [*levels, levels[0] - 5.0]:
        loss = integrate.quad(theirs.sf, x, np.inf, epsabs=0, epsrel=1e-10, limit=500)[0] if x > levels[0] else None
        if loss is not None and theirs.ppf(0.9) > x:
            assert ours.loss(x) == pytest.approx(loss, rel=1e-7)
        assert ours.surplus(x) - ours.loss(x) == pytest.approx(x - theirs.mean(), rel=1e-9, abs=1e-9)
    low, high = levels[1], levels[3]
    assert ours.second_loss(low) - ours.second_loss(high) == pytest.approx(
        integrate.quad(lambda x: float(ours.loss(x)), low, high, epsrel=1e-11)[0], rel=1e-8
    )


@pytest.mark.parametrize(("ours", "theirs"), WHOLE)
def test_whole_families_against_scipy(ours: Demand, theirs: stats.rv_discrete) -> None:
    p = np.array([0.001, 0.05, 0.5, 0.9, 0.95, 0.98, 0.99, 0.999999])
    assert ours.quantile(p).tolist() == theirs.ppf(p).tolist()
    k = np.arange(int(theirs.ppf(1 - 1e-13)) + 200)
    chance = theirs.pmf(k)
    assert ours.cdf(k) == pytest.approx(theirs.cdf(k), abs=1e-12)
    assert (ours.mean, ours.variance) == pytest.approx((theirs.mean(), theirs.var()), rel=1e-9)
    assert ours.third_moment == pytest.approx(theirs.stats("s") * theirs.std() ** 3, rel=1e-9)
    for x in (-3.0, 0.0, 1.0, 2.5, float(theirs.ppf(0.5)), float(theirs.ppf(0.99))):
        assert ours.loss(x) == pytest.approx((np.maximum(k - x, 0) * chance).sum(), rel=1e-9)
    for x in (-3, 0, 2, int(theirs.ppf(0.9))):
        assert ours.second_loss(x) == pytest.approx(sum(float(ours.loss(y)) for y in range(x + 1, len(k))), rel=1e-7)
    assert probability_table(ours, 4)[:3] == pytest.approx(chance[:3], abs=1e-14)
    assert probability_table(ours, 4)[3] == pytest.approx(theirs.sf(2), abs=1e-14)


@pytest.mark.parametrize(
    ("one", "sum_of_three"),
    [
        (Normal(5, 2), Normal(15, 2 * np.sqrt(3))),
        (Gamma(2, 3), Gamma(6, 3)),
        (Poisson(1.5), Poisson(4.5)),
        (NegativeBinomial(4, 12), NegativeBinomial(12, 36)),
    ],
)
def test_sums_of_periods(one: Demand, sum_of_three: Demand) -> None:
    levels = np.array([1.0, 7.0, 20.0])
    assert one.over(3).loss(levels) == pytest.approx(sum_of_three.loss(levels), rel=1e-12)


def test_sum_of_a_table_is_its_convolution() -> None:
    p = np.array([0.5, 0.2, 0.0, 0.3])
    assert Pmf(p).over(3).probability == pytest.approx(np.convolve(np.convolve(p, p), p), abs=1e-15)


def test_samples_are_a_distribution() -> None:
    samples = np.array([[3.0, 1.0, 2.0, 10.0], [0.5, 0.5, 0.5, 0.5]])
    demand = Pmf.of_samples(samples)
    assert demand.quantile([0.75, 0.3]).tolist() == [3.0, 0.5]
    assert demand.loss([2.0, 0.0]).tolist() == [2.25, 0.5]
    assert not demand.is_whole
    assert demand.second_loss([2.0, 0.0]) == pytest.approx([(1 + 64) / 8, 0.125])


def test_rows_are_independent_of_each_other() -> None:
    mean, variance = np.array([0.0, 3.0, 40.0]), np.array([0.0, 3.0, 200.0])
    together = NegativeBinomial(mean, variance)
    for row in range(3):
        alone = NegativeBinomial(mean[row], variance[row])
        assert together.quantile(0.98)[row] == alone.quantile(0.98)
        assert together.loss(2.0)[row] == alone.loss(2.0)
    assert together.quantile(0.98)[0] == 0


def test_a_variance_not_above_the_mean_is_poisson() -> None:
    assert NegativeBinomial(6, 4).loss(5) == Poisson(6).loss(5)


def test_known_demand_has_no_spread() -> None:
    demand = Normal(10, 0)
    assert demand.quantile(0.99) == 10
    assert demand.loss([8.0, 12.0]).tolist() == [2.0, 0.0]
    assert demand.cdf([9.9, 10.0]).tolist() == [0.0, 1.0]


def test_gamma_demand_of_series_that_never_sell_or_never_vary() -> None:
    demand = Gamma.of_moments([0.0, 10.0, 10.0, 0.0], [0.0, 0.0, 4.0, 3.0])
    assert demand.quantile(0.95)[[0, 3]] == pytest.approx([0, 0], abs=1e-50)
    assert demand.quantile(0.95)[1] == pytest.approx(10, rel=1e-4)
    assert demand.quantile(0.95)[2] == pytest.approx(stats.gamma(6.25, scale=1.6).ppf(0.95))
    assert demand.loss(3.0)[:2] == pytest.approx([0, 7])


def test_ties_of_probabilities_do_not_depend_on_rounding() -> None:
    assert Pmf([0.1, 0.2, 0.3, 0.4]).quantile(0.6) == 2  # 0.1 + 0.2 + 0.3 is 0.6000000000000001 in floats
    assert Pmf([0.25, 0.05, 0.1, 0.2, 0.4]).quantile(0.6) == 3


def test_normal_second_loss_far_out() -> None:
    z = np.array([-3.0, 0.0, 2.0, 8.0])
    expected = [integrate.quad(lambda x: float(Normal(0, 1).loss(x)), a, a + 12, epsabs=0, epsrel=1e-11)[0] for a in z]
    assert normal_second_loss(z) == pytest.approx(expected, rel=1e-8)


def test_mixture_over_lead_times_is_the_weighted_sum() -> None:
    demand = Mixture.over_lead_time(Poisson(2), [0.0, 0.3, 0.0, 0.7], review=1)
    k = np.arange(60)
    chance = 0.3 * stats.poisson(4).pmf(k) + 0.7 * stats.poisson(8).pmf(k)
    assert demand.is_whole
    assert demand.quantile(0.95) == k[np.cumsum(chance) >= 0.95][0]
    assert demand.loss(9) == pytest.approx((np.maximum(k - 9, 0) * chance).sum(), rel=1e-10)
    assert demand.mean == pytest.approx((k * chance).sum())
    assert demand.variance == pytest.approx((k**2 * chance).sum() - (k * chance).sum() ** 2)
    assert demand.third_moment == pytest.approx(((k - demand.mean) ** 3 * chance).sum())


def test_mixture_of_real_demand_finds_its_quantile() -> None:
    demand = Mixture.over_lead_time(Normal(10, 3), [[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])
    found = demand.quantile(0.9)
    assert demand.cdf(found) == pytest.approx([0.9, 0.9], abs=1e-12)
    assert found[1] == pytest.approx(Normal(10, 3).quantile(0.9))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Normal(1, -1),
        lambda: Normal(np.nan, 1),
        lambda: Poisson(-1),
        lambda: Gamma(0, 1),
        lambda: NegativeBinomial(1, np.inf),
        lambda: Uniform(2, 2),
        lambda: Pmf([0.5, 0.4]),
        lambda: Pmf([0.5, 0.5], [2, 1]),
        lambda: Poisson(3).quantile(1.5),
        lambda: Uniform(0, 1).over(2),
        lambda: probability_table(Normal(3, 1), 5),
    ],
)
def test_bad_numbers_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(DataError):
        make()


def test_refusals_name_the_rows() -> None:
    with pytest.raises(DataError, match=r"(?s)mean.*row 1"):
        Poisson([1.0, -2.0, 3.0])


@given(mean=st.floats(1, 500), more=st.floats(1.01, 30), p=st.floats(0.001, 0.999))
@settings(max_examples=60, deadline=None)
def test_quantiles_and_losses_keep_their_order(mean: float, more: float, p: float) -> None:
    demands = [NegativeBinomial(mean, mean * more), Gamma.of_moments(mean, np.sqrt(mean * more)), Poisson(mean)]
    for demand in demands:
        level = demand.quantile(p)
        assert demand.cdf(level) >= p - 1e-9
        assert demand.quantile(min(p + 1e-3, 1.0)) >= level
        assert 0 <= demand.loss(level + 1) <= demand.loss(level) <= demand.loss(level - 1)
        shortage = max(float(demand.loss(level)), 1e-12)
        assert demand.inverse_loss(shortage) <= level + 1e-6 * (1 + level)
