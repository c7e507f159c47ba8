"""QuickBooks Online: purchaseorder."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import segment

VERSION: Final = "quickbooks-purchaseorder/1"

ORDER: Final = segment(
    "PurchaseOrder",
    ("APAccountRef.value", 18, "digits", "export.quickbooks.payable_account"),
    ("VendorRef.value", 18, "digits", "vendor: id, from export.codes"),
    ("DocNumber", 21, "char", "order_id"),
    ("TxnDate", None, "day", "order_date"),
    ("DueDate", None, "day", "the earliest delivery_date of the order"),
    ("CurrencyRef.value", 3, "char", "currency", True, 3),
    ("ShipAddr.Line1", 500, "char", "location_id"),
    ("Line", None, "list", "the lines"),
)
LINE: Final = segment(
    "Line",
    ("LineNum", 10, "integer", "line"),
    ("Description", 4000, "char", "delivery_date"),
    ("Amount", (15, 2), "number", "value"),
    ("DetailType", 50, "char", "ItemBasedExpenseLineDetail"),
    ("ItemBasedExpenseLineDetail.ItemRef.value", 18, "digits", "SKU: id, from export.codes"),
    ("ItemBasedExpenseLineDetail.Qty", (15, 3), "number", "quantity"),
    ("ItemBasedExpenseLineDetail.UnitPrice", (15, 4), "number", "price of one unit"),
)
