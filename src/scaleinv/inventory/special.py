"""The normal distribution for kernels: quantile, loss and inverse loss of one number, in about twenty nanoseconds.

SciPy's functions cannot be called from compiled code. What is here agrees with them to 1e-12 (tests), so a kernel may
go from a service level to a reorder point in one pass over its rows.

Sources: Wichura, Algorithm AS 241, Applied Statistics 37 (1988) for the quantile; Silver, Pyke & Thomas, *Inventory and
Production Management*, section 6 for the loss; Loader, *Fast and Accurate Computation of Binomial Probabilities* (2000)
for the error of Stirling's formula.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from scaleinv.inventory.compiled import fused

ROOT_2PI = 2.5066282746310002
ROOT_HALF = 0.7071067811865476
_LOSS_AT_0 = 0.3989422804014327


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
def upper_tail(z: float) -> float:
    """``1 - Phi(z)``."""
    return 0.5 * math.erfc(z * ROOT_HALF)


@fused
def loss(z: float) -> float:
    """``G(z) = phi(z) - z (1 - Phi(z))``, standard deviations; relative error below 1e-11 up to z = 37."""
    if z < 0.0:
        return loss_above(-z) - z
    return loss_above(z)


@fused
def loss_above(z: float) -> float:
    """:func:`loss` for z >= 0: its two terms, which cancel to 1 part in z^2, or far out the asymptotic series."""
    density = math.exp(-0.5 * z * z) / ROOT_2PI
    if z < 12.0:
        return density - z * upper_tail(z)
    s = 1.0 / (z * z)
    return density * s * polynomial(s, _LOSS_SERIES)


@fused
def inverse_loss(wanted: float) -> float:
    """The level z with ``G(z) = wanted``: infinite at 0 and below, negative above 0.3989.

    A fit to six digits, then one step of Halley's: on ln G above 0, on G below.
    """
    if not wanted > 0.0:
        return np.inf if wanted <= 0.0 else np.nan
    if wanted < _LOSS_AT_0:
        if wanted < 1e-300:
            wanted = 1e-300
        log_wanted = math.log(wanted)
        t = math.sqrt(-2.0 * log_wanted)
        if t < 4.0:
            z = t + polynomial(t, _NEAR)
        elif t < 12.0:
            z = t + polynomial(1.0 / t, _FAR)
        else:
            z = t + polynomial(1.0 / t, _FARTHEST)
        z = max(z, 0.0)
        density, tail = math.exp(-0.5 * z * z) / ROOT_2PI, upper_tail(z)
        value = density - z * tail
        slope = -tail / value
        bend = density / value - slope * slope
        step = (math.log(value) - log_wanted) / slope
        return z - step / (1.0 - 0.5 * step * bend / slope)
    if wanted < 1.0:
        z = polynomial(wanted - 0.695, _LOW_1) - wanted
    elif wanted < 2.5:
        z = polynomial(wanted - 1.75, _LOW_2) - wanted
    elif wanted < 6.0:
        z = polynomial(wanted - 4.25, _LOW_3) - wanted
    else:
        return -wanted  # G(-z) is below 1e-10 z there, and falls by a factor of 400 within each unit
    density, tail = math.exp(-0.5 * z * z) / ROOT_2PI, upper_tail(z)
    step = -(density - z * tail - wanted) / tail
    return z - step / (1.0 + 0.5 * step * density / tail)


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
_LOSS_SERIES = (1.0, -3.0, 15.0, -105.0, 945.0, -10395.0, 135135.0, -2027025.0, 34459425.0, -654729075.0)
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
_NEAR = (
    -0.787331550356, -1.43090158678, 1.30714808866, -0.586840404401, 0.159277965676, -0.0265086206635,
    0.00250125362278, -0.00010280696733,
)  # fmt: skip
_FAR = (
    -0.0414630128789, -7.65174473326, 39.808534135, -226.555907765, 995.627170632, -2870.28662505, 4798.7328844,
    -3517.57243597,
)  # fmt: skip
_FARTHEST = (
    -0.0134789846744, -9.90343991783, 124.088398101, -2117.36812477, 28055.1347393, -245626.472034, 1249439.09504,
    -2783972.79989,
)  # fmt: skip
_LOW_1 = (
    0.199048609911, -0.449200766922, 0.536837316425, -0.526308247284, 0.537037577809, -0.595703290954,
    0.650178179675, -0.753118864139, 1.50210744753, -2.04066709719,
)  # fmt: skip
_LOW_2 = (
    0.0168616653092, -0.0433355825783, 0.0504515158624, -0.0352876384677, 0.0171446216159, -0.0069278624152,
    0.00282024722927, -0.00136311641197, 0.0010510403196, -0.000549089416671,
)  # fmt: skip
_LOW_3 = (
    2.29188086762e-06, -1.06541583054e-05, 2.38630971563e-05, -3.40518290468e-05, 3.39559263291e-05,
    -2.49710292288e-05, 1.45681962126e-05, -6.88020206517e-06, 2.22901506284e-06, -3.34820043664e-07,
)  # fmt: skip
