"""Purchase order lines: series to order, grouped per vendor and delivery location, with key, dates and reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.changes import Changes
from scaleinv.replenish.decision import Decision
from scaleinv.replenish.facts import Facts, rows_of, selected
from scaleinv.replenish.keys import MAX_LINES, order_keys
from scaleinv.replenish.order_units import OrderUnits
from scaleinv.replenish.rules import Verdict
from scaleinv.replenish.text import joined, ranks, spelled
from scaleinv.schema import check, table

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
    said: Verdict,
    in_packs: OrderUnits,
    *,
    retailer: str,
    as_of: date,
    arrivals: Mapping[str, date],
    vendor_reason: pa.Array | None = None,
) -> pa.Table:
    """``gold/order_proposals``, sorted by vendor, location, what becomes of the order, and SKU.

    ``said`` is what rules say of every row of ``facts``; an order holds lines of one disposition. ``in_packs`` are the
    same quantities as ``changes`` has in units of order, ``vendor_reason`` says why a vendor was chosen: both of every
    row of ``facts``.

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
    rows = rows[_sorting(facts, rows, said)]
    line_facts = facts.take(rows)
    ordered, at = changes.quantity[rows], pa.array(rows)
    limit = changes.constraint.take(at)
    verdict = _verdict(said, at)
    grouping = _grouping(line_facts, verdict["disposition"], retailer, as_of)
    tonight = pa.repeat(pa.scalar(as_of, pa.date32()), rows.size)
    in_packs = in_packs.take(rows)
    columns = {
        "as_of": tonight,
        "order_id": pa.array(grouping.keys, pa.string()).take(pa.array(grouping.order)),
        "line": pa.array(grouping.line.astype(np.int32)),
        **{name: line_facts[name] for name in ("vendor_id", "location_id", "sku_id", "unique_id", "unit")},
        **_parts(ordered, decision.need[rows], changes.rounded[rows]),
        "constraint": limit,
        **_money(ordered, line_facts["unit_cost"]),
        "currency": selected(vendors, "silver/vendors", ["currency"])["currency"].take(currencies.take(at)),
        "gtin": selected(items, "silver/items", ["gtin"])["gtin"].take(gtins.take(at)),
        "order_date": tonight,
        "delivery_date": _delivery_dates(line_facts, tonight, arrivals),
        "inventory_position": pa.array(decision.inventory_position[rows]),
        "reorder_point": line_facts["reorder_point"],
        "order_up_to_level": line_facts["order_up_to_level"],
        "reason": _reason(line_facts, decision.take(rows), ordered, limit),
        **verdict,
        "order_quantity": in_packs.quantity,
        "order_unit": in_packs.unit,
        "vendor_reason": pa.nulls(rows.size, pa.string()) if vendor_reason is None else vendor_reason.take(at),
    }
    return check(pa.table(columns), table("gold/order_proposals"), unique=False)  # unique by construction


def _parts(ordered: NDArray[np.float64], need: NDArray[np.float64], rounded: NDArray[np.float64]) -> dict[str, Any]:
    """What a quantity is made of: the parts add up to it exactly."""
    need = _on_grid(need)
    rounding = _on_grid(rounded - need)
    return {"need": need, "rounding": rounding, "constraint_change": ordered - need - rounding}


def _money(ordered: NDArray[np.float64], unit_cost: pa.Array) -> dict[str, Any]:
    """Quantity, price and value, which is the first two multiplied as exact decimals."""
    quantity, cost = pa.array(ordered).cast(_QUANTITY), unit_cost.cast(_PRICE)
    value = pc.round(pc.multiply(quantity, cost), 2, round_mode="half_towards_infinity")
    return {"quantity": _floats(quantity, 6), "unit_cost": _floats(cost, 4), "value": _floats(value, 2)}


def _verdict(said: Verdict, at: pa.Array) -> dict[str, Any]:
    """What rules say of the lines."""
    rules = said.rules.take(at)
    return {
        "disposition": said.disposition.take(at),
        "rule": said.rule.take(at),
        "rules": pc.if_else(pc.equal(rules, ""), pa.scalar(None, pa.string()), rules),
        "queue": said.queue.take(at),
    }


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


def _sorting(facts: Facts, rows: NDArray[np.int64], said: Verdict) -> NDArray[np.int64]:
    """(n_lines,) the order of ``rows``, in code points: no locale, no chance."""
    at = pa.array(rows)
    keys = [ranks(facts[name].take(at)) for name in ("sku_id", "location_id", "vendor_id")]
    return np.lexsort([keys[0], ranks(said.disposition.take(at)), *keys[1:]])


def _grouping(lines: Facts, disposition: pa.Array, retailer: str, as_of: date) -> Grouping:
    changes = np.ones(len(lines), dtype=bool)
    codes = [ranks(values) for values in (lines["vendor_id"], lines["location_id"], disposition)]
    changes[1:] = np.any([code[1:] != code[:-1] for code in codes], axis=0)
    starts = np.flatnonzero(changes)
    sizes = np.diff(starts, append=len(lines))
    place = np.arange(len(lines)) - np.repeat(starts, sizes)  # (n_lines,) within what may share an order, from 0
    begins = place % MAX_LINES == 0
    heads = np.flatnonzero(begins)
    names = zip(
        lines["vendor_id"].take(pa.array(heads)).to_pylist(),
        lines["location_id"].take(pa.array(heads)).to_pylist(),
        (place[heads] // MAX_LINES + 1).tolist(),
        disposition.take(pa.array(heads)).to_pylist(),
        strict=True,
    )
    return Grouping(np.cumsum(begins) - 1, place % MAX_LINES + 1, order_keys(retailer, as_of, names))


def _on_grid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) multiples of 2^-20: sums of these are exact."""
    return np.asarray(np.round(values * _GRID) / _GRID, dtype=np.float64)


def _reason(lines: Facts, decision: Decision, quantity: NDArray[np.float64], limit: pa.Array) -> pa.Array:
    bound = pc.fill_null(pc.binary_join_element_wise("; changed by ", limit, ""), "")
    position = decision.inventory_position
    is_below = pc.if_else(pa.array(decision.is_below), " below reorder point ", " not below reorder point ")
    return joined(
        "position ", spelled(position), is_below, spelled(lines.number("reorder_point")),
        "; brought to ", spelled(position + quantity),
        " (order-up-to ", spelled(lines.number("order_up_to_level")),
        ", minimum ", spelled(lines.number("min_order_quantity")),
        ", multiple ", spelled(lines.number("order_multiple")), ")", bound,
    )  # fmt: skip
