"""Rounding by cost, and what limits a night's orders together: vendor minima, trucks, capacity, the budget."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scaleinv.inventory import (
    DAYS_PER_YEAR,
    Allotment,
    OrderLines,
    allot,
    expected_shortage,
    order_lines,
    rounded_by_cost,
    whole_trucks,
)
from scaleinv.pipeline.arrays import Floats, champions_of, lead_times, of_champions, series_of
from scaleinv.pipeline.terms import protection_of, tonight
from scaleinv.pipeline.walk import Walk
from scaleinv.replenish import Changes, Decision, Facts, Wanted, unchanged
from scaleinv.schema.words import Cut, Limit

_COLUMNS = 41
"""Of the samples of protection demand so many are kept per line, the outer two among them."""


@dataclass(frozen=True)
class Ahead:
    """Demand of every line until the next order can help, ``(n_lines, …)``."""

    demand: NDArray[np.float32]
    """(n_lines, n_quantiles)"""
    levels: Floats
    """(n_quantiles,)"""
    mean_daily: Floats
    key: NDArray[np.uint64]


@dataclass
class LimitsOfTheNight:
    """Called with what is wanted, it says what is ordered, and keeps what the limits cost."""

    walk: Walk
    shadow_prices: dict[str, float] = field(default_factory=dict)
    """``budget``, ``capacity <location>`` -> money that one more unit of it would bring"""

    @property
    def is_any(self) -> bool:
        """Something is configured."""
        config = self.walk.config.replenish
        return config.rounding != "up" or config.limits.is_any

    def __call__(self, wanted: Wanted) -> Changes:
        """Rounds and limits what is wanted."""
        facts, decision = wanted.facts, wanted.decision
        if not len(facts):
            return unchanged(decision)
        ahead = demand_ahead(self.walk, facts)
        money = money_of(self.walk, facts)
        position, rounded, quantity = decision.inventory_position, decision.unlimited, decision.quantity
        if self.walk.config.replenish.rounding == "expected_cost":
            rounded = quantity = by_cost(self.walk, facts, decision, ahead.demand, ahead.levels)
        multiple = facts.number("order_multiple")
        most = quantity + np.floor(self.walk.config.replenish.limits.fill_days * ahead.mean_daily / multiple) * multiple
        most = np.maximum(np.minimum(most, facts.number("level_limit") - position), quantity)
        lines = order_lines(
            ahead.demand, ahead.levels, position=position, min_order_quantity=facts.number("min_order_quantity"),
            order_multiple=multiple, most=most, gain=money["gain"], holding=money["holding"], key=ahead.key,
        )  # fmt: skip
        ledger = _Ledger(lines, lines.steps(quantity))
        is_limited = decision.quantity < decision.unlimited
        ledger.mark(is_limited & ~decision.is_capped, "max_stock")
        ledger.mark(is_limited & decision.is_capped, "rule")
        self._vendor_minimum(facts, ledger)
        self._trucks(facts, ledger)
        self._capacity(facts, ledger)
        self._budget(facts, ledger)
        self._contradictions(facts, ledger)
        got = lines.units(ledger.steps)
        before = expected_shortage(ahead.demand, ahead.levels, position + quantity)
        lost = money["gain"] * np.maximum(expected_shortage(ahead.demand, ahead.levels, position + got) - before, 0.0)
        return Changes(got, rounded, _texts(ledger.constraint), _texts(ledger.cut), lost)

    def _vendor_minimum(self, facts: Facts, ledger: _Ledger) -> None:
        minima = self.walk.config.replenish.limits.vendor_minimum
        if not minima:
            return
        _, vendor, weight, least = _minima(self.walk, facts)
        made = allot(ledger.lines, weight, least, vendor, least=ledger.steps, reach=True)
        ledger.take(made.steps, "vendor_minimum", "below_vendor_minimum")
        held = ~made.is_possible[vendor]
        ledger.take(np.where(held, 0, ledger.steps), "vendor_minimum", "below_vendor_minimum")

    def _trucks(self, facts: Facts, ledger: _Ledger) -> None:
        trucks = self.walk.config.replenish.limits.trucks
        if not trucks:
            return
        names, vendor = _codes(facts, "vendor_id")
        holds = np.asarray([trucks[name].units if name in trucks else np.inf for name in names])
        cost = np.asarray([trucks[name].cost if name in trucks else 0.0 for name in names])
        made, number = whole_trucks(ledger.lines, 1.0, holds, vendor, ledger.steps, cost=cost)
        ledger.take(made.steps, "trucks", "cut_to_trucks")
        for name, n_trucks in zip(names, number.tolist(), strict=True):
            if name in trucks:
                self.walk.progress.say(f"{name}: {n_trucks:,} trucks")

    def _capacity(self, facts: Facts, ledger: _Ledger) -> None:
        capacity = self.walk.config.replenish.limits.capacity
        if not capacity:
            return
        names, location = _codes(facts, "location_id")
        made = allot(ledger.lines.up_to(ledger.steps), 1.0, [capacity.get(name, np.inf) for name in names], location)
        ledger.take(made.steps, "capacity", "cut_by_capacity")
        for name, price in zip(names, made.shadow_price.tolist(), strict=True):
            if price:
                self.shadow_prices[f"capacity {name}"] = price
                self.walk.progress.say(f"{name} is full: room for one more unit would bring {price:,.4f}")

    def _budget(self, facts: Facts, ledger: _Ledger) -> None:
        budget = self.walk.config.replenish.limits.budget
        if budget is None:
            return
        cost = facts.number("unit_cost")
        had = ledger.steps.any()
        made: Allotment = allot(ledger.lines.up_to(ledger.steps), cost, budget)
        pays_nothing = bool(had) and not made.steps.any()
        ledger.take(made.steps, "budget", "impossible_budget" if pays_nothing else "cut_by_budget")
        price = float(made.shadow_price[0])
        self.shadow_prices["budget"] = price
        self.walk.progress.say(
            f"budget {budget:,.2f}: {made.load[0]:,.2f} ordered; one more unit of money would bring {price:,.4f}"
        )

    def _contradictions(self, facts: Facts, ledger: _Ledger) -> None:
        """What a later limit left below a vendor's minimum is not sent: the vendor would not deliver it."""
        if not self.walk.config.replenish.limits.vendor_minimum:
            return
        names, vendor, weight, least = _minima(self.walk, facts)
        load = np.bincount(vendor, weight * ledger.lines.units(ledger.steps), len(names))
        below = (load < least - 1e-9 * np.maximum(1.0, least)) & (load > 0)
        ledger.take(np.where(below[vendor], 0, ledger.steps), "vendor_minimum", "contradictory_limits")


