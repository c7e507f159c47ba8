"""X12 850 (4010): purchase orders to a vendor, or to a network that passes them on."""

from __future__ import annotations

from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.export import X12Config
from scaleinv.erp.codes import Want
from scaleinv.erp.edi_text import X12
from scaleinv.erp.interchange import EdiFormat
from scaleinv.erp.layouts.x12_850 import SEGMENTS, VERSION
from scaleinv.erp.orders import refuse
from scaleinv.erp.segments import Filled
from scaleinv.erp.texts import is_gln, plain, whole, yyyymmdd
from scaleinv.erp.units import X12_UNITS
from scaleinv.erp.view import View

FORMAT: Final = "x12-850"
WANTS: Final = (Want("vendor"), Want("location"), Want("sku"), Want("unit", known=X12_UNITS))
_FIRST_DAY: Final = date(2000, 1, 1)
_AROUND: Final = 9
"""Segments of an order that are not of a line."""
_OF_A_LINE: Final = 2
_QUALIFIERS: Final = {8: "UK", 12: "UP", 13: "EN", 14: "UK"}
"""Digits of a GTIN -> its qualifier; one of 8 is filled up to 14."""


def x12_format(config: X12Config) -> EdiFormat:
    """The format of a sender."""

    def opening(view: View, receivers: pa.Array, control: str) -> list[Filled]:
        blank, day = " " * 10, view.as_of
        isa = {
            "ISA01": "00", "ISA02": blank, "ISA03": "00", "ISA04": blank, "ISA05": config.sender_qualifier,
            "ISA06": config.sender.ljust(15), "ISA07": config.receiver_qualifier,
            "ISA08": pc.utf8_rpad(receivers, 15), "ISA09": f"{day:%y%m%d}", "ISA10": "0000", "ISA11": "U",
            "ISA12": "00401", "ISA13": control, "ISA14": "0", "ISA15": config.usage, "ISA16": X12.component,
        }  # fmt: skip
        gs = {
            "GS01": "PO", "GS02": config.sender, "GS03": receivers, "GS04": f"{day:%Y%m%d}", "GS05": "0000",
            "GS06": str(int(control)), "GS07": "X", "GS08": "004010",
        }  # fmt: skip
        return [Filled(SEGMENTS["ISA"], isa), Filled(SEGMENTS["GS"], gs)]

    return EdiFormat(
        FORMAT, "x12-850", "x12", VERSION, "ascii", X12, config.receiver, _control, opening, _closing, _head, _item,
        _foot,
    )  # fmt: skip


def _control(as_of: date, number: int) -> str:
    return f"{(as_of - _FIRST_DAY).days % 10_000:04d}{number:05d}"


def _closing(view: View, control: str) -> list[Filled]:
    return [
        _filled("GE", GE01=str(len(view.orders)), GE02=str(int(control))),
        _filled("IEA", IEA01="1", IEA02=control),
    ]


def _head(view: View) -> list[Filled]:
    return [
        _filled("ST", ST01="850", ST02=_number(view)),
        _filled("BEG", BEG01="00", BEG02="SA", BEG03=view.head("order_id"), BEG05=yyyymmdd(view.head("order_date"))),
        _filled("CUR", CUR01="BY", CUR02=view.head("currency")),
        _filled("DTM", DTM01="002", DTM02=yyyymmdd(view.earliest())),
        _party("VN", view.head("vendor_code")),
        _party("ST", view.head("location_code")),
    ]


def _number(view: View) -> pa.Array:
    return pc.utf8_lpad(view.numbers().cast(pa.string()), 4, "0")


def _party(role: str, keys: pa.Array) -> Filled:
    return _filled("N1", N101=role, N103=pc.if_else(is_gln(keys), "UL", "92"), N104=keys)


def _item(view: View) -> list[Filled]:
    qualifier, gtin = _gtin(view)
    line = _filled(
        "PO1", PO101=whole(view.line("line")), PO102=plain(view.line("quantity")), PO103=view.line("unit_code"),
        PO104=plain(view.line("unit_cost")), PO106="VN" if view.codes.has("sku", FORMAT) else "IN",
        PO107=view.line("sku_code"), PO108=qualifier, PO109=gtin,
    )  # fmt: skip
    return [line, _filled("DTM", DTM01="002", DTM02=yyyymmdd(view.line("delivery_date")))]


def _gtin(view: View) -> tuple[pa.Array, pa.Array]:
    """(n,) qualifier and number; both null where there is none."""
    gtin = view.line("gtin")
    lengths = pc.utf8_length(gtin)
    place = pc.index_in(lengths, value_set=pa.array(list(_QUALIFIERS), lengths.type))
    refuse(
        view.orders, pc.and_(pc.is_valid(gtin), pc.is_null(place)), "PO1.PO109: not a GTIN",
        expected="8, 12, 13 or 14 digits", found=gtin, do="correct it where it comes from",
    )  # fmt: skip
    filled = pc.if_else(pc.equal(lengths, 8), pc.utf8_lpad(gtin, 14, "0"), gtin)
    return pa.array(list(_QUALIFIERS.values()), pa.string()).take(place), filled


def _foot(view: View) -> list[Filled]:
    sizes = view.sizes()
    segments = pc.add(pc.multiply(sizes, _OF_A_LINE), _AROUND)
    return [
        _filled("CTT", CTT01=whole(sizes), CTT02=plain(view.total("quantity"))),
        _filled("AMT", AMT01="TT", AMT02=plain(view.total("value"))),
        _filled("SE", SE01=whole(segments), SE02=_number(view)),
    ]


def _filled(segment: str, **values: str | pa.Array) -> Filled:
    return Filled(SEGMENTS[segment], values)
