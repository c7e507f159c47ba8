"""Rules that change what is ordered of a series by itself: ``order`` and ``cap``; and what a person has said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.decision import Decision, at_position, joined_decisions
from scaleinv.replenish.fact_columns import FactColumns
from scaleinv.replenish.facts import Facts
from scaleinv.replenish.rules import Matches, RuleSet, calculated, first_matching, joined_matches
from scaleinv.schema.units import COUNTED


@dataclass(frozen=True)
class Lines:
    """Series side by side with what is decided of them, and which rules found them."""

    facts: Facts
    decision: Decision
    matches: Matches

    def __len__(self) -> int:
        return len(self.facts)

    def take(self, rows: NDArray[np.int64]) -> Lines:
        """These rows."""
        return Lines(self.facts.take(rows), self.decision.take(rows), self.matches.take(rows))


def joined_lines(parts: list[Lines]) -> Lines:
    """The rows of all parts, one part after the other."""
    columns = pa.concat_tables([part.facts.columns for part in parts]).combine_chunks()
    return Lines(
        Facts(columns), joined_decisions([part.decision for part in parts]),
        joined_matches([part.matches for part in parts]),
    )  # fmt: skip


@dataclass(frozen=True)
class Overrides:
    """Quantities that persons have set for tonight, ``(n,)``; in units."""

    unique_id: pa.Array
    quantity: NDArray[np.float64]

    def of(self, facts: Facts) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows that are overridden, and by what: none by a fraction of what is counted."""
        rows, quantity, is_broken = self._set(facts)
        return rows[~is_broken], quantity[~is_broken]

    def broken(self, facts: Facts) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows that a fraction is set for, and which, although their unit of stock counts pieces."""
        rows, quantity, is_broken = self._set(facts)
        return rows[is_broken], quantity[is_broken]

    def _set(self, facts: Facts) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        at = pc.fill_null(pc.index_in(facts["unique_id"], value_set=self.unique_id), -1).to_numpy()
        rows = np.flatnonzero(at >= 0)
        quantity = self.quantity[at[rows]]
        is_counted = pc.is_in(facts["unit"].take(pa.array(rows)), value_set=pa.array(COUNTED))
        is_broken = is_counted.to_numpy(zero_copy_only=False) & (quantity != np.rint(quantity))
        return rows, quantity, np.asarray(is_broken, dtype=bool)


def ruled(facts: Facts, decision: Decision, rules: RuleSet, overrides: Overrides | None, *, as_of: date) -> Lines:
    """What early rules find, what ``order`` and ``cap`` make of the decision, and what persons have set."""
    matches = rules.matched(FactColumns(facts, decision, as_of), early=True)
    wanted = _any(rules, matches, len(facts))
    if wanted.any():
        decision = replace(decision, is_by_rule=wanted)
        decision = at_position(facts, decision, decision.inventory_position)
    facts, decision = _capped(facts, decision, rules, matches, as_of)
    if overrides is not None:
        decision = _overridden(facts, decision, overrides)
    return Lines(facts, decision, matches)


def _any(rules: RuleSet, matches: Matches, n: int) -> NDArray[np.bool_]:
    found = np.zeros(n, dtype=bool)
    for rule in rules.doing("order"):
        found |= matches.found[rule.name]
    return found


def _capped(facts: Facts, decision: Decision, rules: RuleSet, matches: Matches, as_of: date) -> tuple[Facts, Decision]:
    """A cap lowers the limit of stock and orders, which everything that follows keeps."""
    caps = rules.doing("cap")
    first = first_matching(caps, matches, len(facts))
    if not caps or bool((first == len(caps)).all()):
        return facts, decision
    units = np.full(len(facts), np.inf)
    for place, rule in enumerate(caps):
        mine = first == place
        if mine.any():
            # A cap that cannot be reckoned caps at nothing: less is safer, and it is named.
            most = np.nan_to_num(calculated(rule.units or "0", FactColumns(facts, decision, as_of)), nan=0.0)
            units[mine] = np.maximum(most[mine], 0.0)
    limit = facts.number("level_limit")
    lower = decision.inventory_position + units
    is_capped = lower < limit
    columns = facts.columns
    at = columns.schema.get_field_index("level_limit")
    columns = columns.set_column(at, "level_limit", pa.array(np.where(is_capped, lower, limit)))
    facts = Facts(columns)
    return facts, at_position(facts, replace(decision, is_capped=is_capped), decision.inventory_position)


def _overridden(facts: Facts, decision: Decision, overrides: Overrides) -> Decision:
    """A person may order what has no stock record; not what has no price, nor from a vendor that takes no orders."""
    rows, quantity = overrides.of(facts)
    if not rows.size:
        return decision
    units, is_known, by_rule = decision.quantity.copy(), decision.is_known.copy(), decision.is_by_rule.copy()
    unlimited = decision.unlimited.copy()
    units[rows] = np.where(decision.may_order[rows], quantity, 0.0)
    unlimited[rows] = units[rows]
    is_known[rows] |= units[rows] > 0
    by_rule[rows] = True
    return replace(decision, quantity=units, unlimited=unlimited, is_known=is_known, is_by_rule=by_rule)
