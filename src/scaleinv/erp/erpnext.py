"""ERPNext over its REST API: Purchase Order."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.export import ErpNextConfig
from scaleinv.erp.codes import Want
from scaleinv.erp.layouts.erpnext import ITEM, ORDER, VERSION
from scaleinv.erp.orders import nearest_decimals, refuse
from scaleinv.erp.requests import RequestFormat, Values
from scaleinv.erp.texts import iso, plain, whole
from scaleinv.erp.units import ERPNEXT_UNITS
from scaleinv.erp.view import View

_PATH: Final = "/api/resource/Purchase%20Order"
_FACTOR: Final = pa.decimal128(19, 9)
_WANTS: Final = (Want("vendor"), Want("location"), Want("sku"), Want("unit", known=ERPNEXT_UNITS))


def erpnext_format(config: ErpNextConfig) -> RequestFormat:
    """The format of a company.

    An order in a currency that has no rate is refused when it is filled.
    """
    rates = {name: f"{rate.normalize():f}" for name, rate in config.conversion_rates.items()} | {config.currency: "1"}

    def order(view: View) -> Values:
        return {
            "title": view.head("order_id"),
            "supplier": view.head("vendor_code"),
            "company": config.company,
            "transaction_date": iso(view.head("order_date")),
            "schedule_date": iso(view.earliest()),
            "currency": view.head("currency"),
            "conversion_rate": _rates(view, rates),
        }

    return RequestFormat(
        "erpnext", "erpnext", VERSION, ORDER, ITEM, _WANTS, lambda _: _PATH, order, _item, lines="items"
    )


def _rates(view: View, rates: dict[str, str]) -> pa.Array:
    known = pa.array(list(rates), pa.string())
    currencies = view.line("currency")
    refuse(
        view.orders, pc.invert(pc.is_in(currencies, value_set=known)), "erpnext: no conversion rate for the currency",
        expected=", ".join(sorted(rates)), found=currencies, do="add it to export.erpnext.conversion_rates",
    )  # fmt: skip
    return pa.array(list(rates.values()), pa.string()).take(pc.index_in(view.head("currency"), value_set=known))


def _conversion_factors(view: View) -> pa.Array:
    """(n,) units of stock in a unit of the line; ERPNext multiplies by it."""
    quantity, stock = view.line("quantity"), view.line("stock_quantity")
    ratio = pc.divide(stock.cast(pa.float64()), quantity.cast(pa.float64()))
    factor = nearest_decimals(ratio, _FACTOR)
    refuse(
        view.orders, pc.not_equal(pc.multiply(factor, quantity), stock.cast(pa.decimal128(34, 12))),
        "erpnext: conversion_factor has too many decimals", expected="units of stock in a unit of order with at most 9",
        found=pc.binary_join_element_wise(stock.cast(pa.string()), quantity.cast(pa.string()), " / "),
        do="correct silver/packs, or order in units of stock (export.units)",
    )  # fmt: skip
    return plain(factor)


def _item(view: View) -> Values:
    return {
        "idx": whole(view.line("line")),
        "item_code": view.line("sku_code"),
        "qty": plain(view.line("quantity")),
        "uom": view.line("unit_code"),
        "conversion_factor": _conversion_factors(view),
        "rate": plain(view.line("unit_cost")),
        "schedule_date": iso(view.line("delivery_date")),
        "warehouse": view.line("location_code"),
    }
