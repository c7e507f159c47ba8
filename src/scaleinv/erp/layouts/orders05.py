"""Segments of SAP's IDoc ORDERS05 that are written, with the sizes that SAP publishes."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import Segment, segment
from scaleinv.erp.layouts.idoc_control import control

VERSION: Final = "ORDERS05/1"

_SEGMENTS = (
    control("ORDERS05", "ORDERS"),
    segment(
        "E1EDK01",
        ("ACTION", 3, "digits", "000"),
        ("CURCY", 3, "char", "currency"),
        ("BSART", 4, "char", "NB: standard purchase order"),
        ("BELNR", 35, "char", "order_id"),
    ),
    segment(
        "E1EDK14",
        ("QUALF", 3, "digits", "014 purchasing organisation, 009 purchasing group, 011 company code"),
        ("ORGID", 35, "char", "export.purchasing_organization, .purchasing_group, .company_code"),
    ),
    segment(
        "E1EDK03",
        ("IDDAT", 3, "digits", "012 date of the document, 002 requested delivery"),
        ("DATUM", 8, "date", "order_date; the earliest delivery_date of the order"),
    ),
    segment(
        "E1EDKA1",
        ("PARVW", 3, "char", "LF vendor, WE ship-to"),
        ("PARTN", 17, "char", "vendor_id, location_id"),
    ),
    segment(
        "E1EDP01",
        ("POSEX", 6, "digits", "10 * line, six digits"),
        ("ACTION", 3, "digits", "001"),
        ("MENGE", 15, "decimal", "quantity, 3 decimals"),
        ("MENEE", 3, "char", "ISO unit code"),
        ("VPREI", 15, "decimal", "price of PEINH units, 2 decimals"),
        ("PEINH", 9, "digits", "1; 100 where the price of one unit has more than two decimals"),
        ("NETWR", 18, "decimal", "value, 2 decimals"),
    ),
    segment(
        "E1EDP20",
        ("WMENG", 15, "decimal", "quantity, 3 decimals"),
        ("EDATU", 8, "date", "delivery_date"),
    ),
    segment(
        "E1EDP19",
        ("QUALF", 3, "digits", "001 our material number, 003 GTIN (only where there is one)"),
        ("IDTNR", 35, "char", "sku_id, gtin"),
    ),
    segment(
        "E1EDS01",
        ("SUMID", 3, "digits", "001: number of items"),
        ("SUMME", 18, "decimal", "items of the order"),
    ),
)
SEGMENTS: Final[dict[str, Segment]] = {one.name: one for one in _SEGMENTS}
