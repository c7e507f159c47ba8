"""Command ``maintain``: the lake stays as large as the nights that are kept, in files of a good size."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from scaleinv.config import Config
from scaleinv.lake import Lake
from scaleinv.lake.lease import lease
from scaleinv.lake.maintain import compact, crowded, delete, files_of_nights, old_nights, remove_nights, unused
from scaleinv.pipeline.nights import bases
from scaleinv.schema import TABLES, Table
from scaleinv.schema.bronze import bronze_table


def maintain(config: Config, say: Callable[[str], None], *, dry_run: bool = False) -> None:
    """Removes old nights, compacts every table, deletes files that nobody needs any more; says what it does.

    May be killed anywhere and run again; run twice, the second time does nothing. What it takes out of a table can
    still be read at older versions for ``maintain.vacuum_hours``. Not for the time of a run of the same lake: ingest
    and it take turns by the same lease. Streams may go on.

    Args:
        config: the environment.
        say: takes a line for a person.
        dry_run: say what would be done, do nothing. Files that the removal itself would leave are not counted.

    Raises:
        LakeError: a table cannot be read by plain readers, or somebody else is writing: an ingest is under way.
    """
    lake = Lake(config.lake)
    with nullcontext() if dry_run else lease(lake, "ingest"):
        _maintain(config, lake, say, dry_run=dry_run)


def _maintain(config: Config, lake: Lake, say: Callable[[str], None], *, dry_run: bool) -> None:
    options = config.maintain
    tables = [table for table in _tables(config) if lake.exists(table)]
    by_night = [table for table in tables if "as_of" in table.partitions]
    nights = old_nights(lake, by_night, keep=options.keep_nights, quiet_hours=options.vacuum_hours, needed=bases(lake))
    would = "would be " if dry_run else ""
    if nights:
        gone = [file for table in by_night for file in files_of_nights(lake, table, nights)]
        size = _mb(sum(file.size for file in gone))
        say(f"nights {nights[0]} to {nights[-1]}: {len(nights):,} {would}removed, {len(gone):,} files, {size}")
        if not dry_run:
            remove_nights(lake, by_night, nights)
    target = options.target_file_mb * 2**20
    for table in tables:
        small = crowded(lake, table, target)
        if small:
            files = sum(map(len, small.values()))
            done = "" if dry_run else f", {compact(lake, table, target):,} fewer"
            say(f"{table.name}: {files:,} small files of {len(small):,} partitions {would}put together{done}")
    for table in tables:
        old = unused(lake, table, hours=options.vacuum_hours)
        if old:
            say(f"{table.name}: {len(old):,} unused files {would}deleted, {_mb(sum(info.size for info in old))}")
            if not dry_run:
                delete(lake, old)
    say("nothing is done: this is a dry run" if dry_run else "done")


def _tables(config: Config) -> list[Table]:
    """Those of the walk, and what streams landed in."""
    streams = [name for name, source in config.ingest.sources.items() if source.format == "kafka"]
    return [*TABLES.values(), *map(bronze_table, streams)]


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
