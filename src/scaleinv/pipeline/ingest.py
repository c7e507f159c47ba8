"""Stage ingest: the retailer's files to ``silver``, bad rows to ``quarantine``."""

from __future__ import annotations

from pathlib import Path

from scaleinv.ingest import check_quarantine, cleanse, read_sources
from scaleinv.lake.spark import write_spark
from scaleinv.pipeline.walk import Outcome, Walk
from scaleinv.schema import table


def work(walk: Walk) -> Outcome:
    """Reads every source, cleanses it, writes each silver table in one commit."""
    make_sources(walk)
    spark = walk.spark()
    raw = read_sources(spark, walk.config.ingest, as_of=walk.as_of)
    cleansed = cleanse(raw, walk.config.ingest)
    # Quarantine and counts first: a load that is stopped for too many bad rows must leave them to be looked at.
    for name, frame in (("quarantine", cleansed.quarantine), ("ingest_log", cleansed.counts)):
        walk.progress.wrote(name, write_spark(walk.lake, frame, table(name), where={}))
    counts = walk.lake.read(table("ingest_log")).to_pylist()
    for row in counts:
        if row["quarantined"] or row["duplicates"]:
            walk.progress.say(
                f"{row['source']}: read {row['read']:,} = accepted {row['accepted']:,} + quarantined "
                f"{row['quarantined']:,} + duplicates {row['duplicates']:,}"
            )
    rules = [row.asDict() for row in cleansed.rules.collect()]  # a row per source and rule
    check_quarantine(counts, walk.config.ingest, rules=rules)
    for name, frame in cleansed.accepted.items():
        walk.progress.wrote(name, write_spark(walk.lake, frame, table(name), where={}))
    cleansed.release()
    return Outcome()


def make_sources(walk: Walk) -> None:
    """Lets the synthetic retailer write its files, where the configuration asks for it and they are not there."""
    if walk.config.synthetic is None:
        return
    from scaleinv.synthetic import write_sources

    write_sources(walk.config.synthetic, Path(walk.config.ingest.data), progress=walk.progress.say)
