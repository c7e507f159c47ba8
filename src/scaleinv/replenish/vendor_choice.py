"""Which of an article's vendors delivers each line, why, and what the others would have cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain
from scaleinv.replenish.landed_cost import Discount, LandedCost, Offers, landed_cost
from scaleinv.replenish.offer_terms import Deliveries, breaks_of, chances_of, deliveries_of, numbers, places
from scaleinv.replenish.selection import Limits, Selection, select
from scaleinv.replenish.text import joined, spelled

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

_SLACK: Final = 1e-9
_PARTS: Final = tuple(field.name for field in fields(LandedCost) if field.name != "quantity")


@dataclass(frozen=True)
class Conditions:
    """What counts beside offers, lead times and limits; nothing of it is needed."""

    price_breaks: pa.Table | None = None
    """silver/price_breaks."""
    discount: Discount = "all_units"
    records: pa.Table | None = None
    """vendor_id, late, short: chance to be late, share that never comes; of a vendor that is not named 0."""
    late_line_cost: float = 0.0
    """Money that a late line costs beside what is short."""
    holding_rate: float = 0.25
    """Share of a unit's price for a year."""
    closed: Sequence[str] = ()
    """Vendors that take no orders tonight."""
    blocked: Sequence[str] = ()
    """Vendors that nothing may be ordered from, beside those that silver/vendors says so of."""


@dataclass(frozen=True)
class VendorChoice:
    """Of every line, ``(n,)``, and of every candidate, ``(n, n_vendors)``."""

    vendor_id: pa.Array
    """null: nobody that may deliver has room"""
    offer: Ints
    """row of ``silver/vendor_items``; -1: none"""
    quantity: Floats
    """units in whole packs of that vendor, at least its minimum; 0: none"""
    lead_time: Floats
    """mean days of that vendor on this lane; 0: none"""
    reason: pa.Array
    """why this vendor, in words"""
    refused: pa.Array
    """why there is none, a kind of exception; null: there is one"""
    candidates: Ints
    """(n, n_vendors) rows of ``silver/vendor_items``; -1: there are no more"""
    allowed: Flags
    """(n, n_vendors) it may deliver"""
    cost: LandedCost
    """of every candidate, in parts"""
    selection: Selection


def vendor_choice(
    lines: pa.Table,
    vendor_items: pa.Table,
    vendors: pa.Table,
    lead_times: pa.Table,
    *,
    safety_factor: Floats,
    stockout_cost: Floats,
    conditions: Conditions | None = None,
) -> VendorChoice | None:
    """The cheapest vendor of each line by landed cost, within capacities and shares; ``None``: no article has several.

    Candidates of one line are of one currency, that of its present vendor where that one may deliver: money of
    different currencies says nothing of what is cheaper.

    Args:
        lines: sku_id, location_id, need, mean_daily, sd_daily, review_period of what is to be ordered; where they are
            there, vendor_id, the present vendor, and most, the units that may be ordered (inf: any number).
        vendor_items: silver/vendor_items.
        vendors: silver/vendors: whether a vendor is blocked, and its capacity tonight.
        lead_times: gold/lead_times of the night.
        safety_factor: (n,) of each line's promise.
        stockout_cost: (n,) money per unit short.
        conditions: what counts beside these.

    Raises:
        DataError: an article has no vendor in ``vendor_items``, or a vendor of it no lead times.
    """
    if not vendor_items.num_rows or not lines.num_rows:
        return None
    also = conditions or Conditions()
    found = _candidates(lines, vendor_items, vendors, lead_times)
    cost = _costs(found, lines, vendor_items, vendors, also, safety_factor, stockout_cost)
    quantity, fits = _fitting(lines, vendor_items, found.at, cost.quantity)
    blocked, closed = (flags[found.vendor] & found.is_there for flags in _shut(vendors, also))
    is_open = found.is_there & ~blocked & ~closed
    allowed, foreign = _of_one_currency(lines, vendor_items, vendors, found.vendor, found.at, is_open & fits)
    # To go without is the last resort: dearer than the dearest vendor and every unit short.
    total = cost.total
    without = np.where(allowed, total, 0.0).max(axis=1) * 2.0 + stockout_cost * numbers(lines, "need")
    limits = _limits(lines, vendor_items, vendors, found.offer, found.vendor, quantity)
    chosen = select(total, allowed, without, limits)
    left_out = {
        "a blocked vendor": blocked, "a vendor that takes no orders tonight": closed & ~blocked,
        "a vendor of another currency": foreign,
    }  # fmt: skip
    names = vendor_items["vendor_id"].combine_chunks()
    has, taken = chosen.choice >= 0, found.of(chosen.choice, found.offer, -1)
    return VendorChoice(
        vendor_id=names.take(pa.array(taken, mask=~has)),
        offer=taken,
        quantity=found.of(chosen.choice, quantity, 0.0),
        lead_time=found.of(chosen.choice, found.next.lead_time, 0.0),
        reason=_reasons(chosen, cost, total, allowed, left_out, names, found.offer),
        refused=_refused(has, allowed, is_open),
        candidates=found.offer,
        allowed=allowed,
        cost=cost,
        selection=chosen,
    )


