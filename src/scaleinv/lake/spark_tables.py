"""Tables in and out of Spark: one door that cuts what was not known, one commit per write, contracts checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Final

import pyarrow as pa
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DecimalType,
    FractionalType,
    IntegralType,
    NullType,
    NumericType,
    StructType,
)

from scaleinv.errors import DataError, EngineError, explain
from scaleinv.lake.delta_log import wanted_partitions
from scaleinv.lake.loads import merged
from scaleinv.lake.staging import text
from scaleinv.lake.tables import Lake
from scaleinv.schema import Table, check_engine

GLOB: Final = re.compile(r"[\[\]{}*?\\]")
"""Spark takes a path with one of these for a pattern."""
_BROKEN: Final = "scaleinv: a row breaks the contract"
_MEMORY: Final = "OutOfMemoryError: "
"""Java's, and Spark's own of a hash table or a sort that cannot grow."""


def read_spark(spark: SparkSession, lake: Lake, table: Table, *, as_of: date | None = None) -> DataFrame:
    """A table as it was known at ``as_of``: the one door through which history is cut.

    Of what came load by load, loads known later are not there, the others are one table with one row per key, and an
    order received later is still open.

    Raises:
        LakeError: the table is not there.
    """
    frame = read_loads(spark, lake, table)
    if not table.loads:
        return frame
    frame = merged(frame, table, as_of=as_of, one_load=lake.has_one_load(table))
    if as_of is not None and "received_date" in table.names:
        day = F.lit(as_of)
        frame = frame.withColumn("received_date", F.when(F.col("received_date") <= day, F.col("received_date")))
    return frame


def read_known(spark: SparkSession, lake: Lake, table: Table, *, as_of: date, after: date | None = None) -> DataFrame:
    """The rows of all loads known at ``as_of``, of these only what was not known ``after`` that day; with stamps.

    A key may have several rows. It costs no more than reading them.

    Raises:
        LakeError: the table is not there.
    """
    known = F.col("known_on") <= F.lit(as_of)
    if after is not None:
        known = known & (F.col("known_on") > F.lit(after))
    return read_loads(spark, lake, table).where(known)


def read_loads(spark: SparkSession, lake: Lake, table: Table) -> DataFrame:
    """A table as it lies in the lake: each load's rows, with their stamps.

    Raises:
        LakeError: the table is not there.
    """
    address, files = _address(lake, table), lake.few_files(table)
    if files is None or GLOB.search(address):
        frame = spark.read.format("delta").option("versionAsOf", lake.version(table)).load(address)
    elif files:
        # Spark would run four jobs over Delta's log to find these same files, in every session and for every table.
        places = [f"{address}/{file}" for file in files]
        frame = spark.read.schema(_struct(table)).option("basePath", address).parquet(*places)
    else:
        nothing = [F.lit(None).cast(field.dataType).alias(field.name) for field in _struct(table)]
        frame = spark.range(1).select(*nothing).where(F.lit(False))
    return frame.select(*table.names)


def write_spark(
    lake: Lake,
    frame: DataFrame,
    table: Table,
    *,
    where: Mapping[str, object],
    load: tuple[str, int] | None = None,
    append: bool = False,
) -> int:
    """Replaces exactly the rows of these partition values (none: all) in one commit; returns rows written.

    ``load`` (source, number) is recorded in the commit: the same load is never written twice. With ``append`` what is
    there stays.

    The check rides along with the sort that lays the files out: the frame is computed once and never held.

    Raises:
        DataError: columns, types, nulls, keys or ``where`` do not keep the table's contract; nothing was committed.
        LakeError: ``where`` names no partition column, or the table's rows are not Spark's to write.
    """
    check_engine(table, "Spark")
    wanted = wanted_partitions(table, where)
    _check_columns(frame, table)
    _check_types(frame, table)
    typed = frame.select(*[F.col(f.name).cast(f.dataType).alias(f.name) for f in _struct(table)])
    lake.create(table)
    # A partition column that has one value in all rows cuts nothing; Spark would fold it away and shuffle again.
    cut = [name for name in table.partitions if len(wanted.get(name, ())) != 1]
    guarded = _guarded(_laid_out(_in_one_partition(typed, table, cut), table, cut), table, cut)
    app, version = (lake.load_app(table, load[0]), load[1]) if load else lake.next_transaction(table, where)
    writer = guarded.write.format("delta").mode("append" if append else "overwrite")
    writer = writer.option("txnAppId", app).option("txnVersion", version)
    if wanted and not append:
        writer = writer.option("replaceWhere", _predicate(wanted))
    try:
        writer.option("userMetadata", json.dumps({"stage": table.writer})).save(_address(lake, table))
    except (PySparkException, Py4JJavaError) as error:
        if "DELTA_REPLACE_WHERE_MISMATCH" in str(error):
            raise DataError(
                explain(
                    f"{table.name}: rows lie outside what is replaced", expected=_predicate(wanted), found=_first(error)
                )
            ) from error
        _diagnose(typed, table)
        raise
    return lake.rows_written(table)


def _address(lake: Lake, table: Table) -> str:
    return f"{lake.files.spark_address}/{table.name}"


def _struct(table: Table) -> StructType:
    struct = from_arrow_schema(table.schema)
    for field, column in zip(struct.fields, table.columns, strict=True):
        field.nullable = column.nullable
    return struct


def _predicate(wanted: Mapping[str, list[object]]) -> str:
    return " AND ".join(f"{name} IN ({', '.join(_literal(v) for v in values)})" for name, values in wanted.items())


def _literal(value: object) -> str:
    if isinstance(value, date):
        return f"DATE'{value.isoformat()}'"
    return "'" + text(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


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
                do=f"{table.writer} is the only writer of {table.name}; correct what it builds",
            )
        )


def _check_types(frame: DataFrame, table: Table) -> None:
    """Numbers become other numbers, but nothing is cut off; anything else must be what it is to be already."""
    bad = [
        f"{field.name} is {frame.schema[field.name].dataType.simpleString()}, not {field.dataType.simpleString()}"
        for field in _struct(table)
        if not _converts(frame.schema[field.name].dataType, field.dataType)
    ]
    if bad:
        raise DataError(
            explain(f"{table.name}: columns of another type", which=bad, do="cast them where they are made")
        )


def _converts(given: DataType, wanted: DataType) -> bool:
    if isinstance(given, ArrayType) and isinstance(wanted, ArrayType):
        return _converts(given.elementType, wanted.elementType)
    if isinstance(given, NumericType) and isinstance(wanted, NumericType):
        whole = not isinstance(given, FractionalType) or (isinstance(given, DecimalType) and given.scale == 0)
        return whole or not isinstance(wanted, IntegralType)
    return given == wanted or isinstance(given, NullType)


def _laid_out(frame: DataFrame, table: Table, cut: list[str]) -> DataFrame:
    """Sorted by key; where a worker reads partition by partition, one file per partition."""
    key = _within(table)
    # Rows without a key are for people: no worker wants them in one file, and all may lie in one partition.
    together = (cut or key[:-1] or key) if table.key else table.names
    return frame.repartition(*together).sortWithinPartitions(*table.partitions, *key)


def _in_one_partition(frame: DataFrame, table: Table, cut: list[str]) -> DataFrame:
    """``frame`` that fails where a key occurs twice, in whatever partitions; :func:`_guarded` looks within each.

    It costs a shuffle, so a table with a row per day is left out: ``gold/panel`` takes its partition from
    ``gold/series``, where the same series has been looked for.
    """
    own = [name for name in table.key if name not in table.partitions]
    daily = any(pa.types.is_date(table[name].type) for name in own)
    if not table.key or daily or {*cut} <= {*table.key}:
        return frame
    same = Window.partitionBy(*[name for name in cut if name in table.key], *own)
    twice = F.count(F.lit(1)).over(same) > 1
    return frame.select(_or_fail(frame, table.names[0], twice), *[F.col(name) for name in table.names[1:]])


def _guarded(frame: DataFrame, table: Table, cut: list[str]) -> DataFrame:
    """``frame`` that fails where a row has a null that it must not have, or the key of the row before it."""
    broken = F.lit(False)
    for column in table.columns:
        if not column.nullable:
            broken = broken | F.col(column.name).isNull()
    if table.key:
        # No more than what the rows are shuffled and sorted by already: it costs neither a shuffle nor a sort.
        *first, last = _within(table)
        window = Window.partitionBy(*(cut + first or [last])).orderBy(last)
        before = F.lag(F.col(last)).over(window)
        broken = broken | F.coalesce(before == F.col(last), F.lit(False))
    return frame.select(_or_fail(frame, table.names[0], broken), *[F.col(name) for name in table.names[1:]])


def _within(table: Table) -> list[str]:
    """What tells rows of one partition apart: the key, or without a key all columns."""
    return [name for name in table.key or table.names if name not in table.partitions]


def _or_fail(frame: DataFrame, name: str, broken: Column) -> Column:
    kind = frame.schema[name].dataType
    return F.when(broken, F.raise_error(F.lit(_BROKEN)).cast(kind)).otherwise(F.col(name)).alias(name)


def _diagnose(frame: DataFrame, table: Table) -> None:
    """A write failed: say which columns have nulls and which keys come twice, if that is why."""
    nulls = [F.count_if(F.col(c.name).isNull()).alias(c.name) for c in table.columns if not c.nullable]
    try:
        counted = frame.agg(*nulls).first()
        twice = frame.groupBy(*table.key).count().where("count > 1").limit(6).collect() if table.key else []
    except (PySparkException, Py4JJavaError) as error:  # the rows themselves cannot be computed
        if _MEMORY in str(error):
            raise EngineError(
                explain(
                    f"{table.name}: Spark has too little memory for its rows", found=_first(error),
                    do="give it more (spark.driver_memory here, --executor-memory on a cluster), or cut tables into "
                    "more parts (spark.shuffle_partitions)",
                )
            ) from error  # fmt: skip
        raise DataError(explain(f"{table.name}: its rows cannot be computed", found=_first(error))) from error
    assert counted is not None
    bad = [f"{name} ({n:,} rows)" for name, n in counted.asDict().items() if n]
    if bad:
        raise DataError(
            explain(f"{table.name}: nulls in columns that may hold none", which=bad, do="fill or quarantine them")
        )
    if twice:
        raise DataError(
            explain(
                f"{table.name}: keys occur more than once",
                expected=f"one row per ({', '.join(table.key)})",
                which=["/".join(str(row[name]) for name in table.key) for row in twice],
                do="remove the duplicates where the rows are made",
            )
        )


def _first(error: Exception) -> str:
    """The telling line of what Spark says: memory, else the first with an error class, else what Java threw."""
    lines = [line.strip() for line in str(error).splitlines()] or [""]
    memory = [line[line.index(_MEMORY) :] for line in lines if _MEMORY in line]
    telling = memory or [line for line in lines if "[" in line] or [line for line in lines if line.startswith(":")]
    return (telling or lines)[0].removeprefix(": ")[:500]
