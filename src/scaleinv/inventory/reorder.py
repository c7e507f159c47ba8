"""(r, Q) policies under continuous review: exact cost and optimum, when customers wait and waiting costs by time.

An order of Q is placed when the position falls to r; the position is then spread evenly over (r, r + Q] (whole units:
r + 1 … r + Q), whatever demand does, so that the cost is the mean of the newsvendor cost ``g(y)`` over these
positions, and the order cost comes on top (Zheng 1992; Federgruen & Zheng 1992; Zipkin, section 6.5; Snyder & Shen,
sections 5.2 and 5.5).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.inventory.demand import Demand, first_real, first_whole
from scaleinv.inventory.inputs import not_negative, positive
from scaleinv.inventory.newsvendor import newsvendor, newsvendor_cost

Floats = NDArray[np.float64]

_ROUNDS = 200


def reorder_stock(lead_demand: Demand, reorder_point: ArrayLike, order_quantity: ArrayLike) -> tuple[Floats, Floats]:
    """(mean on hand, mean backorders) of an (r, Q) policy.

    ``E B = (L2(r) - L2(r + Q)) / Q`` with L2 the second loss, ``E I = r + Q / 2 - E D + E B``; whole units: ``(Q + 1)
    / 2``.

    Args:
        lead_demand: of the lead time.
        reorder_point: r; whole where demand is.
        order_quantity: Q, above 0; whole where demand is.
    """
    r, q = np.asarray(reorder_point, dtype=np.float64), positive("order quantity", order_quantity)
    waiting = np.maximum(lead_demand.second_loss(r) - lead_demand.second_loss(r + q), 0.0) / q
    middle = 0.5 * (q + 1.0) if lead_demand.is_whole else 0.5 * q
    return np.asarray(np.maximum(r + middle - lead_demand.mean + waiting, 0.0)), np.asarray(waiting)


def reorder_cost(
    lead_demand: Demand,
    reorder_point: ArrayLike,
    order_quantity: ArrayLike,
    *,
    demand_rate: ArrayLike,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
) -> Floats:
    """Exact cost per unit of time of any (r, Q) policy: ``K d / Q + h E I + p E B``.

    Args:
        lead_demand: of the lead time.
        reorder_point: r.
        order_quantity: Q.
        demand_rate: units per time.
        ordering_cost: money per order.
        holding_cost: h, money per unit and time.
        stockout_cost: p, money per unit that waits and time.
    """
    on_hand, waiting = reorder_stock(lead_demand, reorder_point, order_quantity)
    k, d = not_negative("ordering cost", ordering_cost), not_negative("demand rate", demand_rate)
    h, p = not_negative("holding cost", holding_cost), not_negative("stockout cost", stockout_cost)
    q = np.asarray(order_quantity, dtype=np.float64)
    return np.asarray(k * d / q + h * on_hand + p * waiting, dtype=np.float64)


def reorder_optimum(
    lead_demand: Demand,
    *,
    demand_rate: ArrayLike,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
) -> tuple[Floats, Floats, Floats]:
    """(r, Q, cost) of the best (r, Q) policy, arguments as for :func:`reorder_cost`, costs above 0.

    At the optimum the positions used are those whose ``g`` is below the cost itself. So: a cost c, the positions with
    ``g < c``, the cost of these, and again; this is Newton's method on ``sum (c - g)+ = K d`` (an integral for real
    units), which is convex in c, and falls to the optimum from any policy.
    """
    k, d, h, p, _ = np.broadcast_arrays(
        positive("ordering cost", ordering_cost), positive("demand rate", demand_rate),
        positive("holding cost", holding_cost), positive("stockout cost", stockout_cost), lead_demand.mean,
    )  # fmt: skip
    best, _ = newsvendor(lead_demand, h, p)
    quantity = np.sqrt(2.0 * k * d * (h + p) / (h * p))
    point = best - quantity * h / (h + p)
    if lead_demand.is_whole:
        quantity, point = np.maximum(np.round(quantity), 1.0), np.floor(point)

    def cost_of(r: Floats, q: Floats) -> Floats:
        return reorder_cost(
            lead_demand, r, q, demand_rate=d, ordering_cost=k, holding_cost=h, stockout_cost=p
        )  # fmt: skip

    cost = cost_of(point, quantity)
    for _ in range(_ROUNDS):
        low, high = _cheaper_than(cost, lead_demand, best, h, p)
        found = cost_of(low, high - low)
        is_better = found < cost * (1.0 - 1e-15)
        point, quantity = np.where(is_better, low, point), np.where(is_better, high - low, quantity)
        if not is_better.any():
            break
        cost = np.where(is_better, found, cost)
    return point, quantity, cost


def _cheaper_than(cost: Floats, demand: Demand, best: Floats, h: Floats, p: Floats) -> tuple[Floats, Floats]:
    """(r, r + Q): the positions in (r, r + Q] are those with ``g(y) < cost``, and ``best`` in any case.

    ``g(y)`` is at least ``p (mean - y)`` and ``h (y - mean)``, which brackets them.
    """
    left = np.minimum(demand.mean - cost / p, best) - 2.0
    right = np.maximum(demand.mean + cost / h, best) + 2.0
    search = first_whole if demand.is_whole else first_real
    first = search(lambda y: (newsvendor_cost(demand, y, h, p) < cost) | (y >= best), left, best)
    beyond = search(lambda y: (newsvendor_cost(demand, y, h, p) >= cost) & (y > best), best, right)
    if demand.is_whole:
        return first - 1.0, np.maximum(beyond - 1.0, best)
    return np.minimum(first, best - 1e-12 * (1.0 + np.abs(best))), beyond
