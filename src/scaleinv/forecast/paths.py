"""From sample paths to quantiles, and from quantiles with a fitted dependence to sample paths."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_PHI_GRID = tuple(i / 50 for i in range(50))
_MAX_CORRELATION = 0.95


def quantiles(paths: Tensor, levels: Sequence[float]) -> Tensor:
    """(n_series, horizon, n_quantiles): quantiles of each step over ``paths`` (n_series, n_samples, horizon).

    Median-unbiased (Hyndman & Fan's type 8): with few samples a plain interpolation pulls high levels inwards.
    """
    ordered = paths.transpose(1, 2).sort(-1).values
    n = ordered.shape[-1]
    level = torch.tensor(levels, dtype=torch.float64, device=paths.device)
    place = (level * (n + 1 / 3) - 2 / 3).clamp(0, n - 1)
    low = place.floor().long().clamp(max=max(n - 2, 0))
    share = (place - low).to(paths.dtype)
    upper = ordered[..., (low + 1).clamp(max=n - 1)]
    return torch.lerp(ordered[..., low], upper, share)


def cumulative_quantiles(paths: Tensor, levels: Sequence[float]) -> Tensor:
    """(n_series, horizon, n_quantiles): quantiles of the demand of steps 1 … h together; daily ones are never added."""
    return quantiles(paths.double().cumsum(2), levels).to(paths.dtype)


# --- quantiles as a distribution -------------------------------------------------------------------------------------


def read_off(levels: Sequence[float], u: Tensor) -> Tensor:
    """(n_quantiles, ...) weights: demand at probability ``u`` is this weighted sum of the predicted quantiles.

    Up to the median demand is interpolated in ``u``, and below the lowest level it falls in proportion to ``u`` to 0.
    Above the median it is interpolated in ``-log(1 - u)``, as a tail is nearer to exponential than to flat, and goes
    on in the same way above the highest level. All of it is linear in the quantiles.
    """
    level = torch.tensor(levels, dtype=torch.float64, device=u.device)
    u = u.double()
    n = len(levels)
    weights = torch.zeros((n, *u.shape), dtype=torch.float64, device=u.device)
    weights[0] = torch.where(u <= level[0], u / level[0], 0.0)
    if n == 1:
        weights[0] = torch.where(u > level[0], 1.0, weights[0])
        return weights
    upper = torch.searchsorted(level, u, right=False).clamp(1, n - 1)
    depth, at = _depth(level), _depth(u)
    share = (at - depth[upper - 1]) / (depth[upper] - depth[upper - 1])
    used = (u > level[0]).double()
    weights.scatter_add_(0, (upper - 1)[None], ((1 - share) * used)[None])
    weights.scatter_add_(0, upper[None], (share * used)[None])
    return weights


def _depth(u: Tensor) -> Tensor:
    """What demand is interpolated in: ``u`` up to the median, and ``-log(1 - u)`` above, joined without a kink."""
    return torch.where(u <= 0.5, u, 0.5 - 0.5 * (2 * (1 - u).clamp(min=1e-9)).log())


def _undepth(depth: Tensor) -> Tensor:
    return torch.where(depth <= 0.5, depth, 1 - 0.5 * torch.exp(-2 * (depth - 0.5)))


def mean_weights(levels: Sequence[float], n: int = 20_000) -> Tensor:
    """(n_quantiles,) weights whose sum with the quantiles is the mean of that distribution."""
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return torch.as_tensor(read_off(levels, u).mean(1))


def moment_weights(levels: Sequence[float], n: int = 20_000) -> Tensor:
    """(n_quantiles, n_quantiles) form whose value at the quantiles is the mean square of that distribution."""
    weights = read_off(levels, (torch.arange(n, dtype=torch.float64) + 0.5) / n)
    return torch.as_tensor(weights @ weights.T / n)


def demand_at(predicted: Tensor, levels: Sequence[float], u: Tensor) -> Tensor:
    """(n_series, horizon, n_samples) demand at probabilities ``u`` of the same shape, each day by its own quantiles.

    As :func:`read_off` reads it, for ``predicted`` (n_series, horizon, n_quantiles) where no two series share a draw.
    """
    level = torch.tensor([0.0, *levels], dtype=u.dtype, device=u.device)
    known = torch.nn.functional.pad(predicted.to(u), (1, 0))
    upper = torch.searchsorted(level, u).clamp(1, len(levels))
    depth = _depth(level)
    share = (_depth(u) - depth[upper - 1]) / (depth[upper] - depth[upper - 1])
    return torch.lerp(known.gather(-1, upper - 1), known.gather(-1, upper), share).clamp(min=0)


def joint_paths(predicted: Tensor, levels: Sequence[float], correlation: Tensor, n_samples: int, seed: int) -> Tensor:
    """(n_series, n_samples, horizon) paths: a Gaussian copula over the steps of ``predicted`` (n_series, horizon, n_q).

    The same draws serve every series, so a series' paths do not depend on which others are computed with it; each
    step's draws are the midpoints of n_samples equal slices in random order, so that a step's own quantiles are met.
    """
    weights = copula_weights(levels, correlation, n_samples, seed).to(predicted)
    paths: Tensor = torch.einsum("ihq,qsh->ish", predicted, weights)
    return paths.clamp(min=0)


def copula_weights(levels: Sequence[float], correlation: Tensor, n_samples: int, seed: int) -> Tensor:
    """(n_quantiles, n_samples, horizon): :func:`read_off` at correlated probabilities."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn((n_samples, len(correlation)), generator=generator, dtype=torch.float64)
    normal = _whitened(normal) @ torch.linalg.cholesky(correlation.double()).T
    rank = normal.argsort(0).argsort(0)
    return read_off(levels, (rank + 0.5) / n_samples)


def _whitened(normal: Tensor) -> Tensor:
    """Draws whose sample mean and correlations are exactly 0, where there are more draws than steps."""
    if len(normal) <= 2 * normal.shape[1]:
        return normal
    normal = normal - normal.mean(0)
    covariance = normal.T @ normal / len(normal)
    white: Tensor = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), normal.T, upper=False)
    return white.T


