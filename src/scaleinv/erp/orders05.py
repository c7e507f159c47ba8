"""Orders as SAP IDocs of type ORDERS05 in XML: one IDoc per purchase order, many in a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.export import ExportConfig
from scaleinv.erp.codes import coded, read_codes
from scaleinv.erp.document import Document
from scaleinv.erp.files import ORDERS_PER_FILE
from scaleinv.erp.idoc import IdocType, idoc_files, idoc_wants
from scaleinv.erp.layouts.orders05 import SEGMENTS, VERSION
from scaleinv.erp.orders import orders_of
from scaleinv.erp.segments import Filled
from scaleinv.erp.texts import positions, price_per, whole, yyyymmdd
from scaleinv.erp.view import View


def idoc_documents(
    lines: pa.Table, config: ExportConfig, *, as_of: date, orders_per_file: int = ORDERS_PER_FILE
) -> Iterator[Document]:
    """The night's purchase orders, at most ``orders_per_file`` in a file; no order, no file.

    Everything is checked before the first document comes out; bytes are made piece by piece.

    Args:
        lines: gold/order_proposals, one night, rows in any order.
        config: organisation, partners and unit codes.
        as_of: the night; also the IDocs' date of creation.
        orders_per_file: at least 1.

    Raises:
        DataError: lines that contradict themselves, a value too long for its field, or a unit without ISO code.
    """
    view = View(orders_of(lines, as_of=as_of), config, as_of, codes=read_codes(config.codes))
    return idocs_of(view, orders_per_file)


def idocs_of(view: View, orders_per_file: int = ORDERS_PER_FILE) -> Iterator[Document]:
    """The documents of an order model."""
    orders = coded(view.orders.in_order_units(), view.codes, ORDERS05.format, idoc_wants(view))
    return idoc_files(ORDERS05, view.of(orders, view.first), orders_per_file)


def _head(view: View) -> list[Filled]:
    config = view.config
    organisation = (
        ("014", config.purchasing_organization),
        ("009", config.purchasing_group),
        ("011", config.company_code),
    )
    order_id = view.head("order_id")
    return [
        _filled("E1EDK01", ACTION="000", CURCY=view.head("currency"), BSART="NB", BELNR=order_id),
        *(_filled("E1EDK14", QUALF=qualifier, ORGID=value) for qualifier, value in organisation),
        _filled("E1EDK03", IDDAT="012", DATUM=yyyymmdd(view.head("order_date"))),
        _filled("E1EDK03", IDDAT="002", DATUM=yyyymmdd(view.earliest())),
        _filled("E1EDKA1", PARVW="LF", PARTN=view.head("vendor_code")),
        _filled("E1EDKA1", PARVW="WE", PARTN=view.head("location_code")),
    ]


def _item(view: View) -> Filled:
    quantity = view.line("quantity").cast(pa.string())
    price, price_unit = price_per(view.line("unit_cost"))
    children = (
        _filled("E1EDP20", WMENG=quantity, EDATU=yyyymmdd(view.line("delivery_date"))),
        _filled("E1EDP19", QUALF="001", IDTNR=view.line("sku_code")),
        _filled("E1EDP19", optional=True, QUALF="003", IDTNR=view.line("gtin")),
    )
    return _filled(
        "E1EDP01", children=children, POSEX=pc.utf8_lpad(positions(view.line("line")), 6, "0"), ACTION="001",
        MENGE=quantity, MENEE=view.line("unit_code"), VPREI=price, PEINH=price_unit,
        NETWR=view.line("value").cast(pa.string()),
    )  # fmt: skip


def _foot(view: View) -> list[Filled]:
    return [_filled("E1EDS01", SUMID="001", SUMME=whole(view.sizes()))]


def _filled(
    segment: str, *, children: tuple[Filled, ...] = (), optional: bool = False, **values: str | pa.Array
) -> Filled:
    return Filled(SEGMENTS[segment], values, children, optional)


ORDERS05: Final = IdocType(
    "idoc", "ORDERS05", "ORDERS", "orders05", VERSION, SEGMENTS, head=_head, item=_item, foot=_foot
)
