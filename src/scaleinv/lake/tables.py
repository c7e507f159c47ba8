"""Delta for plain workers: Arrow in and out at a pinned version, files staged by workers, one commit by the driver."""

from __future__ import annotations

import functools
import json
import operator
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Final, Literal
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import (
    AddAction,
    CommitProperties,
    RemoveAction,
    Transaction,
    create_table_with_add_actions,
)

from scaleinv.config import LakeConfig
from scaleinv.errors import LakeError, explain
from scaleinv.lake.delta_log import (
    DataFile,
    data_files,
    matches,
    open_table,
    plain_paths,
    wanted_partitions,
    wanted_values,
)
from scaleinv.lake.files import Files
from scaleinv.lake.staging import StagedFile, by_partition, encode, scalar, text, with_partition
from scaleinv.schema import TABLES, Table, check

PROPERTIES: Final = {"delta.enableDeletionVectors": "false"}
"""Of every table: readers outside Spark cannot follow deletion vectors."""
_TRIES: Final = 20
_FEW_FILES: Final = 32
"""Spark looks up so many on its own; of more it makes a job."""


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
        with self.files.reached():
            return DeltaTable.is_deltatable(self.uri(table), storage_options=self.files.options or None)

    def version(self, table: Table) -> int:
        """The latest version.

        Raises:
            LakeError: the table is not there.
        """
        return int(self._open(table).version())

    def table_id(self, table: Table) -> str:
        """A name that no other table has, nor this one after it was deleted and made anew; empty: it is not there."""
        return str(self._open(table).metadata().id) if self.exists(table) else ""

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
            LakeError: the table, the version or a column is not there, or the table was written with features that
                this reader would get wrong.
        """
        wanted = wanted_values(table, where)
        chosen = list(columns) if columns is not None else table.names
        wanted_values(table, dict.fromkeys(chosen))
        found = self._open(table, version)
        # At least one column from the files: without any, Arrow forgets how many rows there are.
        first = next(name for name in table.names if name not in table.partitions)
        names = [name for name in chosen if name not in table.partitions] or [first]
        rows = _filter(table, wanted)
        parts = [self._part(table, file, names, rows, chosen) for file in data_files(found, table, wanted)]
        schema = pa.schema([table.schema.field(name) for name in chosen])
        return pa.concat_tables(parts).combine_chunks() if parts else schema.empty_table()

    def first_rows(
        self, table: Table, n: int, *, where: Mapping[str, object] | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Up to ``n`` rows, as they happen to lie there; no more files are opened than that takes.

        Raises:
            LakeError: as :meth:`read`.
        """
        wanted = wanted_values(table, where)
        chosen = list(columns) if columns is not None else table.names
        wanted_values(table, dict.fromkeys(chosen))
        names = [name for name in chosen if name not in table.partitions]
        names = names or [next(name for name in table.names if name not in table.partitions)]
        parts = [pa.schema([table.schema.field(name) for name in chosen]).empty_table()]
        for file in data_files(self._open(table), table, wanted):
            if sum(part.num_rows for part in parts) >= n:
                break
            parts.append(self._part(table, file, names, _filter(table, wanted), chosen))
        return pa.concat_tables(parts).slice(0, n)

    def open_files(
        self, table: Table, *, version: int | None = None, where: Mapping[str, object] | None = None
    ) -> list[IO[bytes]]:
        """The Parquet files of these partitions, for readers that decode them elsewhere, such as on a GPU.

        Raises:
            LakeError: the table or the version is not there, or ``where`` names no partition column.
        """
        wanted = wanted_partitions(table, where or {})
        files = data_files(self._open(table, version), table, wanted)
        return [self.files.system.open_input_file(self._path(table, file)) for file in files]

    def partition_values(
        self, table: Table, column: str, *, version: int | None = None, where: Mapping[str, object] | None = None
    ) -> list[str]:
        """Distinct values of a partition column, sorted, from the log alone.

        Raises:
            LakeError: the table is not there, or ``column`` or ``where`` names no partition column.
        """
        wanted_partitions(table, {column: None})
        wanted = wanted_partitions(table, where or {})
        return sorted({file.partition[column] for file in data_files(self._open(table, version), table, wanted)})

    def tables(self) -> list[TableState]:
        """Every table that is there, in the order of the walk."""
        return [self._state(table) for table in TABLES.values() if self.exists(table)]

    def rows(self, table: Table) -> int:
        """How many rows the table has, from the log alone.

        Raises:
            LakeError: the table is not there.
        """
        return sum(file.rows for file in data_files(self._open(table), table, {}))

    def few_files(self, table: Table) -> list[str] | None:
        """Paths below the table's folder of the files of its latest version; ``None``: an engine has to list them.

        Engines take a second or two to work out from Delta's log what a table of a few files holds.

        Raises:
            LakeError: the table is not there.
        """
        found = self._open(table)
        if pa.table(found.get_add_actions()).num_rows > _FEW_FILES:  # before rows become Python objects
            return None
        return plain_paths(data_files(found, table, {}), table)

    def rows_written(self, table: Table) -> int:
        """Rows that the latest commit wrote, as Spark recorded it."""
        commit = self._open(table).history(1)[0]
        return int(commit.get("operationMetrics", {}).get("numOutputRows", 0))

    def next_transaction(self, table: Table, where: Mapping[str, object]) -> tuple[str, int]:
        """Application id and version of the commit that replaces ``where`` next, as Delta's log records them.

        A commit that went through although its writer saw it fail has used this version: sent again, it is skipped.
        """
        wanted = wanted_partitions(table, where)
        return _transaction(table, wanted, self._open(table) if self.exists(table) else None)

    def load_app(self, table: Table, source: str) -> str:
        """Application id under which Delta's log counts the loads of a source into a table."""
        return f"scaleinv/{table.name}/load/{source}"

    def last_load(self, table: Table, source: str) -> int | None:
        """Number of the last load of a source that was committed to a table; ``None``: none was."""
        if not self.exists(table):
            return None
        return self._open(table).transaction_version(self.load_app(table, source))

    def has_one_load(self, table: Table) -> bool:
        """Whether a table's rows came in at most one load of one source, from the log alone."""
        log = pa.table(self._open(table).get_add_actions(flatten=True))
        if not log.num_rows:
            return True
        if not {"partition.source", "min.load", "max.load"} <= {*log.column_names}:
            return False
        numbers = pa.chunked_array([*log["min.load"].chunks, *log["max.load"].chunks])
        return (
            not numbers.null_count
            and pc.count_distinct(numbers).as_py() == 1
            and pc.count_distinct(log["partition.source"]).as_py() == 1
        )

    def _state(self, table: Table) -> TableState:
        found = self._open(table)
        files = data_files(found, table, {})
        moment = datetime.fromtimestamp(found.history(1)[0]["timestamp"] / 1000, tz=UTC)
        return TableState(
            name=table.name,
            version=int(found.version()),
            rows=sum(file.rows for file in files),
            files=len(files),
            bytes=sum(file.size for file in files),
            modified=moment.strftime("%Y-%m-%d %H:%M UTC"),
        )

    def _open(self, table: Table, version: int | None = None) -> DeltaTable:
        return open_table(table, self.uri(table), self.files.options, version)

    def _path(self, table: Table, file: DataFile) -> str:
        return self.files.path(f"{table.name}/{unquote(file.path)}")

    def _part(
        self, table: Table, file: DataFile, names: Sequence[str], rows: pc.Expression | None, chosen: Sequence[str]
    ) -> pa.Table:
        """One file's rows with its partition columns filled in."""
        path = self._path(table, file)
        part = pq.read_table(path, columns=list(names), filters=rows, filesystem=self.files.system, partitioning=None)
        columns = [
            pa.repeat(scalar(file.partition[name], table[name].type), part.num_rows)
            if name in table.partitions
            else part[name].cast(table[name].type)
            for name in chosen
        ]
        return pa.table(columns, schema=pa.schema([table.schema.field(name) for name in chosen]))

    # --- writing ----------------------------------------------------------------------------------------------------

    def overwrite(self, table: Table, data: pa.Table, *, where: Mapping[str, object]) -> int:
        """Replaces exactly the rows of these partition values (none: all) by ``data``; returns the version.

        Raises:
            DataError: ``data`` does not keep the table's contract.
            LakeError: a row lies outside ``where``.
        """
        data = check(data, table, unique=bool(table.key))
        staged = [self._stage(table, rows, partition) for partition, rows in by_partition(data, table)]
        return self.commit(table, staged, where=where)

    def overwrite_at(self, table: Table, data: pa.Table, *, version: int) -> bool:
        """Replaces all rows by ``data``, if nobody has written since ``version``; whether it did.

        Raises:
            DataError: ``data`` does not keep the table's contract.
        """
        data = check(data, table, unique=bool(table.key))
        staged = [self._stage(table, rows, partition) for partition, rows in by_partition(data, table)]
        try:
            self._commit(table, {file.path: file for file in staged}, {}, at=version)
        except CommitFailedError:
            if self.version(table) == version:  # nobody was quicker: something is wrong
                raise
            return False
        return True

    def stage_file(self, table: Table, data: pa.Table, *, partition: Mapping[str, object]) -> StagedFile:
        """Writes one file without committing it. The name is a hash of the bytes: the same rows give the same file.

        Raises:
            DataError: ``data`` does not keep the table's contract.
            LakeError: a row belongs to another partition.
        """
        data = with_partition(data, table, partition)
        return self._stage(table, check(data, table, unique=bool(table.key)), partition)

    def _stage(self, table: Table, rows: pa.Table, partition: Mapping[str, object]) -> StagedFile:
        staged, content = encode(table, rows, partition)
        self.files.put(f"{table.name}/{staged.path}", content)
        return staged

    def commit(self, table: Table, files: Sequence[StagedFile], *, where: Mapping[str, object]) -> int:
        """One commit that makes ``files`` all there is for ``where``; returns the version.

        Files that are there already stay: if nothing changes, nothing is committed. Only the driver commits; if
        somebody else was quicker, what has to change is worked out anew.

        Raises:
            LakeError: a file lies outside ``where`` or is not there, or the commit was refused.
        """
        wanted = wanted_partitions(table, where)
        outside = [file.path for file in files if not matches(file.partition, wanted)]
        if outside:
            raise LakeError(explain(f"{table.name}: files lie outside what is replaced ({dict(where)})", which=outside))
        refusal: Exception | None = None
        for attempt in range(_TRIES):
            try:
                return self._commit(table, {file.path: file for file in files}, wanted)
            except CommitFailedError as error:
                refusal = error
                time.sleep(0.02 * (attempt + 1))
        raise LakeError(
            explain(f"{table.name}: the commit was refused {_TRIES} times", found=refusal, do="run again")
        ) from refusal

    def _commit(
        self,
        table: Table,
        files: Mapping[str, StagedFile],
        wanted: Mapping[str, Sequence[object]],
        at: int | None = None,
    ) -> int:
        found = self._open(table, at) if self.exists(table) else None
        present = {file.path: file for file in data_files(found, table, wanted)} if found is not None else {}
        new = [file for path, file in sorted(files.items()) if path not in present]
        self._check_there(table, new)
        now = int(time.time() * 1000)
        # A path must not be removed and added in one commit, so only the difference is committed.
        adds = [AddAction(file.path, file.size, dict(file.partition), now, True, file.stats) for file in new]
        removes = [
            RemoveAction(path, True, now, size=file.size, partition_values=dict(file.partition))
            for path, file in sorted(present.items())
            if path not in files
        ]
        metadata = {"userMetadata": json.dumps({"stage": table.writer, "files": len(files)})}
        transaction = Transaction(*_transaction(table, wanted, found), last_updated=now)
        # No retries inside: delta-rs would repeat the same difference against a table that has changed.
        properties = CommitProperties(metadata, max_commit_retries=0, app_transactions=[transaction])
        if found is None:
            self._create(table, adds, properties)
            return 0
        if adds or removes:
            found.create_write_transaction(
                [*adds, *removes],
                mode="append",
                schema=Schema.from_arrow(table.schema),
                partition_by=list(table.partitions),
                commit_properties=properties,
            )
            return int(found.version()) + 1  # the handle stays at the version it was opened at
        return int(found.version())

    def create(self, table: Table) -> None:
        """Makes the empty table, if it is not there, so that Spark and plain readers both can use it."""
        if not self.exists(table):
            try:
                self._create(table, [], None, mode="ignore")
            except CommitFailedError:
                if not self.exists(table):  # else somebody was quicker
                    raise

    def _create(
        self,
        table: Table,
        adds: list[AddAction],
        properties: CommitProperties | None,
        mode: Literal["error", "ignore"] = "error",
    ) -> None:
        if self.files.is_local:
            self.files.system.create_dir(self.files.path(table.name), recursive=True)
        try:
            create_table_with_add_actions(
                self.uri(table),
                Schema.from_arrow(table.schema),
                adds,
                mode=mode,
                partition_by=list(table.partitions),
                configuration=PROPERTIES,
                storage_options=self.files.options or None,
                commit_properties=properties,
            )
        except CommitFailedError:
            raise
        except DeltaError as error:
            if self.exists(table):
                raise CommitFailedError(f"somebody else created {table.name}") from error
            raise

    def _check_there(self, table: Table, files: Sequence[StagedFile]) -> None:
        """A ledger may remember files that were vacuumed since; committed, they would break every reader."""
        gone = [file.path for file in files if self.files.size(f"{table.name}/{file.path}") != file.size]
        if gone:
            raise LakeError(
                explain(
                    f"{table.name}: staged files are not there (any more)",
                    which=gone,
                    do=f"remove what the stage remembers and run `scaleinv {table.writer}` again",
                )
            )


