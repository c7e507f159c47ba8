"""Quantiles of negative binomial counts, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from scipy import special
from torch import Tensor

_COUNTED: Final = 120.0
"""Up to this mean the probabilities of 0, 1, 2 … are added up; above, a gamma of the same mean and variance is read
off: a count is then less than a hundredth of its mean."""
_MOST: Final = 20_000


def negative_binomial_quantiles(mean: Tensor, dispersion: Tensor, levels: Sequence[float]) -> Tensor:
    """(..., n_quantiles) smallest count whose probability to be not exceeded reaches each level.

    Args:
        mean: (...) expected count, >= 0.
        dispersion: (...) (variance - mean) / mean², > 0.
        levels: rising, each in (0, 1).

    >>> negative_binomial_quantiles(torch.tensor([0.0, 3.0]), torch.tensor([1.0, 0.5]), [0.5, 0.9]).tolist()
    [[0.0, 0.0], [2.0, 7.0]]
    """
    flat, spread = mean.double().flatten().clamp(min=0), dispersion.double().flatten().clamp(min=1e-6)
    wanted = torch.tensor(levels, dtype=torch.float64, device=mean.device)
    found = torch.zeros((len(flat), len(levels)), dtype=torch.float64, device=mean.device)
    large = flat > _COUNTED
    if bool(large.any()):
        found[large] = _gamma_quantiles(flat[large], spread[large], wanted)
    if not bool(large.all()):
        found[~large] = _counted(flat[~large], spread[~large], wanted)
    return found.reshape(*mean.shape, len(levels)).to(mean.dtype)


def _counted(mean: Tensor, spread: Tensor, levels: Tensor) -> Tensor:
    size = 1 / spread
    odds = spread * mean / (1 + spread * mean)
    probability = torch.exp(-size * torch.log1p(spread * mean))
    total = probability.clone()
    found = torch.zeros((len(mean), len(levels)), dtype=torch.float64, device=mean.device)
    for count in range(_MOST):
        short = total[:, None] < levels
        if not bool(short.any()):
            break
        found += short
        probability = probability * odds * ((count + size) / (count + 1))
        # Rounding may keep the sum below a level near 1 for ever: what adds nothing any more has arrived.
        total = torch.where((probability < 1e-15) & (count > mean), 1.0, total + probability)
    return found


def _gamma_quantiles(mean: Tensor, spread: Tensor, levels: Tensor) -> Tensor:
    variance = mean + spread * mean**2
    shape = (mean**2 / variance).cpu().numpy()[:, None]
    scale = (variance / mean).cpu().numpy()[:, None]
    read = np.round(special.gammaincinv(shape, levels.cpu().numpy()) * scale)
    return torch.from_numpy(read).to(mean.device)
