"""What is ordered, confirmed and on its way, as the ERP and its vendors know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

ZERO = Decimal(0)


@dataclass
class Line:
    number: int
    sku_id: str
    unit: str
    unit_cost: Decimal
    ordered: Decimal
    carton: int = 1
    """Pieces in what the vendor counts in; 1: it counts pieces. All quantities here are pieces."""
    confirmed: Decimal | None = None
    shipped: Decimal = ZERO
    received: Decimal = ZERO
    came_on: date | None = None
    """The last of it."""
    announced: Decimal = ZERO
    """By ship notices."""
    given_up: Decimal = ZERO
    """Will not come: cut or rejected by the vendor, or given up by the ERP."""

    def counted(self, pieces: Decimal) -> tuple[Decimal, bool]:
        """As the vendor says it: how many, and whether of cartons; what is no whole carton it says in pieces."""
        is_whole = self.carton > 1 and pieces % self.carton == 0
        return (pieces / self.carton if is_whole else pieces), is_whole

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
    delivery: date
    """As asked for."""
    lines: dict[int, Line]
    content: tuple[Any, ...]
    taken_on: date
    folder: Path
    """That it came in."""
    rejected: bool = False
    promised: date | None = None

    @property
    def is_changed(self) -> bool:
        return any(line.confirmed != line.ordered for line in self.lines.values())


@dataclass(frozen=True)
class Shipment:
    """Goods on their way: (line, quantity) of one order."""

    shipment_id: str
    order_id: str
    arrives: date
    lines: tuple[tuple[int, Decimal], ...]
