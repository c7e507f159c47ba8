"""What is to be loaded next of a source: the files that no load has read yet, or all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import pyarrow.compute as pc

from scaleinv.config.sources import SourceConfig
from scaleinv.errors import DataError, explain
from scaleinv.pipeline.sources import SourceFile, files_of
from scaleinv.pipeline.walk import Walk, digest, rows_of
from scaleinv.schema import Table, table
from scaleinv.schema.bronze import bronze_table


@dataclass(frozen=True)
class Load:
    """One load of one source. ``files`` is ``None`` where nobody can say which there are."""

    source: str
    table: Table
    contract: SourceConfig
    number: int
    files: Mapping[str, SourceFile] | None
    replaces: bool
    """It takes the place of all that the source brought before."""
    is_history: bool
    """It was known as it happened; a later load was known when it came."""
    contract_hash: str
    """Of what decides how rows are read; limits are not part of it."""
    since: Mapping[str, int] = field(default_factory=dict)
    """Of messages: topic-partition -> the offset to go on with, where some were read before."""
    replays: bool = False
    """It tries rows in quarantine again."""
    last_day: date | None = None
    """The day of the load before it."""

    def day(self, as_of: date) -> date:
        """The last day known when it is loaded: never before that of an earlier load, or it would change the past."""
        return max(as_of, self.last_day) if self.last_day else as_of


def next_load(walk: Walk, name: str, source: SourceConfig, *, again: bool = False) -> Load | None:
    """The load that is to be done now; ``None``: there is nothing new.

    Args:
        walk: the night.
        name: the source.
        source: its contract.
        again: load all there is, in place of what was loaded before.

    Raises:
        DataError: a file that was read before has changed, in a source whose rows add up.
    """
    into = table(f"silver/{source.into or name}")
    last = walk.lake.last_load(into, name)
    files = _landed(walk, name) if source.format == "kafka" else files_of(source, walk.config)
    if source.format == "kafka" and not files:
        return None  # nothing has landed yet
    is_whole = files is None or _is_whole(source, into)
    log = walk.lake.read(table("ingest_log"), where={"source": name}).to_pylist()
    row = next((row for row in log if row["load"] == last), None)
    number = 0 if last is None else last + 1
    load = Load(
        name, into, source, number, files, replaces=is_whole or again, is_history=last is None or is_whole or again,
        contract_hash=_contract_hash(source), last_day=row["day"] if row else None,
    )  # fmt: skip
    if last is None:
        return load
    # What came before a load that took its place is not there any more.
    first = max((row["load"] for row in log if row["replaces"] and row["load"] <= last), default=0)
    known = _known_files(walk, name, first, last)
    gone = sorted({*known} - {*(files or ())})
    if gone and not _is_whole(source, into) and (again or files is None) and walk.config.synthetic is None:
        raise DataError(
            explain(
                f"source {name}: loading all of it again would lose what came in files that are not there any more"
                if files is not None
                else f"source {name}: its files could be listed when they were loaded, and cannot be now",
                which=gone,
                do="put them back under the same names and run again; if they are to be forgotten, delete the table "
                f"{into.name}",
            )
        )
    if files is None or again:
        return load
    seen = {file: (one.size, one.modified) for file, one in files.items()}
    same_contract = row is not None and row["contract"] == load.contract_hash
    if is_whole:
        return None if seen == known and same_contract else load
    if walk.config.synthetic is not None and known.items() - seen.items():
        return replace(load, replaces=True, is_history=True)  # another retailer
    if not same_contract:
        walk.progress.say(f"{name}: its contract has changed since the last load; --force loads all of it again")
    new = {file: info for file, info in files.items() if known.get(file) != seen[file]}
    changed = [file for file in new if file in known]
    if changed and into.loads == "add" and source.format != "kafka":
        raise DataError(
            explain(
                f"source {name}: files have changed after they were loaded, and their rows were added up already",
                which=changed,
                do="deliver what is new or corrected in a file of another name, or load all of it again: --force",
            )
        )
    if not new:
        return None
    since = {file: known[file][0] for file in changed} if source.format == "kafka" else {}
    return replace(load, files=new, since=since)


def replay_load(walk: Walk, name: str, source: SourceConfig) -> Load:
    """The load that tries again what is in quarantine.

    Raises:
        DataError: nothing was loaded yet, or the source's files are read as a whole each time.
    """
    into = table(f"silver/{source.into or name}")
    last = walk.lake.last_load(into, name)
    if last is None or _is_whole(source, into) or source.format in ("jdbc", "delta"):
        raise DataError(
            explain(
                f"source {name} has nothing to replay: "
                + ("it was not loaded yet" if last is None else "its files are read as a whole, whenever they change"),
                do=f"correct its files or its contract and run scaleinv ingest --env {walk.config.env}",
            )
        )
    log = walk.lake.read(table("ingest_log"), where={"source": name, "load": last}).to_pylist()
    return Load(
        name, into, source, last + 1, {}, replaces=False, is_history=False, contract_hash=_contract_hash(source),
        replays=True, last_day=log[0]["day"] if log else None,
    )  # fmt: skip


def _is_whole(source: SourceConfig, into: Table) -> bool:
    return (source.mode or ("whole" if into.loads == "whole" else "increments")) == "whole"


def _contract_hash(source: SourceConfig) -> str:
    return digest(source.model_dump(mode="json", exclude={"required", "max_age", "max_quarantine_share", "drift"}))


def _landed(walk: Walk, name: str) -> dict[str, SourceFile]:
    """Topic-partition -> the offset behind the last message that landed in ``bronze``, as its size."""
    from scaleinv.lake.stream_sink import StreamSink

    bronze = bronze_table(name)
    if not walk.lake.exists(bronze):
        return {}
    ends = StreamSink(walk.lake, bronze).landed(walk.spark())
    return {f"{topic}-{partition}": SourceFile(end, -1) for (topic, partition), end in ends.items()}


def _known_files(walk: Walk, name: str, first: int, last: int) -> dict[str, tuple[int, int]]:
    """File -> size and time at the last load that read it; loads that were never committed do not count."""
    rows = walk.lake.read(table("source_files"), where={"source": name}).sort_by("load")
    rows = rows.filter(pc.and_(pc.greater_equal(rows["load"], first), pc.less_equal(rows["load"], last)))
    return {row["file"]: (row["size"], row["modified"]) for row in rows.to_pylist()}


def files_read(walk: Walk, load: Load) -> None:
    """Keeps which files the load reads."""
    rows = [
        {"source": load.source, "load": load.number, "file": file, "size": one.size, "modified": one.modified}
        for file, one in (load.files or {}).items()
    ]
    where = {"source": load.source, "load": load.number}
    walk.lake.overwrite(table("source_files"), rows_of(table("source_files"), rows), where=where)
