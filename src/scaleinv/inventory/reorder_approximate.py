"""(r, Q) policies by the approximations of textbooks, and by service targets with the quantity that suits them.

Sources: Hadley & Whitin (1963), section 4.2; Nahmias & Olsen, sections 5.4 and 5.5; Snyder & Shen, section 5.3; Silver,
Pyke & Thomas, section 7.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.inventory.demand import Demand
from scaleinv.inventory.inputs import not_negative, numbers, positive
from scaleinv.inventory.lot_size import quantity_with_backorders
from scaleinv.inventory.newsvendor import critical_ratio, newsvendor, newsvendor_cost
from scaleinv.inventory.service import optimal_cycle_service
from scaleinv.inventory.theory import economic_order_quantity

Floats = NDArray[np.float64]

_ROUNDS = 500


def hadley_whitin(
    lead_demand: Demand,
    *,
    demand_rate: ArrayLike,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    shortage_cost: ArrayLike,
    lost_sales: bool = False,
    n_rounds: int = _ROUNDS,
) -> tuple[Floats, Floats, Floats]:
    """(r, Q, cost) when a unit short costs ``shortage_cost`` once, however long it waits ("expected inventory level").

    From the economic quantity on, in turn ``1 - F(r) = Q h / (p d)`` and ``Q = sqrt(2 d (K + p n(r)) / h)`` with
    ``n(r) = E(D - r)+`` until nothing changes; lost sales: ``Q h / (p d + Q h)``, and the stock is ``n(r)`` higher.
    Cost ``K d / Q + h (Q / 2 + r - E D) + p d n(r) / Q``. Good while shortages are rare. Where ``Q h >= p d`` holding
    costs more than being short: r is then 0, no reorder before the stock is gone.

    Args:
        lead_demand: of the lead time.
        demand_rate: d, units per time.
        ordering_cost: K, money per order.
        holding_cost: h, money per unit and time.
        shortage_cost: p, money per unit short.
        lost_sales: a unit short is lost.
        n_rounds: stop after so many quantities (0: the economic quantity and its r).
    """
    d, k = positive("demand rate", demand_rate), not_negative("ordering cost", ordering_cost)
    h, p = positive("holding cost", holding_cost), positive("shortage cost", shortage_cost)

    def point(quantity: Floats) -> Floats:
        service = optimal_cycle_service(quantity, d, h, p, lost_sales=lost_sales)
        return np.where(service > 0, lead_demand.quantile(np.where(service > 0, service, 0.5)), 0.0)

    def better(quantity: Floats) -> Floats:
        return np.asarray(np.sqrt(2.0 * d * (k + p * lead_demand.loss(point(quantity))) / h), dtype=np.float64)

    start, _ = np.broadcast_arrays(economic_order_quantity(np.maximum(k, 1e-12), d, h) + 0.0 * p, lead_demand.mean)
    quantity = _settled(better, start, n_rounds)
    r = point(quantity)
    short = lead_demand.loss(r)
    stock = 0.5 * quantity + r - lead_demand.mean + (short if lost_sales else 0.0)
    return r, quantity, np.asarray(k * d / quantity + h * stock + p * d * short / quantity, dtype=np.float64)


def reorder_by_backorder_quantity(
    lead_demand: Demand,
    *,
    demand_rate: ArrayLike,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
) -> tuple[Floats, Floats]:
    """(r, Q): Q of :func:`quantity_with_backorders`, and the r that is best for it (Zheng 1992)."""
    quantity, _, _ = quantity_with_backorders(ordering_cost, demand_rate, holding_cost, stockout_cost)
    return reorder_point_for(lead_demand, quantity, holding_cost, stockout_cost), quantity


def reorder_point_for(
    lead_demand: Demand, order_quantity: ArrayLike, holding_cost: ArrayLike, stockout_cost: ArrayLike
) -> Floats:
    """The best r for a given Q: the smallest with ``g(r + Q) >= g(r)`` (whole units: ``g(r + 1 + Q) >= g(r + 1)``)."""
    h, p = positive("holding cost", holding_cost), positive("stockout cost", stockout_cost)
    best, _ = newsvendor(lead_demand, h, p)
    q, best = np.broadcast_arrays(positive("order quantity", order_quantity), best)
    step = 1.0 if lead_demand.is_whole else 0.0

    def is_enough(r: Floats) -> NDArray[np.bool_]:
        rise = newsvendor_cost(lead_demand, r + step + q, h, p) - newsvendor_cost(lead_demand, r + step, h, p)
        return np.asarray(rise >= 0)

    return lead_demand.first_level(is_enough, best - q - 2.0)


def reorder_by_order_quantity(
    lead_demand: Demand,
    *,
    demand_rate: ArrayLike,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
) -> tuple[Floats, Floats]:
    """(r, Q): the economic quantity, and the newsvendor's level ``F(r) = p / (p + h)`` (EOQ + safety stock)."""
    quantity = economic_order_quantity(ordering_cost, demand_rate, holding_cost)
    return lead_demand.quantile(critical_ratio(stockout_cost, holding_cost)), quantity


