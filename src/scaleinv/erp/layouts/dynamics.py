"""Dynamics 365 F&O: the entities PurchaseOrderHeadersV2 and PurchaseOrderLinesV2."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import segment

VERSION: Final = "PurchaseOrderV2/1"

HEADER: Final = segment(
    "PurchaseOrderHeadersV2",
    ("dataAreaId", 4, "char", "export.dynamics.company"),
    ("PurchaseOrderNumber", 20, "char", "order_id"),
    ("OrderVendorAccountNumber", 20, "char", "vendor_id"),
    ("CurrencyCode", 3, "char", "currency"),
    ("AccountingDate", None, "moment", "order_date, noon"),
    ("RequestedDeliveryDate", None, "moment", "the earliest delivery_date of the order, noon"),
    ("VendorOrderReference", 60, "char", "order_id"),
)
LINE: Final = segment(
    "PurchaseOrderLinesV2",
    ("dataAreaId", 4, "char", "export.dynamics.company"),
    ("PurchaseOrderNumber", 20, "char", "order_id"),
    ("LineNumber", 10, "integer", "line"),
    ("ItemNumber", 20, "char", "sku_id"),
    ("OrderedPurchaseQuantity", (32, 6), "number", "quantity"),
    ("PurchaseUnitSymbol", 10, "char", "the unit in Dynamics"),
    ("PurchasePrice", (32, 6), "number", "price of one unit"),
    ("ReceivingSiteId", 10, "char", "code of kind site, or export.dynamics.site"),
    ("ReceivingWarehouseId", 10, "char", "location_id"),
    ("RequestedDeliveryDate", None, "moment", "delivery_date, noon"),
)
