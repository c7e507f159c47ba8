"""A night's rules: which rows each one finds, which one decides, and what is written down of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.config.expression import parsed
from scaleinv.config.rules import RuleConfig, rules_version
from scaleinv.replenish.evaluate import evaluated
from scaleinv.replenish.fact_columns import FactColumns
from scaleinv.replenish.text import joined
from scaleinv.schema.facts import Action
from scaleinv.schema.words import Disposition

_Flags = NDArray[np.bool_]
BASE: Final = "base"
"""The rule that is always there: below the reorder point an order goes out by itself."""
_SAYS: Final[dict[Action, Disposition]] = {"hold": "hold", "route": "propose", "order": "approve"}
"""Actions that decide what becomes of a line, the strictest first."""


@dataclass(frozen=True)
class RuleSet:
    """Rules in the order of their precedence."""

    rules: tuple[RuleConfig, ...]
    version: str

    def doing(self, *actions: Action) -> list[RuleConfig]:
        """Those with these actions, the first of them first."""
        return [rule for rule in self.rules if rule.do in actions]

    def matched(self, rows: FactColumns, *, early: bool) -> Matches:
        """Which rows the early, or the late, rules find."""
        rules = [rule for rule in self.rules if rule.is_early == early]
        return Matches({rule.name: _matching(rule, rows) for rule in rules})


@dataclass(frozen=True)
class Matches:
    """Rule -> (n,) whether it found the row."""

    found: dict[str, _Flags]

    def take(self, rows: NDArray[np.int64]) -> Matches:
        """Of these rows."""
        return Matches({name: flags[rows] for name, flags in self.found.items()})

    def __or__(self, other: Matches) -> Matches:
        return Matches(self.found | other.found)


def joined_matches(parts: Sequence[Matches]) -> Matches:
    """The rows of all parts, one part after the other."""
    return Matches({name: np.concatenate([part.found[name] for part in parts]) for name in parts[0].found})


def rule_set(rules: Iterable[RuleConfig]) -> RuleSet:
    """By priority; at the same one the stricter action, then the name."""
    strict: list[Action] = list(_SAYS)

    def precedence(rule: RuleConfig) -> tuple[int, int, str]:
        return -rule.priority, strict.index(rule.do) if rule.do in strict else len(strict), rule.name

    ordered = tuple(sorted(rules, key=precedence))
    return RuleSet(ordered, rules_version(ordered))


def first_matching(rules: Sequence[RuleConfig], matches: Matches, n: int) -> NDArray[np.int64]:
    """(n,) the place of the first rule that found the row; ``len(rules)``: none did."""
    first = np.full(n, len(rules))
    for place in reversed(range(len(rules))):
        first[matches.found[rules[place].name]] = place
    return first


def calculated(units: str, rows: FactColumns) -> NDArray[np.float64]:
    """(n,) a calculation's value; NaN where it is unknown."""
    value = evaluated(parsed(units, "number"), rows, len(rows))
    return np.asarray(pc.fill_null(value, np.nan).to_numpy(zero_copy_only=False), dtype=np.float64)


@dataclass(frozen=True)
class Verdict:
    """Of every line, ``(n,)``."""

    disposition: pa.Array
    rule: pa.Array
    """``name@version`` of the rule that decided."""
    rules: pa.Array
    """Names of all that found it, in their precedence; empty: none but the base rule."""
    queue: pa.Array
    """Who approves it; null: nobody was named."""


def verdict(rules: RuleSet, matches: Matches, n: int) -> Verdict:
    """What becomes of every line: the first rule that says so decides, else the base rule does.

    A line that no rule decides but one has changed (a cap, a transfer) bears that one's name, and goes out by itself.
    """
    deciding = rules.doing("hold", "route", "order")
    first = first_matching(deciding, matches, n)
    approve: Disposition = "approve"
    dispositions = pa.array([*(_SAYS[rule.do] for rule in deciding), approve], pa.string())
    queues = pa.array([*(rule.queue for rule in deciding), None], pa.string())
    changing = first_matching(rules.rules, matches, n)
    names = [f"{name}@{rules.version}" for name in (*(r.name for r in deciding), *(r.name for r in rules.rules), BASE)]
    place = np.where(first < len(deciding), first, len(deciding) + changing)
    # Arrow's join that skips nulls loses rows, so names are joined with their commas and the last one is taken off.
    found = [
        pc.if_else(pa.array(matches.found[rule.name]), f"{rule.name}, ", "")
        for rule in rules.rules
        if matches.found[rule.name].any()
    ]
    every = pc.replace_substring_regex(joined(*found), ", $", "") if found else pa.repeat("", n)
    return Verdict(
        dispositions.take(pa.array(first)), pa.array(names, pa.string()).take(pa.array(place)), every,
        queues.take(pa.array(first)),
    )  # fmt: skip


def _matching(rule: RuleConfig, rows: FactColumns) -> _Flags:
    value = evaluated(rule.condition, rows, len(rows))
    return np.asarray(pc.fill_null(value, False).to_numpy(zero_copy_only=False), dtype=np.bool_)
