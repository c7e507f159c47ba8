"""``scaleinv simulate``: tonight's policies against days that happened, or against the forecast's own demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, Literal, cast, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.config.limits import WEEKDAYS
from scaleinv.errors import ConfigError, DataError, LakeError, explain
from scaleinv.inventory import (
    DAYS_PER_YEAR,
    Simulation,
    interval_of_sums,
    open_days,
    resampled_sums,
    simulate,
    uniforms,
)
from scaleinv.pipeline.arrays import Distributions, Floats, Rows, groups, of_champions
from scaleinv.pipeline.optimize import Night, night_of, wanted_of
from scaleinv.pipeline.terms import Terms, screened, terms_of
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.review import review_phase
from scaleinv.schema.words import HELD_PROBLEMS

DemandOf = Literal["past", "forecast"]

_SUMMED = (
    "demand", "short", "days_short", "cycles", "cycles_short", "on_hand", "value", "lines", "wasted", "sold", "holding",
    "ordering", "stockout", "waste",
)  # fmt: skip
_N_DRAWS: Final = 400
_MOST_LABELS: Final = 10_000
"""Each keeps its draws: 6.4 kB."""
_LEVEL, _ROUNDING = 32, 1024
"""Purposes of random numbers; a path's own is the second plus its number."""
_EPOCH = np.datetime64("1970-01-01", "D")


@dataclass(frozen=True)
class Question:
    """What is simulated."""

    demand: DemandOf = "past"
    """``past``: the last days known; ``forecast``: paths drawn from tonight's forecasts"""
    days: int = 56
    """of the past; a forecast has its own horizon"""
    warmup: int = 14
    """first days that are not counted"""
    replications: int = 20
    """simulations of each series, each with other lead times (and other paths of the forecast)"""
    backorders: bool = False
    shelf_life: int = 0
    """days; 0: goods keep"""
    by: str = "demand_class"
    """a column of gold/series"""


def demand_of(name: str) -> DemandOf:
    """The word of an option.

    Raises:
        ConfigError: there is none such.
    """
    for known in get_args(DemandOf):
        if name == known:
            return cast(DemandOf, known)
    raise ConfigError(explain(f"--demand {name} is not known", expected=" or ".join(get_args(DemandOf))))


def simulated(walk: Walk, question: Question) -> list[dict[str, Any]]:
    """One row for all series, then one per label of ``question.by``: service, stock, orders, waste and cost.

    Raises:
        ConfigError: an option makes no sense.
        LakeError: ``optimize`` has not been run for the day.
    """
    n_days = question.days if question.demand == "past" else walk.config.forecast.horizon
    if not 0 <= question.warmup < n_days or question.replications < 1 or question.shelf_life < 0:
        raise ConfigError(
            explain(
                "nothing can be simulated so",
                expected=f"0 <= --warmup < {n_days} days, --replications >= 1, --shelf-life >= 0",
                found=f"{question.warmup}, {question.replications}, {question.shelf_life}",
            )
        )
    if question.by not in table("gold/series").names:
        raise ConfigError(explain(f"--by {question.by}: gold/series has no such column", do="see docs/simulator.md"))
    if not walk.lake.partition_values(table("gold/policies"), "as_of", where={"as_of": walk.as_of}):
        raise LakeError(explain(f"there are no policies as of {walk.as_of}", do="run scaleinv optimize first"))
    night = night_of(walk)
    labels: dict[str, _Label] = {}
    for rows in groups(walk):
        terms, given, found = _of_group(walk, rows, night, question, n_days)
        _add(labels, rows.text(question.by), given, terms.key[given], _columns(walk, rows, terms, given, found))
        if len(labels) > _MOST_LABELS:
            raise ConfigError(explain(f"--by {question.by} has too many values", expected=f"at most {_MOST_LABELS:,}"))
    counted = n_days - question.warmup
    every = _Label()
    for label in labels.values():
        every.add(label)
    return [_row("all", every, counted)] + [
        _row(f"{question.by} {name}", labels[name], counted) for name in sorted(labels)
    ]


def told(rows: list[dict[str, Any]], question: Question) -> str:
    """The rows as a table."""
    what = "the last days known" if question.demand == "past" else "paths of the forecast"
    width = max(len(str(row["series"])) for row in rows) + 2
    head = ["", "n", "fill rate", "95 % interval", "cycles", "days short", "on hand", "value", "turns", "orders",
            "wasted", "cost/day"]  # fmt: skip
    lines = [f"Tonight's policies on {what}, {rows[0]['days']} days counted", _line(head, width)]
    for row in rows:
        bounds = "{:.1%} … {:.1%}".format(*row["fill_rate_interval"]) if row["fill_rate"] is not None else ""
        cells = [
            row["series"], f"{row['n_series']:,}", _share(row["fill_rate"]), bounds, _share(row["cycle_service_level"]),
            _share(row["days_short"]), f"{row['on_hand']:,.0f}", f"{row['stock_value']:,.0f}",
            "" if row["turns"] is None else f"{row['turns']:.1f}", f"{row['orders']:,.0f}", f"{row['wasted']:,.0f}",
            f"{row['cost_per_day']:,.2f}",
        ]  # fmt: skip
        lines.append(_line(cells, width))
    if rows[0]["n_held"]:
        lines.append(f"Left out: {rows[0]['n_held']:,} series that nothing is ordered of (gold/policies.problem)")
    return "\n".join(lines)


