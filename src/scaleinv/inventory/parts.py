"""What a reorder point is made of, part by part, so that the parts are the number exactly."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.inventory.fill import fill_rate_point
from scaleinv.inventory.policy import Method, Policies, on_grid
from scaleinv.inventory.positions import positions_after_review
from scaleinv.inventory.protection import ProtectionDemand

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ReorderParts:
    """Units, (n_series,) each; one after the other they add up to the reorder point exactly."""

    lead_time_demand: Floats
    """expected before an order arrives"""
    review_demand: Floats
    """expected from then until the next order can arrive"""
    demand_safety_stock: Floats
    """for uncertain demand, were positions spread evenly above the reorder point"""
    lead_time_safety_stock: Floats
    """for uncertain lead times"""
    undershoot: Floats
    """for where positions really are: orders are placed below the reorder point, not at it, and bring whole packs; of a
    fill rate by samples only, may be negative"""
    rounding: Floats
    """to whole units"""
    constraint_change: Floats
    """what a limit took off"""

    @property
    def total(self) -> Floats:
        """(n_series,) the reorder point."""
        return np.asarray(sum(getattr(self, field.name) for field in fields(self)), dtype=np.float64)


def reorder_parts(
    protection: ProtectionDemand,
    made: Policies,
    *,
    method: Method,
    is_fill_rate: NDArray[np.bool_],
    target: ArrayLike,
    order_multiple: ArrayLike,
    constraint_change: ArrayLike = 0.0,
) -> ReorderParts:
    """The parts of each reorder point that :func:`policies` made of ``protection``.

    Args:
        protection: what the policies were made of.
        made: the policies, before any limit.
        method: theirs.
        is_fill_rate: (n_series,) whose promise is a fill rate.
        target: (n_series,) the promise.
        order_multiple: (n_series,) units.
        constraint_change: (n_series,) units that a limit took off.
    """
    n = protection.n_series
    lead = on_grid(protection.lead.mean(axis=1, dtype=np.float64))
    undershoot = np.zeros(n)
    if method == "quantile" and np.any(is_fill_rate):
        goal = np.where(is_fill_rate, np.broadcast_to(np.asarray(target, dtype=np.float64), (n,)), np.nan)
        multiple = np.ceil(np.broadcast_to(np.asarray(order_multiple, dtype=np.float64), (n,)))
        # A review that asks for nothing leaves positions spread evenly: the textbook's (r, Q).
        evenly = replace(protection, review=np.zeros_like(protection.review))
        points = [
            fill_rate_point(one, goal, positions_after_review(one.review, made.order_quantity, multiple))
            for one in (protection, evenly)
        ]
        undershoot = on_grid(np.where(is_fill_rate, points[0] - points[1], 0.0))
    change = np.broadcast_to(np.asarray(constraint_change, dtype=np.float64), (n,))
    return ReorderParts(
        lead, made.expected_demand - lead, made.demand_safety_stock - undershoot, made.lead_time_safety_stock,
        undershoot, made.rounding, change,
    )  # fmt: skip