@dataclass(frozen=True)
class _Candidates:
    """Offers of each line's article, ``(n, n_vendors)``; what is not there is as the first offer, and not allowed."""

    offer: Ints
    """row of ``vendor_items``; -1: there are no more"""
    is_there: Flags
    at: Ints
    """``offer``, or 0"""
    vendor: Ints
    """row of ``vendors``"""
    next: Deliveries
    """of each"""

    def of(self, choice: Ints, values: NDArray[Any], otherwise: float) -> NDArray[Any]:
        """(n,) the value of each line's chosen candidate; ``otherwise`` where none is chosen."""
        rows = np.arange(len(choice))
        return np.where(choice >= 0, values[rows, np.maximum(choice, 0)], otherwise)


def _candidates(lines: pa.Table, vendor_items: pa.Table, vendors: pa.Table, lead_times: pa.Table) -> _Candidates:
    offer = _offers(lines["sku_id"], vendor_items)
    is_there, at = offer >= 0, np.maximum(offer, 0)
    vendor = places(vendor_items["vendor_id"], vendors["vendor_id"], "silver/vendors")[at]
    expected = deliveries_of(lines["location_id"], vendor_items["vendor_id"], at, is_there, lead_times)
    return _Candidates(offer, is_there, at, vendor, expected)


def _costs(
    found: _Candidates, lines: pa.Table, vendor_items: pa.Table, vendors: pa.Table, also: Conditions,
    safety_factor: Floats, stockout_cost: Floats,
) -> LandedCost:  # fmt: skip
    """Of every candidate."""
    at = found.at
    late, short = chances_of(vendors["vendor_id"], also.records)
    start, price = breaks_of(vendor_items, also.price_breaks)
    terms = {name: numbers(vendor_items, name)[at] for name in ("unit_cost", "min_order_quantity", "order_multiple")}
    freight = {name: numbers(vendor_items, name, 0.0)[at] for name in ("freight_per_order", "freight_per_unit")}
    offers = Offers(
        **terms, **freight, break_quantity=None if start is None else start[at],
        break_cost=None if price is None else price[at], discount=also.discount, lead_time=found.next.lead_time,
        lead_time_sd=found.next.lead_time_sd, late=_else(found.next.late, late[found.vendor]),
        short=_else(found.next.short, short[found.vendor]),
    )  # fmt: skip
    demand = {name: numbers(lines, name) for name in ("need", "mean_daily", "sd_daily", "review_period")}
    return landed_cost(
        offers, **demand, safety_factor=safety_factor, stockout_cost=stockout_cost, holding_rate=also.holding_rate,
        late_line_cost=also.late_line_cost,
    )  # fmt: skip


def _else(predicted: Floats, recorded: Floats) -> Floats:
    return np.where(np.isnan(predicted), recorded, predicted)


