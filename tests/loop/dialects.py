"""What partners read and write: orders by a reader that is not ours, and their word back, made by hand."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import ClassVar, Protocol

from pydifact.exceptions import MissingImplementationWarning
from pydifact.segmentcollection import Interchange
from pyx12.x12file import X12Reader
from tests.erp.readers import Row, read_csv, read_edifact, read_x12
from tests.loop.trade import ZERO, Line, Order, Shipment

Verdict = tuple[str, Decimal]
"""accepted, changed or rejected, and of how much it speaks."""


class Dialect(Protocol):
    """``number``: of the document, never given twice; ``today``: when it is made."""

    format: str

    def read(self, content: bytes) -> Iterator[Row]:
        """Order lines of a file, its counts and sums checked."""

    def receipt(self, content: bytes, refused: Collection[str], number: int, today: date) -> bytes | None:
        """Which orders of the file were taken and which not; nothing, if there is nothing to say."""

    def confirmation(self, order: Order, number: int, today: date) -> bytes: ...

    def notice(self, order: Order, shipment: Shipment, number: int, today: date) -> bytes: ...


def verdict(order: Order, line: Line) -> Verdict:
    confirmed = ZERO if order.rejected else line.confirmed
    assert confirmed is not None
    if confirmed == 0:
        return "rejected", line.ordered
    return "accepted" if confirmed == line.ordered else "changed", confirmed


class Csv:
    """The ERP's own: it speaks for vendors that it telephones with."""

    format = "csv"

    def read(self, content: bytes) -> Iterator[Row]:
        for row in read_csv(content):
            assert abs(row["quantity"] * row["price"] - row["value"]) <= Decimal("0.005")
            yield row

    def receipt(self, content: bytes, refused: Collection[str], number: int, today: date) -> bytes | None:
        rows = [{"message": f"F{number}", "kind": "failed", "order_id": order_id} for order_id in sorted(refused)]
        return answers_csv(rows) if rows else None

    def confirmation(self, order: Order, number: int, today: date) -> bytes:
        rows = []
        for line in order.lines.values():
            status, quantity = verdict(order, line)
            rows.append(self._row("confirmed", number, order, line, quantity, order.promised) | {"status": status})
        return answers_csv(rows)

    def notice(self, order: Order, shipment: Shipment, number: int, today: date) -> bytes:
        named = {"shipment_id": shipment.shipment_id}
        parts = [(order.lines[n], quantity) for n, quantity in shipment.lines]
        return answers_csv(
            [self._row("shipped", number, order, line, units, shipment.arrives) | named for line, units in parts]
        )

    def _row(self, kind: str, number: int, order: Order, line: Line, units: Decimal, day: date | None) -> Row:
        return {
            "message": f"{kind}{number}", "kind": kind, "order_id": order.order_id, "line": line.number,
            "sku_id": line.sku_id, "quantity": f"{units:f}", "unit": line.unit, "date": day and day.isoformat(),
        }  # fmt: skip


def answers_csv(rows: Iterable[Row]) -> bytes:
    columns = (
        "sender", "message", "kind", "order_id", "erp_number", "shipment_id", "line", "sku_id", "status", "quantity",
        "unit", "date",
    )  # fmt: skip
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    rows = [{"sender": "ERP"} | row for row in rows]
    writer.writerows(rows)
    text.write(f"end,{len(rows)}\r\n")
    return text.getvalue().encode()


