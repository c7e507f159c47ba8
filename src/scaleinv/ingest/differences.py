"""What may differ between two profiles of a source; what is done about it, :mod:`scaleinv.ingest.drift` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from scaleinv.config.drift import DriftConfig, DriftKind, DriftPolicy
from scaleinv.ingest.cells import DATES, PADDED
from scaleinv.ingest.likeness import (
    UNIT_FACTORS,
    binned,
    chance,
    listed,
    name_likeness,
    psi,
    read_as,
    runs,
    significant,
    unit_factor,
    value_likeness,
)
from scaleinv.ingest.profile import TOP, ColumnProfile, Profile

_PAIRS: Final = 200
"""Missing and added columns among which renamed ones are looked for."""
_USUAL: Final = 3
"""Loads from which it can be said how many rows are usual."""
_RARE: Final = 0.001
"""Probability below which chance is no explanation, and share below which a few nulls are no jump."""


@dataclass(frozen=True)
class Finding:
    """One difference.

    ``column`` is as named in the source, empty for the load as a whole; ``detail`` is for a person, ``evidence`` are
    the figures behind it.
    """

    kind: DriftKind
    column: str
    policy: DriftPolicy
    detail: str
    evidence: Mapping[str, object] = field(default_factory=dict)


def _found(kind: DriftKind, column: str, detail: str, **evidence: object) -> Finding:
    return Finding(kind, column, "warn", detail, evidence)


def unseen(this: Profile) -> Iterator[Finding]:
    """``not_profiled``: columns beyond the number that is looked at."""
    left = [one.column for one in this.columns if this.rows and not one.counted]
    if left:
        yield _found(
            "not_profiled", "",
            f"{len(left):,} of {len(this.columns):,} columns were not looked at (drift.max_columns); "
            "of these only presence and type are compared",
            first=left[0], n=len(left),
        )  # fmt: skip


def volume(this: Profile, usual: Sequence[int], config: DriftConfig) -> Iterator[Finding]:
    """``rows``: far more or fewer than in the loads before."""
    if len(usual) < _USUAL:
        return
    middle = median(usual)
    if not middle / config.rows_factor <= this.rows <= middle * config.rows_factor:
        yield _found(
            "rows", "", f"{this.rows:,} rows, usual are {middle:,.0f}", rows=this.rows, usual=middle, loads=len(usual)
        )


def names(last: Profile, this: Profile, config: DriftConfig) -> Iterator[Finding]:
    """``renamed``, ``missing`` (renamed ones too: nobody has said so yet) and ``added``."""
    before, now = ({c.column: c for c in p.columns} for p in (last, this))
    gone = [name for name in before if name not in now]
    new = [name for name in now if name not in before]
    pairs = [
        ((name_likeness(a, b) + 2.0 * value_likeness(before[a], now[b])) / 3.0, a, b)
        for a in gone[:_PAIRS]
        for b in new[:_PAIRS]
    ]
    renamed: dict[str, str] = {}
    for score, a, b in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        if score >= config.rename_score and a not in renamed and b not in renamed.values():
            renamed[a] = b
            yield _found("renamed", a, f"perhaps it is called {b} now", now=b, score=round(score, 3))
    for name in gone:
        hint = f"; perhaps it is called {renamed[name]} now" if name in renamed else ""
        yield _found("missing", name, f"it is not there any more{hint}", type=before[name].type, was=before[name].kind)
    for name in new:
        if name not in renamed.values():
            yield _found("added", name, f"{now[name].kind}, {now[name].type}", values=list(now[name].values[:5]))


def column(last: ColumnProfile, this: ColumnProfile, config: DriftConfig) -> Iterator[Finding]:
    """All that may differ in a column that both have."""
    yield from _nulls(last, this, config)
    retyped = list(_retyped(last, this, config))
    yield from retyped
    if retyped or not (last.cells and this.cells):
        return  # of another type nothing else can be compared
    yield from _new_values(last, this)
    if min(last.numbers, this.numbers) >= config.min_rows and not runs(last, this):
        unit = unit_factor(last, this)
        if unit is not None:
            factor, share = unit
            what = UNIT_FACTORS.get(factor) or UNIT_FACTORS[min(UNIT_FACTORS, key=lambda f: abs(f * factor - 1.0))]
            yield _found(
                "unit_changed", this.column, f"all is {factor:.6g} times what it was: {what}?",
                factor=factor, share=round(share, 3), median=this.quantiles[100], was=last.quantiles[100],
            )  # fmt: skip
            return  # the distribution has shifted, and this is why
    yield from _shifted(last, this, config)


def _nulls(last: ColumnProfile, this: ColumnProfile, config: DriftConfig) -> Iterator[Finding]:
    if not (last.counted and this.counted):
        return
    jump = this.null_share - last.null_share
    never = last.nulls == 0 and chance(this.counted, last.counted, this.nulls) < _RARE
    if not significant(jump, last.null_share, this.counted, last.counted) and not never:
        return
    if jump > (_RARE if never else config.null_jump):
        yield _found(
            "null_share", this.column, f"{this.null_share:.2%} of it is empty, {last.null_share:.2%} was",
            share=this.null_share, was=last.null_share, large=jump > config.null_stop,
        )  # fmt: skip


def _retyped(last: ColumnProfile, this: ColumnProfile, config: DriftConfig) -> Iterator[Finding]:
    if not (last.cells and this.cells):
        # An empty column says nothing about its type, and what was not looked at has no kind.
        if last.type != this.type and "empty" not in (last.kind, this.kind):
            yield _found("retyped", this.column, f"{this.type}, was {last.type}", was=last.type, now=this.type)
        return
    for was, falls, other in ((last.kind, last, this), (this.kind, this, last)):
        if last.kind == this.kind or (last.kind.startswith("number") and this.kind == "integer"):
            break  # a day on which all prices end in .00: they are numbers still
        drop = falls.share(was) - other.share(was)
        if was == "text" or drop <= config.retyped_share:
            continue
        if significant(drop, other.share(was), falls.cells, other.cells):
            yield _found(
                "retyped", this.column,
                f"it reads as {_said(this.kind)}, did as {_said(last.kind)} "
                f"({this.share(was):.1%} of the cells read as {_said(was)}, {last.share(was):.1%} did)",
                was=last.kind, now=this.kind, type=this.type, type_was=last.type,
            )  # fmt: skip
            return
    lost = last.share(PADDED) - this.share(PADDED)
    if lost > max(_RARE, last.share(PADDED) / 2) and significant(lost, this.share(PADDED), last.cells, this.cells):
        yield _found(
            "retyped", this.column,
            f"{this.share(PADDED):.1%} of the cells have leading zeros, {last.share(PADDED):.1%} had",
            was=PADDED, now=this.kind, length=int(last.lengths[0]),
        )  # fmt: skip


def _said(kind: str) -> str:
    return f"a date {kind}" if kind in DATES else kind


def _new_values(last: ColumnProfile, this: ColumnProfile) -> Iterator[Finding]:
    if last.distinct > TOP or last.kind not in ("text", "boolean", "integer") or runs(last, this):
        return
    if last.kind == "integer" and last.distinct > 20:
        return  # a quantity, not a code: its new values are a matter of its distribution
    known = {*last.values}
    new = {
        value: share
        for value, share in zip(this.values, this.value_shares, strict=True)
        if value not in known and chance(this.cells, last.cells, round(share * this.cells)) < _RARE
    }
    if new:
        shown = ", ".join(f"{value} ({share:.2%})" for value, share in list(new.items())[:5])
        more = f" and {len(new) - 5} more" if len(new) > 5 else ""
        yield _found("new_values", this.column, f"new: {shown}{more}", values=list(new), shares=list(new.values()))


def _shifted(last: ColumnProfile, this: ColumnProfile, config: DriftConfig) -> Iterator[Finding]:
    if min(last.cells, this.cells) < config.min_rows or last.kind in DATES or runs(last, this):
        return
    if last.kind != "text" and last.quantiles and this.quantiles:
        (was, now), m, n = binned(last, this), last.numbers, this.numbers
    else:
        was, now = listed(last, this) if last.distinct <= TOP else (read_as(last), read_as(this))
        m, n = last.cells, this.cells
    index, noise = psi(was, now, m, n)
    if index > config.psi + noise:
        yield _found(
            "shifted", this.column, f"its distribution has moved: PSI {index:.2f}",
            psi=round(index, 4), chance=round(noise, 4), mean=this.mean, was=last.mean,
        )  # fmt: skip
