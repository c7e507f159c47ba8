"""The order book: what becomes of each order, who decided it and why, in a relational database."""

from scaleinv.orderbook.answers import Counts, apply, kept_answers, orders_of_control, retry
from scaleinv.orderbook.change import Changed, Conflict, change, edit
from scaleinv.orderbook.database import Book, opened
from scaleinv.orderbook.look import History, counts, history, listing
from scaleinv.orderbook.open import open_lines
from scaleinv.orderbook.outbox import FOLDER, again, due, failed, sent
from scaleinv.orderbook.register import Kept, Registered, register
from scaleinv.orderbook.sets import (
    DocumentSet,
    claim,
    close,
    files_of,
    is_waiting,
    lines_of_set,
    logged,
    release,
    replace_files,
    sets_of,
    went_again,
)

__all__ = [
    "FOLDER",
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
    "history",
    "is_waiting",
    "kept_answers",
    "lines_of_set",
    "listing",
    "logged",
    "open_lines",
    "opened",
    "orders_of_control",
    "register",
    "release",
    "replace_files",
    "retry",
    "sent",
    "sets_of",
    "went_again",
]
