"""Reads one source as it is: our column names, the values as received, where each row came from.

Nothing is parsed here: CSV and JSON cells stay text until :mod:`scaleinv.ingest.cleanse` has looked at them, so
a cell that does not parse is still whole when its row goes to quarantine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from scaleinv.config.sources import JdbcConfig, SourceConfig
from scaleinv.errors import ConfigError, DataError, explain
from scaleinv.ingest.lines import retyped, split
from scaleinv.ingest.parse import CORRUPT, quoted, row_hash
from scaleinv.ingest.wide import long
from scaleinv.schema import Table

_STRUCTURED = ("parquet", "avro", "delta")
_OURS = ("_file", "_position", CORRUPT)
_FILES = "see which file differs (a column of two types, a damaged file) and deliver it again"
_DATABASE = "check jdbc.url, user, password, driver and query in the contract, and the network"


def read_source(
    spark: SparkSession, name: str, source: SourceConfig, table: Table, files: Sequence[str], *, folder: str = ""
) -> DataFrame | None:
    """The raw frame of a source; ``None`` where there is nothing to read.

    It has the columns that ``table`` receives (CSV and JSON: all text), ``_file`` and ``_position`` (where a row came
    from), ``_received`` (the row as received), ``_hash`` (of the whole row as received, for finding duplicates),
    ``_corrupt_record``, and ``_broken`` and ``_why``: the first of the source's own rules that it breaks. ``_order``
    is there where the contract or the format says which state of a key is the latest.

    Args:
        spark: the session.
        name: the source's, for messages.
        source: its contract.
        table: the silver table it feeds.
        files: addresses of the files to read; of a format without files, none.
        folder: below which ``key=value`` folders are columns.

    Raises:
        ConfigError: the contract names a column that the table does not have, or an expression cannot be read.
        DataError: the files cannot be read together, or a column is not there.
    """
    _check_contract(name, source, table)
    try:
        received = _received(spark, name, source, list(files), folder, table)
        if not received:
            return None
        frames = [_renamed(_long(frame, name, source), name, source, table) for frame in received]
        raw = reduce(_joined, frames)
        return None if raw.isEmpty() else raw
    except (PySparkException, Py4JJavaError) as error:
        what, place = f"source {name}", _place(source)
        if source.jdbc is not None:
            raise unreadable(what, error, expected=f"a database that answers at {place}", do=_DATABASE) from error
        raise unreadable(what, error, expected=f"{source.format} of one layout at {place}") from error


def unreadable(what: str, error: Exception, *, expected: str = "files of one layout", do: str = _FILES) -> DataError:
    """What to say where the engine cannot go on with the data, before or while it reads them."""
    lines = str(error).strip().splitlines() or [""]
    telling = next((line.strip() for line in lines if "FAILED_READ" in line or "Caused by" in line), lines[0])
    return DataError(
        explain(
            f"{what}: it cannot be read",
            expected=expected,
            found=telling[:300],
            do=do,
        )
    )


def read_messages(name: str, source: SourceConfig, table: Table, messages: DataFrame) -> DataFrame | None:
    """The raw frame of messages in JSON as they landed in ``bronze``; see :func:`read_source`.

    One without a value says something, too (its key was deleted): it is a row, of an empty line.

    Raises:
        ConfigError, DataError: as :func:`read_source`.
    """
    _check_contract(name, source, table)
    if messages.isEmpty():
        return None
    line, position = F.coalesce("value", F.lit("")).alias(CORRUPT), F.col("offset").alias("_position")
    lines = messages.select(line, message_place().alias("_file"), position)
    return _renamed(_long(_split(lines, source, table), name, source), name, source, table)


def message_place() -> Column:
    """``<topic>-<partition>``: where a message came from, beside its offset."""
    return F.concat_ws("-", "topic", F.col("partition").cast("string"))


def read_again(spark: SparkSession, name: str, source: SourceConfig, table: Table, rows: pa.Table) -> DataFrame:
    """The raw frame of rows that were received before: ``file, position, types, row``; see :func:`read_source`.

    ``row`` is JSON, its cells of the ``types`` that they were received in.

    Raises:
        ConfigError, DataError: as :func:`read_source`.
    """
    _check_contract(name, source, table)
    frames = []
    for types in pc.unique(rows["types"]).to_pylist():  # as many as the source had layouts
        of_them = pc.is_null(rows["types"]) if types is None else pc.equal(rows["types"], types)
        lines = spark.createDataFrame(rows.filter(of_them)).select(
            F.col("row").alias(CORRUPT), F.col("file").alias("_file"), F.col("position").alias("_position")
        )
        received = _split(lines, source, table) if types is None else retyped(lines, types)
        frames.append(_renamed(received, name, source, table))
    return reduce(_joined, frames)


def _joined(one: DataFrame, other: DataFrame) -> DataFrame:
    return one.unionByName(other, allowMissingColumns=True)


def _place(source: SourceConfig) -> str:
    return source.jdbc.url if source.jdbc else source.path


def _check_contract(name: str, source: SourceConfig, table: Table) -> None:
    columns = [column.name for column in table.received]
    said = [*source.columns, *source.constants, *source.expressions]
    wrong = [column for column in (*said, *source.units) if column not in columns]
    twice = [column for column, n in Counter(said).items() if n > 1]
    if wrong or twice:
        raise ConfigError(
            explain(
                f"ingest.sources.{name} names columns that {table.name} does not have, or says twice where one comes "
                "from (columns, constants, expressions)",
                expected=", ".join(columns),
                which=[*wrong, *twice],
            )
        )
    if source.order_by is not None and table.loads == "add":
        raise ConfigError(
            explain(
                f"ingest.sources.{name}.order_by: lines of {table.name} add up, and none takes the place of another",
                do="leave it out; for a feed of states, name the column that tells which line stands in `rules`",
            )
        )


# --- as received ----------------------------------------------------------------------------------------------------


def _split(lines: DataFrame, source: SourceConfig, table: Table) -> DataFrame:
    """Lines of JSON as rows; those that leave out what may be empty have it all the same."""
    named = {source.columns.get(column.name, column.name): column.nullable for column in table.received}
    made = (source.wide.name, source.wide.value) if source.wide else ()
    return split(lines, {theirs: always for theirs, always in named.items() if theirs not in made})


def _long(received: DataFrame, name: str, source: SourceConfig) -> DataFrame:
    return received if source.wide is None else long(received, source.wide, source=name)


def _received(
    spark: SparkSession, name: str, source: SourceConfig, files: list[str], folder: str, table: Table
) -> list[DataFrame]:
    """What is there, one frame per header: Spark would read a second CSV layout by position, in silence."""
    if source.format == "jdbc":
        assert source.jdbc is not None
        reader = spark.read.format("jdbc").options(**source.options, **_database(source.jdbc))
        return [_placed(reader.load(), F.lit(f"jdbc:{name}"))]
    if not files:
        return []
    if source.format in _STRUCTURED:
        return [_structured(spark, source, files, folder)]
    if source.format == "json":
        # Spark's own reader of JSON may refuse all lines for one.
        lines = spark.read.options(**source.options).text(files).where(F.trim("value") != "")
        return [_split(_placed(lines.select(F.col("value").alias(CORRUPT)), F.input_file_name()), source, table)]
    headers: dict[tuple[str, ...], list[str]] = {}
    for file in files:
        headers.setdefault(_header(spark, name, file, source, table), []).append(file)
    full = {header: group for header, group in headers.items() if any(header)}
    return [_placed(_csv(spark, header, group, source), F.input_file_name()) for header, group in full.items()]


def _database(jdbc: JdbcConfig) -> dict[str, str]:
    # Spark does not see a driver in its own jars unless its class is named.
    found = {"url": jdbc.url, "query": jdbc.query, "driver": jdbc.driver, "user": jdbc.user}
    password = {"password": jdbc.password.get_secret_value()} if jdbc.password else {}
    return {name: said for name, said in found.items() if said is not None} | password


def _structured(spark: SparkSession, source: SourceConfig, files: list[str], folder: str) -> DataFrame:
    if source.format == "delta":
        (address,) = files
        return _placed(spark.read.format("delta").options(**source.options).load(address), F.input_file_name())
    # Spark would take the columns of any one file's footer for all, and an old file's lacks the new ones.
    merge = {"mergeSchema": "true"} if source.format == "parquet" else {}
    reader = spark.read.format(source.format).options(**merge, **({"basePath": folder} if folder else {}))
    frame = reader.options(**source.options).load(files)
    position = F.col("_metadata.row_index") if source.format == "parquet" else None
    return _placed(frame, F.input_file_name(), position)


def _placed(frame: DataFrame, place: Column, position: Column | None = None) -> DataFrame:
    """``frame`` with where its rows came from, and a column for what is no row."""
    if CORRUPT not in frame.columns:
        frame = frame.withColumn(CORRUPT, F.lit(None).cast("string"))
    where = F.lit(None).cast("long") if position is None else position
    return frame.select("*", place.alias("_file"), where.alias("_position"))


def _header(spark: SparkSession, name: str, file: str, source: SourceConfig, table: Table) -> tuple[str, ...]:
    """The names in a CSV file's first line. Spark renames those that come twice; read as a row they stay."""
    first = spark.read.options(**_options(source)).csv(file, header=False, inferSchema=False).limit(1).collect()
    header = tuple("" if cell is None else str(cell).lstrip("\ufeff").strip() for cell in first[0]) if first else ()
    # Names that differ by case are one to Spark.
    times = Counter(cell.lower() for cell in header)
    read = {theirs.lower() for theirs in _asked(source, table).values()}
    used = [cell for cell in dict.fromkeys(header) if times[cell.lower()] > 1 and cell.lower() in read]
    if used:
        what = f"source {name}: a header names a column twice"
        raise DataError(explain(what, which=used, found=file, do="deliver the file with one column of that name"))
    seen: Counter[str] = Counter(_OURS)
    unique: list[str] = []
    for cell in header:
        seen[cell.lower()] += 1
        unique.append(cell if seen[cell.lower()] == 1 and cell else f"{cell or 'unnamed'}_{len(unique) + 1}")
    return tuple(unique)