class X12:
    """850 in; 997, 855 and 856 out."""

    format = "x12-850"
    _UNITS: ClassVar = ("EA", "CA")
    """Of pieces, and of cartons."""
    _CODES: ClassVar = {"accepted": "IA", "changed": "IQ", "rejected": "IR"}

    def read(self, content: bytes) -> Iterator[Row]:
        rows = list(read_x12(content))
        for order_id in {row["order"] for row in rows}:
            mine = [row for row in rows if row["order"] == order_id]
            assert sum((row["quantity"] * row["price"] for row in mine), ZERO).quantize(Decimal(1)) == (
                mine[0]["total"].quantize(Decimal(1))
            )
        yield from (row | {"unit": {"EA": "EA", "CA": "CS"}[row["unit"]]} for row in rows)

    def receipt(self, content: bytes, refused: Collection[str], number: int, today: date) -> bytes | None:
        receiver = group = ""
        sets: dict[str, str] = {}
        for segment in X12Reader(io.StringIO(content.decode("ascii"))):
            name, value = segment.get_seg_id(), segment.get_value
            if name == "ISA":
                receiver = value("ISA08").strip()
            elif name == "GS":
                group = value("GS06")
            elif name == "ST":
                last = value("ST02")
            elif name == "BEG":
                sets[last] = value("BEG03")
        body = [f"AK1*PO*{group}"]
        for place, order_id in sets.items():
            body += [f"AK2*850*{place}", "AK5*R*5" if order_id in refused else "AK5*A"]
        taken = sum(order_id not in refused for order_id in sets.values())
        code = "A" if taken == len(sets) else "P" if taken else "R"
        body.append(f"AK9*{code}*{len(sets)}*{len(sets)}*{taken}")
        return self._envelope(receiver, "997", "FA", number, today, body)

    def confirmation(self, order: Order, number: int, today: date) -> bytes:
        kind = "RD" if order.rejected else "AC" if order.is_changed else "AD"
        body = [f"BAK*00*{kind}*{order.order_id}*{today:%Y%m%d}"]
        if order.promised is not None:
            body.append(f"DTM*067*{order.promised:%Y%m%d}")
        for line in order.lines.values():
            status, quantity = verdict(order, line)
            ordered, in_cartons = line.counted(line.ordered)
            price = line.unit_cost * line.carton if in_cartons else line.unit_cost
            body.append(f"PO1*{line.number}*{ordered:f}*{self._UNITS[in_cartons]}*{price:f}*PE*BP*{line.sku_id}")
            quantity, in_cartons = line.counted(quantity)
            body.append(f"ACK*{self._CODES[status]}*{quantity:f}*{self._UNITS[in_cartons]}")
        body.append(f"CTT*{len(order.lines)}")
        return self._envelope(order.vendor_id, "855", "PR", number, today, body)

    def notice(self, order: Order, shipment: Shipment, number: int, today: date) -> bytes:
        body = [f"BSN*00*{shipment.shipment_id}*{today:%Y%m%d}*0600*0004", "HL*1**S"]
        body += [f"DTM*017*{shipment.arrives:%Y%m%d}", "HL*2*1*O", f"PRF*{order.order_id}"]
        for place, (n, quantity) in enumerate(shipment.lines, start=3):
            line = order.lines[n]
            quantity, in_cartons = line.counted(quantity)
            body += [f"HL*{place}*2*I", f"LIN*{n}*BP*{line.sku_id}", f"SN1*{n}*{quantity:f}*{self._UNITS[in_cartons]}"]
        body.append(f"CTT*{2 + len(shipment.lines)}")
        return self._envelope(order.vendor_id, "856", "SH", number, today, body)

    def _envelope(self, sender: str, kind: str, group: str, number: int, today: date, body: Sequence[str]) -> bytes:
        segments = [
            f"ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*{'RETAILER':<15}*{today:%y%m%d}*0600*U*00401*"
            f"{number:09d}*0*P*>",
            f"GS*{group}*{sender}*RETAILER*{today:%Y%m%d}*0600*{number}*X*004010",
            f"ST*{kind}*0001",
            *body,
            f"SE*{len(body) + 2}*0001",
            f"GE*1*{number}",
            f"IEA*1*{number:09d}",
        ]
        return ("~".join(segments) + "~").encode()


