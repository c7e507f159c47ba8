"""Filled segments as EDI: elements by their places, empty ones at the end left away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.erp.segments import Filled


@dataclass(frozen=True)
class Syntax:
    """How a standard puts values together."""

    element: str
    component: str
    end: str
    place: Callable[[str], tuple[int, int]]
    """Of a field, by its name: element and component, from 1."""
    special: str
    """RE2: signs that are released by ``release``."""
    release: str
    empty_end: str
    """RE2: separators at the end of a segment, behind the last sign of a value."""


X12: Final = Syntax(
    "*", ">", "~", lambda name: (int(name[-2:]), 1), special="", release="", empty_end=r"()\*+$"
)  # fmt: skip
EDIFACT: Final = Syntax(
    "+", ":", "'", lambda name: _numbers(name.split(" ")[0]), special=r"([?'+:])", release=r"?\1",
    empty_end=r"([^?])[+:]+$",
)  # fmt: skip


def _numbers(place: str) -> tuple[int, int]:
    element, _, component = place.partition(".")
    return int(element), int(component)


def edi_of(filled: Filled, syntax: Syntax) -> pa.Array | str:
    """(n,) the segments with their ends; one text where all values are."""
    parts: list[str | pa.Array] = [filled.segment.name]
    at = (0, 1)
    for field in filled.segment.fields:
        if field.name not in filled.values:
            continue
        place = syntax.place(field.name)
        parts += [_between(at, place, syntax), _released(filled.values[field.name], syntax)]
        at = place
    text = pc.binary_join_element_wise(*parts, "")
    if any(not filled.segment[name].required for name in filled.values):
        text = pc.replace_substring_regex(text, syntax.empty_end, r"\1")
    text = pc.binary_join_element_wise(text, syntax.end, "")
    return text.as_py() if isinstance(text, pa.Scalar) else text


def _between(at: tuple[int, int], place: tuple[int, int], syntax: Syntax) -> str:
    if at[0] == place[0]:
        return syntax.component * (place[1] - at[1])
    return syntax.element * (place[0] - at[0]) + syntax.component * (place[1] - 1)


def _released(value: str | pa.Array, syntax: Syntax) -> pa.Array | pa.Scalar:
    texts = pa.scalar(value, pa.string()) if isinstance(value, str) else pc.fill_null(value, "")
    if not syntax.special:
        return texts
    return pc.replace_substring_regex(texts, syntax.special, syntax.release)
