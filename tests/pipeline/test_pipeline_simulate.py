from __future__ import annotations

import numpy as np
import pytest

from scaleinv.errors import ConfigError
from scaleinv.pipeline.arrays import Distributions
from scaleinv.pipeline.simulate import demand_of, forecast_paths


def test_paths_have_the_forecast_s_own_sums() -> None:
    """To any day the quantiles of the paths' sums are those of cumulative demand; days are whole and never below 0."""
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    steps = np.arange(1, 11)[None, :, None]
    cumulative = np.array([20.0, 300.0])[:, None, None] * steps * (1 + 0.8 * (levels - 0.5) / np.sqrt(steps))
    found = Distributions(cumulative[..., 2], cumulative, cumulative)
    paths = forecast_paths(found, levels, 4000, seed=1)
    assert paths.shape == (2, 4000, 10)
    assert (paths >= 0).all()
    assert (paths == np.round(paths)).all()
    sums = paths.cumsum(axis=2)
    for step in (0, 4, 9):
        for place, level in enumerate(levels[1:-1], start=1):
            assert np.quantile(sums[:, :, step], level, axis=1) == pytest.approx(cumulative[:, step, place], abs=1.0)
    assert np.array_equal(paths, forecast_paths(found, levels, 4000, seed=1))


def test_whose_demand_is_one_of_two_words() -> None:
    assert demand_of("forecast") == "forecast"
    with pytest.raises(ConfigError, match="--demand future is not known"):
        demand_of("future")
