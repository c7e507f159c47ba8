"""X12 interchanges, their groups and sets, with every count and control number held against each other."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from scaleinv.erp.answers.statement import UnreadableError, digest, moment, statement_id
from scaleinv.erp.answers.units import X12_UNITS, rec20
from scaleinv.erp.answers.x12_segments import Segment, segments, stop


@dataclass
class Message:
    """A transaction set, ST to SE, and the envelopes around it."""

    isa: Segment
    gs: Segment | None
    kind: str
    """855, 856 … or TA1, which stands in no group."""
    number: str
    segments: list[Segment] = field(default_factory=list)
    fault: UnreadableError | None = None
    """Its own envelope is wrong."""
    units: Mapping[str, str] = field(default_factory=lambda: X12_UNITS)
    """Its codes of units -> ours."""

    def unit(self, code: str, position: int) -> str | None:
        """Our word for a unit; ``None``: none is said.

        Raises:
            UnreadableError: nobody knows the code.
        """
        return rec20(code, self.units, position)

    @property
    def sender(self) -> str:
        """ISA06."""
        return self.isa[6]

    @property
    def group(self) -> str:
        """GS06."""
        return self.gs[6] if self.gs else ""

    @cached_property
    def digest(self) -> str:
        """Of its contents; made once, for a message may have an item for each of thousands of lines."""
        return digest(self.raw)

    @cached_property
    def raw(self) -> bytes:
        """Its segments, ``*`` and ``~`` between them."""
        return "".join("*".join(segment.elements) + "~\n" for segment in self.segments).encode()

    @property
    def at(self) -> datetime.datetime:
        """When its group was made.

        Raises:
            UnreadableError: GS04 and GS05 are no moment.
        """
        assert self.gs is not None
        return moment(self.gs[4], self.gs[5], self.gs.at, "GS04/GS05")

    def id_for(self, order: str) -> str:
        """The statement's name: sender, control numbers, contents, order."""
        numbers = (self.isa[13], self.group, self.number)
        return statement_id("x12", self.kind, self.sender, *numbers, self.digest, order)

    def find(self, tag: str) -> Segment:
        """Its first segment of that name.

        Raises:
            UnreadableError: it has none.
        """
        for segment in self.segments:
            if segment.tag == tag:
                return segment
        raise UnreadableError(self.segments[-1].at, f"expected a segment {tag}, found none in the {self.kind}")


def messages(data: bytes, name: str, units: Mapping[str, str] | None = None) -> list[Message]:
    """All transaction sets of a file with one or more interchanges.

    ``units`` are codes of units that we use beside X12's own.

    A set whose own envelope is wrong has a ``fault``. What is wrong around them is an error for the file: something is
    missing then, and nobody knows what.

    Raises:
        DataError: not X12, cut off, or counts and control numbers of IEA and GE that contradict what is there.
    """
    return _Reader(name, segments(data, name), {**X12_UNITS, **(units or {})}).read()


class _Reader:
    """Goes through segments once, opening and closing envelopes."""

    def __init__(self, name: str, segments: Iterator[Segment], units: Mapping[str, str]) -> None:
        self.name = name
        self.segments = segments
        self.units = units
        self.found: list[Message] = []
        self.isa: Segment | None = None
        self.gs: Segment | None = None
        self.open: Message | None = None
        self.groups = 0
        self.sets = 0

    def read(self) -> list[Message]:
        last = 0
        for segment in self.segments:
            last = segment.at
            step = {"ISA": self._isa, "GS": self._gs, "ST": self._st, "SE": self._se, "GE": self._ge, "IEA": self._iea}
            step.get(segment.tag, self._inner)(segment)
        if self.isa is not None or not last:
            stop(self.name, last + 1, "IEA at the end of the interchange", "the end of the file")
        return self.found

    def _isa(self, segment: Segment) -> None:
        if self.isa is not None:
            stop(self.name, segment.at, "IEA before the next ISA", "ISA")
        self.isa, self.groups = segment, 0

    def _gs(self, segment: Segment) -> None:
        if self.isa is None or self.gs is not None:
            stop(self.name, segment.at, "GS inside an interchange, after the last group's GE", "GS")
        self.gs, self.sets = segment, 0
        self.groups += 1

    def _st(self, segment: Segment) -> None:
        if self.isa is None or self.gs is None:
            stop(self.name, segment.at, "ST inside a group GS", "ST")
        self._abandon(segment)
        self.open = Message(self.isa, self.gs, segment[1], segment[2], [segment], units=self.units)
        self.sets += 1

    def _inner(self, segment: Segment) -> None:
        if segment.tag == "TA1" and self.isa is not None and self.gs is None:
            self.found.append(Message(self.isa, None, "TA1", segment[1], [segment]))
            return
        if self.open is None:
            stop(self.name, segment.at, "segments between ST and SE", segment.tag[:20])
        self.open.segments.append(segment)

    def _se(self, segment: Segment) -> None:
        if self.open is None:
            stop(self.name, segment.at, "ST before SE", "SE")
        message, self.open = self.open, None
        message.segments.append(segment)
        if segment[1].lstrip("0") != str(len(message.segments)):
            message.fault = UnreadableError(
                segment.at,
                f"SE01: expected {len(message.segments)} segments as are there, found {segment[1]!r}",
                "count",
            )
        elif segment[2] != message.number or not message.number:
            message.fault = UnreadableError(
                segment.at, f"SE02: expected {message.number!r} of ST02, found {segment[2]!r}", "reference"
            )
        self.found.append(message)

    def _abandon(self, segment: Segment) -> None:
        """A set without an end is set aside; the next one begins."""
        if self.open is not None:
            reason = f"expected SE at the end of the set, found {segment.tag}"
            self.open.fault = UnreadableError(segment.at, reason, "end")
            self.found.append(self.open)
            self.open = None

    def _ge(self, segment: Segment) -> None:
        if self.gs is None:
            stop(self.name, segment.at, "GS before GE", "GE")
        self._abandon(segment)
        self._same(segment, "GE", self.sets, self.gs[6])
        self.gs = None

    def _iea(self, segment: Segment) -> None:
        if self.isa is None or self.gs is not None or self.open is not None:
            stop(self.name, segment.at, "IEA after the last group's GE", "IEA")
        self._same(segment, "IEA", self.groups, self.isa[13])
        self.isa = None

    def _same(self, segment: Segment, tag: str, count: int, control: str) -> None:
        if segment[1].lstrip("0") != str(count):
            stop(self.name, segment.at, f"{tag}01 {count} as are there", segment[1])
        if not control or segment[2].lstrip("0") != control.lstrip("0"):
            stop(self.name, segment.at, f"{tag}02 {control} as its beginning says", segment[2])
