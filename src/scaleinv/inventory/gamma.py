"""The gamma distribution for kernels: distribution function and quantile of one number.

Below a shape of 10 the distribution function is its power series, or far out its continued fraction (Gautschi, ACM
TOMS 5, 1979); above, Temme's uniform expansion around the normal (*On the computation of the incomplete gamma
functions for large values of the parameters*, 1987), whose coefficients follow from one list. The quantile of levels
from 0.5 to 0.99997 at shapes from 0.3 on is read off a table of what it is above the normal's, ``x - a - z sqrt(a)``,
which bends little in z and in ``1 / (1 + sqrt(a))``. Elsewhere it starts at Wilson & Hilferty's (1931) and takes steps
of fifth order.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainccinv, ndtr

from scaleinv.inventory.compiled import fused
from scaleinv.inventory.special import ROOT_2PI, ROOT_HALF, log_gap, normal_quantile, stirling_error
from scaleinv.inventory.tables import N_TERMS, coefficients, points

_LARGE = 10.0
_NEAR = 0.72
"""Half the square of eta up to which thirty terms of the expansion have 15 digits."""
_STEPS = 60
_TERMS = 10_000
"""Rounds of the series at the most; it ends after some dozens."""


@fused
def gamma_cdf(x: float, shape: float) -> float:
    """``P(shape, x)``: chance that a gamma of scale 1 is at most x; nan where one is nan, or the shape not above 0."""
    if math.isnan(x) or not 0.0 < shape < np.inf:
        return np.nan
    if x <= 0.0:
        return 0.0
    if x == np.inf:
        return 1.0
    lower, upper, _ = gamma_tails(x, shape)
    return lower if lower <= upper else 1.0 - upper


@fused
def gamma_quantile(p: float, shape: float) -> float:
    """The x with ``P(shape, x) = p``, relative error below 1e-10; 0 at p = 0, infinite at 1, nan outside."""
    if p >= 0.5 and shape >= _LEAST:
        z = normal_quantile(p)
        if z < _HIGHEST:
            return _from_normal(z, shape)
    if not (0.0 < p < 1.0) or not shape > 0.0:
        return 0.0 if p == 0.0 else (np.inf if p == 1.0 else np.nan)
    x = _start(p, shape)
    low, high = 0.0, np.inf
    for _ in range(_STEPS):
        if x < 1e-17:  # the first term of the series is all of it
            return x
        lower, upper, density = gamma_tails(x, shape)
        missing = p - lower if p <= 0.5 else upper - (1.0 - p)
        if missing > 0.0:
            low = x
        else:
            high = x
        u = missing * x / density if density > 0.0 else math.copysign(np.inf, missing)
        # Bends of the density at x, relative to it: the inverse function's Taylor series.
        g, g1, g2 = (shape - 1.0) / x - 1.0, -(shape - 1.0) / (x * x), 2.0 * (shape - 1.0) / (x * x * x)
        h = u * (
            1.0 - u * (0.5 * g - u * ((2.0 * g * g - g1) / 6.0 - u * (6.0 * g * g * g - 7.0 * g * g1 + g2) / 24.0))
        )
        reach = abs(u) * (abs(g) + math.sqrt(abs(g1)))
        if reach < 0.01 and abs(u) < 0.05 * x:
            return x + h
        if not reach < 0.5:
            h = u / (1.0 + 0.5 * max(u * g, -1.0)) if abs(u) < np.inf else u
        following = x + h
        if not low < following < high:
            following = 0.5 * (low + high) if high < np.inf else 2.0 * x
        if abs(following - x) <= 1e-15 * x:
            return following
        x = following
    return x


@fused
def _from_normal(z: float, shape: float) -> float:
    """The quantile at the level whose normal score is z, by the table."""
    root = math.sqrt(shape)
    along, across = z * (_N_Z / _HIGHEST), (_N_U / _WIDEST) / (1.0 + root)
    i, j = int(along), int(across)
    s, t = 2.0 * (along - i) - 1.0, 2.0 * (across - j) - 1.0
    more = 0.0
    for k in range(N_TERMS - 1, -1, -1):
        part = 0.0
        for n in range(N_TERMS - 1, -1, -1):
            part = part * s + _MORE[i, j, k, n]
        more = more * t + part
    return shape + z * root + more


@fused
def gamma_tails(x: float, shape: float) -> tuple[float, float, float]:
    """Lower and upper tail at x > 0, the smaller one to its last digits, and x times the density there."""
    if shape >= _LARGE:
        mu = (x - shape) / shape
        half_square = log_gap(mu)
        if half_square < _NEAR:
            return _uniform(mu, half_square, shape)
    if shape >= 8.0:
        root = math.sqrt(shape) / ROOT_2PI
        density = root * math.exp(-shape * log_gap((x - shape) / shape) - stirling_error(shape))
    else:
        density = shape * math.exp(shape * math.log(x) - x - math.lgamma(shape + 1.0))
    if x > shape + 4.0 + 3.0 * math.sqrt(shape):
        upper = density * _fraction(x, shape)
        return 1.0 - upper, upper, density
    lower = density / shape * _series(x, shape)
    return lower, 1.0 - lower, density


@fused
def _series(x: float, shape: float) -> float:
    """``1 + x / (a + 1) + x^2 / ((a + 1) (a + 2)) + …``, four terms at a time."""
    term, total, n = 1.0, 1.0, shape
    for _ in range(_TERMS):
        r1, r2, r3, r4 = x / (n + 1.0), x / (n + 2.0), x / (n + 3.0), x / (n + 4.0)
        total += term * (r1 * (1.0 + r2 * (1.0 + r3 * (1.0 + r4))))
        term *= (r1 * r2) * (r3 * r4)
        n += 4.0
        if not term >= 1e-16 * total:
            break
    return total


@fused
def _fraction(x: float, shape: float) -> float:
    """Legendre's continued fraction, forwards (Lentz), of the upper tail over ``x_density``."""
    b = x + 1.0 - shape
    c, d = 1e300, 1.0 / b
    value = d
    for i in range(1, 500):
        a = -i * (i - shape)
        b += 2.0
        d = 1.0 / (a * d + b)
        c = b + a / c
        change = c * d
        value *= change
        if abs(change - 1.0) < 1e-16:
            break
    return value


