"""Orders of a night as they enter the book: new ones, those that it says otherwise now, those that it takes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from scaleinv.orderbook.database import alone
from scaleinv.orderbook.earlier import Hold
from scaleinv.orderbook.make_way import Night, load_others, make_way
from scaleinv.orderbook.proposals import Proposed
from scaleinv.orderbook.state import AT_ONCE, WE, Order, Row, cancel_all, insert_many, load, pieces, plain, write
from scaleinv.orderbook.tables import ORDER_EVENTS, ORDER_LINES, ORDERS
from scaleinv.schema.life import OrderStatus

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
    ended: int = 0
    """Proposals of earlier nights, all or part of whose goods are not wanted any more."""
    kept: list[Kept] = field(default_factory=list)


def insert(night: Night, orders: Proposed, numbers: list[int]) -> int:
    """Orders of which the book knows nothing; how many there were."""
    with night.book.writing() as connection:
        alone(connection, "register")
        ids = [orders.heads[number]["order_id"] for number in numbers]
        there: set[str] = set()
        for some in pieces(ids, AT_ONCE):
            there |= set(connection.execute(sa.select(ORDERS.c.order_id).where(ORDERS.c.order_id.in_(some))).scalars())
        fresh = [number for number in numbers if orders.heads[number]["order_id"] not in there]
        lines = orders.rows(fresh)
        names = {line["unique_id"] for line in lines}
        holds = make_way(connection, night, names, load_others(connection, night, names))
        of_order: dict[str, list[Row]] = {}
        for line in lines:
            of_order.setdefault(line["order_id"], []).append(line)
        heads, events = [], []
        for number in fresh:
            head = dict(orders.heads[number])
            steps = _first_steps(night, holds, head, of_order[head["order_id"]])
            del head["disposition"]
            heads.append(head | {"status": steps[-1]["new_status"], "version": len(steps)})
            events += steps
        insert_many(connection, ORDERS, heads)
        insert_many(connection, ORDER_LINES, lines)
        insert_many(connection, ORDER_EVENTS, events)
    return len(fresh)


def _first_steps(night: Night, holds: dict[str, Hold], head: Row, lines: list[Row]) -> list[Row]:
    made = {str(line["line"]): {"ordered": [None, plain(line["ordered"])]} for line in lines}
    event = {"order_id": head["order_id"], "version": 1, "at": night.at, "who": WE, "old_status": None}
    event |= {"new_status": "proposed", "why": f"proposed by the night {night.as_of}", "changes": {"lines": made}}
    to, who, why, is_decided = _verdict(night, holds, head, [line["unique_id"] for line in lines])
    if to == "proposed":
        return [event]
    head["is_decided"] = is_decided
    changes = {"is_decided": [False, True]} if is_decided else {}
    step = {"old_status": "proposed", "new_status": to, "version": 2, "who": who, "why": why, "changes": changes}
    return [event, event | step]


def _verdict(
    night: Night, holds: dict[str, Hold], head: Row, unique_ids: list[str]
) -> tuple[OrderStatus, str, str, bool]:
    """What becomes of an order that nobody has decided on: status, who says so, and why.

    Last, whether a person decided so of an order of the same goods.
    """
    if night.is_past:
        return "held", WE, "a later night is in the book already: its goods may be ordered by that one", False
    mine = [holds[name] for name in unique_ids if name in holds]
    if mine:
        first = max(mine, key=lambda hold: hold.is_decided)
        return "held", WE, first.why, first.is_decided
    rule = head["rule"] or "auto"
    return _STATUS[head["disposition"]], f"rule:{rule}", f"{head['disposition']} by rule {rule}", False


def update(night: Night, orders: Proposed, numbers: list[int], result: Registered) -> None:
    """Orders that the night now proposes otherwise."""
    heads = {orders.heads[number]["order_id"]: orders.heads[number] for number in numbers}
    lines: dict[str, dict[int, Row]] = {}
    for line in orders.rows(numbers):
        lines.setdefault(line["order_id"], {})[line["line"]] = line
    names = {line["unique_id"] for of_order in lines.values() for line in of_order.values()}
    with night.book.writing() as connection:
        alone(connection, "register")
        found = load_others(connection, night, names, heads)
        holds = make_way(connection, night, names, found)
        for order in [found[order_id] for order_id in sorted(heads)]:
            why = _why_kept(night, order)
            if why:
                result.kept.append(Kept(order.order_id, order.status, why))
                continue
            _replace(night, holds, order, heads[order.order_id], lines[order.order_id])
            result.updated += 1
        write(connection, found.values())


def _why_kept(night: Night, order: Order) -> str:
    head = order.head
    if head["exports"] or head["set_number"] is not None:
        return "it was exported"
    if head["is_edited"]:
        return "a person changed its quantities"
    if head["is_decided"] and order.status in ("approved", "cancelled"):
        return f"a person has {order.status} it"
    if head["is_decided"] and order.order_id in night.kept_goods:
        return "a person decided on it, and some of its goods are proposed with another order"
    if order.status == "cancelled" and night.is_past:
        return "a later night may have taken its place"
    return ""


def _replace(night: Night, holds: dict[str, Hold], order: Order, head: Row, lines: dict[int, Row]) -> None:
    order.lines = lines
    order.head |= {name: head[name] for name in ("value", "delivery_date", "rule", "content")}
    ids = [line["unique_id"] for line in lines.values()]
    to, who, why, is_decided = _verdict(night, holds, head, ids)
    if order.head["is_decided"]:  # a person's hold, or a person's release, stays
        to = order.status
    again: OrderStatus = "proposed" if order.status == "cancelled" else order.status
    order.record(again, who=WE, why=f"proposed otherwise by the night {night.as_of}, done again", at=night.at)
    if to != order.status:
        order.head["is_decided"] |= is_decided
        order.record(to, who=who, why=why, at=night.at)


def withdraw(night: Night, ids: Sequence[str], result: Registered) -> None:
    """Orders that the night no longer proposes."""
    with night.book.writing() as connection:
        alone(connection, "register")
        found = load(connection, ids)
        for order in found.values():
            if order.status == "cancelled":
                continue
            why = _why_kept(night, order) or ("a person decided on it" if order.head["is_decided"] else "")
            if why:
                result.kept.append(Kept(order.order_id, order.status, why))
                continue
            cancel_all(order)
            why = f"no longer proposed by the night {night.as_of}, done again"
            order.record("cancelled", who=WE, why=why, at=night.at)
            result.withdrawn += 1
        write(connection, found.values())