class Edifact:
    """ORDERS in; CONTRL, ORDRSP and DESADV out."""

    format = "edifact-orders"
    _UNITS: ClassVar = ("PCE", "CS")
    """Of pieces, and of cartons."""
    _CODES: ClassVar = {"accepted": "5", "changed": "3", "rejected": "7"}

    def read(self, content: bytes) -> Iterator[Row]:
        for row in read_edifact(content):
            assert abs(row["quantity"] * row["price"] - row["value"]) <= Decimal("0.005")
            yield row | {"unit": {"PCE": "EA", "CS": "CS"}[row["unit"]]}

    def receipt(self, content: bytes, refused: Collection[str], number: int, today: date) -> bytes | None:
        with warnings.catch_warnings():  # it has no directory of segments with it, and says so for each
            warnings.simplefilter("ignore", MissingImplementationWarning)
            interchange = Interchange.from_str(content.decode("latin-1"))
            messages = list(interchange.get_messages())
        vendor = interchange.recipient[0]
        body = [f"UCI+{interchange.control_reference}+RETAILER:ZZ+{vendor}:ZZ+7"]
        for message in messages:
            (order_id,) = [segment.elements[1] for segment in message.segments if segment.tag == "BGM"]
            if order_id in refused:
                body.append(f"UCM+{message.reference_number}+ORDERS:D:96A:UN:EAN008+4+12")
        return self._envelope(vendor, "CONTRL:D:3:UN", number, today, body)

    def confirmation(self, order: Order, number: int, today: date) -> bytes:
        code = "27" if order.rejected else "4" if order.is_changed else "29"
        body = [f"BGM+231+R{number}+{code}", f"DTM+137:{today:%Y%m%d}:102"]
        if order.promised is not None:
            body.append(f"DTM+67:{order.promised:%Y%m%d}:102")
        body += [f"RFF+ON:{order.order_id}", f"NAD+SU+{order.vendor_id}::92"]
        for line in order.lines.values():
            status, quantity = verdict(order, line)
            body += [f"LIN+{line.number}+{self._CODES[status]}", f"PIA+5+{line.sku_id}:IN"]
            for what, (units, in_cartons) in ((21, line.counted(line.ordered)), (113, line.counted(quantity))):
                body.append(f"QTY+{what}:{units:f}:{self._UNITS[in_cartons]}")
        body += ["UNS+S", f"CNT+2:{len(order.lines)}"]
        return self._envelope(order.vendor_id, "ORDRSP:D:96A:UN:EAN005", number, today, body)

    def notice(self, order: Order, shipment: Shipment, number: int, today: date) -> bytes:
        body = [f"BGM+351+{shipment.shipment_id}+9", f"DTM+17:{shipment.arrives:%Y%m%d}:102", "CPS+1"]
        for place, (n, quantity) in enumerate(shipment.lines, start=1):
            units, in_cartons = order.lines[n].counted(quantity)
            body += [f"LIN+{place}", f"PIA+5+{order.lines[n].sku_id}:IN"]
            body.append(f"QTY+12:{units:f}:{self._UNITS[in_cartons]}")
            body.append(f"RFF+ON:{order.order_id}:{n}")
        body.append(f"CNT+2:{len(shipment.lines)}")
        return self._envelope(order.vendor_id, "DESADV:D:96A:UN:EAN005", number, today, body)

    def _envelope(self, sender: str, kind: str, number: int, today: date, body: Sequence[str]) -> bytes:
        segments = [
            f"UNB+UNOC:3+{sender}:ZZ+RETAILER:ZZ+{today:%y%m%d}:0600+{number}",
            f"UNH+1+{kind}",
            *body,
            f"UNT+{len(body) + 2}+1",
            f"UNZ+1+{number}",
        ]
        return "".join(segment + "'" for segment in segments).encode("latin-1")


DIALECTS: dict[str, Dialect] = {one.format: one for one in (Csv(), X12(), Edifact())}
