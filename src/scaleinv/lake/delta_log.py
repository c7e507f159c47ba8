"""What Delta's log says about a table, and the refusal of tables that plain readers would get wrong in silence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from scaleinv.errors import LakeError, explain
from scaleinv.lake.staging import scalar, text
from scaleinv.schema import Table

_PLAIN: Final = re.compile(r"([A-Za-z0-9_]+=[A-Za-z0-9_.-]+/)*[A-Za-z0-9][A-Za-z0-9_.=-]*")
_UNREADABLE: Final = {"delta.columnMapping.mode": ("name", "id"), "delta.enableDeletionVectors": ("true",)}


@dataclass(frozen=True)
class DataFile:
    """A file of the table's present version; ``path`` is spelt (percent-encoded) as in the log."""

    path: str
    size: int
    rows: int
    partition: dict[str, str]


def open_table(table: Table, uri: str, options: Mapping[str, str], version: int | None = None) -> DeltaTable:
    """The table at a version (``None``: the latest).

    Raises:
        LakeError: it is not there, or plain readers cannot be trusted with it.
    """
    try:
        found = DeltaTable(uri, version=version, storage_options=dict(options) or None)
    except TableNotFoundError:
        raise LakeError(
            explain(
                f"{table.name} is not in the lake",
                found=uri,
                do=f"run the stage that writes it: scaleinv {table.writer}",
            )
        ) from None
    except Exception as error:
        what = f"{table.name} cannot be opened" + ("" if version is None else f" at version {version}")
        do = "choose a version that was written and not vacuumed; let scaleinv alone write this table"
        raise LakeError(explain(what, found=str(error), do=do)) from error
    _refuse_unreadable(table, found)
    return found


def _refuse_unreadable(table: Table, found: DeltaTable) -> None:
    settings = found.metadata().configuration
    bad = [f"{key}={settings[key]}" for key, values in _UNREADABLE.items() if settings.get(key) in values]
    features = found.protocol().reader_features or []
    # A table keeps its old deletion vectors when the property is switched off.
    if not bad and "deletionVectors" in features and found.deletion_vectors().read_all().num_rows:
        bad = ["deletion vectors"]
    if bad:
        raise LakeError(
            explain(
                f"{table.name} has features that plain readers get wrong in silence",
                expected="no column mapping, no deletion vectors",
                which=bad,
                do=f"delete the table and let `scaleinv {table.writer}` create it",
            )
        )
    have = {field.name for field in found.schema().fields}
    missing = [name for name in table.names if name not in have]
    if missing:
        raise LakeError(
            explain(
                f"{table.name} was written under another contract",
                which=[f"missing {name}" for name in missing],
                do=f"delete the table and run `scaleinv {table.writer}` again",
            )
        )


def data_files(found: DeltaTable, table: Table, wanted: Mapping[str, Sequence[object]]) -> list[DataFile]:
    """The files of the wanted partitions, by path."""
    log = pa.table(found.get_add_actions(flatten=True))
    for name in wanted:  # before rows become Python objects: the log holds the files of every night
        if name in table.partitions:
            log = log.filter(pc.is_in(log[f"partition.{name}"], pa.array(wanted[name], table[name].type)))
    names = ["path", "size_bytes", "num_records", *(f"partition.{name}" for name in table.partitions)]
    rows: list[dict[str, Any]] = log.select([name for name in names if name in log.column_names]).to_pylist()
    files = (
        DataFile(
            path=row["path"],
            size=row["size_bytes"],
            rows=row.get("num_records") or 0,
            partition={name: text(row[f"partition.{name}"]) for name in table.partitions},
        )
        for row in rows
    )
    return sorted(files, key=lambda file: file.path)


def plain_paths(files: Sequence[DataFile], table: Table) -> list[str] | None:
    """The files' paths, if each says by itself which partition it is in, without any character that is spelt anew."""
    known = ["/".join(f"{name}={file.partition[name]}" for name in table.partitions) for file in files]
    folders = [folder + "/" if folder else "" for folder in known]
    are_plain = all(
        file.path.startswith(folder) and _PLAIN.fullmatch(file.path) and file.path.count("/") == folder.count("/")
        for folder, file in zip(folders, files, strict=True)
    )
    return [file.path for file in files] if are_plain else None


def matches(partition: Mapping[str, str], wanted: Mapping[str, Sequence[object]]) -> bool:
    """Whether a partition may hold rows that are wanted; columns that are no partition columns are not judged."""
    return all(partition[name] in {text(v) for v in values} for name, values in wanted.items() if name in partition)


def wanted_values(table: Table, where: Mapping[str, object] | None) -> dict[str, list[object]]:
    """``where`` with a list for every column, in the column's type.

    Raises:
        LakeError: it names no column of the table, or a value that the column cannot hold.
    """
    unknown = [name for name in where or {} if name not in table.names]
    if unknown:
        raise LakeError(explain(f"{table.name} has no such column", expected=", ".join(table.names), which=unknown))
    return {
        name: [scalar(one, table[name].type).as_py() for one in _listed(value)] for name, value in (where or {}).items()
    }


def wanted_partitions(table: Table, where: Mapping[str, object]) -> dict[str, list[object]]:
    """``where`` over partition columns alone: what can be replaced as a whole.

    Raises:
        LakeError: it names another column.
    """
    others = [name for name in where if name not in table.partitions]
    if others:
        expected = ", ".join(table.partitions) or "nothing: it has no partitions"
        raise LakeError(explain(f"{table.name} is not partitioned by it", expected=expected, which=others))
    return wanted_values(table, where)


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
