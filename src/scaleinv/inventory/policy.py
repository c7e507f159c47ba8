"""Policies: reorder point, order quantity and the parts they are made of, for three named methods.

``quantile``  reads the level off the samples of protection demand.
``root``      ``z sqrt(tau sd^2 + mean^2 sd_L^2)``, the classic rule.
``seed``      ``z sigma_lead + z sigma_demand``, both in units: ``sigma_lead = mean * sd_L`` (units a day times days)
              and ``sigma_demand = sd * sqrt(tau)``. It adds what the classic rule adds under the root: never less.

tau is the mean number of days protected, ``mean lead time + review period - 1``. All three share the expected demand,
so they differ by safety stock alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.cycle import cycle_service_point
from scaleinv.inventory.draws import uniforms
from scaleinv.inventory.fill import fill_rate_point
from scaleinv.inventory.orders import GUARD, round_up
from scaleinv.inventory.positions import Positions, positions_after_review
from scaleinv.inventory.protection import ProtectionDemand
from scaleinv.inventory.theory import cycle_factor, economic_order_quantity, fill_factor, root_spread

Floats = NDArray[np.float64]
Method = Literal["quantile", "root", "seed"]

DAYS_PER_YEAR = 365.0
_PURPOSE = 3
_GRID = 2.0**20
"""Parts are kept on a grid of 2^-20 units: sums of such numbers are exact, in any order."""


@dataclass(frozen=True)
class Policies:
    """Columns of ``gold/policies``, (n_series,) each, in units unless said otherwise.

    ``expected_demand + demand_safety_stock + lead_time_safety_stock + rounding == reorder_point`` exactly.
    """

    lead_time: Floats
    """mean, days"""
    protection_interval: Floats
    """mean lead time + review period, days"""
    expected_demand: Floats
    demand_safety_stock: Floats
    lead_time_safety_stock: Floats
    rounding: Floats
    safety_stock: Floats
    """demand part + lead-time part + rounding; may be negative: a modest target, or a big order quantity, needs less
    than the expected demand"""
    reorder_point: Floats
    """whole units, at least 0"""
    order_quantity: Floats
    order_up_to_level: Floats


def policies(
    protection: ProtectionDemand,
    *,
    method: Method,
    is_fill_rate: NDArray[np.bool_],
    target: ArrayLike,
    unit_cost: ArrayLike,
    min_order_quantity: ArrayLike,
    order_multiple: ArrayLike,
    mean_daily: ArrayLike,
    sd_daily: ArrayLike,
    ordering_cost: float,
    holding_rate: float,
    max_cover_days: float,
    max_order_quantity: ArrayLike = np.inf,
    key: NDArray[np.uint64] | None = None,
    after_review: Positions | None = None,
) -> Policies:
    """When to order and how much, for all series at once.

    A cycle service level is the share of replenishment cycles without a stock-out (``cycle.py`` for the quantile
    method; for the other two ``P(D <= r)`` of the protection demand), a fill rate the share of demand met from stock
    (``fill.py``; for the other two the normal loss over one order quantity, with lost sales).

    A series that sells at least one unit a year has a reorder point of at least 1, since an order is placed when the
    position is *below* it, and lost sales never bring it below 0. A series without demand has 0 and never orders.

    Args:
        protection: of :func:`protection_demand`.
        method: ``quantile``, ``root`` or ``seed``.
        is_fill_rate: (n_series,) whether ``target`` is a fill rate; else a cycle service level.
        target: (n_series,) the promise, within (0, 1).
        unit_cost: (n_series,) money per unit.
        min_order_quantity: (n_series,) units.
        order_multiple: (n_series,) units, above 0; taken as the next whole number.
        mean_daily: (n_series,) mean forecast demand of a day.
        sd_daily: (n_series,) standard deviation of the forecast of a single day.
        ordering_cost: money per order line.
        holding_rate: per year, share of the unit cost.
        max_cover_days: an economic order quantity covers no more days than this.
        max_order_quantity: (n_series,) units, a multiple and no less than the minimum: the most that an order is, and
            what the reorder point is then solved for.
        key: (n_series,) a hash of the series' name: levels are rounded up or down to whole units, by a number that
            belongs to the series, so that all series together keep the promise; ``None``: always up, so that each does.
        after_review: where positions stand after a review, where it is known from another promise of the same demand.

    Raises:
        DataError: a target, multiple, demand or cost is not a number in its range.
    """
    n = protection.n_series
    goal, cost, minimum, multiple, mean, sd = (
        np.broadcast_to(np.asarray(x, dtype=np.float64), (n,))
        for x in (target, unit_cost, min_order_quantity, order_multiple, mean_daily, sd_daily)
    )
    is_fill = np.broadcast_to(np.asarray(is_fill_rate, dtype=np.bool_), (n,))
    _check(goal, cost, minimum, multiple, mean, sd)
    multiple = np.ceil(multiple - GUARD)
    quantity = order_quantity(
        mean, cost, minimum, multiple, protection.review_period,
        ordering_cost=ordering_cost, holding_rate=holding_rate, max_cover_days=max_cover_days,
    )  # fmt: skip
    quantity = np.minimum(quantity, max_order_quantity)
    expected = on_grid(protection.mean)
    if method == "quantile":
        known = after_review.of if after_review is not None else positions_after_review
        positions = known(protection.review, quantity, multiple)
        demand_part, lead_part = _quantile_parts(protection, is_fill, goal, positions)
    else:
        demand_part, lead_part = _normal_parts(protection, method, is_fill, goal, quantity, mean, sd)
    demand_part, lead_part = on_grid(demand_part), on_grid(lead_part)
    level = expected + demand_part + lead_part
    up = level - 4.0 / _GRID
    whole = np.ceil(up) if key is None else np.floor(up + uniforms(0, key, _PURPOSE))
    point = np.maximum(whole, np.where(mean * DAYS_PER_YEAR >= 1.0, 1.0, 0.0))
    rounding = point - level
    return Policies(
        lead_time=protection.lead_time_mean,
        protection_interval=protection.lead_time_mean + protection.review_period,
        expected_demand=expected,
        demand_safety_stock=demand_part,
        lead_time_safety_stock=lead_part,
        rounding=rounding,
        safety_stock=demand_part + lead_part + rounding,
        reorder_point=point,
        order_quantity=quantity,
        order_up_to_level=point + quantity,
    )


def order_quantity(
    mean_daily: Floats,
    unit_cost: Floats,
    min_order_quantity: Floats,
    order_multiple: Floats,
    review_period: NDArray[np.int64],
    *,
    ordering_cost: float,
    holding_rate: float,
    max_cover_days: float,
) -> Floats:
    """(n_series,) whole units: economic, not above the cover allowed, at least MOQ and a review's demand."""
    economic = economic_order_quantity(ordering_cost, mean_daily * DAYS_PER_YEAR, holding_rate * unit_cost)
    raw = np.minimum(economic, max_cover_days * mean_daily)
    raw = np.maximum(np.maximum(raw, mean_daily * review_period), np.maximum(min_order_quantity, 1.0))
    return round_up(np.ceil(raw - GUARD), order_multiple)


