"""Stage optimize: distributions of demand to tonight's policies, and such policies replayed on the held-out days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.config import Config
from scaleinv.errors import EngineError, explain
from scaleinv.evaluation import cutoffs
from scaleinv.inventory import DAYS_PER_YEAR, Limited, Simulation, simulate
from scaleinv.lake import StagedFile
from scaleinv.pipeline.arrays import (
    Floats,
    LeadTimes,
    Rows,
    champions_of,
    group,
    groups,
    lead_times,
    of_champions,
)
from scaleinv.pipeline.levels import levels_of, policy_rows
from scaleinv.pipeline.nights import Panel, panel_of
from scaleinv.pipeline.terms import Terms, bounded, protection_of, terms_of, tonight
from scaleinv.pipeline.walk import Outcome, Walk, rows_of
from scaleinv.schema import table
from scaleinv.schema.review import review_phase
from scaleinv.schema.words import ID_SEPARATOR, POLICY_METHODS

OLD: Final = "old"
_OLD: Final = ("old_reorder_point", "old_order_up_to_level")
_TOLD: Final = 10
"""So many names of vendors stand in a line."""


@dataclass(frozen=True)
class Night:
    """What every group needs."""

    champions: dict[str, str]
    lead_times: LeadTimes
    has_truth: bool
    has_old: bool
    """some old levels are known: series whose are not are left out of the replay, so that all serve the same demand"""
    cutoffs: list[date]


@dataclass
class _Sums:
    """Replay sums per (policy, slice, value)."""

    n_days: int = 0
    sums: dict[tuple[str, str, str], Floats] = field(default_factory=dict)

    def add(self, policy: str, by: dict[str, NDArray[np.str_]], columns: list[Floats]) -> None:
        """Adds series to every label they carry."""
        values = np.stack(columns)
        for name, labels in by.items():
            for label in np.unique(labels):
                self._put((policy, name, str(label)), values[:, labels == label].sum(axis=1))

    def add_all(self, other: _Sums) -> None:
        """Adds another group's."""
        self.n_days = max(self.n_days, other.n_days)
        for key, values in other.sums.items():
            self._put(key, values)

    def _put(self, key: tuple[str, str, str], values: Floats) -> None:
        self.sums[key] = self.sums.get(key, np.zeros(len(values))) + values


@dataclass(frozen=True)
class Part:
    """What one group comes to: a file that is not committed yet, and what is counted."""

    file: StagedFile
    n_series: int
    n_stretched: int
    n_held: int
    at_once: frozenset[str]
    """vendors whose lead times are mostly 0 days"""
    replay: _Sums


def work(walk: Walk) -> Outcome:
    """One pass over the groups; memory holds one group at a time, or one for each of Ray's workers."""
    night = night_of(walk)
    files: list[StagedFile] = []
    sums, at_once = _Sums(), set[str]()
    n_series = n_stretched = n_held = 0
    for part in _on_ray(walk, night) if walk.config.ray.optimize else _here(walk, night):
        files.append(part.file)
        n_series, n_stretched, n_held = n_series + part.n_series, n_stretched + part.n_stretched, n_held + part.n_held
        at_once |= part.at_once
        sums.add_all(part.replay)
    walk.commit("gold/policies", files, n_series)
    if n_stretched:
        walk.progress.say(f"{n_stretched:,} series have lead times beyond the horizon: their forecast was stretched")
    if n_held:
        walk.progress.say(f"{n_held:,} series cannot be ordered by: replenish names them (gold/policies.problem)")
    if at_once:
        walk.progress.say(f"lead times that are mostly 0 days count as 1: {_listed(sorted(at_once))}")
    walk.overwrite("gold/replay", _replay_rows(walk, sums))
    return Outcome()


def _here(walk: Walk, night: Night) -> Iterator[Part]:
    return (_part(walk, rows, night) for rows in groups(walk))


def _on_ray(walk: Walk, night: Night) -> list[Part]:
    """The same parts in the same order, each made by one of Ray's workers.

    Raises:
        EngineError: a group failed, however often it was tried.
    """
    from scaleinv.fanout import Task, fan_out

    walk.ray()
    names, panel = walk.groups(), panel_of(walk)
    tasks = [Task(id=name, payload=(walk.config, walk.as_of, name, panel, night), cost=1.0) for name in names]
    made: dict[str, Part] = {}
    for outcome in fan_out(_on_worker, tasks, walk.config.ray):
        if not outcome.ok:
            raise EngineError(
                explain(f"optimize: group {outcome.id} failed after {outcome.attempts} tries", found=outcome.error)
            )
        assert isinstance(outcome.value, Part)
        made[outcome.id] = outcome.value
        walk.progress.count(len(made), len(names), "groups")
    return [made[name] for name in names]


