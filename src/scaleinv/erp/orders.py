"""The one internal order model: checked lines of one night, order after order, with exact decimals."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.errors import DataError, explain
from scaleinv.schema import check, table

_ORDER = ("vendor_id", "location_id", "currency", "order_date", "order_id")
_LINE = (
    "line", "sku_id", "gtin", "unit", "quantity", "order_unit", "order_quantity", "unit_cost", "value", "delivery_date"
)  # fmt: skip
_DIGITS = {"quantity": 3, "order_quantity": 3, "unit_cost": 4, "value": 2}
_IN_ORDER = {"quantity": "order_quantity", "unit": "order_unit", "unit_cost": "order_price"}
_LARGEST = 1e13
_LINES_AT_ONCE = 20_000


@dataclass(frozen=True)
class Orders:
    """Lines sorted by vendor, location, order and line; an order's lines stand together."""

    lines: pa.Table
    """quantity decimal(18, 3), unit, and unit_cost decimal(18, 4), in units of stock or of order; beside them the same
    in units of order (order_quantity, order_unit, order_price) and stock_quantity; value decimal(18, 2); the rest as in
    gold/order_proposals."""
    ends: list[int]
    """(n_orders,) one past the last line of each order."""

    def __len__(self) -> int:
        return len(self.ends)

    def start(self, order: int) -> int:
        """First line of an order."""
        return self.ends[order - 1] if order else 0

    def part(self, first: int, last: int) -> Orders:
        """Orders ``first`` to ``last``, without the last."""
        start = self.start(first)
        stop = self.start(last)
        return Orders(self.lines.slice(start, stop - start), [end - start for end in self.ends[first:last]])

    def pieces(self, max_orders: int | None = None) -> Iterator[tuple[int, Orders]]:
        """Number of the first order, and orders of at most ``max_orders`` or else some 20,000 lines, at least one."""
        first = 0
        while first < len(self):
            if max_orders is None:
                last = max(first + 1, bisect_right(self.ends, self.start(first) + _LINES_AT_ONCE))
            else:
                last = min(first + max_orders, len(self))
            yield first, self.part(first, last)
            first = last

    def in_order_units(self) -> Orders:
        """The same orders as their vendors count; a line without a unit of order stays in units of stock."""
        lines = self.lines
        for name, ordered in _IN_ORDER.items():
            lines = lines.set_column(lines.column_names.index(name), name, lines[ordered])
        return Orders(lines, self.ends)

    def quantity(self) -> Decimal:
        """Sum of quantities, whatever the unit."""
        return _total(self.lines["quantity"], 3)

    def value(self) -> dict[str, Decimal]:
        """Currency -> sum of values."""
        currencies = sorted(pc.unique(self.lines["currency"]).to_pylist())
        return {c: _total(self.lines["value"].filter(pc.equal(self.lines["currency"], c)), 2) for c in currencies}

    def name(self, row: int) -> str:
        """A line, for a person."""
        line = self.lines.select(["order_id", "line", "sku_id"]).slice(row, 1).to_pylist()[0]
        return f"order {line['order_id']} line {line['line']} (SKU {line['sku_id']!r})"


def _total(values: pa.ChunkedArray, digits: int) -> Decimal:
    total = pc.sum(values).as_py()
    return Decimal(total if total is not None else 0).quantize(Decimal(1).scaleb(-digits))


def orders_of(lines: pa.Table, *, as_of: date) -> Orders:
    """The order model of ``gold/order_proposals``, in units of stock; the order of the rows does not matter.

    Raises:
        DataError: the table breaks its contract, a row is of another night, an order has two vendors, places,
            currencies or dates, a number has too many decimals (the price of a unit of order, too), or a value is not
            quantity times cost.
    """
    lines = check(lines, table("gold/order_proposals"))
    nights = pc.unique(lines["as_of"]).to_pylist()
    if any(night != as_of for night in nights):
        found = ", ".join(map(str, nights))
        raise DataError(explain("order lines of another night", expected=as_of, found=found, do="export one as_of"))
    lines = _with_order_units(lines.select([*_ORDER, *_LINE]))
    lines = lines.sort_by([(name, "ascending") for name in (*_ORDER, "line")]).combine_chunks()
    _check_orders(lines)
    orders = Orders(lines, pc.run_end_encode(_array(lines, "order_id")).run_ends.to_pylist() if lines.num_rows else [])
    for name, digits in _DIGITS.items():
        exact = _decimals(orders, name, digits)
        lines = lines.set_column(lines.column_names.index(name), name, exact)
    orders = Orders(lines.append_column("stock_quantity", lines["quantity"]), orders.ends)
    _check_values(orders)
    return Orders(orders.lines.append_column("order_price", _order_prices(orders)), orders.ends)


