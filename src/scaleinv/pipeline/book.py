"""What the order book knows that a night goes by: open orders of earlier nights, and decisions of persons."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.pipeline.arrivals import Foreseen, coming, foreseen, with_arrivals
from scaleinv.pipeline.erp_arrivals import erp_moves
from scaleinv.pipeline.register import has_book, order_book
from scaleinv.pipeline.walk import Walk
from scaleinv.replenish import DECISIONS, OwnOrders, own_orders
from scaleinv.schema import table
from scaleinv.schema.life import OPEN_LINES


def decisions_of(walk: Walk) -> pa.Table:
    """The last decision of persons on each exception; those that ended of late are among them."""
    if not has_book(walk.config):
        return DECISIONS.empty_table()
    from scaleinv.orderbook.exception_decisions import known_decisions

    ended = walk.as_of - timedelta(days=walk.config.replenish.exceptions.forget_days)
    with order_book(walk.config) as book:
        return known_decisions(book, ended=ended, as_of=walk.as_of)


def shipments_of(walk: Walk) -> Foreseen | None:
    """What this evening knows of shipments; ``None``: none carries anything."""
    if not has_book(walk.config):
        return None
    with order_book(walk.config) as book:
        return foreseen(book, walk.config, as_of=walk.as_of)


def own_orders_of(walk: Walk, seen: Foreseen | None) -> OwnOrders | None:
    """Orders of earlier nights that the ERP's list does not hold, and what shipments say otherwise of any.

    Open ones are on their way. What came of late is there already, and no stock record may know it yet.

    ``seen``: :func:`shipments_of`. ``None``: there is neither.
    """
    if not has_book(walk.config):
        return None
    from scaleinv.orderbook import open_lines, own_receipts

    config = walk.config
    # Nothing is ordered by a stock record that is older.
    since = walk.as_of - timedelta(days=config.replenish.max_stock_age_days)
    ordered_after = walk.as_of - timedelta(days=config.vendors.history_days)
    with order_book(config) as book:
        lines = open_lines(book, retailer=config.retailer, before=walk.as_of)
        came = own_receipts(
            book, retailer=config.retailer, since=since, as_of=walk.as_of, ordered_after=ordered_after
        )  # fmt: skip
    way = coming(seen, walk.config) if seen is not None else None
    moves = erp_moves(walk, way) if way is not None else OPEN_LINES.empty_table()
    if not lines.num_rows and not moves.num_rows and not came.num_rows:
        return None
    ids = _listed(walk, lines, came)
    chances = {}
    if walk.lake.exists(table("gold/late_supply")):
        rows = walk.read("gold/late_supply").to_pylist()  # one per vendor
        chances = {row["vendor_id"]: np.asarray(row["chance"], dtype=np.float64) for row in rows}
    if way is not None:
        lines = with_arrivals(lines, way.arrivals)
    own = own_orders(lines, ids, as_of=walk.as_of, chances=chances, came=came)
    return replace(own, lines=pa.concat_tables([own.lines, moves.cast(own.lines.schema)]).combine_chunks())


def _listed(walk: Walk, *own: pa.Table) -> pa.Array:
    """Of the numbers that own orders go by, those that the ERP's list has; its history is not read for more."""
    orders = table("silver/purchase_orders")
    columns = [column for rows in own for column in (rows["order_id"], rows["erp_number"].drop_null())]
    names = pc.unique(pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string()))
    if not len(names) or not walk.lake.exists(orders):
        return pa.array([], pa.string())
    known = walk.lake.read(orders, where={"order_id": names.to_pylist()}, columns=["order_id", "known_on"])
    return pc.unique(known.filter(pc.less_equal(known["known_on"], pa.scalar(walk.as_of)))["order_id"])
