"""Units of order: what a vendor counts in, and how much stock that is. Exact, or not at all."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import ConfigError, explain
from scaleinv.schema.units import COUNTED, REC20, exact_conversion

_MEASURED: Final = sorted(set(REC20) - set(COUNTED))
"""Units of order that may be fractions, to a thousandth; of all others only whole ones are ordered."""
_MICRO: Final = 1_000_000
"""Quantities are kept to millionths of a unit, as whole numbers: what is divided must come out even."""
PACKAGES: Final = {"BX": "XBX", "CS": "XCS", "CT": "XCT", "PF": "XPX", "PK": "XPK", "PX": "XPX"}
"""Codes of packages that Recommendation 20 had before they became those of Recommendation 21 behind an ``X``."""


class Pack(NamedTuple):
    """``order_units`` of ``order_unit`` are ``stock_units`` of the unit of stock; whole numbers from 1."""

    order_unit: str
    order_units: int
    stock_units: int


def order_quantities(
    quantity: NDArray[np.float64], unit: pa.Array, order_units: NDArray[np.int64], stock_units: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """``quantity * order_units / stock_units``, never rounded.

    Args:
        quantity: (n,) units of stock, to a millionth.
        unit: (n,) units of order.
        order_units: (n,) so many units of order …
        stock_units: (n,) … are so many of stock.

    Returns:
        (n,) units of order, and whether they come out even; where they do not, the number means nothing.
    """
    micro = np.rint(quantity * _MICRO).astype(np.int64)
    is_small = micro <= (2**63 - 1) // order_units  # else the product would not be the product
    whole, rest = np.divmod(np.where(is_small, micro, 0) * order_units, stock_units)
    is_measured = pc.is_in(unit, value_set=pa.array(_MEASURED)).to_numpy(zero_copy_only=False)
    fits = is_small & (rest == 0) & (whole % np.where(is_measured, _MICRO // 1000, _MICRO) == 0)
    return np.asarray(whole / _MICRO, dtype=np.float64), np.asarray(fits, dtype=np.bool_)


@cache
def stock_in(said: str, unit: str, pack: Pack | None = None) -> Fraction:
    """How many of ``unit``, that of stock, one of ``said`` is.

    Raises:
        ConfigError: it is neither the unit of order nor one that measures the same as the unit of stock.

    >>> stock_in("XCT", "EA", Pack("CT", 1, 12)), stock_in("DZN", "EA"), stock_in("ONZ", "LBR")
    (Fraction(12, 1), Fraction(12, 1), Fraction(1, 16))
    """
    if pack is not None and PACKAGES.get(said, said) == PACKAGES.get(pack.order_unit, pack.order_unit):
        return Fraction(pack.stock_units, pack.order_units)
    if said == unit:
        return Fraction(1)
    if not {said, unit} <= set(REC20):  # what somebody else writes is a code, and never an expression
        raise ConfigError(
            explain(
                f"{said!r} cannot be converted to {unit!r}",
                expected=", ".join(filter(None, (unit, pack and pack.order_unit, *REC20))),
            )
        )
    return exact_conversion(said, unit)
