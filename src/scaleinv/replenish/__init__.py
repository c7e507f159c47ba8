"""From policy and stock position to purchase orders: who orders what, how much, why, and what a person must see."""

from scaleinv.replenish.changes import Changes, unchanged
from scaleinv.replenish.decision import Decision, decide
from scaleinv.replenish.facts import Facts, gather
from scaleinv.replenish.keys import MAX_LINES, order_key
from scaleinv.replenish.landed_cost import LandedCost, Offers, landed_cost
from scaleinv.replenish.propose import Part, Proposals, Wanted, propose
from scaleinv.replenish.rounding import rounded_quantity
from scaleinv.replenish.selection import Limits, Selection, select
from scaleinv.replenish.vendor_choice import VendorChoice, vendor_choice

__all__ = [
    "MAX_LINES",
    "Changes",
    "Decision",
    "Facts",
    "LandedCost",
    "Limits",
    "Offers",
    "Part",
    "Proposals",
    "Selection",
    "VendorChoice",
    "Wanted",
    "decide",
    "gather",
    "landed_cost",
    "order_key",
    "propose",
    "rounded_quantity",
    "select",
    "unchanged",
    "vendor_choice",
]
