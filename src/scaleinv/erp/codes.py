"""Our keys as partners and ERPs know them: one small table, looked up for all lines at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, get_args

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from scaleinv.config.export import ExportFormat
from scaleinv.erp.orders import Orders, refuse
from scaleinv.errors import DataError, explain

COLUMNS: Final = ("kind", "format", "ours", "theirs")
KINDS: Final[dict[str, str]] = {
    "vendor": "vendor_id", "vendor_site": "vendor_id", "location": "location_id", "site": "location_id",
    "sku": "sku_id", "unit": "unit", "currency": "currency",
}  # fmt: skip
"""Kind of a code -> the column of the order lines that it speaks of."""
EVERY: Final = "*"
_FORMATS: Final = tuple(name for name in get_args(ExportFormat) if name != "csv")


@dataclass(frozen=True)
class Want:
    """A code that a format wants for each line.

    Without rows of that kind for the format our own key is taken, unless it is ``required``: an ERP's internal number
    is never guessed. ``known`` are units that the format's table has; rows of ``export.codes`` come before it.
    """

    kind: str
    required: bool = False
    known: Mapping[str, str] | None = None
    default: str | None = None
    """Taken for a key that has no row."""


@dataclass(frozen=True)
class Codes:
    """Rows of ``export.codes``."""

    rows: pa.Table

    def of(self, kind: str, format: str) -> tuple[pa.Array, pa.Array]:
        """Ours and theirs, without a key twice: rows of the format come before those of every format (``*``)."""
        rows = self.rows.filter(pc.equal(self.rows["kind"], kind))
        own = rows.filter(pc.equal(rows["format"], format))
        others = rows.filter(pc.equal(rows["format"], EVERY))
        others = others.filter(pc.invert(pc.is_in(others["ours"], value_set=own["ours"].combine_chunks())))
        both = pa.concat_tables([own, others]).combine_chunks()
        return both["ours"].combine_chunks(), both["theirs"].combine_chunks()

    def has(self, kind: str, format: str) -> bool:
        """Whether there is any row of that kind for that format."""
        return len(self.of(kind, format)[0]) > 0

    def has_own(self, kind: str, format: str) -> bool:
        """Whether there is one for that very format, not only for every one (``*``)."""
        rows = self.rows.filter(pc.equal(self.rows["kind"], kind))
        return bool(pc.any(pc.equal(rows["format"], format)).as_py())


@cache
def no_codes() -> Codes:
    """Nothing is mapped. Made when it is asked for: Arrow's first table loads pandas."""
    return Codes(pa.schema([(name, pa.string()) for name in COLUMNS]).empty_table())


def read_codes(path: str | Path | None) -> Codes:
    """The table of ``export.codes``; none given is an empty one.

    Raises:
        DataError: no such file, other columns, an unknown kind or format, an empty cell, or a key twice.
    """
    if path is None:
        return no_codes()
    try:
        options = csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()), strings_can_be_null=False)
        rows = csv.read_csv(path, read_options=csv.ReadOptions(use_threads=False), convert_options=options)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(
            explain(f"export.codes {path} cannot be read", expected=f"CSV with columns {', '.join(COLUMNS)}",
                    found=error, do="correct the path or the file")
        ) from error  # fmt: skip
    if tuple(rows.column_names) != COLUMNS:
        _refuse(path, "its columns", ",".join(COLUMNS), [",".join(rows.column_names)])
    for name, allowed in (("kind", tuple(KINDS)), ("format", (EVERY, *_FORMATS))):
        strange = pc.unique(rows[name]).filter(pc.invert(pc.is_in(pc.unique(rows[name]), pa.array(allowed))))
        if len(strange):
            _refuse(path, f"an unknown {name}", ", ".join(allowed), strange.to_pylist())
    empty = rows.filter(pc.or_(pc.equal(rows["ours"], ""), pc.equal(rows["theirs"], "")))
    if empty.num_rows:
        _refuse(path, "an empty key", "ours and theirs in every row", _named(empty))
    counts = rows.group_by(["kind", "format", "ours"], use_threads=False).aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts["count_all"], 1))
    if twice.num_rows:
        _refuse(path, "a key twice", "one row per kind, format and ours", _named(twice))
    return Codes(rows)


def _named(rows: pa.Table) -> list[str]:
    return [f"{row['kind']} {row['format']} {row['ours']!r}" for row in rows.slice(0, 6).to_pylist()]


def _refuse(path: str | Path, problem: str, expected: str, which: list[str]) -> None:
    raise DataError(explain(f"export.codes {path}: {problem}", expected=expected, which=which, do="correct the file"))


def coded(orders: Orders, codes: Codes, format: str, wants: tuple[Want, ...]) -> Orders:
    """The orders with a column ``<kind>_code`` more for each that is wanted.

    Raises:
        DataError: a key has no code; the error names the lines.
    """
    lines = orders.lines
    for want in wants:
        lines = lines.append_column(f"{want.kind}_code", _codes(orders, codes, format, want))
    return Orders(lines, orders.ends)


def _codes(orders: Orders, codes: Codes, format: str, want: Want) -> pa.Array:
    values = orders.lines[KINDS[want.kind]].combine_chunks()
    ours, theirs = codes.of(want.kind, format)
    if want.known is not None:
        ours, theirs = _with_known(ours, theirs, want.known)
    elif not len(ours) and not want.required:
        return values if want.default is None else pa.repeat(pa.scalar(want.default, pa.string()), len(values))
    place = pc.index_in(values, value_set=ours)
    found = theirs.take(place)
    if want.default is not None:
        return pc.fill_null(found, want.default)
    expected = f"a row of kind {want.kind}, format {format} in export.codes"
    if want.known is not None:
        expected = f"one of {', '.join(sorted(ours.to_pylist()))}"
    refuse(
        orders, pc.is_null(place), f"{format}: {_problem(want)}", expected=expected, found=values,
        do="map it in export.codes" + (" or export.iso_units" if format in ("idoc", "preqcr") else ""),
    )  # fmt: skip
    return found


def _problem(want: Want) -> str:
    return "unknown unit" if want.kind == "unit" else f"no code for the {want.kind}"


def _with_known(ours: pa.Array, theirs: pa.Array, known: Mapping[str, str]) -> tuple[pa.Array, pa.Array]:
    names, values = pa.array(list(known), pa.string()), pa.array(list(known.values()), pa.string())
    new = pc.invert(pc.is_in(names, value_set=ours))
    return pa.concat_arrays([ours, names.filter(new)]), pa.concat_arrays([theirs, values.filter(new)])
