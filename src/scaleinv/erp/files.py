"""From an order model to files of bounded size, whatever the format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from scaleinv.erp.document import Document
from scaleinv.erp.orders import Orders
from scaleinv.erp.segments import Filled, check_filled
from scaleinv.erp.view import View

ORDERS_PER_FILE: Final = 1_000


def checked(view: View, heads: Callable[[View], list[Filled]], item: Callable[[View], list[Filled]]) -> None:
    """Holds all orders against a layout, piece by piece, before the first byte is made.

    Raises:
        DataError: a value that the layout does not take; it names the order or the line.
    """
    for first, orders in view.orders.pieces():
        piece = view.of(orders, view.first + first)
        for filled in heads(piece):
            check_filled(filled, piece.order_name)
        for filled in item(piece):
            check_filled(filled, piece.orders.name)


def numbered(
    view: View, orders_per_file: int, *, stem: str, suffix: str, format: str, version: str,
    chunks: Callable[[View], Iterator[bytes]],
) -> Iterator[Document]:  # fmt: skip
    """The documents of a night, so many orders each; ``chunks`` makes the bytes of some of them."""
    for number, (first, part) in enumerate(view.orders.pieces(orders_per_file), start=1):
        name = f"{stem}-{view.as_of.isoformat()}-{number:04d}.{suffix}"
        yield document(name, format, version, part, partial(chunks, view.of(part, view.first + first)))


def document(name: str, format: str, version: str, orders: Orders, chunks: Callable[[], Iterator[bytes]]) -> Document:
    """A document that has these orders in it."""
    return Document(
        name=name,
        format=format,
        orders=len(orders),
        lines=orders.lines.num_rows,
        quantity=orders.quantity(),
        value=orders.value(),
        schema_version=version,
        chunks=chunks,
    )
