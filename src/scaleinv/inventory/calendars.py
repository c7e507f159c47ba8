"""Order days, delivery days and cut-off times: which delivery tonight's order can catch, and the one after it.

An order leaves on the first evening from tonight on (from tomorrow, if tonight's cut-off time has passed) on which the
vendor takes orders. After its lead time it comes on the first day on which goods are received. Stock must last until
the delivery that the *next* order can catch, so the days between two order days take the place of the review period,
and waiting for a delivery day is part of the lead time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.orders import GUARD

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class OpenDays:
    """Days on which something is done, per calendar."""

    first: date
    is_open: Flags
    """(n_calendars, n_days) from ``first`` on."""

    def next_from(self, calendar: NDArray[np.integer], day: NDArray[np.integer]) -> Ints:
        """(n,) the first open day that is not before ``day``, as days after ``first``.

        Raises:
            DataError: none of the days known is.
        """
        n_days = self.is_open.shape[1]
        following = np.where(self.is_open, np.arange(n_days), n_days)
        following = np.minimum.accumulate(following[:, ::-1], axis=1)[:, ::-1]
        inside = np.clip(day, 0, n_days - 1)
        found = np.where(day < n_days, following[calendar, inside], n_days)
        lost = np.flatnonzero(found >= n_days)
        if lost.size:
            raise DataError(
                explain(
                    f"a calendar has no open day in the {n_days} days from {self.first} on",
                    which=[f"calendar {number}" for number in np.unique(np.asarray(calendar)[lost])],
                    do="correct its weekdays and holidays",
                )
            )
        return np.asarray(found, dtype=np.int64)


def open_days(first: date, n_days: int, weekdays: ArrayLike, holidays: Sequence[Sequence[date]] = ()) -> OpenDays:
    """Calendars from weekdays and holidays.

    Args:
        first: the first day known.
        n_days: how many.
        weekdays: (n_calendars, 7) open on Monday … Sunday.
        holidays: per calendar, the days on which it is closed all the same; none given: none.
    """
    week = np.array(weekdays, dtype=np.bool_, ndmin=2)
    day = np.arange(n_days) + np.datetime64(first, "D").astype(np.int64)
    is_open = week[:, (day + 3) % 7]  # 1970-01-01 was a Thursday
    for number, closed in enumerate(holidays):
        is_open[number] &= ~np.isin(day, np.asarray(closed, dtype="datetime64[D]").astype(np.int64))
    return OpenDays(first, is_open)


@dataclass(frozen=True)
class Deliveries:
    """What the calendar makes of lead times and reviews, per vendor."""

    can_order: Flags
    """(n_vendors,) tonight's order leaves tonight; after a cut-off time, tomorrow"""
    order_day: Ints
    """(n_vendors,) days from tonight to the evening on which the order leaves"""
    review_period: Ints
    """(n_vendors,) days from that evening to the next order's"""
    probability: Floats
    """(n_vendors, longest + 1) of 0, 1, 2 … days from the evening of the next proposal to its delivery, waiting
    included"""
    arrival: Ints
    """(n_vendors,) days from tonight to the delivery day on which tonight's own order comes after its mean lead time,
    rounded up to whole days"""


def deliveries(
    tonight: date,
    lead_time_probability: NDArray[np.floating],
    orders: OpenDays,
    receipts: OpenDays,
    *,
    is_past_cutoff: ArrayLike = False,
) -> Deliveries:
    """Lead times and review periods that :func:`protection_demand` takes, from calendars; row by row per vendor.

    Lead times are calendar days; of 0 days they count as 1. The distribution is that of the next order's delivery,
    which decides how long tonight's must last: ``lead + review - 1`` days, exactly, for every lead time.

    Args:
        tonight: the evening of ``as_of``.
        lead_time_probability: (n_vendors, max_lead + 1).
        orders: (n_vendors) evenings on which a vendor takes orders.
        receipts: (n_vendors) mornings on which its goods are received.
        is_past_cutoff: (n_vendors,) a night's orders are ready after the vendor's cut-off time: they leave on its next
            order day, a day after they are proposed.

    Raises:
        DataError: a calendar has too few open days.
    """
    pmf = np.array(lead_time_probability, dtype=np.float64, ndmin=2)
    n, longest = pmf.shape
    who = np.arange(n)
    start = (tonight - orders.first).days
    late = np.broadcast_to(np.asarray(is_past_cutoff, dtype=np.bool_), (n,))
    leaves = orders.next_from(who, start + late.astype(np.int64))
    following = orders.next_from(who, leaves + 1)
    shift = (orders.first - receipts.first).days
    lead = np.maximum(np.arange(longest), 1)
    due = (following[:, None] + lead[None, :] + shift).astype(np.int64)
    arrives = receipts.next_from(np.repeat(who, longest), due.ravel()).reshape(n, longest)
    waits = arrives - shift - following[:, None] + late[:, None]
    # An impossible lead time must not lengthen the table.
    waits = np.where(pmf > 0, waits, 0)
    probability = np.zeros((n, int(waits.max()) + 1))
    np.add.at(probability, (np.repeat(who, longest), waits.ravel()), pmf.ravel())
    # Lead times that are no distribution are screened later, and must be days until then.
    mean = np.nan_to_num(np.clip(pmf @ np.arange(longest), 0, longest - 1))
    own_due = leaves + np.maximum(np.ceil(mean - GUARD), 1).astype(np.int64) + shift
    arrival = receipts.next_from(who, own_due) - shift - start
    return Deliveries(leaves == start + late, leaves - start, following - leaves, probability, arrival)
