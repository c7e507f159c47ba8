"""Just enough of PromQL to hold the rules and panels to the metrics that are emitted: tokens, names, selectors.

``infra/check`` has the same files read by real parsers; this runs where there are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FUNCTIONS = {"time", "absent", "sum", "max", "min", "avg", "count", "rate", "increase", "clamp_max", "label_values"}
WORDS = {"by", "on", "and", "or", "unless", "without", "ignoring", "group_left", "group_right", "bool"}
AGGREGATIONS = {"sum", "max", "min", "avg", "count", "absent"}
_GROUPING = WORDS - {"and", "or", "unless", "bool"}
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)|(?P<number>\d+(?:\.\d+)?)|(?P<range>\[\d+[smhd]\])|(?P<text>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<sign>=~|!~|==|!=|<=|>=|[-+*/<>=(){},]))"
)
_PAIR = {"(": ")", "{": "}"}


@dataclass(frozen=True)
class Selector:
    metric: str
    labels: dict[str, str]


def tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"no PromQL at {text[at : at + 20]!r}")
        at = match.end()
        assert match.lastgroup
        found.append((match.lastgroup, match[match.lastgroup]))
    return found


def selectors(text: str) -> list[Selector]:
    """Metrics with their label matchers; brackets must be in pairs, functions known."""
    found, parts, open_ = [], tokens(text), []
    grouping = 0
    for n, (kind, value) in enumerate(parts):
        following = parts[n + 1][1] if n + 1 < len(parts) else ""
        if value in _PAIR:
            open_.append(_PAIR[value])
            grouping = len(open_) if n and parts[n - 1][1] in WORDS and value == "(" else grouping
        elif value in _PAIR.values():
            if not open_ or open_.pop() != value:
                raise ValueError(f"brackets are not in pairs: {text}")
            grouping = 0 if grouping > len(open_) else grouping
        elif kind == "name" and not grouping and "}" not in open_:
            if following == "(" and value not in WORDS and value not in FUNCTIONS:
                raise ValueError(f"unknown function {value}")
            if value not in WORDS and value not in FUNCTIONS:
                found.append(Selector(value, _labels(parts, n + 1)))
    if open_:
        raise ValueError(f"brackets are not in pairs: {text}")
    return found


def grouping(text: str) -> set[str]:
    """Labels that by (), on (), without (), ignoring () and group_left () name."""
    parts, found = tokens(text), set()
    for n, (kind, value) in enumerate(parts[:-1]):
        if kind == "name" and value in _GROUPING and parts[n + 1][1] == "(":
            end = next(m for m in range(n, len(parts)) if parts[m][1] == ")")
            found |= {name for of, name in parts[n + 2 : end] if of == "name"}
    return found


def kept(text: str, given: set[str]) -> set[str]:
    """Labels that the answer can have, where its metrics have ``given``: of a sum only what it names."""
    if any(value in AGGREGATIONS for _, value in tokens(text)):
        return given & grouping(text)
    return given


def _labels(parts: list[tuple[str, str]], at: int) -> dict[str, str]:
    if at >= len(parts) or parts[at][1] != "{":
        return {}
    end = next((n for n in range(at, len(parts)) if parts[n][1] == "}"), None)
    if end is None:
        raise ValueError("brackets are not in pairs")
    inside = parts[at + 1 : end]
    return {inside[n][1]: inside[n + 2][1].strip('"') for n in range(0, len(inside), 4)}
