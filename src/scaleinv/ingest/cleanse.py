"""A raw frame to rows of its silver table: typed, checked, one row per key; what is left out is counted and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_type

from scaleinv.config.sources import SourceConfig
from scaleinv.errors import EngineError, explain
from scaleinv.ingest.lines import EXACT
from scaleinv.ingest.parse import CORRUPT, parsed, text
from scaleinv.ingest.read import unreadable
from scaleinv.ingest.rules import COMPARED, PARENTS, USUAL, cell, first_broken, known, rules
from scaleinv.schema import Table
from scaleinv.schema.units import conversion

_CONFLICT: Final = "conflicting_key"
_TEXT: Final = ("csv", "json", "kafka")
"""Formats whose cells are text."""
_WHERE: Final = ("_rule", "_reason", "_file", "_position", "_row")
"""What is kept of a row that is set aside; null of every other, so that nothing of it is computed or moved."""


@dataclass(frozen=True)
class Cleansed:
    """What became of a source; all of it is computed in one pass over the raw rows and kept until :meth:`release`.

    ``accepted``: rows of the silver table without stamps. ``quarantine``: ``rule, reason, file, position, row, types``.
    ``counts``: read, accepted, quarantined, duplicates. ``rules``: rule -> rows set aside.
    """

    accepted: DataFrame
    quarantine: DataFrame
    counts: Mapping[str, int]
    rules: Mapping[str, int]
    kept: DataFrame = field(repr=False)

    def release(self) -> None:
        """Frees the memory and disk that the frames took."""
        self.kept.unpersist()


def cleanse(raw: DataFrame, table: Table, source: SourceConfig, parents: Mapping[str, DataFrame]) -> Cleansed:
    """Parses every cell, tries every rule, drops exact duplicates and makes the key unique.

    ``read = accepted + quarantined + duplicates``: what was read is counted where it enters, the others where they
    leave. In a table whose loads add up, a duplicate equals an accepted row
    of this load in every column as received, in this or another file; other lines of a key are added, and
    ``accepted`` counts the lines. In another table a duplicate says the same of its key, or what was true before the
    latest state of it, where ``_order`` tells which that is. A row that says something else is set aside
    (``conflicting_key``); the row that sorts first by the table's columns stays, so the order of files and rows does
    not matter.

    Args:
        raw: what :func:`scaleinv.ingest.read_source` gave.
        table: the silver table.
        source: the contract, for how cells are to be parsed.
        parents: source name -> rows with the keys that were accepted there.

    Raises:
        DataError: the rows cannot be read.
        EngineError: the counts do not add up.
    """
    for name in ("_broken", "_why", "_position"):  # of what was not read by a contract
        if name not in raw.columns:
            raw = raw.withColumn(name, F.lit(None).cast("long" if name == "_position" else "string"))
    entered = Observation()
    judged = _judged(_typed(raw.observe(entered, F.count(F.lit(1)).alias("rows")), table, source), table, parents)
    kept = _by_key(judged, table).persist()
    names = [column.name for column in table.received]
    bad = F.col("_rule").isNotNull()
    # A handful of rows: one per rule, and one for all that is accepted.
    sums = [F.sum(name).alias(name) for name in ("_rows", "_same", "_others")]
    try:
        totals = kept.groupBy("_rule").agg(*sums).collect()
    except (PySparkException, Py4JJavaError) as error:
        kept.unpersist()
        raise unreadable(table.name, error) from error
    broken = {row["_rule"]: int(row["_rows"]) for row in totals if row["_rule"] is not None}
    good = next((row for row in totals if row["_rule"] is None), None)
    # Equal rows of one file were put together on the way: each of them is to be seen.
    each = F.explode(F.sequence(F.lit(1), F.col("_rows").cast("int")))
    quarantine = kept.where(bad).select(*[F.col(name).alias(name[1:]) for name in _WHERE], each.alias("_")).drop("_")
    types = None if source.format in _TEXT else raw.schema["_received"].dataType.json()
    if good is not None and good["_others"]:
        broken[_CONFLICT] = int(good["_others"])
        quarantine = quarantine.unionByName(_conflicts(judged, kept, table))
    counts = {
        "accepted": int(good["_rows"]) if good else 0,
        "quarantined": sum(broken.values()),
        "duplicates": int(good["_same"]) if good else 0,
    }
    try:
        read = _entered(raw, entered, counts, table)
    except EngineError:
        kept.unpersist()
        raise
    return Cleansed(
        accepted=kept.where(~bad).select(*names),
        quarantine=quarantine.withColumn("types", F.lit(types).cast("string")),
        counts={"read": read, **counts},
        rules=dict(sorted(broken.items())),
        kept=kept,
    )


def _entered(raw: DataFrame, entered: Observation, counts: Mapping[str, int], table: Table) -> int:
    """Rows that came in, counted on their way; by a pass of their own where that count says another number."""
    left = sum(counts.values())
    try:
        read = int(entered.get["rows"])
    except Py4JJavaError:  # Spark saw that there is nothing, and ran nothing
        read = -1
    if read != left:  # a task that was run twice is counted twice
        read = raw.count()
    if read != left:
        raise EngineError(
            explain(
                f"rows for {table.name} do not add up; nothing of them goes on",
                expected=f"{read:,} rows read = accepted + quarantined + duplicates",
                found=" + ".join(f"{n:,}" for n in counts.values()) + f" = {left:,}",
                do="run again; if it stays so, this is a defect of scaleinv: report it with the contract",
            )
        )
    return read


def _typed(raw: DataFrame, table: Table, source: SourceConfig) -> DataFrame:
    columns = []
    for column in table.received:
        received = raw.schema[column.name].dataType
        given = text(F.col(column.name), received, source.empty)
        value = parsed(
            F.col(column.name), given, received, column.type,
            date_format=source.date_format, decimal_comma=source.decimal_comma,
        )  # fmt: skip
        unit = source.units.get(column.name)
        if unit is not None:
            scale, offset = conversion(unit.received, unit.wanted)
            value = value * F.lit(scale) + F.lit(offset)
        columns += [value.cast(from_arrow_type(column.type)).alias(column.name), given.alias(cell(column.name))]
    order = ["_order"] if "_order" in raw.columns else []
    return raw.select(*columns, *order, "_file", "_position", "_received", "_hash", "_broken", "_why", CORRUPT)


def _judged(typed: DataFrame, table: Table, parents: Mapping[str, DataFrame]) -> DataFrame:
    name = table.name.removeprefix("silver/")
    if name in COMPARED:
        among, usual = COMPARED[name]
        typed = typed.join(F.broadcast(typed.groupBy(among).agg(usual().alias(USUAL))), among, "left")
    for column, parent in PARENTS.get(name, {}).items():
        keys = parents[parent].select(F.col(column), F.lit(True).alias(known(column))).distinct()
        typed = typed.join(F.broadcast(keys), column, "left")
    order = ["_order"] if "_order" in typed.columns else []
    rule, reason = first_broken(rules(table, ordered=bool(order)))
    names = [column.name for column in table.received]
    where = ("_file", "_position", "_received", CORRUPT)
    return typed.select(*names, *order, *where, "_hash", rule.alias("_rule"), reason.alias("_reason"))


def _by_key(judged: DataFrame, table: Table) -> DataFrame:
    """One row per key that is accepted, and the rows set aside; one shuffle, by key.

    ``_rows``: rows read that went into it; ``_same``: duplicates, and states of the key before the latest; ``_others``:
    rows of the key that say another thing.
    """
    key = list(table.key)
    values = [column.name for column in table.received if column.name not in key]
    bad = F.col("_rule").isNotNull()
    # What is only for the quarantine is null in every other row: it is neither computed nor moved.
    aside = [F.when(bad, _row() if name == "_row" else F.col(name)).alias(name) for name in _WHERE]
    order = ["_order"] if "_order" in judged.columns else []
    state = [F.when(~bad, F.col(name)).alias(name) for name in order]
    slim = judged.select(*key, *values, *state, "_hash", *aside)
    placed = slim.repartition(*key)
    if table.loads == "add":
        lines = placed.groupBy(*key, F.when(~bad, F.col("_hash")).alias("_hash"), *_WHERE).agg(
            *[F.max(name).alias(name) for name in values], F.count("*").alias("_n")
        )
        # Exactly, as decimals: a sum of doubles depends on the order of the rows.
        sums = [
            F.sum(F.when(~bad, F.col(name)).cast("decimal(18,6)")).cast("double").alias(name)  # a bad one may not fit
            for name in values
        ]
        return lines.groupBy(*key, *_WHERE).agg(
            *sums,
            F.sum(F.when(bad, F.col("_n")).otherwise(1)).alias("_rows"),
            F.sum(F.when(bad, 0).otherwise(F.col("_n") - 1)).alias("_same"),
            F.lit(0).cast("long").alias("_others"),
        )
    said = placed.groupBy(*key, *values, *order, *_WHERE).agg(F.count("*").alias("_n"))
    kept = said.groupBy(*key, *order, *_WHERE).agg(
        F.min(F.struct(*values, "_n")).alias("_first"), F.sum("_n").alias("_all")
    )
    older = F.lit(0)
    if order:  # of a key's states the latest
        latest = F.max(F.struct("_order", "_first", "_all")).alias("_latest")
        states = kept.groupBy(*key, *_WHERE).agg(latest, F.sum("_all").alias("_states"))
        kept, older = states.select(*key, *_WHERE, "_latest.*", "_states"), F.col("_states") - F.col("_all")
    first = F.col("_first._n")
    return kept.select(
        *key,
        *[F.col(f"_first.{name}").alias(name) for name in values],
        *order,
        *_WHERE,
        F.when(bad, F.col("_all")).otherwise(1).alias("_rows"),
        F.when(bad, 0).otherwise(first - 1 + older).alias("_same"),
        F.when(bad, 0).otherwise(F.col("_all") - first).alias("_others"),
    )


def _row() -> Column:
    """The row as received, as JSON; a line that is no row, as a whole."""
    whole = F.to_json("_received", {"ignoreNullFields": "false", **EXACT})
    return F.when(F.col(CORRUPT).isNull(), whole).otherwise(F.to_json(F.struct(CORRUPT)))


def _conflicts(judged: DataFrame, kept: DataFrame, table: Table) -> DataFrame:
    """Rows, whole, whose key another row took; the sources are read a second time for them, as few are like this."""
    key = list(table.key)
    values = [column.name for column in table.received if column.name not in key]
    good = F.col("_rule").isNull()
    order = ["_order"] if "_order" in judged.columns else []
    taken = kept.where(good & (F.col("_others") > 0)).select(*key, *order, F.struct(*values).alias("_taken"))
    others = judged.where(good).join(taken, [*key, *order]).where(~F.struct(*values).eqNullSafe(F.col("_taken")))
    shown = F.concat_ws("/", *[F.col(column).cast("string") for column in key])
    reason = F.concat(F.lit(f"{', '.join(key)} '"), shown, F.lit("': another row of this key differs; it was kept"))
    return others.select(
        F.lit(_CONFLICT).alias("rule"), reason.alias("reason"),
        F.col("_file").alias("file"), F.col("_position").alias("position"), _row().alias("row"),
    )  # fmt: skip


def stamped(accepted: DataFrame, table: Table, *, source: str, load: int, day: Column | None) -> DataFrame:
    """``accepted`` as rows of the table: with its source, its load, and the day from which each was known.

    Args:
        accepted: rows of :class:`Cleansed`.
        table: the silver table.
        source: its name.
        load: number of the load.
        day: the last day known when it was loaded; ``None`` for the history, which was known as it happened.
    """
    happened: Any = F.col(table.known_at) if table.known_at else F.lit("1970-01-01").cast("date")
    known_on = happened if day is None else F.greatest(happened, day)
    return accepted.select("*", F.lit(source).alias("source"), F.lit(load).alias("load"), known_on.alias("known_on"))
