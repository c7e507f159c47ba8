"""Segments of SAP's IDoc PREQCR01 that are written: BAPI_REQUISITION_CREATE, items as BAPIEBANC."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import Segment, segment
from scaleinv.erp.layouts.idoc_control import control

VERSION: Final = "PREQCR01/1"

_SEGMENTS = (
    control("PREQCR01", "PREQCR"),
    segment(
        "E1BPEBANC",
        ("PREQ_ITEM", 5, "digits", "10 * line, five digits"),
        ("DOC_TYPE", 4, "char", "NB: standard requisition"),
        ("PUR_GROUP", 3, "char", "export.purchasing_group"),
        ("PREQ_NAME", 12, "char", "order_id"),
        ("PREQ_DATE", 8, "date", "order_date"),
        ("MATERIAL", 18, "char", "sku_id"),
        ("PLANT", 4, "char", "location_id"),
        ("QUANTITY", (13, 3), "decimal", "quantity, 3 decimals"),
        ("UNIT", 3, "char", "ISO unit code"),
        ("DEL_DATCAT", 1, "char", "1: the date is a day"),
        ("DELIV_DATE", 8, "date", "delivery_date"),
        ("C_AMT_BAPI", (23, 4), "decimal", "price of one unit, 4 decimals"),
        ("PRICE_UNIT", 5, "digits", "1"),
        ("FIXED_VEND", 10, "char", "vendor_id"),
        ("PURCH_ORG", 4, "char", "export.purchasing_organization"),
        ("CURRENCY", 5, "char", "currency"),
    ),
)
SEGMENTS: Final[dict[str, Segment]] = {one.name: one for one in _SEGMENTS}
