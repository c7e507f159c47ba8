"""From words to a checked tree, by recursive descent: one method per rule of the grammar."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Final, NoReturn

from scaleinv.config.expression.tokens import Word, refuse, words
from scaleinv.config.expression.tree import (
    Among,
    Calculation,
    Comparison,
    Constant,
    Like,
    Logic,
    Name,
    Node,
    Nothing,
)
from scaleinv.schema.facts import FACT_OF, Fact, Kind

_DEEPEST: Final = 40
"""Brackets and signs within each other: Python's own stack is not to be the limit."""
_MOST: Final = 200
"""Calculations in one condition: each lies within the next, so Python's stack would be the limit, here and later."""
_ORDERED: Final = ("<", "<=", ">", ">=")


@lru_cache(maxsize=1024)
def parsed(source: str, kind: Kind = "flag") -> Node:
    """The tree of a condition, or of a calculation where ``kind`` is ``"number"``.

    Raises:
        ConfigError: it cannot be read, a column is unknown, or kinds do not fit; the message points at the place.

    >>> str(parsed("on_hand < 3 or not category like 'A%' and need > 2 + 2 * on_order"))
    "((on_hand < 3.0) or ((not (category like 'A%')) and (need > (2.0 + (2.0 * on_order)))))"
    """
    return _Reader(source, FACT_OF).whole(kind)


