"""NetSuite REST: the record purchaseOrder."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import segment

VERSION: Final = "netsuite-purchaseOrder/1"

ORDER: Final = segment(
    "purchaseOrder",
    ("externalId", 255, "char", "order_id"),
    ("entity.id", 18, "digits", "vendor: internal id, from export.codes"),
    ("subsidiary.id", 18, "digits", "export.netsuite.subsidiary"),
    ("location.id", 18, "digits", "location: internal id, from export.codes"),
    ("currency.id", 18, "digits", "currency: internal id, from export.codes"),
    ("tranDate", None, "day", "order_date"),
    ("item.items", None, "list", "the lines"),
)
ITEM: Final = segment(
    "item",
    ("line", 10, "integer", "line"),
    ("item.id", 18, "digits", "SKU: internal id, from export.codes"),
    ("quantity", (15, 3), "number", "quantity"),
    ("units.id", 18, "digits", "unit: internal id, from export.codes"),
    ("rate", (15, 4), "number", "price of one unit"),
    ("expectedReceiptDate", None, "day", "delivery_date"),
)
