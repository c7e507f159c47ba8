"""Rules that change where goods come from: stock of another location first, or another article instead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.decision import at_position, not_wanted
from scaleinv.replenish.ruled import Lines
from scaleinv.replenish.rules import Matches, RuleSet, first_matching
from scaleinv.replenish.text import joined, ranks
from scaleinv.schema import check, table
from scaleinv.schema.units import COUNTED
from scaleinv.schema.words import ID_SEPARATOR

_Floats = NDArray[np.float64]
_Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Sourced:
    """What is left to order, stock to move, and lines for which there is no substitute."""

    lines: Lines
    transfers: pa.Table
    """``gold/transfer_proposals``."""
    substituted: list[tuple[str, pa.Array, pa.Array, _Floats]]
    """Exceptions: kind, (m,) series, (m,) detail, (m,) money."""
    unwanted: pa.Array
    """Series of which nothing is to be ordered after that, by what is known of them."""


def may_help(lines: Lines, rules: RuleSet) -> NDArray[np.bool_]:
    """(n,) it is not ordered itself, but a rule may want its stock, or to order it instead of another."""
    locations = sorted({place for rule in rules.doing("transfer_first") for place in rule.locations})
    skus = sorted({sku for rule in rules.doing("substitute") for sku in rule.skus.values()})
    has_stock = pa.array(lines.decision.inventory_position > lines.facts.number("order_up_to_level"))
    gives = pc.and_(pc.is_in(lines.facts["location_id"], value_set=pa.array(locations, pa.string())), has_stock)
    stands_in = pc.is_in(lines.facts["sku_id"], value_set=pa.array(skus, pa.string()))
    return np.asarray(pc.or_(gives, stands_in).to_numpy(zero_copy_only=False), dtype=bool)


def sourced(lines: Lines, rules: RuleSet, *, as_of: date) -> Sourced:
    """Substitutes, then transfers; of what is left only the lines that are ordered."""
    made = _Sourcing(lines, rules)
    made.substitute()
    made.transfer()
    facts, decision = made.lines.facts, made.lines.decision
    unwanted = facts["unique_id"].filter(pa.array(not_wanted(facts, decision) | made.is_replaced))
    return Sourced(made.lines.take(np.flatnonzero(decision.is_ordered)), _transfers(made, as_of), made.told, unwanted)


class _Sourcing:
    def __init__(self, lines: Lines, rules: RuleSet) -> None:
        self.lines, self._rules = lines, rules
        self.told: list[tuple[str, pa.Array, pa.Array, _Floats]] = []
        self.moves: list[tuple[_Rows, _Rows, _Floats, str]] = []
        """giver, taker, units, rule"""
        self.is_replaced = np.zeros(len(lines), dtype=bool)
        """(n,) another article is ordered instead."""

    def _first(self, rules: list[object]) -> NDArray[np.int64]:
        return first_matching(rules, self.lines.matches, len(self.lines))  # type: ignore[arg-type]

    # --- substitutes -----------------------------------------------------------------------------------------------

    def substitute(self) -> None:
        """The need of a line goes to its substitute at the same location, where that can be ordered tonight.

        Both have the same unit of stock: the need is taken one to one.
        """
        rules = self._rules.doing("substitute")
        first = self._first([*rules])
        for place, rule in enumerate(rules):
            facts, decision = self.lines.facts, self.lines.decision
            names = pa.array(list(rule.skus), pa.string())
            which = pc.index_in(facts["sku_id"], value_set=names)
            mine = (first == place) & decision.is_ordered & pc.is_valid(which).to_numpy(zero_copy_only=False)
            rows = np.flatnonzero(mine)
            instead = pa.array(list(rule.skus.values()), pa.string()).take(which.take(pa.array(rows)))
            wanted = pc.binary_join_element_wise(instead, facts["location_id"].take(pa.array(rows)), ID_SEPARATOR)
            found = pc.fill_null(pc.index_in(wanted, value_set=facts["unique_id"]), -1).to_numpy().astype(np.int64)
            at = np.maximum(found, 0)
            units = facts["unit"].take(pa.array(rows)), facts["unit"].take(pa.array(at))
            # How many pieces a kilogram replaces nobody has said.
            differs = (found >= 0) & pc.not_equal(*units).to_numpy(zero_copy_only=False)
            can = (found >= 0) & (decision.may_order & decision.is_known)[at] & ~differs
            shut = ~can & ~differs
            said = joined(": is kept in ", units[1].filter(pa.array(differs)), ", not in ",
                          units[0].filter(pa.array(differs)))  # fmt: skip
            self._tell("no_substitute", rows[differs], instead.filter(pa.array(differs)), said)
            self._tell(
                "no_substitute", rows[shut], instead.filter(pa.array(shut)), ": cannot be ordered tonight instead"
            )
            self._tell("substituted", rows[can], instead.filter(pa.array(can)), ": is ordered instead")
            self._instead(rows[can], found[can], rule.name)

    def _tell(self, kind: str, rows: _Rows, instead: pa.Array, what: str | pa.Array) -> None:
        at = pa.array(rows)
        facts, decision = self.lines.facts, self.lines.decision
        value = decision.quantity[rows] * facts.number("unit_cost")[rows]
        self.told.append((kind, facts["unique_id"].take(at), pc.binary_join_element_wise(instead, what, ""), value))

    def _instead(self, rows: _Rows, instead: _Rows, rule: str) -> None:
        decision = self.lines.decision
        position = decision.inventory_position.copy()
        np.subtract.at(position, instead, np.maximum(decision.need[rows], 0.0))
        allowed = decision.may_order.copy()
        allowed[rows] = False
        self.is_replaced[rows] = True
        self._move(position, allowed)
        found = self.lines.matches.found[rule].copy()
        found[instead] = True
        self.lines = replace(self.lines, matches=self.lines.matches | Matches({rule: found}))

    # --- transfers -------------------------------------------------------------------------------------------------

    def transfer(self) -> None:
        """What a location has above its order-up-to level goes to those that would order, series by series."""
        rules = self._rules.doing("transfer_first")
        first = self._first([*rules])
        spare = self._spare()
        for place, rule in enumerate(rules):
            for location in rule.locations:
                self._from(location, np.flatnonzero(first == place), spare, rule.name)

    def _spare(self) -> _Floats:
        facts, decision = self.lines.facts, self.lines.decision
        free = facts.number("on_hand") - facts.number("reserved") - facts.number("backorders")
        above = decision.inventory_position - facts.number("order_up_to_level")
        is_sound = decision.is_known & pc.is_null(facts["problem"]).to_numpy(zero_copy_only=False)
        return np.where(is_sound, self._whole(np.maximum(np.minimum(free, above), 0.0), np.floor), 0.0)

    def _whole(self, units: _Floats, to: np.ufunc) -> _Floats:
        counted = pc.is_in(self.lines.facts["unit"], value_set=pa.array(COUNTED)).to_numpy(zero_copy_only=False)
        return np.where(counted, to(np.round(units, 6)), units)

    def _from(self, location: str, rows: _Rows, spare: _Floats, rule: str) -> None:
        facts, decision = self.lines.facts, self.lines.decision
        rows = rows[decision.is_ordered[rows] & ~facts.flags("location_id", location)[rows]]
        givers = np.flatnonzero(facts.flags("location_id", location) & (spare > 0))
        skus = facts["sku_id"]
        at = pc.index_in(skus.take(pa.array(rows)), value_set=skus.take(pa.array(givers)))
        found = pc.fill_null(at, -1).to_numpy().astype(np.int64)
        rows, giver = rows[found >= 0], givers[found[found >= 0]]
        if not rows.size:
            return
        order = np.lexsort([ranks(facts["unique_id"].take(pa.array(rows))), giver])
        rows, giver = rows[order], giver[order]
        wanted = self._whole(np.maximum(decision.need, 0.0), np.ceil)[rows]
        so_far = np.cumsum(wanted) - wanted  # asked for by those before
        starts = np.flatnonzero(np.r_[True, giver[1:] != giver[:-1]])
        so_far -= np.repeat(so_far[starts], np.diff(starts, append=rows.size))
        given = np.clip(spare[giver] - so_far, 0.0, wanted)
        np.subtract.at(spare, giver, given)
        position = decision.inventory_position.copy()
        position[rows] += given
        np.subtract.at(position, giver, given)
        self._move(position, decision.may_order)
        some = given > 0
        self.moves.append((giver[some], rows[some], given[some], rule))

    def _move(self, position: _Floats, may_order: NDArray[np.bool_]) -> None:
        decision = replace(self.lines.decision, may_order=may_order)
        moved = (position != decision.inventory_position) | (may_order != self.lines.decision.may_order)
        made = at_position(self.lines.facts, decision, position)
        # What did not move stays as it was: a person may have set it.
        quantity = np.where(moved, made.quantity, decision.quantity)
        unlimited = np.where(moved, made.unlimited, decision.unlimited)
        self.lines = replace(self.lines, decision=replace(made, quantity=quantity, unlimited=unlimited))


def _transfers(made: _Sourcing, as_of: date) -> pa.Table:
    facts = made.lines.facts
    giver, taker = (
        pa.array(np.concatenate([np.zeros(0, np.int64), *(move[side] for move in made.moves)])) for side in (0, 1)
    )
    units = np.concatenate([np.zeros(0), *(move[2] for move in made.moves)])
    rules = [name for *_, rows, name in made.moves for _ in range(len(rows))]
    cost = facts.number("unit_cost")[taker.to_numpy()]
    data = pa.table(
        {
            "as_of": pa.repeat(pa.scalar(as_of, pa.date32()), len(taker)),
            "unique_id": facts["unique_id"].take(taker),
            "sku_id": facts["sku_id"].take(taker),
            "from_location_id": facts["location_id"].take(giver),
            "to_location_id": facts["location_id"].take(taker),
            "quantity": units,
            "value": np.round(units * cost, 2),
            "rule": pa.array(rules, pa.string()),
        }
    )
    data = data.sort_by([("unique_id", "ascending"), ("from_location_id", "ascending")])
    return check(data, table("gold/transfer_proposals"), unique=False)  # a location gives a series once
