"""One night's policies, replay, orders and their export, partitioned by ``as_of``."""

from __future__ import annotations

from scaleinv.schema.columns import (
    AS_OF,
    DATE,
    FLOAT,
    GROUP,
    INT,
    LOCATION,
    LONG,
    SERIES,
    SKU,
    TEXT,
    VENDOR,
    days,
    money,
    units,
)
from scaleinv.schema.table import Column, Table
from scaleinv.schema.words import CUTS, HELD_PROBLEMS

ORDERS = (
    Table(
        "gold/policies", "optimize", "When to order and how much, with the parts the numbers are made of.",
        ("as_of", "unique_id"),
        (
            AS_OF, GROUP, SERIES, SKU, LOCATION, VENDOR,
            Column("model", TEXT, "whose forecast it rests on"),
            Column("method", TEXT, "quantile, root or seed"),
            Column("target_kind", TEXT, "cycle_service_level or fill_rate"),
            Column("target", FLOAT, "the promise, 0 … 1"),
            days("lead_time", "mean"),
            days("protection_interval", "mean lead time + review period"),
            units("expected_demand", "mean over the protection interval"),
            units("demand_safety_stock", "part of the safety stock that covers uncertain demand"),
            units("lead_time_safety_stock", "part that covers uncertain lead time"),
            units("rounding", "what rounding to whole units added to the reorder point"),
            units("safety_stock", "demand part + lead-time part + rounding; may be negative"),
            units("constraint_change", "what a limit took off the reorder point"),
            units("reorder_point", "expected demand + safety stock + constraint change"),
            units("order_quantity", "what one order brings at least: economic, at least MOQ, a multiple"),
            units("quantity_change", "what a limit took off the order quantity, included in it"),
            units("order_up_to_level", "reorder point + order quantity"),
            units("level_limit", "stock on hand and on order never above it; null: no limit", nullable=True),
            Column("constraint", TEXT, "the limit that bound: max_stock, max_stock_days, shelf_life", nullable=True),
            Column(
                "problem", TEXT, "why no policy could be made of it (schema.words.Problem): its levels are 0; null: "
                "none", nullable=True,
            ),
        ),
        partitions=("as_of", "group_id"),
    ),
    Table(
        "gold/replay", "optimize", "Policies replayed on the held-out days, with warm-up: service against stock.",
        ("as_of", "policy", "slice", "value"),
        (
            AS_OF,
            Column("policy", TEXT, "quantile, root, seed or old (what the retailer does today)"),
            Column("slice", TEXT, "overall, target or demand_class"),
            Column("value", TEXT, "which one of the slice"),
            Column("n_series", LONG, "series replayed"),
            Column("n_days", INT, "days scored"),
            units("demand", "units wanted on these days"),
            units("lost_sales", "units wanted and not there"),
            Column("fill_rate", FLOAT, "1 - lost / wanted", nullable=True),
            Column("stockout_share", FLOAT, "share of series-days on which demand was not met in full", nullable=True),
            units("mean_on_hand", "mean stock at the end of a day, all series together"),
            money("mean_stock_value", "the same at unit cost"),
            money("holding_cost", "capital tied up on these days"),
            money("stockout_cost", "margin lost on these days"),
            money("ordering_cost", "orders placed on these days"),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/order_proposals", "replenish", "Lines of the purchase orders to send.",
        ("as_of", "order_id", "line"),
        (
            AS_OF,
            Column("order_id", TEXT, "stable key of the order: the same night proposes the same keys (12 characters)"),
            Column("line", INT, "line of the order, from 1"),
            VENDOR, LOCATION, SKU, SERIES,
            units("quantity", "units to order: need + rounding + constraint change"),
            units("need", "order-up-to level - inventory position"),
            units("rounding", "what minimum, packs and loads changed"),
            units("constraint_change", "what limits changed"),
            Column(
                "constraint", TEXT, "the last limit that changed it: max_stock, vendor_minimum, trucks, capacity, "
                "budget", nullable=True,
            ),
            Column("unit", TEXT, "order unit, UN/CEFACT Rec 20"),
            money("unit_cost", "what one unit costs"),
            money("value", "quantity * unit cost"),
            Column("currency", TEXT, "ISO 4217"),
            Column("gtin", TEXT, "GS1 number", nullable=True),
            Column("order_date", DATE, "as_of: orders leave in its evening"),
            Column("delivery_date", DATE, "order date + mean lead time, rounded up"),
            units("inventory_position", "on hand + on order - backorders - reserved"),
            units("reorder_point", "the level it fell below"),
            units("order_up_to_level", "the level it is brought back to"),
            Column("reason", TEXT, "why this quantity, in words"),
            Column("disposition", TEXT, "of the whole order: approve (it goes out by itself), propose (a person "
                   "approves it) or hold"),
            Column("rule", TEXT, "the rule that said so or changed the line; null: none", nullable=True),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/exceptions", "replenish", "What a person should look at.",
        ("as_of", "unique_id", "kind"),
        (
            AS_OF, SERIES,
            Column(
                "kind", TEXT,
                "no_stock_record, stale_stock, no_demand, negative_stock, rounded_far_above_need, long_lead_time; "
                + "a series that cannot be ordered by: " + ", ".join(HELD_PROBLEMS) + "; an order that a limit cut: "
                + ", ".join(CUTS),
            ),
            Column("detail", TEXT, "what was found and what was done"),
            money("value_at_risk", "money it is about"),
        ),
        partitions=("as_of",),
    ),
    Table(
        "gold/export_log", "export", "Files given to the ERP.",
        ("as_of", "format", "file"),
        (
            AS_OF,
            Column("format", TEXT, "one of export.formats (docs/erp.md)"),
            Column("file", TEXT, "name of the file"),
            Column("orders", LONG, "purchase orders in it"),
            Column("lines", LONG, "order lines in it"),
            units("quantity", "sum of quantities"),
            Column("sha256", TEXT, "of the bytes"),
            Column("schema_version", TEXT, "of the file's layout"),
        ),
        partitions=("as_of",),
    ),
)  # fmt: skip
