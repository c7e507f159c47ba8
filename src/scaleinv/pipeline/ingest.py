"""Stage ingest: what the retailer's sources delivered since the last load to ``silver``, bad rows to ``quarantine``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scaleinv.config.models import M5Config
from scaleinv.config.sources import SourceConfig
from scaleinv.errors import ConfigError, DataError, EngineError, explain
from scaleinv.ingest import M5_TABLES, PARENTS, Cleansed, check_load, cleanse, in_order, read_m5, stamped
from scaleinv.ingest.drift import Finding, check_drift
from scaleinv.lake.spark import read_loads, read_spark, write_spark
from scaleinv.pipeline.canonical import Skus, counted, has_skus, registry_of, restating_load
from scaleinv.pipeline.drift import settle, watched, with_drifted
from scaleinv.pipeline.loads import Load, files_read, next_load
from scaleinv.pipeline.quarantine import clear_retried
from scaleinv.pipeline.receive import may_be_missing, received
from scaleinv.pipeline.sources import sources_state
from scaleinv.pipeline.walk import Outcome, Walk, digest, rows_of
from scaleinv.schema import TABLES, Table, table

NEEDED: Final = ("sales", "items", "locations", "vendors")
"""Silver tables without which there is nothing to forecast or to order."""
_M5: Final = SourceConfig(path="m5")
_COUNTS: Final = ("read", "accepted", "quarantined", "duplicates")


def work(walk: Walk) -> Outcome:
    """Loads what is new of every source; each load is one commit to its silver table."""
    make_sources(walk)
    for name in TABLES:
        if TABLES[name].writer == "ingest":
            walk.lake.create(table(name))
    if walk.config.ingest.m5 is not None:
        _take_m5(walk, walk.config.ingest.m5)
        return Outcome()
    skus, sources = registry_of(walk), ordered_sources(walk)
    for name, source in sources:
        into = table(f"silver/{source.into or name}")
        # What master data say is of one day: they are read again when their codes mean something else by now.
        is_master = has_skus(into) and (source.mode or into.loads) == "whole"
        decided = skus is not None and is_master and skus.is_stale(name, walk.lake.last_load(into, name))
        new = next_load(walk, name, source, again=walk.force or decided)
        _finish_earlier(walk, name, into)
        if new is None:
            walk.progress.say(f"{name}: nothing new")
            _check_age(walk, name, source, into)
            continue
        frame = received(walk, new)
        if frame is not None or not may_be_missing(new):
            take(walk, new, frame, skus)
    if skus is not None:
        _restate(walk, skus, sources)
        skus.settle()
    # A replay loads what no file tells of.
    return Outcome(
        result={name: walk.lake.last_load(table(f"silver/{one.into or name}"), name) for name, one in sources}
    )


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


def _finish_earlier(walk: Walk, name: str, into: Table) -> None:
    last = walk.lake.last_load(into, name)
    if last is not None:
        _finish(walk, name, last)


def take(walk: Walk, load: Load, raw: DataFrame | None, skus: Skus | None = None) -> Mapping[str, int]:
    """One load: cleansed, counted, its bad rows kept, its good ones committed; returns the counts.

    Args:
        walk: the night.
        load: the load.
        raw: its rows; ``None``: there are none.
        skus: the registry of the run; ``None``: the load is a run of its own.

    Raises:
        DataError: the source has drifted, too many rows were set aside, or the newest is too old; all of it can be
            looked at, and nothing went on.
    """
    into = load.table
    if raw is None:
        nothing = read_spark(walk.spark(), walk.lake, into).limit(0)
        return land(walk, load, dict.fromkeys(_COUNTS, 0), None, nothing)
    skus = skus or registry_of(walk)
    found = watched(walk, load, raw)
    raw = with_drifted(raw, found, load.contract)
    cleansed = cleanse(raw, into, load.contract, _parents(walk, load, skus))
    try:
        stopped = _stopped(walk, load, found, cleansed)
        has_drifted = any(finding.policy == "stop" for finding in found)
        if (
            skus is not None
            and has_skus(into)
            and not has_drifted
            and skus.learn(load, cleansed, stopped=bool(stopped))
        ):
            cleansed.release()
            cleansed = cleanse(raw, into, load.contract, _parents(walk, load, skus))
            stopped = _stopped(walk, load, found, cleansed)
        counts, accepted = dict(cleansed.counts), cleansed.accepted
        canonical = skus.canonical(load, accepted) if skus is not None and has_skus(into) and not stopped else None
        if canonical is not None:
            counts = counted(counts, canonical, into)
            accepted = canonical
        if skus is not None and has_skus(into) and load.replaces and not stopped:
            skus.makes(load)
        return land(walk, load, counts, cleansed.quarantine, accepted, stopped=stopped)
    finally:
        cleansed.release()
        if skus is not None and into.name == "silver/items":
            skus.forget_master()


def _parents(walk: Walk, load: Load, skus: Skus | None) -> dict[str, DataFrame]:
    names = {*PARENTS.get(load.table.name.removeprefix("silver/"), {}).values()}
    parents = {name: read_spark(walk.spark(), walk.lake, table(f"silver/{name}")) for name in names}
    if skus is not None and "items" in parents:
        parents["items"] = skus.parents(load, parents["items"])
    return parents


def _restate(walk: Walk, skus: Skus, sources: Sequence[tuple[str, SourceConfig]]) -> None:
    """Movements that were loaded before something was decided bear its SKUs, too: a load of what is there already."""
    if not skus.are_decided_anew:
        return
    for name, source in sources:
        into = table(f"silver/{source.into or name}")
        last = walk.lake.last_load(into, name)
        if last is None or not has_skus(into) or (source.mode or into.loads) == "whole":
            continue
        load = restating_load(walk, name, source, last)
        restated = skus.restated(load)
        if restated is None:
            continue
        rows, n = restated
        aside = read_spark(walk.spark(), walk.lake, table("quarantine")).where(
            (F.col("source") == name) & (F.col("load") < load.number)
        )
        quarantined = aside.count()
        walk.progress.say(f"{name}: restated, as codes have come to mean other SKUs")
        counts = {"read": n + quarantined, "accepted": n, "quarantined": quarantined, "duplicates": 0}
        land(walk, load, counted(counts, rows, into), aside.drop("source", "load"), rows)


def _stopped(walk: Walk, load: Load, found: Sequence[Finding], cleansed: Cleansed) -> DataError | None:
    try:
        check_drift(load.source, found)
        if cleansed.counts["read"] and not load.replays:
            check_load(load.source, load.table, cleansed.counts, cleansed.rules, walk.config.ingest)
            _check_age(walk, load.source, load.contract, load.table, cleansed.accepted)
    except DataError as error:
        return error
    return None


def land(
    walk: Walk,
    load: Load,
    counts: Mapping[str, int],
    quarantine: DataFrame | None,
    accepted: DataFrame,
    *,
    stopped: DataError | None = None,
) -> Mapping[str, int]:
    """Writes what became of a load; returns the counts.

    The commit to silver comes last and counts the load: killed before it, the load is done again as if nothing had
    been; killed after it, it is done.

    Args:
        walk: the night.
        load: the load.
        counts: its rows: read, accepted, quarantined, duplicates.
        quarantine: rows set aside; ``None``: none.
        accepted: rows of the silver table without stamps.
        stopped: why nothing of it goes on; ``None``: it does.

    Raises:
        DataError: ``stopped``, once all the rest has been written.
    """
    name, into = load.source, load.table
    _keep_aside(walk, load, quarantine, counts["quarantined"])
    files_read(walk, load)
    _log(walk, load, counts, stopped)
    if stopped is not None:
        raise stopped
    day: Column | None = None if load.is_history else F.lit(load.day(walk.as_of))
    frame = stamped(accepted, into, source=name, load=load.number, day=day)
    rows = write_spark(
        walk.lake, frame, into, where={"source": name}, load=(name, load.number), append=not load.replaces
    )
    said = f"{name}: read {counts['read']:,} = accepted {counts['accepted']:,} + quarantined "
    walk.progress.say(f"{said}{counts['quarantined']:,} + duplicates {counts['duplicates']:,}; load {load.number}")
    walk.watch.wrote(into.name, rows)
    _finish(walk, name, load.number)
    return counts


def _finish(walk: Walk, name: str, number: int) -> None:
    """What follows on a commit; a run that was killed after it left it to the next one."""
    clear_retried(walk, name, number)
    settle(walk.lake, name, number, walk.config.ingest.drift)


def _keep_aside(walk: Walk, load: Load, quarantine: DataFrame | None, rows: int) -> None:
    """An attempt that was stopped may have left rows of the same number."""
    aside = table("quarantine")
    where = {"source": load.source, "load": load.number}
    if quarantine is not None and rows:
        frame = quarantine.select(F.lit(load.source).alias("source"), F.lit(load.number).alias("load"), "*")
        kept = write_spark(walk.lake, frame, aside, where=where)
        walk.watch.wrote(aside.name, kept)
        if kept != rows:
            raise EngineError(
                explain(
                    f"source {load.source}: rows set aside do not add up; nothing of load {load.number} goes on",
                    expected=f"{rows:,} rows in {aside.name}",
                    found=f"{kept:,}",
                    do="run again; if it stays so, this is a defect of scaleinv: report it with the contract",
                )
            )
    elif str(load.number) in walk.lake.partition_values(aside, "load", where={"source": load.source}):
        walk.lake.overwrite(aside, aside.schema.empty_table(), where=where)


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


def _log(walk: Walk, load: Load, counts: Mapping[str, int], stopped: DataError | None) -> None:
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
