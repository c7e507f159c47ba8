"""Every format: how its files are called, what stands in them, and how they are made of the order model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from scaleinv.config.export import ExportFormat
from scaleinv.erp import edifact_orders, x12_850
from scaleinv.erp.codes import Want, coded
from scaleinv.erp.document import Document
from scaleinv.erp.dynamics import dynamics_format
from scaleinv.erp.erpnext import erpnext_format
from scaleinv.erp.files import ORDERS_PER_FILE
from scaleinv.erp.interchange import EdiFormat, interchanges_of
from scaleinv.erp.layout import Segment
from scaleinv.erp.layouts import (
    dynamics,
    erpnext,
    netsuite,
    odoo,
    oracle_fbdi,
    order_csv,
    orders05,
    preqcr,
    quickbooks,
    request,
    sap_odata,
    shopify,
)
from scaleinv.erp.layouts import edifact_orders as edifact_layout
from scaleinv.erp.layouts import x12_850 as x12_layout
from scaleinv.erp.netsuite import netsuite_format
from scaleinv.erp.odoo import ODOO
from scaleinv.erp.oracle_fbdi import fbdi_of
from scaleinv.erp.order_csv import csv_of
from scaleinv.erp.orders05 import idocs_of
from scaleinv.erp.preqcr import requisition_idocs_of
from scaleinv.erp.quickbooks import quickbooks_format
from scaleinv.erp.requests import RequestFormat, requests_of
from scaleinv.erp.sap_odata import SAP_ORDER, SAP_REQUISITION
from scaleinv.erp.shopify import shopify_format
from scaleinv.erp.units import (
    DYNAMICS_UNITS,
    EDIFACT_UNITS,
    ERPNEXT_UNITS,
    ISO_UNITS,
    ORACLE_UNITS,
    PIECES,
    SAP_UNITS,
    X12_UNITS,
)
from scaleinv.erp.view import View

T = TypeVar("T")
Documents = Callable[[View], Iterator[Document]]


@dataclass(frozen=True)
class Format:
    """A format of ``export.formats``."""

    documents: Documents
    """Of the order model; everything is checked before the first document comes out."""
    pattern: str
    """Glob of the names of its files; a file of another name in the folder is left alone."""
    segments: tuple[Segment, ...]
    """Its layout."""
    units: Mapping[str, str]
    """UN/CEFACT Rec 20 -> its own code, without ``export.codes``."""


def _given(section: T | None, format: str) -> T:
    assert section is not None, f"configuration refuses {format} without its section"
    return section


def _requests(make: Callable[[View], RequestFormat]) -> Documents:
    return lambda view: requests_of(make(view), view)


def _edi(make: Callable[[View], EdiFormat], wants: tuple[Want, ...]) -> Documents:
    def documents(view: View) -> Iterator[Document]:
        format = make(view)
        coded_view = view.of(coded(view.orders.in_order_units(), view.codes, format.format, wants), view.first)
        return interchanges_of(format, coded_view, ORDERS_PER_FILE)

    return documents


FORMATS: Final[dict[ExportFormat, Format]] = {
    "csv": Format(lambda view: iter([csv_of(view)]), "orders-*.csv", (order_csv.LINE,), {}),
    "idoc": Format(idocs_of, "orders05-*.xml", tuple(orders05.SEGMENTS.values()), ISO_UNITS),
    "preqcr": Format(requisition_idocs_of, "preqcr-*.xml", tuple(preqcr.SEGMENTS.values()), ISO_UNITS),
    "sap-order": Format(
        _requests(lambda _: SAP_ORDER), "sap-order-*.jsonl",
        (request.REQUEST, sap_odata.ORDER, sap_odata.ORDER_ITEM), SAP_UNITS,
    ),
    "sap-requisition": Format(
        _requests(lambda _: SAP_REQUISITION), "sap-requisition-*.jsonl",
        (request.REQUEST, sap_odata.REQUISITION, sap_odata.REQUISITION_ITEM), SAP_UNITS,
    ),
    "x12-850": Format(
        _edi(lambda view: x12_850.x12_format(_given(view.config.x12, "x12-850")), x12_850.WANTS), "x12-850-*.x12",
        tuple(x12_layout.SEGMENTS.values()), X12_UNITS,
    ),
    "edifact-orders": Format(
        _edi(
            lambda view: edifact_orders.edifact_format(_given(view.config.edifact, "edifact-orders")),
            edifact_orders.WANTS,
        ),
        "edifact-orders-*.edi", tuple(edifact_layout.SEGMENTS.values()), EDIFACT_UNITS,
    ),
    "oracle-fbdi": Format(
        lambda view: fbdi_of(_given(view.config.oracle, "oracle-fbdi"), view), "oracle-fbdi-*.zip",
        tuple(oracle_fbdi.FILES.values()), ORACLE_UNITS,
    ),
    "dynamics-365": Format(
        _requests(lambda view: dynamics_format(_given(view.config.dynamics, "dynamics-365"))), "dynamics-365-*.jsonl",
        (request.REQUEST, dynamics.HEADER, dynamics.LINE), DYNAMICS_UNITS,
    ),
    "netsuite": Format(
        _requests(lambda view: netsuite_format(_given(view.config.netsuite, "netsuite"))), "netsuite-*.jsonl",
        (request.REQUEST, netsuite.ORDER, netsuite.ITEM), {},
    ),
    "odoo": Format(_requests(lambda _: ODOO), "odoo-*.jsonl", (request.REQUEST, odoo.ORDER, odoo.LINE), {}),
    "erpnext": Format(
        _requests(lambda view: erpnext_format(_given(view.config.erpnext, "erpnext"))), "erpnext-*.jsonl",
        (request.REQUEST, erpnext.ORDER, erpnext.ITEM), ERPNEXT_UNITS,
    ),
    "quickbooks": Format(
        _requests(lambda view: quickbooks_format(_given(view.config.quickbooks, "quickbooks"))), "quickbooks-*.jsonl",
        (request.REQUEST, quickbooks.ORDER, quickbooks.LINE), PIECES,
    ),
    "shopify": Format(
        _requests(lambda view: shopify_format(view.config.shopify)), "shopify-[0-9]*.jsonl",
        (request.REQUEST, shopify.INCOMING, shopify.CHANGE), PIECES,
    ),
}  # fmt: skip
