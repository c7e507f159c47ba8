"""A night's proposals enter the book: once, however often it is done again, and never over a person's decision."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from scaleinv.orderbook.database import Book, alone
from scaleinv.orderbook.open import Hold, predecessors
from scaleinv.orderbook.proposals import Proposed, proposed
from scaleinv.orderbook.state import AT_ONCE, ZERO, Order, Row, insert_many, load, now, pieces, plain, write
from scaleinv.orderbook.tables import ORDER_EVENTS, ORDER_LINES, ORDERS
from scaleinv.schema.life import OrderStatus

WE: Final = "scaleinv"
_STATUS: Final[dict[str, OrderStatus]] = {"approve": "approved", "propose": "proposed", "hold": "held"}


@dataclass(frozen=True)
class Kept:
    """An order that was left as it is although the night now says otherwise."""

    order_id: str
    status: str
    why: str


@dataclass
class Registered:
    """What became of a night's proposals; counts are orders."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    """Orders of the night that it no longer proposes."""
    superseded: int = 0
    """Proposals of earlier nights, all or part of whose goods are proposed again."""
    kept: list[Kept] = field(default_factory=list)


@dataclass(frozen=True)
class _Night:
    book: Book
    retailer: str
    as_of: date
    at: datetime.datetime
    is_past: bool
    """A later night is in the book."""
    holds: dict[str, Hold]
    """unique_id -> why its goods are held."""


def register(
    book: Book, proposals: pa.Table, *, retailer: str, as_of: date, at: datetime.datetime | None = None
) -> Registered:
    """Takes in ``gold/order_proposals`` of one night. Killed anywhere and done again, it ends the same.

    An order that nobody decided on and that was not exported follows what the night says last. Open proposals of
    earlier nights for the same goods are superseded: what is proposed stands in the book once. Where a person holds
    such goods, or the ERP failed to take them, tonight's order of them is held, too.

    Raises:
        DataError: the proposals are of another night, or cannot be kept exactly.
    """
    orders = proposed(proposals, retailer=retailer, as_of=as_of)
    before = predecessors(book, retailer, as_of, orders.lines["unique_id"])
    with book.reading() as connection:
        asked = sa.select(sa.func.max(ORDERS.c.as_of)).where(ORDERS.c.retailer == retailer)
        newest = connection.execute(asked).scalar()
        chosen = sa.select(ORDERS.c.order_id, ORDERS.c.content, ORDERS.c.status, ORDERS.c.is_decided)
        mine = chosen.where(ORDERS.c.retailer == retailer, ORDERS.c.as_of == as_of)
        known = {row.order_id: row for row in connection.execute(mine)}
    night = _Night(book, retailer, as_of, at or now(), bool(newest and newest > as_of), before.holds)
    result = Registered()
    new, differing = [], []
    for number, head in enumerate(orders.heads):
        row = known.pop(head["order_id"], None)
        if row is None:
            new.append(number)
        elif row.content != head["content"] or (row.status == "cancelled" and not row.is_decided):
            differing.append(number)
        else:
            result.unchanged += 1
    for piece in orders.pieces(new):
        result.new += _insert(night, orders, piece)
    for piece in orders.pieces(differing):
        _update(night, orders, piece, result)
    for ids in pieces(sorted(known)):
        _change(night, ids, lambda order: _withdraw(night, order, result))
    for ids in pieces(sorted(before.lines)):
        _change(night, ids, lambda order: _supersede(night, order, before.lines[order.order_id], result))
    return result


def _change(night: _Night, ids: Any, change: Callable[[Order], None]) -> None:
    with night.book.writing() as connection:
        alone(connection, "register")
        found = load(connection, ids)
        for order in found.values():
            change(order)
        write(connection, found.values())


# --- new orders -----------------------------------------------------------------------------------------------------


def _insert(night: _Night, orders: Proposed, numbers: list[int]) -> int:
    with night.book.writing() as connection:
        alone(connection, "register")
        ids = [orders.heads[number]["order_id"] for number in numbers]
        there: set[str] = set()
        for some in pieces(ids, AT_ONCE):
            there |= set(connection.execute(sa.select(ORDERS.c.order_id).where(ORDERS.c.order_id.in_(some))).scalars())
        fresh = [number for number in numbers if orders.heads[number]["order_id"] not in there]
        lines = orders.rows(fresh)
        of_order: dict[str, list[Row]] = {}
        for line in lines:
            of_order.setdefault(line["order_id"], []).append(line)
        heads, events = [], []
        for number in fresh:
            head = dict(orders.heads[number])
            steps = _first_steps(night, head, of_order[head["order_id"]])
            del head["disposition"]
            heads.append(head | {"status": steps[-1]["new_status"], "version": len(steps)})
            events += steps
        insert_many(connection, ORDERS, heads)
        insert_many(connection, ORDER_LINES, lines)
        insert_many(connection, ORDER_EVENTS, events)
    return len(fresh)


