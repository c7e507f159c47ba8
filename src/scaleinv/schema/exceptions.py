"""Kinds of exceptions: what each one is about, who looks at it and what is suggested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

ExceptionDecision = Literal["accept", "dismiss", "snooze", "override"]
EXCEPTION_DECISIONS: Final[tuple[ExceptionDecision, ...]] = get_args(ExceptionDecision)
"""It is being dealt with; it is none; not before a day; another quantity is ordered. All of them end."""


@dataclass(frozen=True)
class ExceptionKind:
    """Who looks at it, and what is suggested."""

    queue: str
    action: str


_K = ExceptionKind
_COUNT, _TERMS = _K("stock_control", "count the shelf"), _K("master_data", "correct the article's terms")
_DEMAND, _LIMIT = _K("planning", "look at the forecast"), _K("buying", "look at the limit, or order by hand")

KINDS: Final[dict[str, ExceptionKind]] = {
    "no_stock_record": _COUNT,
    "stale_stock": _COUNT,
    "negative_stock": _COUNT,
    "no_demand": _K("planning", "delist it, or move its stock"),
    "rounded_far_above_need": _K("buying", "ask for a smaller minimum or pack, or let it sell out"),
    "long_lead_time": _K("planning", "forecast further ahead (forecast.horizon)"),
    "demand_unknown": _DEMAND,
    "demand_infinite": _DEMAND,
    "demand_negative": _DEMAND,
    "bad_unit_cost": _TERMS,
    "bad_order_terms": _TERMS,
    "bad_review_period": _TERMS,
    "bad_lead_time": _TERMS,
    "minimum_above_maximum": _TERMS,
    "bad_stock": _COUNT,
    "bad_levels": _DEMAND,
    "cut_by_max_stock": _LIMIT,
    "cut_by_rule": _LIMIT,
    "below_vendor_minimum": _LIMIT,
    "cut_to_trucks": _LIMIT,
    "cut_by_capacity": _LIMIT,
    "cut_by_budget": _LIMIT,
    "impossible_budget": _LIMIT,
    "contradictory_limits": _LIMIT,
    "supply_shortage": _K("buying", "expedite an open order, or move stock from another location"),
    "supply_not_in_time": _K("buying", "ask for an earlier day, or cancel what comes too late"),
    "overdue_supply": _K("vendor_management", "ask the vendor whether it still comes"),
    "shipment_late": _K("buying", "ask the carrier for the day, or order what is missing until then elsewhere"),
    "shipment_diverted": _K("stock_control", "have it sent on, or book it where it goes"),
    "shipment_lost": _K("vendor_management", "claim it, and cancel what does not come"),
    "temperature_incident": _K("stock_control", "look at the goods before they are sold"),
    "vendor_blocked": _K("vendor_management", "unblock the vendor, or choose another"),
    "vendor_over_capacity": _K("vendor_management", "split the order, or ask for more"),
    "demand_spike": _K("planning", "look whether demand stays, and raise the forecast"),
    "data_gap": _K("master_data", "look whether sales of the location arrive"),
    "price_jump": _K("buying", "check the price with the vendor before the order leaves"),
    "shelf_life_risk": _K("planning", "mark down, or move stock"),
    "unit_does_not_fit": _TERMS,
    "expedite": _K("buying", "ask for an earlier day"),
    "held_by_rule": _K("buying", "release or cancel the order"),
    "no_substitute": _K("buying", "name another substitute"),
    "substituted": _K("planning", "list the substitute for good, or end the rule"),
    "override_not_whole": _K("buying", "decide again, in whole units"),
    "override_expired": _K("buying", "decide again, or leave it to the rules"),
}
