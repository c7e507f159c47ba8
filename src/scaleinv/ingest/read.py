"""Reads the retailer's files as they are: our column names, the values as received, where each row came from.

Nothing is parsed here: CSV and JSON cells stay text until :mod:`scaleinv.ingest.cleanse` has looked at them, so
a cell that does not parse is still whole when its row goes to quarantine.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches
from functools import reduce
from typing import Final

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType

from scaleinv.config.models import IngestConfig, SourceConfig
from scaleinv.errors import ConfigError, DataError, explain
from scaleinv.ingest.m5 import read_m5
from scaleinv.ingest.parse import CORRUPT, row_hash
from scaleinv.schema import Table
from scaleinv.schema.tables import TABLES

NOT_SOURCES: Final = ("quarantine", "ingest_log")
SOURCES: Final[dict[str, Table]] = {
    name.removeprefix("silver/"): table
    for name, table in TABLES.items()
    if table.writer == "ingest" and name not in NOT_SOURCES
}
"""Silver table without its prefix -> the table, in the order of the walk."""

NEEDED: Final = ("sales", "items", "locations", "vendors")
"""Without these there is nothing to forecast or to order; every other source may be left out."""


def read_sources(spark: SparkSession, config: IngestConfig, *, as_of: date | None = None) -> dict[str, DataFrame]:
    """Every source of the retailer: silver name without its prefix -> raw frame.

    A raw frame has the silver table's columns (CSV and JSON: all text), ``_file``, ``_row`` (the row as received,
    as JSON), ``_hash`` (of the whole row as received, for finding duplicates) and ``_corrupt_record``. A source that
    is not configured, or optional and absent, is an empty frame.

    Args:
        as_of: only for M5, which has no stock: the day for which stock and the old policy are assumed.

    Raises:
        ConfigError: the configuration names a source or a column that does not exist, or lacks a needed source.
        DataError: a required source has no file or no row, or a column is not there.
    """
    if config.m5 is not None:
        raw = read_m5(spark, config.data, config.m5, as_of=as_of)
    else:
        _check_config(config)
        raw = {name: _read(spark, config.data, name, source) for name, source in config.sources.items()}
    return {name: raw[name] if name in raw else _empty(spark, table) for name, table in SOURCES.items()}


def _check_config(config: IngestConfig) -> None:
    unknown = [name for name in config.sources if name not in SOURCES]
    if unknown:
        raise ConfigError(
            explain("ingest.sources names tables that do not exist", expected=", ".join(SOURCES), which=unknown)
        )
    missing = [name for name in NEEDED if name not in config.sources]
    if missing:
        raise ConfigError(
            explain(
                "ingest.sources lacks sources that cannot be done without",
                expected=", ".join(NEEDED),
                found=", ".join(config.sources),
                which=missing,
                do="say where their files are",
            )
        )
    for name, source in config.sources.items():
        columns = SOURCES[name].names
        wrong = [c for c in (*source.columns, *source.constants) if c not in columns]
        both = sorted({*source.columns} & {*source.constants})
        if wrong or both:
            raise ConfigError(
                explain(
                    f"ingest.sources.{name} names columns that silver/{name} does not have, or one both as a column "
                    "and as a constant",
                    expected=", ".join(columns),
                    which=[*wrong, *both],
                )
            )


def _read(spark: SparkSession, data: str, name: str, source: SourceConfig) -> DataFrame:
    path = f"{data.rstrip('/')}/{source.path}"
    try:
        received = _received(spark, path, source)
    except AnalysisException as error:
        if error.getCondition() not in ("PATH_NOT_FOUND", "UNABLE_TO_INFER_SCHEMA"):
            raise _unreadable(name, path, error) from error
        received = []
    except (PySparkException, Py4JJavaError) as error:
        raise _unreadable(name, path, error) from error
    if not received:
        return _absent(spark, name, source, path)
    raw = reduce(DataFrame.unionByName, [_renamed(frame, name, source, path) for frame in received])
    if raw.isEmpty():
        if source.required:
            raise DataError(
                explain(
                    f"source {name} is empty: its files hold no row",
                    expected=f"at least one row of silver/{name}",
                    found=f"0 rows in {path}",
                    do="deliver the file again, or mark the source `required: false`",
                )
            )
        return _empty(spark, SOURCES[name])
    return raw


def _unreadable(name: str, path: str, error: Exception) -> DataError:
    return DataError(
        explain(
            f"source {name}: its files cannot be read together",
            expected=f"files of one layout at {path}",
            found=str(error).strip().splitlines()[0][:300],
            do="see which file differs (a column of two types, a damaged file) and deliver it again",
        )
    )


def _absent(spark: SparkSession, name: str, source: SourceConfig, path: str) -> DataFrame:
    if not source.required:
        return _empty(spark, SOURCES[name])
    raise DataError(
        explain(
            f"source {name}: no file is there",
            expected=f"{source.format} files at {path}",
            found="no file matches",
            do=f"deliver it, correct ingest.data or ingest.sources.{name}.path, or mark it `required: false`",
        )
    )


def _received(spark: SparkSession, path: str, source: SourceConfig) -> list[DataFrame]:
    """The files as they are, one frame per header: Spark would read a second CSV layout by position, in silence."""
    if source.format == "parquet":
        # Spark would take the columns of any one file's footer for all, and an old file's lacks the new ones.
        reader = spark.read.options(**{"mergeSchema": "true", **source.options})
        return [reader.parquet(path).withColumn(CORRUPT, F.lit(None).cast("string"))]
    files = sorted(row.path for row in spark.read.format("binaryFile").load(path).select("path").collect())
    if source.format == "json":
        return [_json(spark, files, source)] if files else []
    headers: dict[tuple[str, ...], list[str]] = {}
    for file in files:
        header = spark.read.options(**source.options).csv(file, header=True).columns
        headers.setdefault(tuple(header), []).append(file)
    return [_csv(spark, header, group, source) for header, group in headers.items() if header]


def _csv(spark: SparkSession, header: Sequence[str], files: list[str], source: SourceConfig) -> DataFrame:
    schema = StructType([StructField(name, StringType()) for name in (*header, CORRUPT)])
    reader = spark.read.options(**source.options).schema(schema)
    return reader.csv(files, header=True, mode="PERMISSIVE", columnNameOfCorruptRecord=CORRUPT)


def _json(spark: SparkSession, files: list[str], source: SourceConfig) -> DataFrame:
    reader = spark.read.option("mode", "PERMISSIVE").options(**source.options)
    frame = reader.json(files, primitivesAsString=True, columnNameOfCorruptRecord=CORRUPT)
    return frame if CORRUPT in frame.columns else frame.withColumn(CORRUPT, F.lit(None).cast("string"))


def _renamed(received: DataFrame, name: str, source: SourceConfig, path: str) -> DataFrame:
    table = SOURCES[name]
    _check_columns(received, table, source, path)
    row = [_column(c) for c in received.columns]
    chosen = [_chosen(received, column.name, source).alias(column.name) for column in table.columns]
    return received.select(
        *chosen,
        F.input_file_name().alias("_file"),
        F.to_json(F.struct(*row)).alias("_row"),
        row_hash(row).alias("_hash"),
        F.col(CORRUPT),
    )


def _chosen(received: DataFrame, name: str, source: SourceConfig) -> Column:
    if name in source.constants:
        return F.lit(source.constants[name])
    theirs = source.columns.get(name, name)
    return _column(theirs) if theirs in received.columns else F.lit(None).cast("string")


def _column(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")


def _check_columns(received: DataFrame, table: Table, source: SourceConfig, path: str) -> None:
    found = [c for c in received.columns if c != CORRUPT]
    asked = {name: source.columns.get(name, name) for name in table.names if name not in source.constants}
    spare = [c for c in found if c not in asked.values()]
    missing = []
    for name, theirs in asked.items():
        if theirs in found:
            continue
        needed = name in source.columns or not table[name].nullable
        # A column that may be absent is missed only where another looks like a slip of the pen.
        near = _nearest(theirs, found, 0.6) if needed else _nearest(theirs, spare, 0.8)
        if needed or near:
            missing.append(f"{theirs} (nearest: {near})" if near else theirs)
    if missing:
        name = table.name.removeprefix("silver/")
        raise DataError(
            explain(
                f"source {name}: columns are missing in {path}",
                expected=", ".join(asked.values()),
                found=", ".join(found),
                which=missing,
                do=f"correct the file, or name the column in ingest.sources.{name}.columns; "
                f"one that may be empty and is not there: ingest.sources.{name}.constants with ''",
            )
        )


def _nearest(wanted: str, among: Sequence[str], cutoff: float) -> str | None:
    lower = {name.lower(): name for name in among}
    return next((lower[near] for near in get_close_matches(wanted.lower(), lower, n=1, cutoff=cutoff)), None)


def _empty(spark: SparkSession, table: Table) -> DataFrame:
    fields = [StructField(name, StringType()) for name in (*table.names, "_file", "_row", CORRUPT)]
    return spark.createDataFrame([], StructType([*fields, StructField("_hash", LongType())]))
