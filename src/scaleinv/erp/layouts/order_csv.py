"""Columns of the CSV file."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import segment

VERSION: Final = "orders-csv/2"

LINE: Final = segment(
    "orders",
    ("order_id", None, "char", "key of the purchase order; send it back in acknowledgements"),
    ("line", None, "digits", "line of the order, from 1"),
    ("vendor_id", None, "char", "who delivers"),
    ("location_id", None, "char", "where to"),
    ("sku_id", None, "char", "the product"),
    ("gtin", None, "digits", "GS1 number; empty where there is none", False),
    ("quantity", None, "decimal", "units of stock to order, 3 decimals"),
    ("unit", None, "char", "unit of stock, UN/CEFACT Rec 20 code"),
    ("unit_cost", None, "decimal", "price of one unit of stock, 4 decimals"),
    ("currency", None, "char", "ISO 4217"),
    ("value", None, "decimal", "quantity * unit cost, 2 decimals"),
    ("order_date", None, "char", "YYYY-MM-DD: as_of, the order leaves in its evening"),
    ("delivery_date", None, "char", "YYYY-MM-DD"),
    ("order_quantity", None, "decimal", "the same quantity in order_unit, 3 decimals"),
    ("order_unit", None, "char", "unit in which the vendor takes orders; unit where it has no other"),
    ("order_price", None, "decimal", "price of one order_unit, 4 decimals"),
)
