"""From policy and stock position to purchase orders: who orders what, how much, why, and what a person must see."""

from scaleinv.replenish.assigned import choice
from scaleinv.replenish.changes import Changes, unchanged
from scaleinv.replenish.decision import Decision, decide
from scaleinv.replenish.exceptions import FOUND
from scaleinv.replenish.facts import Facts, gather
from scaleinv.replenish.filing import DECISIONS, filed
from scaleinv.replenish.keys import MAX_LINES, order_key
from scaleinv.replenish.landed_cost import LandedCost, Offers, landed_cost
from scaleinv.replenish.market import Market
from scaleinv.replenish.open_transfers import MOVES, open_transfers, with_open_transfers
from scaleinv.replenish.own_orders import OwnOrders, own_orders, with_own_orders
from scaleinv.replenish.propose import Known, Part, Proposals, Wanted, propose
from scaleinv.replenish.rounding import rounded_quantity
from scaleinv.replenish.ruled import Lines
from scaleinv.replenish.rules import Matches, rule_set
from scaleinv.replenish.selection import Limits, Selection, select
from scaleinv.replenish.supply import with_supply
from scaleinv.replenish.vendor_choice import Conditions, VendorChoice, vendor_choice

__all__ = [
    "DECISIONS",
    "FOUND",
    "MAX_LINES",
    "MOVES",
    "Changes",
    "Conditions",
    "Decision",
    "Facts",
    "Known",
    "LandedCost",
    "Limits",
    "Lines",
    "Market",
    "Matches",
    "Offers",
    "OwnOrders",
    "Part",
    "Proposals",
    "Selection",
    "VendorChoice",
    "Wanted",
    "choice",
    "decide",
    "filed",
    "gather",
    "landed_cost",
    "open_transfers",
    "order_key",
    "own_orders",
    "propose",
    "rounded_quantity",
    "rule_set",
    "select",
    "unchanged",
    "vendor_choice",
    "with_open_transfers",
    "with_own_orders",
    "with_supply",
]
