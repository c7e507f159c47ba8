"""Whole packs, layers and pallets: up or down by what it is expected to cost.

An order of q units at position x costs ``shortage E(D - x - q)+ + holding E(x + q - D)+`` and what it takes to handle
it, D the demand until the next order can help. The cost is convex in q, so only the whole loads next to the need count
(Silver, Pyke & Thomas, section 5.3, of pack sizes; Broekmeulen & van Donselaar, A heuristic to manage perishable
inventory, *C&OR* 36 (2009), of rounding in retail).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.orders import GUARD
from scaleinv.inventory.value import Table, expected_shortage

Floats = NDArray[np.float64]

_NEVER = 1e300
"""Cost of what is not allowed."""


def rounded_by_threshold(quantity: ArrayLike, multiple: ArrayLike, up_from: ArrayLike) -> Floats:
    """(n_series,) up where the part of a pack that is over reaches ``up_from`` of it, else down.

    1: always down; a share of hardly above 0: always up; at the threshold up. 0 stays 0.

    >>> rounded_by_threshold([13, 15, 24.000000000001], 12, 0.25).tolist()
    [12.0, 24.0, 24.0]
    """
    q, m, share = (np.asarray(x, dtype=np.float64) for x in (quantity, multiple, up_from))
    packs = np.floor(q / m + GUARD)
    over = q / m - packs
    return np.asarray((packs + ((over > GUARD) & (over >= share - GUARD))) * m, dtype=np.float64)


def rounded_by_cost(
    need: ArrayLike,
    demand: Table,
    levels: ArrayLike,
    *,
    position: ArrayLike,
    min_order_quantity: ArrayLike,
    loads: ArrayLike,
    shortage_cost: ArrayLike,
    holding_cost: ArrayLike,
    handling_cost: ArrayLike = 0.0,
    most: ArrayLike = np.inf,
) -> Floats:
    """(n_series,) the cheapest of the whole packs, layers and pallets next to the need, above it and below.

    Below never means below the minimum, nor nothing: that something is ordered was decided by the reorder point. Of
    two that cost the same the larger is taken. Handling is counted in the largest loads that fit: 1 pallet, 1 layer
    and 3 packs are five. Where not even the least order fits under ``most`` the quantity is 0.

    Args:
        need: (n_series,) units.
        demand: (n_series, n_quantiles) units until the next order can help, ascending.
        levels: (n_quantiles,) of ``demand``.
        position: (n_series,) units.
        min_order_quantity: (n_series,) units.
        loads: (n_series, n_loads), or (n_loads,) for all, units of a pack, a layer, a pallet …, each a multiple of the
            one before.
        shortage_cost: (n_series,) money per unit short.
        holding_cost: (n_series,) money per unit left over.
        handling_cost: (n_loads,) money to handle one pack, one layer, one pallet.
        most: (n_series,) units at most.

    Raises:
        DataError: a load is not above 0, or no multiple of the one before.
    """
    n = len(demand)
    wanted, x, minimum, short, kept, top = (
        np.broadcast_to(np.asarray(a, dtype=np.float64), (n,))
        for a in (need, position, min_order_quantity, shortage_cost, holding_cost, most)
    )
    sizes = np.asarray(loads, dtype=np.float64)
    sizes = np.broadcast_to(sizes, (n, sizes.shape[-1]))
    _check(sizes)
    fee = np.broadcast_to(np.asarray(handling_cost, dtype=np.float64), sizes.shape[1:])
    pack = sizes[:, 0]
    least = np.maximum(np.ceil(minimum / pack - GUARD), 1.0) * pack
    mean = expected_shortage(demand, levels, 0.0)
    best, cheapest = np.zeros(n), np.full(n, _NEVER)
    for number in range(sizes.shape[1]):
        size = sizes[:, number]
        for whole in (np.ceil(wanted / size - GUARD) * size, np.floor(wanted / size + GUARD) * size):
            quantity = np.maximum(whole, least)
            missing = expected_shortage(demand, levels, x + quantity)
            left = x + quantity - mean + missing
            cost = short * missing + kept * left + _handling(quantity, sizes, fee)
            cost = np.where(quantity <= top + GUARD * np.maximum(1.0, np.abs(top)), cost, _NEVER)
            tie = np.abs(cost - cheapest) <= 1e-9 * np.maximum(1.0, np.abs(cost))
            better = (cost < _NEVER) & np.where(tie, quantity > best, cost < cheapest)
            best, cheapest = np.where(better, quantity, best), np.where(better, cost, cheapest)
    # What is nearest to the need may be above the limit, and what is below the limit far from the need.
    fits = np.floor(top / pack + GUARD) * pack
    nothing = (cheapest >= _NEVER) & (fits >= least)
    return np.where(nothing, fits, best)


def _handling(quantity: Floats, sizes: Floats, fee: Floats) -> Floats:
    left, money = quantity.copy(), np.zeros(len(quantity))
    for number in range(sizes.shape[1] - 1, -1, -1):
        whole = np.floor(left / sizes[:, number] + GUARD)
        money += whole * fee[number]
        left -= whole * sizes[:, number]
    return money


def _check(sizes: Floats) -> None:
    bad = ~((sizes > 0) & np.isfinite(sizes)).all(axis=1)
    parts = sizes[:, 1:] / np.where(sizes[:, :-1] > 0, sizes[:, :-1], 1.0)
    bad |= (np.abs(parts - np.round(parts)) > GUARD * parts).any(axis=1)
    if bad.any():
        raise DataError(
            explain(
                "packs, layers and pallets do not fit into each other",
                expected="units above 0, each a multiple of the one before",
                which=[f"series {row}" for row in np.flatnonzero(bad)],
            )
        )
