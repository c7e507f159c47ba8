"""EDIFACT's segments: the signs between them, the character that takes a sign's meaning away, and character sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

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


def segments(data: bytes, name: str) -> Iterator[Segment]:
    """The segments of a file, without UNA.

    Raises:
        DataError: not EDIFACT, characters of another set than UNB says, or cut off.
    """
    return _segments(_text(data, name), name)


def _text(data: bytes, name: str) -> str:
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    where = data.find(b"UNB")
    syntax = data[where + 4 : where + 8].decode("latin-1")
    if where < 0 or where > 40 or syntax not in CHARSETS:
        stop(name, 1, f"UNB with a syntax identifier ({', '.join(CHARSETS)})", repr(data[:40]))
    try:
        return data.decode(CHARSETS[syntax])
    except UnicodeDecodeError as error:
        stop(name, 1, f"characters of {syntax}", f"byte {data[error.start]:#x} at {error.start}")


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
                stop(name, at + 1, "UNA and six characters", repr(text[start : start + 9]))
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
        stop(name, at, f"{end_sign!r} at the end of the segment", f"end of file after {text[start : start + 40]!r}")
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


def stop(name: str, at: int, expected: str, found: str) -> NoReturn:
    """The file cannot be read.

    Raises:
        DataError: always.
    """
    raise DataError(
        explain(
            f"{name}: EDIFACT that cannot be read, at segment {at}",
            expected=expected,
            found=found,
            do="nothing of it was taken: ask the sender for the whole file",
        )
    )
