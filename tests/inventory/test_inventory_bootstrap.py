from __future__ import annotations

import numpy as np
import pytest

from scaleinv.errors import DataError
from scaleinv.inventory import interval_of_sums, ratio_interval, resampled_sums


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
    with pytest.raises(DataError, match="a confidence is not within"):
        ratio_interval(np.zeros(3), np.ones(3), confidence=1.0)
    with pytest.raises(DataError, match="a label is not there"):
        resampled_sums(np.ones(2), np.ones(2), key=np.arange(2, dtype=np.uint64), label=np.array([0, 1]), n_labels=1)


def test_groups_and_labels_add_up_in_any_order() -> None:
    rng = np.random.default_rng(7)
    whole = rng.gamma(1.0, 10.0, 300)
    part, key, label = whole * rng.beta(1, 9, 300), rng.integers(0, 2**63, 300).astype(np.uint64), np.arange(300) % 3

    def of(rows: np.ndarray) -> np.ndarray:
        return resampled_sums(part[rows], whole[rows], key=key[rows], label=label[rows], n_labels=3)

    at_once = of(np.arange(300))
    shuffled = rng.permutation(300)
    assert sum(of(rows) for rows in np.array_split(shuffled, 4)) == pytest.approx(at_once)
    assert interval_of_sums(at_once.sum(axis=0)) == pytest.approx(ratio_interval(part, whole, key=key))
    one = label == 1
    assert interval_of_sums(at_once[1]) == pytest.approx(ratio_interval(part[one], whole[one], key=key[one]))


def test_a_series_counts_as_often_as_poisson_says() -> None:
    key = np.arange(2000, dtype=np.uint64)
    times = resampled_sums(np.ones(2000), np.ones(2000), key=key, label=np.arange(2000), n_labels=2000)[..., 0]
    for count, share in enumerate([0.3679, 0.3679, 0.1839, 0.0613]):
        assert (times == count).mean() == pytest.approx(share, abs=0.002)
    assert abs(np.corrcoef(times[:50]) - np.eye(50)).max() < 0.25
