"""The order book: what becomes of each order, who decided it and why, in a relational database."""

from scaleinv.orderbook.answers import Counts, apply, kept_answers, orders_of_control, retry
from scaleinv.orderbook.change import Changed, Conflict, change, edit
from scaleinv.orderbook.database import Book, opened
from scaleinv.orderbook.enter import Kept, Registered
from scaleinv.orderbook.look import History, counts, history, listing
from scaleinv.orderbook.open import open_lines
from scaleinv.orderbook.outbox import FOLDER, MANIFEST_FORMAT, again, due, failed, given_up, needed, postponed, sent
from scaleinv.orderbook.receipts import own_receipts
from scaleinv.orderbook.register import register
from scaleinv.orderbook.sets import (
    DocumentSet,
    claim,
    close,
    files_of,
    is_waiting,
    lines_of_set,
    logged,
    release,
    sets_of,
)

__all__ = [
    "FOLDER",
    "MANIFEST_FORMAT",
    "Book",
    "Changed",
    "Conflict",
    "Counts",
    "DocumentSet",
    "History",
    "Kept",
    "Registered",
    "again",
    "apply",
    "change",
    "claim",
    "close",
    "counts",
    "due",
    "edit",
    "failed",
    "files_of",
    "given_up",
    "history",
    "is_waiting",
    "kept_answers",
    "lines_of_set",
    "listing",
    "logged",
    "needed",
    "open_lines",
    "opened",
    "orders_of_control",
    "own_receipts",
    "postponed",
    "register",
    "release",
    "retry",
    "sent",
    "sets_of",
]
