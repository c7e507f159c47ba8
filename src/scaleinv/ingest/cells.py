"""What text cells read as: the same patterns in Arrow, to look at a sample, and in Spark, to find the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_D: Final = "(0?[1-9]|[12][0-9]|3[01])"
_M: Final = "(0?[1-9]|1[0-2])"
_Y: Final = "[12][0-9]{3}"
_SHORT: Final = "([0-9]{2}|[12][0-9]{3})"
_TIME: Final = "([ T][0-9]{1,2}:[0-9]{2}.*)?"

DATES: Final[dict[str, str]] = {
    "yyyy-MM-dd": f"^{_Y}-{_M}-{_D}{_TIME}$",
    "yyyy/MM/dd": f"^{_Y}/{_M}/{_D}{_TIME}$",
    "yyyyMMdd": "^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$",
    "dd.MM.yyyy": rf"^{_D}\.{_M}\.{_SHORT}{_TIME}$",
    "dd/MM/yyyy": f"^{_D}/{_M}/{_SHORT}{_TIME}$",
    "MM/dd/yyyy": f"^{_M}/{_D}/{_SHORT}{_TIME}$",
    "dd-MM-yyyy": f"^{_D}-{_M}-{_SHORT}{_TIME}$",
    "dd-MMM-yyyy": f"^{_D}-[A-Za-z]{{3}}-{_SHORT}{_TIME}$",
}
"""Date format -> pattern. Where days up to 12 leave open which format it is, the one that reads more cells wins."""

PATTERNS: Final[dict[str, str]] = {
    **DATES,
    "boolean": "^(?i:true|false|t|f|yes|no|y|n)$",
    "integer": r"^[+-]?[0-9]{1,18}(\.0*)?$",
    "number": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$",
    "number with comma": r"^[+-]?([0-9]{1,3}(\.[0-9]{3})+|[0-9]+)(,[0-9]+)?$",
}
"""Kind -> pattern. 12.0 is an integer: a tool that knew a null in the column wrote the others so."""

PADDED: Final = "leading zeros"
"""Not a kind but a habit of codes, lost where a tool took them for numbers."""
_HABITS: Final[dict[str, str]] = {PADDED: "^0[0-9]+$"}
_READS: Final = 0.95
"""Share of cells from which a column is of a kind."""


def kind_shares(cells: pa.StringArray) -> dict[str, float]:
    """Kind -> share of ``cells`` that read as it; those that none does are left out."""
    if not len(cells):
        return {}
    found = {
        name: pc.sum(pc.match_substring_regex(cells, pattern)).as_py() / len(cells)
        for name, pattern in {**PATTERNS, **_HABITS}.items()
    }
    return {name: share for name, share in found.items() if share}


def kind_of(shares: Mapping[str, float]) -> str:
    """The narrowest kind that nearly all cells read as; ``text`` where none is.

    >>> kind_of({"integer": 0.5, "number": 1.0, "number with comma": 0.5}), kind_of({"number": 0.6})
    ('number', 'text')
    """
    dates = {name: shares.get(name, 0.0) for name in DATES}
    best = max(dates, key=lambda name: dates[name])
    if dates[best] >= _READS:
        return best
    return next((name for name in PATTERNS if name not in DATES and shares.get(name, 0.0) >= _READS), "text")


def numbers(cells: pa.StringArray, shares: Mapping[str, float]) -> pa.DoubleArray:
    """Those of ``cells`` that are numbers, in the notation that reads more of them."""
    comma = shares.get("number with comma", 0.0) > shares.get("number", 0.0)
    name = "number with comma" if comma else "number"
    found = cells.filter(pc.match_substring_regex(cells, PATTERNS[name]))
    if comma:
        found = pc.replace_substring(pc.replace_substring(found, ".", ""), ",", ".")
    # Arrow's reader of numbers knows neither a plus sign nor a bare point at the end.
    found = pc.replace_substring_regex(found, r"^\+|\.$", "")
    return pc.cast(found, pa.float64())
