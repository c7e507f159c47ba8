"""Answers as plain CSV, for systems that speak nothing else: acknowledgements, ship notices, goods receipts."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterator
from typing import Final, get_args

from scaleinv.erp.answers.statement import Refused, UnreadableError, day, digest, moment, number, statement_id, whole
from scaleinv.errors import DataError, explain
from scaleinv.schema.life import Answer, AnswerKind, AnswerLine, LineAnswer

VERSION: Final = "answers-csv/1"
COLUMNS: Final[dict[str, str]] = {
    "sender": "who says it",
    "message": "its number at the sender; rows with the same one, of the same kind and order are one statement",
    "kind": "taken, failed, confirmed, rejected, shipped, received or cancelled",
    "order_id": "as in the order",
    "at": "YYYY-MM-DDTHH:MM:SS+ZZ:ZZ (or Z); empty: not said",
    "erp_number": "the number that the ERP gave the order",
    "shipment_id": "number of the shipment",
    "line": "line of the order",
    "sku_id": "as in the order",
    "gtin": "as in the order",
    "status": "accepted, changed, rejected, backordered, shipped or received; shipped and received go without saying",
    "quantity": "decimal, with a point; of received: below 0 it takes receipts of the line back",
    "unit": "unit or order_unit of the order, or one that measures the same, UN/CEFACT Rec 20",
    "unit_cost": "price of one of unit",
    "date": "YYYY-MM-DD: when it is to come, or came",
    "lot": "lot number",
    "expiry": "YYYY-MM-DD: best before",
    "sscc": "pallet or carton",
    "reason": "in words",
}
NEEDED: Final = ("message", "kind", "order_id")
_HEAD: Final = ("line", "sku_id", "gtin", "status", "quantity")
_KINDS: Final[tuple[AnswerKind, ...]] = get_args(AnswerKind)
_STATUSES: Final[tuple[LineAnswer, ...]] = get_args(LineAnswer)
_ITSELF: Final[dict[str, LineAnswer]] = {"shipped": "shipped", "received": "received"}
_Row = tuple[int, dict[str, str]]


def csv_answers(data: bytes, name: str) -> Iterator[Answer | Refused]:
    """One answer for each message, kind and order; rows of one that cannot be read are set aside together.

    Raises:
        DataError: other columns, a row of another length, or a last row that does not say how many rows there are.
    """
    rows = _rows(data, name)
    statements: dict[tuple[str, ...], list[_Row]] = {}
    for row in rows:
        statements.setdefault(tuple(row[1].get(key, "") for key in ("sender", *NEEDED)), []).append(row)
    for key, part in statements.items():
        said = "\n".join(repr(sorted(cells.items())) for _, cells in part)
        identity = statement_id("csv", *key[:3], digest(said), key[3])
        try:
            yield _answer(identity, part)
        except UnreadableError as error:
            yield Refused(identity, error.position, error.reason, said.encode())


def _rows(data: bytes, name: str) -> list[_Row]:
    try:
        text = data.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        records = [(reader.line_num, record) for record in reader if record]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(_problem(name, 1, "CSV in UTF-8", error)) from None
    header = records[0][1] if records else []
    unknown = [column for column in header if column not in COLUMNS]
    if unknown or len(set(header)) != len(header) or not set(NEEDED) <= set(header):
        expected = f"columns among {', '.join(COLUMNS)}, each once, with {', '.join(NEEDED)}"
        raise DataError(_problem(name, 1, expected, ",".join(header)[:200]))
    *body, (at, last) = records
    if len(body) < 1 or last != ["end", str(len(body) - 1)]:
        raise DataError(
            _problem(name, at, f"a last row end,{max(0, len(body) - 1)} (the rows before it)", ",".join(last))
        )
    for line, record in body:
        if len(record) != len(header):
            raise DataError(_problem(name, line, f"{len(header)} cells", len(record)))
    return [(line, dict(zip(header, map(str.strip, record), strict=True))) for line, record in body[1:]]


def _answer(identity: str, rows: list[_Row]) -> Answer:
    at, first = rows[0]
    kind = next((kind for kind in _KINDS if kind == first["kind"]), None)
    if kind is None:
        raise UnreadableError(at, f"kind: expected {', '.join(_KINDS)}, found {first['kind']!r}")
    if not first["order_id"] or not first["message"]:
        raise UnreadableError(at, "expected message and order_id, found one of them empty")
    for column in ("at", "erp_number", "shipment_id"):
        if len({cells.get(column, "") for _, cells in rows}) > 1:
            raise UnreadableError(at, f"{column}: expected the same in all rows of the message")
    lines = tuple(_line(position, cells, kind) for position, cells in rows if any(cells.get(name) for name in _HEAD))
    if lines and len(lines) != len(rows):
        raise UnreadableError(at, "expected rows of lines, or one row for the whole order, found both")
    return Answer(
        identity, kind, first["order_id"], at=_moment(first.get("at", ""), at),
        erp_number=first.get("erp_number") or None, shipment_id=first.get("shipment_id") or None, lines=lines,
        reason="" if lines else first.get("reason", ""),
    )  # fmt: skip


def _line(at: int, cells: dict[str, str], kind: AnswerKind) -> AnswerLine:
    said = cells.get("status") or _ITSELF.get(kind, "")
    status = next((status for status in _STATUSES if status == said), None)
    if status is None or (kind in _ITSELF and status != _ITSELF[kind]):
        raise UnreadableError(at, f"status: expected {_ITSELF.get(kind) or ', '.join(_STATUSES)}, found {said!r}")
    if not any(cells.get(name) for name in ("line", "sku_id", "gtin")):
        raise UnreadableError(at, "expected line, sku_id or gtin, found none of them")
    if kind in _ITSELF and not cells.get("quantity"):
        raise UnreadableError(at, "quantity: expected a number, found nothing")
    return AnswerLine(
        status,
        line=whole(cells["line"], at, "line") if cells.get("line") else None,
        sku_id=cells.get("sku_id") or None,
        gtin=cells.get("gtin") or None,
        quantity=number(cells["quantity"], at, "quantity", is_signed=kind == "received")
        if cells.get("quantity")
        else None,
        unit=cells.get("unit") or None,
        unit_cost=number(cells["unit_cost"], at, "unit_cost") if cells.get("unit_cost") else None,
        date=day(cells["date"], at, "date") if cells.get("date") else None,
        lot=cells.get("lot") or None,
        expiry=day(cells["expiry"], at, "expiry") if cells.get("expiry") else None,
        reason=cells.get("reason", ""),
        sscc=cells.get("sscc") or None,
    )


def _moment(text: str, at: int) -> datetime.datetime | None:
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return moment(text[:8], text[8:], at, "at")
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise UnreadableError(at, f"at: expected a moment with its zone, found {text!r}")
    return found.astimezone(datetime.UTC)


def _problem(name: str, line: int, expected: str, found: object) -> str:
    return explain(
        f"{name}: {VERSION} that cannot be read, at line {line}",
        expected=expected,
        found=found,
        do="nothing of it was taken: ask the sender for the whole file",
    )
