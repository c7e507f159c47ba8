"""Numbers that come in: arrays of floats within their range, or an error that says which rows are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain

Floats = NDArray[np.float64]


def numbers(
    name: str,
    values: ArrayLike,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> Floats:
    """``values`` as floats.

    Raises:
        DataError: one is not finite, or not within ``low`` … ``high`` (ends included unless open).
    """
    found = np.asarray(values, dtype=np.float64)
    inside = (found > low) if open_low else (found >= low)
    inside &= (found < high) if open_high else (found <= high)
    wrong = ~(inside & np.isfinite(found))
    if wrong.any():
        expected = f"finite numbers within {'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
        raise DataError(
            explain(
                f"{name}: a number is not in its range",
                expected=expected,
                found=found[wrong][:5].tolist(),
                which=[f"row {row}" for row in np.unique(np.argwhere(wrong)[:, :1])],
                do="correct these rows or leave them out",
            )
        )
    return found


def positive(name: str, values: ArrayLike) -> Floats:
    """``values`` as floats above 0."""
    return numbers(name, values, 0.0, open_low=True)


def not_negative(name: str, values: ArrayLike) -> Floats:
    """``values`` as floats from 0 up."""
    return numbers(name, values, 0.0)
