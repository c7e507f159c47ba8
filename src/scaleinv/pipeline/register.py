"""The order book: where it is, and how a night's proposals enter it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from scaleinv.config import Config
from scaleinv.errors import ConfigError, explain

if TYPE_CHECKING:
    from scaleinv.orderbook import Book, Registered
    from scaleinv.pipeline.walk import Walk


def address_of(config: Config) -> str:
    """The order book's address: ``orderbook.url``, or a file in the lake's folder.

    Raises:
        ConfigError: the lake is on an object store, and no database is named.
    """
    address = _address(config)
    if address is None:
        raise ConfigError(
            explain(
                "there is no order book: the lake is on an object store, where no database file can lie",
                expected="orderbook.url: postgresql+psycopg://user:${ORDERBOOK_PASSWORD}@host/name",
                do="set orderbook.url, or the environment variable SCALEINV_ORDERBOOK that conf/base.yaml refers to",
            )
        )
    return address


def _address(config: Config) -> str | None:
    if config.orderbook.address:
        return config.orderbook.address
    scheme, separator, rest = config.lake.root.partition("://")
    if separator and scheme != "file":
        return None
    root = Path(rest if separator else config.lake.root).expanduser().absolute()
    return f"sqlite:///{root / 'orderbook.db'}"


def has_book(config: Config) -> bool:
    """Whether there is one to be read: who only looks makes no database where none has been made yet."""
    address = _address(config)
    if address is None:
        return False
    path = address.removeprefix("sqlite:///")
    return path == address or Path(path).exists()


@contextmanager
def order_book(config: Config) -> Iterator[Book]:
    """The environment's order book, open."""
    from scaleinv.orderbook import opened

    with opened(address_of(config)) as book:
        yield book


def is_registered(walk: Walk) -> bool:
    """Whether the book knows the orders that were proposed tonight."""
    from scaleinv.orderbook import counts

    if not walk.read("gold/order_proposals", columns=["order_id"]).num_rows:
        return True
    with order_book(walk.config) as book:
        return bool(counts(book, walk.config.retailer, walk.as_of))


def register_tonight(
    walk: Walk,
    lines: pa.Table,
    *,
    unwanted: pa.ChunkedArray | None = None,
    since: datetime.datetime | None = None,
) -> Registered:
    """Tonight's proposals enter the book; says what became of them.

    Args:
        walk: the night.
        lines: ``gold/order_proposals``.
        unwanted: series that the night looked at, and of which nothing is to be ordered.
        since: when the night looked at what is open; what persons decided after that is looked at again.
    """
    from scaleinv.orderbook import register

    if walk.config.export.units == "stock":
        lines = _in_units_of_stock(lines)
    with order_book(walk.config) as book:
        found = register(book, lines, retailer=walk.config.retailer, as_of=walk.as_of, unwanted=unwanted, since=since)
    walk.progress.say(
        f"order book: {found.new:,} new orders, {found.updated:,} proposed otherwise, {found.withdrawn:,} withdrawn, "
        f"{found.superseded:,} of earlier nights superseded, {found.ended:,} no longer wanted"
    )
    if found.kept:
        which = ", ".join(f"{one.order_id} ({one.why})" for one in found.kept[:5])
        more = f" and {len(found.kept) - 5:,} more" if len(found.kept) > 5 else ""
        walk.progress.say(f"{len(found.kept):,} orders stay as they are: {which}{more}")
    return found


def _in_units_of_stock(lines: pa.Table) -> pa.Table:
    """Without what the vendor counts in: documents of these orders, and answers to them, do not speak of it."""
    for name in ("order_quantity", "order_unit"):
        index = lines.schema.get_field_index(name)
        field = lines.schema.field(index)
        lines = lines.set_column(index, field, pa.nulls(lines.num_rows, field.type))
    return lines
