"""X12 850 (4010): segments and elements; a name's last two digits are the place of the element."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import Segment, segment

VERSION: Final = "X12-850-004010/1"

_SEGMENTS = (
    segment(
        "ISA",
        ("ISA01", 2, "x12", "00", True, 2),
        ("ISA02", 10, "x12", "blank", True, 10),
        ("ISA03", 2, "x12", "00", True, 2),
        ("ISA04", 10, "x12", "blank", True, 10),
        ("ISA05", 2, "x12", "export.x12.sender_qualifier", True, 2),
        ("ISA06", 15, "x12", "export.x12.sender, filled up with blanks", True, 15),
        ("ISA07", 2, "x12", "export.x12.receiver_qualifier", True, 2),
        ("ISA08", 15, "x12", "export.x12.receiver, or the vendor's code, filled up with blanks", True, 15),
        ("ISA09", 6, "digits", "as_of, YYMMDD: never the clock", True, 6),
        ("ISA10", 4, "digits", "0000", True, 4),
        ("ISA11", 1, "x12", "U"),
        ("ISA12", 5, "digits", "00401", True, 5),
        ("ISA13", 9, "digits", "control number: 4 digits for as_of, 5 for the interchange of the night", True, 9),
        ("ISA14", 1, "digits", "0: no answer to the envelope; a 997 is not asked for here"),
        ("ISA15", 1, "x12", "export.x12.usage"),
        ("ISA16", 1, "char", "the sign between components, >"),
    ),
    segment(
        "GS",
        ("GS01", 2, "x12", "PO", True, 2),
        ("GS02", 15, "x12", "export.x12.sender", True, 2),
        ("GS03", 15, "x12", "export.x12.receiver, or the vendor's code", True, 2),
        ("GS04", 8, "date", "as_of"),
        ("GS05", 4, "digits", "0000", True, 4),
        ("GS06", 9, "digits", "the interchange's control number"),
        ("GS07", 1, "x12", "X"),
        ("GS08", 12, "x12", "004010"),
    ),
    segment("ST", ("ST01", 3, "digits", "850"), ("ST02", 9, "digits", "order of the interchange, from 0001", True, 4)),
    segment(
        "BEG",
        ("BEG01", 2, "digits", "00: original", True, 2),
        ("BEG02", 2, "x12", "SA: stand-alone order", True, 2),
        ("BEG03", 22, "x12", "order_id"),
        ("BEG05", 8, "date", "order_date"),
    ),
    segment(
        "CUR", ("CUR01", 3, "x12", "BY: buyer", True, 2), ("CUR02", 3, "x12", "currency", True, 3)
    ),
    segment("DTM", ("DTM01", 3, "digits", "002: delivery requested", True, 3), ("DTM02", 8, "date", "delivery_date")),
    segment(
        "N1",
        ("N101", 3, "x12", "VN vendor, ST ship-to", True, 2),
        ("N103", 2, "x12", "UL: a GLN; 92: our own number"),
        ("N104", 80, "x12", "vendor_id, location_id", True, 2),
    ),
    segment(
        "PO1",
        ("PO101", 20, "digits", "line"),
        ("PO102", 15, "real", "quantity"),
        ("PO103", 2, "x12", "X12's unit", True, 2),
        ("PO104", 17, "real", "price of one unit"),
        ("PO106", 2, "x12", "IN: our number; VN: the vendor's, where export.codes gives it", True, 2),
        ("PO107", 48, "x12", "sku_id"),
        ("PO108", 2, "x12", "UP, EN or UK by the digits of the GTIN; absent where there is none", False, 2),
        ("PO109", 48, "digits", "gtin", False),
    ),
    segment(
        "CTT",
        ("CTT01", 6, "digits", "lines of the order"),
        ("CTT02", 10, "real", "sum of quantities"),
    ),
    segment(
        "AMT", ("AMT01", 3, "x12", "TT: total"), ("AMT02", 18, "real", "value of the order")
    ),
    segment("SE", ("SE01", 10, "digits", "segments ST to SE"), ("SE02", 9, "digits", "as ST02", True, 4)),
    segment("GE", ("GE01", 6, "digits", "orders of the group"), ("GE02", 9, "digits", "as GS06")),
    segment("IEA", ("IEA01", 5, "digits", "1"), ("IEA02", 9, "digits", "as ISA13", True, 9)),
)  # fmt: skip
SEGMENTS: Final[dict[str, Segment]] = {one.name: one for one in _SEGMENTS}