def _options(source: SourceConfig) -> dict[str, str]:
    """Spark's options for CSV: those of the contract, before ours."""
    # A row of more than 20,480 cells would be the end of the load, and not a broken row as any other.
    ours = {"maxColumns": "1000000"}
    if source.options.get("escape", '"') == '"':
        # RFC 4180: a quote inside quotes is doubled. Unless it is said what escapes the escape, that is NUL, which is
        # left out of the cell then.
        ours |= {"escape": '"', "charToEscapeQuoteEscaping": '"'}
    return ours | source.options


def _csv(spark: SparkSession, header: Sequence[str], files: list[str], source: SourceConfig) -> DataFrame:
    schema = StructType([StructField(name, StringType()) for name in (*header, CORRUPT)])
    reader = spark.read.options(**_options(source)).schema(schema)
    return reader.csv(files, header=True, enforceSchema=True, mode="PERMISSIVE", columnNameOfCorruptRecord=CORRUPT)


# --- in our words ---------------------------------------------------------------------------------------------------


def _renamed(received: DataFrame, name: str, source: SourceConfig, table: Table) -> DataFrame:
    cells = [column for column in received.columns if column not in _OURS]
    _check_columns(cells, name, source, table)
    row, nothing = f"struct({', '.join(map(quoted, cells))})", F.lit(None).cast("string")
    try:
        broken = [(F.lit(rule), F.expr(own.where), F.lit(own.reason)) for rule, own in source.rules.items()]
        chosen = [_chosen(cells, column.name, source).alias(column.name) for column in table.received]
        order = [] if (latest := _order(source, table)) is None else [latest.alias("_order")]
        return received.select(
            *chosen,
            *[F.col(column) for column in _OURS],
            F.expr(row).alias("_received"),
            row_hash(cells).alias("_hash"),
            *order,
            F.coalesce(*[F.when(where, rule) for rule, where, _ in broken], nothing).alias("_broken"),
            F.coalesce(*[F.when(where, why) for _, where, why in broken], nothing).alias("_why"),
        )
    except PySparkException as error:
        raise ConfigError(
            explain(
                f"ingest.sources.{name}: an expression, order_by or the condition of a rule cannot be read",
                expected=f"Spark SQL over {', '.join(cells[:30])}",
                found=str(error).strip().splitlines()[0][:300],
                do="correct expressions, order_by and rules",
            )
        ) from error