def _on_worker(payload: tuple[Config, date, str, Panel, Night]) -> Part:
    config, as_of, name, panel, night = payload
    walk = Walk(config, as_of)
    return _part(walk, group(walk, name, panel), night)


def _part(walk: Walk, rows: Rows, night: Night) -> Part:
    """Policies of one group, and such policies replayed."""
    found = of_champions(walk, rows.group_id, rows.series, night.champions, cutoff=walk.as_of)
    terms, found = tonight(walk, rows, night.lead_times, found)
    demand = protection_of(walk, found, terms)
    levels = levels_of(walk, demand, found, terms, walk.config.inventory.method)
    content = policy_rows(walk, rows, night.champions, terms, levels)
    partition = {"as_of": walk.as_of, "group_id": rows.group_id}
    sums = _Sums()
    _replay_group(walk, rows, night, terms.is_held, sums)
    return Part(
        file=walk.lake.stage_file(table("gold/policies"), content, partition=partition),
        n_series=rows.n_series,
        n_stretched=demand.n_beyond_horizon,
        n_held=int(terms.is_held.sum()),
        at_once=frozenset(rows.text("vendor_id")[terms.problem == "zero_lead_time"].tolist()),
        replay=sums,
    )


def _listed(vendors: list[str]) -> str:
    more = len(vendors) - _TOLD
    return "vendors " + ", ".join(vendors[:_TOLD]) + (f" and {more:,} more" if more > 0 else "")


# --- what a night needs -------------------------------------------------------------------------------------------


def night_of(walk: Walk) -> Night:
    """What every group needs, read once."""
    config = walk.config.evaluation
    days = cutoffs(walk.as_of, config.holdout_days, config.refresh_days)
    return Night(
        champions=champions_of(walk),
        lead_times=lead_times(walk),
        has_truth=walk.lake.rows(table("silver/true_demand")) > 0,
        has_old=any(
            _old_levels_known(walk.read("gold/series", columns=list(_OLD), group_id=name)).any()
            for name in walk.groups()
        ),
        cutoffs=days,
    )


def _old_levels_known(series: pa.Table) -> NDArray[np.bool_]:
    """(n_series,) both levels of the retailer's present policy are known."""
    known = pc.and_(*[pc.is_valid(series[name]) for name in _OLD])
    return np.asarray(known.to_numpy(), dtype=np.bool_)


