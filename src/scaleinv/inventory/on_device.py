"""The reorder points of ``reorder_points.py`` for torch tensors: the same formulas over whole arrays, on any device.

Not imported by the package: whoever calls it has torch already. Tensors are float64; results agree with the kernels' to
1e-9, counts exactly (tests). Closed forms are a handful of passes over memory; quantiles without one iterate until the
last row is done, each step over the rows that are not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from scaleinv.inventory.gamma import SERIES

if TYPE_CHECKING:
    from torch import Tensor

_ROOT_2PI = 2.5066282746310002
_ADD_UP = 320.0


def normal_reorder_point(level: Tensor, mean: Tensor, sd: Tensor, n_days: Tensor, lead_time_sd: Tensor) -> Tensor:
    """(n_series,) ``tau mean + z sqrt(tau sd^2 + mean^2 sd_L^2)``."""
    z: Tensor = torch.special.ndtri(level)
    return n_days * mean + z * torch.sqrt(n_days * sd**2 + (mean * lead_time_sd) ** 2)


def fill_rate_safety_stock(fill_rate: Tensor, order_quantity: Tensor, spread: Tensor) -> Tensor:
    """(n_series,) ``z spread`` with ``spread G(z) = (1 - fill_rate) order_quantity``, by Halley's steps."""
    wanted = (1.0 - fill_rate) * order_quantity / torch.where(spread > 0, spread, 1.0)
    goal = wanted.clamp_min(1e-300)
    is_tail = goal < 1.0 / _ROOT_2PI
    z = torch.where(is_tail, 0.7 * torch.sqrt((-2.0 * torch.log(goal) - 2.0).clamp_min(0.0)), -goal)
    for _ in range(30):
        density = torch.exp(-0.5 * z * z) / _ROOT_2PI
        tail = 0.5 * torch.special.erfc(z * math.sqrt(0.5))
        value = (density - z * tail).clamp_min(1e-305)
        slope = torch.where(is_tail, -tail / value, -tail)
        bend = torch.where(is_tail, density / value - slope * slope, density)
        off = torch.where(is_tail, torch.log(value) - torch.log(goal), value - goal)
        step = off / slope / (1.0 - 0.5 * off * bend / (slope * slope)).clamp_min(0.5)
        reach = 1.0 + z.clamp_min(0.0)
        step = torch.minimum(torch.maximum(step, -reach), reach)
        z = z - step
        if not bool((step.abs() > 1e-13 * (1.0 + z.abs())).any()):
            break
    return torch.where(spread > 0, z * spread, 0.0)


