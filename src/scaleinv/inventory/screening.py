"""Rows that no policy can be made of: each gets the name of what is wrong with it, and numbers that order nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.schema.words import HELD_PROBLEMS, Problem

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Screened:
    """What :func:`policies` can be given, whatever came in; ``(n_series,)`` each but the quantiles."""

    problem: NDArray[np.str_]
    """the name of what is wrong, of several the first of ``schema.words.Problem``; empty: nothing is"""
    is_held: Flags
    """nothing may be ordered by it"""
    cumulative_quantiles: Floats
    """(n_series, horizon, n_quantiles); 0 where held"""
    quantiles: Floats
    """(n_series, horizon, n_quantiles); 0 where held"""
    mean: Floats
    """(n_series, horizon); 0 where held"""
    unit_cost: Floats
    min_order_quantity: Floats
    order_multiple: Floats
    review_period: NDArray[np.int64]
    lead_time_probability: Floats
    """(n_vendors, max_lead + 1); one day where it was no distribution"""


def screen(
    *,
    cumulative_quantiles: Floats,
    quantiles: Floats,
    mean: Floats,
    unit_cost: ArrayLike,
    min_order_quantity: ArrayLike,
    order_multiple: ArrayLike,
    review_period: ArrayLike,
    lead_time_probability: NDArray[np.floating],
    vendor: NDArray[np.integer],
    limit: ArrayLike = np.inf,
) -> Screened:
    """Names every row whose numbers contradict themselves, and replaces these.

    A row is held where no order could be right: demand that is no number, negative or infinite, a cost or an order's
    terms that are none, lead times that are no distribution, a minimum above what may be in stock. A lead time of 0 is
    named and counts as 1 day, since nothing is on the shelf before the next morning.

    Args:
        cumulative_quantiles: (n_series, horizon, n_quantiles) units.
        quantiles: (n_series, horizon, n_quantiles) units.
        mean: (n_series, horizon) units.
        unit_cost: (n_series,) money.
        min_order_quantity: (n_series,) units.
        order_multiple: (n_series,) units.
        review_period: (n_series,) days.
        lead_time_probability: (n_vendors, max_lead + 1).
        vendor: (n_series,) row of it.
        limit: (n_series,) units that may be in stock and on order.
    """
    n = len(mean)
    cost, minimum, multiple, top = (
        np.broadcast_to(np.asarray(x, dtype=np.float64), (n,))
        for x in (unit_cost, min_order_quantity, order_multiple, limit)
    )
    period = np.broadcast_to(np.asarray(review_period), (n,))
    demand = (cumulative_quantiles, quantiles, mean)
    pmf = np.array(lead_time_probability, dtype=np.float64, ndmin=2)
    total = pmf.sum(axis=1)
    is_distribution = np.isfinite(pmf).all(axis=1) & (pmf >= 0).all(axis=1) & (np.abs(total - 1.0) <= 1e-4)
    terms_ok = np.isfinite(multiple) & (multiple > 0) & np.isfinite(minimum) & (minimum >= 0)
    least = np.ceil(np.where(terms_ok, minimum, 0.0) / np.where(terms_ok, multiple, 1.0) - 1e-9)
    least = np.maximum(least, 1.0) * np.where(terms_ok, multiple, 1.0)
    found: dict[Problem, Flags] = {
        "demand_unknown": _any(demand, np.isnan),
        "demand_infinite": _any(demand, np.isinf),
        "demand_negative": _any(demand, lambda x: x < 0),
        "bad_unit_cost": ~(np.isfinite(cost) & (cost >= 0)),
        "bad_order_terms": ~terms_ok,
        "bad_review_period": ~(np.isfinite(period) & (period >= 1)),
        "bad_lead_time": ~is_distribution[vendor],
        "minimum_above_maximum": terms_ok & ~(least <= top + 1e-9),
        "zero_lead_time": (is_distribution & (pmf[:, 0] > 0.5))[vendor],
    }
    problem = np.full(n, "", dtype=f"<U{max(map(len, found))}")
    for name, rows in reversed(found.items()):
        problem[rows] = name
    held = np.isin(problem, HELD_PROBLEMS)
    if held.any():
        demand = tuple(np.where(held.reshape(-1, *[1] * (x.ndim - 1)), 0.0, x) for x in demand)  # type: ignore[assignment]
    one_day = np.zeros(pmf.shape[1])
    one_day[1] = 1.0
    return Screened(
        problem, held, *demand,
        unit_cost=np.where(found["bad_unit_cost"], 0.0, cost),
        min_order_quantity=np.where(terms_ok, minimum, 0.0),
        order_multiple=np.where(terms_ok, multiple, 1.0),
        review_period=np.where(found["bad_review_period"], 1, period).astype(np.int64),
        lead_time_probability=np.where(is_distribution[:, None], pmf, one_day),
    )  # fmt: skip


def _any(arrays: tuple[Floats, ...], test: object) -> Flags:
    """(n_series,) the test holds somewhere in a row of one of the arrays."""
    assert callable(test)
    with np.errstate(invalid="ignore"):
        rows = [np.asarray(test(x)).reshape(len(x), -1).any(axis=1) for x in arrays]
    return np.asarray(np.logical_or.reduce(rows), dtype=np.bool_)
