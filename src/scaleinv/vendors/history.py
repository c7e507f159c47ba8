"""What was known of a vendor, a lane, an item when an order was sent: running means that never look ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaleinv.vendors.orders import NEVER, Floats, Ints, Orders, Texts

_YEAR = 365
_DRAWN = 5.0
"""So many receipts weigh as much as the level above."""


def levels(orders: Orders) -> list[Texts]:
    """Groups from coarse to fine: mode, vendor, vendor and mode, vendor and lane, vendor, item, lane and mode."""
    vendor_mode = _joined(orders.vendor, orders.mode)
    vendor_lane = _joined(vendor_mode, orders.lane)
    return [orders.mode, orders.vendor, vendor_mode, vendor_lane, _joined(vendor_lane, orders.item)]


def nested_levels(orders: Orders) -> list[Texts]:
    """Groups that lie within each other: vendor; with mode; with lane; with item."""
    return levels(orders)[1:]


def _joined(left: Texts, right: Texts) -> Texts:
    return np.char.add(np.char.add(left, "\x1f"), right)


@dataclass(frozen=True)
class Past:
    """Receipts of the past, from which features of orders are made."""

    orders: Orders
    """received ones"""

    def features(self, asked: Orders) -> Floats:
        """(n, n_features) of each order, from what had been received before its own day.

        Per level the mean and spread of the logarithm of days taken, the mean delay and the share that was late, of the
        last year and of all time, each drawn towards the level above.
        """
        past = self.orders
        taken = np.log1p(past.received_day - past.order_day)
        has = np.isfinite(past.promised_day)
        delay = np.where(has, past.received_day - past.promised_day, 0.0)
        values = np.stack([taken, taken**2, delay, (delay > 0).astype(np.float64), has, np.nan_to_num(past.quoted)])
        above: dict[int, Floats] = {}
        columns: list[Floats] = []
        groups: list[tuple[Texts, Texts]] = [(np.zeros(len(past), "<U1"), np.zeros(len(asked), "<U1"))]
        groups += [*zip(levels(past), levels(asked), strict=True), (past.item, asked.item), (past.lane, asked.lane)]
        for at, (mine, theirs) in enumerate(groups):
            for window in (NEVER, _YEAR):
                sums, n = _sums(mine, past.received_day, values, theirs, asked.order_day, window)
                made = self._means(sums, n, above.get(window))
                if at <= 5:  # what lies beside the levels is drawn to the finest of them, and draws nothing
                    above[window] = made
                columns += [*made]
        return np.stack(columns, axis=1)

    @staticmethod
    def _means(sums: Floats, n: Floats, above: Floats | None) -> Floats:
        """(5, n): mean and mean square of log days, delay, late, quote."""
        number = np.stack([n, n, sums[4], sums[4], sums[4]])
        total = sums[[0, 1, 2, 3, 5]]
        if above is None:
            return np.asarray(total / np.maximum(number, 1.0))
        return np.asarray((total + _DRAWN * above) / (number + _DRAWN))


def _sums(group: Texts, day: Ints, values: Floats, asked: Texts, until: Ints, window: int) -> tuple[Floats, Floats]:
    """(k, m) sums of ``values`` (k, n) and (m,) numbers of each asked group's rows before ``until``."""
    names, place = np.unique(group, return_inverse=True)
    order = np.lexsort((day, place))
    span = 4_000_000  # days: more than any calendar has
    key = place[order] * span + day[order]
    total = np.concatenate([np.zeros((len(values), 1)), values[:, order].cumsum(axis=1)], axis=1)
    at = np.minimum(np.searchsorted(names, asked), max(len(names) - 1, 0))
    known = (names[at] == asked) if len(names) else np.zeros(len(asked), bool)
    since = np.zeros(len(asked), np.int64) if window == NEVER else np.maximum(until - window, 0)
    high = np.searchsorted(key, at * span + until)
    low = np.searchsorted(key, at * span + since)
    return np.where(known, total[:, high] - total[:, low], 0.0), np.where(known, high - low, 0).astype(np.float64)


def plain_features(orders: Orders, *, with_quote: bool) -> Floats:
    """(n, k) what the order itself says: how much, and what was promised."""
    columns = [np.log1p(np.maximum(orders.quantity, 0.0))]
    if with_quote:
        columns.append(np.log1p(np.maximum(np.nan_to_num(orders.quoted, nan=-1.0), -0.5)))
    return np.stack(columns, axis=1)
