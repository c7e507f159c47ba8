"""Document sets: which orders go out together. An order is claimed for a set, its files are written, the set is closed.

From the claim on an order's lines stand still, so that a set that was killed is written again with the same bytes; in
one transaction its orders are exported and its files in the outbox. A night's sets are numbered from 1.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from scaleinv.orderbook.answers import retry_in
from scaleinv.orderbook.database import Book, alone
from scaleinv.orderbook.outbox import FOLDER
from scaleinv.orderbook.state import ROWS_AT_ONCE, WE, ZERO, Row, insert_many, load, now, pieces, write
from scaleinv.orderbook.tables import CONTROL_NUMBERS, DOCUMENT_ORDERS, DOCUMENT_SETS, ORDER_LINES, ORDERS, OUTBOX

_SETS = DOCUMENT_SETS.c
_MEMBERS = DOCUMENT_ORDERS.c


@dataclass(frozen=True)
class DocumentSet:
    """Orders of one night that go out together."""

    retailer: str
    as_of: date
    number: int
    is_open: bool
    """Its documents are to be written."""
    is_logged: bool
    first: int
    """Orders in the night's sets before it: numbers of documents go on from there."""


def claim(book: Book, retailer: str, as_of: date, *, at: datetime.datetime | None = None) -> None:
    """Puts approved orders that are in no set into one, night by night up to ``as_of``, which has one anyway.

    Meanwhile persons may decide on other orders, not on these.
    """
    with book.writing() as connection:
        alone(connection, "sets")
        order = ORDERS.c
        free = sa.and_(order.retailer == retailer, order.as_of <= as_of, order.status == "approved")
        free = sa.and_(free, order.set_number.is_(None))
        ids = list(connection.execute(sa.select(order.order_id).where(free)).scalars())
        orders = [o for o in load(connection, ids, with_lines=False).values() if o.status == "approved"]
        numbers = {row[0]: row[1] for row in connection.execute(_last_numbers(retailer))}
        nights = {o.head["as_of"] for o in orders} | ({as_of} - set(numbers))
        moment = at or now()
        sets = [
            {"retailer": retailer, "as_of": night, "number": numbers.get(night, 0) + 1, "state": "open",
             "is_logged": False, "made_at": moment}
            for night in sorted(nights)
        ]  # fmt: skip
        number_of = {row["as_of"]: row["number"] for row in sets}
        insert_many(connection, DOCUMENT_SETS, sets)
        members = []
        for one in orders:
            number = number_of[one.head["as_of"]]
            one.head["set_number"] = number
            one.record("approved", who=WE, why=f"goes out with set {number} of its night", at=moment)
            key = {"retailer": retailer, "as_of": one.head["as_of"], "number": number}
            members.append(key | {"order_id": one.order_id})
        write(connection, orders)
        insert_many(connection, DOCUMENT_ORDERS, members)


def _last_numbers(retailer: str) -> sa.Select[date, int]:
    last = sa.func.max(_SETS.number)
    return sa.select(_SETS.as_of, last).where(_SETS.retailer == retailer).group_by(_SETS.as_of)


def sets_of(book: Book, retailer: str, *, as_of: date | None = None) -> list[DocumentSet]:
    """Sets in order; ``as_of``: of this night only."""
    size = sa.select(sa.func.count()).where(
        _MEMBERS.retailer == _SETS.retailer, _MEMBERS.as_of == _SETS.as_of, _MEMBERS.number < _SETS.number
    )
    asked = sa.select(_SETS.as_of, _SETS.number, _SETS.state, _SETS.is_logged, size.scalar_subquery())
    asked = asked.where(_SETS.retailer == retailer).order_by(_SETS.as_of, _SETS.number)
    if as_of is not None:
        asked = asked.where(_SETS.as_of == as_of)
    with book.reading() as connection:
        rows = connection.execute(asked).all()
    return [DocumentSet(retailer, night, n, state == "open", logged, first) for night, n, state, logged, first in rows]


def lines_of_set(book: Book, part: DocumentSet) -> pa.Table:
    """Lines of a set's orders as ordered, sorted by order and line; numbers are exact decimals."""
    line, order = ORDER_LINES.c, ORDERS.c
    names = (
        order.as_of, line.order_id, line.line, order.vendor_id, order.location_id, line.sku_id, line.unique_id,
        line.ordered.label("quantity"), line.unit, line.order_unit, line.order_units, line.stock_units, line.unit_cost,
        line.value, order.currency, line.gtin, order.order_date, line.delivery_date, line.reason, line.rule,
    )  # fmt: skip
    asked = sa.select(*names).join(ORDERS, order.order_id == line.order_id)
    asked = asked.join(DOCUMENT_ORDERS, _MEMBERS.order_id == line.order_id).where(*_in(part, _MEMBERS))
    asked = asked.where(line.ordered > ZERO).order_by(line.order_id, line.line)
    with book.reading() as connection:
        result = connection.execute(asked)
        columns = [column.name for column in names]
        parts = [_columns(columns, rows) for rows in result.partitions(ROWS_AT_ONCE)]
    return pa.concat_tables(parts) if parts else _columns(columns, [])


def _columns(names: list[str], rows: Sequence[Any]) -> pa.Table:
    values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table([pa.array(v, _KINDS.get(n, pa.string())) for n, v in zip(names, values, strict=True)], names=names)


