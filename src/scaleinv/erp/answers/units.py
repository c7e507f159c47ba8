"""Units as documents write them -> UN/CEFACT Rec 20 (packages: Rec 21 behind an ``X``). One table per code list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scaleinv.erp.answers.statement import UnreadableError

X12_UNITS: Final[dict[str, str]] = {
    "EA": "EA", "PC": "H87", "UN": "C62", "PR": "PR", "DZ": "DZN", "KG": "KGM", "GR": "GRM", "MP": "TNE", "LT": "LTR",
    "ML": "MLT", "MR": "MTR", "SM": "MTK", "CR": "MTQ", "LB": "LBR", "OZ": "ONZ", "CA": "XCS", "CT": "XCT", "BX": "XBX",
    "PK": "XPK", "PL": "XPX", "PF": "XPX",
}  # fmt: skip
"""X12 data element 355."""
EDIFACT_UNITS: Final[dict[str, str]] = {
    "PCE": "EA", "EA": "EA", "C62": "C62", "H87": "H87", "PR": "PR", "NPR": "PR", "DZN": "DZN", "KGM": "KGM",
    "GRM": "GRM", "TNE": "TNE", "LTR": "LTR", "MLT": "MLT", "MTR": "MTR", "MTK": "MTK", "MTQ": "MTQ", "LBR": "LBR",
    "ONZ": "ONZ", "CT": "XCT", "CS": "XCS", "BX": "XBX", "PK": "XPK", "PF": "XPX", "PX": "XPX",
}  # fmt: skip
"""EDIFACT data element 6411 (PCE is its old word for a piece)."""


def rec20(code: str, table: Mapping[str, str], position: int) -> str | None:
    """The Rec 20 code; ``None`` where the document says no unit.

    Raises:
        UnreadableError: the code is not in the table; it is never guessed.
    """
    if not code:
        return None
    if code not in table:
        raise UnreadableError(position, f"unknown unit: expected {', '.join(sorted(table))}, found {code!r}")
    return table[code]
