"""NetSuite over REST: purchaseOrder."""

from __future__ import annotations

from typing import Final

from scaleinv.config.export import NetSuiteConfig
from scaleinv.erp.codes import Want
from scaleinv.erp.layouts.netsuite import ITEM, ORDER, VERSION
from scaleinv.erp.requests import RequestFormat, Values
from scaleinv.erp.texts import iso, plain, whole
from scaleinv.erp.view import View

_PATH: Final = "/services/rest/record/v1/purchaseOrder"
_WANTS: Final = tuple(Want(kind, required=True) for kind in ("vendor", "location", "sku", "unit", "currency"))


def netsuite_format(config: NetSuiteConfig) -> RequestFormat:
    """The format of a subsidiary."""

    def order(view: View) -> Values:
        return {
            "externalId": view.head("order_id"),
            "entity.id": view.head("vendor_code"),
            "subsidiary.id": config.subsidiary,
            "location.id": view.head("location_code"),
            "currency.id": view.head("currency_code"),
            "tranDate": iso(view.head("order_date")),
        }

    return RequestFormat(
        "netsuite", "netsuite", VERSION, ORDER, ITEM, _WANTS, lambda _: _PATH, order, _item, lines="item.items"
    )


def _item(view: View) -> Values:
    return {
        "line": whole(view.line("line")),
        "item.id": view.line("sku_code"),
        "quantity": plain(view.line("quantity")),
        "units.id": view.line("unit_code"),
        "rate": plain(view.line("unit_cost")),
        "expectedReceiptDate": iso(view.line("delivery_date")),
    }
