"""EDIFACT DESADV: the vendor's despatch advice, lines inside packages."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from scaleinv.erp.answers.edifact import Message
from scaleinv.erp.answers.edifact_orders import (
    arrival,
    check_total,
    dtm,
    line_groups,
    named,
    order_line,
    product,
    quantity,
)
from scaleinv.erp.answers.edifact_segments import Segment
from scaleinv.erp.answers.statement import UnreadableError, by_order, whole
from scaleinv.erp.answers.x12_shipment import sscc
from scaleinv.schema.life import Answer, AnswerLine

_ARRIVES: Final = ("132", "17", "358")
_EXPIRES: Final = ("36", "361")


def despatch_advice(message: Message) -> Iterator[Answer]:
    """An answer for each order in the shipment.

    Raises:
        UnreadableError: a line of no order, a unit or number that is none, CNT that contradicts the lines.
    """
    bgm = message.find("BGM")
    if bgm.get(1) != "351" or bgm.get(3) not in ("9", "5", "7", ""):
        raise UnreadableError(bgm.at, f"BGM: expected 351 (despatch advice), new or replacing, found {bgm.raw!r}")
    if not bgm.get(2):
        raise UnreadableError(bgm.at, "BGM 1004: expected the number of the despatch advice, found nothing")
    head, groups = line_groups(message)
    check_total(message, len(groups))
    whole_order = _order(head)
    answers = []
    if not groups and whole_order:
        answers.append(_answer(message, bgm, whole_order, ()))
    for group, unit in zip(groups, _units(message, groups), strict=True):
        order = _order(group) or whole_order
        if not order:
            raise UnreadableError(group[0].at, "expected RFF+ON at the line or before all lines, found none")
        lines = tuple(replace(line, date=line.date or _arrival(head), sscc=unit) for line in _lines(message, group))
        answers.append(_answer(message, bgm, order, lines))
    if not answers:
        raise UnreadableError(bgm.at, "expected RFF+ON, the number of a purchase order, found none")
    yield from by_order(answers)


def _answer(message: Message, bgm: Segment, order: str, lines: tuple[AnswerLine, ...]) -> Answer:
    return Answer(message.id_for(order), "shipped", order, at=message.at, shipment_id=bgm.get(2), lines=lines)


def _order(segments: Sequence[Segment]) -> str:
    return next((s.get(1, 1) for s in segments if s.tag == "RFF" and s.get(1) == "ON"), "")


def _arrival(head: Sequence[Segment]) -> datetime.date | None:
    for qualifier in _ARRIVES:
        for segment in head:
            if segment.tag == "DTM" and segment.get(1) == qualifier:
                return dtm(segment)
    return None


def _units(message: Message, groups: Sequence[Sequence[Segment]]) -> Iterator[str | None]:
    """The SSCC around each line: of the last package (CPS) that began before it, if that names exactly one."""
    starts = {group[0].at for group in groups}
    unit: str | None = None
    for segment in message.segments:
        if segment.tag == "CPS":
            unit = None
        elif segment.tag == "GIN" and segment.get(1) == "BJ":
            codes = [element[0] for element in segment.repeats(2) if element[0]]
            unit = sscc(codes[0], segment.at) if len(codes) == 1 and len(codes[0]) else None
        if segment.at in starts:
            yield unit


def _lines(message: Message, group: Sequence[Segment]) -> Iterator[AnswerLine]:
    """One, or one for each lot."""
    lin = group[0]
    sku, gtin = product(group)
    line = order_line(group)
    if line is None and not sku and not gtin and lin.get(1):
        line = whole(lin.get(1), lin.at, "LIN 1082")
    named(lin, line, sku, gtin)
    own, lots = _parted(message, group)
    amount, unit = quantity(message, own, "12")
    if amount is None:
        raise UnreadableError(lin.at, "expected QTY+12, the quantity despatched, found none")
    said = AnswerLine(
        "shipped", line, sku, gtin, amount, unit, date=arrival(own), lot=_lot(group), expiry=_expiry(group)
    )
    if len(lots) < 2:
        yield said
        return
    parts = [quantity(message, part, "12")[0] for part in lots]
    if any(part is None for part in parts):
        yield replace(said, lot=None, reason=f"{len(lots)} lots without quantities of their own")
        return
    if sum(filter(None, parts), Decimal(0)) != amount:
        raise UnreadableError(lin.at, f"expected lots that add up to QTY+12 {amount}, found {parts}")
    for part, share in zip(lots, parts, strict=True):
        yield replace(said, quantity=share, lot=_lot(part), expiry=_expiry(part) or _expiry(own))


def _parted(message: Message, group: Sequence[Segment]) -> tuple[list[Segment], list[list[Segment]]]:
    """What belongs to the line itself, and PCI groups that name a lot or have a quantity."""
    own: list[Segment] = []
    parts: list[list[Segment]] = []
    for segment in group:
        if segment.tag == "PCI":
            parts.append([])
        (parts[-1] if parts else own).append(segment)
    return own, [part for part in parts if _lot(part) or quantity(message, part, "12")[0] is not None]


def _lot(segments: Sequence[Segment]) -> str | None:
    for segment in segments:
        if segment.tag == "GIN" and segment.get(1) == "BX":
            return segment.get(2) or None
        if segment.tag == "PIA":
            for element in segment.repeats(2):
                if len(element) > 1 and element[1] == "NB":
                    return element[0] or None
    return None


def _expiry(segments: Sequence[Segment]) -> datetime.date | None:
    return next((dtm(s) for s in segments if s.tag == "DTM" and s.get(1) in _EXPIRES), None)
