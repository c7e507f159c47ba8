"""Some orders of a night, seen as a format needs them: by line and by order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.export import ExportConfig
from scaleinv.erp.codes import Codes, no_codes
from scaleinv.erp.orders import Orders


@dataclass(frozen=True)
class View:
    """Orders with the codes of a format, and what stands around them."""

    orders: Orders
    config: ExportConfig
    as_of: date
    first: int = 0
    """Orders before these: of the night, or of the interchange where a format counts by it."""
    codes: Codes = field(default_factory=no_codes)

    def of(self, orders: Orders, first: int) -> View:
        """The same of other orders."""
        return replace(self, orders=orders, first=first)

    def line(self, name: str) -> pa.Array:
        """(n_lines,) a column."""
        return self.orders.lines[name].combine_chunks()

    def head(self, name: str) -> pa.Array:
        """(n_orders,) a column in which all lines of an order are the same."""
        return self.orders.lines[name].take(self._starts).combine_chunks()

    def earliest(self) -> pa.Array:
        """(n_orders,) the first delivery."""
        return self._per_order("delivery_date", "min")

    def total(self, name: str) -> pa.Array:
        """(n_orders,) sum of a decimal column."""
        return self._per_order(name, "sum")

    def sizes(self) -> pa.Array:
        """(n_orders,) lines, int64."""
        ends = pa.array(self.orders.ends, pa.int64())
        return pc.subtract(ends, self._starts)

    def numbers(self) -> pa.Array:
        """(n_orders,) 1 + orders before it, int64."""
        return pa.array(range(self.first + 1, self.first + len(self.orders) + 1), pa.int64())

    def joined(self, texts: pa.Array, separator: str = "") -> pa.Array:
        """(n_orders,) the texts of an order's lines, one after the other."""
        offsets = pa.array([0, *self.orders.ends], pa.int32())
        return pc.binary_join(pa.ListArray.from_arrays(offsets, texts), separator)

    def order_name(self, order: int) -> str:
        """An order, for a person."""
        return f"order {self.orders.lines['order_id'][self.orders.start(order)].as_py()}"

    @cached_property
    def _starts(self) -> pa.Array:
        return pa.array([self.orders.start(i) for i in range(len(self.orders))], pa.int64())

    def _per_order(self, name: str, function: str) -> pa.Array:
        order = np.repeat(np.arange(len(self.orders)), self.sizes().to_numpy())
        lines = pa.table({"order": order, name: self.orders.lines[name]})
        groups = lines.group_by("order", use_threads=False).aggregate([(name, function)])
        return groups.sort_by("order")[f"{name}_{function}"].combine_chunks()  # groups come in no order of their own
