"""What shipments say of open orders: when their goods come, where to, and what will not come."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.config import Config
from scaleinv.config.shipments import PlaceConfig
from scaleinv.errors import ScaleinvError
from scaleinv.pipeline.shipments import shipments_at
from scaleinv.schema.packs import Pack, stock_in
from scaleinv.schema.words import ID_SEPARATOR
from scaleinv.shipments.findings import findings

if TYPE_CHECKING:
    from scaleinv.orderbook import Book

ARRIVALS: Final = pa.schema(
    [
        ("order_id", pa.string()),
        ("line", pa.int32()),
        ("quantity", pa.float64()),
        ("expected_date", pa.date32()),
        ("location_id", pa.string()),
        ("is_gone", pa.bool_()),
    ]
)
"""Of an order line, in its unit: how much comes when (null: as the order says), and where to (null: as ordered).

``is_gone``: it does not come at all.
"""
_MILLION: Final = 1e6

_Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Foreseen:
    """What an evening knows of shipments."""

    rows: pa.Table
    """``orderbook.carried.CARRIED``."""
    shipments: pa.Table
    """Those on their way, as they are foreseen, and those that ended of late."""
    told: pa.Table
    """What a person should see of them (``shipments.findings``)."""


@dataclass(frozen=True)
class Coming:
    """What is on its way of open order lines."""

    rows: pa.Table
    """``orderbook.carried.CARRIED``."""
    arrivals: pa.Table
    """``ARRIVALS``, of lines of these."""


def with_arrivals(lines: pa.Table, arrivals: pa.Table) -> pa.Table:
    """Open lines, each in as many parts as come on different ways; what no shipment carries stays as it is.

    No more of a line counts as on its way than is open of it. Where shipments carry more, the goods that were expected
    first are those that have been received: they are left out first. What is gone takes of the rest, and is no line.

    Args:
        lines: of the order book (``schema.life.OPEN_LINES``, and whatever other columns); an order line once.
        arrivals: ``ARRIVALS``.

    Returns:
        The columns of ``lines``, in their order; of a line the part without a shipment first, then by day.
    """
    if not lines.num_rows or not arrivals.num_rows:
        return lines
    at = pc.fill_null(pc.index_in(_keys(arrivals), value_set=_keys(lines)), -1).to_numpy().astype(np.int64)
    arrivals, at = arrivals.filter(pa.array(at >= 0)).combine_chunks(), at[at >= 0]
    told = lines["expected_date"].cast(pa.int32()).to_numpy().astype(np.int64)
    day = pc.fill_null(arrivals["expected_date"].cast(pa.int32()).cast(pa.int64()), 0).to_numpy()
    day = np.where(pc.is_valid(arrivals["expected_date"]).to_numpy(), day, told[at])
    gone = arrivals["is_gone"].to_numpy()
    is_open = _millionths(lines["quantity_open"])
    taken = _taken(is_open, at, _millionths(arrivals["quantity"]), day, gone)
    rest = is_open - np.bincount(at, taken, lines.num_rows).astype(np.int64)
    part = np.flatnonzero((taken > 0) & ~gone)
    whole = np.flatnonzero((rest > 0) | (is_open <= 0))
    row = np.concatenate([whole, at[part]])
    units = np.concatenate([rest[whole], taken[part]])
    days = np.concatenate([told[whole], day[part]])
    source = np.concatenate([np.full(whole.size, -1), part])
    order = np.lexsort([source, days, source >= 0, row])
    return _parts(lines, arrivals, row[order], units[order], days[order], source[order])


def _taken(is_open: _Whole, at: _Whole, units: _Whole, day: _Whole, gone: NDArray[np.bool_]) -> _Whole:
    """(m,) how much of each arrival counts: the last ones first, then what is gone, as far as that much is open."""
    order = np.lexsort([np.arange(at.size), -day, gone, at])
    line, wanted = at[order], units[order]
    before = np.cumsum(wanted) - wanted
    first = np.searchsorted(line, line)
    left = np.clip(is_open[line] - (before - before[first]), 0, None)
    taken = np.zeros_like(units)
    taken[order] = np.minimum(wanted, left)
    return taken


def _parts(lines: pa.Table, arrivals: pa.Table, row: _Whole, units: _Whole, days: _Whole, source: _Whole) -> pa.Table:
    found = lines.take(pa.array(row)).combine_chunks()
    place = arrivals["location_id"].combine_chunks().take(pa.array(source, mask=source < 0))
    moved = pc.fill_null(pc.not_equal(place, found["location_id"].combine_chunks()), False)
    series = pc.binary_join_element_wise(found["sku_id"].combine_chunks(), place, ID_SEPARATOR)
    columns: dict[str, Any] = {
        "quantity_open": pa.array(units / _MILLION),
        "expected_date": pa.array(days.astype(np.int32)).cast(pa.date32()),
        "location_id": pc.if_else(moved, place, found["location_id"].combine_chunks()),
        "unique_id": pc.if_else(moved, series, found["unique_id"].combine_chunks()),
    }
    for name, values in columns.items():
        index = found.schema.get_field_index(name)
        found = found.set_column(index, found.schema.field(index), values)
    return found


def _keys(rows: pa.Table) -> pa.Array:
    joined = pc.binary_join_element_wise(rows["order_id"], rows["line"].cast(pa.string()), "\x1f")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _millionths(column: pa.ChunkedArray) -> _Whole:
    return np.asarray(np.rint(column.to_numpy() * _MILLION), dtype=np.int64)


# --- of a night -------------------------------------------------------------------------------------------------------


def evening(as_of: date) -> datetime.datetime:
    """When a night looks: at the end of its day, so that done again it sees the same."""
    return datetime.datetime.combine(as_of + datetime.timedelta(days=1), datetime.time(), datetime.UTC)


def foreseen(book: Book, config: Config, *, as_of: date) -> Foreseen | None:
    """What shipments carry and what is to be said of them, that evening; ``None``: nothing. No trace is left."""
    from scaleinv.orderbook.carried import carried

    at = evening(as_of)
    since = at - datetime.timedelta(days=config.shipments.arrival.ended_days)
    rows = carried(book, retailer=config.retailer, since=since)
    if not rows.num_rows:
        return None
    known = shipments_at(book, config.shipments, at=at)
    told = findings(known, None, config.shipments.arrival, places=config.shipments.places, at=at)
    return Foreseen(rows, known, told)


def coming(seen: Foreseen, config: Config) -> Coming:
    """What shipments carry of open order lines, as it is foreseen."""
    rows = seen.rows.filter(pc.fill_null(seen.rows["is_open"], False)).combine_chunks()
    if not rows.num_rows:
        return Coming(rows, ARRIVALS.empty_table())
    lost = seen.told.filter(pc.equal(seen.told["kind"], "shipment_lost"))["shipment_id"]
    return Coming(rows, _arrivals(rows, seen.shipments, lost, config.shipments.places))


def _arrivals(rows: pa.Table, shipments: pa.Table, lost: Any, places: dict[str, PlaceConfig]) -> pa.Table:
    ours = {name: place.location for name, place in places.items() if place.location is not None}
    to, arrived = (_located(rows[name], ours) for name in ("diverted_to", "arrived_place"))
    has_arrived = pc.equal(rows["status"], "arrived")
    elsewhere = pc.not_equal(pc.coalesce(arrived, to), rows["location_id"])
    # What has arrived elsewhere is stock there; what has arrived where it was meant to is waiting to be booked.
    is_lost = pc.or_(pc.is_in(rows["shipment_id"], value_set=lost.combine_chunks()), pc.equal(rows["status"], "lost"))
    gone = pc.or_(is_lost, pc.and_(has_arrived, pc.fill_null(elsewhere, False)))
    at = pc.index_in(rows["shipment_id"], value_set=shipments["shipment_id"].combine_chunks())
    coming = pc.coalesce(*(shipments[name] for name in ("expected_arrival", "eta", "planned_arrival")))
    day = pc.cast(coming, pa.date32()).combine_chunks().take(at.combine_chunks())
    found = pa.table(
        {
            "order_id": rows["order_id"], "line": rows["line"], "quantity": in_stock_units(rows),
            "expected_date": day, "location_id": to, "is_gone": gone,
        }
    )  # fmt: skip
    return found.filter(pc.or_(pc.invert(has_arrived), gone)).cast(ARRIVALS)


def _located(names: pa.ChunkedArray, ours: dict[str, str]) -> pa.ChunkedArray:
    """The location that a place is; a name that nobody has explained is one itself."""
    known = pa.array(list(ours.values()), pa.string()).take(
        pc.index_in(names, value_set=pa.array(list(ours), pa.string())).combine_chunks()
    )
    return pc.coalesce(known, names)


def in_stock_units(rows: pa.Table) -> NDArray[np.float64]:
    """(n,) quantities that shipments carry, in units of stock of their order lines; 0 where the units do not fit."""
    said = pc.coalesce(rows["unit"], rows["stock_unit"], pa.scalar(""))
    names = ("stock_unit", "order_unit", "order_units", "stock_units")
    words = [pc.fill_null(rows[name].cast(pa.string()), "") for name in names]
    kinds = pc.binary_join_element_wise(said, *words, "\x1f").combine_chunks().dictionary_encode()
    scales = np.array([_scale(*kind.split("\x1f")) for kind in kinds.dictionary.to_pylist()], dtype=np.float64)
    quantity = rows["quantity"].cast(pa.float64()).to_numpy()
    return np.asarray(quantity * scales[kinds.indices.to_numpy()], dtype=np.float64)


def _scale(said: str, unit: str, order_unit: str, order_units: str, stock_units: str) -> float:
    if not unit:
        return 1.0
    try:
        return float(stock_in(said, unit, Pack(order_unit, int(order_units), int(stock_units)) if order_unit else None))
    except ScaleinvError:
        return 0.0
