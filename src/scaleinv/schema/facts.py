"""What a rule may ask of a series: the columns of one night that conditions are written with, with their meanings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["number", "text", "flag", "date"]


@dataclass(frozen=True)
class Fact:
    """One column. ``late``: it is known only when the limits of the night have been applied."""

    name: str
    kind: Kind
    meaning: str
    is_nullable: bool = False
    late: bool = False


def _numbers(*pairs: tuple[str, str]) -> list[Fact]:
    return [Fact(name, "number", meaning) for name, meaning in pairs]


def _texts(*pairs: tuple[str, str]) -> list[Fact]:
    return [Fact(name, "text", meaning) for name, meaning in pairs]


FACTS: Final[tuple[Fact, ...]] = (
    *_texts(
        ("unique_id", "the series, <sku_id>@<location_id>"),
        ("sku_id", "the product"),
        ("location_id", "the store or warehouse"),
        ("vendor_id", "who delivers it"),
        ("category", "top of the category tree"),
        ("demand_class", "smooth, erratic, intermittent, lumpy or no_demand"),
        ("abc_class", "A, B or C by sales value"),
        ("unit", "unit of stock, UN/CEFACT Rec 20"),
    ),
    Fact("problem", "text", "why nothing can be ordered of it", is_nullable=True),
    *_numbers(
        ("on_hand", "units, as recorded"),
        ("on_order", "units on their way that count"),
        ("reserved", "units promised to somebody"),
        ("backorders", "units owed to customers"),
        ("inventory_position", "on hand + on order - backorders - reserved"),
        ("reorder_point", "units; below it the base rule orders"),
        ("order_up_to_level", "units that an order brings the position to"),
        ("need", "order-up-to level - inventory position"),
        ("quantity", "units to be ordered; 0: nothing is"),
        ("value", "quantity * unit cost, money"),
        ("lead_time", "days, mean"),
        ("protection_interval", "days that stock must last"),
        ("review_period", "days between two chances to order"),
        ("expected_demand", "units, mean over the protection interval"),
        ("daily_demand", "units a day ahead: expected demand / protection interval"),
        ("confidence", "0 ... 1: expected demand / (expected demand + safety stock held for uncertain demand)"),
        ("unit_cost", "money for one unit"),
        ("unit_price", "regular price of one unit"),
        ("min_order_quantity", "least that the vendor delivers"),
        ("order_multiple", "units in a pack"),
    ),
    Fact("level_limit", "number", "units that stock and orders may not exceed", is_nullable=True),
    Fact("days_of_stock", "number", "inventory position / daily demand; null where nothing is asked for", True),
    Fact("recent_demand", "number", "units a day, mean of the last 7; null: not known", True),
    Fact("last_unit_cost", "number", "unit cost of the night before; null: not known", True),
    Fact("on_order_not_due", "number", "units on their way that come too late to count", True),
    Fact("stock_date", "date", "day of the stock record", is_nullable=True),
    Fact("stock_age", "number", "days since the stock record", is_nullable=True),
    Fact("as_of", "date", "the night"),
    Fact("weekday", "number", "1, Monday, to 7, of the night"),
    Fact("is_below", "flag", "the position is below the reorder point"),
    Fact("is_known", "flag", "there is a stock record, and it is not too old"),
    Fact("order_value", "number", "value of all lines of its vendor and location", late=True),
    Fact("vendor_value", "number", "value of all lines of its vendor", late=True),
    Fact("vendor_quantity", "number", "units of all lines of its vendor", late=True),
    Fact("constraint", "text", "the last limit that changed the line", is_nullable=True, late=True),
)
"""Numbers are never null unless it is said."""

FACT_OF: Final[dict[str, Fact]] = {fact.name: fact for fact in FACTS}

Action = Literal["order", "hold", "expedite", "cap", "route", "substitute", "transfer_first"]
EARLY_ACTIONS: Final[tuple[Action, ...]] = ("order", "cap", "transfer_first", "substitute", "expedite")
"""They are decided for every series, before the limits of the night; the others for what is ordered, after them."""
