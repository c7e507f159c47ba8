"""A night's proposals enter the book: once, however often it is done again, and never over a person's decision."""

from __future__ import annotations

import datetime
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from scaleinv.orderbook.database import Book, alone
from scaleinv.orderbook.earlier import is_past, keepers, moved, tonights, undecided
from scaleinv.orderbook.enter import Kept, Registered, insert, update, withdraw
from scaleinv.orderbook.make_way import Night, common, end, supersede
from scaleinv.orderbook.proposals import Proposed, proposed
from scaleinv.orderbook.state import load, now, pieces, write
from scaleinv.orderbook.tables import ORDERS


def register(
    book: Book,
    proposals: pa.Table,
    *,
    retailer: str,
    as_of: date,
    unwanted: pa.ChunkedArray | None = None,
    since: datetime.datetime | None = None,
    at: datetime.datetime | None = None,
) -> Registered:
    """Takes in ``gold/order_proposals`` of one night. Killed anywhere and done again, it ends the same.

    An order that nobody decided on and that was not exported follows what the night says last; the others keep their
    goods, with whatever order they are proposed now. Open proposals of earlier nights for the same goods are superseded
    in the transaction in which tonight's enter: what is proposed stands in the book once. Where a person holds such
    goods, has changed their quantities or decides on them meanwhile, or the ERP failed to take them, tonight's order
    of them is held, too. Open proposals of earlier nights for goods that the night does not want end, if nobody has
    decided on them; not by a night after which a later one is in the book.

    Args:
        book: the order book.
        proposals: of one night.
        retailer: whose.
        as_of: the night.
        unwanted: series that the night looked at, and of which it orders nothing; all others that it does not propose
            it says nothing of.
        since: when the night read what is open: what was decided since is not in its position. ``None``: decisions
            from now on.
        at: the moment of its events; ``None``: now.

    Raises:
        DataError: the proposals are of another night, or cannot be kept exactly.
    """
    result = Registered()
    tonight = tonights(book, retailer, as_of)
    keeps = keepers(proposals, tonight)
    orders = proposed(proposals, retailer=retailer, as_of=as_of, keeps=keeps)
    others = undecided(book, retailer, as_of, proposals["unique_id"])
    for name, ids in moved(orders.lines, tonight).items():
        others.setdefault(name, set()).update(ids)
    with book.reading() as connection:
        past = is_past(connection, retailer, as_of)
        chosen = sa.select(ORDERS.c.order_id, ORDERS.c.content, ORDERS.c.status, ORDERS.c.is_decided)
        mine = chosen.where(ORDERS.c.retailer == retailer, ORDERS.c.as_of == as_of)
        known = {row.order_id: row for row in connection.execute(mine)}
    kept = keeps.drop_null().value_counts().to_pylist()
    for one in kept:
        why = f"{one['counts']} of its goods are proposed with another order: they stay here"
        result.kept.append(Kept(one["values"], known[one["values"]].status, why))
    goods = frozenset(one["values"] for one in kept)
    stale = {} if unwanted is None or past else undecided(book, retailer, as_of, _without(unwanted, proposals))
    _enter(Night(book, retailer, as_of, at or now(), since, past, others, goods, stale), orders, known, result)
    return result


def _without(unwanted: pa.ChunkedArray, proposals: pa.Table) -> pa.ChunkedArray:
    is_proposed = pc.is_in(unwanted, value_set=proposals["unique_id"].combine_chunks())
    return unwanted.filter(pc.invert(is_proposed))


def _enter(night: Night, orders: Proposed, known: dict[str, Any], result: Registered) -> None:
    new, differing = [], []
    for number, head in enumerate(orders.heads):
        row = known.pop(head["order_id"], None)
        if row is None:
            new.append(number)
        elif row.content != head["content"] or (row.status == "cancelled" and not row.is_decided):
            differing.append(number)
        else:
            result.unchanged += 1
    for ids in pieces(sorted(known)):  # first, so that goods which go to another order have left this one
        withdraw(night, ids, result)
    for piece in orders.pieces(differing):
        update(night, orders, piece, result)
    for piece in orders.pieces(new):
        result.new += insert(night, orders, piece)
    for ids in pieces(sorted(set().union(*night.others.values()))):  # those of what is not new, too
        with night.book.writing() as connection:
            alone(connection, "register")
            found = load(connection, ids)
            for order in found.values():
                supersede(night, order, common(night, order))
            write(connection, found.values())
    for ids in pieces(sorted(set().union(*night.unwanted.values()))):
        with night.book.writing() as connection:
            alone(connection, "register")
            found = load(connection, ids)
            for order in found.values():
                end(night, order)
            write(connection, found.values())
    result.superseded, result.ended = len(night.superseded), len(night.ended)
