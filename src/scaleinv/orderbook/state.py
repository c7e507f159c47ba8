"""Orders taken out of the book to be changed: every difference becomes an event, by construction."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from scaleinv.errors import DataError, explain
from scaleinv.orderbook.tables import ORDER_EVENTS, ORDER_LINES, ORDERS
from scaleinv.schema.life import TRANSITIONS, OrderStatus

Row = dict[str, Any]
ZERO: Final = Decimal(0)
WE: Final = "scaleinv"
"""Who does what no person, rule or answer does."""
_MOST_DIGITS: Final = 50
AT_ONCE: Final = 1_000
"""Orders that one statement names."""
ROWS_AT_ONCE: Final = 20_000
"""Rows that are written by one call: memory does not grow with the night."""

_OF_HEAD: Final = (
    "value", "delivery_date", "rule", "is_edited", "is_decided", "set_number", "exports", "erp_number", "problem",
    "said_at",
)  # fmt: skip
_OF_LINE: Final = (
    "unique_id", "sku_id", "gtin", "unit", "order_unit", "order_units", "stock_units", "ordered", "confirmed",
    "shipped", "received", "cancelled", "unit_cost", "confirmed_cost", "value", "delivery_date", "expected_date",
    "promised_date", "received_date", "rule",
)  # fmt: skip
"""What events tell of; the reason of a quantity is replaced with it."""


def now() -> datetime.datetime:
    """The moment of an event; the book is a record of what happened, not a result that is made again."""
    return datetime.datetime.now(datetime.UTC)


def pieces(items: Sequence[Any], size: int = AT_ONCE) -> Iterator[Sequence[Any]]:
    """At most ``size`` at once."""
    for first in range(0, len(items), size):
        yield items[first : first + size]


class StepError(DataError):
    """A step that is not legal."""


@dataclass
class Order:
    """One order, its rows locked. Change ``head`` and ``lines``, then say by :meth:`record` who did so and why."""

    head: Row
    lines: dict[int, Row]
    """Empty where they were not asked for."""
    has_lines: bool = True
    events: list[Row] = field(default_factory=list)
    """Recorded, not yet written."""
    remarks: list[str] = field(default_factory=list)
    """What an answer has done to it that its own words do not say."""

    def __post_init__(self) -> None:
        self._stored = {number: dict(line) for number, line in self.lines.items()}
        self._rebase()

    @property
    def order_id(self) -> str:
        """Its key."""
        return str(self.head["order_id"])

    @property
    def status(self) -> OrderStatus:
        """What it is now."""
        status: OrderStatus = self.head["status"]
        return status

    @property
    def stored(self) -> dict[int, Row]:
        """Lines as the book has them."""
        return self._stored

    def may_become(self, to: OrderStatus) -> bool:
        """Whether it is a legal step."""
        return to in TRANSITIONS[self.status]

    def record(self, to: OrderStatus, *, who: str, why: str, at: datetime.datetime) -> None:
        """One event: the step, and all that was changed since the last one.

        Raises:
            StepError: it is not legal.
        """
        if to != self.status and not self.may_become(to):
            expected = ", ".join(TRANSITIONS[self.status])
            raise StepError(explain(f"order {self.order_id} is {self.status}", expected=expected, found=to))
        changes = self._changes()
        old = self.status
        self.head["status"] = to
        self.head["version"] += 1
        self.events.append(
            {
                "order_id": self.order_id, "version": self.head["version"], "at": at, "who": who, "old_status": old,
                "new_status": to, "why": why, "changes": changes,
            }
        )  # fmt: skip
        self._rebase()

    def _rebase(self) -> None:
        self._head = dict(self.head)
        self._lines = {number: dict(line) for number, line in self.lines.items()}

    def _changes(self) -> Row:
        changes = _differences(self._head, self.head, _OF_HEAD)
        lines = {}
        for number in sorted({*self._lines, *self.lines}):
            found = _differences(self._lines.get(number, {}), self.lines.get(number, {}), _OF_LINE)
            if found:
                lines[str(number)] = found
        return changes | ({"lines": lines} if lines else {})


def _differences(old: Row, new: Row, names: Sequence[str]) -> Row:
    return {name: [plain(old.get(name)), plain(new.get(name))] for name in names if old.get(name) != new.get(name)}


def plain(value: Any) -> Any:
    """As JSON has it: a number without digits that say nothing, a date as text."""
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
            return str(value)
        return f"{value.normalize():f}" if value else "0"
    return value.isoformat() if isinstance(value, datetime.date) else value


def cancel_all(order: Order) -> None:
    """What has not been received will not come; what was on its way is lost."""
    for line in order.lines.values():
        line["shipped"] = min(line["shipped"], line["received"])
        line["cancelled"] = max(ZERO, line["ordered"] - line["received"])


def load(connection: sa.Connection, order_ids: Iterable[str], *, with_lines: bool = True) -> dict[str, Order]:
    """Orders of the book, locked until the transaction ends, always in the same order: nobody waits in a circle."""
    wanted = sorted(set(order_ids))
    found: dict[str, Order] = {}
    for some in pieces(wanted):
        heads = connection.execute(
            sa.select(ORDERS).where(ORDERS.c.order_id.in_(some)).order_by(ORDERS.c.order_id).with_for_update()
        ).mappings()
        rows = {head["order_id"]: dict(head) for head in heads}
        lines: dict[str, dict[int, Row]] = {order_id: {} for order_id in rows}
        if with_lines and rows:
            asked = sa.select(ORDER_LINES).where(ORDER_LINES.c.order_id.in_(list(rows)))
            for line in connection.execute(asked.order_by(ORDER_LINES.c.order_id, ORDER_LINES.c.line)).mappings():
                lines[line["order_id"]][line["line"]] = dict(line)
        found |= {order_id: Order(head, lines[order_id], with_lines) for order_id, head in rows.items()}
    return found


def write(connection: sa.Connection, orders: Iterable[Order]) -> None:
    """All that was recorded of them."""
    changed = [order for order in orders if order.events]
    if not changed:
        return
    keep = [column.name for column in ORDERS.c if column.name != "order_id"]
    statement = (
        sa.update(ORDERS).where(ORDERS.c.order_id == sa.bindparam("key")).values({n: sa.bindparam(n) for n in keep})
    )
    _many(connection, statement, [{n: order.head[n] for n in keep} | {"key": order.order_id} for order in changed])
    _write_lines(connection, [order for order in changed if order.has_lines])
    insert_many(connection, ORDER_EVENTS, [event for order in changed for event in order.events])
    for order in changed:
        order.events.clear()


def _write_lines(connection: sa.Connection, orders: list[Order]) -> None:
    gone = [{"key": o.order_id, "number": n} for o in orders for n in sorted(set(o.stored) - set(o.lines))]
    kept = [
        line | {"key": o.order_id, "number": n}
        for o in orders
        for n, line in o.lines.items()
        if n in o.stored and line != o.stored[n]
    ]
    made = [line for o in orders for n, line in o.lines.items() if n not in o.stored]
    here = sa.and_(ORDER_LINES.c.order_id == sa.bindparam("key"), ORDER_LINES.c.line == sa.bindparam("number"))
    names = [column.name for column in ORDER_LINES.c if column.name not in ("order_id", "line")]
    statement = sa.update(ORDER_LINES).where(here).values({name: sa.bindparam(name) for name in names})
    _many(connection, sa.delete(ORDER_LINES).where(here), gone)
    _many(connection, statement, [{n: v for n, v in row.items() if n not in ("order_id", "line")} for row in kept])
    insert_many(connection, ORDER_LINES, made)


def insert_many(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Rows of a table, a bounded number in each call."""
    for some in pieces(rows, ROWS_AT_ONCE):
        connection.execute(sa.insert(table), list(some))


def _many(connection: sa.Connection, statement: sa.Executable, rows: Sequence[Row]) -> None:
    for some in pieces(rows, ROWS_AT_ONCE):
        connection.execute(statement, list(some))
