"""What the order book knows that a night goes by: open orders of earlier nights, and decisions of persons."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.pipeline.arrivals import coming, with_arrivals
from scaleinv.pipeline.erp_arrivals import erp_moves
from scaleinv.pipeline.register import has_book, order_book
from scaleinv.pipeline.walk import Walk
from scaleinv.replenish import DECISIONS, OwnOrders, own_orders
from scaleinv.schema import table


def decisions_of(walk: Walk) -> pa.Table:
    """The last decision of persons on each exception; those that have ended are among them."""
    if not has_book(walk.config):
        return DECISIONS.empty_table()
    from scaleinv.orderbook.exception_decisions import known_decisions

    with order_book(walk.config) as book:
        return known_decisions(book, as_of=walk.as_of)


def own_orders_of(walk: Walk) -> OwnOrders | None:
    """Open orders of earlier nights that the ERP's list does not hold, and what shipments say otherwise of any.

    ``None``: there is neither.
    """
    if not has_book(walk.config):
        return None
    from scaleinv.orderbook import open_lines

    with order_book(walk.config) as book:
        lines = open_lines(book, retailer=walk.config.retailer, before=walk.as_of)
        way = coming(book, walk.config, as_of=walk.as_of)
    moves = erp_moves(walk, way)
    if not lines.num_rows and not moves.num_rows:
        return None
    orders = table("silver/purchase_orders")
    ids = pa.array([], pa.string())
    if walk.lake.exists(orders):
        known = walk.lake.read(orders, columns=["order_id", "known_on"])
        ids = pc.unique(known.filter(pc.less_equal(known["known_on"], pa.scalar(walk.as_of)))["order_id"])
    chances = {}
    if walk.lake.exists(table("gold/late_supply")):
        rows = walk.read("gold/late_supply").to_pylist()  # one per vendor
        chances = {row["vendor_id"]: np.asarray(row["chance"], dtype=np.float64) for row in rows}
    own = own_orders(with_arrivals(lines, way.arrivals), ids, as_of=walk.as_of, chances=chances)
    return OwnOrders(pa.concat_tables([own.lines, moves.cast(own.lines.schema)]).combine_chunks(), own.chances)
