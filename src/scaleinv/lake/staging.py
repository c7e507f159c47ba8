"""Data files that are written and not yet committed: named by their content, with the statistics that Delta wants."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scaleinv.errors import LakeError, explain
from scaleinv.schema import Table

_SIMPLE: Final = (pa.types.is_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_date)
_LONGEST: Final = 128
"""Characters: a longer text is no use as a statistic."""


@dataclass(frozen=True)
class StagedFile:
    """A data file that is written but not committed: nobody reads it yet. Fields survive JSON.

    ``path`` is below the table's folder; its name is a hash of the bytes, so the same rows give the same file.
    """

    path: str
    size: int
    partition: dict[str, str]
    stats: str

    @property
    def rows(self) -> int:
        """How many it holds."""
        return int(json.loads(self.stats)["numRecords"])


def encode(table: Table, rows: pa.Table, partition: Mapping[str, object]) -> tuple[StagedFile, bytes]:
    """The file that holds ``rows`` (the contract's columns, checked) of one partition, and its bytes."""
    rows = rows.select([name for name in table.names if name not in table.partitions])
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd")
    content = buffer.getvalue()
    values = {name: text(scalar(partition[name], table[name].type).as_py()) for name in table.partitions}
    digest = hashlib.sha256(content + json.dumps(values).encode()).hexdigest()[:32]
    # The log says which partition a file belongs to; folder names are for people, and need no escaping this way.
    folder = "".join(f"{name}={re.sub(r'[^A-Za-z0-9._-]', '_', value)}/" for name, value in values.items())
    return StagedFile(f"{folder}part-{digest}.parquet", len(content), values, _statistics(rows)), content


def with_partition(data: pa.Table, table: Table, partition: Mapping[str, object]) -> pa.Table:
    """``data`` with its partition columns, which it may lack and must not contradict.

    Raises:
        LakeError: ``partition`` does not name the table's partition columns, or a row says otherwise.
    """
    if set(partition) != set(table.partitions):
        raise LakeError(
            explain(
                f"{table.name}: a file belongs to one partition",
                expected=", ".join(table.partitions) or "none",
                found=", ".join(partition) or "none",
            )
        )
    for name, value in partition.items():
        wanted = scalar(value, table[name].type)
        if name not in data.column_names:
            data = data.append_column(name, pa.repeat(wanted, data.num_rows))
        elif not pc.all(pc.equal(data[name].cast(table[name].type), wanted), skip_nulls=False, min_count=0).as_py():
            others = [other for other in pc.unique(data[name]).to_pylist() if text(other) != text(value)]
            raise LakeError(
                explain(f"{table.name}: rows of another {name} in the file", expected=text(value), which=others)
            )
    return data


def by_partition(data: pa.Table, table: Table) -> Iterator[tuple[dict[str, object], pa.Table]]:
    """``data`` sorted by partition and key, cut into partitions."""
    names = list(table.partitions)
    order = [*names, *(name for name in table.key if name not in names)]
    if order:
        data = data.sort_by([(name, "ascending") for name in order])
    if not data.num_rows:
        return
    if not names:
        yield {}, data
        return
    # Where a run begins, from the sorted rows themselves: group_by does not promise any order of its groups.
    starts = [0, *pc.indices_nonzero(_changes(data.select(names))).to_pylist()]
    for start, end in zip(starts, [*starts[1:], data.num_rows], strict=True):
        yield data.select(names).slice(start, 1).to_pylist()[0], data.slice(start, end - start)


def _changes(sorted_rows: pa.Table) -> pa.ChunkedArray:
    """True at a row that differs from the row before it; the first row is never one."""
    changed = pa.chunked_array([pa.repeat(pa.scalar(False), sorted_rows.num_rows)])
    for column in sorted_rows.columns:
        differs = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1))
        changed = pc.or_(changed, pa.chunked_array([pa.array([False]), *differs.chunks], pa.bool_()))
    return changed


def text(value: object) -> str:
    """A partition value as Delta's log spells it."""
    return value.isoformat() if isinstance(value, date) else str(value)


def scalar(value: object, type: pa.DataType) -> pa.Scalar:
    """A value, or its text, as a column's type.

    Raises:
        LakeError: it is none of this type; compared as it is, it would be found nowhere, in silence.
    """
    try:
        if isinstance(value, datetime) and pa.types.is_date(type):
            raise pa.ArrowInvalid("a moment is no day")
        return pa.scalar(value).cast(type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise LakeError(
            explain(f"no {type}: {error}", expected=f"a {type} or its text", found=repr(value), do="convert it first")
        ) from error


def _statistics(rows: pa.Table) -> str:
    """Row count, least and greatest values and null counts, as JSON."""
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    for field in rows.schema:
        column = rows[field.name]
        if not any(is_kind(field.type) for is_kind in _SIMPLE) or column.null_count == rows.num_rows:
            continue
        if pa.types.is_floating(field.type) and not pc.all(pc.is_finite(column)).as_py():
            continue
        ends = pc.min_max(column).as_py()
        if pa.types.is_string(field.type) and max(map(len, ends.values())) > _LONGEST:
            continue
        least[field.name], greatest[field.name] = (_json(ends[end]) for end in ("min", "max"))
    nulls = {name: rows[name].null_count for name in rows.column_names}
    return json.dumps(
        {"numRecords": rows.num_rows, "minValues": least, "maxValues": greatest, "nullCount": nulls}, sort_keys=True
    )


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
