"""What all formats make of a document: answers, and what is set aside with its reason."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from scaleinv.schema.life import Answer, AnswerLine

OrdersOf = Callable[[str], Sequence[str]]
"""A control number of ours (see ``controls``) -> the orders that went out under it; none: we never sent it."""
Fault = Literal["count", "reference", "end", "kind", "content"]
"""What is wrong with a message, as an acknowledgement says it back; ``end``: it has none; ``kind``: not one we read."""
_LONGEST = 200
_NUMBER = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]{1,9})?|\.[0-9]{1,9})")


@dataclass(frozen=True)
class Refused:
    """A message that is set aside: it cannot be read, or is about nothing of ours. Nothing of it was taken."""

    message_id: str
    position: int
    """Segment, line or record of the document, from 1, at which reading stopped."""
    reason: str
    raw: bytes
    """The message itself, for a person."""


class UnreadableError(Exception):
    """One message of a document says what cannot be understood; the others go on."""

    def __init__(self, position: int, reason: str, fault: Fault = "content") -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason
        self.fault = fault


def statement_id(*parts: str) -> str:
    """Parts with ``:`` between them; a ``:`` in a part is written ``%3A``, so that two ids are never one by chance.

    One of more than 200 characters ends with its hash instead.

    >>> statement_id("x12", "A:B", "1")
    'x12:A%3AB:1'
    """
    name = ":".join(part.replace("%", "%25").replace(":", "%3A") for part in parts)
    return (
        name if len(name) <= _LONGEST else f"{name[: _LONGEST - 33]}:{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    )


def digest(text: str | bytes) -> str:
    """The first 12 hexadecimal digits of the SHA-256: senders begin their control numbers anew."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:12]


def by_order(answers: Iterable[Answer]) -> list[Answer]:
    """One answer for each id: what one message says of an order in two places is one statement."""
    first: dict[str, Answer] = {}
    lines: dict[str, list[AnswerLine]] = {}
    for answer in answers:
        first.setdefault(answer.message_id, answer)
        lines.setdefault(answer.message_id, []).extend(answer.lines)
    return [replace(answer, lines=tuple(lines[key])) for key, answer in first.items()]


def number(text: str, position: int, what: str, *, is_signed: bool = False) -> Decimal:
    """An exact decimal from 0, with ``.`` before its decimals: who reads ``1,000`` as one loses 999.

    ``is_signed``: it may be less than 0.

    Raises:
        UnreadableError: it is none.
    """
    if not _NUMBER.fullmatch(text) or (Decimal(text) < 0 and not is_signed):
        raise UnreadableError(position, f"{what}: expected a number{'' if is_signed else ' from 0'}, found {text!r}")
    return Decimal(text)


def whole(text: str, position: int, what: str) -> int:
    """A count.

    Raises:
        UnreadableError: it is not made of digits.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise UnreadableError(position, f"{what}: expected digits, found {text!r}")
    return int(text)


def day(text: str, position: int, what: str) -> datetime.date:
    """``YYYYMMDD`` or ``YYYY-MM-DD``.

    Raises:
        UnreadableError: it is no day of the calendar.
    """
    plain = text.replace("-", "") if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text
    try:
        if not re.fullmatch(r"[0-9]{8}", plain):
            raise ValueError
        return datetime.datetime.strptime(plain, "%Y%m%d").date()
    except ValueError:
        raise UnreadableError(position, f"{what}: expected a day YYYYMMDD, found {text!r}") from None


def moment(date: str, time: str, position: int, what: str) -> datetime.datetime:
    """``YYYYMMDD`` or ``YYMMDD`` and ``HHMM`` or ``HHMMSS``; these documents name no zone: it is taken as UTC.

    Raises:
        UnreadableError: it is no moment.
    """
    century = f"20{date}" if len(date) == 6 else date
    clock = (time or "0000")[:6].ljust(6, "0")
    try:
        if not re.fullmatch(r"[0-9]{14}", century + clock):
            raise ValueError
        naive = datetime.datetime.strptime(century + clock, "%Y%m%d%H%M%S")
    except ValueError:
        raise UnreadableError(position, f"{what}: expected a day and a time, found {date!r} {time!r}") from None
    return naive.replace(tzinfo=datetime.UTC)
