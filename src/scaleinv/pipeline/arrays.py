"""A group's rows in the lake as arrays whose first axis is the series, all in the order of ``gold/series``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain
from scaleinv.pipeline.nights import Panel, panel_of
from scaleinv.pipeline.walk import Walk
from scaleinv.schema.words import POOLED

Floats = NDArray[np.float64]
_PARTS = ("mean", "quantiles", "cumulative_quantiles")
_PANEL_COLUMNS = ["unique_id", "ds", "y", "is_stockout"]


@dataclass(frozen=True)
class Rows:
    """One group: its static facts, sorted by ``unique_id``, and its demand as flat rows with row pointers."""

    group_id: str
    series: pa.Table
    indptr: NDArray[np.int64]
    ds: NDArray[np.datetime64]
    y: NDArray[np.float32]
    is_stockout: NDArray[np.bool_]

    @property
    def n_series(self) -> int:
        """Number of series."""
        return int(self.series.num_rows)

    def text(self, column: str) -> NDArray[np.str_]:
        """(n_series,) a text column of the static facts."""
        return np.asarray(self.series[column].to_pylist(), dtype=np.str_)

    def numbers(self, column: str) -> Floats:
        """(n_series,) a numeric column; nan where null."""
        return np.asarray(self.series[column].cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)

    def window(self, values: NDArray[np.generic], first: date, n_days: int) -> Floats:
        """(n_series, n_days) ``values`` of the days from ``first`` on; nan on days outside a series' life."""
        offset = (self.ds - np.datetime64(first, "D")).astype(np.int64)
        inside = (offset >= 0) & (offset < n_days)
        owner = np.repeat(np.arange(self.n_series), np.diff(self.indptr))
        grid = np.full((self.n_series, n_days), np.nan)
        grid[owner[inside], offset[inside]] = values[inside]
        return grid


@dataclass(frozen=True)
class Distributions:
    """Forecasts of a group, in the order of its series."""

    mean: Floats
    """(n_series, horizon)"""
    quantiles: Floats
    """(n_series, horizon, n_quantiles)"""
    cumulative_quantiles: Floats
    """(n_series, horizon, n_quantiles)"""

    def take(self, series: NDArray[np.int64]) -> Distributions:
        """Of these series."""
        return Distributions(self.mean[series], self.quantiles[series], self.cumulative_quantiles[series])


