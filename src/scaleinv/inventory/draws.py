"""Random numbers that belong to a series, not to its place in an array.

A stream is a 64-bit state made of the seed and the series' own key; number ``i`` of a stream is one round of
splitmix64 (Steele, Lea & Flood 2014) over ``state + i * golden``. So chunks, shards and order change nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scaleinv.inventory.compiled import compiled

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 1.0 / 9007199254740992.0  # 2^-53


def streams(seed: int, key: NDArray[np.uint64], purpose: int) -> NDArray[np.uint64]:
    """(n_series,) stream states; ``purpose`` keeps streams of one series apart."""
    out = np.empty(len(key), dtype=np.uint64)
    _streams(np.uint64(seed % 2**64), np.uint64(purpose), np.ascontiguousarray(key, dtype=np.uint64), out)
    return out


def uniforms(seed: int, key: NDArray[np.uint64], purpose: int) -> NDArray[np.float64]:
    """(n_series,) one number in [0, 1) for each series, whatever its place."""
    out = np.empty(len(key))
    _uniforms(streams(seed, key, purpose), out)
    return out


@compiled
def uniform(state: np.uint64, number: int) -> float:
    """Number ``number`` of the stream, in [0, 1)."""
    return float(_mix(state + np.uint64(number) * _GOLDEN) >> _11) * _UNIT


@compiled
def _mix(x: np.uint64) -> np.uint64:
    x = (x ^ (x >> _30)) * _MIX_1
    x = (x ^ (x >> _27)) * _MIX_2
    return x ^ (x >> _31)


@compiled
def _streams(seed: np.uint64, purpose: np.uint64, key: NDArray[np.uint64], out: NDArray[np.uint64]) -> None:
    start = _mix(seed + purpose * _GOLDEN)
    for row in range(len(key)):
        out[row] = _mix(key[row] ^ start)


@compiled
def _uniforms(state: NDArray[np.uint64], out: NDArray[np.float64]) -> None:
    for row in range(len(state)):
        out[row] = uniform(state[row], 0)
