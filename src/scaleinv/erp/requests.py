"""Formats that are posted to a web address: a file of JSON lines, each one request with its key, path and body."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.erp.codes import Want, coded
from scaleinv.erp.document import Document
from scaleinv.erp.files import ORDERS_PER_FILE, checked, numbered
from scaleinv.erp.json_text import json_of
from scaleinv.erp.layout import Segment
from scaleinv.erp.layouts.request import REQUEST
from scaleinv.erp.orders import Orders
from scaleinv.erp.segments import Filled
from scaleinv.erp.view import View

Values = Mapping[str, str | pa.Array]


@dataclass(frozen=True)
class RequestFormat:
    """A format: its layout and what fills it."""

    format: str
    stem: str
    version: str
    head: Segment
    item: Segment
    wants: tuple[Want, ...]
    path: Callable[[View], str | pa.Array]
    """Of an order."""
    head_values: Callable[[View], Values]
    """(n_orders,) each, without the lines."""
    item_values: Callable[[View], Values]
    """(n_lines,) each."""
    lines: str | None
    """Field of the head that holds the lines; none: each line is a request of its own, after its order's."""
    line_path: str = ""
    around_line: tuple[str, str] = ("", "")
    in_stock_units: bool = False
    """What it is about has no unit of order."""
    most_lines: int | None = None
    """Of a request: an order of more is more requests, their keys ORDER, ORDER/2 …"""

    @property
    def segments(self) -> dict[str, Segment]:
        """Its layout."""
        return {one.name: one for one in (REQUEST, self.head, self.item)}


def requests_of(format: RequestFormat, view: View, orders_per_file: int = ORDERS_PER_FILE) -> Iterator[Document]:
    """The documents of an order model; everything is checked before the first comes out."""
    orders = view.orders if format.in_stock_units else view.orders.in_order_units()
    view = view.of(coded(orders, view.codes, format.format, format.wants), view.first)
    checked(
        view,
        lambda piece: [
            Filled(REQUEST, {"key": piece.head("order_id")}),
            Filled(format.head, format.head_values(piece)),
        ],
        lambda piece: [Filled(format.item, format.item_values(piece))],
    )
    return numbered(
        view, orders_per_file, stem=format.stem, suffix="jsonl", format=format.format, version=format.version,
        chunks=partial(_chunks, format),
    )  # fmt: skip


def _chunks(format: RequestFormat, part: View) -> Iterator[bytes]:
    for start, piece in part.orders.pieces():
        yield text_of(format, part.of(piece, part.first + start))


def text_of(format: RequestFormat, view: View) -> bytes:
    """The requests of some orders, one a line."""
    key = view.head("order_id")
    if format.most_lines is not None:
        view, key = _split(view, format.most_lines)
    values = dict(format.head_values(view))
    items = json_of(Filled(format.item, format.item_values(view)))
    if format.lines is not None:
        opening, closing = format.around_line
        each = pc.binary_join_element_wise(opening, items, closing, "") if opening else items
        values[format.lines] = pc.binary_join_element_wise("[", view.joined(each, ","), "]", "")
    texts = _request(key, format.path(view), json_of(Filled(format.head, values)))
    if format.lines is None:
        line = pc.binary_join_element_wise(view.line("order_id"), view.line("line").cast(pa.string()), "/")
        texts = pc.binary_join_element_wise(texts, view.joined(_request(line, format.line_path, items)), "")
    return "".join(texts.to_pylist()).encode()


def _request(key: pa.Array, path: str | pa.Array, body: pa.Array) -> pa.Array:
    request = json_of(Filled(REQUEST, {"key": key, "method": "POST", "path": path, "body": body}))
    return pc.binary_join_element_wise(request, "\n", "")


def _split(view: View, most: int) -> tuple[View, pa.Array]:
    """Each request seen as if it were an order, and the requests' keys."""
    ends, suffixes = [], []
    for order, end in enumerate(view.orders.ends):
        start = view.orders.start(order)
        for number, first in enumerate(range(start, end, most), start=1):
            ends.append(min(first + most, end))
            suffixes.append(f"/{number}" if number > 1 else "")
    parts = view.of(Orders(view.orders.lines, ends), view.first)
    return parts, pc.binary_join_element_wise(parts.head("order_id"), pa.array(suffixes, pa.string()), "")
