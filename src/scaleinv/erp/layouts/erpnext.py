"""ERPNext: the document type Purchase Order."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import segment

VERSION: Final = "erpnext-purchase-order/1"

ORDER: Final = segment(
    "Purchase Order",
    ("title", 140, "char", "order_id"),
    ("supplier", 140, "char", "vendor_id"),
    ("company", 140, "char", "export.erpnext.company"),
    ("transaction_date", None, "day", "order_date"),
    ("schedule_date", None, "day", "the earliest delivery_date of the order"),
    ("currency", 140, "char", "currency"),
    ("conversion_rate", (21, 9), "number", "1, or export.erpnext.conversion_rates"),
    ("items", None, "list", "the lines"),
)
ITEM: Final = segment(
    "Purchase Order Item",
    ("idx", 8, "integer", "line"),
    ("item_code", 140, "char", "sku_id"),
    ("qty", (21, 3), "number", "quantity"),
    ("uom", 140, "char", "ERPNext's name of the unit"),
    ("conversion_factor", (21, 9), "number", "units of stock in one of uom"),
    ("rate", (21, 4), "number", "price of one unit"),
    ("schedule_date", None, "day", "delivery_date"),
    ("warehouse", 140, "char", "location_id"),
)
