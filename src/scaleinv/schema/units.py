"""Units of measure: one registry, so that days never meet units of goods unnoticed."""

from __future__ import annotations

from functools import cache

import pint

from scaleinv.errors import ConfigError, DataError, explain

REC20 = {
    "EA": "sales_unit", "C62": "sales_unit", "H87": "sales_unit", "PR": "2 * sales_unit", "DZN": "12 * sales_unit",
    "KGM": "kilogram", "GRM": "gram", "TNE": "tonne", "LTR": "liter", "MLT": "milliliter", "MTR": "meter",
    "MTK": "meter ** 2", "MTQ": "meter ** 3",
}  # fmt: skip
"""UN/CEFACT Recommendation 20 codes that a product may be sold in, as pint expressions."""


@cache
def registry() -> pint.UnitRegistry[float]:
    """Pint's registry with ``sales_unit`` (one piece of what is sold) and ``currency``."""
    units: pint.UnitRegistry[float] = pint.UnitRegistry()
    units.define("sales_unit = [sales_quantity]")
    units.define("currency = [currency]")
    return units


def check_unit(code: str) -> str:
    """``code`` if it is a known Rec 20 code.

    Raises:
        DataError: it is not; an unknown unit is never guessed.
    """
    if code not in REC20:
        raise DataError(
            explain(f"unknown unit of measure {code!r}", expected=", ".join(REC20), do="map it in the source")
        )
    return code


@cache
def factor(received: str, wanted: str) -> float:
    """By what a number of ``received`` is multiplied to be one of ``wanted`` (Rec 20 codes, or names pint knows).

    Raises:
        ConfigError: a unit is unknown, or they measure different things.
    """
    try:
        return float(registry()(REC20.get(received, received)).to(REC20.get(wanted, wanted)).magnitude)
    except (pint.PintError, AttributeError) as error:
        raise ConfigError(
            explain(f"{received!r} cannot be converted to {wanted!r}", found=error, do="correct the source's units")
        ) from error
