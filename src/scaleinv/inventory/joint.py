"""Joint replenishment: one vendor, many items, one order cost for all and one for each item that is in the order.

Every ``T`` an order may be placed; item i is in every ``m_i``-th of them. Sources: Silver (1976) and Silver, Pyke &
Thomas, chapter 10; Goyal (1974) for the optimum among such policies; Snyder & Shen, section 3.6.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.inputs import not_negative, positive

Floats = NDArray[np.float64]
Method = Literal["silver", "optimal"]


def joint_replenishment(
    ordering_cost: ArrayLike,
    item_cost: ArrayLike,
    holding_cost: ArrayLike,
    demand: ArrayLike,
    *,
    method: Method = "silver",
) -> tuple[Floats, Floats, Floats]:
    """(T (n_vendors,), multiples (n_vendors, n_items), cost (n_vendors,)) of joint orders.

    ``silver``: the item with the least ``k / (h d)`` has m = 1, the others the rounded square root of ``k_i / (h_i
    d_i) * h_1 d_1 / (K + k_1)``. ``optimal``: the best over all T, with Goyal's best multiples for each T. An order
    of item i is ``m_i T d_i``. Items without demand are in no order (multiple 0).

    Args:
        ordering_cost: (n_vendors,) or () money per order, whatever is in it.
        item_cost: (n_vendors, n_items) or (n_items,) money per order line.
        holding_cost: same shape, money per unit and time, above 0.
        demand: same shape, units per time.

    Raises:
        DataError: a number is not in its range, or a vendor has no item with demand, or nothing costs to order.
    """
    k, h, d = np.broadcast_arrays(
        not_negative("item cost", item_cost), positive("holding cost", holding_cost), not_negative("demand", demand)
    )
    is_flat = k.ndim == 1
    k, h, d = (np.ascontiguousarray(np.atleast_2d(x)) for x in (k, h, d))
    big = np.array(np.broadcast_to(not_negative("ordering cost", ordering_cost), (len(k),)))
    if not (d > 0).any(axis=1).all() or (big + np.where(d > 0, k, 0.0).max(axis=1) <= 0).any():
        raise DataError(explain("a vendor has no item with demand, or orders that cost nothing", do="leave it out"))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(d > 0, k / (h * d), np.inf)
    if method == "silver":
        first = np.argmin(ratio, axis=1)[:, None]
        k_1, hd_1 = np.take_along_axis(k, first, 1), np.take_along_axis(h * d, first, 1)
        with np.errstate(invalid="ignore"):
            root = np.sqrt(np.where(d > 0, ratio, 0.0) * hd_1 / (big[:, None] + k_1))
        multiples = np.maximum(np.floor(root + 0.5), 1.0)
        np.put_along_axis(multiples, first, 1.0, 1)
    else:
        multiples = np.ones_like(k)
        run_rows(_goyal, len(k), big, np.where(d > 0, k, 0.0), h * d, multiples)
    multiples = np.where(d > 0, multiples, 0.0)
    time, cost = joint_cycle(big, k, h, d, multiples)
    return (time[0], multiples[0], cost[0]) if is_flat else (time, multiples, cost)


def joint_cycle(
    ordering_cost: ArrayLike, item_cost: ArrayLike, holding_cost: ArrayLike, demand: ArrayLike, multiples: ArrayLike
) -> tuple[Floats, Floats]:
    """(T, cost), each (n_vendors,), for given multiples: ``T = sqrt(2 (K + sum k / m) / sum h d m)``."""
    k, h, d, m = (np.asarray(x, dtype=np.float64) for x in (item_cost, holding_cost, demand, multiples))
    each = np.where(m > 0, k / np.where(m > 0, m, 1.0), 0.0).sum(axis=-1)
    per_order = np.asarray(ordering_cost, dtype=np.float64) + each
    held = (h * d * m).sum(axis=-1)
    return np.sqrt(2.0 * per_order / held), np.sqrt(2.0 * per_order * held)


@compiled
def _goyal(start: int, stop: int, big: Floats, k: Floats, hd: Floats, multiples: Floats) -> None:
    """Walks T down over every point where a best multiple grows; between two of them the multiples are fixed.

    ``m(T)`` is the smallest m with ``m (m + 1) >= 2 k / (h d T²)``. Orders cost at least ``K / T``, so no T below
    ``K / cost of the best so far`` is worth looking at (without K: items are independent, and T goes to 0; stop where
    rounding multiples changes less than a millionth).
    """
    n_items = k.shape[1]
    m, best_m = np.empty(n_items), np.empty(n_items)
    for row in range(start, stop):
        m[:] = 1.0
        best = np.inf
        while True:
            orders, held = big[row], 0.0
            for i in range(n_items):
                orders += k[row, i] / m[i]
                held += hd[row, i] * m[i]
            cost = np.sqrt(2.0 * orders * held)
            if cost < best * (1.0 - 1e-14):
                best = cost
                best_m[:] = m
            next_t, which = 0.0, -1
            for i in range(n_items):
                if hd[row, i] > 0.0 and k[row, i] > 0.0:
                    t = np.sqrt(2.0 * k[row, i] / (hd[row, i] * m[i] * (m[i] + 1.0)))
                    if t > next_t:
                        next_t, which = t, i
            if which < 0 or next_t * best < big[row] or m[which] >= 1000.0:
                break
            m[which] += 1.0
        multiples[row, :] = best_m
