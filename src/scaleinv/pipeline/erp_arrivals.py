"""Orders that the ERP's list holds and shipments carry: the list says what is open, the shipments when it comes."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.pipeline.arrivals import Coming, with_arrivals
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.life import OPEN_LINES

_ORDERS: Final = "silver/purchase_orders"
_READ: Final = (
    "order_id", "line", "vendor_id", "sku_id", "location_id", "order_date", "promised_date", "received_date",
    "quantity", "received_quantity", "known_on", "load", "source",
)  # fmt: skip


def erp_moves(walk: Walk, found: Coming) -> pa.Table:
    """What changes about the supply of the ERP's list, as open lines (``OPEN_LINES``) to be added to it.

    ``gold/stock_position`` counts each line of the list on the day that the list says. Of one that shipments carry that
    is taken off again, as a line of less than nothing, and what the shipments say of as much is put in its place.
    """
    if not found.arrivals.num_rows or not walk.lake.exists(table(_ORDERS)):
        return OPEN_LINES.empty_table()
    own = _own_lines(found)
    names = pa.array({*own["order_id"].to_pylist(), *own["erp_number"].to_pylist()} - {None}, pa.string())
    rows = walk.lake.read(table(_ORDERS), where={"order_id": names.to_pylist()}, columns=_READ)
    rows = _open_rows(rows, walk.as_of)
    at = pc.coalesce(
        *(pc.index_in(_keys(rows, "order_id"), value_set=_keys(own, name)) for name in ("order_id", "erp_number"))
    )
    rows, at = rows.filter(pc.is_valid(at)).combine_chunks(), at.drop_null()
    if not rows.num_rows:
        return OPEN_LINES.empty_table()
    listed = _lines(rows, own.take(at).combine_chunks(), _due(rows, walk))
    moved = with_arrivals(_once(listed), found.arrivals)
    less = pc.negate(listed["quantity_open"])
    taken = listed.set_column(listed.schema.get_field_index("quantity_open"), "quantity_open", less)
    return pa.concat_tables([taken.cast(OPEN_LINES), moved.cast(OPEN_LINES)]).combine_chunks()


def _own_lines(found: Coming) -> pa.Table:
    """Each order line once, of those that arrivals speak of."""
    rows = found.rows.select(["order_id", "line", "unique_id", "sku_id", "location_id", "erp_number"])
    told = pc.index_in(_numbers(rows), value_set=_numbers(found.arrivals))
    rows = rows.filter(pc.is_valid(told)).combine_chunks()
    return rows.take(pc.unique(pc.index_in(_numbers(rows), value_set=_numbers(rows))))


def _numbers(rows: pa.Table) -> pa.Array:
    return _joined(rows["order_id"], rows["line"].cast(pa.string()))


def _keys(rows: pa.Table, order: str) -> pa.Array:
    return _joined(rows[order], rows["sku_id"], rows["location_id"])


def _joined(*columns: Any) -> pa.Array:
    made = pc.binary_join_element_wise(*columns, "\x1f")
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _open_rows(rows: pa.Table, as_of: date) -> pa.Table:
    """As ``features`` reads them: of each line what was known last on that day, where something is still to come."""
    rows = rows.filter(pc.less_equal(rows["known_on"], pa.scalar(as_of)))
    by = [(name, "ascending") for name in ("order_id", "line", "known_on", "load", "source")]
    rows = rows.sort_by(by).combine_chunks()
    keys = _numbers(rows)
    is_last = np.ones(rows.num_rows, dtype=np.bool_)
    if rows.num_rows:
        is_last[:-1] = pc.not_equal(keys[:-1], keys[1:]).to_numpy(zero_copy_only=False)
    rows = rows.filter(pa.array(is_last))
    rows = rows.filter(pc.fill_null(pc.greater(rows["received_date"], pa.scalar(as_of)), True))
    return rows.filter(pa.array(_to_come(rows) > 0)).combine_chunks()


def _to_come(rows: pa.Table) -> NDArray[np.float64]:
    """(n,) units of open lines without those that came, as ``gold/stock_position`` counts them."""
    came = pc.fill_null(rows["received_quantity"].cast(pa.float64()), 0.0)
    left = rows["quantity"].cast(pa.float64()).to_numpy() - came.to_numpy()
    return np.asarray(np.round(np.maximum(left, 0.0), 6), dtype=np.float64)


def _due(rows: pa.Table, walk: Walk) -> pa.Array:
    """(n,) as ``features`` has it: as promised, else after the vendor's mean lead time, rounded up, else tonight."""
    known = walk.read("gold/lead_times")
    known = known.filter(pc.is_null(known["location_id"])).combine_chunks()
    days = [np.ceil(np.round(np.dot(one, np.arange(len(one))), 6)) for one in known["probability"].to_pylist()]
    at = pc.index_in(rows["vendor_id"], value_set=known["vendor_id"])
    lead = pa.array(days, pa.float64()).cast(pa.int32()).take(at.combine_chunks())
    after = pc.add(rows["order_date"].cast(pa.int32()).combine_chunks(), lead).cast(pa.date32())
    return pc.coalesce(rows["promised_date"].combine_chunks(), after, pa.scalar(walk.as_of, pa.date32()))


def _lines(rows: pa.Table, own: pa.Table, due: pa.Array) -> pa.Table:
    columns = {
        "order_id": own["order_id"], "line": own["line"], "unique_id": own["unique_id"], "sku_id": own["sku_id"],
        "location_id": own["location_id"], "vendor_id": rows["vendor_id"],
        "status": pa.repeat("shipped", rows.num_rows), "quantity_open": pa.array(_to_come(rows)),
        "expected_date": due, "erp_number": own["erp_number"],
        # It is in the list, so it was ordered before tonight.
        "as_of": rows["order_date"],
    }  # fmt: skip
    return pa.table({name: columns[name] for name in OPEN_LINES.names}).cast(OPEN_LINES)


def _once(lines: pa.Table) -> pa.Table:
    """The ERP may have split a line: together it is one, expected when the last of it is."""
    group = pc.index_in(_numbers(lines), value_set=_numbers(lines)).to_numpy(zero_copy_only=False)
    first, at = np.unique(group, return_inverse=True)
    units = np.bincount(at, lines["quantity_open"].to_numpy())
    last = np.full(first.size, np.iinfo(np.int32).min, dtype=np.int32)
    np.maximum.at(last, at, lines["expected_date"].cast(pa.int32()).to_numpy())
    found = lines.take(pa.array(first))
    for name, values in (("quantity_open", pa.array(units)), ("expected_date", pa.array(last).cast(pa.date32()))):
        place = found.schema.get_field_index(name)
        found = found.set_column(place, found.schema.field(place), values)
    return found