def _quantile_parts(
    protection: ProtectionDemand, is_fill: NDArray[np.bool_], goal: Floats, after_review: Positions
) -> tuple[Floats, Floats]:
    """The safety stock that the samples ask for; the demand part is what its share of the spread explains."""
    cycle = cycle_service_point(protection, np.where(is_fill, np.nan, goal), after_review)
    fill = fill_rate_point(protection, np.where(is_fill, goal, np.nan), after_review)
    level = np.where(is_fill, fill, cycle)
    total = level - protection.mean
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(protection.spread > 0, protection.fixed_spread / protection.spread, 1.0)
    demand_part = total * np.minimum(share, 1.0)
    # A lead time that never varies has no part in it: what is left is the sampling noise of two estimates.
    demand_part = np.where(protection.lead_time_sd > 0, demand_part, total)
    return demand_part, total - demand_part


def _normal_parts(
    protection: ProtectionDemand,
    method: Method,
    is_fill: NDArray[np.bool_],
    goal: Floats,
    quantity: Floats,
    mean: Floats,
    sd: Floats,
) -> tuple[Floats, Floats]:
    n_days = protection.lead_time_mean + protection.review_period - 1.0
    of_demand, of_lead = sd * np.sqrt(n_days), mean * protection.lead_time_sd
    spread = of_demand + of_lead
    if method == "root":
        spread = root_spread(n_days, mean, sd, protection.lead_time_sd)
    z = np.where(is_fill, fill_factor(goal, quantity, spread, lost_sales=True), cycle_factor(goal))
    return z * of_demand, z * (spread - of_demand)


def on_grid(values: Floats) -> Floats:
    """Multiples of 2^-20 units: sums of such numbers are exact, in any order."""
    return np.round(values * _GRID) / _GRID


def _check(goal: Floats, cost: Floats, minimum: Floats, multiple: Floats, mean: Floats, sd: Floats) -> None:
    wrong = {
        "target is not within (0, 1)": ~((goal > 0) & (goal < 1)),
        "order multiple is not above 0": ~((multiple > 0) & np.isfinite(multiple)),
        "min order quantity is below 0": ~((minimum >= 0) & np.isfinite(minimum)),
        "unit cost is below 0": ~((cost >= 0) & np.isfinite(cost)),
        "forecast demand of a day is below 0": ~((mean >= 0) & np.isfinite(mean)),
        "spread of a day's forecast is below 0": ~((sd >= 0) & np.isfinite(sd)),
    }
    for problem, bad in wrong.items():
        if bad.any():
            raise DataError(
                explain(
                    f"{problem}, or not a number",
                    which=[f"series {row}" for row in np.flatnonzero(bad)],
                    do="correct it where it is made; no policy is guessed",
                )
            )
