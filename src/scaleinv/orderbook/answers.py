"""Answers of the outside enter the book: each statement once, whatever comes when.

An answer of an order that the book does not have, or has not given out yet, is kept and tried again when it has.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any, Final, Literal

import sqlalchemy as sa

from scaleinv.orderbook.border import cleaned, key_of
from scaleinv.orderbook.database import Book, alone
from scaleinv.orderbook.effects import CannotApplyError, OutdatedError, apply_to
from scaleinv.orderbook.state import Order, Row, insert_many, load, now, pieces, plain, write
from scaleinv.orderbook.tables import ANSWERS, CONTROL_NUMBERS, ORDERS
from scaleinv.schema.life import Answer, AnswerLine, OrderStatus

Outcome = Literal["applied", "duplicate", "unknown_order", "out_of_order", "refused"]
_AT_ONCE: Final = 500
_RANK: Final[dict[OrderStatus, int]] = {
    "proposed": 0,
    "approved": 0,
    "exported": 0,
    "held": 0,
    "acknowledged": 1,
    "shipped": 2,
    "received": 3,
}
_STEP: Final = {"taken": 1, "failed": 1, "confirmed": 1, "rejected": 1, "shipped": 2, "received": 3, "cancelled": 3}


@dataclass
class Counts:
    """Answers by what became of them."""

    applied: int = 0
    duplicate: int = 0
    unknown_order: int = 0
    """Kept until the order is there."""
    out_of_order: int = 0
    """Came before the order was exported (kept until it is), or after what should follow it: what it says counts."""
    refused: int = 0
    """Cannot be understood of the order; kept with the reason. The same message, sent again, is tried again."""


def apply(book: Book, answers: Iterable[Answer], *, at: datetime.datetime | None = None) -> Counts:
    """Changes the orders that the answers speak of. Killed anywhere and done again, it ends the same."""
    counts = Counts()
    retry(book, at=at)
    stream = iter(answers)
    while some := list(itertools.islice(stream, _AT_ONCE)):
        with book.writing() as connection:
            alone(connection, "answers")
            for outcome in _take_in(connection, some, at or now()):
                setattr(counts, outcome, getattr(counts, outcome) + 1)
    return counts


def retry(book: Book, *, at: datetime.datetime | None = None) -> int:
    """Tries answers again whose orders have come since; returns how many were taken up."""
    asked = sa.select(ANSWERS.c.order_id).where(ANSWERS.c.is_waiting).distinct()
    exported = asked.join(ORDERS, ORDERS.c.order_id == ANSWERS.c.order_id).where(ORDERS.c.exports > 0)
    with book.reading() as connection:
        ids = sorted(connection.execute(exported).scalars())
    n_taken = 0
    for some in pieces(ids, _AT_ONCE):
        with book.writing() as connection:
            alone(connection, "answers")
            n_taken += retry_in(connection, some, at or now())
    return n_taken


def retry_in(connection: sa.Connection, order_ids: Iterable[str], at: datetime.datetime) -> int:
    """Within a transaction that has ``alone(connection, "answers")``."""
    n_taken = 0
    for ids in pieces(sorted(order_ids), _AT_ONCE):
        asked = sa.select(ANSWERS).where(ANSWERS.c.is_waiting, ANSWERS.c.order_id.in_(ids))
        waiting = connection.execute(asked.order_by(ANSWERS.c.received_at, ANSWERS.c.message_id)).mappings().all()
        if not waiting:
            continue
        orders = load(connection, {row["order_id"] for row in waiting})
        for row in waiting:
            outcome, detail, is_waiting = _apply_kept(orders, row["content"], at)
            n_taken += not is_waiting
            _set(connection, row["message_id"], outcome=outcome, detail=detail, is_waiting=is_waiting)
        write(connection, orders.values())
    return n_taken


def orders_of_control(book: Book, control: str) -> list[str]:
    """The orders that a control number of ours speaks of (``idoc:2026092000000001``); empty: we never sent it."""
    own = CONTROL_NUMBERS.c
    asked = sa.select(own.order_id).where(own.control == control).order_by(own.order_id)
    with book.reading() as connection:
        return list(connection.execute(asked).scalars())


def kept_answers(book: Book, *, outcome: Outcome | None = None, limit: int = 1_000) -> list[Row]:
    """Answers that were received, the newest first."""
    asked = sa.select(ANSWERS).order_by(ANSWERS.c.received_at.desc(), ANSWERS.c.message_id).limit(limit)
    if outcome is not None:
        asked = asked.where(ANSWERS.c.outcome == outcome)
    with book.reading() as connection:
        return [dict(row) for row in connection.execute(asked).mappings()]


# --- one transaction --------------------------------------------------------------------------------------------------


def _take_in(connection: sa.Connection, answers: list[Answer], at: datetime.datetime) -> Iterator[Outcome]:
    answers = list(map(cleaned, answers))
    known = _known(connection, [key_of(answer.message_id) for answer in answers])
    orders = load(connection, {answer.order_id for answer in answers})
    rows: dict[str, Row] = {}
    for answer in answers:
        key = key_of(answer.message_id)
        before = rows.get(key) or known.get(key)
        if before is not None and before["outcome"] != "refused":
            before["repeats"] += 1
            yield "duplicate"
            continue
        outcome, detail, is_waiting = _apply_one(orders, answer, at)
        rows[key] = {
            "message_id": key, "received_at": at, "kind": answer.kind, "order_id": key_of(answer.order_id),
            "outcome": outcome, "is_waiting": is_waiting,
            "is_new_notice": answer.kind == "shipped" and answer.shipment_id is not None and outcome != "refused",
            "repeats": before["repeats"] + 1 if before else 0, "detail": detail, "content": content_of(answer),
        }  # fmt: skip
        yield outcome
    write(connection, orders.values())
    insert_many(connection, ANSWERS, [row for key, row in rows.items() if key not in known])
    for key, row in known.items():
        if key in rows:
            _set(connection, **rows[key])
        else:
            _set(connection, key, repeats=row["repeats"])


def _known(connection: sa.Connection, message_ids: list[str]) -> dict[str, Row]:
    asked = sa.select(ANSWERS.c.message_id, ANSWERS.c.outcome, ANSWERS.c.repeats)
    rows = connection.execute(asked.where(ANSWERS.c.message_id.in_(set(message_ids)))).mappings()
    return {row["message_id"]: dict(row) for row in rows}


def _set(connection: sa.Connection, message_id: str, **values: Any) -> None:
    connection.execute(sa.update(ANSWERS).where(ANSWERS.c.message_id == message_id).values(values))


def _apply_kept(orders: dict[str, Order], content: Row, at: datetime.datetime) -> tuple[Outcome, str, bool]:
    try:
        answer = answer_of(content)
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        return "refused", f"what was kept of it cannot be read: {type(error).__name__}: {error}", False
    return _apply_one(orders, answer, at)


def _apply_one(orders: dict[str, Order], answer: Answer, at: datetime.datetime) -> tuple[Outcome, str, bool]:
    """What became of it, why, and whether it waits; the order's rows are changed, not written."""
    order = orders.get(answer.order_id)
    if order is None:
        return "unknown_order", "the book has no such order", True
    if not order.head["exports"]:
        return "out_of_order", f"the order is {order.status}: it was not exported yet", True
    if order.status == "approved" and order.head["set_number"] is not None:
        return "out_of_order", "the order is going out again: its documents are being written", True
    if answer.vendors is not None and order.head["vendor_id"] not in answer.vendors:
        return "refused", _stranger(order, answer), False
    trial = Order(dict(order.head), {number: dict(line) for number, line in order.lines.items()})
    try:
        to = apply_to(trial, answer, at)
    except OutdatedError as error:
        return "out_of_order", str(error), False
    except CannotApplyError as error:
        return "refused", str(error), False
    except (ArithmeticError, ValueError) as error:  # one answer never stops the others
        return "refused", f"{type(error).__name__}: {error}", False
    if to != order.status and not order.may_become(to):
        return "refused", f"the order is {order.status}: it cannot become {to}", False
    is_late = _RANK.get(order.status, 3) > _STEP[answer.kind]
    order.head, order.lines = trial.head, trial.lines
    order.record(to, who=f"answer:{answer.message_id}", why=_why(answer, trial.remarks), at=at)
    late = f"it came when the order was {order.events[-1]['old_status']} already"
    return ("out_of_order", late, False) if is_late else ("applied", "", False)


