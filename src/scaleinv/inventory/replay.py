"""Replay: policies against real demand, day by day, lost sales, random lead times.

The timing is that of ``protection.py``. Lead times are drawn per (seed, series, day, replication), whether an order is
placed or not, so that two policies meet the same luck. Orders may overtake each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import compiled, run_rows
from scaleinv.inventory.draws import streams, uniform
from scaleinv.inventory.lead_time import lead_time_cdf
from scaleinv.inventory.orders import order_size

Floats = NDArray[np.float64]

_PURPOSE = 2
_FIELDS = 8


@dataclass(frozen=True)
class Replay:
    """(n_series,) each, over the days after the warm-up, mean over replications; units unless said otherwise.

    ``on_hand_before + received - (demand - lost) == on_hand_after``.
    """

    demand: Floats
    lost: Floats
    days_short: Floats
    """days on which demand was not met in full"""
    mean_on_hand: Floats
    """at the end of a day"""
    order_lines: Floats
    received: Floats
    on_hand_before: Floats
    on_hand_after: Floats
    n_days: int

    @property
    def fill_rate(self) -> Floats:
        """(n_series,) share of demand met; nan without demand."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.demand > 0, 1.0 - self.lost / self.demand, np.nan)


def replay(
    demand: NDArray[np.floating],
    reorder_point: Floats,
    order_up_to: Floats,
    refresh: NDArray[np.integer],
    min_order_quantity: Floats,
    order_multiple: Floats,
    lead_time_probability: NDArray[np.floating],
    vendor: NDArray[np.integer],
    review_period: NDArray[np.integer],
    *,
    n_warmup: int,
    key: NDArray[np.uint64],
    seed: int,
    n_replications: int = 1,
    review_phase: NDArray[np.integer] | None = None,
) -> Replay:
    """What would have happened. Stock starts at the first policy's order-up-to level.

    Args:
        demand: (n_series, n_days) units wanted, fractions allowed.
        reorder_point: (n_series, n_refresh).
        order_up_to: (n_series, n_refresh).
        refresh: (n_days,) which of them the evening of a day uses.
        min_order_quantity: (n_series,).
        order_multiple: (n_series,) above 0.
        lead_time_probability: (n_vendors, max_lead + 1); 0 days counts as 1.
        vendor: (n_series,) row of it.
        review_period: (n_series,) days.
        n_warmup: first days that are not counted.
        key: (n_series,) a hash of the series' name.
        seed: of the lead times.
        n_replications: how often every series is replayed, each time with other lead times.
        review_phase: (n_series,) days from the first evening to the first review; 0 where not given.

    Raises:
        DataError: shapes do not fit, or demand or a level is not finite.
    """
    n_series, n_days = demand.shape
    levels = [np.ascontiguousarray(x, dtype=np.float64) for x in (reorder_point, order_up_to)]
    in_force = np.ascontiguousarray(refresh, dtype=np.int64)
    phase = np.zeros(n_series, dtype=np.int64) if review_phase is None else np.ascontiguousarray(review_phase, np.int64)
    per_series = [np.ascontiguousarray(x, dtype=np.float64) for x in (min_order_quantity, order_multiple)]
    owner, period = (np.ascontiguousarray(x, dtype=np.int64) for x in (vendor, review_period))
    cdf = lead_time_cdf(lead_time_probability)
    _check(demand, levels, in_force, [*per_series, owner, period, phase, key], n_warmup)
    if (owner < 0).any() or (owner >= len(cdf)).any() or (period < 1).any() or not (per_series[1] > 0).all():
        raise DataError(explain("replay: an unknown vendor, a review period below 1 or a multiple not above 0"))
    sums = np.zeros((_FIELDS, n_series))
    run_rows(
        _replay, n_series, np.ascontiguousarray(demand), levels[0], levels[1], in_force, per_series[0], per_series[1],
        cdf, owner, period, phase, streams(seed, key, _PURPOSE), n_warmup, n_replications, sums,
    )  # fmt: skip
    sums /= n_replications
    counted = n_days - n_warmup
    sums[3] /= counted
    return Replay(
        demand=sums[0], lost=sums[1], days_short=sums[2], mean_on_hand=sums[3], order_lines=sums[4], received=sums[5],
        on_hand_before=sums[6], on_hand_after=sums[7], n_days=counted,
    )  # fmt: skip


