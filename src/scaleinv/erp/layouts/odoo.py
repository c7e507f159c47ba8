"""Odoo JSON-2: purchase.order/create."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import segment

VERSION: Final = "odoo-purchase.order/1"

ORDER: Final = segment(
    "purchase.order",
    ("vals_list[0].partner_id", 18, "integer", "vendor: id, from export.codes"),
    ("vals_list[0].partner_ref", 255, "char", "order_id"),
    ("vals_list[0].currency_id", 18, "integer", "currency: id, from export.codes"),
    ("vals_list[0].picking_type_id", 18, "integer", "location: id of its receipts, from export.codes"),
    ("vals_list[0].date_order", None, "moment", "order_date, midday UTC"),
    ("vals_list[0].order_line", None, "list", "the lines, each [0, 0, line]"),
)
LINE: Final = segment(
    "purchase.order.line",
    ("sequence", 10, "integer", "line"),
    ("product_id", 18, "integer", "SKU: id, from export.codes"),
    ("product_qty", (15, 3), "number", "quantity"),
    ("product_uom_id", 18, "integer", "unit: id, from export.codes"),
    ("price_unit", (15, 4), "number", "price of one unit"),
    ("date_planned", None, "moment", "delivery_date, midday UTC"),
)
