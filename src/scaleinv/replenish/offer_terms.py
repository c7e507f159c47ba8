"""What belongs to the offers of vendors, read from its tables into arrays: breaks, records, lead times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def places(keys: pa.ChunkedArray, known: pa.Array | pa.ChunkedArray, name: str) -> Ints:
    """(n,) for each key its place among ``known``.

    Raises:
        DataError: one is not there.
    """
    found = pc.index_in(keys, value_set=known.combine_chunks() if isinstance(known, pa.ChunkedArray) else known)
    if found.null_count:
        lost = pc.unique(keys.filter(pc.is_null(found)))
        raise DataError(
            explain(
                f"{name} lacks rows", which=lost.slice(0, 6).to_pylist(), do="add them to the source, or leave it out"
            )
        )
    return np.asarray(found.to_numpy(), dtype=np.int64)


def numbers(data: pa.Table, name: str, empty: float = np.nan) -> Floats:
    """(n,) a column; ``empty`` where it is null."""
    column = pc.fill_null(data[name].cast(pa.float64()), empty)
    return np.asarray(column.to_numpy(), dtype=np.float64)


def breaks_of(vendor_items: pa.Table, price_breaks: pa.Table | None) -> tuple[Floats | None, Floats | None]:
    """(n_offers, most breaks of one) from which quantity on a unit costs what; inf: there is none. ``None``: no breaks.

    Breaks of what nobody offers are left out: the catalogue of a vendor may be longer than the assortment.
    """
    if price_breaks is None or not price_breaks.num_rows:
        return None, None
    known, asked = (pc.binary_join_element_wise(of["vendor_id"], of["sku_id"], "\x1f")
                    for of in (vendor_items, price_breaks))  # fmt: skip
    offer = pc.fill_null(pc.index_in(asked, value_set=known.combine_chunks()), -1).to_numpy().astype(np.int64)
    start, cost = numbers(price_breaks, "min_quantity"), numbers(price_breaks, "unit_cost")
    order = np.lexsort((start, offer))
    order = order[offer[order] >= 0]
    if not order.size:
        return None, None
    offer = offer[order]
    place = np.arange(order.size) - np.searchsorted(offer, offer)
    shape = (vendor_items.num_rows, int(place.max()) + 1)
    quantity, price = np.full(shape, np.inf), np.zeros(shape)
    quantity[offer, place], price[offer, place] = start[order], cost[order]
    return quantity, price


def chances_of(vendors: pa.ChunkedArray, records: pa.Table | None) -> tuple[Floats, Floats]:
    """(n_vendors,) chance of a late line, and share that never comes, as recorded; 0 where nothing is."""
    if records is None or not records.num_rows:
        none = np.zeros(len(vendors))
        return none, none
    at = pc.index_in(vendors, value_set=records["vendor_id"].combine_chunks())
    late, short = (np.nan_to_num(pc.fill_null(records[name].take(at), 0.0).to_numpy()) for name in ("late", "short"))
    return late.astype(np.float64), short.astype(np.float64)


@dataclass(frozen=True)
class Deliveries:
    """What is expected of each candidate's next delivery, (n, n_vendors) each."""

    lead_time: Floats
    """mean days"""
    lead_time_sd: Floats
    late: Floats
    """chance that a line comes after its day; nan: not predicted"""
    short: Floats
    """share that never comes; nan: not predicted"""


def deliveries_of(
    locations: pa.ChunkedArray,
    vendors: pa.ChunkedArray,
    at: Ints,
    is_there: NDArray[np.bool_],
    lead_times: pa.Table,
) -> Deliveries:
    """By the lane's row of ``gold/lead_times``, else by the vendor's.

    Args:
        locations: (n,) of the lines.
        vendors: (n_offers,) of the offers.
        at: (n, n_vendors) offers of the lines.
        is_there: (n, n_vendors) there is such an offer.
        lead_times: gold/lead_times.

    Raises:
        DataError: a vendor has none.
    """
    flat = lead_times["probability"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    p = np.asarray(flat, dtype=np.float64).reshape(lead_times.num_rows, -1)
    days = np.arange(p.shape[1])
    mean = p @ days
    sd = np.sqrt(np.maximum(p @ days**2 - mean**2, 0.0))
    # Number 0 is any location, number 0 of a vendor is one that has no lead times: no key has it.
    lanes = pc.unique(lead_times["location_id"]).drop_null()
    names = pc.unique(lead_times["vendor_id"])
    known = _numbers_in(lead_times["vendor_id"], names) * (len(lanes) + 1) + _numbers_in(
        lead_times["location_id"], lanes
    )
    order = np.argsort(known)
    wanted = (_numbers_in(vendors, names) * (len(lanes) + 1))[at]

    def found(keys: Ints) -> Ints:
        place = order[np.minimum(np.searchsorted(known, keys, sorter=order), len(known) - 1)]
        return np.where(known[place] == keys, place, -1)

    row = found(wanted)
    if len(lanes):
        own = found(wanted + _numbers_in(locations, lanes)[:, None])
        row = np.where(own >= 0, own, row)
    missing = (row < 0) & is_there
    if missing.any():
        which = pc.unique(vendors.take(pa.array(at[missing]))).slice(0, 6).to_pylist()
        raise DataError(
            explain("vendors without lead times in gold/lead_times", which=which, do="let them quote one, run features")
        )
    late, short = (numbers(lead_times, name)[row] for name in ("late", "short"))
    return Deliveries(mean[row], sd[row], late, short)


def _numbers_in(texts: pa.ChunkedArray, known: pa.Array) -> Ints:
    """(n,) from 1; 0: it is not there."""
    found = pc.index_in(texts, value_set=known, skip_nulls=True)
    return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64) + 1
