"""A small ERP with its vendors, for the loop: takes order files once, keeps stock, and answers as real ones do.

It trusts nothing: sums, hashes, keys, articles, units and prices are checked. Its vendors accept, cut, reject, forget
to answer, answer twice, deliver late, in parts, too little, or not at all; some receipts come before the confirmation.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

ZERO = Decimal(0)


@dataclass
class Line:
    number: int
    sku_id: str
    unit: str
    unit_cost: Decimal
    ordered: Decimal
    confirmed: Decimal | None = None
    shipped: Decimal = ZERO
    received: Decimal = ZERO
    announced: Decimal = ZERO
    """By ship notices."""
    given_up: Decimal = ZERO
    """Will not come: cut or rejected by the vendor, or given up by the ERP."""

    @property
    def to_come(self) -> Decimal:
        """As far as anybody has said."""
        return self.ordered - self.received - self.given_up


@dataclass
class Order:
    order_id: str
    erp_number: str
    vendor_id: str
    location_id: str
    lines: dict[int, Line]
    content: tuple[Any, ...]
    taken_on: date
    folder: Path
    """That it came in."""
    rejected: bool = False


@dataclass(frozen=True)
class Shipment:
    """Goods on their way: (line, quantity) of one order."""

    shipment_id: str
    order_id: str
    arrives: date
    lines: tuple[tuple[int, Decimal], ...]


@dataclass
class Erp:
    """``lead_time(vendor_id, location_id, day)`` days; ``seed`` decides what goes wrong."""

    lead_time: Any
    articles: set[str]
    stock: dict[tuple[str, str], Decimal]
    """(sku, location) -> units."""
    seed: int = 1
    orders: dict[str, Order] = field(default_factory=dict)
    on_the_way: list[Shipment] = field(default_factory=list)
    sold: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    came: Counter[tuple[str, str]] = field(default_factory=Counter)
    repeats: int = 0
    """Orders that it read once more from the same folder, and took once all the same."""
    refused: dict[str, Path] = field(default_factory=dict)
    """Orders that it could not post, and the folder that they came in; it takes them from another."""
    read: set[Path] = field(default_factory=set)
    """Folders that it has taken."""
    _control: int = 0
    _posted: int = 0

    def __post_init__(self) -> None:
        self._chance = np.random.default_rng(self.seed)

    # --- orders in -------------------------------------------------------------------------------------------------

    def collect(self, home: Path, today: date) -> Iterator[bytes]:
        """Takes every document set that lies there since it last looked."""
        for folder in sorted(path.parent for path in home.rglob("manifest.json")):
            if folder not in self.read:
                self.read.add(folder)
                yield from self.take(folder, today)

    def take(self, folder: Path, today: date) -> Iterator[bytes]:
        """Reads the files of a set by its manifest; answers each order that is new to it."""
        manifest = json.loads((folder / "manifest.json").read_bytes())
        fresh: list[Order] = []
        for file in (f for f in manifest["files"] if f["format"] == "csv"):
            content = (folder / file["file"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"], "the manifest names other bytes"
            rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
            assert len(rows) == file["lines"]
            assert sum(Decimal(row["quantity"]) for row in rows) == Decimal(file["quantity"])
            fresh += self._book(rows, folder, today)
        for order in fresh:
            if order.order_id not in self.refused and self._chance.random() < 0.03:
                self.refused[order.order_id] = folder
                del self.orders[order.order_id]
                yield self._csv("failed", [(f"F{order.order_id}", order.order_id, "", "", "", "", "", "")])
                continue
            yield from self._confirmation(order, today)

    def _book(self, rows: list[dict[str, str]], folder: Path, today: date) -> list[Order]:
        by_order: dict[str, list[dict[str, str]]] = {}
        for row in rows:
            by_order.setdefault(row["order_id"], []).append(row)
        fresh = []
        for order_id, mine in by_order.items():
            content = tuple(tuple(sorted(row.items())) for row in mine)
            if self.refused.get(order_id) == folder:
                continue
            if order_id in self.orders:
                assert self.orders[order_id].folder == folder, f"{order_id} went out in two sets"
                assert self.orders[order_id].content == content, f"{order_id} came again with another content"
                self.repeats += 1
                continue
            assert {row["sku_id"] for row in mine} <= self.articles, "an article that we do not know"
            assert len({(row["vendor_id"], row["location_id"], row["currency"]) for row in mine}) == 1
            lines = {}
            for row in mine:
                quantity, cost = Decimal(row["quantity"]), Decimal(row["unit_cost"])
                assert quantity > 0
                assert abs(quantity * cost - Decimal(row["value"])) <= Decimal("0.005")
                lines[int(row["line"])] = Line(int(row["line"]), row["sku_id"], row["unit"], cost, quantity)
            self._posted += 1
            number = f"45{self._posted:08d}"
            order = Order(order_id, number, mine[0]["vendor_id"], mine[0]["location_id"], lines, content, today, folder)
            self.orders[order_id] = order
            fresh.append(order)
        return fresh

    # --- answers out -----------------------------------------------------------------------------------------------

    def _confirmation(self, order: Order, today: date) -> Iterator[bytes]:
        fate = self._chance.random()
        if fate < 0.04:  # rejected whole
            order.rejected = True
            for line in order.lines.values():
                line.given_up = line.ordered
            yield self._855(order, "RD", today)
            return
        arrives = today + timedelta(int(self.lead_time(order.vendor_id, order.location_id, today)))
        for line in order.lines.values():
            cut = self._chance.random()
            if cut < 0.03:
                line.confirmed = ZERO
            elif cut < 0.10:
                line.confirmed = (line.ordered / 2).quantize(Decimal(1))
            else:
                line.confirmed = line.ordered
        if fate >= 0.12:  # else the vendor does not answer, and delivers all the same
            changed = any(line.confirmed != line.ordered for line in order.lines.values())
            answer = self._855(order, "AC" if changed else "AD", today)
            for line in order.lines.values():
                line.given_up = line.ordered - line.confirmed
            yield answer
            if fate > 0.95:
                yield answer  # twice
        if fate > 0.10 or fate < 0.08:
            self._send(order, arrives)

    def _send(self, order: Order, arrives: date) -> None:
        goods = [(line.number, line.confirmed or ZERO) for line in order.lines.values() if line.confirmed]
        if not goods:
            return
        parts = [goods]
        if self._chance.random() < 0.1 and len(goods) > 1:
            parts = [goods[::2], goods[1::2]]
        for number, part in enumerate(parts):
            late = int(self._chance.integers(1, 6)) if self._chance.random() < 0.1 else 0
            name = f"SH{order.erp_number}{number}"
            self.on_the_way.append(Shipment(name, order.order_id, arrives + timedelta(late + 2 * number), tuple(part)))
            for line, quantity in part:
                order.lines[line].shipped += quantity

    # --- a day -----------------------------------------------------------------------------------------------------

    def notices(self, today: date) -> Iterator[bytes]:
        """Advance ship notices (X12 856) of what arrives tomorrow."""
        for shipment in self.on_the_way:
            if shipment.arrives == today + timedelta(1):
                for number, quantity in shipment.lines:
                    self.orders[shipment.order_id].lines[number].announced += quantity
                yield self._856(shipment, today)

    def receive(self, today: date) -> bytes | None:
        """What comes this morning goes on the shelf; goods receipts as CSV. Now and then a unit is missing."""
        rows: list[tuple[str, ...]] = []
        for shipment in [s for s in self.on_the_way if s.arrives <= today]:
            self.on_the_way.remove(shipment)
            order = self.orders[shipment.order_id]
            for number, quantity in shipment.lines:
                line = order.lines[number]
                came = quantity - 1 if quantity > 1 and self._chance.random() < 0.02 else quantity
                line.received += came
                place = (line.sku_id, order.location_id)
                self.stock[place] = self.stock.get(place, ZERO) + came
                self.came[place] += came
                rows.append(
                    (
                        f"GR{shipment.shipment_id}", order.order_id, order.erp_number, str(number), line.sku_id,
                        f"{came:f}", line.unit, today.isoformat(),
                    )
                )  # fmt: skip
        return self._csv("received", rows) if rows else None

    def give_up(self, before: date = date.max) -> bytes | None:
        """What will not come any more of orders taken before: lines never sent, units that were not in the truck."""
        rows: list[tuple[str, ...]] = []
        for order in self.orders.values():
            waits = any(shipment.order_id == order.order_id for shipment in self.on_the_way)
            if order.taken_on < before and not waits and any(line.to_come for line in order.lines.values()):
                self._control += 1
                rows.append((f"GU{self._control}", order.order_id, order.erp_number, "", "", "", "", ""))
                lines = order.lines.values()
                never_sent = [line.ordered - line.given_up - max(line.announced, line.received) for line in lines]
                is_lost = not any(units > 0 for units in never_sent)  # all that is open was announced
                for line, units in zip(lines, never_sent, strict=True):
                    line.given_up += line.to_come if is_lost else max(units, ZERO)
        return self._csv("cancelled", rows) if rows else None

    def _csv(self, kind: str, rows: list[tuple[str, ...]]) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        head = ("message", "order_id", "erp_number", "line", "sku_id", "quantity", "unit", "date")
        writer.writerow(("sender", "kind", *head))
        writer.writerows(("ERP", kind, *row) for row in rows)
        writer.writerow(("end", len(rows)))
        return text.getvalue().encode()

    def sell(self, sku_id: str, location_id: str, wanted: Decimal) -> None:
        """Customers take what is there."""
        place = (sku_id, location_id)
        sold = min(wanted, self.stock.get(place, ZERO))
        self.stock[place] = self.stock.get(place, ZERO) - sold
        self.sold[place] += sold
        self.lost[place] += wanted - sold

    # --- X12 -------------------------------------------------------------------------------------------------------

    def _envelope(self, kind: str, group: str, today: date, body: list[str]) -> bytes:
        self._control += 1
        number = self._control
        day = today.strftime("%Y%m%d")
        segments = [
            "ISA*00*          *00*          *ZZ*VENDORS        *ZZ*SCALEINV       *"
            f"{day[2:]}*0600*U*00401*{number:09d}*0*P*>",
            f"GS*{group}*VENDORS*SCALEINV*{day}*0600*{number}*X*004010",
            f"ST*{kind}*0001",
            *body,
            f"SE*{len(body) + 2}*0001",
            f"GE*1*{number}",
            f"IEA*1*{number:09d}",
        ]
        return ("~".join(segments) + "~").encode()

    def _855(self, order: Order, kind: str, today: date) -> bytes:
        day = today.strftime("%Y%m%d")
        body = [f"BAK*00*{kind}*{order.order_id}*{day}"]
        for line in order.lines.values():
            body.append(f"PO1*{line.number}*{line.ordered:f}*{line.unit}*{line.unit_cost:f}*PE*BP*{line.sku_id}")
            confirmed = ZERO if order.rejected else line.confirmed
            assert confirmed is not None
            code = "IR" if confirmed == 0 else "IA" if confirmed == line.ordered else "IQ"
            body.append(f"ACK*{code}*{line.ordered if confirmed == 0 else confirmed:f}*{line.unit}")
        body.append(f"CTT*{len(order.lines)}")
        return self._envelope("855", "PR", today, body)

    def _856(self, shipment: Shipment, today: date) -> bytes:
        order = self.orders[shipment.order_id]
        day, arrives = today.strftime("%Y%m%d"), shipment.arrives.strftime("%Y%m%d")
        body = [f"BSN*00*{shipment.shipment_id}*{day}*0600*0004", "HL*1**S", f"DTM*017*{arrives}"]
        body += ["HL*2*1*O", f"PRF*{order.order_id}"]
        for place, (number, quantity) in enumerate(shipment.lines, start=3):
            line = order.lines[number]
            body += [f"HL*{place}*2*I", f"LIN*{number}*BP*{line.sku_id}", f"SN1*{number}*{quantity:f}*{line.unit}"]
        body.append(f"CTT*{2 + len(shipment.lines)}")
        return self._envelope("856", "SH", today, body)
