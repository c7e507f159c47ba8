"""The normal distribution for kernels: quantile and inverse loss of one number, in about twenty nanoseconds.

SciPy's functions cannot be called from compiled code. What is here agrees with them to 1e-12 (tests), so a kernel may
go from a service level to a reorder point in one pass over its rows.

Sources: Wichura, Algorithm AS 241, Applied Statistics 37 (1988) for the quantile; Silver, Pyke & Thomas, *Inventory and
Production Management*, section 6 for the loss, ``G(z) = phi(z) - z (1 - Phi(z))`` standard deviations; Loader, *Fast
and Accurate Computation of Binomial Probabilities* (2000) for the error of Stirling's formula.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr

from scaleinv.inventory.compiled import fused
from scaleinv.inventory.tables import N_TERMS, coefficients, points

ROOT_2PI = 2.5066282746310002
ROOT_HALF = 0.7071067811865476


@fused
def polynomial(x: float, c: Sequence[float]) -> float:
    """``c[0] + c[1] x + …``, ``c`` a tuple: unrolled where it is compiled."""
    value = 0.0
    for i in range(len(c)):
        value = value * x + c[len(c) - 1 - i]
    return value


@fused
def normal_quantile(p: float) -> float:
    """``Phi^-1(p)``: infinite at 0 and 1, nan outside; AS 241, relative error below 1e-15."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * polynomial(r, _A) / polynomial(r, _B)
    r = p if q < 0.0 else 1.0 - p
    if not r > 0.0:
        return math.copysign(np.inf, q) if r == 0.0 else np.nan
    r = math.sqrt(-math.log(r))
    if r <= 5.0:
        r -= 1.6
        z = polynomial(r, _C) / polynomial(r, _D)
    else:
        r -= 5.0
        z = polynomial(r, _E) / polynomial(r, _F)
    return math.copysign(z, q)


@fused
def inverse_loss(wanted: float) -> float:
    """The z with ``G(z) = wanted``: infinite at 0 and below, negative above 0.3989; relative error below 1e-11."""
    if not wanted > 0.0:
        return np.inf if wanted <= 0.0 else np.nan
    if wanted >= _MOST:
        return -wanted  # G(-z) - z is below 1e-16 there
    place = (math.sqrt(_BEND - math.log(max(wanted, _LEAST))) - _FIRST) * _CELLS
    cell = int(place)
    x = 2.0 * (place - cell) - 1.0
    z = 0.0
    for i in range(N_TERMS):
        z = z * x + _INVERSE_LOSS[cell, N_TERMS - 1 - i]
    return z


@fused
def log_gap(x: float) -> float:
    """``x - ln(1 + x) >= 0`` for x > -1, without the cancellation near 0."""
    if abs(x) > 0.3:
        return x - math.log1p(x)
    r = x / (2.0 + x)
    s = r * r
    return r * (x - 2.0 * s * polynomial(s, _ATANH))


@fused
def stirling_error(a: float) -> float:
    """``ln Gamma(a + 1) - (a + 1/2) ln a + a - ln(2 pi) / 2`` for a >= 8, to 1e-16."""
    s = 1.0 / (a * a)
    return polynomial(s, _STIRLING) / a


_ATANH = (1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11, 1 / 13, 1 / 15, 1 / 17, 1 / 19, 1 / 21)
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
_A = (
    3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
    4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
)  # fmt: skip
_B = (
    1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
    3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3,
)  # fmt: skip
_C = (
    1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
    1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4,
)  # fmt: skip
_D = (
    1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
    1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
)  # fmt: skip
_E = (
    6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 2.96560571828504891230e-1,
    2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
)  # fmt: skip
_F = (
    1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
    7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
)  # fmt: skip

# The inverse loss as a function of sqrt(3 - ln G), which bends little from G = 1e-300 to 8.
_LEAST, _MOST, _BEND = 1e-300, 8.0, 3.0
_FIRST, _LAST, _CELLS = 0.9375, 26.375, 16


def _inverse_loss_at(root: NDArray[np.float64]) -> NDArray[np.float64]:
    """By Newton's steps on ln G, from a line through neighbours."""
    wanted = _BEND - root * root
    grid = np.linspace(-10.0, 38.0, 4801)
    z = np.interp(-wanted, -_log_loss(grid)[0], grid)
    for _ in range(4):
        value, slope = _log_loss(z)
        z -= (value - wanted) / slope
    return z


def _log_loss(z: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``ln G(z)`` and its slope."""
    far = np.abs(z)
    mills = erfcx(far * ROOT_HALF) * (ROOT_2PI / 2.0)
    above = -0.5 * far * far - math.log(ROOT_2PI) + np.log1p(-far * mills)
    value = np.where(z < 0.0, np.log(np.exp(above) + far), above)
    return value, -np.exp(log_ndtr(-z) - value)


_INVERSE_LOSS = coefficients(_inverse_loss_at(points(_FIRST, _LAST, round((_LAST - _FIRST) * _CELLS))))
