"""997 and CONTRL: our word to the sender that we could read what he sent, message by message."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from scaleinv.erp.answers import edifact, x12, x12_segments
from scaleinv.erp.answers.edifact_segments import CHARSETS
from scaleinv.erp.answers.partners import EDIFACT, X12, Partners
from scaleinv.erp.answers.read import edifact_answers, x12_answers
from scaleinv.erp.answers.statement import Fault, UnreadableError

_RECEIPTS: Final = {"997", "999", "TA1", "CONTRL"}
"""What answers an answer would go on for ever."""
_X12_ERRORS: Final[dict[Fault, str]] = {"kind": "1", "end": "2", "reference": "3", "count": "4", "content": "5"}
"""AK502."""
_EDIFACT_ERRORS: Final[dict[Fault, str]] = {
    "kind": "14",
    "end": "13",
    "reference": "28",
    "count": "29",
    "content": "12",
}
"""UCM 0085."""


def functional_acknowledgement(
    data: bytes, *, name: str, at: datetime.datetime, partners: Partners | None = None
) -> bytes:
    """The 997 (or CONTRL) that answers a document, to be sent back; empty where nothing is to be answered.

    Control numbers are those of what it answers, so the same document and moment give the same bytes. A 997 or CONTRL
    is not answered, nor are JSON, CSV and IDocs.

    Args:
        data: X12 or EDIFACT as it came.
        name: of the file, for messages.
        at: when it came.
        partners: as of ``read_answers``.

    Raises:
        DataError: the envelope cannot be read: what control number it had is not known for sure.
    """
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    units = partners.units if partners else {}
    if start.startswith(b"ISA"):
        return "".join(_x12(x12.messages(data, name, units.get(X12)), at)).encode()
    if start.startswith((b"UNA", b"UNB")):
        return b"".join(_edifact(edifact.messages(data, name, units.get(EDIFACT)), at))
    return b""


def _nothing(_: str) -> Sequence[str]:
    return ()


def _x12(messages: Sequence[x12.Message], at: datetime.datetime) -> Iterator[str]:
    asked = [message for message in messages if message.kind not in _RECEIPTS]
    for isa_at, part in groupby(asked, key=lambda message: message.isa.at):
        del isa_at
        own = list(part)
        isa, signs = own[0].isa, own[0].isa.signs
        groups = [list(group) for _, group in groupby(own, key=lambda message: message.gs)]
        segments = [_isa(isa, at), *(s for group in groups for s in _x12_group(group, at)), _iea(isa, len(groups))]
        yield "".join(signs[0].join(segment) + signs[1] for segment in segments)


def _isa(isa: x12_segments.Segment, at: datetime.datetime) -> list[str]:
    e = isa.elements
    swapped = [*e[:5], e[7], e[8], e[5], e[6]]
    return [*swapped, f"{at:%y%m%d}", f"{at:%H%M}", *e[11:14], "0", e[15], e[16]]


def _iea(isa: x12_segments.Segment, groups: int) -> list[str]:
    return ["IEA", str(groups), isa.elements[13]]


def _x12_group(group: Sequence[x12.Message], at: datetime.datetime) -> Iterator[list[str]]:
    gs = group[0].gs
    assert gs is not None
    yield ["GS", "FA", gs[3], gs[2], f"{at:%Y%m%d}", f"{at:%H%M}", gs[6], gs[7], gs[8]]
    results = [_fault_of_set(message) for message in group]
    body = [["ST", "997", "0001"], ["AK1", gs[1], gs[6]]]
    for message, fault in zip(group, results, strict=True):
        body.append(["AK2", message.kind, message.number])
        body.append(["AK5", "R", _X12_ERRORS[fault]] if fault else ["AK5", "A"])
    good = sum(fault is None for fault in results)
    code = "A" if good == len(group) else "P" if good else "R"
    body.append(["AK9", code, str(len(group)), str(len(group)), str(good)])
    yield from body
    yield ["SE", str(len(body) + 1), "0001"]
    yield ["GE", "1", gs[6]]


def _fault_of_set(message: x12.Message) -> Fault | None:
    try:
        x12_answers(message, _nothing)
    except UnreadableError as error:
        return error.fault
    return None


def _edifact(messages: Sequence[edifact.Message], at: datetime.datetime) -> Iterator[bytes]:
    asked = [message for message in messages if message.kind not in _RECEIPTS]
    for _, part in groupby(asked, key=lambda message: message.unb.at):
        own = list(part)
        unb = own[0].unb
        syntax = [*unb.elements[1]]
        reference = unb.get(5)
        results = [(message, _fault_of_message(message)) for message in own]
        body = [
            _segment("UNH", ["1"], ["CONTRL", "D", "3", "UN"]),
            _segment("UCI", [reference], [*unb.elements[2]], [*unb.elements[3]], ["7"]),
            *(
                _segment(
                    "UCM", [message.number], [message.kind, *message.version.split(":")],
                    ["4" if fault else "7"], *([[_EDIFACT_ERRORS[fault]]] if fault else []),
                )
                for message, fault in results
            ),
        ]  # fmt: skip
        when = [f"{at:%y%m%d}", f"{at:%H%M}"]
        segments = [
            "UNA:+.? '",
            _segment("UNB", syntax, [*unb.elements[3]], [*unb.elements[2]], when, [reference]),
            *body,
            _segment("UNT", [str(len(body) + 1)], ["1"]),
            _segment("UNZ", ["1"], [reference]),
        ]
        yield "".join(segments).encode(CHARSETS[syntax[0]])


def _segment(*elements: str | list[str]) -> str:
    texts = (e if isinstance(e, str) else ":".join(map(_released, e)).rstrip(":") for e in elements)
    return "+".join(texts) + "'"


def _released(text: str) -> str:
    for sign in "?:+'":
        text = text.replace(sign, f"?{sign}")
    return text


def _fault_of_message(message: edifact.Message) -> Fault | None:
    try:
        edifact_answers(message, _nothing)
    except UnreadableError as error:
        return error.fault
    return None
