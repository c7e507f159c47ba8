"""EDIFACT ORDRSP: what the vendor says to an order; and what lines of ORDRSP and DESADV have in common."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from scaleinv.erp.answers.edifact import Message
from scaleinv.erp.answers.edifact_segments import Segment
from scaleinv.erp.answers.statement import UnreadableError, day, number, whole
from scaleinv.schema.life import Answer, AnswerKind, AnswerLine, LineAnswer

BGM_CODES: Final[dict[str, tuple[LineAnswer, str]]] = {
    "4": ("changed", "accepted with changes"),
    "5": ("changed", "replaces an earlier answer"),
    "9": ("accepted", ""),
    "12": ("rejected", "not processed"),
    "27": ("rejected", "not accepted"),
    "29": ("accepted", ""),
    "44": ("accepted", ""),
}
"""BGM 1225 -> what a line without an action of its own is, and why."""
LINE_CODES: Final[dict[str, tuple[LineAnswer, str]]] = {
    "1": ("changed", "added by the vendor"),
    "2": ("rejected", "deleted"),
    "3": ("changed", "changed"),
    "4": ("accepted", ""),
    "5": ("accepted", ""),
    "6": ("changed", "accepted with changes"),
    "7": ("rejected", "not accepted"),
    "10": ("rejected", "not found"),
    "11": ("accepted", ""),
}
"""LIN 1229 -> what it says of the line, and why."""
_ARRIVES: Final = ("67", "69", "17", "2", "358")
_QUANTITIES: Final = ("113", "12", "21")
_LATER: Final = "83"
_INSTEAD: Final = "3"
"""PIA 4347: what comes instead of the article."""
_SKU: Final = ("IN", "BP")
_THEIRS: Final = "SA"
_GTIN: Final = ("EN", "SRV", "UP", "EU")


def response(message: Message) -> Iterator[Answer]:
    """The answer that an ORDRSP is.

    Raises:
        UnreadableError: no order, a code that is not known, a number that is none, or CNT that contradicts the lines.
    """
    bgm, ref = message.find("BGM"), message.find("RFF", "ON")
    code = bgm.get(3)
    if bgm.get(1) not in ("231", "320"):
        raise UnreadableError(bgm.at, f"BGM 1001: expected 231 (response to an order), found {bgm.get(1)!r}")
    if code not in BGM_CODES:
        raise UnreadableError(bgm.at, f"BGM 1225: expected {', '.join(BGM_CODES)}, found {code!r}")
    default, why = BGM_CODES[code]
    order = ref.get(1, 1)
    if not order:
        raise UnreadableError(ref.at, "RFF+ON: expected the number of the purchase order, found nothing")
    head, groups = line_groups(message)
    check_total(message, len(groups))
    when = arrival(head)
    lines = tuple(line for group in groups for line in _line(message, group, default, why, when))
    kind: AnswerKind = "rejected" if default == "rejected" and not lines else "confirmed"
    reason = f"{why} (BGM 1225 {code})" if why else ""
    yield Answer(message.id_for(order), kind, order, at=message.at, lines=lines, reason=reason)


def line_groups(message: Message) -> tuple[list[Segment], list[list[Segment]]]:
    """What stands before the first LIN, and each LIN with what belongs to it."""
    head: list[Segment] = []
    groups: list[list[Segment]] = []
    for segment in message.segments:
        if segment.tag in ("UNS", "CNT", "UNT"):
            break
        if segment.tag == "LIN":
            groups.append([])
        (groups[-1] if groups else head).append(segment)
    return head, groups


def check_total(message: Message, lines: int) -> None:
    """CNT+2, where it is given, against what is there.

    Raises:
        UnreadableError: a line is missing or too many.
    """
    for segment in message.segments:
        if segment.tag == "CNT" and segment.get(1) == "2" and whole(segment.get(1, 1), segment.at, "CNT+2") != lines:
            raise UnreadableError(segment.at, f"CNT+2: expected {lines} lines as are there, found {segment.get(1, 1)}")


def _line(
    message: Message, group: Sequence[Segment], default: LineAnswer, why: str, when: datetime.date | None
) -> Iterator[AnswerLine]:
    lin = group[0]
    action = lin.get(2)
    if action and action not in LINE_CODES:
        raise UnreadableError(lin.at, f"LIN 1229: expected {', '.join(LINE_CODES)}, found {action!r}")
    status, reason = LINE_CODES[action] if action else (default, why)
    instead = [pia for pia in group if pia.tag == "PIA" and pia.get(1) == _INSTEAD]
    sku, gtin = product([segment for segment in group if segment not in instead])
    line = order_line(group) or (whole(lin.get(1), lin.at, "LIN 1082") if lin.get(1) else None)
    named(lin, line, sku, gtin)
    if instead:
        codes = [f"{code[1]} {code[0]}" for pia in instead for code in pia.repeats(2) if len(code) > 1 and code[0]]
        yield AnswerLine("rejected", line, sku, gtin, reason=f"substituted by {', '.join(codes) or 'another article'}")
        return
    date = arrival(group) or when
    amount, unit = quantity(message, group, *_QUANTITIES)
    yield AnswerLine(status, line, sku, gtin, amount, unit, _price(message, group, unit), date, reason=reason)
    later, unit = quantity(message, group, _LATER)
    if later:
        cost = _price(message, group, unit)
        yield AnswerLine("backordered", line, sku, gtin, later, unit, cost, reason="backordered")


def named(lin: Segment, line: int | None, sku: str | None, gtin: str | None) -> None:
    """Nothing, if the line says which one it is.

    Raises:
        UnreadableError: it does not.
    """
    if line is None and not sku and not gtin:
        raise UnreadableError(lin.at, "LIN: expected a line number, our number or a GTIN, found none of them")


def quantity(message: Message, group: Sequence[Segment], *qualifiers: str) -> tuple[Decimal | None, str | None]:
    """Quantity and unit of the first of ``qualifiers`` that is there.

    Raises:
        UnreadableError: no number, or a unit that is not known.
    """
    found = {segment.get(1): segment for segment in group if segment.tag == "QTY"}
    for qualifier in qualifiers:
        if qualifier in found:
            segment = found[qualifier]
            unit = message.unit(segment.get(1, 2), segment.at)
            return decimal(segment.get(1, 1), segment.at, f"QTY+{qualifier}"), unit
    return None, None


def decimal(text: str, position: int, what: str) -> Decimal:
    """A number; EDIFACT lets ``,`` stand for ``.`` and has nothing between thousands.

    Raises:
        UnreadableError: it is none.
    """
    return number(text.replace(",", ".", 1), position, what)


def product(group: Sequence[Segment]) -> tuple[str | None, str | None]:
    """SKU and GTIN, of LIN or of PIA beside it; the vendor's own number only where there is nothing else."""
    codes = {lin.get(3, 1): lin.get(3) for lin in group if lin.tag == "LIN"}
    for pia in group:
        if pia.tag == "PIA":
            codes |= {element[1]: element[0] for element in pia.repeats(2) if len(element) > 1}
    sku = next((codes[name] for name in _SKU if codes.get(name)), None)
    gtin = next((codes[name] for name in _GTIN if codes.get(name)), None)
    return sku or (None if gtin else codes.get(_THEIRS) or None), gtin


