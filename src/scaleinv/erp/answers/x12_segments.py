"""X12's segments: elements, and the signs that ISA says stand between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from scaleinv.errors import DataError, explain

_ISA = 106  # characters, its terminator included


@dataclass(frozen=True)
class Segment:
    """``at``: its number in the file, from 1."""

    at: int
    elements: tuple[str, ...]
    signs: str = "*~"
    """Between elements, and after the segment."""

    @property
    def tag(self) -> str:
        """``ST`` or ``BAK``, for example."""
        return self.elements[0]

    def __getitem__(self, position: int) -> str:
        """Element 1, 2 … as it is named in the standard; empty where it is left out."""
        return self.elements[position].strip() if position < len(self.elements) else ""


def segments(data: bytes, name: str) -> Iterator[Segment]:
    """The segments of a file.

    Raises:
        DataError: not X12, or cut off.
    """
    return _segments(_text(data, name), name)


def _text(data: bytes, name: str) -> str:
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\x00" in text:
        stop(name, 1, "text", "a byte 0")
    return text.lstrip()


def _segments(text: str, name: str) -> Iterator[Segment]:
    at, start = 0, 0
    while start < len(text):
        head = text[start : start + _ISA]
        if not head.startswith("ISA") or len(head) < _ISA:
            stop(name, at + 1, "an interchange that begins with ISA, 106 characters", repr(head[:20]))
        separator, terminator = head[3], head[-1]
        if separator.isalnum() or terminator.isalnum() or separator == terminator or head.count(separator) != 16:
            stop(name, at + 1, "ISA with 16 elements of fixed width and an end of segment after them", repr(head))
        tag = ""
        while start < len(text) and tag != "IEA":
            at += 1
            end = text.find(terminator, start)
            if end < 0:
                stop(name, at, f"{terminator!r} at the end of the segment", f"end of file after {text[start:][:40]!r}")
            elements = tuple(text[start:end].strip("\r\n").split(separator))
            tag = elements[0]
            yield Segment(at, elements, separator + terminator)
            start = end + 1
            while start < len(text) and text[start] in " \r\n":
                start += 1


def stop(name: str, at: int, expected: str, found: str) -> NoReturn:
    """The file cannot be read.

    Raises:
        DataError: always.
    """
    raise DataError(
        explain(
            f"{name}: X12 that cannot be read, at segment {at}",
            expected=expected,
            found=found,
            do="nothing of it was taken: ask the sender for the whole file",
        )
    )
