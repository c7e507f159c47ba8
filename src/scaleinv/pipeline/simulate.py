"""``scaleinv simulate``: tonight's policies against days that happened, or against the forecast's own demand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, cast, get_args

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import ConfigError, DataError, LakeError, explain
from scaleinv.inventory import Simulation, ratio_interval, simulate
from scaleinv.pipeline.arrays import Distributions, Floats, Rows, groups, of_champions
from scaleinv.pipeline.optimize import Night, night_of, wanted_of
from scaleinv.pipeline.terms import Terms, terms_of, with_calendars
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.review import review_phase

DemandOf = Literal["past", "forecast"]

_SUMMED = (
    "demand", "short", "days_short", "cycles", "cycles_short", "on_hand", "value", "lines", "wasted", "sold", "holding",
    "ordering", "stockout", "waste",
)  # fmt: skip
_EPOCH = np.datetime64("1970-01-01", "D")
_DAYS_PER_YEAR = 365.25


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
    labels, columns = [], []
    for rows in groups(walk):
        terms = with_calendars(walk, terms_of(walk, rows, night.lead_times), night.lead_times)
        found = _of_group(walk, rows, night, terms, question, n_days)
        labels.append(rows.text(question.by))
        columns.append(_columns(walk, rows, terms, found))
    every, sums = np.concatenate(labels), np.concatenate(columns, axis=1)
    counted = n_days - question.warmup
    made = [_row("all", sums, counted)]
    return made + [_row(f"{question.by} {name}", sums[:, every == name], counted) for name in np.unique(every).tolist()]


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
    return "\n".join(lines)


def _line(cells: list[str], width: int) -> str:
    widths = [width, 8, 11, 17, 9, 12, 11, 12, 8, 9, 9, 12]
    return "".join(
        f"{cell:<{w}}" if i == 0 else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
    )


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _of_group(walk: Walk, rows: Rows, night: Night, terms: Terms, question: Question, n_days: int) -> Simulation:
    policies = walk.read("gold/policies", group_id=rows.group_id).sort_by("unique_id")
    if not policies["unique_id"].combine_chunks().equals(rows.series["unique_id"].combine_chunks()):
        raise DataError(explain("gold/policies holds other series than gold/series", do="run scaleinv optimize again"))
    if question.demand == "past":
        first = walk.as_of - timedelta(days=n_days - 1)
        demand = wanted_of(walk, rows, night, [first + timedelta(days=day) for day in range(n_days)])
    else:
        first = walk.as_of + timedelta(days=1)
        found = of_champions(walk, rows.group_id, rows.series, night.champions, cutoff=walk.as_of)
        levels = np.asarray(walk.config.forecast.quantile_levels)
        demand = forecast_paths(found, levels, question.replications, seed=walk.config.inventory.seed)
    point, up_to = (
        np.asarray(pc.cast(policies[name], "double").to_numpy())[:, None]
        for name in ("reorder_point", "order_up_to_level")
    )
    started = int((np.datetime64(first, "D") - _EPOCH).astype(int))
    return simulate(
        demand, point, up_to, np.zeros(n_days, np.int64), terms.min_order_quantity, terms.order_multiple,
        terms.lead_time_probability, terms.vendor, terms.review_period, n_warmup=question.warmup, key=terms.key,
        seed=walk.config.inventory.seed, n_replications=question.replications,
        review_phase=review_phase(terms.review_period, terms.review_date, started), backorders=question.backorders,
        shelf_life=np.full(rows.n_series, question.shelf_life),
    )  # fmt: skip


def forecast_paths(found: Distributions, levels: Floats, n_paths: int, *, seed: int) -> Floats:
    """(n_series, n_paths, horizon) whole units: each path keeps its level in the distribution of cumulative demand.

    So the sum from tomorrow to any day has just the distribution that was forecast, which is what a reorder point is
    read off; the days of one path are smoother than days are.
    """
    n_series, horizon, _ = found.cumulative_quantiles.shape
    rng = np.random.default_rng(seed)
    level = (np.arange(n_paths)[None, :] + rng.random((n_series, 1))) / n_paths
    at = np.clip(np.searchsorted(levels, level) - 1, 0, len(levels) - 2)
    weight = np.clip((level - levels[at]) / (levels[at + 1] - levels[at]), 0.0, 1.0)
    total = np.empty((n_series, n_paths, horizon))
    for step in range(horizon):
        now = found.cumulative_quantiles[:, step]
        total[:, :, step] = (1 - weight) * np.take_along_axis(now, at, 1) + weight * np.take_along_axis(now, at + 1, 1)
    total = np.maximum.accumulate(np.floor(np.maximum(total, 0.0) + rng.random((n_series, n_paths, 1))), axis=2)
    return np.diff(total, axis=2, prepend=0.0)


def _columns(walk: Walk, rows: Rows, terms: Terms, found: Simulation) -> NDArray[np.float64]:
    """(n_summed, n_series), in the order of ``_SUMMED``."""
    config, cost = walk.config.inventory, np.nan_to_num(terms.unit_cost)
    margin = np.maximum(np.nan_to_num(rows.numbers("unit_price")) - cost, 0.0)
    value = found.mean_on_hand * cost
    short = found.lost + found.late
    return np.stack(
        [
            found.demand, short, found.days_short, found.cycles, found.cycles_short, found.mean_on_hand, value,
            found.order_lines, found.wasted, found.demand - found.lost,
            value * config.holding_rate * found.n_days / _DAYS_PER_YEAR, found.order_lines * config.ordering_cost,
            short * margin, found.wasted * cost,
        ]
    )  # fmt: skip


def _row(name: str, sums: NDArray[np.float64], days: int) -> dict[str, Any]:
    total = dict(zip(_SUMMED, sums.sum(axis=1).tolist(), strict=True))
    at = {key: place for place, key in enumerate(_SUMMED)}

    def share(part: str, whole: str) -> float | None:
        return 1 - total[part] / total[whole] if total[whole] > 0 else None

    bounds = ratio_interval(sums[at["short"]], sums[at["demand"]])
    fill = share("short", "demand")
    costs = {name: total[name] / days for name in ("holding", "ordering", "stockout", "waste")}
    return {
        "series": name, "n_series": sums.shape[1], "days": days, "demand": total["demand"], "fill_rate": fill,
        "fill_rate_interval": None if fill is None else [1 - bounds[1], 1 - bounds[0]],
        "cycle_service_level": share("cycles_short", "cycles"),
        "days_short": total["days_short"] / sums.shape[1] / days,
        "on_hand": total["on_hand"], "stock_value": total["value"],
        "turns": total["sold"] * _DAYS_PER_YEAR / days / total["on_hand"] if total["on_hand"] > 0 else None,
        "orders": total["lines"], "wasted": total["wasted"], "cost_per_day": sum(costs.values()), "costs": costs,
    }  # fmt: skip
