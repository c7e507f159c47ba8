"""Vendors of tonight's lines where articles have several: chosen before the limits of the night, and told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.decision import at_position
from scaleinv.replenish.exceptions import FOUND, found_table
from scaleinv.replenish.facts import Facts
from scaleinv.replenish.landed_cost import Offers, average_price
from scaleinv.replenish.market import Market
from scaleinv.replenish.offer_terms import breaks_of, numbers
from scaleinv.replenish.risks import margin_of
from scaleinv.replenish.ruled import Lines
from scaleinv.replenish.text import joined, spelled
from scaleinv.replenish.vendor_choice import VendorChoice, vendor_choice

_Floats = NDArray[np.float64]
_Flags = NDArray[np.bool_]
_Ints = NDArray[np.int64]

_FACTOR: Final = 1.645
"""Safety factor where that of the promise is not known: 95 of 100 cycles."""
_LEAST_FACTOR: Final = 0.05
"""Below it a safety stock says nothing of the spread that it was made of."""
_WHY: Final = {
    "vendor_over_capacity": "no vendor that may deliver it has room",
    "minimum_above_maximum": "no vendor's minimum fits under the limit of its stock",
    "vendor_blocked": "none of its vendors may be asked tonight",
}


@dataclass(frozen=True)
class Assigned:
    """Lines with their vendors, and what nobody delivers."""

    lines: Lines
    """On their vendor's terms; without what nobody delivers."""
    reason: pa.Array
    """(n,) why this vendor; null: it is the article's only one."""
    offer: _Ints
    """(n,) row of ``silver/vendor_items``; -1: none"""
    found: pa.Table
    """``FOUND`` of what nobody delivers."""


def assigned(
    lines: Lines, market: Market | None, vendors: pa.Table, capacity: Mapping[str, float], wanted: _Floats
) -> Assigned:
    """Each line of an article with offers goes to the vendor that covers its need cheapest, within capacities.

    Args:
        lines: what is to be ordered tonight, on the terms of the articles' present vendors.
        market: the offers; ``None``: nothing changes.
        vendors: silver/vendors.
        capacity: vendor -> units that it can deliver tonight; what articles without offers take of it is taken off.
        wanted: (n,) units that a person has set; NaN: nobody has.
    """
    none = Assigned(lines, pa.nulls(len(lines), pa.string()), np.full(len(lines), -1), FOUND.empty_table())
    if market is None:
        return none
    is_offered = pc.is_in(lines.facts["sku_id"], value_set=pc.unique(market.vendor_items["sku_id"]))
    rows = np.flatnonzero(is_offered.to_numpy(zero_copy_only=False))
    # By name: in which order lines come says nothing of who gets what is short.
    rows = rows[pc.sort_indices(lines.facts["unique_id"].take(pa.array(rows))).to_numpy()]
    left = _left(vendors, capacity, lines, rows)
    mine = lines.take(rows)
    made = choice(mine, market, left, wanted[rows])
    if made is None:
        return none
    refused = np.flatnonzero(made.offer < 0)
    offer, reason = none.offer.copy(), np.full(len(lines), -1)
    offer[rows], reason[rows] = made.offer, np.arange(rows.size)
    priced = Assigned(
        _on_terms(
            lines, market, offer, _filled(rows, made.lead_time, len(lines)), _filled(rows, made.quantity, len(lines)),
            np.isnan(wanted),
        ),
        made.reason.take(pa.array(reason, mask=reason < 0)), offer,
        _refusals(mine.facts, _need(mine, wanted[rows]), made, refused),
    )  # fmt: skip
    if not refused.size:
        return priced
    kept = np.delete(np.arange(len(lines)), rows[refused])
    return Assigned(priced.lines.take(kept), priced.reason.take(pa.array(kept)), offer[kept], priced.found)


def choice(lines: Lines, market: Market, vendors: pa.Table, wanted: _Floats) -> VendorChoice | None:
    """Who delivers each of these lines, whose articles all have offers; with the cost of every candidate."""
    facts, decision = lines.facts, lines.decision
    interval = np.maximum(facts.number("protection_interval"), 1.0)
    daily = np.maximum(facts.number("expected_demand"), 0.0) / interval
    factor = np.nan_to_num(facts.number("safety_factor"), nan=_FACTOR)
    held = np.maximum(facts.number("demand_safety_stock"), 0.0)
    says = (factor > _LEAST_FACTOR) & (held > 0)
    # The spread that the safety stock was made of; where it does not say, demand spreads as counts do.
    spread = np.where(says, held / np.where(says, factor, 1.0) / np.sqrt(interval), np.sqrt(daily))
    cost, price = facts.number("unit_cost"), facts.number("unit_price")
    table = pa.table({
        **{name: facts[name] for name in ("sku_id", "location_id", "vendor_id")}, "need": _need(lines, wanted),
        "mean_daily": daily, "sd_daily": spread, "review_period": facts.number("review_period"),
        "most": np.where(np.isnan(wanted), facts.number("level_limit") - decision.inventory_position, np.inf),
    })  # fmt: skip
    return vendor_choice(
        table, market.vendor_items, vendors, market.lead_times, safety_factor=np.maximum(factor, 0.0),
        stockout_cost=np.maximum(price - cost, 0.0) + market.goodwill * price, conditions=market.conditions,
    )  # fmt: skip


