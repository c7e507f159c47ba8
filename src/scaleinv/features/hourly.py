"""Hour by hour: which share of a day's demand fell into the hours with stock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaleinv.features.counts import Floats, Seen

HOURS = 24
_ROUNDS = 12
_DRAWN = 50.0
"""A weekday's hour is drawn to the hour's course over all weekdays by as much demand as this, in sale units."""


@dataclass(frozen=True)
class Hours:
    """Rows (series-days) with hourly records."""

    sales: Floats
    """(n_rows, 24) units."""
    is_stockout: NDArray[np.bool_]
    """(n_rows, 24) the shelf was empty at some time of the hour."""
    pool: NDArray[np.intp]
    """(n_rows,) which rows share a course of the day: a location."""
    weekday: NDArray[np.intp]
    """(n_rows,) 0 ... 6."""


def profile(hours: Hours, n_pools: int) -> Floats:
    """(n_pools, 7, 24) share of a weekday's demand that each hour brings.

    The Poisson likelihood of sales = level of the day x share of the hour over the hours with stock only, by
    alternating between both (iterative proportional fitting): a day that sold out early is as high as its morning
    says, and does not make evenings look empty.
    """
    stocked = ~hours.is_stockout
    sold = hours.sales * stocked
    units = sold.sum(1)
    cell = hours.pool * 7 + hours.weekday
    by_pool = np.full((n_pools, HOURS), 1 / HOURS)
    level = np.zeros(len(units))
    sold_by_pool = _sums(hours.pool, sold, n_pools)
    for _ in range(_ROUNDS):
        level = units / np.maximum(np.einsum("rh,rh->r", stocked, by_pool[hours.pool]), 1e-9)
        by_pool = _shares(sold_by_pool, _sums(hours.pool, stocked * level[:, None], n_pools))
    scale = _unit(units, len(units))
    prior = _DRAWN * scale
    weekday = np.repeat(by_pool[:, None], 7, axis=1)
    found = _sums(cell, sold, n_pools * 7).reshape(n_pools, 7, HOURS)
    exposed = _sums(cell, stocked * level[:, None], n_pools * 7).reshape(n_pools, 7, HOURS)
    shares = (found + prior * weekday) / (exposed + prior)
    return np.asarray(shares / shares.sum(-1, keepdims=True))


def seen_of(hours: Hours, course: Floats) -> Seen:
    """What the hours with stock show of each row's day, (n_rows,)."""
    share = course[hours.pool, hours.weekday]
    ran_out = hours.is_stockout & (hours.sales > 0)
    return Seen(
        units=(hours.sales * ~hours.is_stockout).sum(1),
        share=np.minimum((share * ~hours.is_stockout).sum(1), 1.0),
        least=(hours.sales * ran_out).sum(1),
        least_share=(share * ran_out).sum(1),
    )


def sale_unit(hours: Hours, course: Floats, series: NDArray[np.intp], n_series: int) -> Floats:
    """(n_series,) units per sale: variance over mean of an hour's sales, around the day's level and course.

    Counts have 1. Normalised or weighed quantities are divided by it, so that the formulas of counts hold for them.
    """
    stocked = ~hours.is_stockout
    share = course[hours.pool, hours.weekday] * stocked
    sold = hours.sales * stocked
    covered = np.maximum(share.sum(1), 1e-9)
    expected = share * (sold.sum(1) / covered)[:, None]
    squares = np.bincount(series, ((sold - expected) ** 2 * stocked).sum(1), n_series)
    spread = np.bincount(series, (expected * (1 - share / covered[:, None])).sum(1), n_series)
    if spread.sum() <= 0:
        return np.ones(n_series)
    common, drawn = squares.sum() / spread.sum(), 0.1 * spread.mean()
    return np.asarray(np.maximum((squares + common * drawn) / (spread + drawn), 1e-6))


def _unit(units: Floats, n: int) -> float:
    sold = units[units > 0]
    return float(np.quantile(sold, 0.1)) if n and len(sold) else 1.0


def _shares(sold: Floats, exposed: Floats) -> Floats:
    rate = sold / np.maximum(exposed, 1e-9)
    total = rate.sum(1, keepdims=True)
    return np.where(total > 0, rate / np.maximum(total, 1e-9), 1 / HOURS)


def _sums(cell: NDArray[np.intp], values: NDArray[np.generic], n_cells: int) -> Floats:
    """(n_cells, 24) sums of rows by cell, in the rows' order."""
    order = np.argsort(cell, kind="stable")
    found, starts = np.unique(cell[order], return_index=True)
    sums = np.zeros((n_cells, values.shape[1]))
    if len(found):
        sums[found] = np.add.reduceat(values[order].astype(np.float64), starts, axis=0)
    return sums
