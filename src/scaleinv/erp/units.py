"""Unit codes: UN/CEFACT Rec 20, as order lines have them, to each format's own; a unit that is not here is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scaleinv.schema.packs import PACKAGES


def _with_packages(units: Mapping[str, str], **packages: str) -> dict[str, str]:
    """With packages in both spellings: ``CT`` of old, and ``XCT``."""
    return {**units, **packages, **{PACKAGES[name]: code for name, code in packages.items()}}


ISO_UNITS: Final[dict[str, str]] = _with_packages(
    {"EA": "PCE", "C62": "PCE", "H87": "PCE", "PR": "PR", "DZN": "DZN", "KGM": "KGM", "GRM": "GRM", "TNE": "TNE",
     "LTR": "LTR", "MLT": "MLT", "MTR": "MTR", "MTK": "MTK", "MTQ": "MTQ", "LBR": "LBR", "ONZ": "ONZ"},
    BX="BX", CS="CS", CT="CT", PF="PF", PK="PK", PX="PF",
)  # fmt: skip
"""ISO codes of SAP's unit table (those of Rec 20), for IDocs; ``export.iso_units`` comes first."""

SAP_UNITS: Final[dict[str, str]] = {
    "EA": "EA", "C62": "EA", "H87": "PC", "PR": "PAA", "DZN": "DZ", "KGM": "KG", "GRM": "G", "TNE": "TO",
    "LTR": "L", "MLT": "ML", "MTR": "M", "MTK": "M2", "MTQ": "M3", "LBR": "LB", "ONZ": "OZ",
}  # fmt: skip
"""SAP's own units, for OData."""

X12_UNITS: Final[dict[str, str]] = _with_packages(
    {"EA": "EA", "C62": "EA", "H87": "PC", "PR": "PR", "DZN": "DZ", "KGM": "KG", "GRM": "GR", "TNE": "MP",
     "LTR": "LT", "MLT": "ML", "MTR": "MR", "MTK": "SM", "MTQ": "CR", "LBR": "LB", "ONZ": "OZ"},
    BX="BX", CS="CA", CT="CT", PF="PL", PK="PK", PX="PL",
)  # fmt: skip
"""X12's data element 355."""

EDIFACT_UNITS: Final[dict[str, str]] = _with_packages(
    {"EA": "PCE", "C62": "PCE", "H87": "PCE", "PR": "NPR", "DZN": "DZN", "KGM": "KGM", "GRM": "GRM", "TNE": "TNE",
     "LTR": "LTR", "MLT": "MLT", "MTR": "MTR", "MTK": "MTK", "MTQ": "MTQ", "LBR": "LBR", "ONZ": "ONZ"},
    BX="BX", CS="CS", CT="CT", PF="PF", PK="PK", PX="PF",
)  # fmt: skip
"""EDIFACT's data element 6411, D.96A."""

ORACLE_UNITS: Final[dict[str, str]] = {
    "EA": "Each", "C62": "Each", "H87": "Each", "DZN": "Dozen", "KGM": "Kilogram", "GRM": "Gram", "LTR": "Liter",
    "MTR": "Meter",
}  # fmt: skip
"""Names of units in Oracle's seed data."""

DYNAMICS_UNITS: Final[dict[str, str]] = {
    "EA": "ea", "C62": "ea", "H87": "pcs", "PR": "pr", "DZN": "dz", "KGM": "kg", "GRM": "g", "LTR": "l", "MLT": "ml",
    "MTR": "m", "LBR": "lb", "ONZ": "oz",
}  # fmt: skip
"""Symbols of units in Dynamics 365."""

ERPNEXT_UNITS: Final[dict[str, str]] = {
    "EA": "Nos", "C62": "Nos", "H87": "Nos", "PR": "Pair", "KGM": "Kg", "GRM": "Gram", "TNE": "Tonne", "LTR": "Litre",
    "MLT": "Millilitre", "MTR": "Meter", "MTK": "Square Meter", "MTQ": "Cubic Meter",
    "LBR": "Pound", "ONZ": "Ounce",
}  # fmt: skip
"""Names of units that ERPNext installs."""

PIECES: Final[dict[str, str]] = {"EA": "EA", "C62": "C62", "H87": "H87"}
"""All that an ERP can be told that has no units of its own; ``export.codes`` adds others to it."""