# --- the dependence between steps ------------------------------------------------------------------------------------


def normal_scores(
    y: Tensor, observed: Tensor, predicted: Tensor, levels: Sequence[float], *, grain: Tensor | float = 1.0
) -> Tensor:
    """(n_windows, horizon) expected normal score of each value under its predicted quantiles; 0 where not observed.

    A count y stands for the slice F(y - 0.5) … F(y + 0.5) of probability (half a ``grain``, where it is counted in
    others, a number or (n_windows, 1)), and a randomised probability integral transform would draw one value from it.
    Its expectation is taken instead: the draw only adds noise.
    """
    low, high = (_probability(y + shift, predicted, levels) for shift in (-grain / 2, grain / 2))
    width = (high - low).clamp(min=1e-6)
    middle = (low + high) / 2
    low_z, high_z = torch.special.ndtri(low.clamp(1e-6, 1 - 1e-6)), torch.special.ndtri(high.clamp(1e-6, 1 - 1e-6))
    density = (torch.exp(-(low_z**2) / 2) - torch.exp(-(high_z**2) / 2)) / math.sqrt(2 * math.pi)
    score = torch.where(width > 1e-3, density / width, torch.special.ndtri(middle.clamp(1e-4, 1 - 1e-4)))
    return torch.where(observed, score.clamp(-4, 4), 0.0)


def _probability(y: Tensor, predicted: Tensor, levels: Sequence[float]) -> Tensor:
    """F(y): the inverse of :func:`read_off`, for ``y`` (n, h) and ``predicted`` (n, h, n_quantiles)."""
    level = torch.tensor(levels, dtype=predicted.dtype, device=predicted.device)
    n = len(levels)
    at = torch.searchsorted(predicted.contiguous(), y[..., None].contiguous(), right=True)[..., 0]
    upper = at.clamp(1, n - 1)
    low_q = predicted.gather(-1, (upper - 1)[..., None])[..., 0]
    high_q = predicted.gather(-1, upper[..., None])[..., 0]
    gap = (high_q - low_q).clamp(min=1e-6)
    depth = _depth(level)
    reach = (y - low_q) / gap
    reach = torch.where(at == n, reach, reach.clamp(0, 1))
    inside = _undepth(depth[upper - 1] + (depth[upper] - depth[upper - 1]) * reach)
    below = level[0] * (y / predicted[..., 0].clamp(min=1e-6)).clamp(0, 1)
    p = torch.where(at == 0, below, inside)
    return torch.where(y < 0, 0.0, p)


def step_correlation(scores: Tensor, observed: Tensor) -> Tensor:
    """(horizon, horizon) correlation of the copula, one for the group, from ``normal_scores`` (n_windows, horizon).

    Correlation at lag k is ``level + swing * decay ** k``: what a series gets wrong all the time, and what fades. The
    scores of counts vary less than the hidden normals they stand for; dividing by the squared variance of each
    series' scores undoes that to first order.
    """
    horizon = scores.shape[1]
    spread = (scores**2).sum(1) / observed.sum(1).clamp(min=1)
    found, weight = [], []
    for lag in range(1, horizon):
        both = (observed[:, lag:] & observed[:, :-lag]).double()
        product = (scores[:, lag:] * scores[:, :-lag] * both).sum()
        scale = (both.sum(1) * spread**2).sum()
        found.append(float(product / scale) if scale > 0 else 0.0)
        weight.append(float(both.sum()))
    level, swing, decay = _decline(found, weight)
    step = torch.arange(horizon, dtype=torch.float64)
    lags = (step[:, None] - step).abs()
    return torch.where(lags == 0, 1.0, level + swing * decay**lags)


def _decline(found: Sequence[float], weight: Sequence[float]) -> tuple[float, float, float]:
    """Least squares of ``level + swing * decay ** k``, all three not negative and together below 1: always valid."""
    best = (0.0, 0.0, 0.0)
    if not found or sum(weight) <= 0:
        return best
    y, w = torch.tensor(found, dtype=torch.float64), torch.tensor(weight, dtype=torch.float64)
    least = math.inf
    for decay in _PHI_GRID:
        shape = decay ** torch.arange(1, len(found) + 1, dtype=torch.float64)
        for level, swing in _candidates(y, w, shape):
            level, swing = max(level, 0.0), max(swing, 0.0)
            shrink = min(1.0, _MAX_CORRELATION / max(level + swing, 1e-9))
            level, swing = level * shrink, swing * shrink
            error = float((w * (y - level - swing * shape) ** 2).sum())
            if error < least - 1e-15:
                least, best = error, (level, swing, decay)
    return best


def _candidates(y: Tensor, w: Tensor, shape: Tensor) -> list[tuple[float, float]]:
    """Weighted least squares with both terms, with the level alone and with the swing alone."""
    total, sx, sy = w.sum(), (w * shape).sum(), (w * y).sum()
    sxx, sxy = (w * shape**2).sum(), (w * shape * y).sum()
    alone = [(float(sy / total), 0.0), (0.0, float(sxy / sxx) if sxx > 0 else 0.0)]
    determinant = total * sxx - sx**2
    if determinant <= 1e-12 * total * sxx:
        return alone
    return [(float((sxx * sy - sx * sxy) / determinant), float((total * sxy - sx * sy) / determinant)), *alone]
