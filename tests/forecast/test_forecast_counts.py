"""Quantiles of counts against SciPy."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

from scaleinv.forecast.counts import negative_binomial_quantiles

LEVELS = (0.005, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975, 0.995)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 119), st.floats(1e-3, 20)), min_size=1, max_size=30))
def test_small_means_are_exact(drawn: list[tuple[float, float]]) -> None:
    mean, spread = (torch.tensor(values, dtype=torch.float64) for values in zip(*drawn, strict=True))
    found = negative_binomial_quantiles(mean, spread, LEVELS)
    size = 1 / spread.numpy()[:, None]
    p = 1 / (1 + spread.numpy() * mean.numpy())[:, None]
    below, at = nbinom.cdf(found.numpy() - 1, size, p), nbinom.cdf(found.numpy(), size, p)
    assert (at >= np.array(LEVELS) - 1e-9).all()
    assert ((below < np.array(LEVELS) + 1e-9) | (found.numpy() == 0)).all()


@settings(deadline=None, max_examples=60)
@given(st.floats(121, 1e6), st.floats(1e-4, 5))
def test_large_means_are_within_a_hundredth(mean: float, spread: float) -> None:
    found = negative_binomial_quantiles(torch.tensor([mean]).double(), torch.tensor([spread]).double(), LEVELS)[0]
    wanted = nbinom.ppf(LEVELS, 1 / spread, 1 / (1 + spread * mean))
    assert (np.abs(found.numpy() - wanted) <= 1 + 0.01 * mean).all()


def test_quantiles_rise_and_nothing_is_nan() -> None:
    mean = torch.logspace(-9, 6, 400)
    found = negative_binomial_quantiles(mean, torch.full_like(mean, 0.4), LEVELS)
    assert found.dtype == mean.dtype
    assert bool((found.diff(dim=1) >= 0).all())
    assert bool(torch.isfinite(found).all())
