"""Exceptions of a night as persons see them: the list, one of them, and a decision on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.errors import DataError, LakeError, explain
from scaleinv.pipeline.register import has_book, order_book
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.exceptions import ExceptionDecision

_TABLE = table("gold/exceptions")


def listed(walk: Walk, *, queue: str | None = None, kinds: Sequence[str] = (), every: bool = False) -> pa.Table:
    """Exceptions of the night, the most money first; without ``every`` only those that nobody has put away.

    Decisions made since ``replenish`` count.

    Raises:
        LakeError: ``replenish`` has not been run.
    """
    rows = _decided(walk, _rows(walk))
    if queue is not None:
        rows = rows.filter(pc.equal(rows["queue"], queue))
    if kinds:
        rows = rows.filter(pc.is_in(rows["kind"], value_set=pa.array(kinds)))
    if not every:
        away = pc.is_in(rows["decision"], value_set=pa.array(["dismiss", "snooze"]))
        rows = rows.filter(pc.invert(pc.fill_null(away, False)))
    order = [("value_at_risk", "descending"), ("unique_id", "ascending"), ("kind", "ascending")]
    return rows.sort_by(order)


def history(walk: Walk, unique_id: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Exceptions of a series tonight, and all decisions on it."""
    rows = _rows(walk)
    found = _decided(walk, rows.filter(pc.equal(rows["unique_id"], unique_id))).to_pylist()
    if not has_book(walk.config):
        return found, []
    from scaleinv.orderbook.exception_decisions import decision_history

    with order_book(walk.config) as book:
        return found, decision_history(book, unique_id)


def decide(
    walk: Walk,
    unique_id: str,
    kind: str,
    decision: ExceptionDecision,
    *,
    who: str,
    days: int = 1,
    quantity: str | None = None,
    note: str = "",
    after: int | None = None,
) -> int:
    """Keeps a decision for the nights after ``as_of``; its version.

    Args:
        walk: the night whose exception it is.
        unique_id: the series.
        kind: of the exception.
        decision: what.
        who: decides.
        days: how many nights it counts, the first one is tomorrow's; what is decided ends by itself.
        quantity: of an override, units.
        note: why.
        after: the version that was seen.

    Raises:
        DataError: it makes no sense, or somebody has decided meanwhile.
    """
    from scaleinv.orderbook.exception_decisions import Decided, decide_exception

    try:
        units = None if quantity is None else Decimal(quantity)
    except InvalidOperation:
        raise DataError(explain(f"{quantity!r} is no quantity", expected="units, such as 12 or 0.5")) from None
    since, until = walk.as_of + timedelta(days=1), walk.as_of + timedelta(days=days)
    decided = Decided(unique_id, kind, decision, since, until, who, note, units)
    with order_book(walk.config) as book:
        return decide_exception(book, decided, after=after)


def _rows(walk: Walk) -> pa.Table:
    if not walk.lake.exists(_TABLE):
        raise LakeError(explain(f"{_TABLE.name} is not there", do=f"run `scaleinv replenish` for {walk.as_of}"))
    return walk.read(_TABLE.name)


def _decided(walk: Walk, rows: pa.Table) -> pa.Table:
    """With the last decision on each of them, tomorrow's too: it has been made, and is to be seen."""
    if not has_book(walk.config) or not rows.num_rows:
        return rows
    from scaleinv.orderbook.exception_decisions import known_decisions

    with order_book(walk.config) as book:
        known = known_decisions(book, ended=walk.as_of)
    keys, wanted = (
        pc.binary_join_element_wise(of["unique_id"], of["kind"], "\x1f").combine_chunks() for of in (known, rows)
    )
    at = pc.index_in(wanted, value_set=keys)
    for name, column in (("decision", "decision"), ("decided_until", "until")):
        values = pc.coalesce(known[column].combine_chunks().take(at), rows[name].combine_chunks())
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)
    return rows
