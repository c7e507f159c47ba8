"""Lines of JSON to columns: of text as a system wrote them, or of the types that a row in quarantine had."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from scaleinv.errors import DataError, explain
from scaleinv.ingest.parse import CORRUPT

_OURS: Final = ("_file", "_position", CORRUPT)
_MOST: Final = 1_000
"""More names than this are no columns: something wrote its data as names, and Spark would not come to an end."""
_END: Final = "_end_of_line"
"""A name that stands behind a line, where nothing else does."""
EXACT: Final = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
"""Options of JSON by which timestamps keep their microseconds."""


def split(lines: DataFrame, named: Mapping[str, bool]) -> DataFrame:
    """Lines in ``_corrupt_record`` to columns of text; a line that is no object, or names one twice, stays there.

    So does one that has more names than a table has columns.

    Args:
        lines: with ``_file`` and ``_position``.
        named: name that the contract reads -> whether its column is there although no line brings it.

    Raises:
        DataError: the lines have more names than a table has columns.
    """
    # Spark reads the first value of a line and passes over what follows, be it a row that lost its line break: as one
    # of two elements a line is read to its end.
    two = F.from_json(
        F.concat(F.lit("["), F.col(CORRUPT), F.lit(f',{{"{_END}": 1}}]')), "array<map<string,string>>",
        {"allowSingleQuotes": "false"},
    )  # fmt: skip
    is_one = (F.size(two) == 2) & F.map_contains_key(two[1], _END)
    parsed = lines.withColumn("_cells", F.when(is_one, two[0]))
    keys = F.map_keys("_cells")
    alike = F.array_distinct(F.transform(keys, F.lower))
    # All lines are asked: a name may come first in the last one. No more than _MOST of them come here.
    few = F.size(keys) <= _MOST
    some = parsed.where(few).select(F.explode(keys).alias("name")).distinct().limit(_MOST + 1).collect()
    found = sorted(row["name"] for row in some if row["name"] not in _OURS)
    if len(found) > _MOST:
        raise DataError(
            explain(
                f"lines of JSON have more than {_MOST:,} names",
                expected="an object per line, with the same names in each",
                found=", ".join(found[:5]) + ", …",
                do="deliver what these names say as values",
            )
        )
    # Spark takes names that differ by case for one: the contract's spelling, or else the last. Lines that spell it
    # otherwise have nothing there, and are told so.
    names = {name.lower(): name for name in found}
    # Where no line is a row, none lacks a column: each has a rule of its own that it breaks.
    names |= {name.lower(): name for name, always in named.items() if always or name in found or not found}
    is_row = F.col("_cells").isNotNull() & few & (F.size(keys) == F.size(alike))
    again = F.when(F.size(keys) == 1, F.col("_cells")[CORRUPT])  # it was malformed when it was first received
    return parsed.select(
        *[F.col("_cells")[name].alias(name) for name in names.values()],
        F.when(is_row, again).otherwise(F.col(CORRUPT)).alias(CORRUPT),
        "_file",
        "_position",
    )


def retyped(lines: DataFrame, types: str) -> DataFrame:
    """Rows of JSON in ``_corrupt_record`` to columns of ``types``; one that does not fit them stays there."""
    schema = StructType.fromJson(json.loads(types))
    whole = StructType([*schema.fields, StructField(CORRUPT, StringType())])
    parsed = lines.withColumn("_cells", F.from_json(CORRUPT, whole, {**EXACT, "columnNameOfCorruptRecord": CORRUPT}))
    cells = F.col("_cells")
    names = [*schema.fieldNames(), CORRUPT]
    return parsed.select(*[cells.getField(name).alias(name) for name in names], "_file", "_position")