def gamma_reorder_point(level: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """(n_series,) the quantile of the gamma with this mean and variance, both above 0."""
    scale = variance / mean
    return gamma_quantile(level, mean / scale) * scale


def gamma_quantile(p: Tensor, shape: Tensor) -> Tensor:
    """``P(shape, x) = p``; steps of fourth order from Wilson & Hilferty's start, kept inside a bracket."""
    root = 1.0 / (9.0 * shape)
    cube = 1.0 - root + torch.special.ndtri(p) * torch.sqrt(root)
    first = torch.exp((torch.log(p) + torch.lgamma(shape + 1.0)) / shape)
    x = torch.where((cube > 0.3) & (shape > 0.3), shape * cube**3, first.clamp_max(1.0 + 5.0 * shape))
    tiny = first < 1e-17
    low, high = torch.zeros_like(x), torch.full_like(x, math.inf)
    for _ in range(60):
        x = x.clamp_min(1e-300)
        lower, upper, density = gamma_tails(x, shape)
        missing = torch.where(p <= 0.5, p - lower, upper - (1.0 - p))
        low, high = torch.where(missing > 0, x, low), torch.where(missing > 0, high, x)
        u = missing * x / density
        g, g1 = (shape - 1.0) / x - 1.0, -(shape - 1.0) / (x * x)
        h = u * (1.0 - u * (0.5 * g - u * (2.0 * g * g - g1) / 6.0))
        safe = u.abs() * (g.abs() + g1.abs().sqrt()) < 0.5
        h = torch.where(safe, h, u / (1.0 + 0.5 * (u * g).clamp_min(-1.0)))
        following = x + h
        outside = ~((following > low) & (following < high))
        middle = torch.where(torch.isinf(high), 2.0 * x, 0.5 * (low + high))
        settled = (h.abs() <= 1e-14 * x) | tiny
        following = torch.where(outside & ~settled, middle, following)
        if bool((settled | ((following - x).abs() <= 1e-12 * x)).all()):
            x = torch.where(tiny, x, following)
            break
        x = following
    return torch.where(tiny, first, x)


def gamma_tails(x: Tensor, shape: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Lower and upper tail, and x times the density."""
    mu = (x - shape) / shape
    gap = log_gap(mu)
    density = torch.exp(
        torch.where(
            shape >= 8.0,
            0.5 * torch.log(shape) - math.log(_ROOT_2PI) - shape * gap - stirling_error(shape.clamp_min(8.0)),
            torch.log(shape) + shape * torch.log(x) - x - torch.lgamma(shape + 1.0),
        )
    )
    near = (shape >= 10.0) & (gap < 0.72)
    a = shape.clamp_min(10.0)
    eta = torch.sign(mu) * torch.sqrt(2.0 * gap)
    lower, upper = _uniform(torch.where(near, eta, 0.0), a, [float(f) for f in SERIES[:31]])
    small = ~near
    if bool(small.any()):
        lower[small] = torch.special.gammainc(shape[small], x[small])
        upper[small] = torch.special.gammaincc(shape[small], x[small])
    return lower, upper, density


def negative_binomial_reorder_point(level: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """(n_series,) the smallest whole r with ``P(D <= r) >= level``; mean above 0, Poisson up to variance = mean."""
    excess = ((variance - mean) / mean).clamp_min(0.0)
    poisson = excess < 1e-14
    none = torch.exp(-mean * torch.where(poisson, 1.0, torch.log1p(excess) / torch.where(poisson, 1.0, excess)))
    z = torch.special.ndtri(level)
    reach = mean + z.clamp_min(0.0) * torch.sqrt(mean * (1.0 + excess)) + 0.4 * z * z * (1.0 + excess)
    small = (none >= level) | ((reach < _ADD_UP) & (none > 1e-280))
    point = torch.full_like(mean, -1.0)
    rows = torch.nonzero(small).flatten()
    point[rows] = _added_up(level[rows], mean[rows], excess[rows], none[rows])
    rows = torch.nonzero(point < 0).flatten()
    if len(rows):
        point[rows] = _large(level[rows], mean[rows], excess[rows].clamp_min(1e-14))
    return point


def _added_up(level: Tensor, mean: Tensor, excess: Tensor, none: Tensor) -> Tensor:
    """-1 where the end of the range came first."""
    mass, total, count = none.clone(), none.clone(), torch.zeros_like(mean)
    first, more = mean / (1.0 + excess), excess / (1.0 + excess)
    for k in range(int(_ADD_UP)):
        short = total < level
        if k % 16 == 0 and not bool(short.any()):
            break
        mass = mass * ((first + k * more) / (k + 1.0))
        total = torch.where(short, total + mass, total)
        count += short
    return torch.where(total < level, -1.0, count)


def _large(level: Tensor, mean: Tensor, excess: Tensor) -> Tensor:
    shape = mean / (1.0 + excess)
    k = torch.floor(gamma_quantile(level, shape) * (1.0 + excess)).clamp_min(8.0)
    low, high = torch.full_like(k, -1.0), torch.full_like(k, math.inf)
    for _ in range(200):
        lower, upper, mass = negative_binomial_tails(k, mean, excess)
        missing = torch.where(lower < 0.5, level - lower, upper - (1.0 - level))
        low, high = torch.where(missing > 0, k, low), torch.where(missing > 0, high, k)
        if bool((high - low <= 1.0).all()):
            break
        u = missing / mass.clamp_min(1e-300)
        g = torch.log((mean + k * excess) / ((1.0 + excess) * (k + 1.0)))
        bent = u * (1.0 - u * (0.5 * g - u * g * g / 3.0))
        step = torch.where((u * g).abs() < 0.3, bent, u / (1.0 + 0.5 * u * g).clamp_min(0.3))
        following = torch.floor(k + step)
        # once on each side of the quantile, the bracket closes by itself
        following = torch.where(following <= low, low + 1.0, following)
        following = torch.where(following >= high, high - 1.0, following)
        k = torch.where(high - low <= 1.0, high, following)
    return high


def negative_binomial_tails(k: Tensor, mean: Tensor, excess: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``P(D <= k)``, ``P(D > k)`` and ``P(D = k)``, for k of 8 and more."""
    size, b, x = mean / excess, k + 1.0, 1.0 / (1.0 + excess)
    total = size + b
    gap = (b - mean) * x
    entropy = size * log_gap(gap / size) + b * log_gap(-gap / b)
    spread = torch.sqrt(size / total * (b / total))
    big = size.clamp_min(8.0)
    correction = stirling_error(total) - stirling_error(big) - stirling_error(b)
    by_entropy = 0.5 * torch.log(size * (b / total)) - math.log(_ROOT_2PI) + correction - entropy
    value = size * torch.log(x) + b * torch.log1p(-x) + (b - 0.5) * torch.log1p(size / b)
    value = value + size * (torch.log(total) - 1.0) + stirling_error(total) - stirling_error(b)
    by_value = torch.log(size) + value - torch.lgamma(size + 1.0)
    density = torch.exp(torch.where(size >= 8.0, by_entropy, by_value))
    mass = density / ((total - 1.0) * excess * x)
    near = (size >= 60.0) & (b >= 60.0) & (entropy < 0.1 * torch.minimum(size, b))
    lower, upper = torch.zeros_like(k), torch.zeros_like(k)
    rows = torch.nonzero(near).flatten()
    if len(rows):
        skew = ((b - size) / total / spread)[rows]
        eta = torch.sign(gap[rows]) * torch.sqrt(2.0 * entropy[rows] / total[rows])
        lower[rows], upper[rows] = _uniform(eta, total[rows], _beta_series(skew))
    rows = torch.nonzero(~near & (x < 0.5)).flatten()
    if len(rows):
        lower[rows] = density[rows] / size[rows] * _series(x[rows], size[rows], total[rows])
        upper[rows] = 1.0 - lower[rows]
    rows = torch.nonzero(~near & (x >= 0.5)).flatten()
    if len(rows):
        upper[rows] = density[rows] / b[rows] * _series(1.0 - x[rows], b[rows], total[rows])
        lower[rows] = 1.0 - upper[rows]
    return lower, upper, mass


def log_gap(x: Tensor) -> Tensor:
    """``x - ln(1 + x)``, without the cancellation near 0."""
    near = torch.where(x.abs() <= 0.3, x, 0.0)
    r = near / (2.0 + near)
    s = r * r
    value = torch.zeros_like(x)
    for n in range(21, 1, -2):
        value = value * s + 1.0 / n
    return torch.where(x.abs() <= 0.3, r * (near - 2.0 * s * value), x - torch.log1p(x))


def stirling_error(a: Tensor) -> Tensor:
    """What Stirling's formula lacks, for a of 8 and more."""
    s = 1.0 / (a * a)
    value = torch.zeros_like(a)
    for c in (1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12):
        value = value * s + c
    return value / a


def _uniform(eta: Tensor, a: Tensor, f: list[float] | list[Tensor]) -> tuple[Tensor, Tensor]:
    """Lower and upper tail around the normal: ``b_(n-1) = f_n + (n + 1) b_(n+1) / a``."""
    zero = torch.zeros_like(eta)
    one, two, total = zero, zero, zero  # b_n, b_(n+1)
    for n in range(len(f) - 1, 0, -1):
        total = total * eta + one
        one, two = f[n] + (n + 1) * two / a, one
    rest = (total * eta + one) * torch.exp(-0.5 * a * eta * eta) / (_ROOT_2PI * torch.sqrt(a) * (1.0 + two / a))
    half = eta * torch.sqrt(0.5 * a)
    return 0.5 * torch.special.erfc(-half) - rest, 0.5 * torch.special.erfc(half) + rest


def _beta_series(skew: Tensor) -> list[Tensor]:
    """The recurrence of ``negative_binomial.py`` for all rows at once."""
    one = torch.ones_like(skew)
    f, square = [one], [one]
    for n in range(1, 19):
        pairs = sum((f[i] * f[n - i] for i in range(1, n)), torch.zeros_like(skew))
        cubes = pairs + sum((f[i] * square[n - i] for i in range(1, n)), torch.zeros_like(skew))
        earlier = f[n - 2] if n > 1 else torch.zeros_like(skew)
        f.append((earlier - skew * square[n - 1] - cubes) / (n + 2))
        square.append(pairs + 2.0 * f[n])
    return f


def _series(x: Tensor, a: Tensor, total: Tensor) -> Tensor:
    term, value = torch.ones_like(x), torch.ones_like(x)
    for n in range(100_000):
        ratio = (total + n) * x / (a + n + 1.0)
        term = term * ratio
        value = value + term
        if n % 16 == 15 and not bool((term >= 1e-17 * value * (1.0 - ratio)).any()):
            break
    return value


def path_quantile(paths: Tensor, days: Tensor, level: float) -> Tensor:
    """(n_series,) the smallest sum of a path's first days with ``P(sum <= it) >= level``."""
    n_samples, horizon = paths.shape[1], paths.shape[2]
    sums = torch.gather(torch.cumsum(paths, dim=2), 2, (days.clamp_max(horizon).long() - 1).unsqueeze(2)).squeeze(2)
    place = min(max(math.ceil(level * n_samples - 1e-9), 1), n_samples)
    return torch.kthvalue(sums, place, dim=1).values.to(torch.float64)
