"""One group's panel as flat tensors with row pointers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from scaleinv.errors import DataError, explain

STATICS = ("location_id", "category", "department", "region")
"""Static facts a network may see. Demand, velocity and ABC class are left out: they are computed up to as_of and
would show a model what it is scored on."""
REALS = ("y", "sales", "price")
FLAGS = ("is_stockout", "is_promotion", "is_benefit_day")
_GRAINS = (1.0, 0.1, 0.01, 0.001)
"""Units that demand may be counted in."""
_MOSTLY = 0.9
"""Share of a series' days that must be whole grains: some are corrections, or sums that were rounded on their way."""


@dataclass(frozen=True)
class Group:
    """The series of one group, one after the other in flat tensors; rows of series i are ``indptr[i]:indptr[i + 1]``.

    ``day`` counts from 1970-01-01; ``y`` and ``sales`` are NaN where unknown; ``event`` and ``statics`` are codes,
    whose texts are in ``events`` and ``vocabularies`` (``event`` -1: an ordinary day).
    """

    unique_id: npt.NDArray[np.object_]
    indptr: Tensor
    day: Tensor
    y: Tensor
    sales: Tensor
    price: Tensor
    is_stockout: Tensor
    is_promotion: Tensor
    is_benefit_day: Tensor
    event: Tensor
    events: tuple[str, ...]
    statics: Mapping[str, Tensor]
    vocabularies: Mapping[str, tuple[str, ...]]
    grain: Tensor
    """(n_series,) units that ``y`` and ``sales`` of each series are counted in; 1 as they are read."""

    @property
    def n_series(self) -> int:
        """How many series the group has."""
        return len(self.unique_id)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.day.device

    def part(self, which: Tensor) -> Group:
        """Only the series at these positions, in their order."""
        life = self.indptr.diff()[which]
        indptr = torch.cat([life.new_zeros(1), life.cumsum(0)])
        row = torch.repeat_interleave(self.indptr[which] - indptr[:-1], life) + torch.arange(
            int(indptr[-1]), device=self.device
        )
        rows = {name: getattr(self, name)[row] for name in ("day", "event", *REALS, *FLAGS)}
        statics = {name: codes[which] for name, codes in self.statics.items()}
        names = self.unique_id[which.cpu().numpy()]
        return replace(self, unique_id=names, indptr=indptr, statics=statics, grain=self.grain[which], **rows)

    def counted(self, last_day: int) -> Group:
        """The same group with demand and sales in each series' grain, as seen up to a day (since 1970-01-01)."""
        owner = torch.repeat_interleave(torch.arange(self.n_series, device=self.device), self.indptr.diff())
        seen = (self.day <= last_day) & ~self.is_stockout
        grain = grains(self.y[seen], owner[seen], self.n_series)
        return replace(self, y=(self.y / grain[owner]).float(), sales=(self.sales / grain[owner]).float(), grain=grain)


def grains(y: Tensor, owner: Tensor, n_series: int) -> Tensor:
    """(n_series,) the largest of 1, 0.1, 0.01 and 0.001 units that a series' days are whole multiples of.

    What is sold by weight is no whole number of units, but of grams: a model of counts can count them. A series that
    never sold is counted as most others are.

    Args:
        y: (n_days,) demand as it was seen; nan where unknown.
        owner: (n_days,) whose day it is.
        n_series: how many series there are.
    """
    sale = y > 0
    sold, whose = y[sale].double(), owner[sale]
    days = torch.bincount(whose, minlength=n_series)
    grain = torch.full((n_series,), _GRAINS[-1], dtype=torch.float64, device=y.device)
    for size in reversed(_GRAINS[:-1]):
        parts = sold / size
        whole = (parts - parts.round()).abs() <= 1e-3 + 1e-6 * parts  # float32 knows seven digits
        grain[torch.bincount(whose[whole], minlength=n_series) >= _MOSTLY * days] = size
    known = days > 0
    grain[~known] = grain[known].mode().values if bool(known.any()) else _GRAINS[0]
    return grain


