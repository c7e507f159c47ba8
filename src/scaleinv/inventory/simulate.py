"""The simulator: policies against demand, real or sampled, day by day, for all series at once.

The timing is that of ``protection.py``: deliveries in the morning, then demand, what is too old is thrown away, and in
the evening of a review day an order may be placed. A textbook that orders in the morning of a period, before its
demand, and waits L periods is the same with a lead time of L + 1.

One rule has them all, ``order_quantity_to``: (s, S) is a reorder point s and a level S, reviewed every R days; base
stock is s = S; (r, nQ) is s = S = r with Q for both the minimum and the multiple. An order is placed when the position
is *below* the point: a textbook's "at or below s" of whole units is s + 1.

Lead times are drawn per (seed, series, day, replication), whether an order is placed or not, so that two policies meet
the same luck. Orders may overtake each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.compiled import run_rows
from scaleinv.inventory.draws import streams
from scaleinv.inventory.lead_time import lead_time_cdf
from scaleinv.inventory.simulate_days import N_SUMS, simulate_days

Floats = NDArray[np.float64]

_PURPOSE = 2


@dataclass(frozen=True)
class Simulation:
    """(n_series,) each, over the days after the warm-up, mean over replications; units unless said otherwise.

    ``on_hand_before + received - (demand - lost) - wasted == on_hand_after``; with backorders on hand counts them
    as below 0 and what is lost is nothing.
    """

    demand: Floats
    lost: Floats
    """not met at once and gone; 0 with backorders"""
    late: Floats
    """not met at once and waited for; 0 with lost sales"""
    days_short: Floats
    """days on which demand was not met in full"""
    mean_on_hand: Floats
    """on the shelf at the end of a day"""
    mean_on_shelf: Floats
    """on the shelf in the morning, after deliveries and before demand"""
    mean_backorders: Floats
    """at the end of a day"""
    order_lines: Floats
    ordered: Floats
    received: Floats
    wasted: Floats
    """too old to be sold"""
    cycles: Floats
    """deliveries"""
    cycles_short: Floats
    """deliveries before which demand was not met in full, since the one before"""
    on_hand_before: Floats
    on_hand_after: Floats
    demand_value: Floats
    """money, each day at its price"""
    short_value: Floats
    """money: lost or late, each day at its price"""
    n_days: int

    @property
    def fill_rate(self) -> Floats:
        """(n_series,) share of demand met at once; nan without demand."""
        return 1.0 - _ratio(self.lost + self.late, self.demand)

    @property
    def cycle_service_level(self) -> Floats:
        """(n_series,) share of replenishment cycles without a day short; nan without a delivery."""
        return 1.0 - _ratio(self.cycles_short, self.cycles)

    @property
    def turns(self) -> Floats:
        """(n_series,) a year: units sold over units on the shelf; nan where nothing is held."""
        return _ratio((self.demand - self.lost) * 365.25 / self.n_days, self.mean_on_hand)

    def cost(
        self, *, holding: ArrayLike = 0.0, ordering: ArrayLike = 0.0, shortage: ArrayLike = 0.0,
        backorder: ArrayLike = 0.0, waste: ArrayLike = 0.0,
    ) -> Floats:  # fmt: skip
        """(n_series,) money of a day.

        Per unit held overnight, per order line, per unit lost or late when it is asked for, per unit that waits
        overnight, per unit thrown away.
        """
        h, k, p, b, w = (np.asarray(x, dtype=np.float64) for x in (holding, ordering, shortage, backorder, waste))
        events = k * self.order_lines + p * (self.lost + self.late) + w * self.wasted
        return np.asarray(h * self.mean_on_hand + b * self.mean_backorders + events / self.n_days)


def _ratio(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def simulate(
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
    n_replications: int | None = None,
    review_phase: NDArray[np.integer] | None = None,
    backorders: bool = False,
    shelf_life: NDArray[np.integer] | None = None,
    on_hand: Floats | None = None,
    price: NDArray[np.floating] | None = None,
    limit: Floats | None = None,
    can_order: NDArray[np.bool_] | None = None,
    can_receive: NDArray[np.bool_] | None = None,
) -> Simulation:
    """What would have happened. Stock starts at the first policy's order-up-to level, if it is not given.

    Args:
        demand: (n_series, n_days) units wanted, fractions allowed; or (n_series, n_samples, n_days), paths of a
            forecast, of which replication i meets number ``i mod n_samples``.
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
        n_replications: how often every series is simulated, each time with other lead times; default: once per sample.
        review_phase: (n_series,) days from the first evening to the first review; 0 where not given.
        backorders: demand that is not met waits for the next delivery; else it is lost.
        shelf_life: (n_series,) days on which a unit can be sold, the day of its delivery included; the oldest is sold
            first, and what is left in the evening of its last day is wasted. 0 keeps for ever. Stock of the first day
            is fresh.
        on_hand: (n_series,) units in the first morning.
        price: (n_series, n_days) money per unit, for the sums of value; 1 where not given.
        limit: (n_series,) units on hand and on order that an order must not go beyond: it is cut to the whole
            multiples that fit, to nothing where the minimum does not. inf, or not given: none.
        can_order: (n_vendors, n_days) evenings on which a vendor takes orders; a review on another evening orders
            nothing. Not given: all.
        can_receive: (n_vendors, n_days) mornings on which a vendor's goods are received; what comes on another waits
            for the next such morning. Not given: all.

    Raises:
        DataError: shapes do not fit, demand, a level or a price is negative or not finite, or a limit is no number.
    """
    wanted = np.ascontiguousarray(demand if demand.ndim == 3 else demand[:, None, :])
    n_series, n_samples, n_days = wanted.shape
    levels = [np.ascontiguousarray(x, dtype=np.float64) for x in (reorder_point, order_up_to)]
    in_force = np.ascontiguousarray(refresh, dtype=np.int64)
    nothing = np.zeros(n_series, dtype=np.int64)
    phase, life = (nothing if x is None else np.ascontiguousarray(x, np.int64) for x in (review_phase, shelf_life))
    per_series = [np.ascontiguousarray(x, dtype=np.float64) for x in (min_order_quantity, order_multiple)]
    owner, period = (np.ascontiguousarray(x, dtype=np.int64) for x in (vendor, review_period))
    cdf = lead_time_cdf(lead_time_probability)
    of_day = np.ones((n_series, 1)) if price is None else np.ascontiguousarray(price)
    _check(wanted, levels, in_force, [*per_series, owner, period, phase, life, key, of_day], n_warmup)
    first = levels[1][:, in_force[0]].copy() if on_hand is None else np.ascontiguousarray(on_hand, dtype=np.float64)
    top = None if limit is None else np.ascontiguousarray(limit, dtype=np.float64)
    _check_terms(owner, len(cdf), period, per_series[1], life, first, of_day, top, n_days)
    evenings, mornings = (_open(x, len(cdf), n_days) for x in (can_order, can_receive))
    waits = None if mornings is None else _waits(mornings)
    if waits is not None:  # the ring of arrivals is as long as the table of lead times
        cdf = np.pad(cdf, ((0, 0), (0, int(waits.max()))), constant_values=1.0)
    times = n_samples if n_replications is None else n_replications
    sums = np.zeros((N_SUMS, n_series))
    run_rows(
        simulate_days, n_series, wanted, levels[0], levels[1], in_force, per_series[0], per_series[1], cdf, owner,
        period, phase, life, first, of_day, top, evenings, waits, streams(seed, key, _PURPOSE), n_warmup, times,
        backorders, sums,
    )  # fmt: skip
    sums /= times
    counted = n_days - n_warmup
    sums[4:7] /= counted
    short = sums[1]
    return Simulation(
        demand=sums[0], lost=np.zeros(n_series) if backorders else short, late=short if backorders else 0.0 * short,
        days_short=sums[3], mean_on_hand=sums[4], mean_on_shelf=sums[5], mean_backorders=sums[6], order_lines=sums[7],
        ordered=sums[8], received=sums[9], wasted=sums[10], cycles=sums[11], cycles_short=sums[12],
        on_hand_before=sums[13], on_hand_after=sums[14], demand_value=sums[15], short_value=sums[2], n_days=counted,
    )  # fmt: skip


def _check(
    demand: NDArray[np.floating],
    levels: list[Floats],
    refresh: NDArray[np.int64],
    per_series: list[NDArray[np.generic]],
    n_warmup: int,
) -> None:
    n_series, _, n_days = demand.shape
    same = levels[0].shape == levels[1].shape and levels[0].ndim == 2 and len(levels[0]) == n_series
    if not same or len(refresh) != n_days or any(len(x) != n_series for x in per_series):
        raise DataError(
            explain(
                "simulate: arrays do not fit each other",
                expected=f"{n_series} series, {n_days} days, levels (n_series, n_refresh)",
                found=f"levels {levels[0].shape} and {levels[1].shape}, refresh {len(refresh)}, "
                f"per series {[len(x) for x in per_series]}",
            )
        )
    if n_days and (refresh.min() < 0 or refresh.max() >= levels[0].shape[1]):
        raise DataError(explain("simulate: refresh names a policy that is not there", found=int(refresh.max())))
    if not 0 <= n_warmup < n_days:
        raise DataError(explain("simulate: no day is left to count", expected=f"n_warmup < {n_days}", found=n_warmup))
    finite = np.isfinite(levels[0]).all(axis=1) & np.isfinite(levels[1]).all(axis=1)
    finite &= np.isfinite(demand).all(axis=(1, 2)) & (demand >= 0).all(axis=(1, 2))
    if not finite.all():
        raise DataError(
            explain(
                "simulate: demand or a level is negative or not finite",
                which=[f"series {row}" for row in np.flatnonzero(~finite)],
                do="pass 0 on days outside a series' life",
            )
        )


def _check_terms(
    vendor: NDArray[np.int64],
    n_vendors: int,
    review_period: NDArray[np.int64],
    multiple: Floats,
    shelf_life: NDArray[np.int64],
    on_hand: Floats,
    price: NDArray[np.floating],
    limit: Floats | None,
    n_days: int,
) -> None:
    if limit is not None and len(limit) != len(vendor):
        raise DataError(explain("simulate: limits of other series", expected=len(vendor), found=len(limit)))
    wrong = {
        "an unknown vendor": (vendor < 0) | (vendor >= n_vendors),
        "a review period below 1": review_period < 1,
        "an order multiple that is not above 0": ~(multiple > 0),
        "a shelf life below 0": shelf_life < 0,
        "stock of the first morning that is no number": ~np.isfinite(on_hand),
        "a price that is negative or no number": ~(np.isfinite(price) & (price >= 0)).all(axis=1),
    }
    if limit is not None:
        wrong["a limit that is no number"] = np.isnan(limit)
    for problem, bad in wrong.items():
        if bad.any():
            which = [f"series {row}" for row in np.flatnonzero(bad)]
            raise DataError(explain(f"simulate: {problem}", which=which, do="correct it where it is made"))
    if price.shape[1] not in (1, n_days):
        raise DataError(explain("simulate: prices of other days", expected=f"{n_days} days", found=price.shape))


def _open(given: NDArray[np.bool_] | None, n_vendors: int, n_days: int) -> NDArray[np.bool_] | None:
    if given is not None and given.shape != (n_vendors, n_days):
        expected = f"{n_vendors} vendors, {n_days} days"
        raise DataError(explain("simulate: a calendar of other vendors or days", expected=expected, found=given.shape))
    return None if given is None else np.ascontiguousarray(given, dtype=np.bool_)


def _waits(is_open: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(n_vendors, n_days + 1) days from each morning to the next open one; all are taken to be open after the last."""
    n_days = is_open.shape[1]
    following = np.where(is_open, np.arange(n_days), n_days)
    following = np.minimum.accumulate(following[:, ::-1], axis=1)[:, ::-1]
    return np.pad(following - np.arange(n_days), ((0, 0), (0, 1)))
