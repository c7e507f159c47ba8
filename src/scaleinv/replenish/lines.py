"""Purchase order lines: series to order, grouped per vendor and delivery location, with key, dates and reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.changes import Changes
from scaleinv.replenish.decision import Decision
from scaleinv.replenish.facts import Facts, rows_of, selected
from scaleinv.replenish.keys import MAX_LINES, order_keys
from scaleinv.replenish.text import joined, spelled
from scaleinv.schema import check, table
from scaleinv.schema.words import Disposition

_QUANTITY = pa.decimal128(18, 6)
_GRID = 2.0**20
_PRICE = pa.decimal128(18, 4)


@dataclass(frozen=True)
class Grouping:
    """Which line goes into which order; rows already in the order of the lines."""

    order: NDArray[np.int64]
    """(n_lines,) index into ``keys``."""
    line: NDArray[np.int64]
    """(n_lines,) from 1."""
    keys: list[str]
    """(n_orders,)"""


def order_lines(
    facts: Facts,
    decision: Decision,
    items: pa.Table,
    vendors: pa.Table,
    changes: Changes,
    *,
    retailer: str,
    as_of: date,
    arrivals: Mapping[str, date],
) -> pa.Table:
    """``gold/order_proposals``, sorted by vendor, location and SKU.

    ``arrivals``: vendors with a calendar, and the day on which an order of tonight is expected from them; from the
    others it is expected after their mean lead time, rounded up to days.

    Money is exact: ``unit_cost`` is kept to four decimals and ``value`` is rounded half up to the cent, line by line,
    so that sums over lines are what the documents say.

    Raises:
        DataError: an item or a vendor is unknown, or two orders share a key.
    """
    gtins = rows_of(facts.columns["sku_id"], items, "silver/items", "sku_id")
    currencies = rows_of(facts.columns["vendor_id"], vendors, "silver/vendors", "vendor_id")
    rows = np.flatnonzero(decision.is_known & (changes.quantity > 0))
    rows = rows[_sorting(facts, rows)]
    line_facts = facts.take(rows)
    ordered, need = changes.quantity[rows], _on_grid(decision.need[rows])
    rounding = _on_grid(changes.rounded[rows] - need)
    limit = changes.constraint.take(pa.array(rows))
    grouping = _grouping(line_facts, retailer, as_of)
    quantity = pa.array(ordered).cast(_QUANTITY)
    unit_cost = line_facts["unit_cost"].cast(_PRICE)
    value = pc.round(pc.multiply(quantity, unit_cost), 2, round_mode="half_towards_infinity")
    tonight = pa.repeat(pa.scalar(as_of, pa.date32()), rows.size)
    approve: Disposition = "approve"
    columns = {
        "as_of": tonight,
        "order_id": pa.array(grouping.keys, pa.string()).take(pa.array(grouping.order)),
        "line": pa.array(grouping.line.astype(np.int32)),
        **{name: line_facts[name] for name in ("vendor_id", "location_id", "sku_id", "unique_id", "unit")},
        "quantity": _floats(quantity, 6),
        "need": need,
        "rounding": rounding,
        "constraint_change": ordered - need - rounding,
        "constraint": limit,
        "unit_cost": _floats(unit_cost, 4),
        "value": _floats(value, 2),
        "currency": selected(vendors, "silver/vendors", ["currency"])["currency"].take(currencies.take(pa.array(rows))),
        "gtin": selected(items, "silver/items", ["gtin"])["gtin"].take(gtins.take(pa.array(rows))),
        "order_date": tonight,
        "delivery_date": _delivery_dates(line_facts, tonight, arrivals),
        "inventory_position": pa.array(decision.inventory_position[rows]),
        "reorder_point": line_facts["reorder_point"],
        "order_up_to_level": line_facts["order_up_to_level"],
        "reason": _reason(line_facts, decision.inventory_position[rows], ordered, limit),
        "disposition": pa.repeat(pa.scalar(approve), rows.size),
        "rule": pa.nulls(rows.size, pa.string()),
    }
    return check(pa.table(columns), table("gold/order_proposals"), unique=False)  # unique by construction


def _delivery_dates(lines: Facts, tonight: pa.Array, arrivals: Mapping[str, date]) -> pa.Array:
    """(n_lines,) days on which goods are expected."""
    days = pa.array(np.ceil(lines.number("lead_time") - 1e-9).astype(np.int32))
    after = pc.add(tonight.cast(pa.int32()), days).cast(pa.date32())
    at = pc.index_in(lines["vendor_id"], value_set=pa.array(list(arrivals), pa.string()))
    return pc.coalesce(pa.array(list(arrivals.values()), pa.date32()).take(at), after)


def _floats(decimals: pa.Array, digits: int) -> NDArray[np.float64]:
    """(n,) the float nearest to each decimal; Arrow's own cast makes 0.03 into 0.030000000000000002."""
    values: NDArray[np.float64] = np.round(decimals.cast(pa.float64()).to_numpy(zero_copy_only=False), digits)
    return values


def _sorting(facts: Facts, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n_lines,) the order of ``rows`` by vendor, location and SKU, in code points: no locale, no chance."""
    keys = [_codes(facts[name].take(pa.array(rows))) for name in ("sku_id", "location_id", "vendor_id")]
    return np.lexsort(keys)


def _codes(texts: pa.Array) -> NDArray[np.int64]:
    """(n,) each text's rank among the distinct ones."""
    encoded = texts.dictionary_encode()
    ascending = pc.sort_indices(encoded.dictionary).to_numpy()
    ranks = np.empty(ascending.size, dtype=np.int64)
    ranks[ascending] = np.arange(ascending.size)
    return np.asarray(ranks[encoded.indices.to_numpy(zero_copy_only=False)], dtype=np.int64)


def _grouping(lines: Facts, retailer: str, as_of: date) -> Grouping:
    vendor, location = _codes(lines["vendor_id"]), _codes(lines["location_id"])
    changes = np.ones(len(lines), dtype=bool)
    changes[1:] = (vendor[1:] != vendor[:-1]) | (location[1:] != location[:-1])
    starts = np.flatnonzero(changes)
    sizes = np.diff(starts, append=len(lines))
    place = np.arange(len(lines)) - np.repeat(starts, sizes)  # (n_lines,) within vendor and location, from 0
    begins = place % MAX_LINES == 0
    heads = np.flatnonzero(begins)
    names = zip(
        lines["vendor_id"].take(pa.array(heads)).to_pylist(),
        lines["location_id"].take(pa.array(heads)).to_pylist(),
        (place[heads] // MAX_LINES + 1).tolist(),
        strict=True,
    )
    return Grouping(np.cumsum(begins) - 1, place % MAX_LINES + 1, order_keys(retailer, as_of, names))


def _on_grid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) multiples of 2^-20: sums of these are exact."""
    return np.asarray(np.round(values * _GRID) / _GRID, dtype=np.float64)


def _reason(lines: Facts, position: NDArray[np.float64], quantity: NDArray[np.float64], limit: pa.Array) -> pa.Array:
    bound = pc.fill_null(pc.binary_join_element_wise("; changed by ", limit, ""), "")
    return joined(
        "position ", spelled(position), " below reorder point ", spelled(lines.number("reorder_point")),
        "; brought to ", spelled(position + quantity),
        " (order-up-to ", spelled(lines.number("order_up_to_level")),
        ", minimum ", spelled(lines.number("min_order_quantity")),
        ", multiple ", spelled(lines.number("order_multiple")), ")", bound,
    )  # fmt: skip
