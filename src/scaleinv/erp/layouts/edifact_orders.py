"""EDIFACT ORDERS D.96A (EANCOM): a field's name is its element, its component and the number in the directory."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import Segment, segment

VERSION: Final = "ORDERS-D96A-EAN008/1"

_SEGMENTS = (
    segment(
        "UNB",
        ("1.1 0001", 4, "latin", "UNOC: Latin-1"),
        ("1.2 0002", 1, "digits", "3"),
        ("2.1 0004", 35, "latin", "export.edifact.sender"),
        ("2.2 0007", 4, "latin", "14: a GLN; ZZ: another"),
        ("3.1 0010", 35, "latin", "export.edifact.receiver, or the vendor's code"),
        ("3.2 0007", 4, "latin", "14: a GLN; ZZ: another"),
        ("4.1 0017", 6, "digits", "as_of, YYMMDD: never the clock", True, 6),
        ("4.2 0019", 4, "digits", "0000", True, 4),
        ("5.1 0020", 14, "digits", "control reference: as_of, and the interchange of the night in six digits"),
        ("11.1 0035", 1, "digits", "1: export.edifact.test", False),
    ),
    segment(
        "UNH",
        ("1.1 0062", 14, "digits", "order of the interchange, from 1"),
        ("2.1 0065", 6, "latin", "ORDERS"),
        ("2.2 0052", 3, "latin", "D"),
        ("2.3 0054", 3, "latin", "96A"),
        ("2.4 0051", 2, "latin", "UN"),
        ("2.5 0057", 6, "latin", "EAN008"),
    ),
    segment(
        "BGM",
        ("1.1 1001", 3, "digits", "220: order"),
        ("2.1 1004", 35, "latin", "order_id"),
        ("3.1 1225", 3, "digits", "9: original"),
    ),
    segment(
        "DTM",
        ("1.1 2005", 3, "digits", "137 date of the order; 2 requested delivery, of the order its earliest"),
        ("1.2 2380", 35, "date", "order_date, delivery_date"),
        ("1.3 2379", 3, "digits", "102: YYYYMMDD"),
    ),
    segment(
        "NAD",
        ("1.1 3035", 3, "latin", "BY buyer, SU vendor, DP where to"),
        ("2.1 3039", 17, "latin", "export.edifact.buyer, vendor_id, location_id"),
        ("2.3 3055", 3, "digits", "9: a GLN; 92: our own number"),
    ),
    segment(
        "CUX",
        ("1.1 6347", 3, "digits", "2: reference currency"),
        ("1.2 6345", 3, "latin", "currency", True, 3),
        ("1.3 6343", 3, "digits", "9: of the order"),
    ),
    segment(
        "LIN",
        ("1.1 1082", 6, "digits", "line"),
        ("3.1 7140", 35, "digits", "gtin; absent where there is none", False),
        ("3.2 7143", 3, "latin", "EN; UP for 12 digits", False),
    ),
    segment(
        "PIA",
        ("1.1 4347", 3, "digits", "1 beside a GTIN, 5 instead of one"),
        ("2.1 7140", 35, "latin", "sku_id"),
        ("2.2 7143", 3, "latin", "IN: our number; SA: the vendor's, where export.codes gives it"),
    ),
    segment(
        "QTY",
        ("1.1 6063", 3, "digits", "21: ordered"),
        ("1.2 6060", 15, "real", "quantity"),
        ("1.3 6411", 3, "latin", "EDIFACT's unit"),
    ),
    segment(
        "MOA",
        ("1.1 5025", 3, "digits", "203 value of the line, 86 of the order"),
        ("1.2 5004", 18, "real", "value"),
    ),
    segment(
        "PRI",
        ("1.1 5125", 3, "latin", "AAA: net price"),
        ("1.2 5118", 15, "real", "price of one unit"),
    ),
    segment("UNS", ("1.1 0081", 1, "latin", "S: sums follow")),
    segment(
        "CNT", ("1.1 6069", 3, "digits", "2: number of lines"), ("1.2 6066", 18, "digits", "lines of the order")
    ),
    segment(
        "UNT", ("1.1 0074", 6, "digits", "segments UNH to UNT"), ("2.1 0062", 14, "digits", "as in UNH")
    ),
    segment(
        "UNZ", ("1.1 0036", 6, "digits", "orders of the interchange"), ("2.1 0020", 14, "digits", "as in UNB")
    ),
)  # fmt: skip
SEGMENTS: Final[dict[str, Segment]] = {one.name: one for one in _SEGMENTS}
