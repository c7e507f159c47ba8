"""Nights' proposals, and what a history says an order is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from scaleinv.orderbook import Book, Registered, claim, close, history, register, sets_of
from scaleinv.schema import check, table
from scaleinv.schema.life import TRANSITIONS

NIGHT = dt.date(2026, 1, 31)
QUANTITIES = ("ordered", "confirmed", "shipped", "received", "cancelled")


def night(n: int = 0) -> dt.date:
    return NIGHT + dt.timedelta(days=n)


def key(n: int, vendor: str = "V1", place: str = "L1") -> str:
    return f"SI{n}-{vendor}-{place}"


def proposals(n: int, *orders: dict[str, Any]) -> pa.Table:
    """Of night ``n``: an order each, ``{"V1": {"s1": 5, …}, "place": …, "disposition": …}`` in short.

    ``"pack": ("CT", 1, 12)``: 1 carton is 12 units of stock.
    """
    rows: list[dict[str, Any]] = []
    for order in orders:
        vendor, place = order.get("vendor", "V1"), order.get("place", "L1")
        word, ordered, held = order.get("pack", (None, 1, 1))
        for line, (sku, quantity) in enumerate(order["lines"].items(), start=1):
            rows.append(
                {
                    "as_of": night(n), "order_id": key(n, vendor, place), "line": line, "vendor_id": vendor,
                    "location_id": place, "sku_id": sku, "unique_id": f"{sku}@{place}", "quantity": float(quantity),
                    "need": float(quantity), "rounding": 0.0, "constraint_change": 0.0, "constraint": None,
                    "unit": order.get("unit", "EA"), "unit_cost": 0.3, "value": round(float(quantity) * 0.3, 2),
                    "currency": "EUR", "gtin": order.get("gtin"), "order_date": night(n),
                    "delivery_date": night(n + 3), "inventory_position": 0.0, "reorder_point": 1.0,
                    "order_up_to_level": 2.0, "reason": "because", "disposition": order.get("disposition", "approve"),
                    "rule": order.get("rule"), "order_unit": word,
                    "order_quantity": float(quantity) * ordered / held if word else None,
                }
            )  # fmt: skip
    contract = table("gold/order_proposals")
    return check(pa.Table.from_pylist(rows, schema=contract.schema), contract)


def registered(book: Book, n: int, *orders: dict[str, Any], unwanted: Iterable[str] | None = None) -> Registered:
    """``unwanted``: series that the night looked at, and does not order."""
    goods = None if unwanted is None else pa.chunked_array([pa.array(unwanted, pa.string())])
    return register(book, proposals(n, *orders), retailer="r", as_of=night(n), unwanted=goods)


def exported(book: Book, n: int = 0) -> None:
    claim(book, "r", night(n))
    for part in sets_of(book, "r"):
        if part.is_open:
            close(book, part, [])


def status(book: Book, order_id: str) -> str:
    return str(history(book, order_id).order["status"])


def lines(book: Book, order_id: str) -> dict[int, tuple[Decimal | None, ...]]:
    """Line -> ordered, confirmed, shipped, received, cancelled."""
    return {row["line"]: tuple(row[name] for name in QUANTITIES) for row in history(book, order_id).lines}


def assert_explained(book: Book, order_id: str) -> None:
    """The events, and nothing else, make of an order what it is; each step is legal."""
    found = history(book, order_id)
    assert [event["version"] for event in found.events] == list(range(1, found.order["version"] + 1))
    now, quantities = None, {}
    for event in found.events:
        assert event["old_status"] == now
        now = event["new_status"]
        assert now == event["old_status"] or event["old_status"] is None or now in TRANSITIONS[event["old_status"]]
        assert event["who"]
        assert event["why"]
        for line, fields in event["changes"].get("lines", {}).items():
            known = quantities.setdefault(int(line), {})
            for name, (old, new) in fields.items():
                if name in QUANTITIES:
                    assert known.get(name, None if name in ("ordered", "confirmed") else "0") == old or old is None
                    known[name] = new
    assert now == found.order["status"]
    told = {
        line: tuple(_decimal(known.get(name, None if name == "confirmed" else "0")) for name in QUANTITIES)
        for line, known in quantities.items()
        if known.get("ordered") is not None
    }
    assert told == lines(book, order_id)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def assert_conserved(book: Book, order_id: str) -> None:
    """All that is ordered was received, will not come, or is to come; nothing is two of these."""
    found = history(book, order_id)
    for row in found.lines:
        assert min(row[name] for name in ("ordered", "shipped", "received", "cancelled")) >= 0
        assert row["cancelled"] <= max(0, row["ordered"] - row["received"])
    is_open = any(row["ordered"] > row["received"] + row["cancelled"] for row in found.lines)
    if found.order["status"] in ("received", "cancelled", "rejected"):
        assert not is_open
    else:
        assert is_open