def _check(
    demand: NDArray[np.floating],
    levels: list[Floats],
    refresh: NDArray[np.int64],
    per_series: list[NDArray[np.generic]],
    n_warmup: int,
) -> None:
    n_series, n_days = demand.shape
    same = levels[0].shape == levels[1].shape and levels[0].ndim == 2 and len(levels[0]) == n_series
    if not same or len(refresh) != n_days or any(len(x) != n_series for x in per_series):
        raise DataError(
            explain(
                "replay: arrays do not fit each other",
                expected=f"{n_series} series, {n_days} days, levels (n_series, n_refresh)",
                found=f"levels {levels[0].shape} and {levels[1].shape}, refresh {len(refresh)}, "
                f"per series {[len(x) for x in per_series]}",
            )
        )
    if n_days and (refresh.min() < 0 or refresh.max() >= levels[0].shape[1]):
        raise DataError(explain("replay: refresh names a policy that is not there", found=int(refresh.max())))
    if not 0 <= n_warmup < n_days:
        raise DataError(explain("replay: no day is left to count", expected=f"n_warmup < {n_days}", found=n_warmup))
    finite = np.isfinite(demand).all(axis=1) & np.isfinite(levels[0]).all(axis=1) & np.isfinite(levels[1]).all(axis=1)
    if not finite.all() or (demand < 0).any():
        raise DataError(
            explain(
                "replay: demand or a level is negative or not finite",
                which=[f"series {row}" for row in np.flatnonzero(~finite)],
                do="pass 0 on days outside a series' life",
            )
        )


@compiled
def _lead_time(share: Floats, luck: float) -> int:
    days = 0
    while share[days] <= luck and days < len(share) - 1:
        days += 1
    return days


@compiled
def _replay(
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
    stream: NDArray[np.uint64],
    n_warmup: int,
    n_replications: int,
    sums: Floats,
) -> None:
    n_days, ring = demand.shape[1], cdf.shape[1]
    arriving = np.empty(ring)
    total = np.empty(_FIELDS)
    for row in range(start, stop):
        share, period = cdf[vendor[row]], review_period[row]
        until_review = phase[row] % period
        total[:] = 0.0
        for replication in range(n_replications):
            on_hand, on_order, due = order_up_to[row, refresh[0]], 0.0, until_review
            arriving[:] = 0.0
            for day in range(n_days):
                counts = day >= n_warmup
                if day == n_warmup:
                    total[6] += on_hand
                slot = day % ring
                received = arriving[slot]
                arriving[slot] = 0.0
                on_order -= received
                on_hand += received
                wanted = float(demand[row, day])
                lost = max(wanted - on_hand, 0.0)
                on_hand = max(on_hand - wanted, 0.0)
                placed = 0.0
                if due == 0:
                    due = period
                    now = refresh[day]
                    placed = order_size(
                        on_hand + on_order, reorder_point[row, now], order_up_to[row, now], minimum[row], multiple[row]
                    )
                    if placed > 0.0:
                        luck = uniform(stream[row], replication * n_days + day)
                        arriving[(day + _lead_time(share, luck)) % ring] += placed
                        on_order += placed
                due -= 1
                if counts:
                    total[0] += wanted
                    total[1] += lost
                    total[2] += lost > 1e-9
                    total[3] += on_hand
                    total[4] += placed > 0.0
                    total[5] += received
            total[7] += on_hand
        sums[:, row] = total