def repriced(made: Assigned, market: Market | None, quantity: _Floats) -> Lines:
    """The lines at what a unit costs of these quantities: limits of the night may have left a price break."""
    if market is None or market.conditions.price_breaks is None or not len(made.lines):
        return made.lines
    cost = _prices(market, made.offer, quantity, made.lines.facts.number("unit_cost"))
    return replace(made.lines, facts=_with(made.lines.facts, {"unit_cost": pa.array(cost)}))


def _need(lines: Lines, wanted: _Floats) -> _Floats:
    """(n,) units: what a person has set, else the need as far as stock may grow, else what a rule orders."""
    decision = lines.decision
    room = lines.facts.number("level_limit") - decision.inventory_position
    need = np.minimum(np.where(decision.need > 0, decision.need, decision.quantity), np.maximum(room, 0.0))
    need = np.where(need > 0, need, decision.quantity)
    return np.where(np.isnan(wanted), need, wanted)


def _left(vendors: pa.Table, capacity: Mapping[str, float], lines: Lines, offered: _Ints) -> pa.Table:
    """silver/vendors with the capacity that articles of one vendor leave."""
    taken = lines.decision.quantity.copy()
    taken[offered] = 0.0
    names = vendors["vendor_id"].combine_chunks()
    at = pc.fill_null(pc.index_in(lines.facts["vendor_id"], value_set=names), -1).to_numpy().astype(np.int64)
    used = np.bincount(at[at >= 0], taken[at >= 0], len(names))
    most = np.asarray([capacity.get(name, np.inf) for name in names.to_pylist()])
    left = np.where(np.isfinite(most), np.maximum(most - used, 0.0), np.inf)
    column = pa.array(left, mask=np.isinf(left))
    return vendors.set_column(vendors.schema.get_field_index("capacity"), "capacity", column)


def _on_terms(lines: Lines, market: Market, offer: _Ints, days: _Floats, quantity: _Floats, by_rule: _Flags) -> Lines:
    """Lines on the terms of their offers, and rounded by them, but where a person has said how many."""
    facts, items = lines.facts, market.vendor_items
    has = offer >= 0
    at = np.maximum(offer, 0)
    name = items["vendor_id"].combine_chunks().take(pa.array(at))
    vendor = pc.if_else(pa.array(has), name, facts["vendor_id"])
    moves = has & pc.not_equal(vendor, facts["vendor_id"]).to_numpy(zero_copy_only=False)
    terms = {
        column: pa.array(np.where(has, numbers(items, column)[at], facts.number(column)))
        for column in ("min_order_quantity", "order_multiple")
    }
    cost = _prices(market, offer, quantity, facts.number("unit_cost"))
    # Of its present vendor the policy knows the lead time better: by calendar.
    lead = np.where(moves, days, facts.number("lead_time"))
    facts = _with(facts, {**terms, "vendor_id": vendor, "unit_cost": pa.array(cost), "lead_time": pa.array(lead)})
    old = lines.decision
    made, mine = at_position(facts, old, old.inventory_position), has & by_rule
    decision = replace(
        old,
        quantity=np.where(mine, made.quantity, old.quantity),
        unlimited=np.where(mine, made.unlimited, old.unlimited),
    )
    return replace(lines, facts=facts, decision=decision)


def _prices(market: Market, offer: _Ints, quantity: _Floats, otherwise: _Floats) -> _Floats:
    """(n,) what a unit costs of an order of ``quantity``; without an offer ``otherwise``."""
    rows = np.flatnonzero((offer >= 0) & (quantity > 0))
    at = offer[rows]
    plain = numbers(market.vendor_items, "unit_cost")
    start, price = breaks_of(market.vendor_items, market.conditions.price_breaks)
    terms = Offers(
        plain, break_quantity=None if start is None else start[at][:, None],
        break_cost=None if price is None else price[at][:, None], discount=market.conditions.discount,
    )  # fmt: skip
    cost = np.where(offer >= 0, plain[np.maximum(offer, 0)], otherwise)
    cost[rows] = average_price(terms, plain[at][:, None], quantity[rows][:, None])[:, 0]
    return cost


def _refusals(facts: Facts, need: _Floats, made: VendorChoice, rows: _Ints) -> pa.Table:
    """What nobody delivers is named with what it would have brought."""
    kind = made.refused.take(pa.array(rows))
    offers = (made.candidates[rows] >= 0).sum(axis=1).astype(np.float64)
    found = []
    for name, why in _WHY.items():
        mine = pc.equal(kind, name).to_numpy(zero_copy_only=False)
        some = rows[mine]
        detail = joined(
            why, " (of ", spelled(offers[mine]), "): nothing is ordered, ", spelled(need[some]), " are needed"
        )
        found.append((name, some, detail, need[some] * margin_of(facts)[some]))
    return found_table(facts, found)


def _filled(rows: _Ints, values: _Floats, n: int) -> _Floats:
    made = np.zeros(n)
    made[rows] = values
    return made


def _with(facts: Facts, columns: Mapping[str, pa.Array]) -> Facts:
    table = facts.columns
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return Facts(table)
