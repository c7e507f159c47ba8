"""The negative binomial for kernels: distribution function and quantile of one number, exact whole units.

Written in mean and ``excess`` = variance / mean - 1, so that excess 0 is the Poisson and nothing cancels near it:
size r = mean / excess, chance of a success 1 / (1 + excess), and ``P(k + 1) / P(k) = (mean + k excess) /
((1 + excess) (k + 1))``. Small counts are added up from 0. Above, ``P(D <= k) = I(r, k + 1)``, the incomplete beta
function at 1 / (1 + excess): its power series where r is small; else an expansion around the normal, uniform in all
three arguments (Temme, *Incomplete Laplace integrals*, SIAM J. Math. Anal. 18, 1987), written down anew: with
``eta^2 / 2`` the relative entropy of the two shares, the Taylor series of its derivative follows from a recurrence.
One evaluation near the quantile, then unit by unit to the smallest k that keeps the level.
"""

from __future__ import annotations

import math

import numpy as np

from scaleinv.inventory.compiled import fused
from scaleinv.inventory.gamma import gamma_quantile, gamma_tails
from scaleinv.inventory.special import ROOT_2PI, log_gap, normal_quantile, stirling_error

_ADD_UP = 320
_SERIES_SIZE = 60.0
_TERMS = 18
_WALK = 24.0
_MOST = 100_000
_POISSON = 1e-14
_ONES = np.ones(_TERMS + 1)
_INVERSE = 1.0 / np.arange(1.0, _ADD_UP + 2.0)


@fused
def negative_binomial_quantile(p: float, mean: float, excess: float) -> float:
    """The smallest whole k with ``P(D <= k) >= p``; ``excess`` below 0 counts as 0 (Poisson); nan outside.

    Exact where ``P(D <= k)`` and ``p`` differ by more than 1e-13.
    """
    if not (0.0 < p < 1.0) or not mean > 0.0 or not excess < np.inf:
        return 0.0 if p == 0.0 or (mean == 0.0 and p < 1.0) else (np.inf if p == 1.0 else np.nan)
    excess = max(excess, 0.0)
    none = math.exp(-mean) if excess < _POISSON else math.exp(-mean * (math.log1p(excess) / excess))
    if p <= none:
        return 0.0
    z = normal_quantile(p)
    variance = mean * (1.0 + excess)
    if mean + max(z, 0.0) * math.sqrt(variance) + 0.4 * z * z * (1.0 + excess) < _ADD_UP and none > 1e-280:
        k = _added_up(p, mean, excess, none)
        if k >= 0.0:
            return k
    return _large(p, z, mean, excess, variance)


@fused
def negative_binomial_tails(k: float, mean: float, excess: float) -> tuple[float, float, float]:
    """``P(D <= k)``, ``P(D > k)``, to 1e-14, and ``P(D = k)``; k whole, not below 8 (there to 1e-12)."""
    b = k + 1.0
    if excess < _POISSON:
        upper, lower, density = gamma_tails(mean, b)
        return lower, upper, density / mean
    size = mean / excess
    total = size + b
    x = 1.0 / (1.0 + excess)
    gap = (b - mean) * x  # total times the distance between x and size / total
    entropy = size * log_gap(gap / size) + b * log_gap(-gap / b)
    if size >= _SERIES_SIZE and b >= _SERIES_SIZE and entropy < 0.1 * min(size, b):
        return _uniform(gap, entropy, size, b, total)
    density = _beta_density(entropy, x, size, b, total)
    mass = density / ((total - 1.0) * excess * x)
    if x < 0.5:
        lower = density / size * _series(x, size, total)
        return lower, 1.0 - lower, mass
    upper = density / b * _series(1.0 - x, b, total)
    return 1.0 - upper, upper, mass


@fused
def _added_up(p: float, mean: float, excess: float, none: float) -> float:
    """-1 where the end of the range came first."""
    mass, total, k = none, none, 0
    scale = 1.0 / (1.0 + excess)
    first, more = mean * scale, excess * scale
    while total < p:
        if k >= _ADD_UP:
            return -1.0
        mass *= (first + k * more) * _INVERSE[k]
        k += 1
        total += mass
    return float(k)


@fused
def _large(p: float, z: float, mean: float, excess: float, variance: float) -> float:
    shape = mean * mean / variance
    if shape > 1.0:
        root = 1.0 / (9.0 * shape)
        cube = max(1.0 - root + z * math.sqrt(root), 0.0)
        guess = mean * cube * cube * cube
    else:
        guess = mean / shape * gamma_quantile(p, shape)
    k = max(math.floor(guess), 0.0)
    low, high = -1.0, np.inf  # P(D <= low) < p <= P(D <= high)
    scale = 1.0 / (1.0 + excess)
    for _ in range(100):
        lower, upper, mass = negative_binomial_tails(k, mean, excess)
        missing = p - lower if lower < 0.5 else upper - (1.0 - p)
        if missing > 0.0:
            low = k
        else:
            high = k
        if high - low == 1.0:
            return high
        step = np.inf
        if mass > 0.0:
            # The sum of masses as an integral from half a unit above k; its bend there.
            u = missing / mass
            g = math.log((mean + k * excess) * scale / (k + 1.0))
            step = u * (1.0 - u * (0.5 * g - u * g * g / 3.0)) if abs(u * g) < 0.3 else u / max(1.0 + 0.5 * u * g, 0.3)
        if abs(step) < _WALK:
            return _walk(k, missing, mass, mean, excess)
        following = math.floor(k + step) if abs(step) < np.inf else np.nan
        if not low < following < high:
            following = math.floor(0.5 * (low + high)) if high < np.inf else 2.0 * k + 1.0
        k = following
    return k