def group_arrays(panel: pa.Table, series: pa.Table) -> Group:
    """The group of these rows of ``gold/panel`` (known future included) and ``gold/series``.

    Raises:
        DataError: a panel row has no static facts, a series occurs twice, or a day of a life is missing.
    """
    series = series.sort_by("unique_id")
    ids = series["unique_id"].combine_chunks()
    owner = pc.index_in(panel["unique_id"], value_set=ids)
    if owner.null_count:
        strangers = pc.unique(panel["unique_id"].filter(pc.is_null(owner))).to_pylist()
        raise DataError(
            explain("gold/panel has series that gold/series does not know", which=strangers, do="run features again")
        )
    events, event = _codes(panel["event"])
    columns = {"owner": owner, "day": panel["ds"].cast(pa.int32()), "event": event}
    columns |= {name: panel[name].cast(pa.float32()) for name in REALS}
    columns |= {name: panel[name].cast(pa.int8()) for name in FLAGS}
    return group_of(_tensors(pa.table(columns)), events, series)


def group_of(tensors: dict[str, Tensor], events: tuple[str, ...], series: pa.Table) -> Group:
    """The group of these rows, sorted by ``owner`` (the series' place) and ``day``.

    Raises:
        DataError: a series occurs twice, or a day of a life is missing.
    """
    ids = series["unique_id"].combine_chunks()
    if pc.count_distinct(ids).as_py() != len(ids):
        raise DataError(explain("gold/series: a series occurs more than once in a group", do="correct features"))
    indptr = _indptr(tensors.pop("owner"), len(ids))
    _check_days(tensors["day"], indptr, ids)
    coded = {name: _codes(series[name]) for name in STATICS}
    return Group(
        unique_id=np.asarray(ids.to_pylist(), dtype=object),
        indptr=indptr,
        day=tensors["day"],
        y=tensors["y"],
        sales=tensors["sales"],
        price=tensors["price"],
        is_stockout=tensors["is_stockout"].bool(),
        is_promotion=tensors["is_promotion"].bool(),
        is_benefit_day=tensors["is_benefit_day"].bool(),
        event=tensors["event"],
        events=events,
        statics={name: torch.from_numpy(_dense(codes)).to(indptr.device) for name, (_, codes) in coded.items()},
        vocabularies={name: texts for name, (texts, _) in coded.items()},
        grain=torch.ones(len(ids), dtype=torch.float64, device=indptr.device),
    )


def _codes(column: pa.ChunkedArray) -> tuple[tuple[str, ...], pa.ChunkedArray]:
    """Texts in alphabetical order, and per row the position of its text (-1: null)."""
    texts = pc.unique(column.drop_null()).sort()
    codes = pc.index_in(column, value_set=texts)
    return tuple(texts.to_pylist()), pc.fill_null(codes, -1)


def _dense(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.array(column.to_numpy(), dtype=np.int64)


def _tensors(table: pa.Table) -> dict[str, Tensor]:
    """Columns (numbers only; nulls become NaN) sorted by series and day, on the device."""
    columns = {name: np.asarray(table[name].to_numpy()) for name in table.column_names}
    order = np.lexsort((columns["day"], columns["owner"]))
    is_sorted = np.array_equal(order, np.arange(len(order)))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return {
        name: torch.from_numpy(np.array(column) if is_sorted else column[order]).to(device)
        for name, column in columns.items()
    }


def _indptr(owner: Tensor, n_series: int) -> Tensor:
    counts = torch.bincount(owner.long(), minlength=n_series)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _check_days(day: Tensor, indptr: Tensor, ids: pa.Array) -> None:
    step = torch.diff(day)
    inside = torch.ones(max(len(day) - 1, 0), dtype=torch.bool, device=day.device)
    borders = indptr[1:-1]
    inside[borders[(borders > 0) & (borders < len(day))] - 1] = False
    bad = torch.nonzero(inside & (step != 1)).flatten()
    if len(bad):
        which = torch.unique(torch.searchsorted(indptr, bad, right=True) - 1)
        raise DataError(
            explain(
                "gold/panel: the days of a series are not consecutive",
                expected="one row per day from first to last",
                which=[ids[int(i)].as_py() for i in which[:6]],
                do="features fills a life day by day; run it again",
            )
        )
