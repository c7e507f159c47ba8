"""Numbers and dates as the texts that formats want, for all lines at once."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_DAY_MS = 86_400_000


def plain(decimals: pa.Array) -> pa.Array:
    """(n,) decimals without zeros at their end: 48.000 is 48, 3.2500 is 3.25."""
    texts = decimals.cast(pa.string())
    return pc.replace_substring_regex(texts, r"^(-?[0-9]+)(?:\.0+|(\.[0-9]*[1-9])0*)$", r"\1\2")


def whole(numbers: pa.Array) -> pa.Array:
    """(n,) whole numbers."""
    return numbers.cast(pa.int64()).cast(pa.string())


def positions(lines: pa.Array) -> pa.Array:
    """(n,) SAP's numbers of items: ten times the line."""
    return whole(pc.multiply(lines.cast(pa.int64()), 10))


def yyyymmdd(dates: pa.Array) -> pa.Array:
    """(n,) 20260927."""
    return pc.replace_substring(dates.cast(pa.string()), "-", "")


def iso(dates: pa.Array) -> pa.Array:
    """(n,) 2026-09-27."""
    return dates.cast(pa.string())


def moment(dates: pa.Array, time: str) -> pa.Array:
    """(n,) the day with a time behind it."""
    return pc.binary_join_element_wise(iso(dates), time, "")


def v2_date(dates: pa.Array) -> pa.Array:
    """(n,) OData V2: milliseconds since 1970."""
    ms = pc.multiply(dates.cast(pa.int32()).cast(pa.int64()), _DAY_MS)
    return pc.binary_join_element_wise("/Date(", ms.cast(pa.string()), ")/", "")


def price_per(unit_cost: pa.Array) -> tuple[pa.Array, pa.Array]:
    """(n,) price and the number of units it is for: SAP keeps two decimals, so 2.7790 is 277.90 for 100."""
    cents = pc.round(unit_cost, 2)
    is_whole = pc.equal(cents, unit_cost)
    factor = pc.if_else(is_whole, 1, 100)
    hundredfold = pc.multiply(unit_cost, pa.scalar(100, pa.int64()).cast(pa.decimal128(19, 0)))
    price = pc.if_else(is_whole, unit_cost.cast(hundredfold.type), hundredfold)
    return price.cast(pa.decimal128(28, 2)).cast(pa.string()), factor.cast(pa.string())


def is_gln(texts: pa.Array) -> pa.Array:
    """(n,) whether it is a GS1 number of 13 digits with the right check digit."""
    shape = pc.match_substring_regex(texts, r"^[0-9]{13}$")
    digits = pc.if_else(shape, texts, "0000000000000")
    total = pa.scalar(0, pa.int64())
    for place in range(13):
        digit = pc.utf8_slice_codeunits(digits, place, place + 1).cast(pa.int64())
        total = pc.add(total, pc.multiply(digit, 3 if place % 2 else 1))
    return pc.and_(shape, pc.equal(total, pc.multiply(pc.divide(total, 10), 10)))
