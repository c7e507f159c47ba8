"""X12 855: what the vendor says to an order, line by line; and what lines of 855 and 856 have in common."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from scaleinv.erp.answers.statement import UnreadableError, day, number, whole
from scaleinv.erp.answers.x12 import Message
from scaleinv.erp.answers.x12_segments import Segment
from scaleinv.schema.life import Answer, AnswerKind, AnswerLine, LineAnswer

BAK_CODES: Final[dict[str, tuple[AnswerKind, LineAnswer, str]]] = {
    "AC": ("confirmed", "changed", "accepted with changes"),
    "AD": ("confirmed", "accepted", ""),
    "AE": ("confirmed", "changed", "accepted with exceptions"),
    "AH": ("taken", "accepted", "on hold at the vendor"),
    "AK": ("confirmed", "accepted", ""),
    "AP": ("confirmed", "accepted", ""),
    "AT": ("confirmed", "accepted", ""),
    "RD": ("confirmed", "rejected", "rejected by the vendor"),
    "RF": ("confirmed", "rejected", "rejected by the vendor"),
    "RJ": ("confirmed", "rejected", "rejected by the vendor"),
}
"""BAK02 -> what it says, what a line without an ACK of its own is, and why."""
ACK_CODES: Final[dict[str, tuple[LineAnswer, str]]] = {
    "AC": ("accepted", "accepted and shipped"),
    "AR": ("accepted", "released for shipment"),
    "BP": ("backordered", "shipped in part, the rest later"),
    "DR": ("changed", "date changed"),
    "IA": ("accepted", ""),
    "IB": ("backordered", "backordered"),
    "IC": ("changed", "changed"),
    "ID": ("rejected", "deleted"),
    "IE": ("accepted", "price pending"),
    "IF": ("backordered", "on hold: incomplete description"),
    "IH": ("backordered", "on hold"),
    "IP": ("changed", "price changed"),
    "IQ": ("changed", "quantity changed"),
    "IR": ("rejected", "rejected"),
    "IS": ("rejected", "substituted"),
    "IW": ("backordered", "on hold: waiver required"),
    "R1": ("rejected", "not a contract item"),
    "R2": ("rejected", "invalid item number"),
    "R3": ("rejected", "invalid unit"),
    "R4": ("rejected", "contract item not available"),
    "SP": ("accepted", "date pending"),
}
"""ACK01 -> what it says of the line, and why."""
_GTIN = ("UP", "EN", "UK", "UI", "UA")
_OURS = ("BP", "IN", "SK")
_THEIRS = "VN"
_SHIPS: Final = {"068", "010", "011"}
_SUBSTITUTED: Final = "IS"
_IN_PARTS: Final = "BP"
"""ACK02 is the part that comes; the rest is back-ordered."""
_PER: Final[dict[str, int]] = {"HP": 100, "TP": 1000}
_ONE: Final = {"", "PE", "UM", "CT", "NT", "QT", "WE", "LE", "SR", "RE"}


def acknowledgement(message: Message) -> Iterator[Answer]:
    """The answer that an 855 is.

    Raises:
        UnreadableError: a code that is not known, a number that is none, or CTT that contradicts the lines.
    """
    bak = message.find("BAK")
    order = bak[3]
    if not order:
        raise UnreadableError(bak.at, "BAK03: expected the number of the purchase order, found nothing")
    if bak[2] not in BAK_CODES:
        raise UnreadableError(bak.at, f"BAK02: expected {', '.join(BAK_CODES)}, found {bak[2]!r}")
    kind, default, reason = BAK_CODES[bak[2]]
    lines = tuple(_lines(message, default, reason))
    if kind == "taken":
        lines = ()
    if default == "rejected" and not lines:
        kind = "rejected"  # of the whole order: a line could not say which one it is
    said = [f"{reason} (BAK02 {bak[2]})" if reason else "", f"the vendor's number is {bak[8]}" if bak[8] else ""]
    yield Answer(message.id_for(order), kind, order, at=message.at, lines=lines, reason="; ".join(filter(None, said)))


def _lines(message: Message, default: LineAnswer, why: str) -> Iterator[AnswerLine]:
    starts = [i for i, segment in enumerate(message.segments) if segment.tag == "PO1"]
    ends = [i for i, segment in enumerate(message.segments) if segment.tag in ("CTT", "SE")]
    head = message.segments[: starts[0]] if starts else ()
    date = next((_dtm(segment) for segment in head if segment.tag == "DTM" and segment[1] in ("067", "017")), None)
    check_total(message, len(starts), "PO1")
    for start, stop in zip(starts, [*starts[1:], min(ends)], strict=False):
        yield from _line(message, message.segments[start:stop], default, why, date)


def _line(
    message: Message, segments: Sequence[Segment], default: LineAnswer, why: str, date: datetime.date | None
) -> Iterator[AnswerLine]:
    po1, said = segments[0], [segment for segment in segments if segment.tag == "ACK"]
    for ack in said:
        if ack[1] not in ACK_CODES:
            raise UnreadableError(ack.at, f"ACK01: expected {', '.join(ACK_CODES)}, found {ack[1]!r}")
    sku, gtin = product(po1, 6)
    line = whole(po1[1], po1.at, "PO101") if po1[1] else None
    if line is None and not sku and not gtin:
        raise UnreadableError(po1.at, "PO1: expected a line number, our number or a GTIN, found none of them")
    unit = message.unit(po1[3], po1.at)
    quantity = number(po1[2], po1.at, "PO102") if po1[2] else None
    cost = _price(po1)
    if not said:
        yield AnswerLine(default, line, sku, gtin, quantity, unit, cost, date, reason=why)
    for ack in said:
        status, reason, when = _acknowledged(ack, date)
        counted = message.unit(ack[3], ack.at) if ack[3] else unit
        yield AnswerLine(
            status, line, sku, gtin, _amount(ack, said, quantity), counted,
            cost if counted == unit else None,  # it is the price of one of PO103
            when, reason=reason,
        )  # fmt: skip
        others = [other for other in said if other is not ack]
        if _is_part(ack) and not any(ACK_CODES[other[1]][0] == "backordered" for other in others):
            yield AnswerLine("backordered", line, sku, gtin, reason=ACK_CODES[_IN_PARTS][1])


def _acknowledged(ack: Segment, date: datetime.date | None) -> tuple[LineAnswer, str, datetime.date | None]:
    """What it says, why, and when the goods come; ``date``: as the header says."""
    status, reason = ACK_CODES[ack[1]]
    if _is_part(ack):
        status, reason = "accepted", ""
    when = day(ack[5], ack.at, "ACK05") if ack[5] else date
    if ack[1] == _SUBSTITUTED:
        reason = _substitution(ack)
    if ack[5] and ack[4] in _SHIPS:
        reason = "; ".join(filter(None, (reason, f"leaves the vendor on {when} (ACK04 {ack[4]})")))
        when = date or when
    return status, reason, None if status == "backordered" and not ack[5] else when


def _is_part(ack: Segment) -> bool:
    return ack[1] == _IN_PARTS and bool(ack[2])


def _amount(ack: Segment, said: Sequence[Segment], quantity: Decimal | None) -> Decimal | None:
    """Of how much it speaks; ``None``: of all of the line, or of what the others leave. ``quantity``: PO102."""
    if ack[1] == _SUBSTITUTED and all(other[1] == _SUBSTITUTED for other in said):
        return None  # ACK02 counts the other article: of this one nothing comes
    if ack[2]:
        return number(ack[2], ack.at, "ACK02")
    return quantity if len(said) == 1 else None


def _substitution(ack: Segment) -> str:
    """Which article comes instead, as far as the segment says: pairs of qualifier and number from ACK07 on."""
    found = [f"{ack[i]} {ack[i + 1]}" for i in range(7, len(ack.elements), 2) if ack[i + 1]]
    return f"substituted by {', '.join(found)}" if found else "substituted by an article that is not said"


def _price(po1: Segment) -> Decimal | None:
    if not po1[4]:
        return None
    if po1[5] not in _ONE and po1[5] not in _PER:
        raise UnreadableError(po1.at, f"PO105: expected PE, HP, TP or another price per unit, found {po1[5]!r}")
    return number(po1[4], po1.at, "PO104") / _PER.get(po1[5], 1)


def _dtm(segment: Segment) -> datetime.date:
    return day(segment[2], segment.at, "DTM02")


def product(segment: Segment, first: int) -> tuple[str | None, str | None]:
    """SKU and GTIN among pairs of qualifier and number from element ``first`` on.

    The vendor's own number stands for the SKU only where there is nothing else.
    """
    pairs = {segment[i]: segment[i + 1] for i in range(first, len(segment.elements), 2) if segment[i + 1]}
    sku = next((pairs[name] for name in _OURS if name in pairs), None)
    gtin = next((pairs[name] for name in _GTIN if name in pairs), None)
    return sku or (None if gtin else pairs.get(_THEIRS)), gtin


def check_total(message: Message, count: int, tag: str) -> None:
    """CTT01, where it is given, against what is there.

    Raises:
        UnreadableError: a line is missing or too many.
    """
    for segment in message.segments:
        if segment.tag == "CTT" and whole(segment[1], segment.at, "CTT01") != count:
            raise UnreadableError(
                segment.at, f"CTT01: expected {count} segments {tag} as are there, found {segment[1]}"
            )
