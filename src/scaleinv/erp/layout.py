"""The one table of fields per format: name, longest text, kind of text. Everything written is held against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["char", "digits", "decimal", "date"]

CSV_VERSION: Final = "orders-csv/1"
IDOC_VERSION: Final = "ORDERS05/1"
MANIFEST_VERSION: Final = "manifest/1"

PATTERNS: Final[dict[Kind, str]] = {
    "char": r"^[^\p{Cc}\x{fffe}\x{ffff}]+$",
    "digits": r"^[0-9]+$",
    "decimal": r"^-?[0-9]+(\.[0-9]+)?$",
    "date": r"^[0-9]{8}$",
}
"""What a text of each kind looks like (RE2): ``char`` is anything but control characters and what XML cannot hold."""

KIND_WORDS: Final[dict[Kind, str]] = {
    "char": "text without control characters",
    "digits": "digits only",
    "decimal": "a decimal number",
    "date": "a date",
}


@dataclass(frozen=True)
class Field:
    """A field: the most characters it holds (``None``: no limit), its kind and what scaleinv puts there."""

    name: str
    length: int | None
    kind: Kind
    meaning: str


@dataclass(frozen=True)
class Segment:
    """A segment (of an IDoc) or a record (of a CSV file): its fields in the order in which they stand."""

    name: str
    fields: tuple[Field, ...]

    def __getitem__(self, field: str) -> Field:
        for candidate in self.fields:
            if candidate.name == field:
                return candidate
        raise KeyError(f"{self.name} has no field {field}")


def _segment(name: str, *fields: tuple[str, int | None, Kind, str]) -> Segment:
    return Segment(name, tuple(Field(*field) for field in fields))


CSV_LINE: Final = _segment(
    "orders",
    ("order_id", None, "char", "key of the purchase order; send it back in acknowledgements"),
    ("line", None, "digits", "line of the order, from 1"),
    ("vendor_id", None, "char", "who delivers"),
    ("location_id", None, "char", "where to"),
    ("sku_id", None, "char", "the product"),
    ("gtin", None, "digits", "GS1 number; empty where there is none"),
    ("quantity", None, "decimal", "units to order, 3 decimals"),
    ("unit", None, "char", "UN/CEFACT Rec 20 code"),
    ("unit_cost", None, "decimal", "price of one unit, 4 decimals"),
    ("currency", None, "char", "ISO 4217"),
    ("value", None, "decimal", "quantity * unit cost, 2 decimals"),
    ("order_date", None, "char", "YYYY-MM-DD: as_of, the order leaves in its evening"),
    ("delivery_date", None, "char", "YYYY-MM-DD"),
)

_ORDERS05 = (
    _segment(
        "EDI_DC40",
        ("TABNAM", 10, "char", "EDI_DC40"),
        ("DOCNUM", 16, "digits", "as_of and the number of the order in the night, 8 digits each"),
        ("DIRECT", 1, "digits", "2: inbound to SAP"),
        ("IDOCTYP", 30, "char", "ORDERS05"),
        ("MESTYP", 30, "char", "ORDERS"),
        ("SNDPOR", 10, "char", "export.sender"),
        ("SNDPRT", 2, "char", "LS: logical system"),
        ("SNDPRN", 10, "char", "export.sender"),
        ("RCVPOR", 10, "char", "export.receiver_port"),
        ("RCVPRT", 2, "char", "LS: logical system"),
        ("RCVPRN", 10, "char", "export.receiver"),
        ("CREDAT", 8, "date", "as_of: never the clock"),
        ("CRETIM", 6, "digits", "000000"),
        ("REFMES", 14, "char", "order_id"),
    ),
    _segment(
        "E1EDK01",
        ("ACTION", 3, "digits", "000"),
        ("CURCY", 3, "char", "currency"),
        ("BSART", 4, "char", "NB: standard purchase order"),
        ("BELNR", 35, "char", "order_id"),
    ),
    _segment(
        "E1EDK14",
        ("QUALF", 3, "digits", "014 purchasing organisation, 009 purchasing group, 011 company code"),
        ("ORGID", 35, "char", "export.purchasing_organization, .purchasing_group, .company_code"),
    ),
    _segment(
        "E1EDK03",
        ("IDDAT", 3, "digits", "012 date of the document, 002 requested delivery"),
        ("DATUM", 8, "date", "order_date; the earliest delivery_date of the order"),
    ),
    _segment(
        "E1EDKA1",
        ("PARVW", 3, "char", "LF vendor, WE ship-to"),
        ("PARTN", 17, "char", "vendor_id, location_id"),
    ),
    _segment(
        "E1EDP01",
        ("POSEX", 6, "digits", "10 * line, six digits"),
        ("ACTION", 3, "digits", "001"),
        ("MENGE", 15, "decimal", "quantity, 3 decimals"),
        ("MENEE", 3, "char", "ISO unit code"),
        ("VPREI", 15, "decimal", "price of PEINH units, 2 decimals"),
        ("PEINH", 9, "digits", "1; 100 where the price of one unit has more than two decimals"),
        ("NETWR", 18, "decimal", "value, 2 decimals"),
    ),
    _segment(
        "E1EDP20",
        ("WMENG", 15, "decimal", "quantity, 3 decimals"),
        ("EDATU", 8, "date", "delivery_date"),
    ),
    _segment(
        "E1EDP19",
        ("QUALF", 3, "digits", "001 our material number, 003 GTIN (only where there is one)"),
        ("IDTNR", 35, "char", "sku_id, gtin"),
    ),
    _segment(
        "E1EDS01",
        ("SUMID", 3, "digits", "001: number of items"),
        ("SUMME", 18, "decimal", "items of the order"),
    ),
)
ORDERS05: Final[dict[str, Segment]] = {segment.name: segment for segment in _ORDERS05}
"""The segments of ORDERS05 that are written, with the sizes that SAP publishes."""

ISO_UNITS: Final[dict[str, str]] = {
    "EA": "PCE", "C62": "PCE", "H87": "PCE", "PR": "PR", "DZN": "DZN", "KGM": "KGM", "GRM": "GRM", "TNE": "TNE",
    "LTR": "LTR", "MLT": "MLT", "MTR": "MTR", "MTK": "MTK", "MTQ": "MTQ",
}  # fmt: skip
"""UN/CEFACT Rec 20 -> ISO code of SAP's unit table; ``export.iso_units`` comes first; another unit is an error."""
