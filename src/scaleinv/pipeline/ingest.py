"""Stage ingest: what the retailer's sources delivered since the last load to ``silver``, bad rows to ``quarantine``."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scaleinv.config.models import M5Config, SourceConfig
from scaleinv.errors import ConfigError, DataError, explain
from scaleinv.ingest import (
    M5_TABLES,
    PARENTS,
    check_load,
    cleanse,
    in_order,
    message_place,
    read_m5,
    read_messages,
    read_source,
    stamped,
)
from scaleinv.lake.spark import read_loads, read_spark, write_spark
from scaleinv.pipeline.loads import Load, files_read, next_load
from scaleinv.pipeline.quarantine import clear_retried
from scaleinv.pipeline.sources import sources_state
from scaleinv.pipeline.walk import Outcome, Walk, digest, rows_of
from scaleinv.schema import TABLES, Table, table
from scaleinv.schema.bronze import bronze_table

NEEDED: Final = ("sales", "items", "locations", "vendors")
"""Silver tables without which there is nothing to forecast or to order."""
_M5: Final = SourceConfig(path="m5")
_COUNTS: Final = ("read", "accepted", "quarantined", "duplicates")
_GLOB: Final = re.compile(r"[\[\]{}*?\\]")


def work(walk: Walk) -> Outcome:
    """Loads what is new of every source; each load is one commit to its silver table."""
    make_sources(walk)
    for name in TABLES:
        if TABLES[name].writer == "ingest":
            walk.lake.create(table(name))
    if walk.config.ingest.m5 is not None:
        _take_m5(walk, walk.config.ingest.m5)
        return Outcome()
    for name, source in ordered_sources(walk):
        new = next_load(walk, name, source, again=walk.force)
        _finish_earlier(walk, name, source)
        if new is None:
            walk.progress.say(f"{name}: nothing new")
            _check_age(walk, name, source, table(f"silver/{source.into or name}"))
            continue
        frame = _frame(walk, new)
        if frame is not None or not _is_missing(new):
            take(walk, new, frame)
    return Outcome()


def _frame(walk: Walk, load: Load) -> DataFrame | None:
    """What the load is to read."""
    if load.contract.format != "kafka":
        data = walk.config.ingest.data.rstrip("/")
        return read_source(walk.spark(), load.source, load.contract, load.table, addresses(walk, load), folder=data)
    if not load.files:
        return None
    messages = read_loads(walk.spark(), walk.lake, bronze_table(load.source))
    offset = F.col("offset")
    wanted = [
        (message_place() == name) & (offset >= load.since.get(name, 0)) & (offset < end.size)
        for name, end in load.files.items()
    ]
    return read_messages(load.source, load.contract, load.table, messages.where(functools.reduce(operator.or_, wanted)))


def _take_m5(walk: Walk, config: M5Config) -> None:
    """M5's tables, each as a source of its own; the assumed stock belongs to one as_of, so all are replaced."""
    state = digest([config.model_dump(mode="json"), walk.as_of, sources_state(walk.config)])
    raw: dict[str, DataFrame] = {}
    for name in in_order(M5_TABLES):
        into = table(f"silver/{name}")
        last = walk.lake.last_load(into, name)
        log = walk.lake.read(table("ingest_log"), where={"source": name, "contract": state, "load": last or 0})
        if log.num_rows and last is not None and not walk.force:
            continue  # a run that was killed did it
        raw = raw or read_m5(walk.spark(), walk.config.ingest.data, config, as_of=walk.as_of)
        number = 0 if last is None else last + 1
        load = Load(name, into, _M5, number, None, replaces=True, is_history=True, contract_hash=state)
        take(walk, load, raw[name])


def ordered_sources(walk: Walk) -> list[tuple[str, SourceConfig]]:
    """The configured sources, those of parents before those of their children.

    Raises:
        ConfigError: a source feeds a table that does not exist, or a table that is needed has no source.
    """
    sources = walk.config.ingest.sources
    into = {name: f"silver/{source.into or name}" for name, source in sources.items()}
    tables = [name.removeprefix("silver/") for name, one in TABLES.items() if one.loads]
    unknown = [name for name, target in into.items() if target.removeprefix("silver/") not in tables]
    if unknown:
        raise ConfigError(
            explain(
                "ingest.sources feeds tables that do not exist", expected=", ".join(tables), which=unknown,
                do="name the silver table in the contract's `into`",
            )
        )  # fmt: skip
    missing = [name for name in NEEDED if f"silver/{name}" not in into.values()]
    if missing:
        raise ConfigError(
            explain(
                "ingest.sources lacks sources that cannot be done without",
                expected=", ".join(NEEDED),
                found=", ".join(sources),
                which=missing,
                do="write a contract for each: conf/sources/<folder>/<source>.yaml",
            )
        )
    ranks = {name: i for i, name in enumerate(in_order({*into.values()}))}
    return [(name, sources[name]) for name in sorted(sources, key=lambda name: (ranks[into[name]], name))]


def addresses(walk: Walk, load: Load) -> list[str]:
    """What Spark is to open."""
    data = walk.config.ingest.data.rstrip("/")
    if load.files is None:
        return [f"{data}/{load.contract.path}"] if load.contract.path else []
    # Spark takes what it is given for a glob.
    return [f"{data}/" + _GLOB.sub(r"\\\g<0>", name) for name in load.files]


def _finish_earlier(walk: Walk, name: str, source: SourceConfig) -> None:
    last = walk.lake.last_load(table(f"silver/{source.into or name}"), name)
    if last is not None:
        clear_retried(walk, name, last)


