"""Everything known of each series, side by side, in the policies' order; what contradicts itself is named here."""

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
from scaleinv.schema.units import COUNTED
from scaleinv.schema.words import HELD_PROBLEMS, Problem

_POLICY = (
    "unique_id", "sku_id", "location_id", "vendor_id", "lead_time", "protection_interval", "expected_demand",
    "demand_safety_stock", "reorder_point", "order_up_to_level", "level_limit", "constraint", "problem", "group_id",
)  # fmt: skip
_POSITION = ("on_hand", "on_order", "reserved", "backorders", "stock_date")
_SUPPLY = ("on_order_overdue", "on_order_discount")
"""Of ``gold/stock_position`` too; 0 where it does not say."""
_SERIES = (
    "demand_class", "abc_class", "category", "unit", "unit_cost", "unit_price", "min_order_quantity",
    "order_multiple", "review_period", "review_date",
)  # fmt: skip
_KNOWN_ELSEWHERE = ("recent_demand", "days_since_sale", "last_unit_cost", "safety_factor")
"""Of other tables and nights, brought along with ``gold/series`` where it is known; else null."""
_NOT_NEGATIVE = (
    "lead_time",
    "on_order",
    "on_order_not_due",
    "reserved",
    "backorders",
    "unit_cost",
    "unit_price",
    "min_order_quantity",
)
_PROBLEM_OF: dict[str, Problem] = {
    "on_hand": "bad_stock", "on_order": "bad_stock", "on_order_not_due": "bad_stock", "reserved": "bad_stock",
    "backorders": "bad_stock",
    "unit_cost": "bad_unit_cost", "unit_price": "bad_unit_cost", "min_order_quantity": "bad_order_terms",
    "order_multiple": "bad_order_terms", "review_period": "bad_review_period",
}  # fmt: skip
"""Of any other column it is ``bad_levels``."""
_SAFE = {"order_multiple": 1.0, "review_period": 1.0}
"""What stands for a number that is none; of any other column 0. Nothing is ordered by it."""