def _offers(skus: pa.ChunkedArray, vendor_items: pa.Table) -> Ints:
    """(n, most offers of an article) rows of ``vendor_items``, -1 where an article has fewer."""
    articles = pc.unique(vendor_items["sku_id"])
    place = places(skus, articles, "silver/vendor_items")
    of_offer = pc.index_in(vendor_items["sku_id"], value_set=articles).to_numpy().astype(np.int64)
    order = np.argsort(of_offer, kind="stable")
    count = np.bincount(of_offer, minlength=len(articles))
    first = np.cumsum(count) - count
    table = np.full((len(articles), int(count.max())), -1, dtype=np.int64)
    table[of_offer[order], np.arange(len(order)) - np.repeat(first, count)] = order
    return np.asarray(table[place], dtype=np.int64)


def _shut(vendors: pa.Table, also: Conditions) -> tuple[Flags, Flags]:
    """(n_vendors,) it is blocked; it takes no orders tonight."""
    blocked, closed = (
        pc.is_in(vendors["vendor_id"], value_set=pa.array(names, pa.string())).to_numpy().astype(bool)
        for names in (also.blocked, also.closed)
    )
    return blocked | pc.fill_null(vendors["is_blocked"], False).to_numpy().astype(bool), closed


def _fitting(lines: pa.Table, vendor_items: pa.Table, at: Ints, quantity: Floats) -> tuple[Floats, Flags]:
    """(n, n_vendors) units, in whole packs not above the most that may be ordered; and whether the minimum fits."""
    if "most" not in lines.column_names:
        return quantity, np.ones(quantity.shape, dtype=bool)
    most = numbers(lines, "most")[:, None]
    is_over = quantity > most + _SLACK * np.maximum(1.0, np.abs(most))
    if not is_over.any():
        return quantity, ~is_over
    multiple = numbers(vendor_items, "order_multiple")[at]
    packs = np.floor(np.where(is_over, most, 0.0) / multiple + _SLACK)
    less = np.maximum(np.round(packs * multiple, 9), 0.0)
    fits = (less > 0) & (less >= numbers(vendor_items, "min_order_quantity")[at] - _SLACK)
    return np.where(is_over & fits, less, quantity), ~is_over | fits


def _of_one_currency(
    lines: pa.Table, vendor_items: pa.Table, vendors: pa.Table, vendor: Ints, at: Ints, allowed: Flags
) -> tuple[Flags, Flags]:
    """What is left of ``allowed``, and what is taken off it."""
    code = vendors["currency"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)[vendor]
    if (code == code.flat[0]).all():
        return allowed, np.zeros(allowed.shape, dtype=bool)
    mine = allowed
    if "vendor_id" in lines.column_names:
        known = pc.unique(vendor_items["vendor_id"])
        present = pc.fill_null(pc.index_in(lines["vendor_id"], value_set=known), -1).to_numpy()
        offering = pc.index_in(vendor_items["vendor_id"], value_set=known).to_numpy()[at]
        own = allowed & (offering == present[:, None])
        mine = np.where(own.any(axis=1)[:, None], own, allowed)
    first = mine.argmax(axis=1)
    same = code == code[np.arange(len(code)), first][:, None]
    return allowed & same, allowed & ~same


def _limits(
    lines: pa.Table, vendor_items: pa.Table, vendors: pa.Table, offer: Ints, vendor: Ints, quantity: Floats
) -> Limits:
    """Capacity of each vendor tonight, and shares of each offer in its article's need; both in units."""
    is_there, n_vendors = offer >= 0, vendors.num_rows
    need = numbers(lines, "need")
    skus = vendor_items["sku_id"]
    article = pc.index_in(skus, value_set=pc.unique(skus)).to_numpy().astype(np.int64)
    wanted = np.bincount(article[np.maximum(offer[:, 0], 0)], need, int(article.max()) + 1)[article]
    least = numbers(vendor_items, "min_share", 0.0) * wanted
    share = numbers(vendor_items, "max_share", 1.0)
    most = np.where(share < 1.0, share * wanted, np.inf)
    # A share is of the need: packs and minima are the vendor's, not the article's.
    needed = np.broadcast_to(need[:, None], offer.shape)
    return Limits(
        which=np.stack([np.where(is_there, vendor, -1), np.where(is_there, n_vendors + offer, -1)]),
        use=np.stack([quantity, needed]),
        most=np.concatenate([numbers(vendors, "capacity", np.inf), most]),
        least=np.concatenate([np.zeros(n_vendors), least]),
    )


