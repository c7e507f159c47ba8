"""Dynamics 365 F&O over OData: the header of an order, then each of its lines."""

from __future__ import annotations

from typing import Final

from scaleinv.config.export import DynamicsConfig
from scaleinv.erp.codes import Want
from scaleinv.erp.layouts.dynamics import HEADER, LINE, VERSION
from scaleinv.erp.requests import RequestFormat, Values
from scaleinv.erp.texts import moment, plain, whole
from scaleinv.erp.units import DYNAMICS_UNITS
from scaleinv.erp.view import View

_NOON: Final = "T12:00:00Z"  # the day is the same wherever the server thinks it is


def dynamics_format(config: DynamicsConfig) -> RequestFormat:
    """The format of a company."""

    def header(view: View) -> Values:
        return {
            "dataAreaId": config.company,
            "PurchaseOrderNumber": view.head("order_id"),
            "OrderVendorAccountNumber": view.head("vendor_code"),
            "CurrencyCode": view.head("currency"),
            "AccountingDate": moment(view.head("order_date"), _NOON),
            "RequestedDeliveryDate": moment(view.earliest(), _NOON),
            "VendorOrderReference": view.head("order_id"),
        }

    def line(view: View) -> Values:
        return {
            "dataAreaId": config.company,
            "PurchaseOrderNumber": view.line("order_id"),
            "LineNumber": whole(view.line("line")),
            "ItemNumber": view.line("sku_code"),
            "OrderedPurchaseQuantity": plain(view.line("quantity")),
            "PurchaseUnitSymbol": view.line("unit_code"),
            "PurchasePrice": plain(view.line("unit_cost")),
            "ReceivingSiteId": view.line("site_code"),
            "ReceivingWarehouseId": view.line("location_code"),
            "RequestedDeliveryDate": moment(view.line("delivery_date"), _NOON),
        }

    wants = (
        Want("vendor"), Want("location"), Want("site", default=config.site), Want("sku"),
        Want("unit", known=DYNAMICS_UNITS),
    )  # fmt: skip
    return RequestFormat(
        "dynamics-365", "dynamics-365", VERSION, HEADER, LINE, wants, lambda _: "/data/PurchaseOrderHeadersV2",
        header, line, lines=None, line_path="/data/PurchaseOrderLinesV2",
    )  # fmt: skip
