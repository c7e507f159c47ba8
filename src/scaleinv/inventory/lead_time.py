"""Discrete lead-time distributions, one row per vendor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain

Floats = NDArray[np.float64]

_TOLERANCE = 1e-4


def lead_time_cdf(probability: NDArray[np.floating]) -> Floats:
    """(n_vendors, max_lead + 1) distribution function; no delivery arrives before the next morning, so 0 counts as 1.

    Raises:
        DataError: a row is not a distribution.
    """
    pmf = np.array(probability, dtype=np.float64, ndmin=2)
    if pmf.ndim != 2 or pmf.shape[1] < 2:
        raise DataError(
            explain("lead times have the wrong shape", expected="(n_vendors, max_lead + 1)", found=pmf.shape)
        )
    total = pmf.sum(axis=1)
    bad = ~(np.isfinite(pmf).all(axis=1) & (pmf >= 0).all(axis=1) & (np.abs(total - 1.0) <= _TOLERANCE))
    if bad.any():
        raise DataError(
            explain(
                "lead-time probabilities are not a distribution",
                expected="numbers from 0 up that add to 1",
                found=f"sums {total[bad][:5].tolist()}",
                which=[f"vendor row {row}" for row in np.flatnonzero(bad)],
                do="correct gold/lead_times",
            )
        )
    pmf[:, 1] += pmf[:, 0]
    pmf[:, 0] = 0.0
    cdf = np.cumsum(pmf / total[:, None], axis=1)
    # Behind the longest lead time that occurs it is exactly 1, whatever the rounding of the sum.
    last = pmf.shape[1] - 1 - np.argmax(pmf[:, ::-1] > 0, axis=1)
    cdf[np.arange(pmf.shape[1])[None, :] >= last[:, None]] = 1.0
    return cdf


def lead_time_moments(cdf: Floats) -> tuple[Floats, Floats]:
    """(n_vendors,) mean and standard deviation in days."""
    pmf = np.diff(cdf, axis=1, prepend=0.0)
    days = np.arange(cdf.shape[1], dtype=np.float64)
    mean = pmf @ days
    return mean, np.sqrt(np.maximum((pmf * (days[None, :] - mean[:, None]) ** 2).sum(axis=1), 0.0))
