"""Orders of the same goods that the book has already: what a night would double."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from scaleinv.orderbook.database import Book
from scaleinv.orderbook.state import ROWS_AT_ONCE, WE, ZERO, Order, Row
from scaleinv.orderbook.tables import ORDER_EVENTS, ORDER_LINES, ORDERS

ENDED: Final = "the night of "
"""How the reason begins why a later night took goods out of an order that it does not want."""
_TONIGHT = pa.schema([("order_id", pa.string()), ("unique_id", pa.string()), ("is_standing", pa.bool_())])


@dataclass(frozen=True)
class Hold:
    """Why goods are not to go out by themselves."""

    why: str
    is_decided: bool
    """A person holds them; otherwise another order of them has to be looked at first."""


def is_standing(head: Row) -> bool:
    """Whether an order stays as it is, whatever its night says when it is done again."""
    return bool(head["exports"] or head["set_number"] is not None or head["is_edited"] or head["is_decided"])


def tonights(book: Book, retailer: str, as_of: date) -> pa.Table:
    """Goods of the orders that a night has in the book: order_id, unique_id, is_standing."""
    line, order = ORDER_LINES.c, ORDERS.c
    stands = sa.or_(order.exports > 0, order.set_number.is_not(None), order.is_edited, order.is_decided)
    asked = sa.select(line.order_id, line.unique_id, stands).join(ORDERS, order.order_id == line.order_id)
    asked = asked.where(order.retailer == retailer, order.as_of == as_of).order_by(line.order_id, line.line)
    with book.reading() as connection:
        rows = connection.execute(asked).partitions(ROWS_AT_ONCE)
        parts = [_as_table(some) for some in rows]
    return pa.concat_tables([_TONIGHT.empty_table(), *parts]).combine_chunks()


def _as_table(rows: Sequence[Any]) -> pa.Table:
    ids, names, stands = zip(*rows, strict=True)
    return pa.table([ids, names, list(map(bool, stands))], schema=_TONIGHT)


def keepers(proposals: pa.Table, tonight: pa.Table) -> pa.ChunkedArray:
    """(n_lines,) the standing order of the same night that has a line's goods already; null: none but its own."""
    standing = tonight.filter(tonight["is_standing"]).combine_chunks()
    return _others(proposals, standing)


def moved(proposals: pa.Table, tonight: pa.Table) -> dict[str, set[str]]:
    """unique_id -> orders of the same night that had the goods, of those that are proposed with another one now."""
    other = _others(tonight, proposals.select(["order_id", "unique_id"]).combine_chunks())
    rows = tonight.filter(pc.is_valid(other))
    return _grouped(rows["unique_id"].to_pylist(), rows["order_id"].to_pylist())


def _others(lines: pa.Table, where: pa.Table) -> pa.ChunkedArray:
    """(n_lines,) the order in ``where`` that has a line's goods, if it is not the line's own."""
    if not where.num_rows:
        return pa.chunked_array([pa.nulls(lines.num_rows, pa.string())])
    at = pc.index_in(lines["unique_id"], value_set=where["unique_id"].combine_chunks())
    found = where["order_id"].take(at)
    own = pc.equal(found, lines["order_id"])
    return pc.if_else(pc.fill_null(own, True), pa.scalar(None, pa.string()), found)


