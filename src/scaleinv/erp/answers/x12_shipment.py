"""X12 856: the vendor's advance ship notice, a tree of shipment, order, pallet, carton and item."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field

from scaleinv.erp.answers.statement import UnreadableError, by_order, day, number, whole
from scaleinv.erp.answers.x12 import Message
from scaleinv.erp.answers.x12_orders import check_total, product
from scaleinv.erp.answers.x12_segments import Segment
from scaleinv.schema.life import Answer, AnswerLine

_ARRIVES = ("017", "067", "002")
_EXPIRES = ("036", "038")


@dataclass
class _Level:
    """One HL with its segments, and the level that it is in."""

    head: Segment
    parent: _Level | None
    segments: list[Segment] = field(default_factory=list)

    @property
    def code(self) -> str:
        return self.head[3]

    def above(self) -> Iterator[_Level]:
        """This level, the one around it … up to the shipment."""
        level: _Level | None = self
        while level is not None:
            yield level
            level = level.parent

    def first(self, tag: str, *qualifiers: str) -> Segment | None:
        for segment in self.segments:
            if segment.tag == tag and (not qualifiers or segment[1] in qualifiers):
                return segment
        return None


def ship_notice(message: Message) -> Iterator[Answer]:
    """An answer for each order in the shipment.

    Raises:
        UnreadableError: no tree, an item in no order, a unit or number that is none, CTT that is not the number of HL.
    """
    bsn = message.find("BSN")
    levels = _levels(message)
    check_total(message, len(levels), "HL")
    if bsn[1] not in ("00", "05", "06"):
        raise UnreadableError(bsn.at, f"BSN01: expected 00, 05 or 06 (a shipment that is on its way), found {bsn[1]!r}")
    if not bsn[2]:
        raise UnreadableError(bsn.at, "BSN02: expected the number of the shipment, found nothing")
    answers = []
    for level in levels:
        if level.code == "O":
            answers.append(_answer(message, bsn, _order(level), ()))
        elif level.code == "I":
            answers.append(_answer(message, bsn, _order(level), (_item(message, level),)))
    if not answers:
        raise UnreadableError(bsn.at, "expected at least one HL of level O with a segment PRF, found none")
    yield from by_order(answers)


def _levels(message: Message) -> list[_Level]:
    levels: dict[str, _Level] = {}
    current: _Level | None = None
    for segment in message.segments:
        if segment.tag == "HL":
            if segment[1] in levels or not segment[1]:
                raise UnreadableError(segment.at, f"HL01: expected a new number, found {segment[1]!r}")
            if segment[2] and segment[2] not in levels:
                raise UnreadableError(segment.at, f"HL02: expected the number of an earlier HL, found {segment[2]!r}")
            current = levels[segment[1]] = _Level(segment, levels.get(segment[2]))
        elif current is not None:
            current.segments.append(segment)
    return list(levels.values())


def _answer(message: Message, bsn: Segment, order: str, lines: tuple[AnswerLine, ...]) -> Answer:
    return Answer(message.id_for(order), "shipped", order, at=message.at, shipment_id=bsn[2], lines=lines)


def _order(level: _Level) -> str:
    for above in level.above():
        if above.code == "O":
            prf = above.first("PRF")
            if prf is None or not prf[1]:
                raise UnreadableError(above.head.at, "expected PRF01, the number of the purchase order, found none")
            return prf[1]
    raise UnreadableError(level.head.at, "expected an item inside an order (HL of level O), found none above it")


def _item(message: Message, level: _Level) -> AnswerLine:
    lin, sn1 = level.first("LIN"), level.first("SN1")
    if sn1 is None or lin is None:
        raise UnreadableError(level.head.at, "expected LIN and SN1 in the item, found one of them missing")
    sku, gtin = product(lin, 2)
    lots = {lin[i]: lin[i + 1] for i in range(2, len(lin.elements), 2)}
    if not (sku or gtin or lin[1]):
        raise UnreadableError(lin.at, "LIN: expected a line number, our number or a GTIN, found none of them")
    expiry = level.first("DTM", *_EXPIRES)
    lot = level.first("REF", "LT")
    return AnswerLine(
        "shipped",
        line=None if sku or gtin or not lin[1] else whole(lin[1], lin.at, "LIN01"),
        sku_id=sku,
        gtin=gtin,
        quantity=number(sn1[2], sn1.at, "SN102"),
        unit=message.unit(sn1[3], sn1.at),
        date=_arrival(level),
        lot=lots.get("LT") or (lot[2] if lot else "") or None,
        expiry=day(expiry[2], expiry.at, "DTM02") if expiry else None,
        sscc=_sscc(level),
    )


def _arrival(level: _Level) -> datetime.date | None:
    for above in level.above():
        dtm = above.first("DTM", *_ARRIVES)
        if dtm is not None:
            return day(dtm[2], dtm.at, "DTM02")
    return None


def _sscc(level: _Level) -> str | None:
    """The innermost logistic unit around the item."""
    for above in level.above():
        man = above.first("MAN", "GM", "AA")
        if man is not None:
            return sscc(man[2], man.at)
    return None


def sscc(text: str, position: int) -> str:
    """18 digits with a right check digit; a leading application identifier ``00`` is taken off.

    Raises:
        UnreadableError: it is none.
    """
    digits = text[2:] if len(text) == 20 and text.startswith("00") else text
    weights = [3, 1] * 9
    right = digits.isascii() and digits.isdigit() and len(digits) == 18
    if not right or sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 10:
        raise UnreadableError(position, f"SSCC: expected 18 digits with a right check digit, found {text!r}")
    return digits
