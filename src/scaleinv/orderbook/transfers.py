"""Transfers that persons have closed: what was proposed up to a night counts no longer."""

from __future__ import annotations

from datetime import date
from typing import Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from scaleinv.errors import DataError, explain
from scaleinv.orderbook.database import Book
from scaleinv.orderbook.state import now
from scaleinv.orderbook.tables import CLOSED_TRANSFERS

CLOSED: Final = pa.schema([("as_of", pa.date32()), ("unique_id", pa.string()), ("from_location_id", pa.string())])


def close_transfer(
    book: Book, unique_id: str, from_location_id: str, *, retailer: str, as_of: date, who: str, why: str
) -> None:
    """Keeps that all that was proposed up to ``as_of`` from a location to a series is done, or will not be done.

    Raises:
        DataError: nobody or no reason is named, or it is closed already.
    """
    if not who.strip() or not why.strip():
        raise DataError(explain("a decision needs a person and a reason", do="say who (--who) and why (--why)"))
    row = {
        "retailer": retailer, "as_of": as_of, "unique_id": unique_id, "from_location_id": from_location_id, "who": who,
        "why": why, "at": now(),
    }  # fmt: skip
    try:
        with book.writing() as connection:
            connection.execute(sa.insert(CLOSED_TRANSFERS).values(row))
    except IntegrityError as error:
        what = f"transfers to {unique_id} from {from_location_id} up to {as_of} are closed already"
        raise DataError(explain(what, do="nothing: they count no longer")) from error


def closed_transfers(book: Book, *, retailer: str, since: date) -> pa.Table:
    """``CLOSED``: what was closed for nights from ``since`` on; nothing before them is read."""
    row = CLOSED_TRANSFERS.c
    asked = sa.select(*(row[name] for name in CLOSED.names)).where(row.retailer == retailer, row.as_of >= since)
    with book.reading() as connection:
        rows = connection.execute(asked.order_by(row.as_of, row.unique_id, row.from_location_id)).mappings()
        return pa.Table.from_pylist([dict(one) for one in rows], schema=CLOSED)
