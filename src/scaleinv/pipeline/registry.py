"""The SKU registry in the lake: made anew from what a load saw and what was decided, in the night and by nobody else.

Codes come first, then decisions, then what follows from both: killed anywhere and run again, it gives the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from scaleinv.ingest.registry import (
    Rules,
    answers,
    automatic,
    certain,
    check_registry,
    likely,
    meaning,
    periods,
    proposals,
    registry,
    with_seen,
)
from scaleinv.lake import Lake
from scaleinv.lake.spark import read_spark, write_spark
from scaleinv.schema.registry import REGISTRY

CODES, MAPPING, LOG, PROPOSALS = REGISTRY


@dataclass(frozen=True)
class Registered:
    """What a load made of the registry."""

    codes: int
    services: int
    skus: int
    merges: dict[str, int]
    """Method -> merges that this load decided."""
    proposals: int
    """Pairs that wait for a person."""


def refresh_registry(
    spark: SparkSession, lake: Lake, seen: DataFrame, *, day: date, rules: Rules | None = None
) -> Registered:
    """Takes the codes of a load into the registry; merges what is beyond doubt, proposes what may be.

    Args:
        spark: the session.
        lake: where the tables are.
        seen: codes of all sources of the load (:func:`scaleinv.ingest.registry.codes_of`, one union); none is fine.
        day: the day of the load.
        rules: what may be done without a person.

    Raises:
        DataError: the log of decisions contradicts itself.
    """
    rules = rules or Rules()
    new, doubtful = take_codes(spark, lake, seen, day=day, rules=rules)
    propose(spark, lake, doubtful, day=day, rules=rules)
    return _counted(spark, lake, new, day)


def take_codes(
    spark: SparkSession, lake: Lake, seen: DataFrame, *, day: date, rules: Rules
) -> tuple[pa.Table, pa.Table]:
    """:func:`refresh_registry` without the proposals: ``(decisions, doubtful)``, those made and the pairs left open.

    Raises:
        DataError: the log of decisions contradicts itself.
    """
    for one in REGISTRY:
        lake.create(one)
    write_spark(lake, with_seen(read_spark(spark, lake, CODES), seen, rules), CODES, where={})
    codes, log = read_spark(spark, lake, CODES), lake.read(LOG)
    known = read_spark(spark, lake, MAPPING).select("system", "code").distinct()
    # As many rows as there are merges to explain, not as there are codes; the log itself has one for each.
    pairs = certain(codes, known, rules).toArrow()
    new, doubtful = automatic(log, pairs, agree=rules.agree, day=day)
    add(lake, new)
    rows = registry(codes, spark.createDataFrame(periods(pa.concat_tables([log, new]))))
    check_registry(rows)
    write_spark(lake, rows, MAPPING, where={})
    return new, doubtful


def propose(spark: SparkSession, lake: Lake, doubtful: pa.Table, *, day: date, rules: Rules) -> None:
    """Makes the proposals anew: SKUs that are called alike, and pairs of which there is doubt (:func:`take_codes`)."""
    log = lake.read(LOG)
    merged = spark.createDataFrame(_merged(periods(log), day))
    pairs = likely(read_spark(spark, lake, CODES), merged, rules)
    pairs = pairs.unionByName(spark.createDataFrame(doubtful.select(pairs.columns)))
    said = spark.createDataFrame(answers(log))
    write_spark(lake, proposals(pairs, read_spark(spark, lake, PROPOSALS), said), PROPOSALS, where={})


def add(lake: Lake, rows: pa.Table) -> None:
    """Adds decisions to the log. A batch is a partition of its own: whoever writes at the same time loses nothing."""
    for batch in rows["batch"].unique().to_pylist():  # one, or none
        lake.overwrite(LOG, rows, where={"batch": batch})


def _merged(found: pa.Table, day: date) -> pa.Table:
    """``own_id`` of the SKUs that mean another one on ``day``."""
    now = meaning(found["own_id"].combine_chunks(), found, day)
    return found.filter(pc.not_equal(now, found["own_id"])).select(["own_id"]).group_by("own_id").aggregate([])


def _counted(spark: SparkSession, lake: Lake, new: pa.Table, day: date) -> Registered:
    holds = F.lit(day).between(F.col("valid_from"), F.coalesce("valid_to", F.lit(day)))
    rows = read_spark(spark, lake, MAPPING).where(holds)
    counts = rows.agg(
        F.count(F.lit(1)).alias("codes"),
        F.count_if(~F.col("is_product")).alias("services"),
        F.count_distinct(F.when(F.col("is_product"), F.col("sku_id"))).alias("skus"),
    ).first()
    assert counts is not None
    return Registered(
        **counts.asDict(),
        merges={one["values"].as_py(): one["counts"].as_py() for one in new["method"].value_counts()},
        proposals=read_spark(spark, lake, PROPOSALS).where("status = 'open'").count(),
    )
