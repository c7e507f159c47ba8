"""Looking after the lake: old nights go, small files are put together, files that nobody needs are deleted.

Each step leaves a lake that can be read, and finds by itself what an earlier one left undone. Not for the time of a
run: a commit that meets a compaction of the same files is refused. What only adds files, as a stream does, meets none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pafs
from deltalake import DeltaTable, WriterProperties
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import CommitProperties

from scaleinv.errors import LakeError, explain
from scaleinv.lake.delta_log import DataFile, data_files, open_table
from scaleinv.lake.tables import Lake
from scaleinv.schema import Table

BY_NIGHT: Final = ("_walk", "models")
"""Folders with a folder for each night. Markers first: none may say that a night is done whose tables are gone."""
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def old_nights(
    lake: Lake, tables: Iterable[Table], *, keep: int, quiet_hours: float, needed: Mapping[date, date]
) -> list[date]:
    """Nights that are not among the ``keep`` days up to the newest in ``tables``, oldest first.

    A night that has been written to in the last ``quiet_hours`` is not one of them: a run of it may go on. Nor is one
    that a night that stays is based on (``needed``: night -> what it is based on).
    """
    written: dict[date, int] = {}  # milliseconds since 1970, as Delta's log has them
    newest = date.min
    for table in tables:
        log = pa.table(_open(lake, table).get_add_actions(flatten=True))
        if not log.num_rows:
            continue
        moments = log["modification_time"].cast(pa.int64()).to_pylist()
        for night, moment in zip(log["partition.as_of"].to_pylist(), moments, strict=True):
            newest = max(newest, night)
            written[night] = max(written.get(night, moment), moment)
    for folder in BY_NIGHT:
        for info in _folders(lake, folder):
            written.setdefault(date.fromisoformat(info.base_name), 0)
    quiet = (datetime.now(UTC) - timedelta(hours=quiet_hours)).timestamp() * 1000
    first = newest - timedelta(days=keep - 1) if newest > date.min else date.min
    old = {night for night, moment in written.items() if night < first and moment < quiet}
    return sorted(old - {base for night, base in needed.items() if night not in old})


def remove_nights(lake: Lake, tables: Iterable[Table], nights: Sequence[date]) -> None:
    """Markers, then rows (one commit per table), then models. Killed between two of them, it is done again."""
    for folder in BY_NIGHT[:1]:
        _remove_folders(lake, folder, nights)
    for table in tables:
        lake.commit(table, [], where={"as_of": list(nights)})
    for folder in BY_NIGHT[1:]:
        _remove_folders(lake, folder, nights)


def files_of_nights(lake: Lake, table: Table, nights: Sequence[date]) -> list[DataFile]:
    """Files that hold rows of ``nights``."""
    return data_files(_open(lake, table), table, {"as_of": list(nights)})


def crowded(lake: Lake, table: Table, target: int) -> dict[tuple[str, ...], list[DataFile]]:
    """Partition -> its files below ``target`` bytes, where there are several that would fit into one."""
    small: dict[tuple[str, ...], list[DataFile]] = defaultdict(list)
    for file in data_files(_open(lake, table), table, {}):
        if file.size < target:
            small[tuple(file.partition[name] for name in table.partitions)].append(file)
    return {
        place: files
        for place, files in small.items()
        if len(files) > 1 and sum(sorted(file.size for file in files)[:2]) <= target
    }


def compact(lake: Lake, table: Table, target: int) -> int:
    """Puts small files together, a commit per value of the first partition column; returns how many fewer there are.

    Rows keep their order; one file after the other is streamed, so memory does not grow with the table.

    Raises:
        LakeError: somebody else wrote to these files at the same time.
    """
    fewer = 0
    places = sorted({place[:1] for place in crowded(lake, table, target)})
    for place in places:
        filters = [(name, "=", value) for name, value in zip(table.partitions[:1], place, strict=True)]
        try:
            done = _open(lake, table).optimize.compact(
                partition_filters=filters or None,
                target_size=target,
                max_concurrent_tasks=1,
                writer_properties=WriterProperties(compression="ZSTD"),
                commit_properties=CommitProperties({"userMetadata": '{"stage": "maintain"}'}),
            )
        except CommitFailedError as error:
            do = "run `scaleinv maintain` when no run is under way"
            raise LakeError(explain(f"{table.name}: somebody else is writing", found=error, do=do)) from error
        fewer += int(done["numFilesRemoved"]) - int(done["numFilesAdded"])
    return fewer


def unused(lake: Lake, table: Table, *, hours: int) -> list[pafs.FileInfo]:
    """Files that no version of the last ``hours`` names, and that have lain there as long.

    A file that a worker staged and nobody has committed yet is younger; delta-rs looks at the age only of files that
    the log does not know, and a file's name is a hash of its rows: the log may know an older one of the same name.
    """
    found = _open(lake, table)
    names = found.vacuum(retention_hours=hours, dry_run=True, enforce_retention_duration=False, full=True)
    paths = [lake.files.path(f"{table.name}/{unquote(name)}") for name in names]
    limit = datetime.now(UTC) - timedelta(hours=hours)
    infos = lake.files.system.get_file_info(paths) if paths else []
    return [info for info in infos if info.type == pafs.FileType.File and info.mtime < limit]


def delete(lake: Lake, files: Iterable[pafs.FileInfo]) -> None:
    """Deletes what :func:`unused` found; a file that has been staged anew since then waits for its commit."""
    for info in files:
        if lake.files.system.get_file_info(info.path).mtime == info.mtime:
            lake.files.system.delete_file(info.path)


def _open(lake: Lake, table: Table) -> DeltaTable:
    return open_table(table, lake.uri(table), lake.files.options)


def _folders(lake: Lake, folder: str) -> list[pafs.FileInfo]:
    """The nights' folders below ``folder``."""
    selector = pafs.FileSelector(lake.files.path(folder), allow_not_found=True)
    return [info for info in lake.files.system.get_file_info(selector) if _DAY.fullmatch(info.base_name)]


def _remove_folders(lake: Lake, folder: str, nights: Sequence[date]) -> None:
    names = {night.isoformat() for night in nights}
    for info in _folders(lake, folder):
        if info.base_name in names:
            lake.files.system.delete_dir(info.path)
