"""Which of an article's vendors delivers each line, why, and what the others would have cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain
from scaleinv.replenish.landed_cost import LandedCost, Offers, landed_cost
from scaleinv.replenish.selection import Limits, Selection, select
from scaleinv.replenish.text import joined, spelled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LANE = "\x1f"


@dataclass(frozen=True)
class VendorChoice:
    """Of every line, ``(n,)``, and of every candidate, ``(n, n_vendors)``."""

    vendor_id: pa.Array
    """null: nobody that may deliver has room"""
    offer: Ints
    """row of ``silver/vendor_items``; -1: none"""
    quantity: Floats
    """units in whole packs of that vendor, at least its minimum; 0: none"""
    reason: pa.Array
    """why this vendor, in words"""
    candidates: Ints
    """(n, n_vendors) rows of ``silver/vendor_items``; -1: there are no more"""
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
    holding_rate: float = 0.25,
) -> VendorChoice | None:
    """The cheapest vendor of each line by landed cost, within capacities and shares; ``None``: no article has several.

    Args:
        lines: sku_id, location_id, need, mean_daily, sd_daily, review_period of what is to be ordered.
        vendor_items: silver/vendor_items.
        vendors: silver/vendors: whether a vendor is blocked, and its capacity tonight.
        lead_times: gold/lead_times of the night.
        safety_factor: (n,) of each line's promise.
        stockout_cost: (n,) money per unit short.
        holding_rate: share of a unit's price for a year.

    Raises:
        DataError: an article has no vendor in ``vendor_items``, or a vendor of it no lead times.
    """
    if not vendor_items.num_rows or not lines.num_rows:
        return None
    offer = _candidates(lines["sku_id"], vendor_items)
    is_there = offer >= 0
    at = np.maximum(offer, 0)
    vendor = _places(vendor_items["vendor_id"], vendors["vendor_id"], "silver/vendors")[at]
    blocked = pc.fill_null(vendors["is_blocked"], False).to_numpy().astype(bool)[vendor]
    mean, sd = _lead_moments(lines["location_id"], vendor_items["vendor_id"], at, is_there, lead_times)
    # What is not there is priced like the first offer, and is not allowed.
    cost = landed_cost(
        Offers(
            unit_cost=_numbers(vendor_items, "unit_cost")[at],
            min_order_quantity=_numbers(vendor_items, "min_order_quantity")[at],
            order_multiple=_numbers(vendor_items, "order_multiple")[at],
            freight_per_order=_numbers(vendor_items, "freight_per_order", 0.0)[at],
            freight_per_unit=_numbers(vendor_items, "freight_per_unit", 0.0)[at], lead_time=mean, lead_time_sd=sd,
        ),
        need=_numbers(lines, "need"), mean_daily=_numbers(lines, "mean_daily"), sd_daily=_numbers(lines, "sd_daily"),
        safety_factor=safety_factor, stockout_cost=stockout_cost, review_period=_numbers(lines, "review_period"),
        holding_rate=holding_rate,
    )  # fmt: skip
    allowed = is_there & ~blocked
    # To go without is the last resort: dearer than the dearest vendor and every unit short.
    total = np.where(allowed, cost.total, 0.0)
    without = total.max(axis=1) * 2.0 + stockout_cost * _numbers(lines, "need")
    chosen = select(cost.total, allowed, without, _limits(lines, vendor_items, vendors, offer, vendor, cost.quantity))
    rows = np.arange(lines.num_rows)
    has = chosen.choice >= 0
    column = np.maximum(chosen.choice, 0)
    taken = np.where(has, offer[rows, column], -1)
    names = vendor_items["vendor_id"].combine_chunks() if vendor_items["vendor_id"].num_chunks else pa.array([])
    return VendorChoice(
        vendor_id=names.take(pa.array(taken, mask=~has)),
        offer=taken,
        quantity=np.where(has, cost.quantity[rows, column], 0.0),
        reason=_reasons(chosen, cost.total, allowed, is_there & blocked, names, offer),
        candidates=offer,
        cost=cost,
        selection=chosen,
    )


def _candidates(skus: pa.ChunkedArray, vendor_items: pa.Table) -> Ints:
    """(n, most offers of an article) rows of ``vendor_items``, -1 where an article has fewer."""
    articles = pc.unique(vendor_items["sku_id"])
    place = _places(skus, articles, "silver/vendor_items")
    of_offer = pc.index_in(vendor_items["sku_id"], value_set=articles).to_numpy().astype(np.int64)
    order = np.argsort(of_offer, kind="stable")
    count = np.bincount(of_offer, minlength=len(articles))
    first = np.cumsum(count) - count
    table = np.full((len(articles), int(count.max())), -1, dtype=np.int64)
    table[of_offer[order], np.arange(len(order)) - np.repeat(first, count)] = order
    return np.asarray(table[place], dtype=np.int64)


def _places(keys: pa.ChunkedArray, known: pa.Array | pa.ChunkedArray, name: str) -> Ints:
    found = pc.index_in(keys, value_set=known.combine_chunks() if isinstance(known, pa.ChunkedArray) else known)
    if found.null_count:
        lost = pc.unique(keys.filter(pc.is_null(found)))
        raise DataError(
            explain(
                f"{name} lacks rows", which=lost.slice(0, 6).to_pylist(), do="add them to the source, or leave it out"
            )
        )
    return np.asarray(found.to_numpy(), dtype=np.int64)


def _numbers(data: pa.Table, name: str, empty: float = np.nan) -> Floats:
    column = pc.fill_null(data[name].cast(pa.float64()), empty)
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _lead_moments(
    locations: pa.ChunkedArray,
    vendors: pa.ChunkedArray,
    at: Ints,
    is_there: NDArray[np.bool_],
    lead_times: pa.Table,
) -> tuple[Floats, Floats]:
    """(n, n_vendors) mean and standard deviation of the lane's days, else of the vendor's."""
    p = np.asarray(lead_times["probability"].to_pylist(), dtype=np.float64)
    days = np.arange(p.shape[1])
    mean = p @ days
    sd = np.sqrt(np.maximum(p @ days**2 - mean**2, 0.0))
    keys = pc.binary_join_element_wise(
        lead_times["vendor_id"], pc.fill_null(lead_times["location_id"], ""), _LANE
    ).combine_chunks()  # fmt: skip
    name = vendors.take(pa.array(at.ravel()))
    where = locations.take(pa.array(np.repeat(np.arange(at.shape[0]), at.shape[1])))
    own = pc.index_in(pc.binary_join_element_wise(name, where, _LANE), value_set=keys)
    any_ = pc.index_in(pc.binary_join_element_wise(name, pa.scalar(""), _LANE), value_set=keys)
    row = pc.fill_null(pc.coalesce(own, any_), -1).to_numpy().astype(np.int64).reshape(at.shape)
    missing = (row < 0) & is_there
    if missing.any():
        which = pc.unique(name.filter(pa.array(missing.ravel()))).slice(0, 6).to_pylist()
        raise DataError(
            explain("vendors without lead times in gold/lead_times", which=which, do="let them quote one, run features")
        )
    return mean[row], sd[row]


def _limits(
    lines: pa.Table, vendor_items: pa.Table, vendors: pa.Table, offer: Ints, vendor: Ints, quantity: Floats
) -> Limits:
    """Capacity of each vendor tonight, and shares of each offer in its article's need; both in units."""
    is_there, n_vendors = offer >= 0, vendors.num_rows
    need = _numbers(lines, "need")
    skus = vendor_items["sku_id"]
    article = pc.index_in(skus, value_set=pc.unique(skus)).to_numpy().astype(np.int64)
    wanted = np.bincount(article[np.maximum(offer[:, 0], 0)], need, int(article.max()) + 1)[article]
    least = _numbers(vendor_items, "min_share", 0.0) * wanted
    share = _numbers(vendor_items, "max_share", 1.0)
    most = np.where(share < 1.0, share * wanted, np.inf)
    # A share is of the need: packs and minima are the vendor's, not the article's.
    needed = np.broadcast_to(need[:, None], offer.shape)
    return Limits(
        which=np.stack([np.where(is_there, vendor, -1), np.where(is_there, n_vendors + offer, -1)]),
        use=np.stack([quantity, needed]),
        most=np.concatenate([_numbers(vendors, "capacity", np.inf), most]),
        least=np.concatenate([np.zeros(n_vendors), least]),
    )


def _reasons(
    chosen: Selection,
    total: Floats,
    allowed: NDArray[np.bool_],
    blocked: NDArray[np.bool_],
    names: pa.Array,
    offer: Ints,
) -> pa.Array:
    """(n,) "cheapest of 3: 12.30, next V2 13.10", or whom it would have been and what that would have saved."""
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
    said = pc.if_else(pa.array(has), said, "no vendor that may deliver it has room")
    return pc.if_else(pa.array(blocked.any(axis=1)), joined(said, "; a blocked vendor was left out"), said)
