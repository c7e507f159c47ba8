"""A condition's words, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

from scaleinv.errors import ConfigError, explain

LONGEST: Final = 2000
"""Characters of one condition."""
WORDS: Final = ("and", "or", "not", "in", "between", "like", "is", "null", "true", "false", "date")

_PATTERN: Final = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<sign><=|>=|!=|<>|==|[-+*/()=<>,])",
    re.ASCII,
)
_SAME: Final = {"==": "=", "<>": "!="}

Token = Literal["number", "name", "word", "text", "sign", "end"]
_KINDS: Final[dict[str, Token]] = {"number": "number", "name": "name", "text": "text", "sign": "sign"}
"""Group of the pattern -> kind of word; spaces are none."""


@dataclass(frozen=True)
class Word:
    """One of them; ``at`` counts characters from 0."""

    kind: Token
    text: str
    at: int


def refuse(source: str, at: int, problem: str, *, expected: object = None, do: str = "") -> NoReturn:
    """An error that points at the place.

    Raises:
        ConfigError: always.
    """
    shown = f"{source[:at]} >>> {source[at:]}" if at < len(source) else f"{source} <<< here"
    raise ConfigError(explain(f"{problem} at character {at + 1}", expected=expected, found=shown, do=do))


def words(source: str) -> list[Word]:
    """The words of a condition; the last one is its end.

    Raises:
        ConfigError: a character belongs to no word, or it is too long.
    """
    if len(source) > LONGEST:
        raise ConfigError(
            explain("a condition is too long", expected=f"at most {LONGEST} characters", found=len(source))
        )
    found: list[Word] = []
    at = 0
    while at < len(source):
        match = _PATTERN.match(source, at)
        if match is None:
            ask = "close the text with '" if source[at] == "'" else "remove it; texts stand in 'single quotes'"
            refuse(source, at, f"{source[at]!r} begins no word", do=ask)
        kind, text = match.lastgroup or "", match.group()
        if kind == "name" and text.lower() in WORDS:
            found.append(Word("word", text.lower(), at))
        elif kind in _KINDS:
            found.append(Word(_KINDS[kind], _SAME.get(text, text), at))
        at = match.end()
    return [*found, Word("end", "", len(source))]
