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
    limits: tuple[Limit, Limit] = ("max_stock", "rule")
    is_limited = pa.array(decision.quantity < decision.unlimited)
    names = pa.array(limits).take(pa.array(decision.is_capped.astype(np.int8)))
    constraint = pc.if_else(is_limited, names, pa.scalar(None, pa.string()))
    return Changes(decision.quantity, decision.unlimited, constraint, pa.nulls(n, pa.string()), np.zeros(n))


def overridden(changes: Changes, rows: NDArray[np.int64], quantity: _Floats) -> Changes:
    """With these quantities in these rows, whatever rounding and limits made of them: a person has said so."""
    if not rows.size:
        return changes
    limit: Limit = "override"
    ordered = changes.quantity.copy()
    ordered[rows] = quantity
    mask = np.zeros(len(ordered), dtype=bool)
    mask[rows] = True
    constraint = pc.if_else(pa.array(mask), pa.scalar(limit), changes.constraint)
    cut = pc.if_else(pa.array(mask), pa.scalar(None, pa.string()), changes.cut)
    return Changes(ordered, changes.rounded, constraint, cut, np.where(mask, 0.0, changes.lost))
