"""What tonight's policies, stock and orders would be if something were otherwise, scenario beside scenario.

Nothing in the lake's tables is changed. Forecasts are read once per group, and every scenario is made of the same
arrays while they are in memory.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.config.whatif import Scenario, Which
from scaleinv.errors import ConfigError, explain
from scaleinv.inventory import Policies, ProtectionDemand, allot, expected_shortage, order_lines, within_limit
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
from scaleinv.pipeline.optimize import policies_of
from scaleinv.pipeline.terms import Terms, protection_of, tonight
from scaleinv.pipeline.walk import Walk

AS_IT_IS: Final = "as it is"
_FOLDER: Final = "_whatif"
_COLUMNS: Final = 41
_WORST: Final = 5
_DAYS_PER_YEAR: Final = 365.0
FIGURES: Final = {
    "safety_stock_value": "safety stock, at unit cost",
    "stock_value": "mean stock: safety stock + half an order, at unit cost",
    "order_lines": "lines ordered tonight",
    "order_value": "ordered tonight, at unit cost",
    "lost_margin": "margin at risk until the next delivery, after tonight's order",
    "lost_share": "share of demand until the next delivery that is not there",
    "shadow_price": "what one more unit of money in the budget would bring",
}


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
    """Lines that a budget is yet to be spent on, group by group."""

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
    champions, known = champions_of(walk), lead_times(walk)
    named: set[tuple[str, str]] = set()
    n_series = 0
    names = walk.groups()
    for done, group_id in enumerate(names):
        rows = series_of(walk, group_id)
        found = of_champions(walk, group_id, rows.series, champions, cutoff=walk.as_of)
        terms, found = tonight(walk, rows, known, found)
        position = _position(walk, rows)
        n_series += rows.n_series
        base = protection_of(walk, found, terms)
        for scenario, result in zip(every, results, strict=True):
            _add(walk, rows, known, found, terms, base, position, scenario, result, named)
        walk.progress.count(done + 1, len(names), "groups")
    _refuse_unknown(every, named)
    for scenario, result in zip(every, results, strict=True):
        _spend(scenario, result)
    made = Comparison(walk.as_of, n_series, round(time.perf_counter() - began, 2), tuple(results))
    if name is not None:
        walk.lake.put(_path(walk, name), json.dumps(made.plain()).encode())
    return made


def saved(walk: Walk, name: str) -> Comparison:
    """A comparison that was saved for the night.

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


# --- one scenario of one group ----------------------------------------------------------------------------------------


def _add(
    walk: Walk, rows: Rows, known: LeadTimes, found: Distributions, terms: Terms, base: ProtectionDemand,
    position: Floats, scenario: Scenario, result: Result, named: set[tuple[str, str]],
) -> None:  # fmt: skip
    matches = _matcher(rows, named)
    price = rows.numbers("unit_price")
    for change in scenario.prices:
        price = np.where(matches(change.which), price * change.factor, price)
    found = _demand(walk, found, scenario, matches)
    terms = _terms(walk, rows, known, terms, scenario, matches, named)
    is_same = not (scenario.demand or scenario.delays or scenario.outages)
    protection = base if is_same else protection_of(walk, found, terms)
    made = policies_of(walk, protection, found, terms, walk.config.inventory.method)
    limited = within_limit(
        made.reorder_point, made.order_quantity, terms.min_order_quantity, terms.order_multiple, terms.limit
    )
    is_below = (position < limited.reorder_point - 1e-9) & ~terms.is_held
    need = np.maximum(limited.order_up_to_level - position, terms.min_order_quantity)
    wanted = np.where(is_below, np.ceil(need / terms.order_multiple - 1e-9) * terms.order_multiple, 0.0)
    n_samples = protection.protection.shape[1]
    levels = (np.arange(n_samples) + 0.5) / n_samples
    margin = np.maximum(price - terms.unit_cost, 0.0)
    _sum_stock(result, made, limited.order_quantity, terms)
    result.demand += float(protection.mean.sum())
    if scenario.budget is None:
        short = expected_shortage(protection.protection, levels, position + wanted)
        _sum_orders(result, rows.text("unique_id"), wanted, terms.unit_cost, short, margin)
        return
    kept = np.unique(np.linspace(0, n_samples - 1, _COLUMNS).round().astype(np.int64))
    holding = walk.config.inventory.holding_rate * terms.unit_cost * made.protection_interval / _DAYS_PER_YEAR
    result.to_cut.append({
        "demand": protection.protection[:, kept], "levels": levels[kept], "position": position, "wanted": wanted,
        "minimum": terms.min_order_quantity, "multiple": terms.order_multiple, "cost": terms.unit_cost,
        "margin": margin, "holding": holding, "key": terms.key, "name": rows.text("unique_id"),
    })  # fmt: skip


def _sum_stock(result: Result, made: Policies, order_quantity: Floats, terms: Terms) -> None:
    result.figures["safety_stock_value"] += float((made.safety_stock * terms.unit_cost).sum())
    mean_stock = np.maximum(made.safety_stock, 0.0) + order_quantity / 2.0
    result.figures["stock_value"] += float((np.where(terms.is_held, 0.0, mean_stock) * terms.unit_cost).sum())


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
    both = [*result.worst, *((str(names[at]), float(lost[at])) for at in most)]
    result.worst = sorted(both, key=lambda one: (-one[1], one[0]))[:_WORST]


