"""The check that Arrow data keeps a table's contract. It is made once, where data enters a table."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.errors import DataError, LakeError, explain
from scaleinv.schema.table import Engine, Table


def check(data: pa.Table, table: Table, *, unique: bool = True) -> pa.Table:
    """``data`` with the table's column order and types; the contract is checked, not hoped for.

    Args:
        data: what is to enter the table.
        table: its contract.
        unique: also check that the key has no duplicates (skip it where the engine has grouped by the key already).

    Raises:
        DataError: a column is missing or unknown, a type does not convert without loss, a null stands where none
            may, or a key occurs twice.
    """
    _check_columns(data, table)
    try:
        data = data.select(table.names).cast(table.schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as error:
        raise DataError(
            explain(
                f"{table.name}: a column does not convert to its type, or holds nulls where none may stand: {error}",
                expected=", ".join(f"{c.name} {c.type}" for c in table.columns),
                found=", ".join(f"{f.name} {f.type}" for f in data.schema),
            )
        ) from error
    _check_nulls(data, table)
    if unique:
        _check_key(data, table)
    return data


def check_engine(table: Table, engine: Engine) -> None:
    """Rows of a table come by one engine.

    Raises:
        LakeError: those of this one come by another.
    """
    if table.engine != engine:
        raise LakeError(
            explain(
                f"{table.name}: its rows are not written by {engine}",
                expected=f"{table.engine}, in the stage {table.writer}",
                do=f"leave {table.name} to its writer",
            )
        )


def _check_columns(data: pa.Table, table: Table) -> None:
    missing = [name for name in table.names if name not in data.column_names]
    unknown = [name for name in data.column_names if name not in table.names]
    if missing or unknown:
        raise DataError(
            explain(
                f"{table.name}: columns do not match its contract",
                expected=", ".join(table.names),
                found=", ".join(data.column_names),
                which=[*(f"missing {n}" for n in missing), *(f"unknown {n}" for n in unknown)],
                do=f"{table.writer} is the only writer of {table.name}; correct what it builds",
            )
        )


def _check_nulls(data: pa.Table, table: Table) -> None:
    bad = [c.name for c in table.columns if not c.nullable and data.column(c.name).null_count]
    if bad:
        counts = [f"{name} ({data.column(name).null_count} rows)" for name in bad]
        raise DataError(
            explain(f"{table.name}: nulls in columns that may hold none", which=counts, do="fill or quarantine them")
        )


def _check_key(data: pa.Table, table: Table) -> None:
    key = list(table.key)
    groups = data.select(key).group_by(key).aggregate([([], "count_all")])
    if groups.num_rows == data.num_rows:
        return
    twice = groups.filter(pc.greater(groups["count_all"], 1))
    rows = twice.slice(0, 6).to_pylist()
    raise DataError(
        explain(
            f"{table.name}: {twice.num_rows} keys occur more than once",
            expected=f"one row per ({', '.join(key)})",
            which=["/".join(str(row[name]) for name in key) for row in rows],
            do="remove the duplicates where the rows are made",
        )
    )
