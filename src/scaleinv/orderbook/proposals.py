"""A night's proposals as the book takes them: a head an order, exact numbers, and a digest of each order's content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain
from scaleinv.orderbook.state import ROWS_AT_ONCE, ZERO, Row
from scaleinv.schema.words import DISPOSITIONS

_EXACT: Final = {
    "quantity": pa.decimal128(18, 6), "order_quantity": pa.decimal128(18, 6), "unit_cost": pa.decimal128(18, 4),
    "value": pa.decimal128(18, 2),
}  # fmt: skip
_CONTENT: Final = (
    "line", "unique_id", "sku_id", "gtin", "quantity", "unit", "unit_cost", "value", "delivery_date", "vendor_id",
    "location_id", "currency", "disposition", "rule",
)  # fmt: skip
_SEPARATOR: Final = "\x1f"


@dataclass(frozen=True)
class Proposed:
    """Orders of a night, each a run of lines."""

    lines: pa.Table
    """Sorted by order and line, numbers exact; ``order_units`` and ``stock_units`` beside ``order_unit``."""
    starts: NDArray[np.int64]
    """(n_orders + 1,) first line of each, and the end."""
    heads: list[Row]
    """(n_orders,) columns of ``orders``, but for status and version; ``disposition``."""

    def rows(self, orders: list[int]) -> list[Row]:
        """Lines of some orders as rows of ``order_lines``."""
        at = np.concatenate([np.arange(self.starts[n], self.starts[n + 1]) for n in orders] or [np.empty(0, np.int64)])
        found: list[Row] = self.lines.take(pa.array(at)).to_pylist()
        return [_row(line) for line in found]

    def pieces(self, orders: list[int]) -> Iterator[list[int]]:
        """Orders of at most so many lines as are written at once, at least one."""
        piece: list[int] = []
        n_lines = 0
        for order in orders:
            size = int(self.starts[order + 1] - self.starts[order])
            if piece and n_lines + size > ROWS_AT_ONCE:
                yield piece
                piece, n_lines = [], 0
            piece.append(order)
            n_lines += size
        if piece:
            yield piece


def _row(line: Row) -> Row:
    return {
        "order_id": line["order_id"], "line": line["line"], "unique_id": line["unique_id"], "sku_id": line["sku_id"],
        "gtin": line["gtin"], "unit": line["unit"], "order_unit": line["order_unit"],
        "order_units": line["order_units"], "stock_units": line["stock_units"], "ordered": line["quantity"],
        "confirmed": None, "shipped": ZERO, "shipments": {}, "received": ZERO, "cancelled": ZERO,
        "unit_cost": line["unit_cost"], "confirmed_cost": None, "value": line["value"],
        "delivery_date": line["delivery_date"], "expected_date": line["delivery_date"], "promised_date": None,
        "received_date": None, "reason": line["reason"], "rule": line["rule"],
    }  # fmt: skip


def proposed(lines: pa.Table, *, retailer: str, as_of: date, keeps: pa.ChunkedArray | None = None) -> Proposed:
    """The orders of ``gold/order_proposals``; the order of the rows does not matter.

    Args:
        lines: proposals of one night.
        retailer: whose.
        as_of: the night.
        keeps: (n_lines,) another order that has a line's goods already: such lines are left out.

    Raises:
        DataError: a number has more digits than the book keeps, or a row is of another night.
    """
    if any(night != as_of for night in pc.unique(lines["as_of"]).to_pylist()):
        raise DataError(explain("proposals of another night", expected=as_of, do="register one as_of"))
    if keeps is not None:
        lines = lines.filter(pc.is_null(keeps))
    lines = lines.sort_by([("order_id", "ascending"), ("line", "ascending")]).combine_chunks()
    try:
        for name, kind in _EXACT.items():
            lines = lines.set_column(lines.column_names.index(name), name, lines[name].cast(kind))
    except pa.ArrowInvalid as error:
        raise DataError(explain("a number of a proposal is too large for the order book", found=error)) from error
    lines = _with_packs(lines)
    n = lines.num_rows
    keys = lines["order_id"].combine_chunks() if n else pa.array([], pa.string())
    ends = pc.run_end_encode(keys).run_ends.to_numpy().astype(np.int64) if n else np.empty(0, dtype=np.int64)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends])
    return Proposed(lines, starts, _heads(lines, starts, retailer) if n else [])


def _with_packs(lines: pa.Table) -> pa.Table:
    """With what a unit of order holds, in lowest terms: it follows from the two quantities, which are exact."""
    stock, order = (_millionths(lines[name]) for name in ("quantity", "order_quantity"))
    divisor = np.maximum(np.gcd(stock, order), 1)
    is_stock = pc.is_null(lines["order_unit"]).to_numpy()
    for name, number in (("order_units", order), ("stock_units", stock)):
        lines = lines.append_column(name, pa.array(number // divisor, mask=is_stock))
    return lines


def _millionths(column: pa.ChunkedArray) -> NDArray[np.int64]:
    scaled = pc.multiply(column, pa.scalar(Decimal(1_000_000))).cast(pa.int64())
    return np.asarray(pc.fill_null(scaled, 0).to_numpy(), dtype=np.int64)


def _heads(lines: pa.Table, starts: NDArray[np.int64], retailer: str) -> list[Row]:
    first = pa.array(starts[:-1])
    names = ["order_id", "as_of", "vendor_id", "location_id", "currency", "order_date"]
    heads: list[Row] = lines.select(names).take(first).to_pylist()
    days = np.minimum.reduceat(lines["delivery_date"].cast(pa.int32()).to_numpy(), starts[:-1])
    deliveries = pa.array(days.astype(np.int32)).cast(pa.date32()).to_pylist()
    cents = pc.multiply(lines["value"], pa.scalar(Decimal(100))).cast(pa.int64()).to_numpy()
    values = np.add.reduceat(cents, starts[:-1]).tolist()
    # Of lines that are told apart the most careful one speaks for the order.
    ranks = pc.index_in(lines["disposition"], value_set=pa.array(DISPOSITIONS)).to_numpy()
    careful = np.maximum.reduceat(ranks, starts[:-1]).tolist()
    for head, delivery, value, rank, rule, content in zip(
        heads, deliveries, values, careful, _rules(lines, starts), _contents(lines, starts), strict=True
    ):
        head |= {
            "retailer": retailer, "delivery_date": delivery, "value": Decimal(value).scaleb(-2), "rule": rule,
            "content": content, "disposition": DISPOSITIONS[rank], "is_edited": False, "is_decided": False,
            "set_number": None, "exports": 0, "erp_number": None, "problem": None,
            "said_at": None,
        }  # fmt: skip
    return heads


def _rules(lines: pa.Table, starts: NDArray[np.int64]) -> list[str | None]:
    """(n_orders,) the first rule that is named."""
    named = np.append(np.flatnonzero(pc.is_valid(lines["rule"]).to_numpy()), lines.num_rows)
    at = named[np.searchsorted(named, starts[:-1])]
    rules: list[str | None] = lines["rule"].take(pa.array(np.minimum(at, lines.num_rows - 1))).to_pylist()
    return [rule if here else None for rule, here in zip(rules, (at < starts[1:]).tolist(), strict=True)]


def _contents(lines: pa.Table, starts: NDArray[np.int64]) -> list[str]:
    """(n_orders,) SHA-256 of what an order says."""
    said = {name: lines[name].cast(pa.string()) for name in _CONTENT}
    in_order = pc.binary_join_element_wise(lines["order_quantity"].cast(pa.string()), lines["order_unit"], "\x1d")
    said["unit"] = pc.coalesce(pc.binary_join_element_wise(said["unit"], in_order, "\x1d"), said["unit"])
    texts = [pc.fill_null(text, "\x00").combine_chunks() for text in said.values()]
    joined = pc.binary_join_element_wise(*texts, _SEPARATOR)
    whole = pc.binary_join(pa.ListArray.from_arrays(pa.array(starts.astype(np.int32)), joined), "\n")
    return [hashlib.sha256(text.encode()).hexdigest() for text in whole.to_pylist()]
