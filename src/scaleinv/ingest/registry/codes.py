"""Codes as the systems send them: the key that ignores how they are typed, their GTINs, what they are called."""

from __future__ import annotations

import re
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scaleinv.config.registry import RegistryConfig
from scaleinv.ingest.parse import valid_gtin
from scaleinv.schema.registry import HOME
from scaleinv.schema.tables import table

GTIN: Final = "gtin"
"""The system whose codes are GTINs: what a scanner reads."""

_SPACE: Final = r"[\s\p{Z}]+"
_CODES: Final = table("silver/sku_codes")


Rules = RegistryConfig
"""What the registry may do by itself."""


def identity(code: Column, system: str = HOME) -> Column:
    """The ``sku_id`` of a code about which nobody decided: a foreign one bears its system's name."""
    return code if system == HOME else F.concat(F.lit(f"{system}:"), code)


def code_key(code: Column) -> Column:
    """The code without case, space and leading zeros."""
    return F.regexp_replace(F.upper(F.regexp_replace(code, _SPACE, "")), r"^0+(?=.)", "")


def code_key_of(code: str) -> str:
    """:func:`code_key` of one code that a person typed.

    >>> code_key_of(" 0085 123a")
    '85123A'
    """
    return re.sub(r"^0+(?=.)", "", re.sub(r"\s+", "", code).upper())


def gtin14(words: Column) -> Column:
    """A trade item's GTIN in 14 digits; null where the check digit is wrong or the number is nobody's.

    Nobody's are all zeros, and what GS1 leaves to a company or a region for its own numbers (General Specifications,
    1.4: prefixes 02, 04, 2; as GTIN-8: 0 and 2), to coupons and refunds (05, 98, 99).
    """
    digits = F.lpad(words, 14, "0")
    own = F.when(digits.startswith("000000"), digits.rlike("^0{6}[02]")).otherwise(digits.rlike("^.(0[245]|2|9[89])"))
    return F.when(valid_gtin(words) & ~own, digits)


def codes_of(
    frame: DataFrame,
    *,
    system: str = HOME,
    code: str = "sku_id",
    description: str | None = None,
    gtin: str | None = None,
) -> DataFrame:
    """The codes in a source's rows, a row each: the columns of ``silver/sku_codes`` without ``is_product``.

    Args:
        frame: any rows that bear product codes; one without a code is left out.
        system: whose numbering it is.
        code: the column of the code.
        description: the column of what it is called, if there is one.
        gtin: the column of its GTIN, if there is one; the codes of the system ``gtin`` are their own.
    """
    words = F.trim(F.col(description)) if description else F.lit(None).cast("string")
    bearer = code if system == GTIN else gtin
    number = F.col(bearer) if bearer else F.lit(None).cast("string")
    called = F.when(words != "", words).alias("description")
    counted = (
        frame.select(F.col(code).alias("code"), called, gtin14(number).alias("gtin"))
        .where(F.col("code").isNotNull())
        .groupBy("code", "description")
        .agg(F.count(F.lit(1)).alias("n_lines"), F.collect_set("gtin").alias("gtins"))
    )
    names = {"system": F.lit(system), "code_key": code_key(F.col("code")), "own_id": identity(F.col("code"), system)}
    return _a_row_each(counted.withColumns(names))


def _a_row_each(rows: DataFrame) -> DataFrame:
    """All that is said about a code in one row; of its descriptions the one with most lines."""
    likeliest = F.max_by("description", F.struct(F.col("description").isNotNull(), "n_lines", "description"))
    return rows.groupBy("system", "code", "code_key", "own_id").agg(
        F.array_sort(F.array_distinct(F.flatten(F.collect_list("gtins")))).alias("gtins"),
        likeliest.alias("description"),
        F.sum("n_lines").alias("n_lines"),
    )


def with_seen(before: DataFrame, seen: DataFrame, rules: Rules) -> DataFrame:
    """``silver/sku_codes`` after a load: what one source or several saw replaces what was known of a code."""
    seen = _a_row_each(seen)
    pattern = "^(" + "|".join(f"(?:{one})" for one in rules.services) + ")$"
    is_product = ~F.col("code_key").rlike(pattern) if rules.services else F.lit(True)
    kept = before.drop("is_product").join(seen.select("system", "code"), ["system", "code"], "left_anti")
    return kept.unionByName(seen).withColumn("is_product", is_product).select(*_CODES.names)