def _replay_days(walk: Walk, first_cutoff: date) -> list[tuple[date, int]]:
    """Each replayed day, warm-up first, and which of the backtest's policies is in force in its evening."""
    config = walk.config.evaluation
    last = len(cutoffs(walk.as_of, config.holdout_days, config.refresh_days)) - 1
    offsets = range(-config.warmup_days + 1, config.holdout_days + 1)
    return [(first_cutoff + timedelta(days=day), min(max(day, 0) // config.refresh_days, last)) for day in offsets]


# --- replay -------------------------------------------------------------------------------------------------------


def _replay_group(walk: Walk, rows: Rows, night: Night, is_held: NDArray[np.bool_], sums: _Sums) -> None:
    """Without calendars, which are tonight's, and without series that are held; under each cutoff's limits of stock."""
    days = _replay_days(walk, night.cutoffs[0])
    terms = terms_of(walk, rows, night.lead_times)
    wanted = wanted_of(walk, rows, night, [day for day, _ in days])
    by = {
        "overall": np.full(rows.n_series, "all"),
        "target": np.char.add(np.char.add(terms.kind, " "), np.char.mod("%g", terms.target)),
        "demand_class": rows.text("demand_class"),
    }
    backtest: dict[str, list[Limited]] = {method: [] for method in POLICY_METHODS}
    for cutoff in night.cutoffs:
        found = of_champions(walk, rows.group_id, rows.series, night.champions, cutoff=cutoff)
        terms, found = bounded(walk, rows, terms, found)
        demand = protection_of(walk, found, terms)
        for method in POLICY_METHODS:
            backtest[method].append(levels_of(walk, demand, found, terms, method).limited)
    levels = {
        method: (
            np.stack([p.reorder_point for p in made], axis=1),
            np.stack([p.order_up_to_level for p in made], axis=1),
        )
        for method, made in backtest.items()
    }
    old = [rows.numbers(name)[:, None] for name in _OLD]
    levels[OLD] = (np.repeat(old[0], len(night.cutoffs), axis=1), np.repeat(old[1], len(night.cutoffs), axis=1))
    # What was not there when the first policy was made had no order to be replayed.
    compared = rows.ds[rows.indptr[:-1]] <= np.datetime64(night.cutoffs[0], "D")
    compared &= ~is_held & ~terms.is_held
    if night.has_old:
        compared &= _old_levels_known(rows.series)
    refresh = np.asarray([index for _, index in days])
    phase = review_phase(terms.review_period, terms.review_date, (days[0][0] - date(1970, 1, 1)).days)
    for policy, (point, up_to) in levels.items():
        given = compared & ~np.isnan(point).any(axis=1)
        result = simulate(
            wanted[given], point[given], up_to[given], refresh,
            terms.min_order_quantity[given], terms.order_multiple[given],
            terms.lead_time_probability, terms.vendor[given], terms.review_period[given],
            n_warmup=walk.config.evaluation.warmup_days, key=terms.key[given], seed=walk.config.inventory.seed,
            n_replications=walk.config.evaluation.replications, review_phase=phase[given],
        )  # fmt: skip
        sums.n_days = result.n_days
        columns = _columns(walk, rows, terms, given, result)
        sums.add(policy, {name: labels[given] for name, labels in by.items()}, columns)


def wanted_of(walk: Walk, rows: Rows, night: Night, days: list[date]) -> Floats:
    """(n_series, n_days) units wanted: the truth where a simulator knows it, else the panel's demand."""
    if night.has_truth:
        return _truth(walk, rows, days)
    return np.nan_to_num(rows.window(rows.y, days[0], len(days)))


def _truth(walk: Walk, rows: Rows, days: list[date]) -> Floats:
    """(n_series, n_days), read for the group's articles only: a night's truth does not fit into memory."""
    articles = pc.unique(rows.series["sku_id"]).to_pylist()
    truth = walk.lake.read(table("silver/true_demand"), where={"date": days, "sku_id": articles})
    names = pc.binary_join_element_wise(truth["sku_id"], truth["location_id"], ID_SEPARATOR)
    owner = pc.index_in(names, value_set=rows.series["unique_id"].combine_chunks())
    mine = pc.is_valid(owner)
    day = truth["date"].filter(mine).to_numpy().astype("datetime64[D]")
    grid = np.zeros((rows.n_series, len(days)))
    at = (owner.filter(mine).to_numpy(), (day - np.datetime64(days[0], "D")).astype(np.int64))
    grid[at] = truth["quantity"].filter(mine).to_numpy()
    return grid


def _columns(walk: Walk, rows: Rows, terms: Terms, given: NDArray[np.bool_], result: Simulation) -> list[Floats]:
    """What is added up per label, in the order that :func:`_replay_rows` reads."""
    config = walk.config.inventory
    cost = terms.unit_cost[given]
    margin = np.maximum(rows.numbers("unit_price")[given] - cost, 0.0)
    years = result.n_days / DAYS_PER_YEAR
    return [
        np.ones(len(cost)),
        result.demand,
        result.lost,
        result.days_short,
        result.mean_on_hand,
        result.mean_on_hand * cost,
        result.mean_on_hand * cost * config.holding_rate * years,
        result.lost * margin,
        result.order_lines * config.ordering_cost,
    ]


def _replay_rows(walk: Walk, sums: _Sums) -> pa.Table:
    contract = table("gold/replay")
    made = []
    for (policy, name, value), total in sorted(sums.sums.items()):
        n_series, demand, lost, short, on_hand, stock_value, holding, stockout, ordering = total.tolist()
        made.append(
            {
                "as_of": walk.as_of, "policy": policy, "slice": name, "value": value,
                "n_series": round(n_series), "n_days": sums.n_days, "demand": demand, "lost_sales": lost,
                "fill_rate": 1 - lost / demand if demand > 0 else None,
                "stockout_share": short / (n_series * sums.n_days) if n_series else None,
                "mean_on_hand": on_hand, "mean_stock_value": stock_value, "holding_cost": holding,
                "stockout_cost": stockout, "ordering_cost": ordering,
            }
        )  # fmt: skip
    return rows_of(contract, made)
