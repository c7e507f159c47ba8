"""What persons do to orders: approve, hold, release, cancel, and change quantities before an order goes out."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

import sqlalchemy as sa

from scaleinv.errors import DataError, explain
from scaleinv.orderbook.database import Book
from scaleinv.orderbook.state import ZERO, Order, cancel_all, load, now, pieces, write
from scaleinv.orderbook.tables import ORDER_EVENTS
from scaleinv.schema.life import PERSON_STATUSES, TRANSITIONS, OrderStatus
from scaleinv.schema.units import COUNTED

Problem = Literal["unknown_order", "not_allowed", "changed_meanwhile", "being_exported", "unknown_line"]
_EDITABLE: Final = ("proposed", "held", "approved")
_DIGITS: Final = Decimal("0.001")
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True)
class Conflict:
    """Why an order was not changed: somebody else was first, or the step is not legal."""

    order_id: str
    problem: Problem
    detail: str
    status: str | None = None
    version: int | None = None


@dataclass(frozen=True)
class Changed:
    """What became of a request: each order is in one of the two."""

    done: tuple[str, ...] = ()
    refused: tuple[Conflict, ...] = ()
    reopened: tuple[str, ...] = ()
    """Of those done: they were approved, and have to be approved again."""


def change(
    book: Book,
    order_ids: Iterable[str],
    to: OrderStatus,
    *,
    who: str,
    why: str,
    expected_version: int | Mapping[str, int] | None = None,
    at: datetime.datetime | None = None,
    dry_run: bool = False,
) -> Changed:
    """A person decides on orders. Of two who do so at once one is done, the other is refused and told by whom.

    Args:
        book: the order book.
        order_ids: which; each is done or refused by itself.
        to: proposed (a hold or an approval is taken back), held, approved or cancelled. A cancelled order is proposed
            again only if it was never exported.
        who: the person.
        why: the reason, for the record.
        expected_version: the version that the person saw (of one order, or order by order): an order that has changed
            since is refused. ``None``: whatever it is now.
        at: the moment; ``None``: now.
        dry_run: say what would be done.

    Raises:
        DataError: nobody or no reason is named, or the status is not a person's to give.
    """
    _require(who, why)
    if to not in PERSON_STATUSES:
        do = "it follows from a document or an answer"
        raise DataError(explain(f"nobody can make an order {to}", expected=", ".join(PERSON_STATUSES), do=do))
    done: list[str] = []
    refused: list[Conflict] = []
    for ids in pieces(sorted(set(order_ids))):
        with book.writing() as connection:
            found = load(connection, ids)
            for order_id in ids:
                conflict = _conflict(
                    connection, found.get(order_id), order_id, to, _version(expected_version, order_id)
                )
                if conflict is not None:
                    refused.append(conflict)
                    continue
                done.append(order_id)
                _decide(found[order_id], to, who, why, at or now())
            if not dry_run:
                write(connection, found.values())
    return Changed(tuple(done), tuple(refused))


def _decide(order: Order, to: OrderStatus, who: str, why: str, at: datetime.datetime) -> None:
    if to == "cancelled":
        cancel_all(order)
    elif order.status == "cancelled":
        for line in order.lines.values():
            line["cancelled"] = ZERO
    if order.head["exports"] and to in ("proposed", "approved"):  # it failed, and goes out again
        order.head["set_number"] = None
    order.head["is_decided"] = True
    order.record(to, who=who, why=why, at=at)


def edit(
    book: Book,
    order_id: str,
    line: int,
    *,
    quantity: Decimal,
    who: str,
    why: str,
    expected_version: int | None = None,
    at: datetime.datetime | None = None,
    dry_run: bool = False,
) -> Changed:
    """A person changes what a line orders, while nobody else has it: 0 leaves the line out of the documents.

    An approval is of the quantities that were approved: an approved order is proposed again by more of a line,
    whatever the limits are that rules set.

    Raises:
        DataError: nobody or no reason is named, or the quantity is no quantity of a document, or no whole number of
            what is counted.
    """
    _require(who, why)
    if not quantity.is_finite() or quantity < 0 or quantity != quantity.quantize(_DIGITS):
        expected = "0 or more, at most 3 decimals, as documents have them"
        raise DataError(explain("a quantity cannot be ordered", expected=expected, found=quantity))
    with book.writing() as connection:
        found = load(connection, [order_id])
        conflict = _conflict(connection, found.get(order_id), order_id, None, expected_version)
        if conflict is not None:
            return Changed(refused=(conflict,))
        order = found[order_id]
        if line not in order.lines:
            expected = f"one of {', '.join(map(str, sorted(order.lines)))}"
            return Changed(refused=(_told(order, "unknown_line", f"it has no line {line}, but {expected}"),))
        _whole(order, line, quantity)
        rest = sum((row["ordered"] for number, row in order.lines.items() if number != line), ZERO)
        if not quantity + rest:
            return Changed(refused=(_told(order, "not_allowed", "nothing would be left of it: cancel it instead"),))
        row = order.lines[line]
        # The book does not know the limits of approval: what was approved is the only quantity that surely keeps them.
        is_reopened = order.status == "approved" and quantity > row["ordered"]
        cost = row["unit_cost"]
        row |= {"ordered": quantity, "value": (quantity * cost).quantize(_CENT, rounding=ROUND_HALF_UP)}
        order.head["value"] = sum((row["value"] for row in order.lines.values()), ZERO)
        order.head["is_edited"] = True
        if is_reopened:
            order.head["is_decided"] = True
            why = f"{why}; line {line} is more than was approved: approve it again"
        order.record("proposed" if is_reopened else order.status, who=who, why=why, at=at or now())
        if not dry_run:
            write(connection, [order])
    return Changed(done=(order_id,), reopened=(order_id,) if is_reopened else ())


def _whole(order: Order, line: int, quantity: Decimal) -> None:
    row = order.lines[line]
    if row["unit"] in COUNTED and quantity != quantity.to_integral_value():
        raise DataError(
            explain(
                f"line {line} of order {order.order_id} ({row['sku_id']}) is counted in {row['unit']}",
                expected="a whole number", found=quantity,
            )
        )  # fmt: skip


def _require(who: str, why: str) -> None:
    if not who.strip() or not why.strip():
        raise DataError(explain("a decision needs a person and a reason", do="say who (--who) and why (--why)"))


def _version(expected: int | Mapping[str, int] | None, order_id: str) -> int | None:
    return expected.get(order_id) if isinstance(expected, Mapping) else expected


def _conflict(
    connection: sa.Connection, order: Order | None, order_id: str, to: OrderStatus | None, expected: int | None
) -> Conflict | None:
    """``to``: ``None`` is an edit."""
    if order is None:
        return Conflict(order_id, "unknown_order", "the book has no such order")
    if expected is not None and order.head["version"] != expected:
        return _told(
            order, "changed_meanwhile", f"it is at version {order.head['version']}: {_last(connection, order)}"
        )
    if order.status == "approved" and order.head["set_number"] is not None:
        return _told(order, "being_exported", "its documents are being written: export must end first")
    if to is None:
        is_free = order.status in _EDITABLE and not order.head["exports"]
        return None if is_free else _told(order, "not_allowed", f"it is {order.status}, and its documents are out")
    out = _out(order, to)
    if out:
        return _told(order, "not_allowed", out)
    if to not in TRANSITIONS[order.status] or (order.status == "cancelled" and order.head["exports"]):
        expected_steps = ", ".join(s for s in TRANSITIONS[order.status] if s in PERSON_STATUSES) or "nothing"
        detail = f"it is {order.status} ({_last(connection, order)}), which {expected_steps} may follow"
        return _told(order, "not_allowed", detail)
    return None


def _out(order: Order, to: OrderStatus) -> str:
    """Why not, of an order that the ERP has: a hold takes its goods out of the position, an approval doubles them."""
    if not order.head["exports"] or to == "cancelled":
        return ""
    if order.status in ("exported", "acknowledged"):
        return f"it is {order.status}, the ERP has it: hold it there, or cancel it"
    if order.status == "held" and not order.head["problem"]:
        return "the ERP has it, and has said of no problem: it would be ordered twice"
    return ""


def _told(order: Order, problem: Problem, detail: str) -> Conflict:
    return Conflict(order.order_id, problem, detail, order.status, order.head["version"])


def _last(connection: sa.Connection, order: Order) -> str:
    event = ORDER_EVENTS.c
    asked = sa.select(event.who, event.at, event.new_status).where(event.order_id == order.order_id)
    who, at, status = connection.execute(asked.order_by(event.version.desc()).limit(1)).one()
    return f"{status} by {who} at {at:%Y-%m-%d %H:%M:%S} UTC"