def _line(cells: list[str], width: int) -> str:
    widths = [width, 8, 11, 17, 9, 12, 11, 12, 8, 9, 9, 12]
    return "".join(
        f"{cell:<{w}}" if i == 0 else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
    )


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _of_group(
    walk: Walk, rows: Rows, night: Night, question: Question, n_days: int
) -> tuple[Terms, NDArray[np.bool_], Simulation | None]:
    """Terms of all series, which are simulated, and what became of these; None: none is."""
    policies = walk.read("gold/policies", group_id=rows.group_id).sort_by("unique_id")
    if not policies["unique_id"].combine_chunks().equals(rows.series["unique_id"].combine_chunks()):
        raise DataError(explain("gold/policies holds other series than gold/series", do="run scaleinv optimize again"))
    if question.demand == "past":
        first = walk.as_of - timedelta(days=n_days - 1)
        demand = wanted_of(walk, rows, night, [first + timedelta(days=day) for day in range(n_days)])
        # Whose forecast is no number was held when the policies were made.
        found = Distributions(*(np.zeros((rows.n_series, 1, 1)) for _ in range(3)))
        terms, _ = screened(terms_of(walk, rows, night.lead_times), found)
    else:
        first = walk.as_of + timedelta(days=1)
        found = of_champions(walk, rows.group_id, rows.series, night.champions, cutoff=walk.as_of)
        terms, found = screened(terms_of(walk, rows, night.lead_times), found)
        levels = np.asarray(walk.config.forecast.quantile_levels)
        demand = forecast_paths(found, levels, question.replications, seed=walk.config.inventory.seed, key=terms.key)
    held = pc.is_in(policies["problem"], value_set=pa.array(HELD_PROBLEMS)).to_numpy()
    given = ~(terms.is_held | np.asarray(held, dtype=np.bool_))
    if not given.any():
        return terms, given, None
    point, up_to = (_numbers(policies, name)[given, None] for name in ("reorder_point", "order_up_to_level"))
    top = np.nan_to_num(_numbers(policies, "level_limit")[given], nan=np.inf, posinf=np.inf)
    lead_time, can_order, can_receive, is_own = _calendars(walk, night, terms, first, n_days)
    started = int((np.datetime64(first, "D") - _EPOCH).astype(int))
    period = np.where(is_own[terms.vendor], 1, terms.review_period)
    result = simulate(
        demand[given], point, up_to, np.zeros(n_days, np.int64), terms.min_order_quantity[given],
        terms.order_multiple[given], lead_time, terms.vendor[given], period[given], n_warmup=question.warmup,
        key=terms.key[given], seed=walk.config.inventory.seed, n_replications=question.replications,
        review_phase=review_phase(period, terms.review_date, started)[given], backorders=question.backorders,
        shelf_life=np.full(given.sum(), question.shelf_life), limit=top if np.isfinite(top).any() else None,
        can_order=can_order, can_receive=can_receive,
    )  # fmt: skip
    return terms, given, result


def _numbers(policies: pa.Table, name: str) -> Floats:
    """(n_series,) nan where null."""
    return np.asarray(policies[name].cast(pa.float64()).to_numpy(), dtype=np.float64)


def _calendars(
    walk: Walk, night: Night, terms: Terms, first: date, n_days: int
) -> tuple[Floats, NDArray[np.bool_] | None, NDArray[np.bool_] | None, NDArray[np.bool_]]:
    """Lead times, evenings of orders, mornings of deliveries, and whose are by a calendar; per vendor.

    A night's policies know a calendar as it looks from that night; here each evening looks at it anew. What is ready
    after the cut-off time is proposed the evening before an order day and is a day longer on its way.
    """
    known, chosen = night.lead_times.vendors.tolist(), walk.config.inventory.calendars
    is_own = np.asarray([name in chosen for name in known], dtype=np.bool_)
    pmf = terms.lead_time_probability
    if not is_own.any():
        return pmf, None, None, is_own
    late = np.asarray([name in chosen and chosen[name].is_past_cutoff for name in known], dtype=np.bool_)
    at_once = np.pad(pmf, ((0, 0), (0, 1)))
    next_day = np.pad(pmf, ((0, 0), (1, 0)))
    next_day[:, 2] += next_day[:, 1]  # of 0 days, which counts as 1
    next_day[:, 1] = 0.0
    orders, receipts = np.ones((2, len(known), n_days), dtype=np.bool_)
    for number in np.flatnonzero(is_own):
        calendar = chosen[known[number]]
        for mine, days, start in (
            (orders, calendar.order_days, first + timedelta(days=int(late[number]))),
            (receipts, calendar.delivery_days, first),
        ):
            mine[number] = open_days(start, n_days, [day in days for day in WEEKDAYS], [calendar.holidays]).is_open[0]
    return np.where(late[:, None], next_day, at_once), orders, receipts, is_own


