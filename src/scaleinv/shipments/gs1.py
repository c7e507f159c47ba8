"""GS1 keys of places and shipments, as URN or as web address, in digits."""

from __future__ import annotations

import re
from typing import Final

_SGLN: Final = re.compile(r"^urn:epc:id:sgln:(\d+)\.(\d*)(?:\.|$)")
_SSCC: Final = re.compile(r"^urn:epc:id:sscc:(\d+)\.(\d)(\d+)$")
_LINK: Final = re.compile(r"/(00|401|402|414)/([^/?#]+)")
_OTHER: Final = re.compile(r"^urn:epc:id:(?:gsin|ginc):(\d+)\.([^:]+)$")


def gln(text: str) -> str | None:
    """The GLN (13 digits) of a place; ``None``: it is no GS1 key.

    >>> gln("https://id.gs1.org/414/0614141000005"), gln("urn:epc:id:sgln:0614141.00000.0"), gln("gate 7")
    ('0614141000005', '0614141000005', None)
    """
    if found := _LINK.search(text):
        return found[2] if found[1] == "414" else None
    if found := _SGLN.match(text):
        digits = found[1] + found[2]
        return digits + check_digit(digits)
    return None


def shipment_number(text: str) -> str | None:
    """The SSCC (18 digits), GSIN or GINC that names a shipment; ``None``: this names something else.

    >>> shipment_number("https://id.gs1.org/00/006141411234567890")
    '006141411234567890'
    >>> shipment_number("urn:epc:id:sscc:0614141.0123456789")
    '006141411234567890'
    """
    if found := _LINK.search(text):
        return found[2] if found[1] != "414" else None
    if found := _SSCC.match(text):
        digits = found[2] + found[1] + found[3]
        return digits + check_digit(digits)
    if found := _OTHER.match(text):
        digits = found[1] + found[2]
        return digits + check_digit(digits) if text.startswith("urn:epc:id:gsin") and digits.isdecimal() else digits
    return None


def check_digit(digits: str) -> str:
    """The last digit of a GS1 key.

    >>> check_digit("00614141123456789"), check_digit("541234500001")
    ('0', '3')
    """
    weighted = sum(int(digit) * (3 if n % 2 == 0 else 1) for n, digit in enumerate(reversed(digits)))
    return str(-weighted % 10)
