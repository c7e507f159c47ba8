"""Centres of series' shapes: known kinds are found, whatever the order of rows and whatever does not vary."""

from __future__ import annotations

import numpy as np
import pytest

from scaleinv.forecast import clusters
from scaleinv.forecast.clusters import Floats, centres

RNG = np.random.default_rng(3)
KINDS = np.array([[3.0, 0.1, 0.2, 0.5], [0.0, 0.1, 0.8, 0.5], [-3.0, 2.0, 0.5, 0.5]])
"""Three kinds of series; the last fact is the same for all."""
OF = np.repeat([0, 1, 2], [50, 30, 20])
SHAPES = KINDS[OF] + np.array([0.2, 0.05, 0.05, 0.0]) * RNG.normal(size=(len(OF), 4))
ALIKE = np.array([1.0, 1.0, 0.5, 0.5])


def nearest(shapes: Floats, found: Floats, weights: Floats) -> np.ndarray:
    return (((shapes[:, None] - found) ** 2) * weights).sum(-1).argmin(1)


def test_kinds_are_told_apart_and_numbered_by_level() -> None:
    found, weights = centres(SHAPES, ALIKE, n_clusters=3)
    assert (nearest(SHAPES, found, weights) == OF).all()
    means = np.stack([SHAPES[kind == OF].mean(0) for kind in range(3)])
    assert found == pytest.approx(means, abs=1e-6), "a centre is the mean of its own"


def test_the_order_of_rows_changes_nothing() -> None:
    some = np.concatenate([SHAPES, SHAPES[:7]])  # several alike
    made = [centres(some[RNG.permutation(len(some))], ALIKE, n_clusters=5) for _ in range(3)]
    for found, weights in made[1:]:
        assert found.tobytes() == made[0][0].tobytes()
        assert weights.tobytes() == made[0][1].tobytes()


def test_facts_count_by_their_spread_and_importance() -> None:
    _, weights = centres(SHAPES, ALIKE, n_clusters=3)
    assert weights == pytest.approx([*(ALIKE / SHAPES.var(0).clip(1e-18))[:3], 0.0])


def test_there_are_no_more_clusters_than_shapes() -> None:
    found, _ = centres(np.repeat(KINDS, 4, 0), ALIKE, n_clusters=8)
    assert found.tolist() == KINDS.tolist()
    same, weights = centres(np.full((5, 4), 0.25), ALIKE, n_clusters=8)
    assert (same.tolist(), weights.tolist()) == ([[0.25] * 4], [0.0] * 4)
    none, weights = centres(np.empty((0, 4)), ALIKE, n_clusters=8)
    assert (none.tolist(), weights.tolist()) == ([[0.0] * 4], [0.0] * 4)


@pytest.mark.gpu
def test_a_gpu_finds_the_same_centres() -> None:
    pytest.importorskip("cuml")
    rows = np.unique(RNG.normal(size=(3000, 22)) + 4 * RNG.integers(0, 3, (3000, 1)), axis=0)
    weight = RNG.integers(1, 4, len(rows)).astype(float)
    start = rows[:: len(rows) // 6][:6]
    on_gpu, on_host = clusters._moved_on_gpu(rows, weight, start), clusters._moved_on_host(rows, weight, start)
    assert on_gpu == pytest.approx(on_host, abs=1e-6)
