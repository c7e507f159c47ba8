"""A night's proposals enter the book: once, however often it is done again, and never over a person's decision."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from scaleinv.orderbook.database import Book, alone
from scaleinv.orderbook.earlier import Hold, decided_since, hold_of, keepers, moved, tonights, undecided
from scaleinv.orderbook.proposals import Proposed, proposed
from scaleinv.orderbook.state import AT_ONCE, WE, ZERO, Order, Row, insert_many, load, now, pieces, plain, write
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
    kept: list[Kept] = field(default_factory=list)


@dataclass(frozen=True)
class _Night:
    book: Book
    retailer: str
    as_of: date
    at: datetime.datetime
    since: datetime.datetime | None
    is_past: bool
    """A later night is in the book."""
    others: dict[str, set[str]]
    """unique_id -> other orders that had its goods when the night began to enter."""
    kept_goods: frozenset[str]
    """Orders that keep goods which the night, done again, proposes with other ones."""
    superseded: set[str] = field(default_factory=set)


def register(
    book: Book,
    proposals: pa.Table,
    *,
    retailer: str,
    as_of: date,
    since: datetime.datetime | None = None,
    at: datetime.datetime | None = None,
) -> Registered:
    """Takes in ``gold/order_proposals`` of one night. Killed anywhere and done again, it ends the same.

    An order that nobody decided on and that was not exported follows what the night says last; the others keep their
    goods, with whatever order they are proposed now. Open proposals of earlier nights for the same goods are superseded
    in the transaction in which tonight's enter: what is proposed stands in the book once. Where a person holds such
    goods, has changed their quantities or decides on them meanwhile, or the ERP failed to take them, tonight's order
    of them is held, too.

    Args:
        book: the order book.
        proposals: of one night.
        retailer: whose.
        as_of: the night.
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
        asked = sa.select(sa.func.max(ORDERS.c.as_of)).where(ORDERS.c.retailer == retailer)
        newest = connection.execute(asked).scalar()
        chosen = sa.select(ORDERS.c.order_id, ORDERS.c.content, ORDERS.c.status, ORDERS.c.is_decided)
        mine = chosen.where(ORDERS.c.retailer == retailer, ORDERS.c.as_of == as_of)
        known = {row.order_id: row for row in connection.execute(mine)}
    kept = keeps.drop_null().value_counts().to_pylist()
    for one in kept:
        why = f"{one['counts']} of its goods are proposed with another order: they stay here"
        result.kept.append(Kept(one["values"], known[one["values"]].status, why))
    is_past = bool(newest and newest > as_of)
    goods = frozenset(one["values"] for one in kept)
    _enter(_Night(book, retailer, as_of, at or now(), since, is_past, others, goods), orders, known, result)
    return result


def _enter(night: _Night, orders: Proposed, known: dict[str, Any], result: Registered) -> None:
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
        _withdraw(night, ids, result)
    for piece in orders.pieces(differing):
        _update(night, orders, piece, result)
    for piece in orders.pieces(new):
        result.new += _insert(night, orders, piece)
    for ids in pieces(sorted(set().union(*night.others.values()))):  # those of what is not new, too
        with night.book.writing() as connection:
            alone(connection, "register")
            found = load(connection, ids)
            for order in found.values():
                _supersede(night, order, _common(night, order))
            write(connection, found.values())
    result.superseded = len(night.superseded)


# --- orders of the same goods -----------------------------------------------------------------------------------------


def _load_others(
    connection: sa.Connection, night: _Night, names: set[str], ids: Iterable[str] = ()
) -> dict[str, Order]:
    """Locked, with the orders ``ids``, in one go: nobody decides on them until tonight's are in."""
    return load(connection, {*ids, *(order_id for name in names for order_id in night.others.get(name, ()))})