class _Ledger:
    """Steps of every line, and who changed them last."""

    def __init__(self, lines: OrderLines, steps: NDArray[np.int64]) -> None:
        self.lines, self.steps, self._wanted = lines, steps, steps
        self.constraint = np.full(lines.n_lines, "", dtype="<U24")
        self.cut = np.full(lines.n_lines, "", dtype="<U24")

    def mark(self, rows: NDArray[np.bool_], limit: Limit) -> None:
        """These lines are limited by it already."""
        self.constraint[rows] = limit

    def take(self, steps: NDArray[np.int64], limit: Limit, cut: Cut) -> None:
        """New steps; what is less than before bears the cut's name."""
        self.constraint[steps != self.steps] = limit
        self.cut[(steps < self.steps) & (steps < self._wanted)] = cut
        self.steps = steps


def demand_ahead(walk: Walk, facts: Facts) -> Ahead:
    """Group by group: the forecasts that the policies were made of, for the lines alone."""
    champions, known = champions_of(walk), lead_times(walk)
    n, n_samples = len(facts), walk.config.inventory.n_samples
    kept = kept_columns(n_samples)
    demand = np.empty((n, len(kept)), dtype=np.float32)
    mean, key = np.empty(n), np.empty(n, dtype=np.uint64)
    names, group = _codes(facts, "group_id")
    for number, name in enumerate(names):
        mine = np.flatnonzero(group == number)
        rows = series_of(walk, name)
        where = pa.compute.index_in(
            facts["unique_id"].take(pa.array(mine)), value_set=rows.series["unique_id"].combine_chunks()
        ).to_numpy()
        found = of_champions(walk, name, rows.series, champions, cutoff=walk.as_of)
        terms, found = tonight(walk, rows, known, found)
        some, part = terms.take(where), found.take(where)
        demand[mine] = protection_of(walk, part, some).protection[:, kept]
        mean[mine], key[mine] = part.mean.mean(axis=1), some.key
    return Ahead(demand, (kept + 0.5) / n_samples, mean, key)


def kept_columns(n_samples: int) -> NDArray[np.int64]:
    """Which samples are kept of each line."""
    return np.unique(np.linspace(0, n_samples - 1, _COLUMNS).round().astype(np.int64))


def money_of(walk: Walk, facts: Facts) -> dict[str, Floats]:
    """(n_lines,) what a unit sold brings, with the goodwill that is not lost, and what one costs that stays."""
    cost, price = facts.number("unit_cost"), facts.number("unit_price")
    config = walk.config
    days = np.maximum(facts.number("protection_interval"), 1.0)
    return {
        "gain": np.maximum(price - cost, 0.0) + config.replenish.goodwill * price,
        "holding": config.inventory.holding_rate * cost * days / DAYS_PER_YEAR,
    }


def by_cost(walk: Walk, facts: Facts, decision: Decision, demand: NDArray[np.float32], levels: Floats) -> Floats:
    """(n_lines,) units: the needs rounded to what is expected to cost least."""
    config, money = walk.config.replenish, money_of(walk, facts)
    packs = np.asarray([1, *(load.packs for load in config.loads)], dtype=np.float64)
    return rounded_by_cost(
        decision.need,
        demand,
        levels,
        position=decision.inventory_position,
        min_order_quantity=facts.number("min_order_quantity"),
        loads=facts.number("order_multiple")[:, None] * packs,
        shortage_cost=money["gain"],
        holding_cost=money["holding"],
        handling_cost=[config.pack_handling_cost, *(load.handling_cost for load in config.loads)],
        most=facts.number("level_limit") - decision.inventory_position,
    )


def _minima(walk: Walk, facts: Facts) -> tuple[list[str], NDArray[np.int64], Floats, Floats]:
    """Vendors, (n_lines,) which one, (n_lines,) what a unit counts for its minimum, (n_vendors,) the minimum."""
    minima = walk.config.replenish.limits.vendor_minimum
    names, vendor = _codes(facts, "vendor_id")
    by_value = np.asarray([name in minima and minima[name].value is not None for name in names])
    least = [(minima[name].value or minima[name].units or 0.0) if name in minima else 0.0 for name in names]
    return names, vendor, np.where(by_value[vendor], facts.number("unit_cost"), 1.0), np.asarray(least)


def _codes(facts: Facts, column: str) -> tuple[list[str], NDArray[np.int64]]:
    """The column's distinct texts, and (n_lines,) which one each line has."""
    encoded = facts[column].dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _texts(names: NDArray[np.str_]) -> pa.Array:
    return pa.array(names.tolist(), pa.string(), mask=names == "")
