"""EDIFACT interchanges: segments and messages, with every count and reference held against each other."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

from scaleinv.erp.answers.statement import UnreadableError, digest, moment, statement_id
from scaleinv.errors import DataError, explain

CHARSETS: Final[dict[str, str]] = {
    "UNOA": "ascii", "UNOB": "ascii", "UNOC": "iso8859-1", "UNOD": "iso8859-2", "UNOE": "iso8859-5",
    "UNOF": "iso8859-7", "UNOG": "iso8859-3", "UNOH": "iso8859-4", "UNOI": "iso8859-6", "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9", "UNOW": "utf-8", "UNOX": "iso2022_jp", "UNOY": "utf-8",
}  # fmt: skip
"""UNB's syntax identifier -> how the bytes are read."""


@dataclass(frozen=True)
class Segment:
    """``at``: its number in the file, from 1 (UNA is none). ``elements[i][j]``: component ``j`` of element ``i``."""

    at: int
    elements: tuple[tuple[str, ...], ...]
    raw: str

    @property
    def tag(self) -> str:
        """``UNH`` or ``BGM``, for example."""
        return self.elements[0][0]

    def get(self, element: int, component: int = 0) -> str:
        """Element 1, 2 …, component 0, 1 …; empty where it is left out."""
        if element >= len(self.elements) or component >= len(self.elements[element]):
            return ""
        return self.elements[element][component].strip()

    def repeats(self, first: int) -> Iterator[tuple[str, ...]]:
        """The elements from ``first`` on."""
        yield from self.elements[first:]


@dataclass
class Message:
    """A message, UNH to UNT, and the envelope around it."""

    unb: Segment
    number: str
    kind: str
    """ORDRSP, DESADV …"""
    version: str
    """``D:96A:UN:EAN008``."""
    segments: list[Segment] = field(default_factory=list)
    fault: UnreadableError | None = None

    @property
    def sender(self) -> str:
        """UNB 0004."""
        return self.unb.get(2)

    @property
    def raw(self) -> bytes:
        """Its segments, one a line."""
        return "".join(segment.raw + "'\n" for segment in self.segments).encode()

    @property
    def at(self) -> datetime.datetime:
        """When its interchange was made.

        Raises:
            UnreadableError: UNB 0017 and 0019 are no moment.
        """
        return moment(self.unb.get(4), self.unb.get(4, 1), self.unb.at, "UNB S004")

    def id_for(self, order: str) -> str:
        """The statement's name: sender, control numbers, contents, order."""
        numbers = (self.unb.get(5), self.number)
        return statement_id("edifact", self.kind, self.sender, *numbers, digest(self.raw), order)

    def find(self, tag: str, *qualifiers: str) -> Segment:
        """Its first segment of that name (and first component).

        Raises:
            UnreadableError: it has none.
        """
        for segment in self.segments:
            if segment.tag == tag and (not qualifiers or segment.get(1) in qualifiers):
                return segment
        wanted = "+".join((tag, *qualifiers[:1]))
        raise UnreadableError(self.segments[-1].at, f"expected a segment {wanted}, found none in the {self.kind}")


def messages(data: bytes, name: str) -> list[Message]:
    """All messages of a file with one or more interchanges; one whose own envelope is wrong has a ``fault``.

    Raises:
        DataError: not EDIFACT, cut off, or counts and references of UNZ and UNE that contradict what is there.
    """
    return _Reader(name).read(_segments(_text(data, name), name))


def _text(data: bytes, name: str) -> str:
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    where = data.find(b"UNB")
    syntax = data[where + 4 : where + 8].decode("latin-1")
    if where < 0 or where > 40 or syntax not in CHARSETS:
        _stop(name, 1, f"UNB with a syntax identifier ({', '.join(CHARSETS)})", repr(data[:40]))
    try:
        return data.decode(CHARSETS[syntax])
    except UnicodeDecodeError as error:
        _stop(name, 1, f"characters of {syntax}", f"byte {data[error.start]:#x} at {error.start}")


def _segments(text: str, name: str) -> Iterator[Segment]:
    at, start = 0, 0
    signs = ":+.? '"
    while start < len(text):
        if text[start] in " \r\n":
            start += 1
            continue
        if text.startswith("UNA", start):
            signs = text[start + 3 : start + 9]
            if len(signs) < 6 or any(sign.isalnum() for sign in signs):
                _stop(name, at + 1, "UNA and six characters", repr(text[start : start + 9]))
            start += 9
            continue
        at += 1
        body, start = _body(text, start, signs, at, name)
        yield Segment(at, _elements(body, signs), body)


def _body(text: str, start: int, signs: str, at: int, name: str) -> tuple[str, int]:
    """The segment that begins at ``start``, and where the next one does."""
    release, end_sign = signs[3], signs[5]
    end = text.find(end_sign, start)
    while end >= 0 and release != " " and _released(text, end, release, start):
        end = text.find(end_sign, end + 1)
    if end < 0:
        _stop(name, at, f"{end_sign!r} at the end of the segment", f"end of file after {text[start : start + 40]!r}")
    return text[start:end], end + 1


