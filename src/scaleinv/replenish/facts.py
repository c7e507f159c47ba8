"""Everything known of each series, side by side, in the policies' order; what contradicts itself is refused here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain
from scaleinv.schema import table
from scaleinv.schema.units import REC20

_POLICY = (
    "unique_id", "sku_id", "location_id", "vendor_id", "lead_time", "protection_interval", "expected_demand",
    "reorder_point", "order_up_to_level",
)  # fmt: skip
_POSITION = ("on_hand", "on_order", "reserved", "backorders", "stock_date")
_SERIES = (
    "demand_class", "unit", "unit_cost", "min_order_quantity", "order_multiple", "review_period", "review_date",
)  # fmt: skip
_NOT_NEGATIVE = ("lead_time", "on_order", "reserved", "backorders", "unit_cost", "min_order_quantity")
_COUNTED = [code for code, unit in REC20.items() if unit.endswith("sales_unit")]


@dataclass(frozen=True)
class Facts:
    """One row per policy, columns of ``gold/policies``, ``gold/stock_position`` and ``gold/series`` together."""

    columns: pa.Table

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    def __getitem__(self, name: str) -> pa.Array:
        """(n,) a column."""
        column = self.columns.column(name)
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

    def take(self, rows: NDArray[np.int64]) -> Facts:
        """These rows."""
        return Facts(self.columns.take(pa.array(rows)).combine_chunks())

    def number(self, name: str) -> NDArray[np.float64]:
        """(n,) a column as float64."""
        return np.asarray(self[name].to_numpy(zero_copy_only=False), dtype=np.float64)

    def flags(self, name: str, value: str) -> NDArray[np.bool_]:
        """(n,) the column equals ``value``."""
        return np.asarray(pc.equal(self[name], value).to_numpy(zero_copy_only=False), dtype=bool)


def gather(policies: pa.Table, position: pa.Table, series: pa.Table, *, as_of: date) -> Facts:
    """The three tables of one night joined on ``unique_id``, in the policies' order.

    Raises:
        DataError: a table belongs to another night, names a series twice or lacks one; a number is not finite or
            negative; a level, a multiple or a unit contradicts itself.
    """
    tables = {"gold/policies": policies, "gold/stock_position": position, "gold/series": series}
    for name, data in tables.items():
        _check_night(data, name, as_of)
    columns = selected(policies, "gold/policies", _POLICY)
    _check_once(columns["unique_id"], "gold/policies")
    for name, wanted in (("gold/stock_position", _POSITION), ("gold/series", _SERIES)):
        rows = rows_of(columns["unique_id"], tables[name], name, "unique_id")
        for column, values in zip(wanted, selected(tables[name], name, wanted).take(rows).columns, strict=True):
            columns = columns.append_column(column, values)
    facts = Facts(columns.combine_chunks())
    _check_numbers(facts)
    return facts


def selected(data: pa.Table, name: str, columns: Sequence[str]) -> pa.Table:
    """These columns of a table, in their contract's types.

    Raises:
        DataError: one is not there.
    """
    missing = [column for column in columns if column not in data.column_names]
    if missing:
        raise DataError(
            explain(f"{name}: columns are missing", expected=", ".join(columns), which=missing, do="build it anew")
        )
    contract = table(name)
    return data.select(columns).cast(pa.schema([pa.field(c, contract[c].type) for c in columns]))


def rows_of(keys: pa.ChunkedArray, data: pa.Table, name: str, column: str) -> pa.Array:
    """(n,) for each key the row of ``data`` that bears it.

    Raises:
        DataError: a key occurs twice in ``data``, or not at all.
    """
    known = selected(data, name, [column])[column]
    _check_once(known, name)
    rows = pc.index_in(keys, value_set=known)
    if isinstance(rows, pa.ChunkedArray):
        rows = rows.combine_chunks()
    if rows.null_count:
        lost = pc.unique(keys.filter(pc.is_null(rows)))
        raise DataError(
            explain(
                f"{name}: {len(lost)} of the policies' {column}s have no row there",
                expected=f"one row for every {column} in gold/policies",
                which=lost.slice(0, 6).to_pylist(),
                do="run the stages from `features` on for the same as_of",
            )
        )
    return rows


def _check_night(data: pa.Table, name: str, as_of: date) -> None:
    nights = pc.unique(selected(data, name, ["as_of"])["as_of"]).to_pylist()
    if any(night != as_of for night in nights):
        raise DataError(
            explain(f"{name}: rows of another night", expected=as_of, found=", ".join(map(str, nights)), do="read one")
        )


def _check_once(keys: pa.ChunkedArray, name: str) -> None:
    if pc.count_distinct(keys, mode="all").as_py() != len(keys):
        counts = pc.value_counts(keys)
        twice = counts.filter(pc.greater(pc.struct_field(counts, 1), 1)).field(0)
        raise DataError(explain(f"{name}: {len(twice)} keys occur more than once", which=twice.slice(0, 6).to_pylist()))


def _check_numbers(facts: Facts) -> None:
    names = [f.name for f in facts.columns.schema if pa.types.is_floating(f.type)]
    for name in names:
        _refuse(facts, ~np.isfinite(facts.number(name)), name, "a finite number")
    for name in _NOT_NEGATIVE:
        _refuse(facts, facts.number(name) < 0, name, "zero or more")
    multiple = facts.number("order_multiple")
    _refuse(facts, multiple <= 0, "order_multiple", "more than zero")
    _refuse(facts, facts.number("review_period") < 1, "review_period", "at least one day")
    counted = pc.is_in(facts["unit"], value_set=pa.array(_COUNTED)).to_numpy(zero_copy_only=False)
    _refuse(facts, counted & (multiple % 1 != 0), "order_multiple", "whole pieces, for a unit that is counted")
    is_upside_down = facts.number("order_up_to_level") < facts.number("reorder_point") - 1e-9
    _refuse(facts, is_upside_down, "order_up_to_level", "at least the reorder point")


def _refuse(facts: Facts, bad: NDArray[np.bool_], column: str, expected: str) -> None:
    if not bad.any():
        return
    where = np.flatnonzero(bad)
    first = facts.columns.select(["unique_id", column]).take(where[:6]).to_pylist()
    raise DataError(
        explain(
            f"{column} of {where.size} series cannot be ordered by",
            expected=expected,
            which=[f"{row['unique_id']} ({row[column]})" for row in first] + ["…"] * max(0, where.size - 6),
            do="correct it where it comes from; nothing was proposed",
        )
    )
