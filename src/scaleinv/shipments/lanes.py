"""How long lanes take: of past shipments, from the closest that there are to all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scaleinv.shipments.arrival import Floats

Codes = NDArray[np.int64]


def lane_times(days: Floats, past: Codes, wanted: Codes, *, max_days: int, weight: float) -> tuple[Floats, Floats]:
    """Distribution of whole days from departure to arrival, and whether anything is known.

    Each level of lanes is drawn towards the level above it, which counts as ``weight`` shipments, and the highest
    towards all shipments: a lane with few of them is nearly the level above, one with many is itself.

    Args:
        days: (m,) from departure to arrival, of past shipments.
        past: (m, n_levels) which lane they took, from the closest level to the widest.
        wanted: (n, n_levels) the lanes that are asked for, by the same numbers.
        max_days: longer ones count as this long.
        weight: shipments that the level above counts as.

    Returns:
        (n, max_days + 1) and (n,) 1 or 0.
    """
    whole = np.clip(np.floor(days), 0, max_days).astype(np.int64)
    everything = np.bincount(whole, minlength=max_days + 1).astype(np.float64)
    if not len(days):
        return np.zeros((len(wanted), max_days + 1)), np.zeros(len(wanted))
    found = np.broadcast_to(everything / everything.sum(), (len(wanted), max_days + 1))
    for level in reversed(range(past.shape[1])):
        lanes, at = np.unique(wanted[:, level], return_inverse=True)
        place = np.searchsorted(lanes, past[:, level]).clip(max=max(len(lanes) - 1, 0))
        same = lanes[place] == past[:, level] if len(lanes) else np.zeros(len(past), dtype=np.bool_)
        counts = np.zeros((len(lanes), max_days + 1))
        np.add.at(counts, (place[same], whole[same]), 1.0)
        total = counts.sum(axis=1, keepdims=True)
        found = (counts[at] + weight * found) / (total[at] + weight)
    return found, np.ones(len(wanted))
