"""One night's proposals: the room's front door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.config.models import ReplenishConfig
from scaleinv.replenish.assigned import assigned, repriced
from scaleinv.replenish.changes import Changes, overridden, unchanged
from scaleinv.replenish.decision import Decision, decide, not_wanted
from scaleinv.replenish.exceptions import (
    FOUND,
    cut_exceptions,
    line_exceptions,
    order_exceptions,
    override_exceptions,
    rounding_exceptions,
    unfit_exceptions,
)
from scaleinv.replenish.fact_columns import FactColumns
from scaleinv.replenish.facts import Facts, gather
from scaleinv.replenish.filing import DECISIONS, OVERRIDE, filed
from scaleinv.replenish.lines import order_lines
from scaleinv.replenish.market import Market, capacities, elsewhere, with_blocked
from scaleinv.replenish.order_units import order_units
from scaleinv.replenish.own_orders import OwnOrders
from scaleinv.replenish.ruled import Lines, Overrides, joined_lines, ruled
from scaleinv.replenish.rules import RuleSet, Verdict, rule_set, verdict
from scaleinv.replenish.sourcing import Sourced, may_help, sourced
from scaleinv.replenish.supply import with_supply

Part = tuple[pa.Table, pa.Table, pa.Table]
"""Rows of gold/policies, gold/stock_position and gold/series of the same series of one night.

The last may have columns more: ``recent_demand``, ``days_since_sale``, ``last_unit_cost`` (docs/replenishment.md)."""


@dataclass(frozen=True)
class Known:
    """What is known beside the night's tables; nothing of it is needed."""

    own: OwnOrders | None = None
    """Orders of earlier nights that the ERP's list does not hold."""
    moves: pa.Table | None = None
    """Transfers that were proposed on earlier nights (``open_transfers.open_transfers``)."""
    packs: pa.Table | None = None
    """silver/packs."""
    decisions: pa.Table = field(default_factory=DECISIONS.empty_table)
    """What persons have decided (``filing.DECISIONS``)."""
    before: pa.Table | None = None
    """``gold/exceptions`` of earlier nights: as_of, unique_id, kind, first_seen."""
    found: pa.Table = field(default_factory=FOUND.empty_table)
    """Exceptions of others (``exceptions.FOUND``), a series and kind once: of shipments."""
    market: Market | None = None
    """Offers, where articles have several vendors; not given: each has its one."""


@dataclass(frozen=True)
class Proposals:
    """What to order and what to look at."""

    lines: pa.Table
    """``gold/order_proposals``, sorted by vendor, location, what becomes of the order, and SKU."""
    exceptions: pa.Table
    """``gold/exceptions``, sorted by series and kind."""
    transfers: pa.Table
    """``gold/transfer_proposals``."""
    n_waiting: int
    """Series below their reorder point whose vendor takes no orders tonight."""
    unwanted: pa.ChunkedArray
    """Series that were looked at and of which nothing is to be ordered; not what only cannot be ordered tonight."""


@dataclass(frozen=True)
class Wanted:
    """What the rules ask for tonight, of all parts; nothing of what they do not."""

    facts: Facts
    """Of the lines to order, one part after the other."""
    decision: Decision
    """Of the same lines."""


@dataclass(frozen=True)
class _Night:
    """What every step goes by."""

    as_of: date
    config: ReplenishConfig
    rules: RuleSet
    known: Known
    horizon: int | None
    open_tonight: Mapping[str, bool]
    market: Market | None

    @cached_property
    def overrides(self) -> Overrides | None:
        """Quantities that persons have set, of those that count tonight; of several on a series the latest one."""
        rows = self.known.decisions
        counts = pc.and_(pc.equal(rows["decision"], OVERRIDE), pc.greater_equal(rows["until"], pa.scalar(self.as_of)))
        order = [("unique_id", "ascending"), ("decided_at", "descending"), ("kind", "ascending")]
        rows = rows.filter(counts).sort_by(order).combine_chunks()
        if not rows.num_rows:
            return None
        ids = rows["unique_id"].combine_chunks()
        first = np.unique(pc.index_in(ids, value_set=ids).to_numpy(zero_copy_only=False))
        rows = rows.take(pa.array(first)).combine_chunks()
        ids = rows["unique_id"].combine_chunks()
        return Overrides(ids, np.nan_to_num(rows["quantity"].to_numpy().astype(np.float64)))


