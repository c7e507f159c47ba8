"""What a naive forecast would have missed by in the history: the unit in which scaled errors are counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scales:
    """Scales of every series, each ``(n_series,)``; nan where the history has no usable pair of days."""

    mase: _Floats
    """MAE of the seasonal naive forecast in the history (Hyndman & Koehler 2006), units."""
    rmsse: _Floats
    """Mean squared one-step naive error since the first sale (M5), units squared."""
    pinball: _Floats
    """Mean absolute one-step naive error since the first sale (M5 uncertainty), units."""


def scales(history: ArrayLike, indptr: ArrayLike, usable: ArrayLike, season: int) -> Scales:
    """Scales from the history up to the cutoff.

    Args:
        history: (rows,) demand as sold, the days of series after series without gaps, oldest first.
        indptr: (n_series + 1,) series ``i`` owns rows ``indptr[i]`` to ``indptr[i + 1]``.
        usable: (rows,) the day counts (no stock-out); a pair of days counts if both do.
        season: days between the two days of a seasonal pair.

    Raises:
        ValueError: shapes do not fit or ``season`` is below one.
    """
    y = np.asarray(history, dtype=np.float64)
    ends = np.asarray(indptr, dtype=np.int64)
    valid = np.asarray(usable, dtype=bool)
    if y.ndim != 1 or y.shape != valid.shape or ends.ndim != 1 or not ends.size or ends[0] != 0 or ends[-1] != y.size:
        raise ValueError(f"history {y.shape}, usable {valid.shape} and indptr {ends.shape} do not fit together")
    if season < 1:
        raise ValueError(f"season is at least one day, found {season}")
    row_series = np.repeat(np.arange(ends.size - 1), np.diff(ends))
    sold = _since_first_sale(y, ends)
    absolute, squared = _naive_errors(y, row_series, valid & sold, 1, ends.size - 1)
    seasonal, _ = _naive_errors(y, row_series, valid, season, ends.size - 1)
    return Scales(mase=seasonal, rmsse=squared, pinball=absolute)


def _since_first_sale(y: _Floats, indptr: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(rows,) the day is the series' first day with a sale or a later one; a sale on a stock-out day is a sale."""
    sales_days = np.concatenate(([0], np.cumsum(y > 0)))  # before each row, all series together
    before_series = np.repeat(sales_days[indptr[:-1]], np.diff(indptr))
    return np.asarray(sales_days[1:] > before_series, dtype=bool)


def _naive_errors(
    y: _Floats, row_series: NDArray[np.int64], valid: NDArray[np.bool_], lag: int, n_series: int
) -> tuple[_Floats, _Floats]:
    """Mean absolute and mean squared difference of days ``lag`` apart, each (n_series,)."""
    pair = valid[lag:] & valid[:-lag] & (row_series[lag:] == row_series[:-lag])
    owner = row_series[lag:][pair]
    with np.errstate(all="ignore"):
        difference = y[lag:][pair] - y[:-lag][pair]
        n = np.bincount(owner, minlength=n_series)
        absolute = np.bincount(owner, weights=np.abs(difference), minlength=n_series) / n
        squared = np.bincount(owner, weights=difference**2, minlength=n_series) / n
    return absolute, squared
