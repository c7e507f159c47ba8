"""Quantities in the unit that the vendor takes orders in: exact, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain
from scaleinv.replenish.facts import Facts, selected
from scaleinv.schema.packs import order_quantities


@dataclass(frozen=True)
class OrderUnits:
    """Of every line, ``(n,)``; null where the unit of order is the unit of stock, or it does not come out even."""

    quantity: pa.Array
    unit: pa.Array
    fits: NDArray[np.bool_]
    """It comes out even."""

    def take(self, rows: NDArray[np.int64]) -> OrderUnits:
        """Of these lines."""
        at = pa.array(rows)
        return OrderUnits(self.quantity.take(at), self.unit.take(at), self.fits[rows])


def order_units(facts: Facts, quantity: NDArray[np.float64], packs: pa.Table | None) -> OrderUnits:
    """``quantity * order_units / stock_units``, never rounded.

    Args:
        facts: of the lines.
        quantity: (n,) units of stock.
        packs: silver/packs; ``None``: orders are in units of stock.

    Raises:
        DataError: a pack holds nothing.
    """
    n = len(facts)
    if packs is None or not packs.num_rows:
        return OrderUnits(pa.nulls(n, pa.float64()), pa.nulls(n, pa.string()), np.ones(n, dtype=bool))
    known = selected(packs, "silver/packs", ["vendor_id", "sku_id", "order_unit", "order_units", "stock_units"])
    _check(known)
    # \x1f stands in no code: two words joined by it are two words.
    keys, wanted = (_pairs(of["vendor_id"], of["sku_id"]) for of in (known, facts.columns))
    at = pc.index_in(wanted, value_set=keys)
    has_pack = pc.is_valid(at).to_numpy(zero_copy_only=False)
    rows = pc.fill_null(at, 0)
    unit = known["order_unit"].combine_chunks().take(rows)
    most, held = (known[name].take(rows).to_numpy().astype(np.int64) for name in ("order_units", "stock_units"))
    ordered, fits = order_quantities(quantity, unit, most, held)
    is_said = has_pack & fits
    return OrderUnits(
        pa.array(ordered, mask=~is_said), pc.if_else(pa.array(is_said), unit, pa.scalar(None, pa.string())),
        np.asarray(fits | ~has_pack, dtype=bool),
    )  # fmt: skip


def _pairs(first: pa.ChunkedArray, second: pa.ChunkedArray) -> pa.Array:
    made = pc.binary_join_element_wise(first, second, "\x1f")
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _check(packs: pa.Table) -> None:
    bad = packs.filter(pc.or_(pc.less(packs["order_units"], 1), pc.less(packs["stock_units"], 1)))
    if bad.num_rows:
        which = [f"{row['sku_id']} of {row['vendor_id']}" for row in bad.slice(0, 6).to_pylist()]
        raise DataError(
            explain("silver/packs: a pack holds nothing", expected="whole numbers from 1", which=which, do="correct it")
        )
