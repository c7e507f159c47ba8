"""EDI files: an interchange each, for one receiver, with control numbers made of the night and its place in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.erp.document import Document
from scaleinv.erp.edi_text import Syntax, edi_of
from scaleinv.erp.files import checked, document
from scaleinv.erp.orders import Orders
from scaleinv.erp.segments import Filled
from scaleinv.erp.view import View
from scaleinv.errors import DataError, explain

MAX_INTERCHANGES: Final = 99_999


@dataclass(frozen=True)
class EdiFormat:
    """A standard's order message: what its segments are filled with."""

    format: str
    stem: str
    suffix: str
    version: str
    encoding: str
    syntax: Syntax
    receiver: str | None
    """Of all; none: each vendor's code."""
    control: Callable[[date, int], str]
    """Control number of the night's interchange of that number, from 1."""
    opening: Callable[[View, pa.Array, str], list[Filled]]
    """(n_receivers,) around all orders, before them; receivers and control number."""
    closing: Callable[[View, str], list[Filled]]
    head: Callable[[View], list[Filled]]
    """(n_orders,) each."""
    item: Callable[[View], list[Filled]]
    """(n_lines,) each."""
    foot: Callable[[View], list[Filled]]
    """(n_orders,) each."""
    prefix: str = ""
    """Stands before everything."""


def interchanges_of(format: EdiFormat, view: View, orders_per_file: int) -> Iterator[Document]:
    """Checks all orders, then gives the documents.

    Raises:
        DataError: a value that the layout does not take, or more interchanges than there are numbers.
    """

    def heads(piece: View) -> list[Filled]:
        receivers = piece.head("vendor_code")
        opening = format.opening(piece, receivers, format.control(piece.as_of, 1)) if format.receiver is None else []
        return [*opening, *format.head(piece), *format.foot(piece)]

    checked(view.of(view.orders, 0), heads, format.item)
    parts = list(_parts(format, view, orders_per_file))
    last = view.first + len(parts)
    if last > MAX_INTERCHANGES:
        found = f"{last:,} for {view.as_of}"
        raise DataError(
            explain(f"{format.format}: too many interchanges", expected=f"at most {MAX_INTERCHANGES:,} a night",
                    found=found, do="name one receiver for all, in the format's section of export")
        )  # fmt: skip
    if len(parts):
        checked_once = format.opening(view, _receivers(format, view.of(parts[0], 0)), format.control(view.as_of, 1))
        checked(view.of(parts[0], 0), lambda _: checked_once, lambda _: [])
    return _files(format, view, parts)


def _parts(format: EdiFormat, view: View, most: int) -> Iterator[Orders]:
    """Orders that go into one interchange each."""
    if format.receiver is not None:
        yield from (part for _, part in view.orders.pieces(most))
        return
    if not len(view.orders):
        return
    first = 0
    for end in pc.run_end_encode(view.head("vendor_code")).run_ends.to_pylist():
        for start in range(first, end, most):
            yield view.orders.part(start, min(start + most, end))
        first = end


def _receivers(format: EdiFormat, view: View) -> pa.Array:
    """(1,) to whom an interchange goes."""
    if format.receiver is not None:
        return pa.array([format.receiver], pa.string())
    return view.head("vendor_code").slice(0, 1)


def _files(format: EdiFormat, view: View, parts: list[Orders]) -> Iterator[Document]:
    for number, part in enumerate(parts, start=1):
        # An interchange has an order at least: behind the orders that went out before, every number is a new one.
        control = format.control(view.as_of, view.first + number)
        name = f"{format.stem}-{view.as_of.isoformat()}-{number:04d}.{format.suffix}"
        chunks = partial(_chunks, format, view.of(part, 0), control)
        yield document(name, format.format, format.version, part, chunks)


def _chunks(format: EdiFormat, part: View, control: str) -> Iterator[bytes]:
    yield format.prefix.encode() + _joined(format, format.opening(part, _receivers(format, part), control))
    for start, piece in part.orders.pieces():
        yield _messages(format, part.of(piece, start))
    yield _joined(format, format.closing(part, control))


def _joined(format: EdiFormat, segments: list[Filled]) -> bytes:
    texts = [edi_of(filled, format.syntax) for filled in segments]
    return "".join(text if isinstance(text, str) else text[0].as_py() for text in texts).encode(format.encoding)


def _messages(format: EdiFormat, view: View) -> bytes:
    items = pc.binary_join_element_wise(*(edi_of(filled, format.syntax) for filled in format.item(view)), "")
    head = [edi_of(filled, format.syntax) for filled in format.head(view)]
    foot = [edi_of(filled, format.syntax) for filled in format.foot(view)]
    messages = pc.binary_join_element_wise(*head, view.joined(items), *foot, "")
    return "".join(messages.to_pylist()).encode(format.encoding)
