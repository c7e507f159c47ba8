"""EDIFACT interchanges and their messages, with every count and reference held against each other."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from scaleinv.erp.answers.edifact_segments import Segment, segments, stop
from scaleinv.erp.answers.statement import UnreadableError, digest, moment, statement_id
from scaleinv.erp.answers.units import EDIFACT_UNITS, rec20


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
    units: Mapping[str, str] = field(default_factory=lambda: EDIFACT_UNITS)
    """Its codes of units -> ours."""

    def unit(self, code: str, position: int) -> str | None:
        """Our word for a unit; ``None``: none is said.

        Raises:
            UnreadableError: nobody knows the code.
        """
        return rec20(code, self.units, position)

    @property
    def sender(self) -> str:
        """UNB 0004."""
        return self.unb.get(2)

    @cached_property
    def digest(self) -> str:
        """Of its contents; made once, for a message may have an item for each of thousands of lines."""
        return digest(self.raw)

    @cached_property
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
        return statement_id("edifact", self.kind, self.sender, *numbers, self.digest, order)

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


def messages(data: bytes, name: str, units: Mapping[str, str] | None = None) -> list[Message]:
    """All messages of a file with one or more interchanges; one whose own envelope is wrong has a ``fault``.

    ``units`` are codes of units that we use beside EDIFACT's own.

    Raises:
        DataError: not EDIFACT, cut off, or counts and references of UNZ and UNE that contradict what is there.
    """
    return _Reader(name, {**EDIFACT_UNITS, **(units or {})}).read(segments(data, name))


class _Reader:
    """Goes through segments once, opening and closing envelopes."""

    def __init__(self, name: str, units: Mapping[str, str]) -> None:
        self.name = name
        self.units = units
        self.found: list[Message] = []
        self.unb: Segment | None = None
        self.open: Message | None = None
        self.n_messages = 0
        self.groups: list[tuple[Segment, int]] = []
        self.in_group = False

    def read(self, found: Iterator[Segment]) -> list[Message]:
        steps = {
            "UNB": self._unb,
            "UNG": self._ung,
            "UNH": self._unh,
            "UNT": self._unt,
            "UNE": self._une,
            "UNZ": self._unz,
        }
        last = 0
        for segment in found:
            last = segment.at
            steps.get(segment.tag, self._inner)(segment)
        if self.unb is not None or not last:
            stop(self.name, last + 1, "UNZ at the end of the interchange", "the end of the file")
        return self.found

    def _unb(self, segment: Segment) -> None:
        if self.unb is not None:
            stop(self.name, segment.at, "UNZ before the next UNB", "UNB")
        if not segment.get(2) or not segment.get(5):
            stop(self.name, segment.at, "UNB with a sender and a reference", repr(segment.raw[:60]))
        self.unb, self.n_messages, self.groups = segment, 0, []

    def _ung(self, segment: Segment) -> None:
        if self.unb is None or self.in_group:
            stop(self.name, segment.at, "UNG inside an interchange, after the last group's UNE", "UNG")
        self.groups.append((segment, self.n_messages))
        self.in_group = True

    def _unh(self, segment: Segment) -> None:
        if self.unb is None:
            stop(self.name, segment.at, "UNB before UNH", "UNH")
        self._abandon(segment)
        version = ":".join(segment.elements[2][1:]) if len(segment.elements) > 2 else ""
        self.open = Message(self.unb, segment.get(1), segment.get(2), version, [segment], units=self.units)
        self.n_messages += 1

    def _inner(self, segment: Segment) -> None:
        if self.open is None:
            stop(self.name, segment.at, "segments between UNH and UNT", segment.tag[:20])
        self.open.segments.append(segment)

    def _unt(self, segment: Segment) -> None:
        if self.open is None:
            stop(self.name, segment.at, "UNH before UNT", "UNT")
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
            stop(self.name, segment.at, "UNG before UNE", "UNE")
        self._abandon(segment)
        ung, before = self.groups[-1]
        self._same(segment, "UNE", self.n_messages - before, ung.get(5))
        self.in_group = False

    def _unz(self, segment: Segment) -> None:
        if self.unb is None or self.in_group:
            stop(self.name, segment.at, "UNZ once, at the end of an interchange", "UNZ")
        self._abandon(segment)
        self._same(segment, "UNZ", len(self.groups) or self.n_messages, self.unb.get(5))
        self.unb = None

    def _same(self, segment: Segment, tag: str, count: int, reference: str) -> None:
        if segment.get(1).lstrip("0") != str(count):
            stop(self.name, segment.at, f"{tag} that counts {count} as are there", segment.get(1))
        if segment.get(2) != reference:
            stop(self.name, segment.at, f"{tag} with the reference {reference} of its beginning", segment.get(2))
