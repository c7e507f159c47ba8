"""Orders as purchase requisitions, SAP IDocs of type PREQCR01 in XML; newer systems take them over OData."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.erp.codes import coded
from scaleinv.erp.document import Document
from scaleinv.erp.files import ORDERS_PER_FILE
from scaleinv.erp.idoc import IdocType, idoc_files, idoc_wants
from scaleinv.erp.layouts.preqcr import SEGMENTS, VERSION
from scaleinv.erp.segments import Filled
from scaleinv.erp.texts import positions, yyyymmdd
from scaleinv.erp.view import View


def requisition_idocs_of(view: View, orders_per_file: int = ORDERS_PER_FILE) -> Iterator[Document]:
    """The documents of an order model, one requisition for each order."""
    orders = coded(view.orders, view.codes, PREQCR.format, idoc_wants(view))
    return idoc_files(PREQCR, view.of(orders, view.first), orders_per_file)


def _item(view: View) -> Filled:
    config = view.config
    values = {
        "PREQ_ITEM": pc.utf8_lpad(positions(view.line("line")), 5, "0"), "DOC_TYPE": "NB",
        "PUR_GROUP": config.purchasing_group, "PREQ_NAME": view.line("order_id"),
        "PREQ_DATE": yyyymmdd(view.line("order_date")), "MATERIAL": view.line("sku_code"),
        "PLANT": view.line("location_code"), "QUANTITY": view.line("quantity").cast(pa.string()),
        "UNIT": view.line("unit_code"), "DEL_DATCAT": "1", "DELIV_DATE": yyyymmdd(view.line("delivery_date")),
        "C_AMT_BAPI": view.line("unit_cost").cast(pa.string()), "PRICE_UNIT": "1",
        "FIXED_VEND": view.line("vendor_code"), "PURCH_ORG": config.purchasing_organization,
        "CURRENCY": view.line("currency"),
    }  # fmt: skip
    return Filled(SEGMENTS["E1BPEBANC"], values)


PREQCR: Final = IdocType(
    "preqcr", "PREQCR01", "PREQCR", "preqcr", VERSION, SEGMENTS, head=lambda _: [], item=_item, foot=lambda _: [],
    items=('<E1PREQCR SEGMENT="1">', "</E1PREQCR>"),
)  # fmt: skip