def _is_missing(load: Load) -> bool:
    """Whether the source has not a single row where it must have some; an optional one may be empty.

    Raises:
        DataError: it must not be missing.
    """
    if not load.contract.required:
        return True
    if load.number and not load.replaces:
        return False  # a delivery without a row: shops were closed
    raise DataError(
        explain(
            f"source {load.source} is empty" + ("" if load.files else ": no file is there"),
            expected=f"at least one row of {load.table.name}",
            found=f"0 rows in {len(load.files or ()):,} files at {load.contract.path}",
            do=f"deliver it, correct ingest.data or ingest.sources.{load.source}.path, or mark it `required: false`",
        )
    )


def take(walk: Walk, load: Load, raw: DataFrame | None) -> Mapping[str, int]:
    """One load: cleansed, counted, its bad rows kept, its good ones committed; returns the counts.

    The commit to silver comes last and counts the load: killed before it, the load is done again as if nothing had
    been; killed after it, it is done.

    Raises:
        DataError: too many rows were set aside, or the newest is too old; they can be looked at, and none went on.
    """
    name, into = load.source, load.table
    spark = walk.spark()
    names = [column.name for column in into.received]
    if raw is None:
        nothing = spark.createDataFrame([], "rule string, reason string, file string, position long, row string")
        accepted = read_spark(spark, walk.lake, into).select(*names).limit(0)
        counts, rules, quarantine, cleansed = dict.fromkeys(_COUNTS, 0), {}, nothing, None
    else:
        parents = {
            parent: read_spark(spark, walk.lake, table(f"silver/{parent}"))
            for parent in {*PARENTS.get(into.name.removeprefix("silver/"), {}).values()}
        }
        cleansed = cleanse(raw, into, load.contract, parents)
        counts, rules = dict(cleansed.counts), dict(cleansed.rules)
        quarantine, accepted = cleansed.quarantine, cleansed.accepted
    try:
        _keep_aside(walk, load, quarantine, counts["quarantined"])
        files_read(walk, load)
        stopped = _stopped(walk, load, counts, rules, accepted)
        _log(walk, load, counts, stopped)
        if stopped is not None:
            raise stopped
        day: Column | None = None if load.is_history else F.lit(load.day(walk.as_of))
        frame = stamped(accepted, into, source=name, load=load.number, day=day)
        rows = write_spark(
            walk.lake, frame, into, where={"source": name}, load=(name, load.number), append=not load.replaces
        )
    finally:
        if cleansed is not None:
            cleansed.release()
    said = f"{name}: read {counts['read']:,} = accepted {counts['accepted']:,} + quarantined "
    walk.progress.say(f"{said}{counts['quarantined']:,} + duplicates {counts['duplicates']:,}; load {load.number}")
    walk.progress.wrote(into.name, rows)
    clear_retried(walk, name, load.number)
    return counts


def _keep_aside(walk: Walk, load: Load, quarantine: DataFrame, rows: int) -> None:
    """An attempt that was stopped may have left rows of the same number."""
    aside = table("quarantine")
    where = {"source": load.source, "load": load.number}
    if rows or str(load.number) in walk.lake.partition_values(aside, "load", where={"source": load.source}):
        frame = quarantine.select(F.lit(load.source).alias("source"), F.lit(load.number).alias("load"), "*")
        walk.progress.wrote(aside.name, write_spark(walk.lake, frame, aside, where=where))


def _stopped(
    walk: Walk, load: Load, counts: dict[str, int], rules: dict[str, int], accepted: DataFrame
) -> DataError | None:
    try:
        if counts["read"] and not load.replays:
            check_load(load.source, load.table, counts, rules, walk.config.ingest)
            _check_age(walk, load.source, load.contract, load.table, accepted)
    except DataError as error:
        return error
    return None


def _check_age(walk: Walk, name: str, source: SourceConfig, into: Table, accepted: DataFrame | None = None) -> None:
    """Of what is known of the source, with what it brings now: old days may be corrected, but none may stay away."""
    if source.max_age is None or into.known_at is None:
        return
    rows = read_loads(walk.spark(), walk.lake, into).where(F.col("source") == name).select(into.known_at)
    if accepted is not None:
        rows = rows.unionByName(accepted.select(into.known_at))
    row = rows.agg(F.max(into.known_at).alias("newest")).first()
    newest: date | None = row["newest"] if row else None
    if newest is None or (walk.as_of - newest).days > source.max_age:
        raise DataError(
            explain(
                f"source {name} is too old",
                expected=f"rows of {walk.as_of} or up to {source.max_age} days before (max_age)",
                found=f"the newest is of {newest}",
                do="see why the source has stopped; or raise max_age in its contract",
            )
        )


def _log(walk: Walk, load: Load, counts: dict[str, int], stopped: DataError | None) -> None:
    log = table("ingest_log")
    before = walk.lake.read(log, where={"source": load.source})
    before = before.filter(pa.compute.less(before["load"], load.number))
    row = {
        "source": load.source, "load": load.number, "into": load.table.name, "contract": load.contract_hash,
        "day": load.day(walk.as_of), "files": len(load.files or ()), "replaces": load.replaces, "replays": load.replays,
        "stopped": str(stopped) if stopped else None,
        **counts,
    }  # fmt: skip
    rows = pa.concat_tables([before, rows_of(log, [row])])
    walk.lake.overwrite(log, rows, where={"source": load.source})


def make_sources(walk: Walk) -> None:
    """Lets the synthetic retailer write its files, where the configuration asks for it and they are not there."""
    if walk.config.synthetic is None:
        return
    from scaleinv.synthetic import write_sources

    write_sources(walk.config.synthetic, Path(walk.config.ingest.data), progress=walk.progress.say)