def _refused(has: Flags, allowed: Flags, is_open: Flags) -> pa.Array:
    """(n,) kind of exception of a line that nobody delivers."""
    kinds = pa.array(["vendor_over_capacity", "minimum_above_maximum", "vendor_blocked"])
    place = np.where(allowed.any(axis=1), 0, np.where(is_open.any(axis=1), 1, 2))
    return kinds.take(pa.array(place, mask=has))


def _reasons(
    chosen: Selection,
    cost: LandedCost,
    total: Floats,
    allowed: Flags,
    left_out: dict[str, Flags],
    names: pa.Array,
    offer: Ints,
) -> pa.Array:
    """(n,) "cheapest of 3: 12.3, next V2 13.1 (purchase 10, …)", or who would have been cheaper, and by how much."""
    rows = np.arange(len(total))
    has, column = chosen.choice >= 0, np.maximum(chosen.choice, 0)
    open_ = np.where(allowed, total, np.inf)
    cheapest = open_.argmin(axis=1)
    others = open_.copy()
    others[rows, column] = np.inf
    second = others.argmin(axis=1)
    paid, number = total[rows, column], allowed.sum(axis=1)
    has_other = np.isfinite(others[rows, second])
    then = np.asarray(np.where(has_other, others[rows, second], 0.0), dtype=np.float64)

    def name(at: Ints) -> pa.Array:
        return names.take(pa.array(np.maximum(offer[rows, at], 0)))

    best = joined(
        "cheapest of ", spelled(number.astype(np.float64)), ": ", spelled(np.round(paid, 2)), ", next ", name(second),
        " ", spelled(np.round(then, 2)),
    )  # fmt: skip
    full = joined(
        name(cheapest), " would cost ", spelled(np.round(paid - total[rows, cheapest], 2)),
        " less, but capacity and shares do not allow it",
    )  # fmt: skip
    said = pc.if_else(pa.array(has_other), best, "the only vendor that may deliver it")
    said = pc.if_else(pa.array(cheapest == column), said, full)
    parts = [word for part in _PARTS
             for word in (f", {part} ", spelled(np.round(getattr(cost, part)[rows, column], 2)))]  # fmt: skip
    parts[0] = f" ({_PARTS[0]} "
    said = pc.if_else(pa.array(has), joined(said, *parts, ")"), _nobody(allowed))
    for who, flags in left_out.items():
        if flags.any():
            said = pc.if_else(pa.array(flags.any(axis=1)), joined(said, f"; {who} was left out"), said)
    return said


def _nobody(allowed: Flags) -> pa.Array:
    full, none = "no vendor that may deliver it has room", "no vendor may deliver it"
    return pc.if_else(pa.array(allowed.any(axis=1)), full, none)


def check_offers(vendor_items: pa.Table) -> None:
    """Nothing, if an article and vendor stand there once.

    Raises:
        DataError: they stand there more than once.
    """
    keys = pc.binary_join_element_wise(vendor_items["sku_id"], vendor_items["vendor_id"], "\x1f")
    if pc.count_distinct(keys).as_py() != len(keys):
        counts = pc.value_counts(keys.combine_chunks())
        twice = counts.filter(pc.greater(counts.field(1), 1)).field(0).slice(0, 6).to_pylist()
        which = [" of ".join(key.split("\x1f")) for key in twice]
        raise DataError(explain("silver/vendor_items: an article has two offers of one vendor", which=which))
