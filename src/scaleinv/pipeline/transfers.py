"""Transfers that were proposed and are not carried out yet: what a night counts, and what persons say of them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.errors import DataError, explain
from scaleinv.pipeline.register import has_book, order_book
from scaleinv.pipeline.walk import Walk
from scaleinv.replenish import MOVES, open_transfers
from scaleinv.schema import table
from scaleinv.schema.words import series_id

_PROPOSALS: Final = table("gold/transfer_proposals")
_LISTED: Final = table("silver/transfers")
_VERSION: Final = ("transfer_id", "line", "known_on", "load", "source")


def transfers_of(walk: Walk) -> pa.Table | None:
    """What is open of the proposals of earlier nights; ``None``: nothing.

    Read are the nights of ``replenish.transfer_days``, each a partition, and of the ERP's list the articles that they
    speak of.
    """
    found = transfers_after(walk, walk.as_of - timedelta(days=1))
    return found if found.num_rows else None


def transfers_after(walk: Walk, last: date) -> pa.Table:
    """:func:`replenish.open_transfers` of the nights up to ``last``, as it is known at ``as_of``."""
    nights = [last - timedelta(days=n) for n in range(walk.config.replenish.transfer_days)]
    names = [*MOVES.names, "unique_id"]
    proposed = pa.schema([_PROPOSALS.schema.field(name) for name in names]).empty_table()
    if nights and walk.lake.exists(_PROPOSALS):
        proposed = walk.lake.read(_PROPOSALS, where={"as_of": nights}, columns=names)
    if proposed.num_rows:
        proposed = proposed.filter(pc.invert(_closed(walk, proposed)))
    proposed = proposed.select(MOVES.names).cast(MOVES)
    return open_transfers(proposed, _listed(walk, proposed))


def close(walk: Walk, unique_id: str, from_location_id: str, *, who: str, why: str) -> None:
    """What was proposed up to ``as_of`` on this way is done where no list says so, or will not be done.

    Raises:
        DataError: nothing of it is open, or nobody or no reason is named.
    """
    from scaleinv.orderbook.transfers import close_transfer

    rows = transfers_after(walk, walk.as_of).to_pylist()
    ways = [(series_id(row["sku_id"], row["to_location_id"]), row["from_location_id"]) for row in rows]
    if (unique_id, from_location_id) not in ways:
        what = f"no transfer to {unique_id} from {from_location_id} is open on {walk.as_of}"
        known = [f"{series} from {place}" for series, place in ways]
        raise DataError(explain(what, expected="one of `scaleinv transfers list`", which=known))
    with order_book(walk.config) as book:
        close_transfer(
            book, unique_id, from_location_id, retailer=walk.config.retailer, as_of=walk.as_of, who=who, why=why
        )


def _closed(walk: Walk, proposed: pa.Table) -> pa.Array:
    """(n,) a person has closed it."""
    if not has_book(walk.config):
        return pa.repeat(False, proposed.num_rows)
    from scaleinv.orderbook.transfers import closed_transfers

    since = pc.min(proposed["as_of"]).as_py()
    with order_book(walk.config) as book:
        closed = closed_transfers(book, retailer=walk.config.retailer, since=since)
    # Of several on one way the last one counts.
    closed = closed.group_by(["unique_id", "from_location_id"]).aggregate([("as_of", "max")])
    at = pc.index_in(_ways(proposed), value_set=_ways(closed))
    until = closed["as_of_max"].combine_chunks().take(at)
    return pc.fill_null(pc.less_equal(proposed["as_of"].combine_chunks(), until), False)


def _ways(rows: pa.Table) -> pa.Array:
    names = (rows[name].combine_chunks() for name in ("unique_id", "from_location_id"))
    return pc.binary_join_element_wise(*names, "\x1f")


def _listed(walk: Walk, proposed: pa.Table) -> pa.Table:
    """``MOVES`` of the ERP's list: each line by the night that knew it first, with the most that it ever said.

    One that the ERP has cancelled was its answer to a proposal all the same: that proposal is open no more.
    """
    if not proposed.num_rows or not walk.lake.exists(_LISTED):
        return MOVES.empty_table()
    names = [*_VERSION, "sku_id", "from_location_id", "location_id", "quantity"]
    wanted = pc.unique(proposed["sku_id"]).to_pylist()
    rows = walk.lake.read(_LISTED, where={"sku_id": wanted}, columns=names)
    rows = rows.filter(pc.less_equal(rows["known_on"], pa.scalar(walk.as_of)))
    rows = rows.sort_by([(name, "ascending") for name in _VERSION]).combine_chunks()
    if not rows.num_rows:
        return MOVES.empty_table()
    keys = pc.binary_join_element_wise(rows["transfer_id"], rows["line"].cast(pa.string()), "\x1f").combine_chunks()
    first = np.unique(pc.index_in(keys, value_set=keys).to_numpy(zero_copy_only=False))
    last = np.append(first[1:], rows.num_rows) - 1
    found = rows.take(pa.array(last)).rename_columns({"location_id": "to_location_id"})
    known = rows["known_on"].take(pa.array(first))
    most = np.maximum.reduceat(rows["quantity"].to_numpy(), first)
    found = found.set_column(found.column_names.index("quantity"), "quantity", pa.array(most))
    return found.append_column("as_of", known).select(MOVES.names).cast(MOVES)
