"""Orders of earlier nights that the ERP's own list does not know yet: supply that counts, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.facts import Facts

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OwnOrders:
    """Open lines that count beside the ERP's, and how likely an overdue one still comes."""

    lines: pa.Table
    """``schema.life.OPEN_LINES``."""
    chances: Mapping[str, _Floats]
    """Vendor -> (n_days,) chance that a line 0, 1, 2 … days overdue comes in the protection interval; not named: 1."""


def own_orders(
    open_lines: pa.Table,
    erp_orders: pa.Array,
    *,
    as_of: date,
    chances: Mapping[str, _Floats] | None = None,
) -> OwnOrders:
    """Without what the ERP's list holds, whatever it says of it, and without orders of tonight: they are made anew.

    Args:
        open_lines: of the order book, ``schema.life.OPEN_LINES``.
        erp_orders: order ids of the ERP's list, open or not.
        as_of: tonight.
        chances: see :class:`OwnOrders`.
    """
    in_erp = pc.or_(
        pc.is_in(open_lines["order_id"], value_set=erp_orders),
        pc.fill_null(pc.is_in(open_lines["erp_number"], value_set=erp_orders, skip_nulls=True), False),
    )
    earlier = pc.less(open_lines["as_of"], pa.scalar(as_of))
    kept = open_lines.filter(pc.and_(pc.invert(in_erp), earlier))
    return OwnOrders(kept.combine_chunks(), chances or {})


def with_own_orders(facts: Facts, own: OwnOrders | None, *, as_of: date) -> Facts:
    """``facts`` whose supply holds them: what comes in time, overdue ones by their chance."""
    if own is None or not own.lines.num_rows:
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
