"""The registry itself, a slowly changing table, and its use: codes of a frame become canonical SKUs."""

from __future__ import annotations

from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from scaleinv.errors import DataError, explain
from scaleinv.ingest.registry.codes import identity
from scaleinv.schema.registry import ALWAYS, HOME
from scaleinv.schema.tables import table

RECEIVED: Final = "_code"
"""Where :func:`canonical` keeps the code as received."""
_REGISTRY: Final = table("silver/sku_registry")


def registry(codes: DataFrame, periods: DataFrame) -> DataFrame:
    """``silver/sku_registry``: every code in every period.

    Args:
        codes: ``silver/sku_codes``.
        periods: what was decided (:data:`scaleinv.ingest.registry.periods.PERIODS`).
    """
    rows = codes.join(periods, "own_id", "left")
    given = {
        "sku_id": F.coalesce("sku_id", "own_id"),
        "valid_from": F.coalesce("valid_from", F.lit(ALWAYS)),
        "method": F.coalesce("method", F.lit("identity")),
    }
    return rows.withColumns(given).select(*_REGISTRY.names)


def check_registry(rows: DataFrame) -> None:
    """A code means exactly one product on any day: its periods follow each other from the first day to no end.

    Raises:
        DataError: the periods of a code overlap or leave days out.
    """
    code = Window.partitionBy("system", "code").orderBy("valid_from")
    after, before = F.lead("valid_from").over(code), F.lag("valid_to").over(code)
    is_first = F.row_number().over(code) == 1
    fits = F.when(after.isNull(), F.col("valid_to").isNull()).otherwise(F.date_add("valid_to", 1) == after)
    starts = F.when(is_first, F.col("valid_from") == F.lit(ALWAYS)).otherwise(before.isNotNull())
    flagged = rows.select("system", "code", F.coalesce(fits & starts, F.lit(False)).alias("fits"))
    broken = flagged.where("not fits").select("system", "code").distinct().limit(6).collect()  # six rows
    if broken:
        raise DataError(
            explain(
                "codes do not mean exactly one product on every day",
                expected=f"periods that follow each other from {ALWAYS} on, the last without an end",
                which=[f"{row['system']}:{row['code']}" for row in broken],
                do="let `scaleinv ingest` make silver/sku_registry again",
            )
        )


def canonical(
    frame: DataFrame,
    registry: DataFrame,
    *,
    column: str = "sku_id",
    system: str = HOME,
    on: str | date = "date",
) -> DataFrame:
    """``frame`` with the canonical SKU of each row's day in ``column``, and the code as received in ``_code``.

    A code that the registry does not know is its own SKU. Only what was decided travels to the workers: a code that
    nobody decided about is its own SKU without being looked up.

    Args:
        frame: rows of one source.
        registry: ``silver/sku_registry``.
        column: holds the code, and then the SKU.
        system: whose numbering the code is of.
        on: the column of the row's day, or the day for all of them (master data).
    """
    day = F.col(on) if isinstance(on, str) else F.lit(on)
    own: Column = identity(F.col("code"), system)
    decided = registry.where((F.col("system") == system) & (F.col("sku_id") != own)).select(
        F.col("code").alias("_of"), "valid_from", "valid_to", F.col("sku_id").alias("_sku")
    )
    decided = decided.withColumnsRenamed({"valid_from": "_from", "valid_to": "_to"})
    holds = (F.col("_of") == F.col(column)) & (day >= F.col("_from")) & (F.col("_to").isNull() | (day <= F.col("_to")))
    found = frame.join(F.broadcast(decided), holds, "left")
    sku = F.coalesce("_sku", identity(F.col(column), system))
    return found.select(
        *[sku.alias(name) if name == column else F.col(name) for name in frame.columns], F.col(column).alias(RECEIVED)
    )
