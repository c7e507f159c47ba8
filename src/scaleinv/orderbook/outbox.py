"""Documents on their way to the ERP: written in the same transaction as the status of their orders, sent afterwards.

Whoever sends takes what :func:`due` gives, sends it under its ``key`` (a receiver that knows the key has it already),
and then says :func:`sent`, :func:`failed` or :func:`postponed`. A crash between the two sends it once more under the
same key.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from scaleinv.orderbook.border import clean
from scaleinv.orderbook.database import Book
from scaleinv.orderbook.state import Row, now, pieces
from scaleinv.orderbook.tables import OUTBOX

FOLDER: Final = "export.folder"
"""Where export wrote the files is a destination, too: there they have arrived. No other one can be called so."""
MANIFEST_FORMAT: Final = "manifest"
"""Of the row that lists the others of its set: it follows them."""


def due(book: Book, *, destination: str | None = None, at: datetime.datetime | None = None) -> list[Row]:
    """What is to be sent now, the oldest first, a set's manifest after its documents: rows of ``outbox``."""
    own = OUTBOX.c
    asked = sa.select(OUTBOX).where(own.state == "waiting", own.next_try <= (at or now()))
    if destination is not None:
        asked = asked.where(own.destination == destination)
    with book.reading() as connection:
        ordered = asked.order_by(own.as_of, own.number, own.format == MANIFEST_FORMAT, own.name, own.destination)
        return [dict(row) for row in connection.execute(ordered).mappings()]


def given_up(book: Book, retailer: str) -> list[Row]:
    """What has failed, the oldest first: a person must look."""
    own = OUTBOX.c
    asked = sa.select(OUTBOX).where(own.retailer == retailer, own.state == "failed")
    with book.reading() as connection:
        asked = asked.order_by(own.as_of, own.number, own.key)
        return [dict(row) for row in connection.execute(asked).mappings()]


def needed(book: Book, manifest: Row) -> tuple[frozenset[str], frozenset[str]]:
    """Keys of what a manifest follows, at its destination; and of these, those that have arrived."""
    own = OUTBOX.c
    same = [own[name] == manifest[name] for name in ("retailer", "as_of", "number", "destination")]
    asked = sa.select(own.key, own.state).where(*same, own.format != MANIFEST_FORMAT)
    with book.reading() as connection:
        states = {row.key: row.state for row in connection.execute(asked)}
    return frozenset(states), frozenset(key for key, state in states.items() if state == "delivered")


def sent(
    book: Book, keys: Sequence[str], *, told: tuple[int, str] | None = None, at: datetime.datetime | None = None
) -> None:
    """They have arrived. Said twice, the first time stands. ``told``: status and body of the answer."""
    values = {"state": "delivered", "delivered_at": at or now(), "attempts": OUTBOX.c.attempts + 1, "last_error": None}
    values |= _answer(told)
    with book.writing() as connection:
        here = sa.and_(OUTBOX.c.key.in_(keys), OUTBOX.c.state != "delivered")
        connection.execute(sa.update(OUTBOX).where(here).values(values))


def failed(
    book: Book, key: str, error: str, *, next_try: datetime.datetime | None, told: tuple[int, str] | None = None
) -> None:
    """It has not arrived. ``next_try``: ``None`` gives it up until :func:`again`. ``told``: as of :func:`sent`."""
    values = {
        "state": "waiting" if next_try else "failed",
        "attempts": OUTBOX.c.attempts + 1,
        "last_error": clean(error),
    }
    values |= _answer(told)
    with book.writing() as connection:
        here = sa.and_(OUTBOX.c.key == key, OUTBOX.c.state != "delivered")
        connection.execute(sa.update(OUTBOX).where(here).values(values | ({"next_try": next_try} if next_try else {})))


def _answer(told: tuple[int, str] | None) -> Row:
    status, body = told or (None, None)
    return {"answer_status": status, "answer_body": body and clean(body)}


def postponed(book: Book, key: str, why: str, *, next_try: datetime.datetime) -> None:
    """It was not tried."""
    with book.writing() as connection:
        here = sa.and_(OUTBOX.c.key == key, OUTBOX.c.state == "waiting")
        connection.execute(sa.update(OUTBOX).where(here).values(last_error=clean(why), next_try=next_try))


def again(book: Book, keys: Sequence[str], *, at: datetime.datetime | None = None) -> None:
    """What was given up is due now, and has all its attempts before it."""
    values = {"state": "waiting", "next_try": at or now(), "attempts": 0}
    with book.writing() as connection:
        for some in pieces(keys):
            here = sa.and_(OUTBOX.c.key.in_(some), OUTBOX.c.state == "failed")
            connection.execute(sa.update(OUTBOX).where(here).values(values))
