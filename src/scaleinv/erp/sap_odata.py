"""SAP OData V2: purchase orders and purchase requisitions."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from scaleinv.erp.codes import Want
from scaleinv.erp.layouts.sap_odata import (
    ORDER,
    ORDER_ITEM,
    ORDER_VERSION,
    REQUISITION,
    REQUISITION_ITEM,
    REQUISITION_VERSION,
)
from scaleinv.erp.requests import RequestFormat, Values
from scaleinv.erp.texts import plain, positions, price_per, v2_date
from scaleinv.erp.units import SAP_UNITS
from scaleinv.erp.view import View

_SERVICES: Final = "/sap/opu/odata/sap"
_WANTS: Final = (Want("vendor"), Want("location"), Want("sku"), Want("unit", known=SAP_UNITS))


def _order(view: View) -> Values:
    return {
        "CompanyCode": view.config.company_code,
        "PurchaseOrderType": "NB",
        "Supplier": view.head("vendor_code"),
        "PurchasingOrganization": view.config.purchasing_organization,
        "PurchasingGroup": view.config.purchasing_group,
        "PurchaseOrderDate": v2_date(view.head("order_date")),
        "DocumentCurrency": view.head("currency"),
        "CorrespncInternalReference": view.head("order_id"),
    }


def _order_item(view: View) -> Values:
    quantity = plain(view.line("quantity"))
    price, price_unit = _price(view)
    return {
        "PurchaseOrderItem": positions(view.line("line")),
        "Plant": view.line("location_code"),
        "Material": view.line("sku_code"),
        "OrderQuantity": quantity,
        "PurchaseOrderQuantityUnit": view.line("unit_code"),
        "NetPriceAmount": price,
        "NetPriceQuantity": price_unit,
        "to_ScheduleLine[0].ScheduleLine": "1",
        "to_ScheduleLine[0].ScheduleLineDeliveryDate": v2_date(view.line("delivery_date")),
        "to_ScheduleLine[0].ScheduleLineOrderQuantity": quantity,
    }


def _requisition(view: View) -> Values:
    return {
        "PurchaseRequisitionType": "NB",
        "PurReqnDescription": view.head("order_id"),
        "SourceDetermination": "true",
    }


def _requisition_item(view: View) -> Values:
    price, price_unit = _price(view)
    return {
        "PurchaseRequisitionItem": positions(view.line("line")),
        "Material": view.line("sku_code"),
        "Plant": view.line("location_code"),
        "RequestedQuantity": plain(view.line("quantity")),
        "BaseUnit": view.line("unit_code"),
        "PurchaseRequisitionPrice": price,
        "PurReqnPriceQuantity": price_unit,
        "PurReqnItemCurrency": view.line("currency"),
        "DeliveryDate": v2_date(view.line("delivery_date")),
        "PurchasingOrganization": view.config.purchasing_organization,
        "PurchasingGroup": view.config.purchasing_group,
        "FixedSupplier": view.line("vendor_code"),
        "RequisitionerName": view.config.requisitioner,
    }


def _price(view: View) -> tuple[pa.Array, pa.Array]:
    return price_per(view.line("unit_cost"))


SAP_ORDER: Final = RequestFormat(
    "sap-order", "sap-order", ORDER_VERSION, ORDER, ORDER_ITEM, _WANTS,
    lambda _: f"{_SERVICES}/API_PURCHASEORDER_PROCESS_SRV/A_PurchaseOrder", _order, _order_item,
    lines="to_PurchaseOrderItem",
)  # fmt: skip
SAP_REQUISITION: Final = RequestFormat(
    "sap-requisition", "sap-requisition", REQUISITION_VERSION, REQUISITION, REQUISITION_ITEM, _WANTS,
    lambda _: f"{_SERVICES}/API_PURCHASEREQ_PROCESS_SRV/A_PurchaseRequisitionHeader", _requisition, _requisition_item,
    lines="to_PurchaseReqnItem", in_stock_units=True,
)  # fmt: skip
