"""Filling a layout's segments for many lines at once, and holding them against the layout."""

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
    if field.required and texts.null_count and not optional:
        _refuse(pc.is_null(texts), texts, f"{where}: a value is missing", "a value", name)
    if field.kind in ("list", "object"):  # made of values that were checked themselves
        return
    if field.length is not None and field.scale is None:
        counted = pc.replace_substring_regex(texts, r"[-.]", "") if field.kind == "real" else texts
        too_long = pc.greater(pc.utf8_length(counted), field.length)
        _refuse(too_long, texts, f"{where}: too long for the ERP", f"at most {field.length} characters", name)
    if field.least > 1:
        too_short = pc.less(pc.utf8_length(texts), field.least)
        _refuse(too_short, texts, f"{where}: too short for the ERP", f"at least {field.least} characters", name)
    if field.scale is not None:
        wrong = pc.invert(pc.match_substring_regex(texts, field.pattern))
        _refuse(wrong, texts, f"{where}: too long or not a number", field.words, name)
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