def _first_steps(night: _Night, head: Row, lines: list[Row]) -> list[Row]:
    made = {str(line["line"]): {"ordered": [None, plain(line["ordered"])]} for line in lines}
    event = {"order_id": head["order_id"], "version": 1, "at": night.at, "who": WE, "old_status": None}
    event |= {"new_status": "proposed", "why": f"proposed by the night {night.as_of}", "changes": {"lines": made}}
    to, who, why, is_decided = _verdict(night, head, [line["unique_id"] for line in lines])
    if to == "proposed":
        return [event]
    head["is_decided"] = is_decided
    changes = {"is_decided": [False, True]} if is_decided else {}
    step = {"old_status": "proposed", "new_status": to, "version": 2, "who": who, "why": why, "changes": changes}
    return [event, event | step]


def _verdict(night: _Night, head: Row, unique_ids: list[str]) -> tuple[OrderStatus, str, str, bool]:
    """What becomes of an order that nobody has decided on: status, who says so, and why.

    Last, whether a person decided so of an order of the same goods.
    """
    if night.is_past:
        return "held", WE, "a later night is in the book already: its goods may be ordered by that one", False
    holds = [night.holds[name] for name in unique_ids if name in night.holds]
    if holds:
        first = max(holds, key=lambda hold: hold.is_decided)
        return "held", WE, first.why, first.is_decided
    rule = head["rule"] or "auto"
    return _STATUS[head["disposition"]], f"rule:{rule}", f"{head['disposition']} by rule {rule}", False


# --- orders of the night that are there -------------------------------------------------------------------------------


def _update(night: _Night, orders: Proposed, numbers: list[int], result: Registered) -> None:
    heads = {orders.heads[number]["order_id"]: orders.heads[number] for number in numbers}
    lines: dict[str, dict[int, Row]] = {}
    for line in orders.rows(numbers):
        lines.setdefault(line["order_id"], {})[line["line"]] = line

    def change(order: Order) -> None:
        why = _why_kept(night, order)
        if why:
            result.kept.append(Kept(order.order_id, order.status, why))
            return
        _replace(night, order, heads[order.order_id], lines[order.order_id])
        result.updated += 1

    _change(night, list(heads), change)


def _why_kept(night: _Night, order: Order) -> str:
    head = order.head
    if head["exports"] or head["set_number"] is not None:
        return "it was exported"
    if head["is_edited"]:
        return "a person changed its quantities"
    if head["is_decided"] and order.status in ("approved", "cancelled"):
        return f"a person has {order.status} it"
    if order.status == "cancelled" and night.is_past:
        return "a later night may have taken its place"
    return ""


def _replace(night: _Night, order: Order, head: Row, lines: dict[int, Row]) -> None:
    order.lines = lines
    order.head |= {name: head[name] for name in ("value", "delivery_date", "rule", "content")}
    ids = [line["unique_id"] for line in lines.values()]
    to, who, why, is_decided = _verdict(night, head, ids)
    if order.head["is_decided"]:  # a person's hold, or a person's release, stays
        to = order.status
    again: OrderStatus = "proposed" if order.status == "cancelled" else order.status
    order.record(again, who=WE, why=f"proposed otherwise by the night {night.as_of}, done again", at=night.at)
    if to != order.status:
        order.head["is_decided"] |= is_decided
        order.record(to, who=who, why=why, at=night.at)


def _withdraw(night: _Night, order: Order, result: Registered) -> None:
    if order.status == "cancelled":
        return
    why = _why_kept(night, order) or ("a person decided on it" if order.head["is_decided"] else "")
    if why:
        result.kept.append(Kept(order.order_id, order.status, why))
        return
    cancel_all(order)
    order.record("cancelled", who=WE, why=f"no longer proposed by the night {night.as_of}, done again", at=night.at)
    result.withdrawn += 1


# --- proposals of earlier nights --------------------------------------------------------------------------------------


def _supersede(night: _Night, order: Order, numbers: set[int], result: Registered) -> None:
    if order.status not in ("proposed", "held") or order.head["exports"]:
        return
    left = {n for n, line in order.lines.items() if line["ordered"] > 0} - numbers
    why = f"superseded: the night {night.as_of} proposes the same goods"
    if not left:
        cancel_all(order)
        order.record("cancelled", who=WE, why=why, at=night.at)
    else:
        for number in numbers & set(order.lines):
            order.lines[number] |= {"ordered": ZERO, "value": ZERO}
        order.head["value"] = sum((line["value"] for line in order.lines.values()), ZERO)
        order.record(order.status, who=WE, why=why, at=night.at)
    result.superseded += 1


def cancel_all(order: Order) -> None:
    """What has not been received will not come; what was on its way is lost."""
    for line in order.lines.values():
        line["shipped"] = min(line["shipped"], line["received"])
        line["cancelled"] = max(ZERO, line["ordered"] - line["received"])
