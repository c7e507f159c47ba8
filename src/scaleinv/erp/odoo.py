"""Odoo over JSON-2: purchase.order/create, one order a request."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.codes import Want
from scaleinv.erp.layouts.odoo import LINE, ORDER, VERSION
from scaleinv.erp.requests import RequestFormat, Values
from scaleinv.erp.texts import moment, plain, whole
from scaleinv.erp.view import View

_MIDDAY: Final = " 12:00:00"
"""Odoo keeps moments in UTC and shows them where the user is: at midnight a day would be the one before in the west."""
_WANTS: Final = tuple(Want(kind, required=True) for kind in ("vendor", "location", "sku", "unit", "currency"))


def _order(view: View) -> Values:
    values = {
        "partner_id": view.head("vendor_code"),
        "partner_ref": view.head("order_id"),
        "currency_id": view.head("currency_code"),
        "picking_type_id": view.head("location_code"),
        "date_order": moment(view.head("order_date"), _MIDDAY),
    }
    return {f"vals_list[0].{name}": value for name, value in values.items()}


def _line(view: View) -> Values:
    return {
        "sequence": whole(view.line("line")),
        "product_id": view.line("sku_code"),
        "product_qty": plain(view.line("quantity")),
        "product_uom_id": view.line("unit_code"),
        "price_unit": plain(view.line("unit_cost")),
        "date_planned": moment(view.line("delivery_date"), _MIDDAY),
    }


ODOO: Final = RequestFormat(
    "odoo", "odoo", VERSION, ORDER, LINE, _WANTS, lambda _: "/json/2/purchase.order/create", _order, _line,
    lines="vals_list[0].order_line", around_line=("[0,0,", "]"),
)  # fmt: skip
