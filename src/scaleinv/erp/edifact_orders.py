"""EDIFACT ORDERS D.96A in EANCOM's form: purchase orders to a vendor, or to a network that passes them on."""

from __future__ import annotations

from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.export import EdifactConfig
from scaleinv.erp.codes import Want
from scaleinv.erp.edi_text import EDIFACT
from scaleinv.erp.interchange import EdiFormat
from scaleinv.erp.layouts.edifact_orders import SEGMENTS, VERSION
from scaleinv.erp.segments import Filled
from scaleinv.erp.texts import is_gln, plain, whole, yyyymmdd
from scaleinv.erp.units import EDIFACT_UNITS
from scaleinv.erp.view import View

FORMAT: Final = "edifact-orders"
WANTS: Final = (Want("vendor"), Want("location"), Want("sku"), Want("unit", known=EDIFACT_UNITS))
_AROUND: Final = 12
"""Segments of an order that are not of a line."""
_OF_A_LINE: Final = 6


def edifact_format(config: EdifactConfig) -> EdiFormat:
    """The format of a sender."""

    def opening(view: View, receivers: pa.Array, control: str) -> list[Filled]:
        sender = pa.array([config.sender], pa.string())
        values = {
            "1.1 0001": "UNOC", "1.2 0002": "3", "2.1 0004": config.sender, "2.2 0007": _identified(sender)[0].as_py(),
            "3.1 0010": receivers, "3.2 0007": _identified(receivers), "4.1 0017": f"{view.as_of:%y%m%d}",
            "4.2 0019": "0000", "5.1 0020": control,
        }  # fmt: skip
        return [Filled(SEGMENTS["UNB"], values | ({"11.1 0035": "1"} if config.test else {}))]

    def head(view: View) -> list[Filled]:
        return _head(view, config.buyer or config.sender)

    return EdiFormat(
        FORMAT, "edifact-orders", "edi", VERSION, "latin-1", EDIFACT, config.receiver, _control, opening, _closing,
        head, _item, _foot, prefix="UNA:+.? '",
    )  # fmt: skip


def _identified(keys: pa.Array) -> pa.Array:
    return pc.if_else(is_gln(keys), "14", "ZZ")


def _control(as_of: date, number: int) -> str:
    return f"{as_of:%Y%m%d}{number:06d}"


def _closing(view: View, control: str) -> list[Filled]:
    return [_filled("UNZ", {"1.1 0036": str(len(view.orders)), "2.1 0020": control})]


def _head(view: View, buyer: str) -> list[Filled]:
    order_id = view.head("order_id")
    message = {
        "1.1 0062": view.numbers().cast(pa.string()), "2.1 0065": "ORDERS", "2.2 0052": "D", "2.3 0054": "96A",
        "2.4 0051": "UN", "2.5 0057": "EAN008",
    }  # fmt: skip
    return [
        _filled("UNH", message),
        _filled("BGM", {"1.1 1001": "220", "2.1 1004": order_id, "3.1 1225": "9"}),
        _date("137", view.head("order_date")),
        _date("2", view.earliest()),
        _party("BY", pa.repeat(pa.scalar(buyer, pa.string()), len(order_id))),
        _party("SU", view.head("vendor_code")),
        _party("DP", view.head("location_code")),
        _filled("CUX", {"1.1 6347": "2", "1.2 6345": view.head("currency"), "1.3 6343": "9"}),
    ]


def _date(role: str, dates: pa.Array) -> Filled:
    return _filled("DTM", {"1.1 2005": role, "1.2 2380": yyyymmdd(dates), "1.3 2379": "102"})


def _party(role: str, keys: pa.Array) -> Filled:
    agency = pc.if_else(is_gln(keys), "9", "92")
    return _filled("NAD", {"1.1 3035": role, "2.1 3039": keys, "2.3 3055": agency})


def _money(role: str, amounts: pa.Array) -> Filled:
    return _filled("MOA", {"1.1 5025": role, "1.2 5004": plain(amounts)})


def _item(view: View) -> list[Filled]:
    gtin = view.line("gtin")
    marked = pc.if_else(pc.is_null(gtin), None, pc.if_else(pc.equal(pc.utf8_length(gtin), 12), "UP", "EN"))
    whose = "SA" if view.codes.has("sku", FORMAT) else "IN"
    quantity = {"1.1 6063": "21", "1.2 6060": plain(view.line("quantity")), "1.3 6411": view.line("unit_code")}
    return [
        _filled("LIN", {"1.1 1082": whole(view.line("line")), "3.1 7140": gtin, "3.2 7143": marked}),
        _filled("PIA", {"1.1 4347": pc.if_else(pc.is_null(gtin), "5", "1"), "2.1 7140": view.line("sku_code"),
                        "2.2 7143": whose}),
        _filled("QTY", quantity),
        _date("2", view.line("delivery_date")),
        _money("203", view.line("value")),
        _filled("PRI", {"1.1 5125": "AAA", "1.2 5118": plain(view.line("unit_cost"))}),
    ]  # fmt: skip


def _foot(view: View) -> list[Filled]:
    sizes = view.sizes()
    segments = pc.add(pc.multiply(sizes, _OF_A_LINE), _AROUND)
    return [
        _filled("UNS", {"1.1 0081": "S"}),
        _money("86", view.total("value")),
        _filled("CNT", {"1.1 6069": "2", "1.2 6066": whole(sizes)}),
        _filled("UNT", {"1.1 0074": whole(segments), "2.1 0062": view.numbers().cast(pa.string())}),
    ]


def _filled(segment: str, values: dict[str, str | pa.Array]) -> Filled:
    return Filled(SEGMENTS[segment], values)