@fused
def _uniform(mu: float, half_square: float, shape: float) -> tuple[float, float, float]:
    eta = math.copysign(math.sqrt(2.0 * half_square), mu)
    n_terms = 30 if shape < 50.0 else (20 if shape < 1000.0 else 12)
    rest, first = _rest(eta, shape, n_terms)
    bell = math.exp(-shape * half_square) / (ROOT_2PI * (1.0 + first / shape))  # the latter is Gamma's own correction
    root = math.sqrt(shape)
    rest *= bell / root
    tail = 0.5 * math.erfc(root * abs(eta) * ROOT_HALF)
    density = bell * root
    if mu > 0.0:
        upper = tail + rest
        return 1.0 - upper, upper, density
    lower = tail - rest
    return lower, 1.0 - lower, density


@fused
def _rest(eta: float, shape: float, n_terms: int) -> tuple[float, float]:
    """``sum b_n eta^n`` and ``b_1``: ``b_(n-1) = f_n + (n + 1) b_(n+1) / shape``, even n and odd by themselves."""
    inverse, square = 1.0 / shape, eta * eta
    even, odd, total_even, total_odd = 0.0, 0.0, 0.0, 0.0
    for n in range(n_terms - 2, -1, -2):
        even = SERIES[n + 1] + (n + 2) * inverse * even
        odd = SERIES[n + 2] + (n + 3) * inverse * odd
        total_even = total_even * square + even
        total_odd = total_odd * square + odd
    return total_even + eta * total_odd, odd


@fused
def _start(p: float, shape: float) -> float:
    """Wilson & Hilferty's cube; for small shapes and levels the first term of the series."""
    if shape < 1.0 or p < 0.02:
        x = math.exp((math.log(p) + math.lgamma(shape + 1.0)) / shape)
        if x < 0.3 * (shape + 1.0) or shape < 0.05:
            # the next term too: P = x^a / Gamma(a + 1) (1 - a x / (a + 1) + …)
            x *= math.exp(min(x, 2.0) / (shape + 1.0))
            return min(x, 1.0 + 30.0 * shape) if shape >= 0.05 else min(x, 5.0)
    z = normal_quantile(p)
    root = 1.0 / (9.0 * shape)
    cube = 1.0 - root + z * math.sqrt(root)
    if cube > 0.1:
        return shape * cube * cube * cube
    return math.exp((math.log(p) + math.lgamma(shape + 1.0)) / shape)


# Taylor coefficients of eta / (lambda - 1), where eta^2 / 2 = lambda - 1 - ln(lambda).
SERIES = np.array((
    1.0, -0.33333333333333333, 0.083333333333333333, -0.014814814814814815, 0.0011574074074074074,
    0.0003527336860670194, -0.00017875514403292181, 3.9192631785224378e-5, -2.1854485106799922e-6,
    -1.85406221071516e-6, 8.296711340953086e-7, -1.7665952736826079e-7, 6.7078535434014986e-9, 1.0261809784240308e-8,
    -4.3820360184533532e-9, 9.1476995822367902e-10, -2.551419399494625e-11, -5.8307721325504251e-11,
    2.4361948020667416e-11, -5.0276692801141756e-12, 1.1004392031956135e-13, 3.3717632624009854e-13,
    -1.3923887224181621e-13, 2.8534893807047443e-14, -5.1391118342425726e-16, -1.9752288294349443e-15,
    8.0995211567045613e-16, -1.6522531216398162e-16, 2.5305430097478884e-18, 1.1686939738559577e-17,
    -4.7700370498204848e-18, 9.6991260590562371e-19,
))  # fmt: skip

_HIGHEST, _N_Z = 4.0, 16
_WIDEST, _N_U, _LEAST = 0.65, 26, 0.3


def _more_than_normal() -> NDArray[np.float64]:
    """``x - a - z sqrt(a)`` as powers of u = 1 / (1 + sqrt(a)) and of z: (cells of z, cells of u, 8, 8)."""
    z, root = points(0.0, _HIGHEST, _N_Z)[:, None, None, :], 1.0 / points(0.0, _WIDEST, _N_U)[None, :, :, None] - 1.0
    shape = root * root
    of_z = coefficients(gammainccinv(shape, ndtr(-z)) - shape - z * root)
    return np.ascontiguousarray(coefficients(of_z.swapaxes(2, 3)).swapaxes(2, 3))


_MORE = _more_than_normal()
