"""Orders of earlier nights that the ERP's own list does not know yet: supply that counts, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.facts import Facts
from scaleinv.schema.life import OWN_RECEIPTS

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OwnOrders:
    """Open lines that count beside the ERP's, how likely an overdue one still comes, and what has come already."""

    lines: pa.Table
    """``schema.life.OPEN_LINES``."""
    chances: Mapping[str, _Floats]
    """Vendor -> (n_days,) chance that a line 0, 1, 2 … days overdue comes in the protection interval; not named: 1."""
    came: pa.Table = field(default_factory=OWN_RECEIPTS.empty_table)
    """``schema.life.OWN_RECEIPTS``: on the shelf, where the stock record is older."""


def own_orders(
    open_lines: pa.Table,
    erp_orders: pa.Array,
    *,
    as_of: date,
    chances: Mapping[str, _Floats] | None = None,
    came: pa.Table | None = None,
) -> OwnOrders:
    """Without what the ERP's list holds, whatever it says of it, and without orders of tonight: they are made anew.

    Args:
        open_lines: of the order book, ``schema.life.OPEN_LINES``.
        erp_orders: order ids of the ERP's list, open or not.
        as_of: tonight.
        chances: see :class:`OwnOrders`.
        came: what was received of the order book's orders of earlier nights, ``schema.life.OWN_RECEIPTS``.
    """
    kept = _not_listed(open_lines, erp_orders)
    kept = kept.filter(pc.less(kept["as_of"], pa.scalar(as_of)))
    there = OWN_RECEIPTS.empty_table() if came is None else _not_listed(came, erp_orders)
    return OwnOrders(kept.combine_chunks(), chances or {}, there.combine_chunks())


def _not_listed(rows: pa.Table, erp_orders: pa.Array) -> pa.Table:
    """Without those that the ERP's list names, by our key or by the ERP's number."""
    in_erp = pc.or_(
        pc.is_in(rows["order_id"], value_set=erp_orders),
        pc.fill_null(pc.is_in(rows["erp_number"], value_set=erp_orders, skip_nulls=True), False),
    )
    return rows.filter(pc.invert(in_erp))


def with_own_orders(facts: Facts, own: OwnOrders | None, *, as_of: date) -> Facts:
    """``facts`` whose supply holds them: what comes in time, overdue ones by their chance.

    What came after a series' stock record, up to tonight, is on hand; without a record nothing is known.
    """
    return facts if own is None else _with_open(_with_came(facts, own.came, as_of), own, as_of)


def _with_came(facts: Facts, came: pa.Table, as_of: date) -> Facts:
    at = pc.fill_null(pc.index_in(came["unique_id"], value_set=facts["unique_id"]), -1).to_numpy()
    mine = np.flatnonzero(at >= 0)
    if not mine.size:
        return facts
    came, row = came.take(pa.array(mine)), at[mine].astype(np.int64)
    counted = pc.less(facts["stock_date"].take(pa.array(row)), came["received_date"].combine_chunks())
    is_new = pc.and_(pc.fill_null(counted, False), pc.less_equal(came["received_date"], pa.scalar(as_of)))
    units = np.where(is_new.to_numpy(), came["quantity"].to_numpy(), 0.0)
    more = np.bincount(row, units, minlength=len(facts))
    on_hand = facts.number("on_hand")
    place = facts.columns.schema.get_field_index("on_hand")
    # What is taken back cannot have lain there any more where less is left: no shelf holds less than nothing by it.
    there = np.maximum(np.round(on_hand + more, 6), np.minimum(on_hand, 0.0))
    values = np.where(more != 0, there, on_hand)
    return Facts(facts.columns.set_column(place, "on_hand", pa.array(values)))


def _with_open(facts: Facts, own: OwnOrders, as_of: date) -> Facts:
    if not own.lines.num_rows:
        return facts
    at = pc.fill_null(pc.index_in(own.lines["unique_id"], value_set=facts["unique_id"]), -1).to_numpy()
    mine = np.flatnonzero(at >= 0)
    if not mine.size:
        return facts
    lines, row = own.lines.take(pa.array(mine)), at[mine].astype(np.int64)
    units = lines["quantity_open"].to_numpy()
    tonight = (as_of - date(1970, 1, 1)).days
    expected = lines["expected_date"].cast(pa.int32()).to_numpy()
    last = tonight + np.ceil(facts.number("protection_interval") - 1e-9)[row]
    in_time, overdue = expected <= last, expected < tonight
    counted = np.where(overdue, units * _chance(own, lines, tonight - expected), units)
    parts = {
        "on_order": np.where(in_time, counted, 0.0),
        "on_order_not_due": np.where(in_time, 0.0, units),
        "on_order_overdue": np.where(overdue, units, 0.0),
        "on_order_discount": np.where(overdue, units - counted, 0.0),
    }
    columns = facts.columns
    for name, values in parts.items():
        place = columns.schema.get_field_index(name)
        more = np.bincount(row, values, minlength=len(facts))  # there is a line: these are floats
        columns = columns.set_column(place, name, pa.array(np.round(facts.number(name) + more, 6)))
    return Facts(columns)


def _chance(own: OwnOrders, lines: pa.Table, days: NDArray[np.int64]) -> _Floats:
    """(n,) by the vendor's record."""
    chance = np.ones(lines.num_rows)
    encoded = lines["vendor_id"].combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    for code, vendor in enumerate(encoded.dictionary.to_pylist()):
        if vendor in own.chances:
            rows, known = np.flatnonzero(codes == code), own.chances[vendor]
            chance[rows] = known[np.clip(days[rows], 0, len(known) - 1)]
    return chance
