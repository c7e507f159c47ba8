"""Random streams: one per purpose and block, so that no draw depends on what else was made, or in which order."""

from __future__ import annotations

from typing import Final

import numpy as np

PURPOSES: Final = (
    "chain", "traffic", "lead_time", "item", "item_normal", "plan", "series", "drift", "occurrence", "gamma", "poisson",
    "dirt",
)  # fmt: skip
"""Append only: a purpose's place is part of its seed."""


def stream(seed: int, purpose: str, block: int = 0) -> np.random.Generator:
    """A counter-based (Philox) generator of its own for ``purpose`` in ``block``."""
    sequence = np.random.SeedSequence(seed % 2**64, spawn_key=(PURPOSES.index(purpose), block))
    return np.random.Generator(np.random.Philox(sequence))
