"""Every table of the walk, in the order in which it is written."""

from __future__ import annotations

from typing import Final

from scaleinv.errors import LakeError, explain
from scaleinv.schema.drift import DRIFT
from scaleinv.schema.gold import FEATURES, FORECAST, HIERARCHY
from scaleinv.schema.orders import ORDERS
from scaleinv.schema.registry import REGISTRY
from scaleinv.schema.silver import SILVER
from scaleinv.schema.table import Table

TABLES: Final[dict[str, Table]] = {
    t.name: t for t in (*SILVER, *DRIFT, *REGISTRY, *FEATURES, *FORECAST, *ORDERS, *HIERARCHY)
}
"""Every table by name, in the order of the walk."""


def table(name: str) -> Table:
    """The table of that name.

    Raises:
        LakeError: there is none.
    """
    try:
        return TABLES[name]
    except KeyError:
        raise LakeError(
            explain(f"there is no table {name!r}", expected=", ".join(TABLES), do="correct the name")
        ) from None
