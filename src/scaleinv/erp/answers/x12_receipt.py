"""X12 997 and 999: whether the other side could read what we sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from scaleinv.erp.answers.controls import x12_control
from scaleinv.erp.answers.statement import OrdersOf, UnreadableError, whole
from scaleinv.erp.answers.x12 import Message
from scaleinv.erp.answers.x12_segments import Segment
from scaleinv.schema.life import Answer, AnswerKind

SET_CODES: Final[dict[str, AnswerKind]] = {
    "A": "taken", "E": "taken", "R": "failed", "M": "failed", "W": "failed", "X": "failed",
}  # fmt: skip
"""AK501: accepted, accepted with errors, rejected (M, W, X: what secures it is wrong)."""
GROUP_CODES: Final = {**SET_CODES, "P": "taken"}
"""AK901; P: accepted in part, and each set that is not has an AK2 of its own."""

_END: Final = ("AK5", "IK5")
_ERRORS: Final = ("AK3", "AK4", "IK3", "IK4", "CTX")


def functional(message: Message, orders_of: OrdersOf) -> Iterator[Answer]:
    """An answer for each order of the group that the 997 is about.

    Raises:
        UnreadableError: an unknown code, a control number that we never sent, or counts that say sets are lost.
    """
    ak1, ak9 = message.find("AK1"), message.find("AK9")
    if ak9[1] not in GROUP_CODES:
        raise UnreadableError(ak9.at, f"AK901: expected {', '.join(GROUP_CODES)}, found {ak9[1]!r}")
    rejected = GROUP_CODES[ak9[1]] == "failed"
    named: dict[str, None] = {}
    answers = []
    accepted = 0
    loops = list(_loops(message.segments))
    for loop in loops:
        kind, why, orders = _one(message, ak1, loop, orders_of)
        accepted += kind == "taken"
        named.update(dict.fromkeys(orders))
        reason = f"AK901 {ak9[1]}: the whole group is rejected" if rejected and kind == "taken" else why
        answers += [_answer(message, order, "failed" if rejected else kind, reason) for order in orders]
    group = orders_of(x12_control(message.sender, ak1[2]))
    _check_counts(ak1, ak9, len(group), len(loops), accepted)
    rest = [order for order in group if order not in named]
    answers += [_answer(message, order, GROUP_CODES[ak9[1]], _words("AK901", ak9[1], ())) for order in rest]
    yield from answers


def _loops(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """AK2 to AK5, for each set that is named."""
    loop: list[Segment] = []
    for segment in segments:
        if segment.tag == "AK2":
            if loop:
                raise UnreadableError(segment.at, "expected AK5 before the next AK2")
            loop = [segment]
        elif loop:
            loop.append(segment)
            if segment.tag in _END:
                yield loop
                loop = []
            elif segment.tag not in _ERRORS:
                raise UnreadableError(segment.at, f"expected AK3, AK4 or AK5 after AK2, found {segment.tag}")
        elif segment.tag in _END:
            raise UnreadableError(segment.at, "expected AK2 before AK5")


def _one(
    message: Message, ak1: Segment, loop: Sequence[Segment], orders_of: OrdersOf
) -> tuple[AnswerKind, str, Sequence[str]]:
    ak2, ak5 = loop[0], loop[-1]
    if ak5[1] not in SET_CODES:
        raise UnreadableError(ak5.at, f"AK501: expected {', '.join(SET_CODES)}, found {ak5[1]!r}")
    orders = orders_of(x12_control(message.sender, ak1[2], ak2[2]))
    if not orders:
        raise UnreadableError(
            ak2.at, f"AK202: expected a set that we sent in group {ak1[2]} to {message.sender}, found {ak2[2]!r}"
        )
    return SET_CODES[ak5[1]], _words("AK501", ak5[1], loop), orders


def _words(element: str, code: str, loop: Sequence[Segment]) -> str:
    if code == "A":
        return ""
    parts = [f"{element} {code}"]
    for segment in loop:
        if segment.tag in ("AK3", "IK3"):
            parts.append(f"segment {segment[2]} {segment[1]}: error {segment[4] or '?'}")
        elif segment.tag in ("AK4", "IK4"):
            parts.append(
                f"element {segment[1]}: error {segment[3]}" + (f", found {segment[4]!r}" if segment[4] else "")
            )
        elif segment.tag in _END:
            parts += [f"set error {segment[i]}" for i in range(2, len(segment.elements)) if segment[i]]
    return "; ".join(parts)


def _check_counts(ak1: Segment, ak9: Segment, ours: int, loops: int, accepted: int) -> None:
    """A set is one order, and those that are not named are accepted: so the counts must say."""
    sent, received, taken = (whole(ak9[i], ak9.at, f"AK90{i}") for i in (2, 3, 4))
    if not ours and loops < sent:
        raise UnreadableError(ak1.at, f"AK102: expected the number of a group that we sent, found {ak1[2]!r}")
    if ours and sent != ours:
        raise UnreadableError(ak9.at, f"AK902: expected the {ours} sets that we sent in group {ak1[2]}, found {sent}")
    if received != sent:
        raise UnreadableError(ak9.at, f"AK903: {received} of {sent} sets arrived: send the group again")
    if loops > sent or (GROUP_CODES[ak9[1]] == "taken" and taken != sent - loops + accepted):
        raise UnreadableError(
            ak9.at, f"AK904: expected {sent - loops + accepted} sets accepted as AK5 say, found {taken} of {sent}"
        )


def _answer(message: Message, order: str, kind: AnswerKind, reason: str) -> Answer:
    return Answer(message.id_for(order), kind, order, at=message.at, reason=reason)
