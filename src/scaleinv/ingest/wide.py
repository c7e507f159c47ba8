"""Wide tables to long ones: of a column per day, store or size each cell becomes a row."""

from __future__ import annotations

import re

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from scaleinv.config.sources import WideConfig
from scaleinv.errors import ConfigError, DataError, explain
from scaleinv.ingest.parse import CORRUPT, literal, quoted


def long(wide: DataFrame, contract: WideConfig, *, source: str) -> DataFrame:
    """``wide`` with ``contract.name`` and ``contract.value`` in place of the columns that hold cells.

    A cell that is empty says nothing and is no row; a line that could not be split stays one. Spark's ``unpivot`` gives
    the same rows, with a projection per column: of M5's 1,941 it takes five times as long.

    Args:
        wide: rows as received.
        contract: which columns hold cells.
        source: name of the source, for messages.

    Raises:
        ConfigError: ``contract.name`` or ``contract.value`` is a column already.
        DataError: no column's name fits.
    """
    cells = [name for name in wide.columns if name != CORRUPT and re.fullmatch(contract.columns, name)]
    others = [name for name in wide.columns if name not in cells]
    if not cells:
        raise DataError(
            explain(
                f"source {source}: no column is one of its wide table's",
                expected=f"names like {contract.columns!r}",
                found=", ".join(wide.columns[:30]),
                do=f"correct the file, or ingest.sources.{source}.wide.columns",
            )
        )
    taken = [name for name in (contract.name, contract.value) if name in others]
    if taken:
        raise ConfigError(
            explain(
                f"ingest.sources.{source}.wide gives its new columns names that others have",
                which=taken,
                do="choose other names for `name` and `value`",
            )
        )
    kinds = {wide.schema[name].dataType.simpleString() for name in cells}
    kind = kinds.pop() if len(kinds) == 1 else "string"
    # One SQL text in place of two expression objects per column: the plan is built in one call.
    pairs = ", ".join(f"{literal(name)}, CAST({quoted(name)} AS {kind})" for name in cells)
    broken = F.expr(f"map({literal(cells[0])}, CAST(NULL AS {kind}))")
    each = F.explode(F.when(F.col(CORRUPT).isNull(), F.expr(f"map({pairs})")).otherwise(broken))
    rows = wide.select(*[F.col(quoted(name)) for name in others], each.alias(contract.name, contract.value))
    return rows.where(F.col(quoted(contract.value)).isNotNull() | F.col(CORRUPT).isNotNull())
