"""A document whose lines are requests, ``{"key", "method", "path", "body"}``; a body goes out as it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import WHITESPACE  # type: ignore[attr-defined]  # not in its stubs
from typing import Final

from scaleinv.delivery.item import Item, RejectedError

_DECODER: Final = json.JSONDecoder()
_METHODS: Final = ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class Line:
    """One request."""

    key: str
    method: str
    path: str
    body: bytes


def check_lines(item: Item) -> None:
    """Nothing, if the whole document can be sent: an order of it must not go out before an error is found.

    Raises:
        RejectedError: a line that is no request, a key twice, or contents that are not those of the SHA-256.
    """
    for _ in item.pieces():
        pass
    keys = set()
    for line in lines_of(item):
        if line.key in keys:
            raise RejectedError(f"{item.name}: the key {line.key!r} stands there twice")
        keys.add(line.key)


def lines_of(item: Item) -> Iterator[Line]:
    """Its requests.

    Raises:
        RejectedError: a line that is none.
    """
    with item.open() as file:
        for number, raw in enumerate(file, start=1):
            if raw.strip():
                try:
                    yield _line(raw.decode("utf-8"))
                except (ValueError, RecursionError) as error:
                    raise RejectedError(f"{item.name}, line {number}: no request: {error}") from None


def _line(text: str) -> Line:
    values, texts = _members(text)
    if set(values) != {"key", "method", "path", "body"}:
        raise ValueError(f"expected key, method, path, body, found {', '.join(values)}")
    key, method, path = values["key"], values["method"], values["path"]
    if not isinstance(key, str) or not 0 < len(key) <= 200 or not key.isprintable() or not key.isascii():
        raise ValueError(f"key: expected up to 200 plain characters, found {key!r}")
    if method not in _METHODS:
        raise ValueError(f"method: expected {', '.join(_METHODS)}, found {method!r}")
    if not isinstance(path, str) or not path.startswith("/") or path.startswith("//") or not path.isprintable():
        raise ValueError(f"path: expected one below the base address, found {path!r}")
    return Line(key, str(method), path, texts["body"].encode())


def _members(text: str) -> tuple[dict[str, object], dict[str, str]]:
    """Values of an object's members, and how each is written: ``3.250`` would come out of a float as ``3.25``."""
    at = WHITESPACE.match(text, 0).end()
    if text[at : at + 1] != "{":
        raise ValueError("expected an object")
    values: dict[str, object] = {}
    texts: dict[str, str] = {}
    sign = ","
    at += 1
    while sign == ",":
        name, at = _DECODER.raw_decode(text, WHITESPACE.match(text, at).end())
        at = WHITESPACE.match(text, at).end()
        if not isinstance(name, str) or name in values or text[at : at + 1] != ":":
            raise ValueError(f"expected a name once, and a colon, at {at}")
        start = WHITESPACE.match(text, at + 1).end()
        values[name], at = _DECODER.raw_decode(text, start)
        texts[name] = text[start:at]
        at = WHITESPACE.match(text, at).end()
        sign = text[at : at + 1]
        at += 1
    if sign != "}" or text[at:].strip():
        raise ValueError(f"expected the end of the object at {at - 1}")
    return values, texts
