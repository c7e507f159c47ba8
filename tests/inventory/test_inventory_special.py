"""Kernels' special functions against SciPy and mpmath, over the whole range."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numba
import numpy as np
import pytest
import scipy.special as sp
from numpy.typing import NDArray
from scipy.stats import nbinom, poisson

from scaleinv.inventory import gamma, negative_binomial, special

Floats = NDArray[np.float64]


@numba.njit(error_model="numpy")
def _one(function: Callable[[float], float], x: Floats) -> Floats:
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = function(x[i])
    return out


@numba.njit(error_model="numpy")
def _two(function: Callable[[float, float], float], x: Floats, y: Floats) -> Floats:
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = function(x[i], y[i])
    return out


@numba.njit(error_model="numpy")
def _three(function: Callable[[float, float, float], float], x: Floats, y: Floats, z: Floats) -> Floats:
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = function(x[i], y[i], z[i])
    return out


def _log_random(rng: np.random.Generator, low: float, high: float, n: int) -> Floats:
    return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), n)))


def _levels(rng: np.random.Generator, n: int) -> Floats:
    """Half of them 0.5 … 0.9999, the rest from all over (0, 1)."""
    far = np.where(rng.random(n) < 0.5, _log_random(rng, 1e-25, 0.5, n), 1 - _log_random(rng, 1e-14, 0.5, n))
    return np.where(rng.random(n) < 0.5, rng.uniform(0.5, 0.9999, n), far)


def test_normal_quantile_against_scipy() -> None:
    rng = np.random.default_rng(1)
    p = np.concatenate([_levels(rng, 50_000), _log_random(rng, 1e-300, 1, 20_000)])
    found, expected = _one(special.normal_quantile, p), sp.ndtri(p)
    assert np.abs(found / expected - 1).max() < 1e-14
    edges = _one(special.normal_quantile, np.array([0.0, 0.5, 1.0, -0.1, 1.1, np.nan]))
    assert edges[:3].tolist() == [-np.inf, 0.0, np.inf]
    assert np.isnan(edges[3:]).all()


def _exact_loss(z: mp.mpf) -> mp.mpf:
    return mp.npdf(z) - z * mp.erfc(z / mp.sqrt(2)) / 2


def test_inverse_loss_against_mpmath() -> None:
    rng = np.random.default_rng(3)
    wanted = np.concatenate([_log_random(rng, 1e-299, 1e3, 300), rng.uniform(0.01, 8, 400), [0.3989422, 0.3989424]])
    found = _one(special.inverse_loss, wanted)
    with mp.workdps(40):
        for z, goal in zip(found, wanted, strict=True):
            off = (_exact_loss(mp.mpf(z)) - mp.mpf(goal)) / (mp.erfc(mp.mpf(z) / mp.sqrt(2)) / 2)
            assert abs(off) <= 1e-9 * max(abs(z), 1e-3), goal
    edges = _one(special.inverse_loss, np.array([0.0, -1.0, np.nan]))
    assert edges[:2].tolist() == [np.inf, np.inf]
    assert np.isnan(edges[2])


def _gamma_error(p: float, shape: float, x: float) -> float:
    """How far x is from the quantile, relative to it, by the exact distribution function."""
    a, at = mp.mpf(shape), mp.mpf(x)
    density = mp.exp(a * mp.log(at) - at - mp.loggamma(a))
    return float(abs(mp.gammainc(a, 0, at, regularized=True) - mp.mpf(p)) / density)


def test_gamma_quantile_against_mpmath() -> None:
    rng = np.random.default_rng(4)
    p, shape = _levels(rng, 250), _log_random(rng, 3e-3, 1e4, 250)
    found = _two(gamma.gamma_quantile, p, shape)
    with mp.workdps(30):
        errors = [_gamma_error(*row) for row in zip(p, shape, found, strict=True) if row[2] > 1e-280]
    assert len(errors) > 200
    assert max(errors) < 1e-9


@pytest.mark.parametrize(("low", "high"), [(1e-3, 1.0), (1.0, 20.0), (20.0, 1e10)])
def test_gamma_quantile_against_scipy(low: float, high: float) -> None:
    rng = np.random.default_rng(5)
    p, shape = rng.uniform(0.5, 0.9999, 30_000), _log_random(rng, low, high, 30_000)
    expected = sp.gammaincinv(shape, p)
    found = _two(gamma.gamma_quantile, p, shape)
    seen = expected > 1e-280
    assert np.abs(found / np.where(seen, expected, 1) - 1)[seen].max() < 1e-9
    assert found[~seen].max(initial=0) < 1e-270
    assert np.abs(_two(gamma.gamma_cdf, found, shape) - p).max() < 1e-11


def test_gamma_where_the_table_ends() -> None:
    ends = np.array([0.5, sp.ndtr(4.0)])
    p, shape = np.meshgrid(
        np.concatenate([np.nextafter(ends, 0), ends, np.nextafter(ends, 1)]), [0.3 - 1e-15, 0.3, 7.0]
    )
    found = _two(gamma.gamma_quantile, p.ravel(), shape.ravel())
    assert np.abs(found / sp.gammaincinv(shape.ravel(), p.ravel()) - 1).max() < 1e-10


def test_gamma_at_the_edges() -> None:
    p, shape = np.array([0.0, 1.0, -0.5, 0.5, np.nan]), np.array([2.0, 2.0, 2.0, 0.0, 1.0])
    found = _two(gamma.gamma_quantile, p, shape)
    assert found[:2].tolist() == [0.0, np.inf]
    assert np.isnan(found[2:]).all()
    assert gamma.gamma_cdf(0.0, 2.0) == 0.0
    assert gamma.gamma_cdf(np.inf, 2.0) == 1.0
    for x, shape in ((1.0, np.nan), (np.nan, 2.0), (1.0, 0.0), (1.0, -1.0), (1.0, np.inf)):
        assert np.isnan(gamma.gamma_cdf(x, shape))


def _exact_upper(k: int, mean: float, excess: float) -> tuple[mp.mpf, mp.mpf]:
    """P(D > k), term by term, and P(D = k)."""
    size, x = mp.mpf(mean) / mp.mpf(excess), 1 / (1 + mp.mpf(excess))
    mass = mp.exp(mp.loggamma(k + size) - mp.loggamma(size) - mp.loggamma(k + 1) + size * mp.log(x) + k * mp.log(1 - x))
    term, total = mass, mp.mpf(0)
    while True:
        term *= (size + k) * (1 - x) / (k + 1)
        k += 1
        total += term
        if term < mp.mpf(10) ** -22 * total:
            return total, mass


def test_negative_binomial_tails_against_mpmath() -> None:
    rng = np.random.default_rng(6)
    with mp.workdps(30):
        for _ in range(25):
            mean, excess = float(_log_random(rng, 3, 1500, 1)[0]), float(_log_random(rng, 1e-4, 60, 1)[0])
            k = int(max(8, mean + rng.uniform(-2, 4) * np.sqrt(mean * (1 + excess))))
            lower, upper, mass = negative_binomial.negative_binomial_tails(float(k), mean, excess)
            exact, exact_mass = _exact_upper(k, mean, excess)
            assert abs(upper - exact) < 2e-14, (mean, excess, k)
            assert abs(lower + exact - 1) < 2e-14, (mean, excess, k)
            assert abs(mass / exact_mass - 1) < 1e-11, (mean, excess, k)


@pytest.mark.parametrize(
    ("low", "high", "low_excess", "high_excess", "n"),
    [
        (1e-3, 5, 1e-3, 20, 5_000),
        (0.1, 500, 0.05, 10, 5_000),
        (1e-3, 1e6, 1e-8, 1e6, 5_000),
        (1e4, 1e6, 1e-3, 1e5, 2_000),
    ],
)
def test_negative_binomial_quantiles_are_exact_integers(
    low: float, high: float, low_excess: float, high_excess: float, n: int
) -> None:
    rng = np.random.default_rng(7)
    p, mean, excess = (
        rng.uniform(0.5, 0.9999, n),
        _log_random(rng, low, high, n),
        _log_random(rng, low_excess, high_excess, n),
    )
    found = _three(negative_binomial.negative_binomial_quantile, p, mean, excess)
    assert np.array_equal(found, nbinom.ppf(p, mean / excess, 1 / (1 + excess)))


def test_without_excess_it_is_the_poisson() -> None:
    rng = np.random.default_rng(8)
    p, mean = rng.uniform(0.5, 0.9999, 5_000), _log_random(rng, 1e-3, 1e6, 5_000)
    found = _three(negative_binomial.negative_binomial_quantile, p, mean, np.zeros(5_000))
    assert np.array_equal(found, poisson.ppf(p, mean))
    assert np.array_equal(found, _three(negative_binomial.negative_binomial_quantile, p, mean, np.full(5_000, -0.5)))


def test_negative_binomial_at_the_edges() -> None:
    quantile = negative_binomial.negative_binomial_quantile
    assert [quantile(0.0, 3.0, 1.0), quantile(1.0, 3.0, 1.0), quantile(0.9, 0.0, 1.0)] == [0.0, np.inf, 0.0]
    assert np.isnan([quantile(0.5, np.nan, 1.0), quantile(0.5, -1.0, 1.0), quantile(0.5, 1.0, np.nan)]).all()
