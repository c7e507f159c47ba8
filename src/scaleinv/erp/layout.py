"""The words of a layout: field, size, kind, meaning. ``layouts`` has the one table of fields of each format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal[
    "char", "key", "x12", "latin", "digits", "decimal", "real", "date", "day", "moment", "v2date", "number", "integer",
    "boolean", "null", "list", "object",
]  # fmt: skip

MANIFEST_VERSION: Final = "manifest/1"

PATTERNS: Final[dict[Kind, str]] = {
    "char": r"^[^\p{Cc}\x{fffe}\x{ffff}]+$",
    "key": r"^[0-9A-Za-z._~-]+$",
    "x12": r"^[ -)+-=?-}]+$",
    "latin": r"^[ -~\x{a0}-\x{ff}]+$",
    "digits": r"^[0-9]+$",
    "decimal": r"^-?[0-9]+(\.[0-9]+)?$",
    "real": r"^-?[0-9]+(\.[0-9]+)?$",
    "date": r"^[0-9]{8}$",
    "day": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "moment": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}Z?$",
    "v2date": r"^/Date\(-?[0-9]+\)/$",
    "number": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$",
    "integer": r"^-?(0|[1-9][0-9]*)$",
    "boolean": r"^(true|false)$",
    "null": r"^null$",
    "list": r"",
    "object": r"",
}
"""What a text of each kind looks like (RE2): ``char`` is anything but control characters and what XML cannot hold."""

KIND_WORDS: Final[dict[Kind, str]] = {
    "char": "text without control characters",
    "key": "letters and digits of ASCII and . _ ~ -",
    "x12": "printable ASCII without * > ~",
    "latin": "Latin-1 without control characters",
    "digits": "digits only",
    "decimal": "a decimal number",
    "real": "a decimal number, its size without sign and point",
    "date": "a date",
    "day": "a date YYYY-MM-DD",
    "moment": "a date and a time",
    "v2date": "a date /Date(ms)/",
    "number": "a JSON number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
    "list": "a list",
    "object": "an object",
}

UNQUOTED: Final[frozenset[Kind]] = frozenset({"number", "integer", "boolean", "null", "list", "object"})
"""Kinds that JSON writes without quotes."""


@dataclass(frozen=True)
class Field:
    """A field: the most characters it holds (``None``: no limit), its kind and what scaleinv puts there.

    With ``scale`` a number has at most ``length`` digits, ``scale`` of them decimals; of a ``real``, digits count only.
    """

    name: str
    length: int | None
    kind: Kind
    meaning: str
    scale: int | None = None
    required: bool = True
    least: int = 1
    """Fewest characters."""

    @property
    def pattern(self) -> str:
        """What a text of it looks like (RE2)."""
        if self.scale is None or self.length is None:
            return PATTERNS[self.kind]
        decimals = rf"(\.[0-9]{{1,{self.scale}}})?" if self.scale else ""
        return rf"^-?[0-9]{{1,{self.length - self.scale}}}{decimals}$"

    @property
    def words(self) -> str:
        """The same, for a person."""
        if self.scale is None or self.length is None:
            return KIND_WORDS[self.kind]
        return f"{KIND_WORDS[self.kind]} of at most {self.length} digits, {self.scale} of them decimals"

    @property
    def size(self) -> str:
        """For a table of fields."""
        if self.length is None:
            return ""
        return f"{self.length},{self.scale}" if self.scale is not None else str(self.length)


@dataclass(frozen=True)
class Segment:
    """A segment, a record or a JSON object: its fields in the order in which they stand."""

    name: str
    fields: tuple[Field, ...]

    def __getitem__(self, field: str) -> Field:
        for candidate in self.fields:
            if candidate.name == field:
                return candidate
        raise KeyError(f"{self.name} has no field {field}")


def segment(name: str, *fields: tuple[Any, ...]) -> Segment:
    """A segment of fields given as ``(name, length, kind, meaning)``; a length ``(13, 3)`` has digits and decimals."""
    return Segment(name, tuple(_field(*field) for field in fields))


def _field(
    name: str,
    length: int | tuple[int, int] | None,
    kind: Kind,
    meaning: str,
    required: bool = True,
    least: int = 1,
) -> Field:
    digits, scale = length if isinstance(length, tuple) else (length, None)
    return Field(name, digits, kind, meaning, scale, required, least)