_KINDS: Final = {
    "as_of": pa.date32(), "line": pa.int32(), "quantity": pa.decimal128(18, 6), "order_units": pa.int64(),
    "stock_units": pa.int64(), "unit_cost": pa.decimal128(18, 4), "value": pa.decimal128(18, 2),
    "order_date": pa.date32(), "delivery_date": pa.date32(),
}  # fmt: skip


def _in(part: DocumentSet, columns: Any) -> list[sa.ColumnElement[bool]]:
    return [columns.retailer == part.retailer, columns.as_of == part.as_of, columns.number == part.number]


def close(
    book: Book,
    part: DocumentSet,
    files: Sequence[Row],
    *,
    numbers: Iterable[tuple[str, str]] = (),
    at: datetime.datetime | None = None,
) -> None:
    """Its documents are written: in one transaction its orders are exported and its files are in the outbox.

    Done again (the set is closed already) it changes nothing. Answers that came before the orders were exported are
    taken up.

    Args:
        book: the order book.
        part: the set.
        files: rows of ``gold/export_log`` whose ``file`` is the path below ``export.folder``, one for each
            ``destination`` that the file goes to; ``FOLDER``: it is there.
        numbers: (control number, order) of each message: ``idoc:2026092000000001``.
        at: the moment; ``None``: now.
    """
    moment = at or now()
    with book.writing() as connection:
        alone(connection, "sets")
        alone(connection, "answers")
        here = sa.and_(*_in(part, _SETS), _SETS.state == "open")
        if not connection.execute(sa.update(DOCUMENT_SETS).where(here).values(state="closed")).rowcount:
            return
        ids = list(connection.execute(sa.select(_MEMBERS.order_id).where(*_in(part, _MEMBERS))).scalars())
        orders = load(connection, ids, with_lines=False)
        for order in orders.values():
            order.head["exports"] += 1
            order.record("exported", who=WE, why=f"in document set {part.number} of its night", at=moment)
        write(connection, orders.values())
        insert_many(connection, OUTBOX, [_outbox(part, file, moment) for file in files])
        _add_numbers(connection, numbers)
        retry_in(connection, ids, moment)


def _add_numbers(connection: sa.Connection, numbers: Iterable[tuple[str, str]]) -> None:
    own = CONTROL_NUMBERS.c
    wanted = sorted(set(numbers))
    for some in pieces(wanted):
        here = sa.select(own.control, own.order_id).where(own.control.in_([control for control, _ in some]))
        there = {(control, order_id) for control, order_id in connection.execute(here)}
        rows = [{"control": one[0], "order_id": one[1]} for one in some if one not in there]
        insert_many(connection, CONTROL_NUMBERS, rows)


def _outbox(part: DocumentSet, file: Row, at: datetime.datetime) -> Row:
    """``key`` has the night, in the name, and the contents: another file is another key."""
    kept = ("destination", "format", "orders", "lines", "quantity", "sha256", "schema_version")
    is_there = file["destination"] == FOLDER
    return {
        "key": f"{part.retailer}/{file['destination']}/{file['file']}/{file['sha256'][:16]}",
        "retailer": part.retailer, "as_of": part.as_of, "number": part.number, "name": file["file"],
        "state": "delivered" if is_there else "waiting", "attempts": 0, "next_try": at, "last_error": None,
        "delivered_at": at if is_there else None, **{name: file[name] for name in kept},
    }  # fmt: skip


def files_of(book: Book, part: DocumentSet) -> list[Row]:
    """The files of a set, as they lie below ``export.folder``: rows of the outbox, by name."""
    own = OUTBOX.c
    asked = sa.select(OUTBOX).where(*_in(part, own), own.destination == FOLDER).order_by(own.name)
    with book.reading() as connection:
        return [dict(row) for row in connection.execute(asked).mappings()]


def logged(book: Book, part: DocumentSet) -> None:
    """``gold/export_log`` has its files."""
    with book.writing() as connection:
        connection.execute(sa.update(DOCUMENT_SETS).where(*_in(part, _SETS)).values(is_logged=True))


def release(book: Book, part: DocumentSet, *, why: str) -> None:
    """An open set whose documents cannot be written is given up: its orders are approved and free again."""
    with book.writing() as connection:
        alone(connection, "sets")
        state = connection.execute(sa.select(_SETS.state).where(*_in(part, _SETS))).scalar()
        if state != "open":
            return
        ids = list(connection.execute(sa.select(_MEMBERS.order_id).where(*_in(part, _MEMBERS))).scalars())
        orders = load(connection, ids, with_lines=False)
        for order in orders.values():
            order.head["set_number"] = None
            order.record("approved", who=WE, why=f"its documents cannot be written: {why}", at=now())
        write(connection, orders.values())
        connection.execute(sa.delete(DOCUMENT_ORDERS).where(*_in(part, _MEMBERS)))
        connection.execute(sa.delete(DOCUMENT_SETS).where(*_in(part, _SETS)))


def is_waiting(book: Book, retailer: str, as_of: date) -> bool:
    """Whether something up to a night is approved and not out, or a set is not finished."""
    order = ORDERS.c
    approved = sa.select(sa.func.count()).where(
        order.retailer == retailer, order.as_of <= as_of, order.status == "approved"
    )
    unfinished = sa.or_(_SETS.state == "open", _SETS.is_logged.is_(False))
    sets = sa.select(sa.func.count()).where(_SETS.retailer == retailer, _SETS.as_of <= as_of, unfinished)
    with book.reading() as connection:
        return any(connection.execute(asked).scalar() for asked in (approved, sets))
