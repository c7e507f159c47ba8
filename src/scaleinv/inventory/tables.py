"""Smooth functions as tables of polynomials, for kernels: made once, when a module that has one is imported.

A range is cut into cells, and in each the function is the polynomial through its values at Chebyshev's points. Where a
kernel would take steps of Newton's, each with exponentials and error functions, a cell costs a handful of products.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_TERMS = 8
_PLACES = np.cos((np.arange(N_TERMS) + 0.5) * np.pi / N_TERMS)
_FIT = np.linalg.inv(np.vander(_PLACES, increasing=True)).T


def points(low: float, high: float, n_cells: int) -> Floats:
    """(n_cells, 8) where a function is to be known, for :func:`coefficients`; a cell goes from -1 to 1."""
    edges = np.linspace(low, high, n_cells + 1)
    return np.asarray((edges[:-1, None] + edges[1:, None] + np.diff(edges)[:, None] * _PLACES) / 2.0)


def coefficients(values: Floats) -> Floats:
    """(…, 8) of powers 0 … 7, of values at :func:`points` along the last axis."""
    return np.asarray(values @ _FIT)