def _transaction(table: Table, wanted: Mapping[str, Sequence[object]], found: DeltaTable | None) -> tuple[str, int]:
    place = ",".join(sorted(f"{name}={text(value)}" for name, values in wanted.items() for value in values))
    app = f"scaleinv/{table.name}/{place}"
    last = found.transaction_version(app) if found is not None else None
    return app, 0 if last is None else last + 1


def _filter(table: Table, wanted: Mapping[str, Sequence[object]]) -> pc.Expression | None:
    """The part of ``where`` that partitions cannot answer."""
    chosen: pc.Expression | None = None
    for name, values in wanted.items():
        if name not in table.partitions:
            among = _among(name, table[name].type, values)
            chosen = among if chosen is None else chosen & among
    return chosen


def _among(name: str, type: pa.DataType, values: Sequence[object]) -> pc.Expression:
    scalars = [scalar(value, type) for value in values]
    if not pa.types.is_floating(type):
        return pc.field(name).isin(pa.array([value.as_py() for value in scalars], type))
    # Arrow's isin tells -0.0 from 0.0, and Parquet's statistics give 0.0 as -0.0: it would skip the file.
    equal: list[pc.Expression] = [pc.field(name) == value for value in scalars]
    return functools.reduce(operator.or_, equal, pc.scalar(False))
