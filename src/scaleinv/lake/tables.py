"""Delta for plain workers: Arrow in and out at a pinned version, files staged by workers, one commit by the driver."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from deltalake.transaction import AddAction, CommitProperties, RemoveAction

from scaleinv.config import LakeConfig
from scaleinv.errors import LakeError, explain
from scaleinv.lake.files import Files
from scaleinv.schema import TABLES, Table, check

PROPERTIES: Final = {"delta.enableDeletionVectors": "false"}
"""Of every table: readers outside Spark cannot follow deletion vectors."""
_UNREADABLE: Final = {"delta.columnMapping.mode": ("name", "id"), "delta.enableDeletionVectors": ("true",)}
_RETRIES: Final = 100
_SIMPLE: Final = (pa.types.is_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_date)


@dataclass(frozen=True)
class StagedFile:
    """A data file that is written but not committed: nobody reads it yet. Fields survive JSON."""

    path: str
    size: int
    partition: dict[str, str]
    stats: str


@dataclass(frozen=True)
class TableState:
    """A table as it stands."""

    name: str
    version: int
    rows: int
    files: int
    bytes: int
    modified: str


class Lake:
    """The tables and artefacts under one root. Small and picklable: it travels to workers."""

    def __init__(self, config: LakeConfig) -> None:
        self.config = config
        self.files = Files(config)

    def __reduce__(self) -> tuple[type[Lake], tuple[LakeConfig]]:
        return Lake, (self.config,)

    # --- artefacts --------------------------------------------------------------------------------------------------

    def put(self, path: str, data: bytes) -> None:
        """Stores an artefact as a whole."""
        self.files.put(path, data)

    def get(self, path: str) -> bytes | None:
        """An artefact; ``None`` if it is not there."""
        return self.files.get(path)

    def paths(self, prefix: str) -> list[str]:
        """Paths of the artefacts below ``prefix``, sorted."""
        return self.files.list(prefix)

    def delete(self, path: str) -> None:
        """Removes an artefact, if it is there."""
        self.files.delete(path)

    # --- reading ----------------------------------------------------------------------------------------------------

    def uri(self, table: Table) -> str:
        """The table's address for delta-rs."""
        return f"{self.files.address}/{table.name}"

    def exists(self, table: Table) -> bool:
        """Whether the table has ever been written."""
        return DeltaTable.is_deltatable(self.uri(table), storage_options=self.config.storage_options or None)

    def version(self, table: Table) -> int:
        """The latest version.

        Raises:
            LakeError: the table is not there.
        """
        return int(self._open(table).version())

    def read(
        self,
        table: Table,
        *,
        version: int | None = None,
        where: Mapping[str, object] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Rows as an Arrow table in the contract's types; only the files of the wanted partitions are opened.

        Args:
            table: what to read.
            version: a pinned version; ``None``: the latest.
            where: column -> value, or a list of values of which one must match.
            columns: the contract's columns to read, in this order; ``None``: all.

        Raises:
            LakeError: the table or the version is not there, or was written with features that this reader would get
                wrong.
        """
        chosen = list(columns) if columns is not None else table.names
        wanted = {name: _values(value) for name, value in (where or {}).items()}
        found = self._open(table, version)
        # At least one column from the files: without any, Arrow forgets how many rows there are.
        first = next(name for name in table.names if name not in table.partitions)
        in_files = [name for name in (*chosen, *wanted) if name not in table.partitions] or [first]
        schema = pa.schema([table.schema.field(name) for name in dict.fromkeys(in_files)])
        parts = []
        for action in _actions(found, table, wanted):
            part = pq.read_table(
                f"{self.files.root}/{table.name}/{unquote(action['path'])}",
                columns=schema.names,
                filesystem=self.files.system,
                partitioning=None,
            )
            part = part.select(schema.names).cast(schema)
            for name, values in wanted.items():
                if name not in table.partitions:
                    part = part.filter(pc.is_in(part[name], value_set=pa.array(values, table[name].type)))
            parts.append(_with_partition(part, table, action["partition"], chosen))
        result = pa.schema([table.schema.field(name) for name in chosen])
        return pa.concat_tables(parts).combine_chunks() if parts else result.empty_table()

    def partition_values(
        self, table: Table, column: str, *, version: int | None = None, where: Mapping[str, object] | None = None
    ) -> list[str]:
        """Distinct values of a partition column, sorted, from the log alone.

        Raises:
            LakeError: the table is not there.
        """
        wanted = {name: _values(value) for name, value in (where or {}).items()}
        return sorted({action["partition"][column] for action in _actions(self._open(table, version), table, wanted)})

    def tables(self) -> list[TableState]:
        """Every table that is there, in the order of the walk."""
        return [self._state(table) for table in TABLES.values() if self.exists(table)]

    def _state(self, table: Table) -> TableState:
        found = self._open(table)
        actions = _actions(found, table, {})
        moment = datetime.fromtimestamp(found.history(1)[0]["timestamp"] / 1000, tz=UTC)
        return TableState(
            name=table.name,
            version=int(found.version()),
            rows=sum(action["rows"] for action in actions),
            files=len(actions),
            bytes=sum(action["size"] for action in actions),
            modified=moment.strftime("%Y-%m-%d %H:%M UTC"),
        )

    def _open(self, table: Table, version: int | None = None) -> DeltaTable:
        try:
            found = DeltaTable(self.uri(table), version=version, storage_options=self.config.storage_options or None)
        except TableNotFoundError:
            raise LakeError(
                explain(
                    f"{table.name} is not in the lake",
                    found=self.config.root,
                    do=f"run the stage that writes it: scaleinv {table.writer}",
                )
            ) from None
        except Exception as error:
            if version is None or "version" not in str(error).lower():
                raise
            raise LakeError(
                explain(f"{table.name} has no version {version}", found=error, do="it was vacuumed, or never written")
            ) from None
        settings = found.metadata().configuration
        bad = [f"{key}={settings[key]}" for key, values in _UNREADABLE.items() if settings.get(key) in values]
        if bad:
            raise LakeError(
                explain(
                    f"{table.name} has features that plain readers get wrong in silence",
                    expected="no column mapping, no deletion vectors",
                    which=bad,
                    do="let scaleinv create the table, or rewrite it without them",
                )
            )
        return found

    # --- writing ----------------------------------------------------------------------------------------------------

    def overwrite(self, table: Table, data: pa.Table, *, where: Mapping[str, object]) -> int:
        """Replaces exactly the rows of these partition values (none: all) by ``data``; returns the version.

        Raises:
            DataError: ``data`` does not keep the table's contract.
            LakeError: a row lies outside ``where``.
        """
        data = check(data, table, unique=bool(table.key))
        if table.key:
            data = data.sort_by([(name, "ascending") for name in table.key])
        staged = []
        keys = (
            data.select(list(table.partitions)).group_by(list(table.partitions)).aggregate([])
            if data.num_rows
            else None
        )
        for partition in (keys.to_pylist() if keys is not None else []) if table.partitions else [{}]:
            rows = data
            for name, value in partition.items():
                rows = rows.filter(pc.equal(rows[name], pa.scalar(value, table[name].type)))
            if rows.num_rows:
                staged.append(self.stage_file(table, rows, partition=partition))
        return self.commit(table, staged, where=where)

    def stage_file(self, table: Table, data: pa.Table, *, partition: Mapping[str, object]) -> StagedFile:
        """Writes one file without committing it. The name is a hash of the bytes: the same rows give the same file."""
        columns = [name for name in table.names if name not in table.partitions]
        rows = data.select(columns)
        buffer = io.BytesIO()
        pq.write_table(rows, buffer, compression="zstd")
        content = buffer.getvalue()
        values = {name: _text(partition[name]) for name in table.partitions}
        folder = "".join(f"{name}={quote(value, safe='')}/" for name, value in values.items())
        path = f"{folder}part-{hashlib.sha256(content).hexdigest()[:32]}.parquet"
        name = f"{table.name}/{path}"
        if not self.files.exists(name):
            self.files.put(name, content)
        return StagedFile(path=path, size=len(content), partition=values, stats=_statistics(rows))

    def commit(self, table: Table, files: Sequence[StagedFile], *, where: Mapping[str, object]) -> int:
        """One commit that makes ``files`` all there is for ``where``; returns the version.

        Files that are there already stay: if nothing changes, nothing is committed. Only the driver commits.

        Raises:
            LakeError: a file lies outside ``where``.
        """
        wanted = {name: _values(value) for name, value in where.items()}
        outside = [file.path for file in files if not _matches(file.partition, wanted)]
        if outside:
            raise LakeError(explain(f"{table.name}: files lie outside what is replaced ({where})", which=outside))
        self.create(table)
        found = self._open(table)
        present = {unquote(action["path"]): action for action in _actions(found, table, wanted)}
        added = {unquote(file.path): file for file in files}
        now = int(datetime.now(tz=UTC).timestamp() * 1000)
        actions: list[Any] = [
            AddAction(quote(path, safe="/=%"), file.size, dict(file.partition), now, True, file.stats)
            for path, file in sorted(added.items())
            if path not in present
        ]
        actions += [
            RemoveAction(action["path"], True, now, size=action["size"], partition_values=action["partition"])
            for path, action in sorted(present.items())
            if path not in added
        ]
        if actions:
            found.create_write_transaction(
                actions,
                mode="append",
                schema=_delta_schema(table),
                partition_by=list(table.partitions),
                commit_properties=CommitProperties(
                    custom_metadata={"stage": table.writer}, max_commit_retries=_RETRIES
                ),
            )
        return int(self._open(table).version())

    def create(self, table: Table) -> None:
        """Makes the empty table, if it is not there, so that Spark and plain readers both can use it."""
        DeltaTable.create(
            self.uri(table),
            _delta_schema(table),
            mode="ignore",
            partition_by=list(table.partitions),
            configuration=PROPERTIES,
            storage_options=self.config.storage_options or None,
        )


def _delta_schema(table: Table) -> pa.Schema:
    return table.schema


def _values(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple, set)) else [value]


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _matches(partition: Mapping[str, str], wanted: Mapping[str, Sequence[object]]) -> bool:
    return all(partition[name] in {_text(v) for v in values} for name, values in wanted.items() if name in partition)


def _actions(found: DeltaTable, table: Table, wanted: Mapping[str, Sequence[object]]) -> list[dict[str, Any]]:
    """The files of the wanted partitions, in a fixed order."""
    log = pa.table(found.get_add_actions(flatten=True))
    names = ["path", "size_bytes", "num_records", *(f"partition.{name}" for name in table.partitions)]
    rows = log.select([name for name in names if name in log.column_names]).to_pylist()
    actions = [
        {
            "path": row["path"], "size": row["size_bytes"], "rows": row["num_records"] or 0,
            "partition": {name: _text(row[f"partition.{name}"]) for name in table.partitions},
        }
        for row in rows
    ]  # fmt: skip
    return sorted((a for a in actions if _matches(a["partition"], wanted)), key=lambda action: str(action["path"]))


def _with_partition(part: pa.Table, table: Table, partition: Mapping[str, str], chosen: Sequence[str]) -> pa.Table:
    columns = []
    for name in chosen:
        if name in table.partitions:
            value = pa.scalar(partition[name]).cast(table[name].type)
            columns.append(pa.repeat(value, part.num_rows))
        else:
            columns.append(part[name])
    return pa.table(columns, schema=pa.schema([table.schema.field(name) for name in chosen]))


def _statistics(rows: pa.Table) -> str:
    """Row count, least and greatest values and null counts of simple columns, as Delta wants them."""
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    for column in rows.schema:
        if not any(is_kind(column.type) for is_kind in _SIMPLE) or rows[column.name].null_count == rows.num_rows:
            continue
        ends = pc.min_max(rows[column.name]).as_py()
        if isinstance(ends["min"], float) and not (abs(ends["min"]) < float("inf") and abs(ends["max"]) < float("inf")):
            continue
        least[column.name] = _json(ends["min"])
        greatest[column.name] = _json(ends["max"])
    nulls = {column.name: rows[column.name].null_count for column in rows.schema}
    return json.dumps(
        {"numRecords": rows.num_rows, "minValues": least, "maxValues": greatest, "nullCount": nulls}, sort_keys=True
    )


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