def _spend(scenario: Scenario, result: Result) -> None:
    """The budget, over the whole catalogue at once."""
    if scenario.budget is None or not result.to_cut:
        return
    parts = result.to_cut
    all_ = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "levels"}
    lines = order_lines(
        all_["demand"], parts[0]["levels"], position=all_["position"], min_order_quantity=all_["minimum"],
        order_multiple=all_["multiple"], most=all_["wanted"], gain=all_["margin"], holding=all_["holding"],
        key=all_["key"].astype(np.uint64),
    )  # fmt: skip
    made = allot(lines, all_["cost"], scenario.budget)
    short = expected_shortage(all_["demand"], parts[0]["levels"], all_["position"] + made.quantity)
    _sum_orders(result, all_["name"], made.quantity, all_["cost"], short, all_["margin"])
    result.figures["shadow_price"] = float(made.shadow_price[0])
    result.to_cut.clear()


def _position(walk: Walk, rows: Rows) -> Floats:
    stock = walk.read("gold/stock_position", group_id=rows.group_id)
    at = pc.index_in(rows.series["unique_id"], value_set=stock["unique_id"].combine_chunks())
    columns = {
        name: np.nan_to_num(stock[name].take(at).to_numpy().astype(np.float64))
        for name in ("on_hand", "on_order", "backorders", "reserved")
    }
    return np.asarray(
        np.maximum(columns["on_hand"], 0.0) + columns["on_order"] - columns["backorders"] - columns["reserved"]
    )


# --- what is otherwise ----------------------------------------------------------------------------------------------


def _matcher(rows: Rows, named: set[tuple[str, str]]) -> Callable[[Which], NDArray[np.bool_]]:
    """Which series of the group a change is about; what was found is noted in ``named``."""

    def matches(which: Which) -> NDArray[np.bool_]:
        chosen = np.ones(rows.n_series, dtype=np.bool_)
        for column, wanted in which.model_dump().items():
            if not wanted:
                continue
            texts = rows.text(column if column in ("category", "region") else f"{column}_id")
            named.update((column, name) for name in set(texts.tolist()) & set(wanted))
            chosen &= np.isin(texts, wanted)
        return chosen

    return matches


def _refuse_unknown(scenarios: Sequence[Scenario], named: set[tuple[str, str]]) -> None:
    asked = {
        (column, name)
        for scenario in scenarios
        for change in (*scenario.demand, *scenario.prices, *scenario.costs)
        for column, names in change.which.model_dump().items()
        for name in names
    }
    asked |= {("vendor", name) for one in scenarios for delay in (*one.delays, *one.outages) for name in delay.vendors}
    unknown = sorted(asked - named)
    if unknown:
        raise ConfigError(
            explain(
                "scenarios speak of what is not there",
                expected="names as in gold/series",
                which=[f"{column} {name}" for column, name in unknown],
            )
        )


def _demand(
    walk: Walk, found: Distributions, scenario: Scenario, matches: Callable[[Which], NDArray[np.bool_]]
) -> Distributions:
    """Days times their factors; sums over days grow as their means do, which keeps the relative spread."""
    if not scenario.demand:
        return found
    n, horizon = found.mean.shape
    factor = np.ones((n, horizon))
    days = np.datetime64(walk.as_of, "D") + np.arange(1, horizon + 1)
    for change in scenario.demand:
        inside = np.ones(horizon, dtype=np.bool_)
        if change.first_day is not None:
            inside &= days >= np.datetime64(change.first_day, "D")
        if change.last_day is not None:
            inside &= days <= np.datetime64(change.last_day, "D")
        factor *= np.where(matches(change.which)[:, None] & inside, change.factor, 1.0)
    mean = found.mean * factor
    before, after = np.cumsum(found.mean, axis=1), np.cumsum(mean, axis=1)
    grown = np.where(before > 0, after / np.where(before > 0, before, 1.0), 1.0)
    return Distributions(mean, found.quantiles * factor[..., None], found.cumulative_quantiles * grown[..., None])


def _terms(
    walk: Walk, rows: Rows, known: LeadTimes, terms: Terms, scenario: Scenario,
    matches: Callable[[Which], NDArray[np.bool_]], named: set[tuple[str, str]],
) -> Terms:  # fmt: skip
    cost = terms.unit_cost
    for change in scenario.costs:
        cost = np.where(matches(change.which), cost * change.factor, cost)
    kind, target = terms.kind, terms.target
    for name, promise in scenario.targets.items():
        mine = rows.text("abc_class") == name
        kind, target = np.where(mine, promise.kind, kind), np.where(mine, promise.value, target)
    pmf = terms.lead_time_probability
    shifts = [(delay, True) for delay in scenario.delays] + [(outage, False) for outage in scenario.outages]
    for delay, is_longer in shifts:
        named.update(("vendor", name) for name in set(known.vendors.tolist()) & set(delay.vendors))
        mine = np.isin(known.vendors, delay.vendors) if delay.vendors else np.ones(len(known.vendors), np.bool_)
        pmf = _shifted(pmf, mine, delay.days, is_longer=is_longer)
    return replace(terms, unit_cost=cost, kind=kind, target=target, lead_time_probability=pmf)


def _shifted(pmf: Floats, vendors: NDArray[np.bool_], days: int, *, is_longer: bool) -> Floats:
    """Lead times of these vendors: ``days`` longer, or at least that long."""
    n, longest = pmf.shape
    lead = np.arange(longest)
    then = lead + days if is_longer else np.maximum(lead, days)
    out = np.zeros((n, max(longest, int(then.max()) + 1)))
    out[:, :longest] = np.where(vendors[:, None], 0.0, pmf)
    np.add.at(out.T, then, np.where(vendors[:, None], pmf, 0.0).T)
    return out
