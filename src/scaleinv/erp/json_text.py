"""Filled segments as JSON objects: a dotted name is an object in an object, ``name[0].x`` an object in a list."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.erp.layout import UNQUOTED
from scaleinv.erp.segments import Filled

_SHORT: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_ONE: Final = "[0]"


def json_of(filled: Filled) -> pa.Array:
    """(n,) an object each, its fields in the layout's order; at least one value is an array."""
    return pc.binary_join_element_wise(*_merged(_parts(filled)), "")


def json_string(texts: pa.Array) -> pa.Array:
    """(n,) any text as a JSON string, with its quotes; nulls stay null."""
    return pc.binary_join_element_wise('"', _escaped(texts), '"', "")


def _escaped(texts: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring_regex(texts, r'[\x00-\x1f"\\]')).as_py():
        return texts
    for sign, short in _SHORT.items():
        texts = pc.replace_substring(texts, sign, short)
    for code in range(0x20):
        if chr(code) not in _SHORT:
            texts = pc.replace_substring(texts, chr(code), f"\\u{code:04x}")
    return texts


def _parts(filled: Filled) -> list[str | pa.Array]:
    parts: list[str | pa.Array] = ["{"]
    opened: list[str] = []
    comma = ""
    for field in filled.segment.fields:
        if field.name not in filled.values:
            continue
        *path, name = field.name.split(".")
        shared = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(opened, path, strict=False))))
        parts += [_closing(step) for step in reversed(opened[shared:])]
        for step in path[shared:]:
            parts.append(f"{comma}{_opening(step)}")
            comma = ""
        parts += [f"{comma}{json.dumps(name)}:", *_value(filled.values[field.name], field.kind in UNQUOTED)]
        opened, comma = path, ","
    return [*parts, *(_closing(step) for step in reversed(opened)), "}"]


def _opening(step: str) -> str:
    return f"{json.dumps(step.removesuffix(_ONE))}:{'[' if step.endswith(_ONE) else ''}{{"


def _closing(step: str) -> str:
    return "}]" if step.endswith(_ONE) else "}"


def _value(value: str | pa.Array, raw: bool) -> list[str | pa.Array]:
    if isinstance(value, str):
        return [value if raw else json.dumps(value, ensure_ascii=False)]
    return [value] if raw else ['"', _escaped(value), '"']


def _merged(parts: list[str | pa.Array]) -> list[str | pa.Array]:
    """Neighbouring texts as one, so that fewer are joined for each line."""
    merged: list[str | pa.Array] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return merged
