"""Forecasts of sums of series that agree with those of the series: means are reconciled, samples are added up.

Levels may cross (a SKU lies in many locations, a location has many SKUs). What is summed is never a dense matrix: a
series belongs to one node of each level, so all sums are one sparse product with as many entries as series and levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy import optimize, sparse
from torch import Tensor

from scaleinv.errors import DataError, explain
from scaleinv.forecast.group import STATICS, Group
from scaleinv.forecast.history import day_number
from scaleinv.forecast.paths import demand_at, mean_weights, moment_weights

Floats = npt.NDArray[np.float64]
_LEAST_VARIANCE: Final = 1e-3
"""A node's forecast is taken for no surer than by this share of its series' variances: it bounds the iterations."""
_TOLERANCE: Final = 1e-9
_MOST_ITERATIONS: Final = 2000
_MOST_SHARED: Final = 0.95


@dataclass(frozen=True)
class Hierarchy:
    """Which node of each level a series is part of; nodes are numbered through, level after level."""

    codes: npt.NDArray[np.int64]
    """(n_levels, n_series)"""
    n_nodes: int

    @classmethod
    def of(cls, levels: Sequence[npt.ArrayLike]) -> Self:
        """From the node of each series within each level: (n_series,) numbers from 0 on, none left out."""
        codes = np.asarray(levels, dtype=np.int64)
        sizes = codes.max(axis=1) + 1
        return cls(codes + (np.cumsum(sizes) - sizes)[:, None], int(sizes.sum()))

    @cached_property
    def matrix(self) -> Any:
        """(n_nodes, n_series) sparse: 1 where the series is part of the node."""
        n_levels, n_series = self.codes.shape
        columns = np.tile(np.arange(n_series), n_levels)
        values = np.ones(columns.size)
        return sparse.csr_array((values, (self.codes.ravel(), columns)), shape=(self.n_nodes, n_series))

    def sums(self, values: Floats) -> Floats:
        """(n_nodes, ...) sums of ``values`` (n_series, ...)."""
        flat = self.matrix @ values.reshape(len(values), -1)
        return np.asarray(flat).reshape(self.n_nodes, *values.shape[1:])


# --- means -----------------------------------------------------------------------------------------------------------


def reconciled_means(
    hierarchy: Hierarchy, means: Floats, node_means: Floats, variances: Floats, node_variances: Floats
) -> Floats:
    """(n_series, horizon) means whose sums are as near as can be to the nodes' own forecasts, and they to their own.

    MinT with a diagonal W (Wickramasuriya, Athanasopoulos & Hyndman, JASA 114, 2019; with the number of series as a
    node's variance and 1 as a series', its structural form, Athanasopoulos et al., EJOR 262, 2017): the b that
    minimises ``sum (b - means)² / variances + sum (S b - node_means)² / node_variances``. It is solved in the nodes,
    ``b = means + D S' (S D S' + V)⁻¹ (node_means - S means)``, by conjugate gradients, all steps at once. The condition
    of that system is at most n_levels x (1 + the largest ratio S D S' / V of a node), however many series there are:
    structurally that ratio is 1, and some thirty iterations do. What falls below zero is zero; as sums are made of what
    is returned, all agree.

    Args:
        hierarchy: what is summed.
        means: (n_series, horizon) the series' own forecasts.
        node_means: (n_nodes, horizon) the nodes' own forecasts.
        variances: (n_series, horizon or 1) of the series' errors; 0: is not moved.
        node_variances: (n_nodes, horizon or 1) of the nodes' errors.

    Raises:
        DataError: there is no answer, as where a forecast is no number.
    """
    summed = hierarchy.matrix
    below = hierarchy.sums(variances)
    variance = np.maximum(node_variances, _LEAST_VARIANCE * below)
    variance = np.where(variance > 0, variance, 1.0)  # nothing can move such a node

    def system(x: Floats) -> Floats:
        return np.asarray(summed @ (variances * (summed.T @ x)) + variance * x)

    moved = _solved(system, node_means - hierarchy.sums(means), 1 / (below + variance))
    return np.asarray(np.maximum(means + variances * (summed.T @ moved), 0))


def _solved(system: Any, wanted: Floats, inverse_diagonal: Floats) -> Floats:
    """Conjugate gradients, each column a system of its own; the columns share the products."""
    x, residual = np.zeros_like(wanted), wanted.copy()
    scaled = inverse_diagonal * residual
    direction, fall = scaled, (residual * scaled).sum(axis=0)
    enough = _TOLERANCE**2 * fall
    for _ in range(_MOST_ITERATIONS):
        if (fall <= enough).all():
            return x
        image = system(direction)
        length = fall / np.maximum((direction * image).sum(axis=0), np.finfo(np.float64).tiny)
        x += length * direction
        residual -= length * image
        scaled = inverse_diagonal * residual
        before, fall = fall, (residual * scaled).sum(axis=0)
        direction = scaled + fall / np.maximum(before, np.finfo(np.float64).tiny) * direction
    raise DataError(
        explain(
            "forecasts of sums cannot be reconciled with those of the series",
            expected=f"an answer within {_MOST_ITERATIONS} iterations",
            found=f"{int((~(fall <= enough)).sum())} of {fall.size} days without one",
            do="look for forecasts that are no numbers; or hierarchy.method=bottom_up, which solves nothing",
        )
    )


def variances_of(quantiles: Floats, levels: Sequence[float]) -> Floats:
    """(...) variance of the distribution that ``quantiles`` (..., n_quantiles) are of."""
    first, second = mean_weights(levels).numpy(), moment_weights(levels).numpy()
    squared = ((quantiles @ second) * quantiles).sum(axis=-1)
    return np.asarray(np.maximum(squared - (quantiles @ first) ** 2, 0))


# --- samples ---------------------------------------------------------------------------------------------------------


def shared_errors(hierarchy: Hierarchy, scores: Floats, observed: npt.NDArray[np.bool_]) -> Floats:
    """(n_levels,) share of the variance of a series' normal score that all series of one node have in common.

    Two series correlate by the sum of the shares of the levels at which they are part of one node. The shares are those
    (not negative, together below 1) that explain the products of scores of pairs of series, level by level; what all
    pairs of a node add up to is the square of its sum, so no pair is looked at. Scores of counts vary less than the
    hidden normals that they stand for: a product is as much smaller as both variances say (``step_correlation``).

    Args:
        hierarchy: what is summed.
        scores: (n_series, n_days) as ``normal_scores`` gives them; 0 where not observed.
        observed: (n_series, n_days)
    """
    n_levels = len(hierarchy.codes)
    days = np.maximum(observed.sum(axis=1), 1)
    spread = np.where(observed, ((scores**2).sum(axis=1) / days)[:, None], 0.0)
    products, pairs = np.zeros(n_levels), np.zeros((n_levels, n_levels))
    for at, code in enumerate(hierarchy.codes):
        products[at] = _pair_products(code, scores)
        for other in range(at + 1):
            both = np.unique(code * hierarchy.n_nodes + hierarchy.codes[other], return_inverse=True)[1]
            pairs[at, other] = pairs[other, at] = _pair_products(both, spread)
    size = pairs.diagonal()
    usable = size > 0
    shares = np.zeros(n_levels)
    if usable.any():
        some = np.flatnonzero(usable)
        shares[some] = optimize.nnls(pairs[np.ix_(some, some)] / size[some, None], products[some] / size[some])[0]
    return np.asarray(shares * min(1.0, _MOST_SHARED / max(shares.sum(), _MOST_SHARED)))


def _pair_products(code: npt.NDArray[np.int64], values: Floats) -> float:
    """Products of the ``values`` (n_series, n_days) of two different series of one code, over all such and all days."""
    matrix = sparse.csr_array((np.ones(code.size), (code, np.arange(code.size))))
    return float(((matrix @ values) ** 2).sum() - (values**2).sum())


def common_draws(n_nodes: int, n_samples: int, correlation: Tensor, seed: Sequence[int]) -> Tensor:
    """(n_nodes, horizon, n_samples) standard normal draws for each node, dependent between steps.

    Each step's draws have exactly mean 0 and variance 1: what a node's series have in common must not be off by luck.
    """
    draws = _normals((n_nodes, len(correlation), n_samples), correlation, seed)
    draws -= draws.mean(-1, keepdim=True)
    return draws / draws.std(-1, keepdim=True, correction=0).clamp(min=1e-6)


def series_paths(
    quantiles: Tensor,
    means: Tensor,
    levels: Sequence[float],
    common: Tensor,
    own: float,
    correlation: Tensor,
    seed: Sequence[int],
) -> Tensor:
    """(n_series, horizon, n_samples) paths of demand with the given daily distributions and expected demand.

    A Gaussian copula: what a series has in common with others, and the rest, drawn for it alone. Each step is then
    scaled from the mean of its quantiles to ``means``. Sums of such paths are paths of the sums: they agree.

    Args:
        quantiles: (n_series, horizon, n_quantiles) of each day.
        means: (n_series, horizon) reconciled.
        levels: the quantile levels.
        common: (n_series, horizon, n_samples) weighted sum of the :func:`common_draws` of the series' nodes.
        own: variance that is left for the series itself.
        correlation: (horizon, horizon) of what is drawn for the series itself.
        seed: of that.
    """  # fmt: skip
    normal = common + own**0.5 * _normals(common.shape, correlation, seed)
    paths = demand_at(quantiles, levels, torch.special.ndtr(normal))
    expected = quantiles.double() @ mean_weights(levels)
    factor = torch.where(expected > 0, means / expected.clamp(min=1e-9), 0.0)
    return paths * factor[..., None].to(paths)


def _normals(shape: Sequence[int], correlation: Tensor, seed: Sequence[int]) -> Tensor:
    drawn = np.random.default_rng(seed).standard_normal(tuple(shape), dtype=np.float32)
    normal: Tensor = torch.linalg.cholesky(correlation.double()).float() @ torch.from_numpy(drawn)
    return normal


# --- what forecasts the sums themselves ------------------------------------------------------------------------------


def sum_group(names: npt.NDArray[np.object_], history: npt.NDArray[np.float32], cutoff: date, horizon: int) -> Group:
    """Nodes as a group that any model can forecast: their demand, and nothing else that is known of them.

    Args:
        names: (n_nodes,) sorted.
        history: (n_nodes, n_days) demand; a life begins with its first.
        cutoff: the last day of the history.
        horizon: days that follow.
    """
    n_nodes, n_days = history.shape
    sold = history > 0
    begin = np.where(sold.any(axis=1), sold.argmax(axis=1), 0)
    alive = np.arange(n_days + horizon) >= begin[:, None]
    demand = np.pad(history, ((0, 0), (0, horizon)), constant_values=np.nan)[alive]
    y = torch.from_numpy(demand)
    day = np.broadcast_to(np.arange(n_days + horizon) + day_number(cutoff) + 1 - n_days, alive.shape)[alive]
    no = torch.zeros(len(y), dtype=torch.bool)
    return Group(
        unique_id=names, indptr=torch.from_numpy(np.concatenate(([0], np.cumsum(alive.sum(axis=1))))),
        day=torch.from_numpy(day.astype(np.int32)), y=y, sales=y, price=torch.ones_like(y),
        is_stockout=no, is_promotion=no, is_benefit_day=no,
        event=torch.full((len(y),), -1), events=(),
        statics={name: torch.zeros(n_nodes, dtype=torch.long) for name in STATICS},
        vocabularies=dict.fromkeys(STATICS, ("all",)),
        grain=torch.ones(n_nodes, dtype=torch.float64),
    )  # fmt: skip
