"""The simulator's days: one series after the other, day by day, as ``simulate.py`` says."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scaleinv.inventory.compiled import compiled
from scaleinv.inventory.draws import uniform
from scaleinv.inventory.orders import GUARD, order_size

Floats = NDArray[np.float64]

N_SUMS: Final = 16
_NOTHING = 1e-9
"""Units that are none: what is left of sums of fractions."""


@compiled
def _under(limit: float, position: float, size: float, minimum: float, multiple: float) -> float:
    """The order cut to the whole multiples that fit under the limit, as ``replenish`` cuts it."""
    slack = GUARD * max(1.0, abs(limit))
    if position + size <= limit + slack:
        return size
    fits = np.floor((limit - position) / multiple + GUARD) * multiple
    return float(fits) if fits >= minimum - GUARD and fits > 0.0 else 0.0


@compiled
def _lead_time(share: Floats, luck: float) -> int:
    days = 0
    while share[days] <= luck and days < len(share) - 1:
        days += 1
    return days


@compiled
def _sell_oldest(fresh: Floats, today: int, life: int, units: float) -> None:
    """Takes units from the shelf, the oldest first; ``fresh[d % life]`` came on day d."""
    for age in range(life - 1, -1, -1):
        slot = (today - age) % life
        taken = min(fresh[slot], units)
        fresh[slot] -= taken
        units -= taken


@compiled
def simulate_days(
    start: int,
    stop: int,
    demand: NDArray[np.floating],
    reorder_point: Floats,
    order_up_to: Floats,
    refresh: NDArray[np.int64],
    minimum: Floats,
    multiple: Floats,
    cdf: Floats,
    vendor: NDArray[np.int64],
    review_period: NDArray[np.int64],
    phase: NDArray[np.int64],
    shelf_life: NDArray[np.int64],
    first: Floats,
    price: NDArray[np.floating],
    limit: Floats | None,
    can_order: NDArray[np.bool_] | None,
    waits: NDArray[np.int64] | None,
    stream: NDArray[np.uint64],
    n_warmup: int,
    n_replications: int,
    backorders: bool,
    sums: Floats,
) -> None:
    """Adds to ``sums`` (:data:`N_SUMS`, n_series) what all replications of the rows come to.

    Arguments are those of :func:`simulate`, checked there.

    ``limit``, ``can_order`` and ``waits`` are None where nothing is asked of them: numba then compiles a kernel without
    their branches, which would cost an eighth of its speed. ``waits`` is (n_vendors, n_days + 1) days that goods which
    come on a day wait to be received; ``cdf`` is long enough for the longest lead time and wait together.
    """
    n_samples, n_days, ring = demand.shape[1], demand.shape[2], cdf.shape[1]
    arriving = np.empty(ring)
    fresh = np.empty(max(1, shelf_life[start:stop].max()))
    changes = price.shape[1] > 1
    for row in range(start, stop):
        share, period, life = cdf[vendor[row]], review_period[row], shelf_life[row]
        least, pack, floor = minimum[row], multiple[row], -np.inf if backorders else 0.0
        for replication in range(n_replications):
            path = replication % n_samples
            due, slot, on_order, net, is_short = phase[row] % period, 0, 0.0, first[row], False
            arriving[:] = 0.0
            fresh[:] = 0.0
            if life:
                fresh[0] = max(net, 0.0)
            # Sums in registers: one series' days are the innermost loop, and nothing in it touches memory but demand.
            t_demand = t_short = t_value = t_short_value = t_hand = t_shelf = t_back = t_ordered = 0.0
            t_received = t_wasted = before = 0.0
            n_short = n_lines = n_cycles = n_cycles_short = 0
            for day in range(n_days):
                if day == n_warmup:
                    before = net
                    t_demand = t_short = t_value = t_short_value = t_hand = t_shelf = t_back = t_ordered = 0.0
                    t_received = t_wasted = 0.0
                    n_short = n_lines = n_cycles = n_cycles_short = 0
                received = arriving[slot]
                if received > 0.0:
                    arriving[slot] = 0.0
                    on_order -= received
                    waiting = max(-net, 0.0)
                    net += received
                    t_received += received
                    n_cycles += 1
                    n_cycles_short += is_short
                    is_short = False
                    if life:
                        fresh[day % life] += max(received - waiting, 0.0)
                on_shelf = max(net, 0.0)
                wanted = float(demand[row, path, day])
                left = on_shelf - wanted
                if left < -_NOTHING:
                    t_short -= left
                    t_short_value -= left * price[row, day if changes else 0]
                    n_short += 1
                    is_short = True
                t_demand += wanted
                t_value += wanted * price[row, day if changes else 0]
                t_shelf += on_shelf
                net = max(net - wanted, floor)
                if life:
                    _sell_oldest(fresh, day, life, wanted)
                    # What came life - 1 days ago was for sale the last time today; its place is tomorrow's.
                    old = fresh[(day + 1) % life]
                    fresh[(day + 1) % life] = 0.0
                    net -= old
                    t_wasted += old
                t_hand += max(net, 0.0)
                t_back += max(-net, 0.0)
                slot = slot + 1 if slot + 1 < ring else 0
                if due == 0:
                    due = period
                    now = refresh[day]
                    position = net + on_order
                    if can_order is not None and not can_order[vendor[row], day]:
                        position = np.inf
                    if position < reorder_point[row, now] - GUARD:
                        size = order_size(position, reorder_point[row, now], order_up_to[row, now], least, pack)
                        if limit is not None:
                            size = _under(limit[row], position, size, least, pack)
                        if size > 0.0:
                            luck = uniform(stream[row], replication * n_days + day)
                            arrives = day + _lead_time(share, luck)
                            if waits is not None:
                                arrives += waits[vendor[row], min(arrives, n_days)]
                            arriving[arrives % ring] += size
                            on_order += size
                            t_ordered += size
                            n_lines += 1
                due -= 1
            sums[0, row] += t_demand
            sums[1, row] += t_short
            sums[2, row] += t_short_value
            sums[3, row] += n_short
            sums[4, row] += t_hand
            sums[5, row] += t_shelf
            sums[6, row] += t_back
            sums[7, row] += n_lines
            sums[8, row] += t_ordered
            sums[9, row] += t_received
            sums[10, row] += t_wasted
            sums[11, row] += n_cycles
            sums[12, row] += n_cycles_short
            sums[13, row] += before
            sums[14, row] += net
            sums[15, row] += t_value
