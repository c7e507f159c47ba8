"""Filled segments as XML."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.erp.segments import Filled


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