def _make_way(connection: sa.Connection, night: _Night, names: set[str], found: dict[str, Order]) -> dict[str, Hold]:
    """Supersedes earlier proposals of goods. Returns unique_id -> why it must not go out by itself."""
    holds: dict[str, Hold] = {}
    for order in found.values():
        numbers = {n for n in _common(night, order) if order.lines[n]["unique_id"] in names}
        hold = hold_of(connection, order, night.as_of) if numbers else None
        if hold is not None:
            _add(holds, {order.lines[n]["unique_id"] for n in numbers}, hold)
        _supersede(night, order, numbers)
    write(connection, found.values())
    if night.since is not None:
        late = decided_since(connection, night.retailer, night.as_of, night.since, names)
        orders = load(connection, {order_id for ids in late.values() for order_id in ids}, with_lines=False)
        for name, ids in late.items():
            for order_id in sorted(ids):
                hold = hold_of(connection, orders[order_id], night.as_of)
                if hold is not None:
                    _add(holds, {name}, hold)
    return holds


def _common(night: _Night, order: Order) -> set[int]:
    """Lines of another order whose goods the night proposes."""
    goods = {n: line["unique_id"] for n, line in order.lines.items()}
    return {n for n, name in goods.items() if order.order_id in night.others.get(name, ())}


def _add(holds: dict[str, Hold], names: set[str], hold: Hold) -> None:
    for name in names:
        if name not in holds or hold.is_decided:
            holds[name] = hold


def _supersede(night: _Night, order: Order, numbers: set[int]) -> None:
    head = order.head
    numbers = {n for n in numbers if order.lines[n]["ordered"] > 0}
    if not numbers or order.status not in ("proposed", "held") or head["exports"] or head["is_edited"]:
        return
    if head["as_of"] == night.as_of:  # it follows the night by itself
        return
    left = {n for n, line in order.lines.items() if line["ordered"] > 0} - numbers
    why = f"superseded: the night {night.as_of} proposes the same goods"
    if not left:
        cancel_all(order)
        order.record("cancelled", who=WE, why=why, at=night.at)
    else:
        for number in numbers:
            order.lines[number] |= {"ordered": ZERO, "value": ZERO}
        order.head["value"] = sum((line["value"] for line in order.lines.values()), ZERO)
        order.record(order.status, who=WE, why=why, at=night.at)
    night.superseded.add(order.order_id)


def cancel_all(order: Order) -> None:
    """What has not been received will not come; what was on its way is lost."""
    for line in order.lines.values():
        line["shipped"] = min(line["shipped"], line["received"])
        line["cancelled"] = max(ZERO, line["ordered"] - line["received"])


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
        names = {line["unique_id"] for line in lines}
        holds = _make_way(connection, night, names, _load_others(connection, night, names))
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


def _first_steps(night: _Night, holds: dict[str, Hold], head: Row, lines: list[Row]) -> list[Row]:
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
    night: _Night, holds: dict[str, Hold], head: Row, unique_ids: list[str]
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


# --- orders of the night that are there -------------------------------------------------------------------------------


def _update(night: _Night, orders: Proposed, numbers: list[int], result: Registered) -> None:
    heads = {orders.heads[number]["order_id"]: orders.heads[number] for number in numbers}
    lines: dict[str, dict[int, Row]] = {}
    for line in orders.rows(numbers):
        lines.setdefault(line["order_id"], {})[line["line"]] = line
    names = {line["unique_id"] for of_order in lines.values() for line in of_order.values()}
    with night.book.writing() as connection:
        alone(connection, "register")
        found = _load_others(connection, night, names, heads)
        holds = _make_way(connection, night, names, found)
        for order in [found[order_id] for order_id in sorted(heads)]:
            why = _why_kept(night, order)
            if why:
                result.kept.append(Kept(order.order_id, order.status, why))
                continue
            _replace(night, holds, order, heads[order.order_id], lines[order.order_id])
            result.updated += 1
        write(connection, found.values())


def _why_kept(night: _Night, order: Order) -> str:
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


def _replace(night: _Night, holds: dict[str, Hold], order: Order, head: Row, lines: dict[int, Row]) -> None:
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


def _withdraw(night: _Night, ids: Any, result: Registered) -> None:
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