def _chosen(cells: Sequence[str], name: str, source: SourceConfig) -> Column:
    if name in source.constants:
        return F.lit(source.constants[name])
    if name in source.expressions:
        return F.expr(source.expressions[name])
    theirs = source.columns.get(name, name)
    return F.col(quoted(theirs)) if theirs in cells else F.lit(None).cast("string")


def _order(source: SourceConfig, table: Table) -> Column | None:
    """What is largest in the latest state of a key."""
    if source.order_by is not None:
        return F.expr(source.order_by)
    return F.col("_position") if source.format == "kafka" and table.loads != "add" else None


def _asked(source: SourceConfig, table: Table) -> dict[str, str]:
    """Our column -> the column of the source that it is read from."""
    given = {*source.constants, *source.expressions}
    return {c.name: source.columns.get(c.name, c.name) for c in table.received if c.name not in given}


def _check_columns(found: Sequence[str], name: str, source: SourceConfig, table: Table) -> None:
    asked = _asked(source, table)
    spare = [c for c in found if c not in asked.values()]
    missing = []
    for column, theirs in asked.items():
        if theirs in found:
            continue
        needed = column in source.columns or not table[column].nullable
        # A column that may be absent is missed only where another looks like a slip of the pen.
        near = _nearest(theirs, found, 0.6) if needed else _nearest(theirs, spare, 0.8)
        if needed or near:
            missing.append(f"{theirs} (nearest: {near})" if near else theirs)
    if missing:
        raise DataError(
            explain(
                f"source {name}: columns are missing in {_place(source)}",
                expected=", ".join(asked.values()),
                found=", ".join(found[:60]) + (", …" if len(found) > 60 else ""),
                which=missing,
                do=f"correct the file, or name the column in ingest.sources.{name}.columns; "
                f"one that may be empty and is not there: ingest.sources.{name}.constants with ''",
            )
        )


def _nearest(wanted: str, among: Sequence[str], cutoff: float) -> str | None:
    lower = {name.lower(): name for name in among}
    return next((lower[near] for near in get_close_matches(wanted.lower(), lower, n=1, cutoff=cutoff)), None)
