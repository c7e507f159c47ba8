"""Earlier orders make way for a night's, or hold its goods, or end: what is proposed stands in the book once."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from scaleinv.orderbook.database import Book
from scaleinv.orderbook.earlier import ENDED, Hold, decided_since, hold_of
from scaleinv.orderbook.state import WE, ZERO, Order, cancel_all, load, write


@dataclass(frozen=True)
class Night:
    """What every step of a night that enters goes by."""

    book: Book
    retailer: str
    as_of: date
    at: datetime.datetime
    since: datetime.datetime | None
    is_past: bool
    """A later night is in the book."""
    others: dict[str, set[str]]
    """unique_id -> other orders that had its goods when the night began to enter."""
    kept_goods: frozenset[str]
    """Orders that keep goods which the night, done again, proposes with other ones."""
    unwanted: dict[str, set[str]] = field(default_factory=dict)
    """unique_id -> orders of earlier nights with goods that the night has looked at, and does not want."""
    superseded: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)


def load_others(connection: sa.Connection, night: Night, names: set[str], ids: Iterable[str] = ()) -> dict[str, Order]:
    """Locked, with the orders ``ids``, in one go: nobody decides on them until tonight's are in."""
    return load(connection, {*ids, *(order_id for name in names for order_id in night.others.get(name, ()))})


def make_way(connection: sa.Connection, night: Night, names: set[str], found: dict[str, Order]) -> dict[str, Hold]:
    """Supersedes earlier proposals of goods. Returns unique_id -> why it must not go out by itself."""
    holds: dict[str, Hold] = {}
    for order in found.values():
        numbers = {n for n in common(night, order) if order.lines[n]["unique_id"] in names}
        hold = hold_of(connection, order, night.as_of) if numbers else None
        if hold is not None:
            _add(holds, {order.lines[n]["unique_id"] for n in numbers}, hold)
        supersede(night, order, numbers)
    write(connection, found.values())
    if night.since is not None:
        late = decided_since(connection, night.retailer, night.as_of, night.since, names)
        orders = load(connection, {order_id for ids in late.values() for order_id in ids}, with_lines=False)
        for name, ids in late.items():
            for order_id in sorted(ids):
                hold = hold_of(connection, orders[order_id], night.as_of)
                if hold is not None:
                    _add(holds, {name}, hold)
    return holds


def common(night: Night, order: Order) -> set[int]:
    """Lines of another order whose goods the night proposes."""
    return _lines_among(order, night.others)


def _lines_among(order: Order, goods: dict[str, set[str]]) -> set[int]:
    return {n for n, line in order.lines.items() if order.order_id in goods.get(line["unique_id"], ())}


def _add(holds: dict[str, Hold], names: set[str], hold: Hold) -> None:
    for name in names:
        if name not in holds or hold.is_decided:
            holds[name] = hold


def supersede(night: Night, order: Order, numbers: set[int]) -> None:
    """Takes these lines out of an order of an earlier night that nobody has decided on; empty, it is cancelled."""
    if _take_out(night, order, numbers, f"superseded: the night {night.as_of} proposes the same goods"):
        night.superseded.add(order.order_id)


def end(night: Night, order: Order) -> None:
    """Takes out of an order of an earlier night what this one does not want; what a person has decided on stays.

    Here no order of the night stands for the goods, which a hold or a release could be passed on to.
    """
    if order.head["is_decided"]:
        return
    why = f"{ENDED}{night.as_of} does not want it"
    if _take_out(night, order, _lines_among(order, night.unwanted), why):
        night.ended.add(order.order_id)


def _take_out(night: Night, order: Order, numbers: set[int], why: str) -> bool:
    """Whether there was something to be taken out, and it could be."""
    head = order.head
    numbers = {n for n in numbers if order.lines[n]["ordered"] > 0}
    if not numbers or order.status not in ("proposed", "held") or head["exports"] or head["is_edited"]:
        return False
    if head["as_of"] == night.as_of:  # it follows the night by itself
        return False
    left = {n for n, line in order.lines.items() if line["ordered"] > 0} - numbers
    if not left:
        cancel_all(order)
        order.record("cancelled", who=WE, why=why, at=night.at)
    else:
        for number in numbers:
            order.lines[number] |= {"ordered": ZERO, "value": ZERO}
        order.head["value"] = sum((line["value"] for line in order.lines.values()), ZERO)
        order.record(order.status, who=WE, why=why, at=night.at)
    return True
