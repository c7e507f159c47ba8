"""Array theory: from protection demand to reorder point and order quantity, and the replay that proves it."""

from scaleinv.inventory.lead_time import lead_time_cdf, lead_time_moments
from scaleinv.inventory.orders import inventory_position, order_quantity_to, round_up
from scaleinv.inventory.policy import Method, Policies, order_quantity, policies
from scaleinv.inventory.protection import ProtectionDemand, protection_demand
from scaleinv.inventory.replay import Replay, replay
from scaleinv.inventory.theory import (
    cycle_factor,
    economic_order_quantity,
    fill_factor,
    inverse_normal_loss,
    normal_loss,
    root_spread,
)

__all__ = [
    "Method",
    "Policies",
    "ProtectionDemand",
    "Replay",
    "cycle_factor",
    "economic_order_quantity",
    "fill_factor",
    "inventory_position",
    "inverse_normal_loss",
    "lead_time_cdf",
    "lead_time_moments",
    "normal_loss",
    "order_quantity",
    "order_quantity_to",
    "policies",
    "protection_demand",
    "replay",
    "root_spread",
    "round_up",
]
