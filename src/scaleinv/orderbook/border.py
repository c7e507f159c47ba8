"""What the outside says, as every database can keep it: PostgreSQL has no NUL in a text, and short keys in an index."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import fields, replace
from typing import Any, Final

from scaleinv.schema.life import Answer

_NO_CHARACTER: Final = "\ufffd"
_LONGEST_KEY: Final = 200


def cleaned(answer: Answer) -> Answer:
    """The answer, with U+FFFD for what is no character, and UTC where its moment has no time zone."""
    changes = _texts(answer)
    lines = [(line, _texts(line)) for line in answer.lines]
    if any(change for _, change in lines):
        changes["lines"] = tuple(replace(line, **change) for line, change in lines)
    if answer.at is not None and answer.at.tzinfo is None:
        changes["at"] = answer.at.replace(tzinfo=datetime.UTC)
    return replace(answer, **changes) if changes else answer


def key_of(text: str) -> str:
    """A name as a key: of a very long one the beginning, and its SHA-256."""
    if len(text) <= _LONGEST_KEY:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[: _LONGEST_KEY - len(digest) - 1]}~{digest}"


def _texts(said: Any) -> dict[str, Any]:
    """The texts that cannot stay as they are."""
    found = {field.name: getattr(said, field.name) for field in fields(said)}
    return {name: clean(text) for name, text in found.items() if isinstance(text, str) and clean(text) != text}


def clean(text: str) -> str:
    """The text, with U+FFFD for what is no character."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", _NO_CHARACTER).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
