"""What SAP's IDocs have in common: the control record, files of many IDocs, one for each order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.erp.codes import Want
from scaleinv.erp.document import Document
from scaleinv.erp.files import checked, numbered
from scaleinv.erp.layout import Segment
from scaleinv.erp.segments import Filled
from scaleinv.erp.units import ISO_UNITS
from scaleinv.erp.view import View
from scaleinv.erp.xml_text import xml_of


@dataclass(frozen=True)
class IdocType:
    """A type of IDoc: what it is called, and what stands in it."""

    format: str
    idoc: str
    message: str
    stem: str
    version: str
    segments: dict[str, Segment]
    head: Callable[[View], list[Filled]]
    """(n_orders,) each, after the control record."""
    item: Callable[[View], Filled]
    """(n_lines,)"""
    foot: Callable[[View], list[Filled]]
    """(n_orders,) each."""
    items: tuple[str, str] = ("", "")
    """What opens and closes the items of an order."""


def idoc_wants(view: View) -> tuple[Want, ...]:
    """Codes of an IDoc; ``export.iso_units`` comes before the built-in units."""
    units = Want("unit", known={**ISO_UNITS, **view.config.iso_units})
    return (Want("vendor"), Want("location"), Want("sku"), units)


def idoc_files(type_: IdocType, view: View, orders_per_file: int) -> Iterator[Document]:
    """Checks all orders, then gives the documents."""

    def head(piece: View) -> list[Filled]:
        return [_control(type_, piece), *type_.head(piece), *type_.foot(piece)]

    checked(view, head, lambda piece: [type_.item(piece)])
    return numbered(
        view, orders_per_file, stem=type_.stem, suffix="xml", format=type_.format, version=type_.version,
        chunks=partial(_chunks, type_),
    )  # fmt: skip


def _chunks(type_: IdocType, part: View) -> Iterator[bytes]:
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<{type_.idoc}>\n'.encode()
    for start, piece in part.orders.pieces():
        yield _xml(type_, part.of(piece, part.first + start))
    yield f"</{type_.idoc}>\n".encode()


def _xml(type_: IdocType, view: View) -> bytes:
    """The IDocs of some orders."""
    head = [_one_text(filled) for filled in (_control(type_, view), *type_.head(view))]
    foot = [_one_text(filled) for filled in type_.foot(view)]
    opening, closing = type_.items
    items = view.joined(xml_of(type_.item(view)))
    idocs = pc.binary_join_element_wise(
        '<IDOC BEGIN="1">', *head, opening, items, closing, *foot, "</IDOC>\n", ""
    )  # fmt: skip
    return "".join(idocs.to_pylist()).encode()


def _one_text(filled: Filled) -> str | pa.Array:
    text = xml_of(filled)
    return text.as_py() if isinstance(text, pa.Scalar) else text


_LOGICAL_SYSTEM: Final = "LS"


def _control(type_: IdocType, view: View) -> Filled:
    config, day = view.config, f"{view.as_of:%Y%m%d}"
    document = pc.binary_join_element_wise(day, pc.utf8_lpad(view.numbers().cast(pa.string()), 8, "0"), "")
    values = {
        "TABNAM": "EDI_DC40", "DOCNUM": document, "DIRECT": "2", "IDOCTYP": type_.idoc, "MESTYP": type_.message,
        "SNDPOR": config.sender, "SNDPRT": _LOGICAL_SYSTEM, "SNDPRN": config.sender,
        "RCVPOR": config.receiver_port, "RCVPRT": _LOGICAL_SYSTEM, "RCVPRN": config.receiver,
        "CREDAT": day, "CRETIM": "000000", "REFMES": view.head("order_id"),
    }  # fmt: skip
    return Filled(type_.segments["EDI_DC40"], values)