def propose(
    parts: Iterable[Part],
    items: pa.Table,
    vendors: pa.Table,
    *,
    retailer: str,
    as_of: date,
    config: ReplenishConfig,
    horizon: int | None = None,
    open_tonight: Mapping[str, bool] | None = None,
    arrivals: Mapping[str, date] | None = None,
    change: Callable[[Wanted], Changes] | None = None,
    known: Known | None = None,
) -> Proposals:
    """Orders every series whose inventory position is below its reorder point, and what rules make of it.

    Nothing is ordered from a vendor that takes no orders in the evening of ``as_of``. A series without a stock record,
    with too old a one, or with a number that nothing can be ordered by, is not ordered but named; a negative record of
    stock on hand counts as none. The order of the input rows, and how they are parted, changes nothing. Of a part only
    what is ordered is kept, and what a rule may want to take from.

    Args:
        parts: the night's series, each in one part (for instance a training group).
        items: silver/items, for the GTIN.
        vendors: silver/vendors, for the currency.
        retailer: part of every order's key.
        as_of: the night; the orders leave in its evening.
        config: rules, limits of approval, how old a stock record may be, what counts as an exception.
        horizon: days that the forecast reaches, to name series whose protection interval is longer.
        open_tonight: vendors with a calendar, and whether they take orders tonight by it.
        arrivals: of these, the day on which an order of tonight is expected; of the others it is the mean lead time,
            rounded up to days, after tonight.
        change: what rounding by cost and limits of the night make of what is wanted; not given: nothing.
        known: own open orders, units of order, decisions of persons, the night before, offers of several vendors.

    Raises:
        DataError: tables do not fit together, or two orders share a key.
    """
    config, known = with_blocked(config, vendors), known or Known()
    blocked = config.exceptions.blocked_vendors
    is_open = dict(open_tonight or {}) | dict.fromkeys(blocked, False)
    market = known.market and known.market.tonight(vendors, as_of, open_tonight or {}, blocked)
    night = _Night(as_of, config, rule_set(config.every_rule), known, horizon, is_open, market)
    source, unwanted, found, n_waiting = _wanted(parts, night)
    capacity = capacities(vendors, config, market)
    made_by = assigned(source.lines, market, vendors, capacity, _set(source.lines, night))
    found.append(made_by.found)
    lines = made_by.lines
    wanted = Wanted(lines.facts, lines.decision)
    changes = unchanged(wanted.decision) if change is None else change(wanted)
    changes = _overridden(lines, changes, night)
    in_packs = order_units(lines.facts, changes.quantity, night.known.packs)
    if night.known.packs is not None and not in_packs.fits.all():
        unfit = np.flatnonzero(~in_packs.fits)
        found.append(unfit_exceptions(lines.facts, changes.quantity, unfit, night.known.packs))
    lines = repriced(made_by, market, changes.quantity)
    said = _said(lines, changes, night)
    made = order_lines(
        lines.facts, lines.decision, items, vendors, changes, said, in_packs, retailer=retailer, as_of=as_of,
        arrivals=arrivals or {}, vendor_reason=made_by.reason,
    )  # fmt: skip
    found += [
        cut_exceptions(lines.facts, lines.decision.quantity, changes.quantity, changes.cut, changes.lost),
        rounding_exceptions(lines.facts, lines.decision, changes, config.max_rounding_ratio),
        line_exceptions(lines, changes, said, capacity),
    ]
    exceptions = filed(
        pa.concat_tables([*found, night.known.found]), as_of=as_of, config=config.exceptions, before=night.known.before,
        decisions=night.known.decisions,
    )  # fmt: skip
    return Proposals(made, exceptions, source.transfers, n_waiting, unwanted)


