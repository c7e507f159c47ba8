"""A small ERP with its vendors, for the loop: takes order files once, keeps stock, and answers as real ones do.

It trusts nothing: sums, hashes, keys, articles, units, prices and days are checked, and all formats of a document set
must say the same. Its vendors accept, cut, reject, forget to answer, answer twice, deliver late, in parts, too little,
or not at all; some receipts come before the confirmation. Each vendor reads and writes its own dialect.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from tests.erp.readers import Row
from tests.loop.dialects import DIALECTS, Dialect, answers_csv
from tests.loop.trade import ZERO, Line, Order, Shipment

_SAID = ("order", "line", "vendor", "location", "sku", "quantity", "unit", "price", "currency", "ordered", "delivery")


@dataclass
class Erp:
    """``lead_time(vendor_id, location_id, day)`` days; ``seed`` decides what goes wrong."""

    lead_time: Any
    asked_days: dict[str, int]
    """Vendor -> days after the order for which its goods are to be asked."""
    formats: dict[str, str]
    """Vendor -> format of its orders; of the others it is the ERP's own."""
    articles: set[str]
    stock: dict[tuple[str, str], Decimal]
    """(sku, location) -> units."""
    cartons: dict[tuple[str, str], int] = field(default_factory=dict)
    """(vendor, sku) -> pieces in a carton; of the others pieces are ordered."""
    seed: int = 1
    orders: dict[str, Order] = field(default_factory=dict)
    on_the_way: list[Shipment] = field(default_factory=list)
    sold: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    came: Counter[tuple[str, str]] = field(default_factory=Counter)
    repeats: int = 0
    """Orders that it read once more from the same folder, and took once all the same."""
    in_cartons: int = 0
    """Lines that it read in cartons."""
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
        """Reads the files of a set by its manifest, each by who it is for; answers each order that is new to it."""
        manifest = json.loads((folder / "manifest.json").read_bytes())
        said: dict[str, set[tuple[Any, ...]]] = {name: set() for name in DIALECTS}
        for file in manifest["files"]:
            content = (folder / file["file"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"], "the manifest names other bytes"
            dialect = DIALECTS[file["format"]]
            rows = list(dialect.read(content))
            assert len(rows) == file["lines"]
            assert sum(row["quantity"] for row in rows) == Decimal(file["quantity"])
            rows = [self._in_pieces(row) for row in rows]
            said[dialect.format] |= {tuple(row[name] for name in _SAID) for row in rows}
            mine = [row for row in rows if self._dialect(row["vendor"]) is dialect]
            fresh = self._book(mine, folder, today)
            if fresh:
                yield from self._answer(dialect, content, fresh, today)
        assert all(rows == said["csv"] for rows in said.values()), "formats contradict each other"

    def _in_pieces(self, row: Row) -> Row:
        """What is ordered in cartons; the price of a carton is that of its pieces, to the last digit."""
        held = self.cartons.get((row["vendor"], row["sku"]), 1)
        if row["unit"] == "EA":
            return row
        assert row["unit"] == "CS", "a unit that the vendor does not count in"
        assert held > 1, "cartons of what comes in pieces"
        self.in_cartons += 1
        return row | {"unit": "EA", "quantity": row["quantity"] * held, "price": row["price"] / held}

    def _dialect(self, vendor_id: str) -> Dialect:
        return DIALECTS[self.formats.get(vendor_id, "csv")]

    def _answer(self, dialect: Dialect, content: bytes, fresh: list[Order], today: date) -> Iterator[bytes]:
        refused = [order for order in fresh if order.order_id not in self.refused and self._chance.random() < 0.03]
        for order in refused:
            self.refused[order.order_id] = order.folder
            del self.orders[order.order_id]
        receipt = dialect.receipt(content, {order.order_id for order in refused}, self._number(), today)
        if receipt is not None:
            yield receipt
        for order in fresh:
            if order not in refused:
                yield from self._confirmation(order, today)

    def _book(self, rows: list[Row], folder: Path, today: date) -> list[Order]:
        by_order: dict[str, list[Row]] = {}
        for row in rows:
            by_order.setdefault(row["order"], []).append(row)
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
            self.orders[order_id] = order = self._order(order_id, mine, content, folder, today)
            fresh.append(order)
        return fresh

    def _order(self, order_id: str, rows: list[Row], content: tuple[Any, ...], folder: Path, today: date) -> Order:
        assert {row["sku"] for row in rows} <= self.articles, "an article that we do not know"
        assert len({(row["vendor"], row["location"], row["currency"]) for row in rows}) == 1
        assert all(row["quantity"] > 0 for row in rows)
        vendor, days = rows[0]["vendor"], {row[name] for row in rows for name in ("ordered", "delivery")}
        ordered, delivery = sorted(map(date.fromisoformat, days))
        assert (delivery - ordered).days == self.asked_days[vendor], "goods are asked for another day"
        self._posted += 1
        lines = {
            row["line"]: Line(
                row["line"], row["sku"], row["unit"], row["price"], row["quantity"],
                self.cartons.get((vendor, row["sku"]), 1),
            )
            for row in rows
        }  # fmt: skip
        number = f"45{self._posted:08d}"
        return Order(order_id, number, vendor, rows[0]["location"], delivery, lines, content, today, folder)

    # --- answers out -----------------------------------------------------------------------------------------------

    def _confirmation(self, order: Order, today: date) -> Iterator[bytes]:
        fate = self._chance.random()
        if fate < 0.04:  # rejected whole
            order.rejected = True
            for line in order.lines.values():
                line.given_up = line.ordered
            yield self._dialect(order.vendor_id).confirmation(order, self._number(), today)
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
            # Never later than asked for, whatever the vendor knows: what is said to come too late is ordered once more.
            order.promised = min(arrives, max(order.delivery, today + timedelta(1)))
            answer = self._dialect(order.vendor_id).confirmation(order, self._number(), today)
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
        """Advance ship notices of what arrives tomorrow; of some shipments there is a second one, in other words."""
        for shipment in self.on_the_way:
            if shipment.arrives == today + timedelta(1):
                order = self.orders[shipment.order_id]
                for number, quantity in shipment.lines:
                    order.lines[number].announced += quantity
                for _ in range(2 if self._chance.random() < 0.1 else 1):
                    yield self._dialect(order.vendor_id).notice(order, shipment, self._number(), today)

    def receive(self, today: date) -> bytes | None:
        """What comes this morning goes on the shelf; goods receipts as CSV. Now and then a unit is missing."""
        rows: list[Row] = []
        for shipment in [s for s in self.on_the_way if s.arrives <= today]:
            self.on_the_way.remove(shipment)
            order = self.orders[shipment.order_id]
            for number, quantity in shipment.lines:
                line = order.lines[number]
                came = quantity - 1 if quantity > 1 and self._chance.random() < 0.02 else quantity
                line.received += came
                line.came_on = today
                place = (line.sku_id, order.location_id)
                self.stock[place] = self.stock.get(place, ZERO) + came
                self.came[place] += came
                rows.append({
                    "message": f"GR{shipment.shipment_id}", "kind": "received", "order_id": order.order_id,
                    "erp_number": order.erp_number, "line": number, "sku_id": line.sku_id, "quantity": f"{came:f}",
                    "unit": line.unit, "date": today.isoformat(),
                })  # fmt: skip
        return answers_csv(rows) if rows else None

    def give_up(self, before: date = date.max) -> bytes | None:
        """What will not come any more of orders taken before: lines never sent, units that were not in the truck."""
        rows: list[Row] = []
        for order in self.orders.values():
            waits = any(shipment.order_id == order.order_id for shipment in self.on_the_way)
            if order.taken_on < before and not waits and any(line.to_come for line in order.lines.values()):
                told = {"order_id": order.order_id, "erp_number": order.erp_number}
                rows.append({"message": f"GU{self._number()}", "kind": "cancelled"} | told)
                lines = order.lines.values()
                never_sent = [line.ordered - line.given_up - max(line.announced, line.received) for line in lines]
                is_lost = not any(units > 0 for units in never_sent)  # all that is open was announced
                for line, units in zip(lines, never_sent, strict=True):
                    line.given_up += line.to_come if is_lost else max(units, ZERO)
        return answers_csv(rows) if rows else None

    def _number(self) -> int:
        """Of a document."""
        self._control += 1
        return self._control

    def sell(self, sku_id: str, location_id: str, wanted: Decimal) -> None:
        """Customers take what is there."""
        place = (sku_id, location_id)
        sold = min(wanted, self.stock.get(place, ZERO))
        self.stock[place] = self.stock.get(place, ZERO) - sold
        self.sold[place] += sold
        self.lost[place] += wanted - sold
