"""What tonight's policies, stock and orders would be if something were otherwise, scenario beside scenario.

Nothing in the lake's tables is changed. Forecasts are read once per group, and every scenario is made of the same
arrays while they are in memory.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.config.whatif import Scenario
from scaleinv.errors import ConfigError, explain
from scaleinv.inventory import (
    Positions,
    ProtectionDemand,
    allot,
    expected_shortage,
    order_lines,
    positions_after_review,
    side_by_side,
)
from scaleinv.pipeline.arrays import (
    Distributions,
    Floats,
    LeadTimes,
    Rows,
    champions_of,
    lead_times,
    of_champions,
    series_of,
)
from scaleinv.pipeline.book import own_orders_of, shipments_of
from scaleinv.pipeline.levels import Levels, levels_of, levels_where, policy_rows, with_rows
from scaleinv.pipeline.limits import by_cost, kept_columns, money_of
from scaleinv.pipeline.suppositions import demand_of, matcher, refuse_unknown, series_under, terms_under
from scaleinv.pipeline.terms import Terms, bounded, open_tonight, protection_of, tonight
from scaleinv.pipeline.transfers import transfers_of
from scaleinv.pipeline.walk import Walk
from scaleinv.replenish import Facts, OwnOrders, decide, gather, with_supply

AS_IT_IS: Final = "as it is"
_FOLDER: Final = "_whatif"
_WORST: Final = 5
FIGURES: Final = {
    "safety_stock_value": "safety stock, at unit cost",
    "stock_value": "mean stock: safety stock + half an order, at unit cost",
    "order_lines": "lines ordered tonight",
    "order_value": "ordered tonight, at unit cost",
    "lost_margin": "margin at risk until the next delivery, after tonight's order",
    "lost_share": "share of demand until the next delivery that is not there",
    "shadow_price": "what one more unit of money in the budget would bring",
}

_SUMS: Final = ("safety_stock_value", "stock_value", "order_lines", "order_value", "lost_margin")


@dataclass
class Result:
    """One scenario's figures, over all series."""

    name: str
    figures: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FIGURES, 0.0))
    worst: list[tuple[str, float]] = field(default_factory=list)
    """Series with the most margin at risk, and how much."""
    demand: float = 0.0
    short: float = 0.0
    to_cut: list[dict[str, Any]] = field(default_factory=list)
    """What a budget is yet to be spent on, group by group; only what is wanted."""

    def add(self, other: Result) -> None:
        """Adds another group's."""
        for name in _SUMS:
            self.figures[name] += other.figures[name]
        self.worst = _worst([*self.worst, *other.worst])
        self.demand, self.short = self.demand + other.demand, self.short + other.short
        self.figures["lost_share"] = self.short / self.demand if self.demand else 0.0
        self.to_cut += other.to_cut

    def plain(self) -> dict[str, Any]:
        """For a machine."""
        return {"name": self.name, "figures": self.figures, "worst": [list(one) for one in self.worst]}


@dataclass(frozen=True)
class Comparison:
    """Scenarios side by side, the night as it is first."""

    as_of: date
    n_series: int
    seconds: float
    results: tuple[Result, ...]

    def beside(self, others: Sequence[Comparison]) -> Comparison:
        """With the scenarios of comparisons that were saved, named after these; their base is left out."""
        more = [one for other in others for one in other.results if one.name != AS_IT_IS]
        return replace(self, results=(*self.results, *more))

    def plain(self) -> dict[str, Any]:
        """For a machine."""
        return {
            "as_of": str(self.as_of), "n_series": self.n_series, "seconds": self.seconds,
            "scenarios": [result.plain() for result in self.results],
        }  # fmt: skip

    def text(self) -> str:
        """For a person at a terminal."""
        width = max(14, *(len(result.name) + 2 for result in self.results))
        lines = [f"{self.n_series:,} SKU-locations on {self.as_of}, {self.seconds:.1f} s"]
        lines.append(f"{'':<64}" + "".join(f"{result.name:>{width}}" for result in self.results))
        for name, words in FIGURES.items():
            cells = [cell(name, result.figures[name]) for result in self.results]
            lines.append(f"{words:<64}" + "".join(f"{cell:>{width}}" for cell in cells))
        for result in self.results:
            worst = ", ".join(f"{name} ({money:,.2f})" for name, money in result.worst)
            lines.append(f"most margin at risk, {result.name}: {worst}")
        return "\n".join(lines)


