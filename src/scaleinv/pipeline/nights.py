"""Over which nights a panel is spread: a night holds all of it, or what differs from an earlier night, its base.

A difference is always one from a night that is whole, never from another difference: two files per group are the panel,
and a night that is done again concerns no other, but for those that are based on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import IO, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.lake import Lake
from scaleinv.pipeline.walk import Walk, code_state, digest, memo_at, nights_of
from scaleinv.schema import table

PANEL: Final = "gold/panel"
_INPUTS: Final = ("sales", "hourly_sales", "stock", "prices", "calendar", "weather")
"""Silver tables of which a panel takes what has become known since its base; master data are compared as they are."""
_DAYS: Final = 1 << 24


@dataclass(frozen=True)
class Panel:
    """The panel of a night. Small: it travels to workers."""

    as_of: date
    base: date
    """The night that holds it as a whole; ``as_of`` if this one does."""
    first: date
    """The first day that is part of it."""

    def read(
        self,
        lake: Lake,
        series: pa.Table,
        *,
        group_id: str,
        columns: list[str] | None = None,
        version: int | None = None,
        unique_id: str | None = None,
    ) -> pa.Table:
        """Rows of one group: of a day that both nights hold, that of the later one.

        Args:
            lake: where they are.
            series: rows of ``gold/series`` of the group.
            group_id: the group.
            columns: which columns; unique_id and ds among them. ``None``: all.
            version: of ``gold/panel``; ``None``: the latest.
            unique_id: this series only; ``None``: all of the group.
        """
        chosen = {"group_id": group_id} if unique_id is None else {"group_id": group_id, "unique_id": unique_id}
        parts = [
            lake.read(table(PANEL), version=version, columns=columns, where={"as_of": night, **chosen})
            for night in self._nights()
        ]
        if len(parts) == 1:
            return parts[0]
        ids = series["unique_id"].combine_chunks()
        before, rows = (_keys(part, ids) for part in parts)
        first = pa.scalar(self.first)
        stays = (before >= 0) & ~np.isin(before, rows) & pc.greater_equal(parts[0]["ds"], first).to_numpy()
        return pa.concat_tables([parts[0].filter(pa.array(stays)), parts[1]])

    def open_files(self, lake: Lake, *, group_id: str, version: int) -> list[list[IO[bytes]]]:
        """The group's files of each night, the later one last: what :meth:`read` reads."""
        return [
            lake.open_files(table(PANEL), version=version, where={"as_of": night, "group_id": group_id})
            for night in self._nights()
        ]

    def _nights(self) -> list[date]:
        return sorted({self.base, self.as_of})


def _keys(rows: pa.Table, ids: pa.Array) -> NDArray[np.int64]:
    """(n_rows,) a number for each series and day; -1: a series that is not among ``ids``."""
    owner = pc.fill_null(pc.index_in(rows["unique_id"], value_set=ids), -1).to_numpy().astype(np.int64)
    day = rows["ds"].cast(pa.int32()).to_numpy().astype(np.int64)
    return np.where(owner < 0, -1, owner * _DAYS + day)


def panel_of(walk: Walk) -> Panel:
    """Tonight's panel."""
    memo = memo_at(walk.lake, "features", walk.as_of)
    base = date.fromisoformat(memo["base"]) if memo else walk.as_of
    return Panel(walk.as_of, base, walk.config.features.first_day(walk.as_of))


def find_base(walk: Walk) -> tuple[date, str] | None:
    """The night that tonight's panel may be based on, and which making of it.

    It is whole and there, was made alike, and its past has not changed since.
    """
    if walk.force:
        return None
    there = _there(walk) & _nights_in(walk, "gold/series") & _nights_in(walk, "gold/lives")
    oldest = walk.as_of - timedelta(days=walk.config.features.rebuild_after_days)
    for night in sorted(nights_of(walk.lake, "features"), reverse=True):
        memo = memo_at(walk.lake, "features", night)
        if not oldest <= night < walk.as_of or memo.get("base") != night.isoformat() or night not in there:
            continue
        if memo["settings"] == _settings(walk) and _past_stands(walk, memo["loads"], night):
            return night, memo["built"]
    return None


def bases(lake: Lake) -> dict[date, date]:
    """Night -> the night that its panel is based on."""
    memos = {night: memo_at(lake, "features", night) for night in nights_of(lake, "features")}
    return {night: date.fromisoformat(memo["base"]) for night, memo in memos.items() if memo}


def memo_of(walk: Walk, base: tuple[date, str] | None, loads: dict[str, int]) -> dict[str, Any]:
    """What the marker says of tonight's panel.

    Args:
        walk: the night, its panel written.
        base: what it was based on, as :func:`find_base` gave it; ``None``: it is whole.
        loads: :func:`loads_of` before the panel was made.
    """
    if base is not None:
        return {"base": base[0].isoformat(), "built": base[1]}
    panel = table(PANEL)
    built = f"{walk.lake.table_id(panel)}/{walk.lake.version(panel)}"
    return {"base": walk.as_of.isoformat(), "built": built, "settings": _settings(walk), "loads": loads}


def stands(walk: Walk) -> bool:
    """Whether tonight's panel is there, and what it is based on is still what it was."""
    memo = memo_at(walk.lake, "features", walk.as_of)
    if not memo:
        return True
    base = date.fromisoformat(memo["base"])
    is_same = memo_at(walk.lake, "features", base).get("built") == memo["built"]
    return is_same and {base, walk.as_of} <= _there(walk)


def _there(walk: Walk) -> set[date]:
    """Nights of which the panel has rows."""
    return _nights_in(walk, PANEL)


def _nights_in(walk: Walk, name: str) -> set[date]:
    nights = walk.lake.partition_values(table(name), "as_of") if walk.lake.exists(table(name)) else []
    return {date.fromisoformat(night) for night in nights}


def loads_of(walk: Walk) -> dict[str, int]:
    """Table, which making of it, and source -> the last load that was committed, of all that the panel is made from."""
    log = walk.lake.read(table("ingest_log"), columns=["source", "into"]).group_by(["source", "into"]).aggregate([])
    found = {}
    for row in log.to_pylist():  # a row per source
        last = walk.lake.last_load(table(row["into"]), row["source"])
        if last is not None and row["into"].removeprefix("silver/") in _INPUTS:
            found[_place(walk, row)] = last
    return found


def _past_stands(walk: Walk, before: dict[str, int], night: date) -> bool:
    """Whether all that was loaded since became known after ``night`` only.

    What a source loads first is a history: it counts as known as it happened.
    """
    now = loads_of(walk)
    if before.keys() != now.keys() or any(now[place] < last for place, last in before.items()):
        return False
    for row in walk.lake.read(table("ingest_log")).to_pylist():  # a row per load
        last = before.get(_place(walk, row))
        if (
            last is not None
            and last < row["load"] <= now[_place(walk, row)]
            and (row["replaces"] or row["day"] <= night)
        ):
            return False
    return True


def _place(walk: Walk, row: Mapping[str, Any]) -> str:
    """Of a row of ``ingest_log``: a table that was deleted and made anew is another one."""
    return f"{row['into']}/{walk.lake.table_id(table(row['into']))}/{row['source']}"


def _settings(walk: Walk) -> str:
    options = walk.config.features.model_dump(mode="json", exclude={"rebuild_after_days"})
    return digest([code_state(), options, walk.config.forecast.horizon])
