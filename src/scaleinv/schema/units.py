"""Units of measure: one registry, so that days never meet units of goods unnoticed."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import pint

from scaleinv.errors import ConfigError, DataError, explain

REC20 = {
    "EA": "sales_unit", "C62": "sales_unit", "H87": "sales_unit", "PR": "2 * sales_unit", "DZN": "12 * sales_unit",
    "KGM": "kilogram", "GRM": "gram", "TNE": "tonne", "LTR": "liter", "MLT": "milliliter", "MTR": "meter",
    "MTK": "meter ** 2", "MTQ": "meter ** 3", "LBR": "pound", "ONZ": "ounce",
}  # fmt: skip
"""UN/CEFACT Recommendation 20 codes that a product may be sold in, as pint expressions."""
COUNTED = [code for code, unit in REC20.items() if unit.endswith("sales_unit")]
"""Of these, those that count pieces."""


@cache
def registry() -> pint.UnitRegistry[float]:
    """Pint's registry with ``sales_unit`` (one piece of what is sold) and ``currency``."""
    return _with_ours(pint.UnitRegistry())


@cache
def _exact() -> pint.UnitRegistry[Any]:
    return _with_ours(pint.UnitRegistry(non_int_type=Fraction))


def _with_ours(units: pint.UnitRegistry[Any]) -> pint.UnitRegistry[Any]:
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
def exact_conversion(received: str, wanted: str) -> Fraction:
    """How many of ``wanted`` one of ``received`` is (Rec 20 codes), as the units are defined.

    Raises:
        ConfigError: they measure different things.

    >>> exact_conversion("DZN", "EA"), exact_conversion("LBR", "KGM"), exact_conversion("ONZ", "LBR")
    (Fraction(12, 1), Fraction(45359237, 100000000), Fraction(1, 16))
    """
    try:
        one, target = (_exact()(REC20[unit]) for unit in (received, wanted))
        return Fraction(one.to(target.units).magnitude) / Fraction(target.magnitude)
    except pint.PintError as error:
        raise _no_conversion(received, wanted, error) from error


def _no_conversion(received: str, wanted: str, error: Exception) -> ConfigError:
    return ConfigError(
        explain(f"{received!r} cannot be converted to {wanted!r}", found=error, do="correct the source's units")
    )


@cache
def conversion(received: str, wanted: str) -> tuple[float, float]:
    """``(scale, offset)`` that make of a number of ``received`` one of ``wanted`` (Rec 20 codes, or names pint knows).

    The offset is 0 but between scales of temperature.

    Raises:
        ConfigError: a unit is unknown, or they measure different things.

    >>> conversion("GRM", "KGM"), conversion("DZN", "EA"), conversion("EA", "DZN")
    ((0.001, 0.0), (12.0, 0.0), (0.08333333333333333, 0.0))
    """
    try:
        one, target = (registry()(REC20.get(unit, unit)) for unit in (received, wanted))
        nothing, whole = (
            float(registry().Quantity(number, one.units).to(target.units).magnitude / target.magnitude)
            for number in (0.0, float(one.magnitude))
        )
    except (pint.PintError, AttributeError) as error:
        raise _no_conversion(received, wanted, error) from error
    return whole - nothing, nothing