def cell(name: str, value: float) -> str:
    """A figure as a person writes it."""
    if name == "lost_share":
        return f"{value:.2%}"
    return f"{value:,.4f}" if name == "shadow_price" else f"{value:,.0f}"


def what_if(walk: Walk, scenarios: Sequence[Scenario], *, name: str | None = None) -> Comparison:
    """The night as it is, and under each scenario.

    Args:
        walk: a night that ``evaluate`` has chosen champions for.
        scenarios: what is otherwise.
        name: save the comparison under this name, beside the lake's tables.

    Raises:
        ConfigError: a scenario names a SKU, location, category, region or vendor that is not there.
    """
    began = time.perf_counter()
    every = [Scenario(name=AS_IT_IS), *scenarios]
    results = [Result(scenario.name) for scenario in every]
    champions, known, is_open = champions_of(walk), lead_times(walk), open_tonight(walk)
    own, moves = own_orders_of(walk, shipments_of(walk)), transfers_of(walk)
    named: set[tuple[str, str]] = set()

    def of_group(name: str) -> tuple[int, list[Result]]:
        group = _group(walk, name, champions, known, is_open, own, moves)
        return group.rows.n_series, [_under(walk, group, known, scenario, named) for scenario in every]

    n_series = 0
    names = walk.groups()
    for done, (n, found) in enumerate(side_by_side(of_group, names)):
        n_series += n
        for result, more in zip(results, found, strict=True):
            result.add(more)
        walk.progress.count(done + 1, len(names), "groups")
    refuse_unknown(every, named)
    for scenario, result in zip(every, results, strict=True):
        _spend(scenario, result)
    made = Comparison(walk.as_of, n_series, round(time.perf_counter() - began, 2), tuple(results))
    if name is not None:
        walk.lake.put(_path(walk, name), json.dumps(made.plain()).encode())
    return made


def saved(walk: Walk, name: str) -> Comparison:
    """A comparison that was saved for the group.

    Raises:
        ConfigError: there is none of this name.
    """
    content = walk.lake.get(_path(walk, name))
    if content is None:
        there = [path.rpartition("/")[2].removesuffix(".json") for path in walk.lake.paths(f"{_FOLDER}/{walk.as_of}")]
        raise ConfigError(
            explain(f"no comparison {name!r} of {walk.as_of} was saved", expected=", ".join(there) or "none is there")
        )
    told = json.loads(content)
    results = [
        Result(one["name"], one["figures"], [(who, money) for who, money in one["worst"]]) for one in told["scenarios"]
    ]
    return Comparison(walk.as_of, told["n_series"], told["seconds"], tuple(results))


def _path(walk: Walk, name: str) -> str:
    return f"{_FOLDER}/{walk.as_of}/{name}.json"


@dataclass(frozen=True)
class _Group:
    """A group on the night as it is."""

    rows: Rows
    names: NDArray[np.str_]
    found: Distributions
    terms: Terms
    protection: ProtectionDemand
    levels: Levels
    after_review: Positions | None
    """where positions stand, whatever is promised; ``None``: the method does not ask"""
    stock: pa.Table
    champions: dict[str, str]
    open_tonight: dict[str, bool]
    own: OwnOrders | None
    moves: pa.Table | None
    """transfers of earlier nights that are not carried out yet"""