@dataclass(frozen=True)
class LeadTimes:
    """Lead-time distributions of tonight's vendors, and of lanes that have one of their own."""

    vendors: NDArray[np.str_]
    """(n_rows,) sorted, by location within a vendor."""
    locations: NDArray[np.str_]
    """(n_rows,) empty: wherever the vendor has no row of its own."""
    probability: Floats
    """(n_rows, max_lead_time + 1) of 0, 1, 2 … days."""

    @property
    def mean(self) -> Floats:
        """(n_rows,) days."""
        return self.probability @ np.arange(self.probability.shape[1])

    def of(self, rows: Rows) -> NDArray[np.int64]:
        """(n_series,) which row is that of the series' vendor and location, else of its vendor.

        Raises:
            DataError: a vendor has none.
        """
        wanted, known = rows.text("vendor_id"), _lanes(self.vendors, self.locations)
        order = np.argsort(known)

        def found(lanes: NDArray[np.str_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
            at = order[np.minimum(np.searchsorted(known, lanes, sorter=order), len(known) - 1)]
            return at, known[at] == lanes

        own, has_own = found(_lanes(wanted, rows.text("location_id")))
        vendors, has_one = found(_lanes(wanted, np.zeros(len(wanted), dtype="<U1")))
        at, unknown = np.where(has_own, own, vendors), ~(has_own | has_one)
        if unknown.any():
            which = sorted(set(wanted[unknown].tolist()))
            raise DataError(
                explain("vendors without lead times in gold/lead_times", which=which, do="run features again")
            )
        return at.astype(np.int64)


def lead_times(walk: Walk) -> LeadTimes:
    """Tonight's ``gold/lead_times``."""
    found = walk.read("gold/lead_times")
    found = found.set_column(
        found.schema.get_field_index("location_id"), "location_id", pc.fill_null(found["location_id"], "")
    ).sort_by([("vendor_id", "ascending"), ("location_id", "ascending")])
    return LeadTimes(
        vendors=np.asarray(found["vendor_id"].to_pylist(), dtype=np.str_),
        locations=np.asarray(found["location_id"].to_pylist(), dtype=np.str_),
        probability=np.asarray(found["probability"].to_pylist(), dtype=np.float64),
    )


def _lanes(vendors: NDArray[np.str_], locations: NDArray[np.str_]) -> NDArray[np.str_]:
    return np.char.add(np.char.add(vendors, "\x1f"), locations)


def groups(walk: Walk) -> Iterator[Rows]:
    """Tonight's groups, one at a time: memory holds one group, however many there are."""
    names, tonight = walk.groups(), panel_of(walk)
    for done, name in enumerate(names):
        yield group(walk, name, tonight)
        walk.progress.count(done + 1, len(names), "groups")


def group(walk: Walk, name: str, tonight: Panel) -> Rows:
    """One of tonight's groups, with its panel."""
    series = walk.read("gold/series", group_id=name).sort_by("unique_id")
    panel = tonight.read(walk.lake, series, group_id=name, columns=_PANEL_COLUMNS)
    return _rows(name, series, panel.sort_by([("unique_id", "ascending"), ("ds", "ascending")]))


def series_of(walk: Walk, name: str) -> Rows:
    """A group's static facts alone, without its panel."""
    series = walk.read("gold/series", group_id=name).sort_by("unique_id")
    none = np.zeros(0, dtype=np.float32)
    return Rows(
        name, series, np.zeros(series.num_rows + 1, np.int64), none.astype("datetime64[D]"), none, none.astype(np.bool_)
    )


def distributions(walk: Walk, group_id: str, series: pa.Table, *, cutoff: date, model: str) -> Distributions:
    """The forecasts that ``model`` made at ``cutoff`` of the group's ``series``, sorted by ``unique_id``.

    A pool (``lstm+tft``) is the mean of its members' quantiles, level by level: Lichtendahl, Grushka-Cockayne &
    Winkler, Is it better to average probabilities or quantiles?, Management Science 59 (2013).
    """
    return pooled([_of_model(walk, group_id, series, cutoff, one) for one in model.split(POOLED)])


def champions_of(walk: Walk) -> dict[str, str]:
    """Demand class -> the model, or the pool, that is used tonight."""
    rows = walk.read("gold/champions", columns=["demand_class", "model"]).to_pylist()
    return {row["demand_class"]: row["model"] for row in rows}


def of_champions(
    walk: Walk, group_id: str, series: pa.Table, champions: Mapping[str, str], *, cutoff: date
) -> Distributions:
    """The forecasts of the group's ``series``, each from the champion of its demand class."""
    chosen = np.asarray([champions[name] for name in series["demand_class"].to_pylist()], dtype=np.str_)
    merged: Distributions | None = None
    for model in sorted(set(chosen.tolist())):
        found = distributions(walk, group_id, series, cutoff=cutoff, model=model)
        if merged is None:
            merged = found
            continue
        mine = chosen == model
        for name in _PARTS:
            getattr(merged, name)[mine] = getattr(found, name)[mine]
    assert merged is not None
    return merged


def pooled(members: Sequence[Distributions]) -> Distributions:
    """Mean of the members' quantiles."""
    if len(members) == 1:
        return members[0]
    return Distributions(**{name: sum(getattr(one, name) for one in members) / len(members) for name in _PARTS})


def _of_model(walk: Walk, group_id: str, series: pa.Table, cutoff: date, model: str) -> Distributions:
    found = walk.read("gold/forecasts", cutoff=cutoff, model=model, group_id=group_id).sort_by("unique_id")
    if not found["unique_id"].combine_chunks().equals(series["unique_id"].combine_chunks()):
        raise DataError(
            explain(
                f"gold/forecasts of {model} at {cutoff} does not hold exactly the series of group {group_id}",
                expected=f"{series.num_rows} series",
                found=f"{found.num_rows} series",
                do="run scaleinv forecast again for this as_of",
            )
        )
    horizon, n_quantiles = walk.config.forecast.horizon, len(walk.config.forecast.quantile_levels)
    shape = (series.num_rows, horizon, n_quantiles)
    return Distributions(
        mean=_flat(found["mean"]).reshape(shape[:2]),
        quantiles=_flat(found["quantiles"]).reshape(shape),
        cumulative_quantiles=_flat(found["cumulative_quantiles"]).reshape(shape),
    )


def _rows(name: str, series: pa.Table, panel: pa.Table) -> Rows:
    owner = pc.index_in(panel["unique_id"], value_set=series["unique_id"].combine_chunks())
    return Rows(
        group_id=name,
        series=series,
        indptr=np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=series.num_rows)))).astype(np.int64),
        ds=panel["ds"].to_numpy().astype("datetime64[D]"),
        y=panel["y"].to_numpy(),
        is_stockout=panel["is_stockout"].to_numpy(),
    )


def _flat(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.combine_chunks().flatten(), dtype=np.float64)