def forecast_paths(found: Distributions, levels: Floats, n_paths: int, *, seed: int, key: NDArray[np.uint64]) -> Floats:
    """(n_series, n_paths, horizon) whole units: each path keeps its level in the distribution of cumulative demand.

    So the sum from tomorrow to any day has just the distribution that was forecast, which is what a reorder point is
    read off; the days of one path are smoother than days are. A series' paths depend on nothing but the seed and its
    key.
    """
    n_series, horizon, _ = found.cumulative_quantiles.shape
    level = (np.arange(n_paths)[None, :] + uniforms(seed, key, _LEVEL)[:, None]) / n_paths
    part = np.stack([uniforms(seed, key, _ROUNDING + path) for path in range(n_paths)], axis=1)[:, :, None]
    at = np.clip(np.searchsorted(levels, level) - 1, 0, len(levels) - 2)
    weight = np.clip((level - levels[at]) / (levels[at + 1] - levels[at]), 0.0, 1.0)
    total = np.empty((n_series, n_paths, horizon))
    for step in range(horizon):
        now = found.cumulative_quantiles[:, step]
        total[:, :, step] = (1 - weight) * np.take_along_axis(now, at, 1) + weight * np.take_along_axis(now, at + 1, 1)
    total = np.maximum.accumulate(np.floor(np.maximum(total, 0.0) + part), axis=2)
    return np.diff(total, axis=2, prepend=0.0)


@dataclass
class _Label:
    """Sums over the series of one label so far."""

    n_series: int = 0
    n_held: int = 0
    sums: Floats = field(default_factory=lambda: np.zeros(len(_SUMMED)))
    drawn: Floats = field(default_factory=lambda: np.zeros((_N_DRAWS, 2)))
    """short and demand, in each draw of the assortment"""

    def add(self, other: _Label) -> None:
        """Other series of the same label."""
        self.n_series += other.n_series
        self.n_held += other.n_held
        self.sums += other.sums
        self.drawn += other.drawn


def _add(
    labels: dict[str, _Label], names: NDArray[np.str_], given: NDArray[np.bool_], key: NDArray[np.uint64],
    columns: Floats,
) -> None:  # fmt: skip
    """A group's series to their labels; ``key`` and ``columns`` are of the given ones."""
    here, place = np.unique(names, return_inverse=True)
    mine = place[given]
    short, demand = (columns[_SUMMED.index(name)] for name in ("short", "demand"))
    drawn = resampled_sums(short, demand, key=key, label=mine, n_labels=len(here), n_draws=_N_DRAWS)
    n_series, n_held = (np.bincount(one, minlength=len(here)) for one in (mine, place[~given]))
    for number, name in enumerate(here.tolist()):
        sums = columns[:, mine == number].sum(axis=1)
        labels.setdefault(name, _Label()).add(_Label(int(n_series[number]), int(n_held[number]), sums, drawn[number]))


def _columns(walk: Walk, rows: Rows, terms: Terms, given: NDArray[np.bool_], found: Simulation | None) -> Floats:
    """(n_summed, n_given), in the order of ``_SUMMED``."""
    if found is None:
        return np.zeros((len(_SUMMED), 0))
    config, cost = walk.config.inventory, terms.unit_cost[given]
    margin = np.maximum(np.nan_to_num(rows.numbers("unit_price")[given]) - cost, 0.0)
    value = found.mean_on_hand * cost
    short = found.lost + found.late
    return np.stack(
        [
            found.demand, short, found.days_short, found.cycles, found.cycles_short, found.mean_on_hand, value,
            found.order_lines, found.wasted, found.demand - found.lost,
            value * config.holding_rate * found.n_days / DAYS_PER_YEAR, found.order_lines * config.ordering_cost,
            short * margin, found.wasted * cost,
        ]
    )  # fmt: skip


def _row(name: str, label: _Label, days: int) -> dict[str, Any]:
    total = dict(zip(_SUMMED, label.sums.tolist(), strict=True))

    def share(part: str, whole: str) -> float | None:
        return 1 - total[part] / total[whole] if total[whole] > 0 else None

    bounds = interval_of_sums(label.drawn)
    fill = share("short", "demand")
    costs = {name: total[name] / days for name in ("holding", "ordering", "stockout", "waste")}
    return {
        "series": name, "n_series": label.n_series, "n_held": label.n_held, "days": days, "demand": total["demand"],
        "fill_rate": fill, "fill_rate_interval": None if fill is None else [1 - bounds[1], 1 - bounds[0]],
        "cycle_service_level": share("cycles_short", "cycles"),
        "days_short": total["days_short"] / label.n_series / days if label.n_series else None,
        "on_hand": total["on_hand"], "stock_value": total["value"],
        "turns": total["sold"] * DAYS_PER_YEAR / days / total["on_hand"] if total["on_hand"] > 0 else None,
        "orders": total["lines"], "wasted": total["wasted"], "cost_per_day": sum(costs.values()), "costs": costs,
    }  # fmt: skip
