"""Levels of a group: what the method makes of its forecasts, under the limits of stock."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from scaleinv.inventory import Limited, Policies, Positions, ProtectionDemand, policies, within_limit
from scaleinv.pipeline.arrays import Distributions, Floats, Rows
from scaleinv.pipeline.terms import Terms
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.words import PolicyMethod

PerSeries = TypeVar("PerSeries", Policies, Limited, ProtectionDemand)
"""Whose fields are arrays with the series first."""
_FACTS: Final = ("group_id", "unique_id", "sku_id", "location_id", "vendor_id")
_NEARLY_ALL: Final = 0.9
_PASSES: Final = 8
"""So often at most, for series that a limit binds: a smaller order needs a higher point, which leaves less room."""


@dataclass(frozen=True)
class Levels:
    """Policies of a group, and what its limits leave of them."""

    made: Policies
    """of the order quantity that the limit leaves, before it takes anything off the reorder point"""
    limited: Limited
    """``quantity_change`` is against the order quantity without a limit"""


def levels_of(
    walk: Walk,
    demand: ProtectionDemand,
    found: Distributions,
    terms: Terms,
    method: PolicyMethod,
    *,
    after_review: Positions | None = None,
) -> Levels:
    """Policies within the limits: where an order is cut, the reorder point is solved for what is left of it."""
    made = policies_of(walk, demand, found, terms, method, after_review=after_review)
    unlimited = made.order_quantity
    limited = _within(made, terms)
    for _ in range(_PASSES):
        rows = np.flatnonzero(limited.order_quantity < made.order_quantity)
        if not rows.size:
            break
        again = policies_of(
            walk, of_rows(demand, rows), found.take(rows), terms.take(rows), method,
            max_order_quantity=limited.order_quantity[rows],
        )  # fmt: skip
        made = with_rows(made, rows, again)
        limited = _within(made, terms)
    return Levels(made, replace(limited, quantity_change=limited.order_quantity - unlimited))


def levels_where(
    walk: Walk,
    base: Levels,
    rows: NDArray[np.int64],
    demand: ProtectionDemand,
    found: Distributions,
    terms: Terms,
    *,
    after_review: Positions | None = None,
) -> Levels:
    """``base`` with the levels of these series made anew; all else is of all series."""
    if not rows.size:
        return base
    if rows.size > _NEARLY_ALL * demand.n_series:  # dearer to part than to make again
        return levels_of(walk, demand, found, terms, walk.config.inventory.method, after_review=after_review)
    few = levels_of(
        walk, of_rows(demand, rows), found.take(rows), terms.take(rows), walk.config.inventory.method,
        after_review=None if after_review is None else after_review.take(rows),
    )  # fmt: skip
    return Levels(with_rows(base.made, rows, few.made), with_rows(base.limited, rows, few.limited))


def _within(made: Policies, terms: Terms) -> Limited:
    return within_limit(
        made.reorder_point, made.order_quantity, terms.min_order_quantity, terms.order_multiple, terms.limit
    )


def of_rows(demand: ProtectionDemand, rows: NDArray[np.int64]) -> ProtectionDemand:
    """Of these series."""
    return ProtectionDemand(**{field.name: getattr(demand, field.name)[rows] for field in fields(demand)})


def with_rows(all_: PerSeries, rows: NDArray[np.int64], some: PerSeries) -> PerSeries:
    """``all_`` with these series as they are in ``some``."""
    put: dict[str, Any] = {}
    for one in fields(all_):
        put[one.name] = np.array(getattr(all_, one.name))
        put[one.name][rows] = getattr(some, one.name)
    return replace(all_, **put)


def policies_of(
    walk: Walk,
    demand: ProtectionDemand,
    found: Distributions,
    terms: Terms,
    method: PolicyMethod,
    *,
    max_order_quantity: ArrayLike = np.inf,
    after_review: Positions | None = None,
) -> Policies:
    """What the method makes of a group's forecasts, before any limit of stock but that of an order."""
    config = walk.config.inventory
    return policies(
        demand,
        method=method,
        is_fill_rate=terms.kind == "fill_rate",
        target=terms.target,
        unit_cost=terms.unit_cost,
        min_order_quantity=terms.min_order_quantity,
        order_multiple=terms.order_multiple,
        mean_daily=found.mean.mean(axis=1),
        sd_daily=0.0 if method == "quantile" else daily_sd(found, walk.config.forecast.quantile_levels),
        ordering_cost=config.ordering_cost,
        holding_rate=config.holding_rate,
        max_cover_days=config.max_cover_days,
        max_order_quantity=max_order_quantity,
        key=terms.key if config.whole_units == "even" else None,
        after_review=after_review,
    )


def daily_sd(found: Distributions, levels: tuple[float, ...]) -> Floats:
    """(n_series,) standard deviation of a typical day: of the quantile function averaged over the horizon."""
    quantiles = found.quantiles.mean(axis=1)
    variance = np.einsum("ij,ij->i", quantiles @ _covariance(levels), quantiles)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


@functools.cache
def _covariance(levels: tuple[float, ...]) -> Floats:
    """(n_quantiles, n_quantiles) of the weights that levels spread evenly over (0, 1) give to the quantiles."""
    u = (np.arange(200) + 0.5) / 200
    weights = [np.interp(u, levels, row) for row in np.eye(len(levels))]
    return np.asarray(np.cov(weights, bias=True), dtype=np.float64)


def policy_rows(walk: Walk, rows: Rows, champions: Mapping[str, str], terms: Terms, levels: Levels) -> pa.Table:
    """``gold/policies`` of a group."""
    n, made, limited = rows.n_series, levels.made, levels.limited
    is_bound = (limited.point_change < 0) | (limited.quantity_change < 0)
    columns: dict[str, Any] = {name: rows.series[name] for name in _FACTS}
    columns |= {
        "as_of": pa.array([walk.as_of] * n, pa.date32()),
        "model": pa.array([champions[name] for name in rows.text("demand_class").tolist()]),
        "method": pa.array([walk.config.inventory.method] * n),
        "target_kind": pa.array(terms.kind.tolist()),
        "target": terms.target,
    }
    columns |= asdict(made)
    columns |= {
        "reorder_point": limited.reorder_point,
        "order_quantity": limited.order_quantity,
        "order_up_to_level": limited.order_up_to_level,
        "constraint_change": limited.point_change,
        "quantity_change": limited.quantity_change,
        "level_limit": pa.array(terms.limit, mask=~np.isfinite(terms.limit)),
        "constraint": pa.array(terms.bound.tolist(), pa.string(), mask=~is_bound),
        "problem": pa.array(terms.problem.tolist(), pa.string(), mask=terms.problem == ""),
    }
    contract = table("gold/policies")
    return pa.table({name: columns[name] for name in contract.names}, schema=contract.schema)
