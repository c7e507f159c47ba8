from __future__ import annotations

import numpy as np
import pytest

from scaleinv.errors import DataError
from scaleinv.inventory import ratio_interval


def test_as_wide_as_the_delta_method_says() -> None:
    rng = np.random.default_rng(3)
    whole = rng.gamma(1.0, 10.0, 4000)
    part = whole * rng.beta(9, 1, 4000)
    low, high = ratio_interval(part, whole, n_draws=2000)
    ratio = part.sum() / whole.sum()
    spread = np.sqrt(np.square(part - ratio * whole).sum()) / whole.sum()
    assert low < ratio < high
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_the_truth_is_inside_as_often_as_promised() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(200):
        whole = rng.gamma(2.0, 1.0, 200)
        low, high = ratio_interval(whole * rng.binomial(10, 0.7, 200) / 10, whole, confidence=0.8)
        inside += low <= 0.7 <= high
    assert 0.7 < inside / 200 < 0.88


def test_nothing_wanted_is_not_known_and_bad_input_is_refused() -> None:
    assert np.isnan(ratio_interval(np.zeros(3), np.zeros(3))).all()
    with pytest.raises(DataError, match="two arrays of the same series"):
        ratio_interval(np.zeros(3), np.zeros(4))
