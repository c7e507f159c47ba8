"""The retailer's history in our words, cleansed, and what became of its rows; written by ``ingest``."""

from __future__ import annotations

from scaleinv.schema.columns import (
    BOOL,
    DATE,
    DAY,
    FLOAT,
    INT,
    LOCATION,
    LONG,
    REVIEW_DATE,
    SKU,
    TEXT,
    VENDOR,
    days,
    money,
    units,
)
from scaleinv.schema.table import Column, Table

SILVER = (
    Table(
        "silver/sales", "ingest", "Units sold per SKU, location and day; days without a sale have no row.",
        ("sku_id", "location_id", "date"),
        (SKU, LOCATION, DAY, units("quantity", "net units sold, never negative")),
        known_at="date",
    ),
    Table(
        "silver/stock", "ingest", "Stock at the end of a day, as the ERP records it.",
        ("sku_id", "location_id", "date"),
        (
            SKU, LOCATION, DAY,
            units("on_hand", "units on the shelf and in the back room"),
            units("reserved", "units promised to somebody"),
            units("backorders", "units owed to customers"),
        ),
        known_at="date",
    ),
    Table(
        "silver/purchase_orders", "ingest", "Order lines sent to vendors; what is open and how long deliveries took.",
        ("order_id", "line"),
        (
            Column("order_id", TEXT, "the ERP's purchase order number"),
            Column("line", INT, "line of the order, from 1"),
            VENDOR, SKU, LOCATION,
            Column("order_date", DATE, "when it was sent"),
            Column("promised_date", DATE, "when the vendor promised it", nullable=True),
            Column("received_date", DATE, "when it came; null while it is open", nullable=True),
            units("quantity", "units ordered"),
        ),
        known_at="order_date",
    ),
    Table(
        "silver/items", "ingest", "The product master.",
        ("sku_id",),
        (
            SKU,
            Column("description", TEXT, "what a person calls it", nullable=True),
            Column("category", TEXT, "top of the category tree"),
            Column("department", TEXT, "below the category"),
            Column("unit", TEXT, "unit of sale and of stock, UN/CEFACT Rec 20 (EA, KGM, …)"),
            Column("gtin", TEXT, "GS1 number with a valid check digit", nullable=True),
            VENDOR,
            money("unit_cost", "what one unit costs to buy"),
            money("unit_price", "regular price of one unit"),
            units("min_order_quantity", "least that the vendor delivers of it"),
            units("order_multiple", "the vendor delivers multiples of this"),
        ),
    ),
    Table(
        "silver/locations", "ingest", "Stores and warehouses.",
        ("location_id",),
        (
            LOCATION,
            Column("name", TEXT, "what a person calls it", nullable=True),
            Column("region", TEXT, "where its calendar (holidays, benefit days) comes from"),
        ),
    ),
    Table(
        "silver/vendors", "ingest", "Who delivers, and how often they may be asked.",
        ("vendor_id",),
        (
            VENDOR,
            Column("name", TEXT, "what a person calls it", nullable=True),
            days("review_period", "days between two chances to order", type=INT),
            REVIEW_DATE,
            Column("currency", TEXT, "ISO 4217"),
        ),
    ),
    Table(
        "silver/lead_times", "ingest", "Quoted (or assumed) lead-time distribution; used while receipts are too few.",
        ("vendor_id", "lead_time"),
        (
            VENDOR,
            days("lead_time", "days from order to shelf, at least 1", type=INT),
            Column("weight", FLOAT, "relative frequency; need not sum to one"),
        ),
    ),
    Table(
        "silver/assortment", "ingest", "Which SKU is sold where, and the stocking rule the retailer uses today.",
        ("sku_id", "location_id"),
        (
            SKU, LOCATION,
            Column("listed_from", DATE, "first day on sale; null: since its first sale", nullable=True),
            Column("listed_to", DATE, "last day on sale; null: still listed", nullable=True),
            units("reorder_point", "the retailer's present reorder point", nullable=True),
            units("order_up_to_level", "the retailer's present order-up-to level", nullable=True),
        ),
    ),
    Table(
        "silver/prices", "ingest", "The price plan, past and announced.",
        ("sku_id", "location_id", "valid_from"),
        (
            SKU, LOCATION,
            Column("valid_from", DATE, "first day of the price"),
            Column("valid_to", DATE, "last day of the price, inclusive"),
            money("price", "what a customer pays for one unit"),
            Column("is_promotion", BOOL, "the price is a promotion"),
        ),
    ),
    Table(
        "silver/calendar", "ingest", "Events per region and day, past and announced; quiet days may have no row.",
        ("region", "date"),
        (
            Column("region", TEXT, "a location's region"),
            DAY,
            Column("event", TEXT, "holiday or event of the day", nullable=True),
            Column("is_benefit_day", BOOL, "benefits or wages are paid out (SNAP days at Walmart)"),
        ),
    ),
    Table(
        "silver/true_demand", "ingest", "What customers wanted, stock or not. Only a simulated retailer knows it.",
        ("sku_id", "location_id", "date"),
        (SKU, LOCATION, DAY, units("quantity", "units wanted")),
        known_at="date",
    ),
    Table(
        "quarantine", "ingest", "Rows that were not accepted, whole, with the rule they broke.",
        (),
        (
            Column("source", TEXT, "the source they came from"),
            Column("rule", TEXT, "the rule they broke"),
            Column("reason", TEXT, "what was found, for a person"),
            Column("file", TEXT, "the file they came from", nullable=True),
            Column("row", TEXT, "the row as received, as JSON"),
        ),
        partitions=("source",),
    ),
    Table(
        "ingest_log", "ingest", "Per source: read = accepted + quarantined + duplicates.",
        ("source",),
        (
            Column("source", TEXT, "the source"),
            Column("read", LONG, "rows read"),
            Column("accepted", LONG, "rows that went on"),
            Column("quarantined", LONG, "rows set aside with a reason"),
            Column("duplicates", LONG, "exact duplicates of an accepted row"),
        ),
    ),
)  # fmt: skip