def _grouped(names: list[str], order_ids: list[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, order_id in zip(names, order_ids, strict=True):
        found.setdefault(name, set()).add(order_id)
    return found


def is_past(connection: sa.Connection, retailer: str, as_of: date) -> bool:
    """Whether a later night has entered: the book has its orders, or it ordered nothing and ended some of this one."""
    event, order = ORDER_EVENTS.c, ORDERS.c
    newest = connection.execute(sa.select(sa.func.max(order.as_of)).where(order.retailer == retailer)).scalar()
    if newest and newest > as_of:
        return True
    ended = sa.select(event.order_id).join(ORDERS, order.order_id == event.order_id)
    ended = ended.where(order.retailer == retailer, order.as_of == as_of, event.who == WE)
    return connection.execute(ended.where(event.why.startswith(ENDED)).limit(1)).first() is not None


def undecided(book: Book, retailer: str, as_of: date, unique_ids: pa.ChunkedArray) -> dict[str, set[str]]:
    """unique_id -> orders of earlier nights, proposed or held, with goods that the night proposes again."""
    found: dict[str, set[str]] = {}
    with book.reading() as connection:
        for part in _undecided(connection, retailer, as_of):
            rows = part.filter(pc.is_in(part["unique_id"], value_set=unique_ids.combine_chunks()))
            for name, ids in _grouped(rows["unique_id"].to_pylist(), rows["order_id"].to_pylist()).items():
                found.setdefault(name, set()).update(ids)
    return found


def _undecided(connection: sa.Connection, retailer: str, as_of: date) -> Iterator[pa.Table]:
    line, order = ORDER_LINES.c, ORDERS.c
    query = sa.select(line.order_id, line.unique_id).join(ORDERS, order.order_id == line.order_id)
    query = query.where(order.status.in_(["proposed", "held"]), order.retailer == retailer, order.as_of < as_of)
    result = connection.execute(query.where(line.ordered > ZERO))
    for rows in result.partitions(ROWS_AT_ONCE):
        yield pa.table(list(zip(*rows, strict=True)), names=["order_id", "unique_id"])


def decided_since(
    connection: sa.Connection, retailer: str, as_of: date, since: datetime.datetime, unique_ids: set[str]
) -> dict[str, set[str]]:
    """unique_id -> orders of earlier nights that were approved or cancelled from ``since`` on, and not by us."""
    event, line, order = ORDER_EVENTS.c, ORDER_LINES.c, ORDERS.c
    asked = sa.select(line.unique_id, line.order_id).distinct()
    asked = asked.join(ORDERS, order.order_id == line.order_id).join(ORDER_EVENTS, event.order_id == line.order_id)
    asked = asked.where(order.retailer == retailer, order.as_of < as_of, event.at >= since, event.who != WE)
    asked = asked.where(event.old_status.in_(["proposed", "held"]), event.new_status.in_(["approved", "cancelled"]))
    rows = [row for row in connection.execute(asked) if row.unique_id in unique_ids]
    return _grouped([row.unique_id for row in rows], [row.order_id for row in rows])


def hold_of(connection: sa.Connection, order: Order, as_of: date) -> Hold | None:
    """Why an order lets no other one of the same goods go out; ``None``: it makes way, or has no say."""
    head = order.head
    if head["as_of"] == as_of and not is_standing(head):
        return None
    said = f"order {order.order_id} of the same goods"
    if order.status in ("proposed", "held"):
        if head["is_edited"]:
            return Hold(f"{said} is {order.status} with quantities that a person has changed", False)
        is_held = order.status == "held" and head["is_decided"]
        if not head["exports"] and not is_held and head["as_of"] < as_of:
            return None
        _, last = _last(connection, order.order_id)
        return Hold(f"{said} is {order.status}: {last}", is_held and not head["exports"])
    who, last = _last(connection, order.order_id)
    if order.status == "cancelled" and (who == WE or not head["is_decided"]):
        return None
    return Hold(f"{said} was decided on meanwhile, and is {order.status}: {last}", False)


def _last(connection: sa.Connection, order_id: str) -> tuple[str, str]:
    """Who had the last word on an order's status, and what it was; what we changed of its lines is none."""
    event = ORDER_EVENTS.c
    word = sa.or_(event.who != WE, event.old_status.is_(None), event.old_status != event.new_status)
    asked = sa.select(event.who, event.why).where(event.order_id == order_id, word)
    who, why = connection.execute(asked.order_by(event.version.desc()).limit(1)).one()
    return who, f"{who}, {why}"