@fused
def _walk(k: float, missing: float, mass: float, mean: float, excess: float) -> float:
    """From k, where ``p - P(D <= k)`` is ``missing`` and ``P(D = k)`` is ``mass``, to the smallest that keeps p."""
    scale = 1.0 / (1.0 + excess)
    while missing > 0.0:
        mass *= (mean + k * excess) * scale / (k + 1.0)
        k += 1.0
        missing -= mass
        if not mass > 0.0:
            return k
    while k > 0.0 and missing + mass <= 0.0:
        missing += mass
        mass *= k * (1.0 + excess) / (mean + (k - 1.0) * excess)
        k -= 1.0
    return k


@fused
def _beta_density(entropy: float, x: float, a: float, b: float, total: float) -> float:
    """``x^a (1 - x)^b / B(a, b)`` where b is large."""
    if a >= 8.0 and b >= 8.0:
        correction = stirling_error(total) - stirling_error(a) - stirling_error(b)
        return math.sqrt(a * (b / total)) / ROOT_2PI * math.exp(correction - entropy)
    if b >= 8.0:
        value = a * math.log(x) + b * math.log1p(-x) + (b - 0.5) * math.log1p(a / b) + a * (math.log(total) - 1.0)
        value += stirling_error(total) - stirling_error(b) if total < 1e15 else 0.0
        return a * math.exp(value - math.lgamma(a + 1.0))
    value = a * math.log(x) + b * math.log1p(-x) + math.lgamma(total) - math.lgamma(b)
    return a * math.exp(value - math.lgamma(a + 1.0))


@fused
def _series(x: float, a: float, total: float) -> float:
    """``1 + (a + b) / (a + 1) x + …``, the incomplete beta function over its first term; four terms at a time."""
    term, value, n = 1.0, 1.0, 0.0
    for _ in range(_MOST):
        r1, r2 = (total + n) * x / (a + n + 1.0), (total + n + 1.0) * x / (a + n + 2.0)
        r3, r4 = (total + n + 2.0) * x / (a + n + 3.0), (total + n + 3.0) * x / (a + n + 4.0)
        value += term * (r1 * (1.0 + r2 * (1.0 + r3 * (1.0 + r4))))
        term *= (r1 * r2) * (r3 * r4)
        n += 4.0
        if term < 1e-17 * value * (1.0 - r4):
            break
    return value


@fused
def _uniform(gap: float, entropy: float, a: float, b: float, total: float) -> tuple[float, float, float]:
    """Around the normal, for a and b of 60 and more."""
    spread = math.sqrt(a / total * (b / total))
    skew = (b - a) / total / spread
    inverse = 1.0 / total
    least = min(a, b)
    n_terms = _TERMS if least < 300.0 else (14 if least < 1000.0 else (12 if least < 10_000.0 else 8))
    f, square = _ONES.copy(), _ONES.copy()
    for n in range(1, n_terms + 1):
        pairs = 0.0
        for i in range(1, n):
            pairs += f[i] * f[n - i]
        cubes = pairs  # of f^3: what does not hold f[n]
        for i in range(1, n):
            cubes += f[i] * square[n - i]
        earlier = f[n - 2] if n > 1 else 0.0
        f[n] = (earlier - skew * square[n - 1] - cubes) / (n + 2)
        square[n] = pairs + 2.0 * f[n]
    eta = math.copysign(math.sqrt(2.0 * entropy * inverse), gap)
    eta_square = eta * eta
    even, odd, total_even, total_odd = 0.0, 0.0, 0.0, 0.0
    for n in range(n_terms - 2, -1, -2):
        even = f[n + 1] + (n + 2) * inverse * even
        odd = f[n + 2] + (n + 3) * inverse * odd
        total_even = total_even * eta_square + even
        total_odd = total_odd * eta_square + odd
    bell = math.exp(-entropy) / (ROOT_2PI * (1.0 + odd * inverse))
    rest = (total_even + eta * total_odd) * bell * math.sqrt(inverse)
    tail = 0.5 * math.erfc(math.sqrt(entropy))
    mass = bell * spread * math.sqrt(total) / ((b - gap) * (1.0 - inverse))
    if gap > 0.0:  # x above its share: most is below
        upper = tail + rest
        return 1.0 - upper, upper, mass
    lower = tail - rest
    return lower, 1.0 - lower, mass
