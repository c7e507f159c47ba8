"""What the order book knows that a night goes by: open orders of earlier nights, and decisions of persons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from scaleinv.config import Config
from scaleinv.errors import ConfigError, explain
from scaleinv.pipeline.walk import Walk

if TYPE_CHECKING:
    from scaleinv.orderbook import Book


def book_url(config: Config) -> str | None:
    """Where the order book is: as configured, else a SQLite file beside the lake; ``None``: the lake is no folder."""
    url: str | None = getattr(config.orderbook, "url", None)
    if url is not None or "://" in config.lake.root:
        return url
    return f"sqlite:///{Path(config.lake.root).absolute().parent / 'orderbook.db'}"


def has_book(config: Config) -> bool:
    """Whether there is one to be read; a file that nobody has made yet is none."""
    url = book_url(config)
    if url is None:
        return False
    return not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).exists()


@contextmanager
def book_of(config: Config) -> Iterator[Book]:
    """The order book, open.

    Raises:
        ConfigError: nobody has said where it is.
    """
    from scaleinv.orderbook import opened

    url = book_url(config)
    if url is None:
        raise ConfigError(
            explain(
                "there is no order book",
                expected="orderbook.url, where the lake is no folder of this machine",
                do="set orderbook.url to an address such as postgresql+psycopg://user@host/name",
            )
        )
    with opened(url) as book:
        yield book


def decisions_of(walk: Walk) -> pa.Table:
    """The last decision of persons on each exception; those that have ended are among them."""
    from scaleinv.replenish import DECISIONS

    if not has_book(walk.config):
        return DECISIONS.empty_table()
    from scaleinv.orderbook.exception_decisions import known_decisions

    with book_of(walk.config) as book:
        return known_decisions(book, as_of=walk.as_of)


def open_lines_of(walk: Walk) -> pa.Table | None:
    """Lines of orders that are open in the book; ``None``: there is no book."""
    if not has_book(walk.config):
        return None
    from scaleinv import orderbook

    open_lines = getattr(orderbook, "open_lines", None)
    if open_lines is None:
        return None
    with book_of(walk.config) as book:
        lines: pa.Table = open_lines(book)
    return lines
