"""Orders as SAP IDocs of type ORDERS05 in XML: one IDoc per purchase order, many in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.models import ExportConfig
from scaleinv.erp.document import Document
from scaleinv.erp.layout import IDOC_VERSION, ISO_UNITS, ORDERS05
from scaleinv.erp.orders import Orders, orders_of, refuse
from scaleinv.erp.segments import Filled, check_filled, xml_of

ORDERS_PER_FILE: Final = 1_000
_FIRST = b'<?xml version="1.0" encoding="UTF-8"?>\n<ORDERS05>\n'
_LAST = b"</ORDERS05>\n"


def idoc_documents(
    lines: pa.Table, config: ExportConfig, *, as_of: date, orders_per_file: int = ORDERS_PER_FILE
) -> Iterator[Document]:
    """The night's purchase orders, at most ``orders_per_file`` in a file; no order, no file.

    Everything is checked before the first document comes out; bytes are made piece by piece.

    Args:
        lines: gold/order_proposals, one night, rows in any order.
        config: organisation, partners and unit codes.
        as_of: the night; also the IDocs' date of creation.
        orders_per_file: at least 1.

    Raises:
        DataError: lines that contradict themselves, a value too long for its field, or a unit without ISO code.
    """
    return idocs_of(orders_of(lines, as_of=as_of), config, as_of=as_of, orders_per_file=orders_per_file)


def idocs_of(
    orders: Orders, config: ExportConfig, *, as_of: date, orders_per_file: int = ORDERS_PER_FILE
) -> Iterator[Document]:
    """The documents of an order model."""
    if len(orders):
        _check(_Message(orders, config, as_of, 0))
    return _documents(orders, config, as_of, orders_per_file)


def _documents(orders: Orders, config: ExportConfig, as_of: date, orders_per_file: int) -> Iterator[Document]:
    for number, (first, part) in enumerate(orders.pieces(orders_per_file), start=1):

        def chunks(first: int = first, part: Orders = part) -> Iterator[bytes]:
            yield _FIRST
            for start, piece in part.pieces():
                yield _xml(_Message(piece, config, as_of, first + start))
            yield _LAST

        yield Document(
            name=f"orders05-{as_of.isoformat()}-{number:04d}.xml",
            format="idoc",
            orders=len(part),
            lines=part.lines.num_rows,
            quantity=part.quantity(),
            value=part.value(),
            schema_version=IDOC_VERSION,
            chunks=chunks,
        )


@dataclass(frozen=True)
class _Message:
    """Some orders, and what their segments are filled with."""

    orders: Orders
    config: ExportConfig
    as_of: date
    first: int
    """Orders of the night before these."""

    def head(self) -> list[Filled]:
        """(n_orders,) each: what stands before the items."""
        orders = self.orders
        starts = pa.array([orders.start(i) for i in range(len(orders))], pa.int64())
        heads = orders.lines.take(starts)
        column = {name: heads[name].combine_chunks() for name in heads.column_names}
        due = orders.lines.group_by("order_id", use_threads=False).aggregate([("delivery_date", "min")])
        earliest = due["delivery_date_min"].combine_chunks()
        organisation = (
            ("014", self.config.purchasing_organization),
            ("009", self.config.purchasing_group),
            ("011", self.config.company_code),
        )
        return [
            self._control(column["order_id"]),
            _filled("E1EDK01", ACTION="000", CURCY=column["currency"], BSART="NB", BELNR=column["order_id"]),
            *(_filled("E1EDK14", QUALF=qualifier, ORGID=value) for qualifier, value in organisation),
            _filled("E1EDK03", IDDAT="012", DATUM=_yyyymmdd(column["order_date"])),
            _filled("E1EDK03", IDDAT="002", DATUM=_yyyymmdd(earliest)),
            _filled("E1EDKA1", PARVW="LF", PARTN=column["vendor_id"]),
            _filled("E1EDKA1", PARVW="WE", PARTN=column["location_id"]),
        ]

    def _control(self, order_id: pa.Array) -> Filled:
        config, day = self.config, f"{self.as_of:%Y%m%d}"
        numbers = pa.array(range(self.first + 1, self.first + len(order_id) + 1), pa.int64()).cast(pa.string())
        document = pc.binary_join_element_wise(day, pc.utf8_lpad(numbers, 8, "0"), "")
        return _filled(
            "EDI_DC40", TABNAM="EDI_DC40", DOCNUM=document, DIRECT="2", IDOCTYP="ORDERS05", MESTYP="ORDERS",
            SNDPOR=config.sender, SNDPRT="LS", SNDPRN=config.sender,
            RCVPOR=config.receiver_port, RCVPRT="LS", RCVPRN=config.receiver,
            CREDAT=day, CRETIM="000000", REFMES=order_id,
        )  # fmt: skip

    def item(self) -> Filled:
        """(n_lines,) the items."""
        column = {name: self.orders.lines[name].combine_chunks() for name in self.orders.lines.column_names}
        quantity = column["quantity"].cast(pa.string())
        position = pc.multiply(column["line"].cast(pa.int64()), 10).cast(pa.string())
        price, price_unit = _price(column["unit_cost"])
        children = (
            _filled("E1EDP20", WMENG=quantity, EDATU=_yyyymmdd(column["delivery_date"])),
            _filled("E1EDP19", QUALF="001", IDTNR=column["sku_id"]),
            _filled("E1EDP19", optional=True, QUALF="003", IDTNR=column["gtin"]),
        )
        return _filled(
            "E1EDP01", children=children, POSEX=pc.utf8_lpad(position, 6, "0"), ACTION="001", MENGE=quantity,
            MENEE=_iso_units(self.orders, self.config), VPREI=price, PEINH=price_unit,
            NETWR=column["value"].cast(pa.string()),
        )  # fmt: skip

    def foot(self) -> Filled:
        """(n_orders,) what stands after the items."""
        ends = self.orders.ends
        sizes = [str(end - self.orders.start(order)) for order, end in enumerate(ends)]
        return _filled("E1EDS01", SUMID="001", SUMME=pa.array(sizes, pa.string()))


def _filled(
    segment: str, *, children: tuple[Filled, ...] = (), optional: bool = False, **values: str | pa.Array
) -> Filled:
    return Filled(ORDERS05[segment], values, children, optional)


def _check(message: _Message) -> None:
    orders = message.orders
    for filled in [*message.head(), message.foot()]:
        check_filled(filled, lambda order: f"order {orders.lines['order_id'][orders.start(order)].as_py()}")
    check_filled(message.item(), orders.name)


def _xml(message: _Message) -> bytes:
    """The IDocs of some orders."""
    items = xml_of(message.item())
    per_order = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, *message.orders.ends], pa.int32()), items), "")
    head = [_one_text(filled) for filled in message.head()]
    idocs = pc.binary_join_element_wise('<IDOC BEGIN="1">', *head, per_order, xml_of(message.foot()), "</IDOC>\n", "")
    return "".join(idocs.to_pylist()).encode()


def _one_text(filled: Filled) -> str | pa.Array:
    text = xml_of(filled)
    return text.as_py() if isinstance(text, pa.Scalar) else text


def _yyyymmdd(dates: pa.Array) -> pa.Array:
    return pc.replace_substring(dates.cast(pa.string()), "-", "")


def _price(unit_cost: pa.Array) -> tuple[pa.Array, pa.Array]:
    """(n,) price and the number of units it is for: SAP keeps two decimals, so 2.7790 is 277.90 for 100."""
    cents = pc.round(unit_cost, 2)
    is_whole = pc.equal(cents, unit_cost)
    factor = pc.if_else(is_whole, 1, 100)
    hundredfold = pc.multiply(unit_cost, pa.scalar(100, pa.int64()).cast(pa.decimal128(19, 0)))
    price = pc.if_else(is_whole, unit_cost.cast(hundredfold.type), hundredfold)
    return price.cast(pa.decimal128(28, 2)).cast(pa.string()), factor.cast(pa.string())


def _iso_units(orders: Orders, config: ExportConfig) -> pa.Array:
    """(n,) the ERP's unit codes.

    Raises:
        DataError: a unit has none; it is never guessed.
    """
    known = {**ISO_UNITS, **config.iso_units}
    units = orders.lines["unit"].combine_chunks()
    place = pc.index_in(units, value_set=pa.array(list(known), pa.string()))
    refuse(
        orders, pc.is_null(place), "E1EDP01.MENEE: unknown unit", expected=", ".join(sorted(known)), found=units,
        do="map it in export.iso_units",
    )  # fmt: skip
    return pa.array(list(known.values()), pa.string()).take(place)
