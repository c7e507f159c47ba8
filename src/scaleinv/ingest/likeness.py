"""How alike two columns are, from their profiles alone: distributions, units, names and values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scaleinv.ingest.cells import DATES, PATTERNS
from scaleinv.ingest.profile import STEPS, TOP, ColumnProfile

Floats = NDArray[np.float64]

UNIT_FACTORS: Final[dict[float, str]] = {
    1000.0: "thousand (kg and g, l and ml)",
    100.0: "hundred (m and cm, units of currency and cents)",
    10.0: "ten",
    6.0: "pack of 6",
    12.0: "dozen",
    24.0: "pack of 24",
    48.0: "pack of 48",
    2.20462: "kg and lb",
    28.3495: "oz and g",
    35.274: "kg and oz",
    453.592: "lb and g",
    2.54: "inch and cm",
    3.78541: "US gallon and l",
}
"""Factor of a change of unit (or its inverse) -> what it may be."""
_CLOSE: Final = np.log(1.1)
_KEPT: Final = 0.8
"""Share of quantiles that a factor must bring back to within 10 %."""
_UNTOUCHED: Final = 0.5
"""Share of quantiles within 10 % without any factor, from which there was no change of unit."""
_BINS: Final = STEPS.size // 20
_ATOM: Final = 4
"""Quantiles (of 201) that are one value, from which it is a bin of its own."""
_Z: Final = 4.0


def significant(rise: float, p: float, n: int, m: int) -> bool:
    """Whether a share that was ``p`` in ``m`` cells and rose by ``rise`` in ``n`` others did so beyond chance."""
    pooled = (p * m + (p + rise) * n + 1.0) / (n + m + 2.0)
    return bool(rise > _Z * np.sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)))


def chance(n: int, m: int, times: int) -> float:
    """Probability that what occurs ``times`` in ``n + m`` cells falls into the ``n`` alone.

    >>> chance(100, 100, 10) < 0.001 < chance(100, 100, 9)
    True
    """
    return float((n / (n + m)) ** times)


def psi(was: Sequence[float], now: Sequence[float], m: int, n: int) -> tuple[float, float]:
    """Population stability index of two lists of shares, and what chance alone hardly exceeds.

    ``sum((now - was) * ln(now / was))``; an empty bin counts as half a row. If nothing has changed, it is distributed
    as ``(1/m + 1/n) * chi2(bins - 1)`` (Yurdakul & Naranjo, J. Risk Model Validation 14 (2020)): mean and 3 sd.
    """
    bins = len(was)
    p = (np.asarray(was) * m + 0.5) / (m + 0.5 * bins)
    q = (np.asarray(now) * n + 0.5) / (n + 0.5 * bins)
    chi2 = bins - 1 + 3.0 * np.sqrt(2.0 * (bins - 1))
    return float(np.sum((q - p) * np.log(q / p))), float(chi2 * (1.0 / m + 1.0 / n))


def binned(last: ColumnProfile, this: ColumnProfile) -> tuple[list[float], list[float]]:
    """Shares of both in bins at every twentieth quantile of ``last``; a value that is frequent is a bin of its own."""
    points = np.asarray(last.quantiles)
    edges = np.unique(points[_BINS:-1:_BINS])
    frequent = [edge for edge in edges if np.sum(points == edge) >= _ATOM]
    edges = np.union1d(edges, np.nextafter(frequent, -np.inf))

    def shares(quantiles: Sequence[float]) -> list[float]:
        below = np.searchsorted(np.asarray(quantiles), edges, side="right") / len(quantiles)
        found: list[float] = np.diff(below, prepend=0.0, append=1.0).tolist()
        return found

    was, now = shares(last.quantiles), shares(this.quantiles)
    kept = [i for i in range(len(was)) if was[i] or now[i]]
    return [was[i] for i in kept], [now[i] for i in kept]


def listed(last: ColumnProfile, this: ColumnProfile) -> tuple[list[float], list[float]]:
    """Shares of both in the twenty most frequent values of ``last``, and of all others together."""
    now = dict(zip(this.values, this.value_shares, strict=True))
    was = list(last.value_shares[:20])
    shares = [now.get(value, 0.0) for value in last.values[:20]]
    return [*was, max(0.0, 1.0 - sum(was))], [*shares, max(0.0, 1.0 - sum(shares))]


def read_as(column: ColumnProfile) -> list[float]:
    """Shares of cells that read as a number, a date, a truth value, and as none of these."""
    number = max(column.share("number"), column.share("number with comma"))
    date = max(column.share(name) for name in DATES if name != "yyyyMMdd")
    return [number, date, column.share("boolean"), max(0.0, 1.0 - number - date - column.share("boolean"))]


def runs(last: ColumnProfile, this: ColumnProfile) -> bool:
    """Whether numbers are a counter, a period or identifiers: those of the next load are others, by their nature.

    They are integers, spread evenly over their range, and many, or all beyond the former ones.
    """
    if not (last.kind == this.kind == "integer" and last.quantiles and this.quantiles):
        return False
    goes_on = this.quantiles[0] > last.quantiles[-1]
    return (last.distinct > TOP or (goes_on and _is_even(this))) and _is_even(last)


def _is_even(column: ColumnProfile) -> bool:
    points = np.asarray(column.quantiles)
    spread = points[-1] - points[0]
    return bool(spread > 0 and np.max(np.abs((points - points[0]) / spread - STEPS)) < 0.2)


def unit_factor(last: ColumnProfile, this: ColumnProfile) -> tuple[float, float] | None:
    """``(factor, share of quantiles that it explains)`` of a change of unit from ``last`` to ``this``; else ``None``.

    Quantiles of the positive numbers are compared one by one: a change of unit moves all of them by one factor, the
    distribution keeps its shape on the log scale.
    """
    was, now = _positive(last), _positive(this)
    if was is None or now is None:
        return None
    moved = np.log(now / was)
    if np.mean(np.abs(moved) < _CLOSE) >= _UNTOUCHED:
        return None
    factors = [value for factor in UNIT_FACTORS for value in (factor, 1.0 / factor)]
    scores = [
        (float(np.mean(np.abs(moved - np.log(f)) < _CLOSE)), -abs(float(np.median(moved)) - np.log(f))) for f in factors
    ]
    best = max(range(len(factors)), key=lambda i: scores[i])
    return (factors[best], scores[best][0]) if scores[best][0] >= _KEPT else None


def _positive(column: ColumnProfile) -> Floats | None:
    """Quantiles of the positive numbers without the outermost ones; ``None`` where they are few or all alike."""
    points = np.asarray(column.quantiles)
    points = points[points > 0]
    if points.size < STEPS.size // 4:
        return None
    found = np.quantile(points, np.linspace(0.05, 0.95, 91), method="inverted_cdf")
    return found if np.unique(found).size >= 3 else None


def name_likeness(one: str, other: str) -> float:
    """0 … 1, without case and punctuation.

    >>> name_likeness("Customer ID", "customer_id"), round(name_likeness("quantity", "qty"), 2)
    (1.0, 0.55)
    """
    a, b = (re.sub(r"[\W_]", "", name.lower()) for name in (one, other))
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


def value_likeness(one: ColumnProfile, other: ColumnProfile) -> float:
    """0 … 1: how far two columns seem to hold the same things; 0 where they read as different kinds."""
    if one.kind != other.kind or not one.cells or not other.cells:
        return 0.0
    if one.kind in PATTERNS and (one.kind in DATES or runs(one, other)):
        return 0.8  # the next days, the next numbers: nothing to compare
    if one.quantiles and other.quantiles and one.kind != "text":
        a, b = np.asarray(one.quantiles), np.asarray(other.quantiles)
        grid = np.union1d(a, b)
        apart = [np.searchsorted(points, grid, side="right") / points.size for points in (a, b)]
        return 1.0 - float(np.max(np.abs(apart[0] - apart[1])))
    theirs = dict(zip(other.values, other.value_shares, strict=True))
    common = sum(min(share, theirs.get(v, 0.0)) for v, share in zip(one.values, one.value_shares, strict=True))
    union = sorted({*one.sketch, *other.sketch})[: max(len(one.sketch), len(other.sketch))]
    both = {*one.sketch} & {*other.sketch}
    # Of texts by the thousand two loads never share all: two in five of all there are is as alike as can be.
    return max(common, min(1.0, 2.5 * sum(value in both for value in union) / len(union)))