def reorder_by_loss(
    lead_demand: Demand,
    *,
    demand_rate: ArrayLike,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
) -> tuple[Floats, Floats]:
    """(r, Q) of the exact cost without its second term, the backorders that outlast an order (Hadley & Whitin 1963).

    In turn ``n(r) = h Q / (h + p)`` and ``Q = sqrt(2 (K d + (h + p) n2(r)) / h)``, n2 the second loss; for real units.
    """
    d, k = positive("demand rate", demand_rate), positive("ordering cost", ordering_cost)
    h, p = positive("holding cost", holding_cost), positive("stockout cost", stockout_cost)

    def point(quantity: Floats) -> Floats:
        return lead_demand.inverse_loss(h * quantity / (h + p))

    def better(quantity: Floats) -> Floats:
        return np.asarray(np.sqrt(2.0 * (k * d + (h + p) * lead_demand.second_loss(point(quantity))) / h))

    start, _ = np.broadcast_arrays(economic_order_quantity(k, d, h) + 0.0 * p, lead_demand.mean)
    quantity = _settled(better, start, _ROUNDS)
    return point(quantity), quantity


def service_order_quantity(
    lead_demand: Demand,
    target: ArrayLike,
    *,
    demand_rate: ArrayLike,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
) -> tuple[Floats, Floats]:
    """(r, Q), best together under a fill rate: the service-level order quantity.

    In turn ``n(r) = (1 - beta) Q`` and ``Q = n / (1 - F) + sqrt(2 K d / h + (n / (1 - F))²)`` (Nahmias & Olsen,
    section 5.5).
    """
    beta = numbers("fill rate", target, 0.0, 1.0, open_low=True, open_high=True)
    base = economic_order_quantity(
        positive("ordering cost", ordering_cost), positive("demand rate", demand_rate),
        positive("holding cost", holding_cost),
    )  # fmt: skip

    def point(quantity: Floats) -> Floats:
        return lead_demand.inverse_loss((1.0 - beta) * quantity)

    def better(quantity: Floats) -> Floats:
        r = point(quantity)
        ratio = lead_demand.loss(r) / np.maximum(1.0 - lead_demand.cdf(r), 1e-300)
        return np.asarray(ratio + np.sqrt(base**2 + ratio**2), dtype=np.float64)

    start, _ = np.broadcast_arrays(base + 0.0 * beta, lead_demand.mean)
    quantity = _settled(better, start, _ROUNDS)
    return point(quantity), quantity


def _settled(better: Callable[[Floats], Floats], start: Floats, n_rounds: int) -> Floats:
    quantity = start
    for _ in range(n_rounds):
        found = better(quantity)
        is_still = np.abs(found - quantity) <= 1e-13 * found
        quantity = found
        if is_still.all():
            break
    return quantity
