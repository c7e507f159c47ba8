"""QuickBooks Online: purchaseorder."""

from __future__ import annotations

from typing import Final

import pyarrow.compute as pc

from scaleinv.config.export import QuickBooksConfig
from scaleinv.erp.codes import Want
from scaleinv.erp.layouts.quickbooks import LINE, ORDER, VERSION
from scaleinv.erp.requests import RequestFormat, Values
from scaleinv.erp.texts import iso, plain, whole
from scaleinv.erp.units import PIECES
from scaleinv.erp.view import View

_DETAIL: Final = "ItemBasedExpenseLineDetail"
_WANTS: Final = (
    Want("vendor", required=True), Want("sku", required=True), Want("location"), Want("unit", known=PIECES)
)  # fmt: skip


def quickbooks_format(config: QuickBooksConfig) -> RequestFormat:
    """The format of a company. QuickBooks answers a ``requestid`` that it knows as it did the first time."""

    def order(view: View) -> Values:
        return {
            "APAccountRef.value": config.payable_account,
            "VendorRef.value": view.head("vendor_code"),
            "DocNumber": view.head("order_id"),
            "TxnDate": iso(view.head("order_date")),
            "DueDate": iso(view.earliest()),
            "CurrencyRef.value": view.head("currency"),
            "ShipAddr.Line1": view.head("location_code"),
        }

    path = f"/v3/company/{config.realm}/purchaseorder?requestid="
    return RequestFormat(
        "quickbooks", "quickbooks", VERSION, ORDER, LINE, _WANTS,
        lambda view: pc.binary_join_element_wise(path, view.head("order_id"), ""), order, _line, lines="Line",
        in_stock_units=True,
    )  # fmt: skip


def _line(view: View) -> Values:
    return {
        "LineNum": whole(view.line("line")),
        "Description": iso(view.line("delivery_date")),
        "Amount": plain(view.line("value")),
        "DetailType": _DETAIL,
        f"{_DETAIL}.ItemRef.value": view.line("sku_code"),
        f"{_DETAIL}.Qty": plain(view.line("quantity")),
        f"{_DETAIL}.UnitPrice": plain(view.line("unit_cost")),
    }