class _Reader:
    def __init__(self, source: str, columns: Mapping[str, Fact]) -> None:
        self._source, self._columns = source, columns
        self._words, self._next, self._depth, self._made = words(source), 0, 0, 0

    def whole(self, kind: Kind) -> Node:
        first = self._word
        node = self._or()
        if self._word.kind != "end":
            self._refuse(f"{self._word.text!r} is not expected here", expected="and, or, an operator or the end")
        self._want(node, kind, first)
        return node

    # --- grammar, from the loosest to the closest binding ---------------------------------------------------------

    def _or(self) -> Node:
        return self._joined("or")

    def _joined(self, word: str) -> Node:
        first = self._word
        parts = [self._inner(word)]
        while self._take("word", word):
            self._want(parts[-1], "flag", first)
            first = self._word
            parts.append(self._inner(word))
            self._want(parts[-1], "flag", first)
        return parts[0] if len(parts) == 1 else Logic("and" if word == "and" else "or", tuple(parts))

    def _inner(self, word: str) -> Node:
        return self._joined("and") if word == "or" else self._not()

    def _not(self) -> Node:
        if not self._take("word", "not"):
            return self._comparison()
        self._deeper()
        first = self._word
        node = self._not()
        self._depth -= 1
        self._want(node, "flag", first)
        return Logic("not", (node,))

    def _comparison(self) -> Node:
        first = self._word
        left = self._sum()
        sign = self._word
        if sign.kind == "sign" and sign.text in ("=", "!=", *_ORDERED):
            self._next += 1
            second = self._word
            right = self._sum()
            self._same(left, right, second)
            if sign.text in _ORDERED and left.kind == "flag":
                self._refuse("true and false have no order", first)
            return Comparison(sign.text, left, right)  # type: ignore[arg-type]
        if self._take("word", "is"):
            is_not = self._take("word", "not")
            self._expect("word", "null")
            return _not_if(is_not, Nothing(left))
        is_not = self._take("word", "not")
        if self._take("word", "in"):
            return _not_if(is_not, self._among(left))
        if self._take("word", "between"):
            return _not_if(is_not, self._between(left))
        if self._take("word", "like"):
            self._want(left, "text", first)
            return _not_if(is_not, Like(left, self._text()))
        if is_not:
            self._refuse("'not' is not expected here", expected="not in, not between or not like")
        return left

    def _among(self, left: Node) -> Node:
        self._expect("sign", "(")
        choices = [self._choice(left)]
        while self._take("sign", ","):
            choices.append(self._choice(left))
        self._expect("sign", ")")
        return Among(left, tuple(choices))

    def _choice(self, left: Node) -> Constant:
        first = self._word
        choice = self._unary()
        if not isinstance(choice, Constant):
            self._refuse(
                "a column is none of the choices that `in` may have", first, expected="numbers, texts or dates"
            )
        self._same(left, choice, first)
        return choice

    def _between(self, left: Node) -> Node:
        low_at = self._word
        low = self._sum()
        self._expect("word", "and")
        high_at = self._word
        high = self._sum()
        for node, at in ((low, low_at), (high, high_at)):
            self._same(left, node, at)
        if left.kind == "flag":
            self._refuse("true and false have no order", low_at)
        return Logic("and", (Comparison(">=", left, low), Comparison("<=", left, high)))

    def _sum(self) -> Node:
        first = self._word
        node = self._product()
        while self._word.kind == "sign" and self._word.text in "+-":
            sign = self._word
            self._next += 1
            second = self._word
            right = self._product()
            self._more(sign)
            if sign.text == "-" and node.kind == right.kind == "date":
                node = Calculation("-", node, right)
                continue
            self._want(node, "number", first)
            self._want(right, "number", second)
            node = Calculation("+" if sign.text == "+" else "-", node, right)
        return node

    def _product(self) -> Node:
        first = self._word
        node = self._unary()
        while self._word.kind == "sign" and self._word.text in "*/":
            sign = self._word
            self._next += 1
            second = self._word
            right = self._unary()
            self._more(sign)
            self._want(node, "number", first)
            self._want(right, "number", second)
            node = Calculation("*" if sign.text == "*" else "/", node, right)
        return node

    def _unary(self) -> Node:
        if not self._take("sign", "-"):
            return self._primary()
        self._deeper()
        first = self._word
        node = self._unary()
        self._depth -= 1
        self._want(node, "number", first)
        if isinstance(node, Constant) and isinstance(node.value, float):
            return Constant(-node.value, "number")
        return Calculation("-", Constant(0.0, "number"), node)

    def _primary(self) -> Node:
        word = self._word
        self._next += 1
        if word.kind == "number":
            return self._number(word)
        if word.kind == "text":
            return Constant(word.text[1:-1].replace("''", "'"), "text")
        if word.kind == "name":
            return self._column(word)
        if word.kind == "word" and word.text in ("true", "false"):
            return Constant(word.text == "true", "flag")
        if word.kind == "word" and word.text == "date":
            return self._date()
        if word.kind == "sign" and word.text == "(":
            self._deeper()
            node = self._or()
            self._depth -= 1
            self._expect("sign", ")")
            return node
        self._next -= 1
        found = repr(word.text) if word.text else "the end"
        return self._refuse(f"{found} is not expected here", expected="a column, a number, a 'text' or a bracket")

    # --- leaves ----------------------------------------------------------------------------------------------------

    def _column(self, word: Word) -> Node:
        if word.text in self._columns:
            return Name(word.text, self._columns[word.text].kind)
        near = difflib.get_close_matches(word.text, self._columns, n=1)
        do = f"did you mean {near[0]}?" if near else "see `scaleinv rules columns`; texts stand in 'single quotes'"
        return self._refuse(f"there is no column {word.text!r}", word, do=do)

    def _number(self, word: Word) -> Node:
        value = float(word.text)
        return Constant(value, "number") if value < math.inf else self._refuse("a number is too large", word)

    def _text(self) -> str:
        word = self._word
        if word.kind != "text":
            self._refuse("a text is missing", expected="'text', where % is any text and _ one character")
        self._next += 1
        return word.text[1:-1].replace("''", "'")

    def _date(self) -> Node:
        word = self._word
        try:
            return Constant(date.fromisoformat(self._text()), "date")
        except ValueError:
            return self._refuse("this is no day", word, expected="date 'YYYY-MM-DD'")

    # --- helpers ---------------------------------------------------------------------------------------------------

    @property
    def _word(self) -> Word:
        return self._words[min(self._next, len(self._words) - 1)]

    def _take(self, kind: str, text: str) -> bool:
        is_there = (self._word.kind, self._word.text) == (kind, text)
        self._next += is_there
        return is_there

    def _expect(self, kind: str, text: str) -> None:
        if not self._take(kind, text):
            found = repr(self._word.text) if self._word.text else "the end"
            self._refuse(f"{found} is not expected here", expected=text)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._refuse("brackets lie too deep within each other", expected=f"at most {_DEEPEST}")

    def _more(self, sign: Word) -> None:
        self._made += 1
        if self._made > _MOST:
            self._refuse("there are too many calculations in one condition", sign, expected=f"at most {_MOST}")

    def _want(self, node: Node, kind: Kind, at: Word) -> None:
        if node.kind != kind:
            self._refuse(f"a {node.kind} stands where a {kind} is needed", at)

    def _same(self, left: Node, right: Node, at: Word) -> None:
        if left.kind != right.kind:
            self._refuse(f"a {left.kind} is compared with a {right.kind}", at)

    def _refuse(self, problem: str, at: Word | None = None, *, expected: object = None, do: str = "") -> NoReturn:
        refuse(self._source, (at or self._word).at, problem, expected=expected, do=do)


def _not_if(is_not: bool, node: Node) -> Node:
    return Logic("not", (node,)) if is_not else node