def _group(
    walk: Walk,
    name: str,
    champions: dict[str, str],
    known: LeadTimes,
    is_open: dict[str, bool],
    own: OwnOrders | None,
    moves: pa.Table | None,
) -> _Group:
    rows = series_of(walk, name)
    found = of_champions(walk, name, rows.series, champions, cutoff=walk.as_of)
    terms, found = tonight(walk, rows, known, found)
    method = walk.config.inventory.method
    if method == "quantile":
        found = replace(found, quantiles=found.quantiles[:, :1])  # it reads sums of days alone
    protection = protection_of(walk, found, terms)
    levels, after_review = levels_of(walk, protection, found, terms, method), None
    if method == "quantile":
        quantity, multiple = levels.made.order_quantity, np.ceil(terms.order_multiple)
        after_review = positions_after_review(protection.review, quantity, multiple)
    stock = walk.read("gold/stock_position", group_id=name)
    names = rows.text("unique_id")
    return _Group(rows, names, found, terms, protection, levels, after_review, stock, champions, is_open, own, moves)


# --- one scenario of one group ----------------------------------------------------------------------------------------


def _under(walk: Walk, group: _Group, known: LeadTimes, scenario: Scenario, named: set[tuple[str, str]]) -> Result:
    """The group under the scenario; of series that it leaves as they are nothing is worked out again."""
    rows, result = group.rows, Result(scenario.name)
    matches = matcher(rows, named)
    found = demand_of(walk, group.found, scenario, matches)
    terms = terms_under(walk, rows, known, group.terms, scenario, matches, named)
    protection = group.protection
    if scenario.demand or scenario.delays or scenario.outages:
        terms, found = bounded(walk, rows, terms, found)
        moved = np.flatnonzero(_is_moved(group, terms, found))
        protection = with_rows(protection, moved, protection_of(walk, found.take(moved), terms.take(moved)))
    changed = np.flatnonzero(_is_moved(group, terms, found) | _is_otherwise(group.terms, terms))
    daily = replace(found, cumulative_quantiles=found.cumulative_quantiles[:, :1])  # protection has read the sums
    after_review = group.after_review if protection is group.protection else None
    levels = levels_where(walk, group.levels, changed, protection, daily, terms, after_review=after_review)
    policies = policy_rows(walk, rows, group.champions, terms, levels)
    facts = gather(policies, group.stock, series_under(rows, scenario, matches), as_of=walk.as_of)
    facts = with_supply(facts, group.own, group.moves, as_of=walk.as_of)
    decision = decide(
        facts, as_of=walk.as_of, max_stock_age_days=walk.config.replenish.max_stock_age_days,
        open_tonight=group.open_tonight,
    )  # fmt: skip
    ordered = np.flatnonzero(decision.is_ordered)
    n_samples = protection.protection.shape[1]
    kept, all_levels = kept_columns(n_samples), (np.arange(n_samples) + 0.5) / n_samples
    few = protection.protection[np.ix_(ordered, kept)]
    wanted = np.zeros(rows.n_series)
    if walk.config.replenish.rounding == "expected_cost" and ordered.size:
        wanted[ordered] = by_cost(walk, facts.take(ordered), decision.take(ordered), few, all_levels[kept])
    else:
        wanted[ordered] = decision.quantity[ordered]
    _sum_stock(result, facts, policies)
    result.demand += float(protection.mean.sum())
    money, position = money_of(walk, facts), decision.inventory_position
    cost, margin = facts.number("unit_cost"), np.maximum(facts.number("unit_price") - facts.number("unit_cost"), 0.0)
    names = group.names
    short = expected_shortage(protection.protection, all_levels, position + wanted)
    if scenario.budget is None:
        _sum_orders(result, names, wanted, cost, short, margin)
        return result
    rest = np.flatnonzero(wanted == 0)  # of these nothing is to be decided any more
    _sum_orders(result, names[rest], wanted[rest], cost[rest], short[rest], margin[rest])
    line = np.flatnonzero(wanted > 0)
    columns = {
        "position": position, "wanted": wanted, "minimum": facts.number("min_order_quantity"),
        "multiple": facts.number("order_multiple"), "cost": cost, "margin": margin, "gain": money["gain"],
        "holding": money["holding"], "key": terms.key, "name": names,
    }  # fmt: skip
    lines: dict[str, Any] = {name: values[line] for name, values in columns.items()}
    demand = protection.protection[np.ix_(line, kept)]
    result.to_cut.append(lines | {"demand": demand, "levels": all_levels[kept]})
    return result