@dataclass(frozen=True)
class Facts:
    """One row per policy, columns of ``gold/policies``, ``gold/stock_position`` and ``gold/series`` together.

    ``problem`` names why nothing may be ordered of a series, ``problem_detail`` says what was found; both null: it may.
    A lead time of 0 days holds nothing, and ``optimize`` tells it.
    """

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

    A number that is not finite or negative, a level, a multiple or a unit that contradicts itself gets its series a
    ``problem`` and is replaced.

    Raises:
        DataError: a table belongs to another night, names a series twice or lacks one.
    """
    tables = {"gold/policies": policies, "gold/stock_position": position, "gold/series": series}
    for name, data in tables.items():
        _check_night(data, name, as_of)
    columns = selected(policies, "gold/policies", _POLICY)
    _check_once(columns["unique_id"], "gold/policies")
    position = _in_order(position, "gold/stock_position", columns["unique_id"])
    series = _in_order(series, "gold/series", columns["unique_id"])
    for name, data, wanted in (("gold/stock_position", position, _POSITION), ("gold/series", series, _SERIES)):
        for column, values in zip(wanted, selected(data, name, wanted).columns, strict=True):
            columns = columns.append_column(column, values)
    none = pa.array(np.zeros(len(columns)))
    for column in _SUPPLY:
        known = position[column] if column in position.column_names else none
        columns = columns.append_column(column, pc.fill_null(known.cast(pa.float64()), 0.0))
    columns = _in_time(columns, position, as_of)
    unknown = pa.nulls(len(columns), pa.float64())
    for column in _KNOWN_ELSEWHERE:
        known = series[column] if column in series.column_names else unknown
        columns = columns.append_column(column, known.cast(pa.float64()))
    return _screened(Facts(columns.combine_chunks()))


def _in_time(columns: pa.Table, position: pa.Table, as_of: date) -> pa.Table:
    """``on_order`` without what comes after the protection interval, which stands in ``on_order_not_due``.

    An order of the next review comes by then: what comes later cannot help before it does.
    """
    late = np.zeros(columns.num_rows)
    if "supply_dates" in position.column_names:
        dates, units = (position[name].combine_chunks() for name in ("supply_dates", "supply_units"))
        row = pc.list_parent_indices(dates).to_numpy().astype(np.int64)
        tonight = (as_of - date(1970, 1, 1)).days
        interval = np.nan_to_num(columns["protection_interval"].to_numpy(), nan=0.0, posinf=1e6, neginf=0.0)
        last = tonight + np.ceil(interval - 1e-9)
        days = pc.list_flatten(dates).cast(pa.int32()).to_numpy()
        late = np.bincount(row, np.where(days > last[row], pc.list_flatten(units).to_numpy(), 0.0), len(late))
    on_order = np.round(columns["on_order"].to_numpy() - late, 6)
    at = columns.schema.get_field_index("on_order")
    columns = columns.set_column(at, "on_order", pa.array(np.where(late > 0, on_order, columns["on_order"].to_numpy())))
    # Of no days at all bincount makes whole numbers.
    return columns.append_column("on_order_not_due", pa.array(late, pa.float64()))


def _in_order(data: pa.Table, name: str, keys: pa.ChunkedArray) -> pa.Table:
    """The rows that bear these keys, none of which is there twice, in their order."""
    known = selected(data, name, ["unique_id"])["unique_id"]
    return data if known.equals(keys) else data.take(rows_of(keys, data, name, "unique_id"))


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


class _Found:
    """Problems as they are found, the first of each series, and the numbers that stand for what is none."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        told = pc.fill_null(pc.index_in(facts["problem"], value_set=pa.array(HELD_PROBLEMS)), -1)
        self.kind = told.to_numpy().astype(np.int8) + 1
        """(n,) 0: none; else 1 + the place in ``HELD_PROBLEMS``."""
        self.told = self.kind > 0
        """(n,) of which no policy could be made."""
        self.detail: dict[int, str] = {}
        """Row that is named here -> what was found; they are few."""
        self.columns: dict[str, NDArray[np.float64]] = {}

    def add(self, bad: NDArray[np.bool_], column: str, expected: str) -> None:
        """Names these rows."""
        if not bad.any():
            return
        values = self._facts.number(column)
        kind = HELD_PROBLEMS.index(_PROBLEM_OF.get(column, "bad_levels")) + 1
        for row in np.flatnonzero(bad & (self.kind == 0)).tolist():
            self.kind[row] = kind
            self.detail[row] = f"{column} is {values[row]:g}, expected {expected}"
        self.columns[column] = np.where(bad, _SAFE.get(column, 0.0), self.columns.get(column, values))


def _screened(facts: Facts) -> Facts:
    """With every number one that can be reckoned with; series whose are not get a problem."""
    found = _Found(facts)
    for field in facts.columns.schema:
        if pa.types.is_floating(field.type) and field.name not in ("level_limit", *_KNOWN_ELSEWHERE):
            found.add(~np.isfinite(facts.number(field.name)), field.name, "a finite number")
    for name in _NOT_NEGATIVE:
        found.add(facts.number(name) < 0, name, "zero or more")
    multiple = facts.number("order_multiple")
    found.add(multiple <= 0, "order_multiple", "more than zero")
    found.add(facts.number("review_period") < 1, "review_period", "at least one day")
    counted = pc.is_in(facts["unit"], value_set=pa.array(COUNTED)).to_numpy(zero_copy_only=False)
    found.add(counted & (multiple % 1 != 0), "order_multiple", "whole pieces, for a unit that is counted")
    is_upside_down = facts.number("order_up_to_level") < facts.number("reorder_point") - 1e-9
    found.add(is_upside_down, "order_up_to_level", "at least the reorder point")
    words = pa.array([None, "no policy could be made of it", *found.detail.values()], pa.string())
    which = found.told.astype(np.int64)
    which[list(found.detail)] = np.arange(len(found.detail)) + 2
    detail = words.take(pa.array(which))
    made: dict[str, pa.Array] = {name: pa.array(values) for name, values in found.columns.items()}
    made["level_limit"] = pc.fill_null(facts["level_limit"], np.inf)
    made["problem"] = pa.array([None, *HELD_PROBLEMS], pa.string()).take(pa.array(found.kind))
    columns = facts.columns
    for name, values in made.items():
        place = columns.schema.get_field_index(name)
        columns = columns.set_column(place, name, values.cast(columns.schema.field(name).type))
    return Facts(columns.append_column("problem_detail", detail).combine_chunks())
