"""From policy and stock position to purchase orders: who orders what, how much, why, and what a person must see."""

from scaleinv.replenish.changes import Changes, unchanged
from scaleinv.replenish.decision import Decision, decide
from scaleinv.replenish.facts import Facts, gather
from scaleinv.replenish.keys import MAX_LINES, order_key
from scaleinv.replenish.propose import Part, Proposals, Wanted, propose
from scaleinv.replenish.rounding import rounded_quantity

__all__ = [
    "MAX_LINES",
    "Changes",
    "Decision",
    "Facts",
    "Part",
    "Proposals",
    "Wanted",
    "decide",
    "gather",
    "order_key",
    "propose",
    "rounded_quantity",
    "unchanged",
]
