"""Cells to values. A cell that does not parse becomes null and never raises; the rules tell it from an empty one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DateType, NumericType, StringType, TimestampNTZType, TimestampType

CORRUPT: Final = "_corrupt_record"
"""Where Spark puts a line that is not a row; null for every other."""

# To the very end: `$` would leave out a line break, and a cast passes over it.
_PLAIN: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\z"
_COMMA: Final = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?\z"
_TRUE: Final = ("true", "t", "yes", "y", "1")
_FALSE: Final = ("false", "f", "no", "n", "0")


def text(cell: Column, received: DataType, empty: Sequence[str] = ()) -> Column:
    """The cell as trimmed text; null where it is empty, or one of the texts that stand for nothing."""
    trimmed = F.trim(cell) if isinstance(received, StringType) else F.trim(cell.cast("string"))
    return F.when(~trimmed.isin("", *empty), trimmed)


def parsed(
    cell: Column, words: Column, received: DataType, wanted: pa.DataType, *, date_format: str, decimal_comma: bool
) -> Column:
    """The cell as ``wanted`` (string, date, double, int, long, boolean or a list of numbers or flags).

    Null where it is empty or does not parse. ``words`` is its :func:`text`.
    """
    if pa.types.is_list(wanted):
        return _list(words, cell, received, wanted)
    if pa.types.is_date(wanted):
        if isinstance(received, (DateType, TimestampType, TimestampNTZType)):
            return cell.cast("date")
        return F.try_to_date(words, date_format)
    if pa.types.is_timestamp(wanted):
        if isinstance(received, (TimestampType, TimestampNTZType)):
            return cell.cast("timestamp")
        return F.try_to_timestamp(words, F.lit(date_format))
    if pa.types.is_boolean(wanted):
        lower = F.lower(words)
        return F.when(lower.isin(*_TRUE), True).when(lower.isin(*_FALSE), False)
    if pa.types.is_floating(wanted):
        return _number(cell, words, received, decimal_comma)
    if pa.types.is_integer(wanted):
        number = _number(cell, words, received, decimal_comma)
        kind = "int" if wanted.bit_width == 32 else "bigint"
        return F.when(number == F.rint(number), number).try_cast(kind)
    return words


def _list(words: Column, cell: Column, received: DataType, wanted: pa.ListType) -> Column:
    """A list; in text it is JSON. Null where an element is, as it could not be told which."""
    if isinstance(received, StringType):
        cell = F.from_json(words, "array<string>")
    elif not isinstance(received, ArrayType):
        return F.lit(None)
    kind = "boolean" if pa.types.is_boolean(wanted.value_type) else "float"
    values = cell.try_cast(f"array<{kind}>")
    return F.when(~F.exists(values, lambda element: element.isNull()), values)


def valid_gtin(words: Column) -> Column:
    """Whether it is a GTIN-8, -12, -13 or -14 with the right check digit (GS1 General Specifications, 7.9)."""
    digits = F.lpad(words, 14, "0")
    weighted = [(F.ascii(F.substring(digits, i + 1, 1)) - 48) * (3 if i % 2 == 0 else 1) for i in range(14)]
    total = sum(weighted[1:], weighted[0])
    return words.rlike(r"^(\d{8}|\d{12,14})\z") & (total % 10 == 0)


def row_hash(names: Sequence[str]) -> Column:
    """64 bits of the whole row as received, in whatever order its columns stand; only compared within one key.

    An empty cell is the same as no column: a null is passed over, and so is the name of its column.
    """
    parts = []
    for name in sorted(names):
        cell = f"CAST({quoted(name)} AS STRING)"
        parts += [f"IF({cell} IS NULL, NULL, {literal(name)})", cell]
    # Words for Spark's parser: of ten thousand columns, each made by a call of its own, the calls take a minute.
    return F.expr(f"xxhash64({', '.join(parts)})")


def quoted(name: str) -> str:
    """A column's name as SQL has it."""
    return "`" + name.replace("`", "``") + "`"


def literal(words: str) -> str:
    """A text as SQL has it."""
    return "'" + words.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _number(cell: Column, words: Column, received: DataType, decimal_comma: bool) -> Column:
    if isinstance(received, NumericType):
        return cell.cast("double")
    if decimal_comma:
        plain = F.translate(F.translate(words, ".", ""), ",", ".")
        return F.when(words.rlike(_COMMA), plain).try_cast("double")
    return F.when(words.rlike(_PLAIN), words).try_cast("double")
