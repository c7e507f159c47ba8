"""Documents on their way to the ERP: written in the same transaction as the status of their orders, sent afterwards.

Whoever sends takes what :func:`due` gives, sends it under its ``key`` (a receiver that knows the key has it already),
and then says :func:`sent` or :func:`failed`. A crash between the two sends it once more under the same key.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import sqlalchemy as sa

from scaleinv.orderbook.database import Book
from scaleinv.orderbook.state import Row, now
from scaleinv.orderbook.tables import OUTBOX

FOLDER = "folder"
"""The destination of files that the ERP takes from where export wrote them."""


def due(book: Book, *, destination: str | None = None, at: datetime.datetime | None = None) -> list[Row]:
    """What is to be sent now, the oldest first: rows of ``outbox``."""
    own = OUTBOX.c
    asked = sa.select(OUTBOX).where(own.state == "waiting", own.next_try <= (at or now()))
    if destination is not None:
        asked = asked.where(own.destination == destination)
    with book.reading() as connection:
        ordered = asked.order_by(own.as_of, own.number, own.name, own.destination)
        return [dict(row) for row in connection.execute(ordered).mappings()]


def sent(book: Book, keys: Sequence[str], *, at: datetime.datetime | None = None) -> None:
    """They have arrived. Said twice, the first time stands."""
    values = {"state": "delivered", "delivered_at": at or now(), "attempts": OUTBOX.c.attempts + 1, "last_error": None}
    with book.writing() as connection:
        here = sa.and_(OUTBOX.c.key.in_(keys), OUTBOX.c.state != "delivered")
        connection.execute(sa.update(OUTBOX).where(here).values(values))


def failed(book: Book, key: str, error: str, *, next_try: datetime.datetime | None) -> None:
    """It has not arrived. ``next_try``: ``None`` gives it up until :func:`again`."""
    values = {"state": "waiting" if next_try else "failed", "attempts": OUTBOX.c.attempts + 1, "last_error": error}
    with book.writing() as connection:
        here = sa.and_(OUTBOX.c.key == key, OUTBOX.c.state != "delivered")
        connection.execute(sa.update(OUTBOX).where(here).values(values | ({"next_try": next_try} if next_try else {})))


def again(book: Book, keys: Sequence[str], *, at: datetime.datetime | None = None) -> None:
    """What was given up is due now."""
    with book.writing() as connection:
        here = sa.and_(OUTBOX.c.key.in_(keys), OUTBOX.c.state == "failed")
        connection.execute(sa.update(OUTBOX).where(here).values(state="waiting", next_try=at or now()))
