"""What rounding and the limits of a night made of the orders that the rule asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.decision import Decision
from scaleinv.schema.words import Limit

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Changes:
    """Of every line, ``(n,)``; ``quantity`` is 0 where it is not ordered after all."""

    quantity: _Floats
    """Units to order."""
    rounded: _Floats
    """Units before any limit: the need in whole packs, at least the minimum."""
    constraint: pa.Array
    """The last limit that changed it (``schema.words.Limit``); null: none."""
    cut: pa.Array
    """Why less is ordered than was wanted (``schema.words.Cut``); null: it is not."""
    lost: _Floats
    """Money that is expected to be lost by the cut."""


def unchanged(decision: Decision) -> Changes:
    """The rule's own orders, which only the limit of each series' stock has touched."""
    n = len(decision.quantity)
    limit: Limit = "max_stock"
    is_limited = pa.array(decision.quantity < decision.unlimited)
    constraint = pc.if_else(is_limited, pa.scalar(limit), pa.scalar(None, pa.string()))
    return Changes(decision.quantity, decision.unlimited, constraint, pa.nulls(n, pa.string()), np.zeros(n))
