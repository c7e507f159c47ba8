"""The rule: inventory position below the reorder point means an order up to the order-up-to level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.facts import Facts
from scaleinv.replenish.rounding import rounded_quantity

_Floats = NDArray[np.float64]
_SLACK = 1e-9


@dataclass(frozen=True)
class Decision:
    """What the rule says of every series; arrays are ``(n,)``, quantities in units of stock."""

    inventory_position: _Floats
    """On hand + on order - backorders - reserved; a negative record of stock on hand counts as none."""
    need: _Floats
    """Order-up-to level - inventory position."""
    quantity: _Floats
    """What would be ordered, rounded to minimum and multiple; 0 where the position is not below the reorder point."""
    is_known: NDArray[np.bool_]
    """There is a stock record; without one nothing is ordered automatically."""

    @property
    def is_ordered(self) -> NDArray[np.bool_]:
        """(n,) it is ordered tonight."""
        return np.asarray(self.is_known & (self.quantity > 0), dtype=bool)


def decide(facts: Facts) -> Decision:
    """Applies the rule to every series.

    A negative record of stock on hand is a receipt not booked yet or a miscount, not a debt (that is what
    ``backorders`` says): it counts as an empty shelf, so that the error is not ordered on top.
    """
    on_hand = np.maximum(facts.number("on_hand"), 0.0)
    position = on_hand + facts.number("on_order") - facts.number("backorders") - facts.number("reserved")
    reorder_point = facts.number("reorder_point")
    # 5.3 - 2.3 is a hair below 3: that is no reason to order.
    is_below = position < reorder_point - _SLACK * np.maximum(1.0, np.abs(reorder_point))
    need = facts.number("order_up_to_level") - position
    rounded = rounded_quantity(need, facts.number("min_order_quantity"), facts.number("order_multiple"))
    is_known = np.asarray(pc.is_valid(facts["stock_date"]).to_numpy(zero_copy_only=False), dtype=bool)
    return Decision(position, need, np.where(is_below, rounded, 0.0), is_known)