def _is_moved(group: _Group, terms: Terms, found: Distributions) -> NDArray[np.bool_]:
    """(n_series,) demand or lead times are not those of the night as it is."""
    before, now = group.terms.lead_time_probability, terms.lead_time_probability
    width = max(before.shape[1], now.shape[1])
    old, new = (np.pad(pmf, ((0, 0), (0, width - pmf.shape[1]))) for pmf in (before, now))
    moved = np.asarray((old != new).any(axis=1)[terms.vendor])
    if found is not group.found:
        moved |= (found.mean != group.found.mean).any(axis=1)
        moved |= (found.cumulative_quantiles != group.found.cumulative_quantiles).any(axis=(1, 2))
    return moved


def _is_otherwise(before: Terms, terms: Terms) -> NDArray[np.bool_]:
    """(n_series,) something else in the terms is."""
    of_series = [name for name in vars(terms) if name != "lead_time_probability"]
    return np.asarray(
        np.logical_or.reduce([getattr(terms, name) != getattr(before, name) for name in of_series]), dtype=np.bool_
    )


def _sum_stock(result: Result, facts: Facts, policies: pa.Table) -> None:
    """Safety stock is what a limit leaves of it; nothing is kept of what is held."""
    numbers = {
        name: np.asarray(policies[name].to_numpy(), dtype=np.float64)
        for name in ("safety_stock", "constraint_change", "order_quantity")
    }
    safety = numbers["safety_stock"] + numbers["constraint_change"]
    cost = np.where(pc.is_valid(facts["problem"]).to_numpy(zero_copy_only=False), 0.0, facts.number("unit_cost"))
    result.figures["safety_stock_value"] += float((safety * cost).sum())
    mean_stock = np.maximum(safety, 0.0) + numbers["order_quantity"] / 2.0
    result.figures["stock_value"] += float((mean_stock * cost).sum())


def _sum_orders(
    result: Result, names: NDArray[np.str_], quantity: Floats, cost: Floats, short: Floats, margin: Floats
) -> None:
    lost = short * margin
    result.figures["order_lines"] += float(np.count_nonzero(quantity))
    result.figures["order_value"] += float((quantity * cost).sum())
    result.figures["lost_margin"] += float(lost.sum())
    result.short += float(short.sum())
    result.figures["lost_share"] = result.short / result.demand if result.demand else 0.0
    most = np.argsort(-lost, kind="stable")[:_WORST]
    result.worst = _worst([*result.worst, *((str(names[at]), float(lost[at])) for at in most)])


def _worst(series: list[tuple[str, float]]) -> list[tuple[str, float]]:
    return sorted(series, key=lambda one: (-one[1], one[0]))[:_WORST]


def _spend(scenario: Scenario, result: Result) -> None:
    """The budget, over the whole catalogue at once."""
    if scenario.budget is None or not result.to_cut:
        return
    parts = result.to_cut
    all_ = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "levels"}
    lines = order_lines(
        all_["demand"], parts[0]["levels"], position=all_["position"], min_order_quantity=all_["minimum"],
        order_multiple=all_["multiple"], most=all_["wanted"], gain=all_["gain"], holding=all_["holding"],
        key=all_["key"].astype(np.uint64),
    )  # fmt: skip
    made = allot(lines, all_["cost"], scenario.budget)
    short = expected_shortage(all_["demand"], parts[0]["levels"], all_["position"] + made.quantity)
    _sum_orders(result, all_["name"], made.quantity, all_["cost"], short, all_["margin"])
    result.figures["shadow_price"] = float(made.shadow_price[0])
    result.to_cut.clear()
