"""What persons decide about exceptions: kept, with an end, and changed only by another decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, get_args

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from scaleinv.errors import DataError, explain
from scaleinv.orderbook.database import Book
from scaleinv.orderbook.exception_tables import EXCEPTION_DECISIONS
from scaleinv.schema.exceptions import KINDS, ExceptionDecision

_ROWS: Final = EXCEPTION_DECISIONS.c
_SCHEMA: Final = pa.schema(
    [
        ("unique_id", pa.string()), ("kind", pa.string()), ("decision", pa.string()), ("until", pa.date32()),
        ("quantity", pa.float64()), ("who", pa.string()), ("note", pa.string()),
        ("decided_at", pa.timestamp("us", "UTC")),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Decided:
    """One decision. It counts for the nights ``since`` to ``until``, both included."""

    unique_id: str
    kind: str
    decision: ExceptionDecision
    since: date
    until: date
    who: str
    note: str = ""
    quantity: Decimal | None = None
    """Of an override, units to order; 0: nothing."""

    def check(self) -> None:
        """Nothing, if it makes sense.

        Raises:
            DataError: it does not.
        """
        problems = []
        if self.kind not in KINDS:
            problems.append(f"kind {self.kind!r} is none")
        if self.decision not in get_args(ExceptionDecision):
            problems.append(f"decision {self.decision!r} is none of {', '.join(get_args(ExceptionDecision))}")
        if self.until < self.since:
            problems.append(f"it ends on {self.until}, before it begins on {self.since}")
        if (self.decision == "override") != (self.quantity is not None):
            problems.append("an override has a quantity, and nothing else has")
        if self.quantity is not None and not (self.quantity.is_finite() and self.quantity >= 0):
            problems.append(f"quantity {self.quantity} is not zero or more")
        if not self.who.strip():
            problems.append("nobody is named who decides")
        if problems:
            raise DataError(
                explain(f"decision on {self.kind} of {self.unique_id} cannot be kept", which=problems, do="correct it")
            )


def decide_exception(book: Book, decided: Decided, *, after: int | None = None, at: datetime | None = None) -> int:
    """Keeps a decision above those before; its version.

    Args:
        book: where.
        decided: what.
        after: the version that the person has seen, 0: none; ``None``: whatever there is.
        at: when; now by default.

    Raises:
        DataError: it makes no sense, or somebody has decided otherwise meanwhile.
    """
    decided.check()
    values = vars(decided) | {"decided_at": at or datetime.now(UTC)}
    try:
        with book.writing() as connection:
            version = _version(connection, decided.unique_id, decided.kind)
            if after is not None and after != version:
                raise DataError(_meanwhile(decided, after, version))
            connection.execute(sa.insert(EXCEPTION_DECISIONS).values(**values, version=version + 1))
    except IntegrityError as error:  # two at the same moment: one of them is the first
        raise DataError(_meanwhile(decided, after, None)) from error
    return version + 1


def known_decisions(book: Book, *, ended: date, as_of: date | None = None) -> pa.Table:
    """The last decision on each series and kind that has begun on ``as_of``, sorted by these.

    Those that ended before ``ended`` are left out, and not read either: there is an index of when decisions end.
    """
    later = EXCEPTION_DECISIONS.alias()
    same = (later.c.unique_id == _ROWS.unique_id) & (later.c.kind == _ROWS.kind) & (later.c.version > _ROWS.version)
    query = sa.select(*(_ROWS[name] for name in _SCHEMA.names)).where(_ROWS.until >= ended)
    if as_of is not None:
        query, same = query.where(_ROWS.since <= as_of), same & (later.c.since <= as_of)
    query = query.where(~sa.exists().where(same))
    with book.reading() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    for row in rows:
        row["quantity"] = None if row["quantity"] is None else float(row["quantity"])
    rows.sort(key=lambda row: (row["unique_id"], row["kind"]))
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def decision_history(book: Book, unique_id: str, kind: str | None = None) -> list[dict[str, Any]]:
    """All decisions on a series, the first one first."""
    query = sa.select(EXCEPTION_DECISIONS).where(_ROWS.unique_id == unique_id).order_by(_ROWS.kind, _ROWS.version)
    if kind is not None:
        query = query.where(_ROWS.kind == kind)
    with book.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _version(connection: sa.Connection, unique_id: str, kind: str) -> int:
    mine = (_ROWS.unique_id == unique_id) & (_ROWS.kind == kind)
    found: int | None = connection.execute(sa.select(sa.func.max(_ROWS.version)).where(mine)).scalar()
    return found or 0


def _meanwhile(decided: Decided, after: int | None, version: int | None) -> str:
    return explain(
        f"somebody has decided on {decided.kind} of {decided.unique_id} meanwhile",
        expected="the first decision" if not after else f"version {after}",
        found="another one at the same moment" if version is None else f"version {version}",
        do="look at it (`scaleinv exceptions show`), then decide again",
    )
