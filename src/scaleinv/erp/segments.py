"""Filling a layout's segments for many lines at once: held against the layout first, then put together as XML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.erp.layout import KIND_WORDS, PATTERNS, Field, Segment
from scaleinv.errors import DataError, explain


@dataclass(frozen=True)
class Filled:
    """A segment with a value for each field that is written: one text for all, or an array with one for each.

    Where an ``optional`` segment has a null it is left out.
    """

    segment: Segment
    values: Mapping[str, str | pa.Array]
    children: tuple[Filled, ...] = ()
    optional: bool = False


def check_filled(filled: Filled, name: Callable[[int], str]) -> None:
    """Holds every value against the layout; nothing is ever cut.

    ``name`` says which order or line the value of that index belongs to.

    Raises:
        DataError: a value is missing, too long or of the wrong kind; it names segment, field, line and length.
    """
    for field_name, value in filled.values.items():
        field = filled.segment[field_name]
        texts = pa.array([value], pa.string()) if isinstance(value, str) else value
        who = (lambda _: "configuration") if isinstance(value, str) else name
        _check_texts(texts, field, f"{filled.segment.name}.{field.name}", who, filled.optional)
    for child in filled.children:
        check_filled(child, name)


def _check_texts(texts: pa.Array, field: Field, where: str, name: Callable[[int], str], optional: bool) -> None:
    if texts.null_count and not optional:
        _refuse(pc.is_null(texts), texts, f"{where}: a value is missing", "a value", name)
    if field.length is not None:
        too_long = pc.greater(pc.utf8_length(texts), field.length)
        _refuse(too_long, texts, f"{where}: too long for the ERP", f"at most {field.length} characters", name)
    wrong = pc.invert(pc.match_substring_regex(texts, PATTERNS[field.kind]))
    _refuse(wrong, texts, f"{where}: characters that the field does not take", KIND_WORDS[field.kind], name)


def _refuse(bad: pa.Array, texts: pa.Array, problem: str, expected: str, name: Callable[[int], str]) -> None:
    bad = pc.fill_null(bad, False)
    if not pc.any(bad).as_py():
        return
    rows = pc.indices_nonzero(bad).to_pylist()
    which = [_found(name(row), texts[row].as_py()) for row in rows[:6]] + ["…"] * max(0, len(rows) - 6)
    raise DataError(
        explain(problem, expected=expected, which=which, do="shorten or map it in the source; scaleinv cuts nothing")
    )


def _found(name: str, text: str | None) -> str:
    return f"{name} has none" if text is None else f"{name} has {len(text)}: {text!r}"


def xml_of(filled: Filled) -> pa.Array:
    """(n,) the segments as XML; at least one value, its own or a child's, is an array."""
    text = pc.binary_join_element_wise(*_parts(filled), "")
    return pc.fill_null(text, "") if filled.optional else text


def _parts(filled: Filled) -> list[str | pa.Array]:
    name = filled.segment.name
    parts: list[str | pa.Array] = [f'<{name} SEGMENT="1">']
    for field in filled.segment.fields:
        if field.name in filled.values:
            parts += [f"<{field.name}>", _escaped(filled.values[field.name]), f"</{field.name}>"]
    for child in filled.children:
        parts += [xml_of(child)] if child.optional else _parts(child)
    return [*parts, f"</{name}>"]


def _escaped(value: str | pa.Array) -> str | pa.Array:
    if isinstance(value, str):
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        value = pc.replace_substring(value, sign, entity)
    return value
