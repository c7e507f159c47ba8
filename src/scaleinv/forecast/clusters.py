"""K-means of series' shapes: cuML on a GPU, else scikit-learn, both from the same start."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SEED: Final = 7
_ROUNDS, _STILL = 300, 1e-10
"""Most rounds, and how little centres may move at the end."""
_DIGITS: Final = 6
"""Centres are kept to so many: what differs after them is rounding, by device and order of sums."""


def centres(shapes: Floats, importance: Floats, *, n_clusters: int) -> tuple[Floats, Floats]:
    """Centres and the weights of the squared differences to them: the same in whatever order rows come.

    Columns are scaled to a spread of 1 and by ``importance``; one that does not vary weighs nothing. Starts are drawn
    by k-means++ (Arthur & Vassilvitskii 2007).

    Args:
        shapes: (n_series, n_facts), finite.
        importance: (n_facts,)
        n_clusters: fewer are found where fewer shapes differ; of no shape at all one, at 0.

    Returns:
        (n_clusters, n_facts), by falling first column, and (n_facts,).
    """
    if not len(shapes):
        return np.zeros((1, shapes.shape[1])), np.zeros(shapes.shape[1])
    rows = shapes[np.lexsort(shapes.T)]
    mean, scale = rows.mean(0), rows.std(0)
    factor = np.where(scale > 1e-9, np.sqrt(importance) / np.maximum(scale, 1e-9), 0.0)
    scaled, counts = np.unique((rows - mean) * factor, axis=0, return_counts=True)
    weight = counts.astype(np.float64)
    moved = _moved(scaled, weight, _start(scaled, weight, min(n_clusters, len(scaled))))
    found = np.round(mean + moved / np.where(factor > 0, factor, np.inf), _DIGITS)
    return found[np.lexsort((*found.T[:0:-1], -found[:, 0]))], factor**2


def _start(rows: Floats, weight: Floats, n_clusters: int) -> Floats:
    from sklearn.cluster import kmeans_plusplus

    drawn, _ = kmeans_plusplus(rows, n_clusters, sample_weight=weight, random_state=_SEED)
    return np.asarray(drawn)


def _moved(rows: Floats, weight: Floats, start: Floats) -> Floats:
    if torch.cuda.is_available():
        try:
            return _moved_on_gpu(rows, weight, start)
        except ImportError:  # a GPU without RAPIDS
            pass
    return _moved_on_host(rows, weight, start)


def _moved_on_host(rows: Floats, weight: Floats, start: Floats) -> Floats:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # several threads add up in another order each time
        model = KMeans(len(start), init=start, n_init=1, max_iter=_ROUNDS, tol=_STILL).fit(rows, sample_weight=weight)
    return np.asarray(model.cluster_centers_)


def _moved_on_gpu(rows: Floats, weight: Floats, start: Floats) -> Floats:
    from cuml.cluster import KMeans

    model = KMeans(n_clusters=len(start), init=start, n_init=1, max_iter=_ROUNDS, tol=_STILL, output_type="numpy").fit(
        rows, sample_weight=weight
    )
    return np.asarray(model.cluster_centers_)
