"""Tables in and out of Spark: one door that cuts what was not known, one commit per write, contracts checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from scaleinv.errors import DataError, explain
from scaleinv.lake.tables import Lake
from scaleinv.schema import Table


def read_spark(spark: SparkSession, lake: Lake, table: Table, *, as_of: date | None = None) -> DataFrame:
    """A table as it was known at ``as_of``: the one door through which history is cut.

    Rows whose ``known_at`` day came later are not there, and an order received later is still open.

    Raises:
        LakeError: the table is not there.
    """
    frame = spark.read.format("delta").option("versionAsOf", lake.version(table)).load(_address(lake, table))
    frame = frame.select(*table.names)
    if as_of is None or table.known_at is None:
        return frame
    day = F.lit(as_of)
    frame = frame.where(F.col(table.known_at) <= day)
    if "received_date" in table.names:
        frame = frame.withColumn("received_date", F.when(F.col("received_date") <= day, F.col("received_date")))
    return frame


def write_spark(lake: Lake, frame: DataFrame, table: Table, *, where: Mapping[str, object]) -> int:
    """Replaces exactly the rows of these partition values (none: all) in one commit; returns rows written.

    Raises:
        DataError: columns, nulls or keys do not keep the table's contract; nothing was written.
    """
    _check_columns(frame, table)
    schema = _struct(table)
    frame = frame.select(*[F.col(field.name).cast(field.dataType).alias(field.name) for field in schema])
    frame = _laid_out(frame, table).persist()
    try:
        rows = _checked_rows(frame, table)
        lake.create(table)
        writer = frame.write.format("delta").mode("overwrite")
        if where:
            writer = writer.option("replaceWhere", " AND ".join(f"{name} = '{value}'" for name, value in where.items()))
        writer.option("userMetadata", json.dumps({"stage": table.writer})).save(_address(lake, table))
    finally:
        frame.unpersist()
    return rows


def _address(lake: Lake, table: Table) -> str:
    return f"{lake.files.spark_address}/{table.name}"


def _struct(table: Table) -> StructType:
    struct = from_arrow_schema(table.schema)
    for field, column in zip(struct.fields, table.columns, strict=True):
        field.nullable = column.nullable
    return struct


def _check_columns(frame: DataFrame, table: Table) -> None:
    missing = [f"missing {name}" for name in table.names if name not in frame.columns]
    unknown = [f"unknown {name}" for name in frame.columns if name not in table.names]
    if missing or unknown:
        raise DataError(
            explain(
                f"{table.name}: columns do not match its contract",
                expected=", ".join(table.names),
                found=", ".join(frame.columns),
                which=[*missing, *unknown],
            )
        )


def _laid_out(frame: DataFrame, table: Table) -> DataFrame:
    """Sorted by key; where a worker reads group by group, one file per group."""
    key = table.key or tuple(table.names)
    if table.partitions:
        return frame.repartition(*table.partitions).sortWithinPartitions(*table.partitions, *key)
    return frame.repartition(key[0]).sortWithinPartitions(*key)


def _checked_rows(frame: DataFrame, table: Table) -> int:
    """Nulls in one pass; keys in one more, over a frame that is held: counts rows on the way."""
    nulls = [F.count_if(F.col(c.name).isNull()).alias(c.name) for c in table.columns if not c.nullable]
    counted = frame.agg(F.count(F.lit(1)).alias("_rows"), *nulls).first()
    assert counted is not None
    bad = {name: n for name, n in counted.asDict().items() if name != "_rows" and n}
    if bad:
        which = [f"{name} ({n:,} rows)" for name, n in bad.items()]
        raise DataError(explain(f"{table.name}: nulls in columns that may hold none", which=which))
    if table.key:
        twice = frame.groupBy(*table.key).count().where("count > 1").limit(6).collect()  # at most six rows
        if twice:
            which = ["/".join(str(row[name]) for name in table.key) for row in twice]
            raise DataError(
                explain(
                    f"{table.name}: keys occur more than once",
                    expected=f"one row per ({', '.join(table.key)})",
                    which=which,
                )
            )
    return int(counted["_rows"])