def _stranger(order: Order, answer: Answer) -> str:
    whose = f"partner of {', '.join(answer.vendors or ())}" if answer.vendors else "no vendor's partner"
    return f"it came from {answer.sender}, {whose}, and the order is {order.head['vendor_id']}'s (export.codes)"


def _why(answer: Answer, remarks: list[str]) -> str:
    said = f"{answer.kind}" + (f" in shipment {answer.shipment_id}" if answer.shipment_id else "")
    reasons = [answer.reason, *(line.reason for line in answer.lines), *remarks]
    return ": ".join(filter(None, [said, "; ".join(dict.fromkeys(filter(None, reasons)))]))


# --- as JSON ----------------------------------------------------------------------------------------------------------


def content_of(answer: Answer) -> Row:
    """An answer as JSON has it; nothing is lost."""
    content = {name: plain(value) for name, value in asdict(answer).items() if name != "lines"}
    return content | {"lines": [{k: plain(v) for k, v in asdict(line).items()} for line in answer.lines]}


def answer_of(content: Row) -> Answer:
    """The answer that :func:`content_of` wrote."""
    at = content["at"] and datetime.datetime.fromisoformat(content["at"])
    vendors = content.get("vendors")  # what was kept before has none
    made = {"at": at, "lines": tuple(map(_line, content["lines"]))}
    return Answer(**content | made | {"vendors": None if vendors is None else tuple(vendors)})


def _line(content: Row) -> AnswerLine:
    made: dict[str, Any] = {}
    for field in fields(AnswerLine):
        if field.name not in content:  # it was kept before answers said such a thing
            continue
        value = content[field.name]
        if value is not None and field.name in ("quantity", "unit_cost"):
            value = Decimal(value)
        if value is not None and field.name in ("date", "expiry"):
            value = datetime.date.fromisoformat(value)
        made[field.name] = value
    return AnswerLine(**made)