def order_line(group: Sequence[Segment]) -> int | None:
    """Our own line number: RFF+ON or RFF+LI with one.

    Raises:
        UnreadableError: it is no number.
    """
    for rff in group:
        if rff.tag == "RFF" and rff.get(1) in ("ON", "LI"):
            text = rff.get(1, 2) or (rff.get(1, 1) if rff.get(1) == "LI" else "")
            if text:
                return whole(text, rff.at, "RFF 1156")
    return None


def arrival(segments: Sequence[Segment]) -> datetime.date | None:
    """When the goods are to come, if it is said.

    Raises:
        UnreadableError: it is no day.
    """
    found = {segment.get(1): segment for segment in segments if segment.tag == "DTM"}
    for qualifier in _ARRIVES:
        if qualifier in found:
            return dtm(found[qualifier])
    return None


def dtm(segment: Segment) -> datetime.date:
    """The day of a DTM in format 102, 203 or 204.

    Raises:
        UnreadableError: it is none.
    """
    if segment.get(1, 2) not in ("102", "203", "204", ""):
        raise UnreadableError(segment.at, f"DTM 2379: expected 102, 203 or 204, found {segment.get(1, 2)!r}")
    return day(segment.get(1, 1)[:8], segment.at, f"DTM+{segment.get(1)}")


def _price(message: Message, group: Sequence[Segment], unit: str | None) -> Decimal | None:
    """Of one ``unit``; ``None`` where it is the price of another one (PRI 6411)."""
    for segment in group:
        if segment.tag == "PRI" and segment.get(1) in ("AAA", "AAB", "CAL", "INV") and segment.get(1, 1):
            basis = decimal(segment.get(1, 4) or "1", segment.at, "PRI 5284")
            if basis == 0:
                raise UnreadableError(
                    segment.at, "PRI 5284: expected the number of units that the price is for, found 0"
                )
            priced = message.unit(segment.get(1, 5), segment.at)
            cost = decimal(segment.get(1, 1), segment.at, "PRI 5118") / basis
            return cost if priced in (None, unit) else None
    return None
