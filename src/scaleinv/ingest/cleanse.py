"""Raw frames to silver tables: typed, checked, one row per key; every row that is left out is counted and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_type

from scaleinv.config.models import IngestConfig, SourceConfig
from scaleinv.ingest.parse import CORRUPT, parsed, text
from scaleinv.ingest.rules import PARENTS, cell, first_broken, known, rules
from scaleinv.schema import Table
from scaleinv.schema.tables import TABLES

ADDITIVE: Final = "sales"
"""The one source whose lines of a key belong together: a till writes several a day, and their quantities add up."""

_FIRST: Final = ("vendors", "items", "locations")
"""Parents before their children."""


@dataclass(frozen=True)
class Cleansed:
    """What became of the sources; frames are evaluated once and kept until :meth:`release`.

    ``accepted``: silver table -> its rows. ``quarantine`` and ``counts``: rows of the tables of these names
    (``counts`` is ``ingest_log``). ``rules``: ``source, rule, rows`` of the quarantine.
    """

    accepted: dict[str, DataFrame]
    quarantine: DataFrame
    counts: DataFrame
    rules: DataFrame
    kept: tuple[DataFrame, ...] = field(repr=False)

    def release(self) -> None:
        """Frees the memory and disk that the frames took."""
        for frame in self.kept:
            frame.unpersist()


@dataclass(frozen=True)
class _Source:
    """One source after its rules: accepted rows, rows set aside, and ``status, rows`` counts of every row read."""

    accepted: DataFrame
    quarantine: DataFrame
    counts: DataFrame
    kept: DataFrame


def cleanse(raw: Mapping[str, DataFrame], config: IngestConfig) -> Cleansed:
    """Parses every cell, tries every rule, drops exact duplicates and makes the key unique.

    For each source ``read = accepted + quarantined + duplicates``. A duplicate equals an accepted row in every
    column as received, in this or another file. ``accepted`` counts sales lines before those of one day are added
    up. In other tables a second, different row of a key is set aside (``conflicting_key``); the row that sorts first
    by the table's columns stays, so the order of files and rows does not matter.

    Args:
        raw: what :func:`scaleinv.ingest.read_sources` gave.
    """
    spark = next(iter(raw.values())).sparkSession
    done: dict[str, _Source] = {}
    for name in (*_FIRST, *(n for n in raw if n not in _FIRST)):
        if name in raw:
            done[name] = _source(name, raw[name], config.sources.get(name, SourceConfig(path="")), done)
    quarantine = reduce(DataFrame.unionByName, [s.quarantine for s in done.values()]).persist()
    per_rule = quarantine.groupBy("source", "rule").agg(F.count("*").alias("rows"))
    return Cleansed(
        accepted={f"silver/{name}": done[name].accepted for name in raw},
        quarantine=quarantine,
        counts=_counts(spark, done, per_rule),
        rules=per_rule,
        kept=(quarantine, *(source.kept for source in done.values())),
    )


def _source(name: str, raw: DataFrame, config: SourceConfig, done: Mapping[str, _Source]) -> _Source:
    table = TABLES[f"silver/{name}"]
    judged = _judged(name, _typed(raw, table, config), table, done)
    good = judged.where(F.col("_rule").isNull())
    bad = _set_aside(name, judged.where(F.col("_rule").isNotNull()))
    if name == ADDITIVE:
        return _added_up(name, good, bad, table)
    return _made_unique(name, good, bad, table)


def _typed(raw: DataFrame, table: Table, config: SourceConfig) -> DataFrame:
    columns = []
    for column in table.columns:
        received = raw.schema[column.name].dataType
        value = parsed(
            F.col(column.name), received, column.type,
            date_format=config.date_format, decimal_comma=config.decimal_comma,
        )  # fmt: skip
        columns += [value.cast(from_arrow_type(column.type)).alias(column.name)]
        columns += [text(F.col(column.name), received).alias(cell(column.name))]
    return raw.select(*columns, "_file", "_row", "_hash", CORRUPT)


def _judged(name: str, typed: DataFrame, table: Table, done: Mapping[str, _Source]) -> DataFrame:
    for column, parent in PARENTS.get(name, {}).items():
        keys = done[parent].accepted.select(F.col(column), F.lit(True).alias(known(column)))
        typed = typed.join(F.broadcast(keys), column, "left")
    rule, reason = first_broken(rules(table))
    return typed.select(*table.names, "_file", "_row", "_hash", rule.alias("_rule"), reason.alias("_reason"))


def _set_aside(name: str, bad: DataFrame) -> DataFrame:
    return bad.select(
        F.lit(name).alias("source"),
        F.col("_rule").alias("rule"),
        F.col("_reason").alias("reason"),
        F.col("_file").alias("file"),
        F.coalesce(F.col("_row"), F.lit("{}")).alias("row"),
    )


def _added_up(name: str, good: DataFrame, bad: DataFrame, table: Table) -> _Source:
    """One shuffle by key: identical lines become one, then the lines of a key are added (exactly, as decimals)."""
    key = list(table.key)
    lines = (
        good.select(*table.names, "_hash")
        .repartition(*key)
        .groupBy(*key, "_hash")
        .agg(F.max("quantity").alias("quantity"), F.count("*").alias("_rows"))
    )
    summed = (
        lines.groupBy(*key)
        .agg(
            F.sum(F.col("quantity").cast("decimal(18,6)")).cast("double").alias("quantity"),
            F.count("*").alias("_lines"),
            F.sum("_rows").alias("_rows"),
        )
        .persist()
    )
    total = summed.agg(
        F.coalesce(F.sum("_lines"), F.lit(0)).alias("accepted"),
        F.coalesce(F.sum(F.col("_rows") - F.col("_lines")), F.lit(0)).alias("duplicates"),
    )
    return _Source(summed.select(*table.names), bad, _with_source(name, total), summed)


def _made_unique(name: str, good: DataFrame, bad: DataFrame, table: Table) -> _Source:
    by_key = Window.partitionBy(*table.key).orderBy(*table.names, "_hash", "_file", "_row")
    first = F.row_number().over(by_key) == 1
    same = F.first("_hash").over(by_key) == F.col("_hash")
    ranked = good.withColumn("_status", F.when(first, "accepted").when(same, "duplicate").otherwise("conflict"))
    shown = F.concat_ws("/", *[F.col(column).cast("string") for column in table.key])
    reason = F.concat(
        F.lit(f"{', '.join(table.key)} '"), shown, F.lit("': another row of this key differs; it was kept")
    )
    sorted_out = ranked.select(
        *table.names,
        "_status",
        *[F.when(F.col("_status") == "conflict", F.col(c)).alias(c) for c in ("_file", "_row")],
        F.lit("conflicting_key").alias("_rule"),
        F.when(F.col("_status") == "conflict", reason).alias("_reason"),
    ).persist()
    total = sorted_out.agg(
        F.count_if(F.col("_status") == "accepted").alias("accepted"),
        F.count_if(F.col("_status") == "duplicate").alias("duplicates"),
    )
    conflicts = _set_aside(name, sorted_out.where(F.col("_status") == "conflict"))
    accepted = sorted_out.where(F.col("_status") == "accepted").select(*table.names)
    return _Source(accepted, bad.unionByName(conflicts), _with_source(name, total), sorted_out)


def _with_source(name: str, total: DataFrame) -> DataFrame:
    return total.select(F.lit(name).alias("source"), "accepted", "duplicates")


def _counts(spark: SparkSession, done: Mapping[str, _Source], per_rule: DataFrame) -> DataFrame:
    good = reduce(DataFrame.unionByName, [source.counts for source in done.values()])
    bad = per_rule.groupBy("source").agg(F.sum("rows").alias("quarantined"))
    counts = good.join(F.broadcast(bad), "source", "left").fillna(0, ["quarantined"])
    read = F.col("accepted") + F.col("quarantined") + F.col("duplicates")
    return counts.withColumn("read", read).select(*TABLES["ingest_log"].names)
