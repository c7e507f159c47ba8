"""What a condition is made of, once it is read: every node knows what kind of value it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from scaleinv.schema.facts import Kind

Operator = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True)
class Constant:
    """A value that is written in the condition."""

    value: float | str | bool | date
    kind: Kind

    def __str__(self) -> str:
        if isinstance(self.value, str):
            doubled = self.value.replace("'", "''")
            return f"'{doubled}'"
        if isinstance(self.value, date):
            return f"date '{self.value.isoformat()}'"
        return str(self.value).lower()


@dataclass(frozen=True)
class Name:
    """A column."""

    name: str
    kind: Kind

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Calculation:
    """``left + right``; of two dates the days between them."""

    operator: Literal["+", "-", "*", "/"]
    left: Node
    right: Node
    kind: Kind = "number"

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


@dataclass(frozen=True)
class Comparison:
    """``left < right``."""

    operator: Operator
    left: Node
    right: Node
    kind: Kind = "flag"

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


@dataclass(frozen=True)
class Among:
    """``value in (…)``; unknown where the value is null."""

    value: Node
    choices: tuple[Constant, ...]
    kind: Kind = "flag"

    def __str__(self) -> str:
        return f"({self.value} in ({', '.join(map(str, self.choices))}))"


@dataclass(frozen=True)
class Like:
    """``value like 'A%'``."""

    value: Node
    pattern: str
    kind: Kind = "flag"

    def __str__(self) -> str:
        return f"({self.value} like {Constant(self.pattern, 'text')})"


@dataclass(frozen=True)
class Nothing:
    """``value is null``; never unknown."""

    value: Node
    kind: Kind = "flag"

    def __str__(self) -> str:
        return f"({self.value} is null)"


@dataclass(frozen=True)
class Logic:
    """``and``, ``or`` of two, ``not`` of one: three-valued, after Kleene."""

    operator: Literal["and", "or", "not"]
    parts: tuple[Node, ...]
    kind: Kind = "flag"

    def __str__(self) -> str:
        if self.operator == "not":
            return f"(not {self.parts[0]})"
        return f"({f' {self.operator} '.join(map(str, self.parts))})"


Node = Constant | Name | Calculation | Comparison | Among | Like | Nothing | Logic


def names_in(node: Node) -> Iterator[str]:
    """The columns that it is about, with repetitions."""
    if isinstance(node, Name):
        yield node.name
    elif isinstance(node, Calculation | Comparison):
        yield from names_in(node.left)
        yield from names_in(node.right)
    elif isinstance(node, Among | Like | Nothing):
        yield from names_in(node.value)
    elif isinstance(node, Logic):
        for part in node.parts:
            yield from names_in(part)
