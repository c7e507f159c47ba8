"""Rows of ``silver`` in canonical SKUs: what codes mean in the item master, and one row per key after it.

Everything is worked out from the log of decisions, which is as small as what was decided; codes about which nobody
decided are never looked up.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from scaleinv.ingest.registry.codes import identity
from scaleinv.ingest.registry.mapping import RECEIVED, canonical
from scaleinv.ingest.registry.periods import meaning, periods
from scaleinv.schema import Table
from scaleinv.schema.registry import ALWAYS, HOME

ITEMS: Final = "silver/items"
_ADDED: Final = ("silver/stock", "silver/hourly_sales")
"""Tables in which what two codes of one SKU say of a day is added, as quantities of ``sales`` are."""
_HOURS: Final = 24


def day_of(table: Table) -> str | None:
    """The column with the day of a row; ``None``: master data, which are as of the day of the load."""
    return table.known_at or ("valid_from" if "valid_from" in table.names else None)


def meanings(log: pa.Table, master: pa.ChunkedArray, *, day: date) -> pa.Table:
    """What the SKUs that were decided about mean, as far as the item master has it.

    ``own_id, valid_from, valid_to, sku_id``, a row per period. Where the master does not have what one means in a
    period, it counts as what it means on ``day``, else as itself, if the master has that; null: it has none of them.
    """
    found = periods(log)
    own, sku = found["own_id"].combine_chunks(), found["sku_id"].combine_chunks()
    known = pc.unique(master)

    def there(ids: pa.Array) -> pa.Array:
        return pc.if_else(pc.is_in(ids, known), ids, pa.scalar(None, pa.string()))

    sku = pc.coalesce(there(sku), there(meaning(own, found, day)), there(own))
    return found.select(["own_id", "valid_from", "valid_to"]).append_column("sku_id", sku)


def item_meanings(log: pa.Table) -> pa.Table:
    """:func:`meanings` for the item master itself: a SKU that stands for itself on some day keeps its row."""
    found = periods(log).select(["own_id", "valid_from", "valid_to", "sku_id"])
    itself = found.filter(pc.equal(found["own_id"], found["sku_id"]))["own_id"]
    return found.filter(pc.invert(pc.is_in(found["own_id"], pc.unique(itself))))


def known_codes(items: DataFrame, found: DataFrame, system: str) -> DataFrame:
    """``sku_id``: the codes of a system, as received, that mean a SKU of the item master on every day.

    Args:
        items: the item master.
        found: :func:`meanings`.
        system: whose codes.
    """
    whole = found.groupBy("own_id").agg(F.count("sku_id").alias("n"), F.count(F.lit(1)).alias("of"))
    other = items.select(F.col("sku_id").alias("own_id")).join(F.broadcast(found), "own_id", "left_anti")
    known = other.unionByName(whole.where("n = of").select("own_id"))
    code, ours = _code(system)
    return known.where(ours).select(code.alias("sku_id"))


def in_skus(frame: DataFrame, table: Table, found: DataFrame, *, system: str, day: date) -> DataFrame:
    """``frame`` with canonical SKUs and ``_code`` (:func:`scaleinv.ingest.registry.mapping.canonical`).

    What is listed until further notice is listed in each SKU for the time of its own: a replaced one is delisted.

    Args:
        frame: rows of a silver table with the codes of a system in ``sku_id``.
        table: the table.
        found: :func:`meanings` or :func:`item_meanings`.
        system: whose numbering.
        day: the day of rows that have none.
    """
    code, ours = _code(system)
    rows = found.where(ours & F.col("sku_id").isNotNull())
    if "listed_to" not in table.names:
        decided = rows.withColumns({"system": F.lit(system), "code": code})
        return canonical(frame, decided, system=system, on=day_of(table) or day)
    times = rows.groupBy(code.alias("_of"), F.col("sku_id").alias("_sku")).agg(
        F.min("valid_from").alias("_from"),
        F.when(F.count("valid_to") == F.count(F.lit(1)), F.max("valid_to")).alias("_to"),
    )
    both = frame.join(F.broadcast(times), F.col("sku_id") == F.col("_of"), "left")
    first = F.greatest("listed_from", F.when(F.col("_from") > F.lit(ALWAYS), F.col("_from")))
    last = F.least("listed_to", "_to")
    given = {
        RECEIVED: F.col("sku_id"), "sku_id": F.coalesce("_sku", identity(F.col("sku_id"), system)),
        "listed_from": first, "listed_to": last,
    }  # fmt: skip
    return both.withColumns(given).where(F.coalesce(first <= last, F.lit(True))).select(*frame.columns, RECEIVED)


def together(frame: DataFrame, table: Table, *, system: str, others: DataFrame | None = None) -> DataFrame:
    """One row per key: what codes of one SKU say is added where quantities add up; else the SKU's own row stands.

    Args:
        frame: rows of :func:`in_skus`.
        table: the silver table.
        system: whose codes ``_code`` are.
        others: keys that other sources have in this table: they stand before a row of another code.
    """
    names, key = [column.name for column in table.received], list(table.key)
    if "sku_id" not in key:
        return frame.select(*names)
    values = [name for name in names if name not in key]
    if adds_up(table):
        return frame.groupBy(*key).agg(*[_sum(table, name).alias(name) for name in values]).select(*names)
    is_other = F.col("sku_id") != identity(F.col(RECEIVED), system)
    rows = frame.withColumn("_other", is_other)
    if others is not None:
        known = others.select(*key).distinct().withColumn("_there", F.lit(True))
        rows = rows.join(known, key, "left").where(~F.col("_other") | F.col("_there").isNull())
    first = F.min_by(F.struct(*values), F.struct("_other", RECEIVED)).alias("_first")
    return rows.groupBy(*key).agg(first).select(*key, "_first.*").select(*names)


def adds_up(table: Table) -> bool:
    """Whether rows of two codes that are one SKU are added; of other tables one of them stands."""
    return table.loads == "add" or table.name in _ADDED


def frame_of(spark: SparkSession, found: pa.Table) -> DataFrame:
    """:func:`meanings` for Spark: as many rows as were decided about."""
    return spark.createDataFrame(found)


def _code(system: str) -> tuple[Column, Column]:
    """The code as received of an ``own_id``, and whether it is one of this system."""
    own, prefix = F.col("own_id"), f"{system}:"
    if system == HOME:
        return own, F.lit(True)
    return F.substring(own, len(prefix) + 1, 2**31 - 1), own.startswith(prefix)


def _sum(table: Table, name: str) -> Column:
    """Exactly, as decimals: a sum of doubles depends on the order of the rows."""
    if not pa.types.is_list(table[name].type):
        return F.sum(F.col(name).cast("decimal(18,6)")).cast("double")
    hours = [F.col(name)[hour] for hour in range(_HOURS)]
    if pa.types.is_boolean(table[name].type.value_type):  # the shelf was empty if it was of both
        return F.array(*[F.min(hour) for hour in hours])
    return F.array(*[F.sum(hour.cast("decimal(18,6)")).cast("float") for hour in hours])