def _wanted(parts: Iterable[Part], night: _Night) -> tuple[Sourced, pa.ChunkedArray, list[pa.Table], int]:
    """What is to be ordered, series of which nothing is, exceptions, and how many series wait for their vendor."""
    kept: list[Lines] = []
    unwanted: list[pa.Array] = []
    found: list[pa.Table] = []
    n_waiting = 0
    has_sources = bool(night.rules.doing("transfer_first", "substitute"))
    for part in parts:
        lines = _decided(part, night)
        found.append(order_exceptions(lines, night.rules, night.config.exceptions, horizon=night.horizon))
        if night.overrides is not None:
            found.append(override_exceptions(lines.facts, *night.overrides.broken(lines.facts)))
        blocked = pc.is_in(
            lines.facts["vendor_id"], value_set=pa.array(night.config.exceptions.blocked_vendors, pa.string())
        ).to_numpy(zero_copy_only=False)
        n_waiting += int((lines.decision.is_waiting & ~blocked).sum())
        is_kept = lines.decision.is_ordered
        if has_sources:
            is_kept = is_kept | may_help(lines, night.rules)
        kept.append(lines.take(np.flatnonzero(is_kept)))
        left = ~is_kept & not_wanted(lines.facts, lines.decision)
        unwanted.append(lines.facts["unique_id"].filter(pa.array(left)))
    source = sourced(joined_lines(kept), night.rules, as_of=night.as_of)
    found += [pa.table([ids, pa.repeat(kind, len(ids)), detail, np.round(value, 2)], schema=FOUND)
              for kind, ids, detail, value in source.substituted]  # fmt: skip
    return source, pa.chunked_array([*unwanted, source.unwanted], pa.string()), found, n_waiting


def _decided(part: Part, night: _Night) -> Lines:
    facts = with_supply(gather(*part, as_of=night.as_of), night.known.own, night.known.moves, as_of=night.as_of)
    decision = decide(
        facts, as_of=night.as_of, max_stock_age_days=night.config.max_stock_age_days, open_tonight=night.open_tonight
    )
    decision = elsewhere(facts, decision, night.market)
    return ruled(facts, decision, night.rules, night.overrides, as_of=night.as_of)


def _set(lines: Lines, night: _Night) -> NDArray[np.float64]:
    """(n,) what persons have set; NaN: nobody has."""
    units = np.full(len(lines), np.nan)
    if night.overrides is not None:
        rows, quantity = night.overrides.of(lines.facts)
        units[rows] = quantity
    return units


def _overridden(lines: Lines, changes: Changes, night: _Night) -> Changes:
    overrides = night.overrides
    if overrides is None:
        return changes
    rows, quantity = overrides.of(lines.facts)
    return overridden(changes, rows, np.where(lines.decision.may_order[rows], quantity, 0.0))


def _said(lines: Lines, changes: Changes, night: _Night) -> Verdict:
    """What becomes of each line, by what is ordered of it after all."""
    facts, quantity = lines.facts, np.where(lines.decision.is_known, changes.quantity, 0.0)
    value = quantity * facts.number("unit_cost")
    more = {
        "quantity": pa.array(quantity),
        "value": pa.array(value),
        "order_value": pa.array(_sums(value, facts["vendor_id"], facts["location_id"])),
        "vendor_value": pa.array(_sums(value, facts["vendor_id"])),
        "vendor_quantity": pa.array(_sums(quantity, facts["vendor_id"])),
        "constraint": changes.constraint,
    }
    late = night.rules.matched(FactColumns(facts, lines.decision, night.as_of, more), early=False)
    return verdict(night.rules, lines.matches | late, len(lines))


def _sums(values: NDArray[np.float64], *keys: pa.Array) -> NDArray[np.float64]:
    """(n,) of each row the sum over all rows with the same keys, in cents: the order of rows plays no part."""
    group = np.zeros(len(values), dtype=np.int64)
    for key in keys:
        encoded = key.dictionary_encode()
        group = group * max(len(encoded.dictionary), 1) + encoded.indices.to_numpy(zero_copy_only=False)
    _, place = np.unique(group, return_inverse=True)
    cents = np.bincount(place, np.rint(values * 1e4), minlength=1)
    return np.asarray(cents[place] / 1e4, dtype=np.float64) if len(values) else values