def _released(text: str, end: int, release: str, start: int) -> bool:
    before = end
    while before > start and text[before - 1] == release:
        before -= 1
    return (end - before) % 2 == 1


def _elements(body: str, signs: str) -> tuple[tuple[str, ...], ...]:
    component, element, release = signs[0], signs[1], signs[3]
    if release == " " or release not in body:
        return tuple(tuple(part.split(component)) for part in body.split(element))
    parts: list[list[str]] = [[""]]
    taken = False
    for sign in body:
        if taken or sign not in (component, element, release):
            parts[-1][-1] += sign
            taken = False
        elif sign == release:
            taken = True
        elif sign == element:
            parts.append([""])
        else:
            parts[-1].append("")
    return tuple(map(tuple, parts))


def _stop(name: str, at: int, expected: str, found: str) -> NoReturn:
    raise DataError(
        explain(
            f"{name}: EDIFACT that cannot be read, at segment {at}",
            expected=expected,
            found=found,
            do="nothing of it was taken: ask the sender for the whole file",
        )
    )


class _Reader:
    """Goes through segments once, opening and closing envelopes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: list[Message] = []
        self.unb: Segment | None = None
        self.open: Message | None = None
        self.units = 0
        self.groups: list[tuple[Segment, int]] = []
        self.in_group = False

    def read(self, segments: Iterator[Segment]) -> list[Message]:
        steps = {
            "UNB": self._unb,
            "UNG": self._ung,
            "UNH": self._unh,
            "UNT": self._unt,
            "UNE": self._une,
            "UNZ": self._unz,
        }
        last = 0
        for segment in segments:
            last = segment.at
            steps.get(segment.tag, self._inner)(segment)
        if self.unb is not None or not last:
            _stop(self.name, last + 1, "UNZ at the end of the interchange", "the end of the file")
        return self.found

    def _unb(self, segment: Segment) -> None:
        if self.unb is not None:
            _stop(self.name, segment.at, "UNZ before the next UNB", "UNB")
        if not segment.get(2) or not segment.get(5):
            _stop(self.name, segment.at, "UNB with a sender and a reference", repr(segment.raw[:60]))
        self.unb, self.units, self.groups = segment, 0, []

    def _ung(self, segment: Segment) -> None:
        if self.unb is None or self.in_group:
            _stop(self.name, segment.at, "UNG inside an interchange, after the last group's UNE", "UNG")
        self.groups.append((segment, self.units))
        self.in_group = True

    def _unh(self, segment: Segment) -> None:
        if self.unb is None:
            _stop(self.name, segment.at, "UNB before UNH", "UNH")
        self._abandon(segment)
        version = ":".join(segment.elements[2][1:]) if len(segment.elements) > 2 else ""
        self.open = Message(self.unb, segment.get(1), segment.get(2), version, [segment])
        self.units += 1

    def _inner(self, segment: Segment) -> None:
        if self.open is None:
            _stop(self.name, segment.at, "segments between UNH and UNT", segment.tag[:20])
        self.open.segments.append(segment)

    def _unt(self, segment: Segment) -> None:
        if self.open is None:
            _stop(self.name, segment.at, "UNH before UNT", "UNT")
        message, self.open = self.open, None
        message.segments.append(segment)
        count, found = len(message.segments), segment.get(1)
        if found.lstrip("0") != str(count):
            reason = f"UNT: expected {count} segments as are there, found {found!r}"
            message.fault = UnreadableError(segment.at, reason, "count")
        elif segment.get(2) != message.number or not message.number:
            reason = f"UNT: expected reference {message.number!r} of UNH, found {segment.get(2)!r}"
            message.fault = UnreadableError(segment.at, reason, "reference")
        self.found.append(message)

    def _abandon(self, segment: Segment) -> None:
        if self.open is not None:
            reason = f"expected UNT at the end of the message, found {segment.tag}"
            self.open.fault = UnreadableError(segment.at, reason, "end")
            self.found.append(self.open)
            self.open = None

    def _une(self, segment: Segment) -> None:
        if not self.in_group:
            _stop(self.name, segment.at, "UNG before UNE", "UNE")
        self._abandon(segment)
        ung, before = self.groups[-1]
        self._same(segment, "UNE", self.units - before, ung.get(5))
        self.in_group = False

    def _unz(self, segment: Segment) -> None:
        if self.unb is None or self.in_group:
            _stop(self.name, segment.at, "UNZ once, at the end of an interchange", "UNZ")
        self._abandon(segment)
        self._same(segment, "UNZ", len(self.groups) or self.units, self.unb.get(5))
        self.unb = None

    def _same(self, segment: Segment, tag: str, count: int, reference: str) -> None:
        if segment.get(1).lstrip("0") != str(count):
            _stop(self.name, segment.at, f"{tag} that counts {count} as are there", segment.get(1))
        if segment.get(2) != reference:
            _stop(self.name, segment.at, f"{tag} with the reference {reference} of its beginning", segment.get(2))
