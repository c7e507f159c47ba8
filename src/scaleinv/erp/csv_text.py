"""Values as cells of CSV: RFC 4180, lines end with carriage return and line feed."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

END: Final = "\r\n"


def csv_rows(cells: list[str | pa.Array]) -> str:
    """Rows of these columns, of which at least one is an array; nulls are empty."""
    rows = pc.binary_join_element_wise(*(_cell(column) for column in cells), ",")
    return END.join([*rows.to_pylist(), ""])


def _cell(column: str | pa.Array) -> str | pa.Array:
    if isinstance(column, str):
        return _quoted(pa.array([column], pa.string()))[0].as_py() if column else ""
    return _quoted(pc.fill_null(column, ""))


def _quoted(texts: pa.Array) -> pa.Array:
    needs = pc.match_substring_regex(texts, r'[",\r\n]')
    if not pc.any(needs).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise('"', doubled, '"', ""), texts)