def refuse(orders: Orders, bad: pa.Array, problem: str, *, expected: str, found: pa.Array, do: str) -> None:
    """Nothing, if no line is ``bad``; nulls are not bad.

    Raises:
        DataError: names the lines and what was found there.
    """
    bad = pc.fill_null(bad, False)
    if not pc.any(bad).as_py():
        return
    rows = pc.indices_nonzero(bad).to_pylist()
    which = [f"{orders.name(row)}: {found[row].as_py()}" for row in rows[:6]] + ["…"] * max(0, len(rows) - 6)
    raise DataError(explain(f"{problem} in {len(rows)} order lines", expected=expected, which=which, do=do))


def _array(lines: pa.Table, name: str) -> pa.Array:
    column = lines[name]
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _with_order_units(lines: pa.Table) -> pa.Table:
    """Where there are none, the units of order are those of stock."""
    for name, stock in (("order_unit", "unit"), ("order_quantity", "quantity")):
        lines = lines.set_column(lines.column_names.index(name), name, pc.coalesce(lines[name], lines[stock]))
    return lines


def nearest_decimals(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """(n,) the decimals next to floats from 0; 0 for one that is too large: who multiplies again finds out."""
    fits = pc.less(values, 10.0 ** (kind.precision - kind.scale))
    return pc.if_else(fits, values, 0.0).cast(kind)


def _order_prices(orders: Orders) -> pa.Array:
    """(n,) what a unit of order costs, so that quantity times price is the same in either unit, to the last digit."""
    quantity, cost, ordered = (_array(orders.lines, name) for name in ("quantity", "unit_cost", "order_quantity"))
    ratio = pc.divide(quantity.cast(pa.float64()), ordered.cast(pa.float64()))
    nearest = nearest_decimals(pc.multiply(cost.cast(pa.float64()), ratio), cost.type)
    price = pc.if_else(pc.equal(quantity, ordered), cost, nearest)
    wrong = pc.not_equal(pc.multiply(ordered, price), pc.multiply(quantity, cost))
    found = [_array(orders.lines, name).cast(pa.string()) for name in ("quantity", "unit_cost", "order_quantity")]
    refuse(
        orders, wrong, "price of a unit of order has too many decimals",
        expected="quantity * unit cost / order quantity with at most 4",
        found=pc.binary_join_element_wise(found[0], " * ", found[1], " / ", found[2], ""),
        do="correct the price or silver/packs, or order in units of stock (export.units)",
    )  # fmt: skip
    return price


def _check_orders(lines: pa.Table) -> None:
    heads = lines.select(_ORDER).group_by(_ORDER).aggregate([])
    counts = pc.value_counts(heads["order_id"])
    mixed = counts.filter(pc.greater(pc.struct_field(counts, 1), 1)).field(0)
    if len(mixed):
        raise DataError(
            explain(
                f"{len(mixed)} orders contradict themselves",
                expected="one vendor, location, currency and order date per order_id",
                which=sorted(mixed.to_pylist()),
                do="run replenish again",
            )
        )


def _decimals(orders: Orders, name: str, digits: int) -> pa.Array:
    """(n,) a column as exact decimals; digits beyond are refused, a float's last bit is not a digit."""
    values = _array(orders.lines, name)
    is_quantity = name.endswith("quantity")
    positive = pc.greater(values, 0.0) if is_quantity else pc.greater_equal(values, 0.0)
    sound = pc.and_(pc.and_(pc.is_finite(values), positive), pc.less(values, _LARGEST))
    least = "more than 0" if is_quantity else "0 or more"
    expected = f"{least} and less than {_LARGEST:.0e}"
    refuse(
        orders, pc.invert(sound), f"{name} cannot be ordered", expected=expected, found=values, do="run replenish again"
    )
    exact = values.cast(pa.decimal128(18, digits))
    error = pc.abs(pc.subtract(exact.cast(pa.float64()), values))
    slack = pc.add(1e-7, pc.multiply(1e-12, values))
    refuse(
        orders, pc.greater(error, slack), f"{name} has too many decimals", expected=f"at most {digits}", found=values,
        do="correct it where it comes from; it would have to be cut",
    )  # fmt: skip
    return exact


def _check_values(orders: Orders) -> None:
    product = pc.multiply(_array(orders.lines, "quantity"), _array(orders.lines, "unit_cost"))
    value = _array(orders.lines, "value")
    error = pc.abs(pc.subtract(product.cast(pa.float64()), value.cast(pa.float64())))
    slack = pc.add(0.0051, pc.multiply(1e-12, value.cast(pa.float64())))
    refuse(
        orders, pc.greater(error, slack), "value is not quantity * unit cost", expected="equal to the cent",
        found=value, do="run replenish again",
    )  # fmt: skip
