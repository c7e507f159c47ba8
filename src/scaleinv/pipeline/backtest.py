"""A backtest: promises made night after night from forecasts of the past, and what the days that followed made of them.

Each night is walked as if it were today, on what was known then, until its forecasts are judged; its weekly cutoffs
(``evaluation.refresh_days``) give new policies, and one simulation goes through all days of all nights. A night uses
the champions that the night before elected: those of its own were elected on the days that are simulated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import ConfigError, explain
from scaleinv.evaluation import cutoffs
from scaleinv.inventory import simulate
from scaleinv.pipeline.arrays import Floats, Rows, champions_of, groups, of_champions
from scaleinv.pipeline.levels import policies_of
from scaleinv.pipeline.stages import stages_between
from scaleinv.pipeline.targets import name_keys
from scaleinv.pipeline.terms import Terms, protection_of, screened
from scaleinv.pipeline.walk import Walk
from scaleinv.schema.words import PolicyMethod

_SUMS: Final = (
    "n_series", "demand", "lost", "demand_value", "lost_value", "cycles", "cycles_short", "days_short", "stock_value",
    "order_lines",
)  # fmt: skip
_TERMS: Final = ("unit_cost", "min_order_quantity", "order_multiple")


@dataclass(frozen=True)
class Promise:
    """What is promised under which terms: one column of the backtest."""

    method: PolicyMethod
    lead_time: int
    """days"""
    review_period: int
    """days"""
    kind: str
    """``fill_rate`` or ``cycle_service_level``"""
    target: float


@dataclass
class Backtest:
    """Sums per promise and slice, over ``n_days`` days."""

    first: date
    last: date
    n_days: int
    n_cutoffs: int
    n_left_out: int = 0
    """series that could not be ordered on every night, or were in another group then"""
    sums: dict[tuple[Promise, str, str], Floats] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """One per promise and slice: target, what was achieved, and what it took."""
        made = []
        for (promise, name, value), total in self.sums.items():
            of = dict(zip(_SUMS, total.tolist(), strict=True))
            fill = 1 - of["lost"] / of["demand"] if of["demand"] else None
            cycle = 1 - of["cycles_short"] / of["cycles"] if of["cycles"] else None
            made.append(
                vars(promise)
                | {"slice": name, "value": value, "achieved": fill if promise.kind == "fill_rate" else cycle}
                | {"fill_rate": fill, "cycle_service_level": cycle}
                | {"fill_rate_by_value": 1 - of["lost_value"] / of["demand_value"] if of["demand_value"] else None}
                | {"stock_value": of["stock_value"], "n_series": round(of["n_series"])}
                | {"order_lines": of["order_lines"], "stockout_share": of["days_short"] / of["n_series"] / self.n_days}
            )
        return made

    def text(self) -> str:
        """For people."""
        lines = [
            f"{self.n_days} days, {self.first} to {self.last}; policies of {self.n_cutoffs} cutoffs; "
            f"{self.n_left_out:,} series left out, which could not be ordered on every night",
            f"{'method':<10}{'lead':>5}{'review':>7}  {'promise':<20}{'target':>8}{'achieved':>9}{'error':>7}"
            f"{'stock':>14}  worst demand class",
        ]
        rows = self.rows()
        for row in rows:
            if row["slice"] != "overall" or row["achieved"] is None:
                continue
            same = [
                one for one in rows
                if _promise(one) == _promise(row) and one["slice"] == "demand_class" and one["achieved"] is not None
            ]  # fmt: skip
            worst = max(same, key=_error)
            off = worst["achieved"] - worst["target"]
            lines.append(
                f"{row['method']:<10}{row['lead_time']:>5}{row['review_period']:>7}  {row['kind']:<20}"
                f"{row['target']:>8.3f}{row['achieved']:>9.4f}{100 * (row['achieved'] - row['target']):>+7.1f}"
                f"{row['stock_value']:>14,.0f}  {worst['value']} {100 * off:+.1f}"
            )
        return "\n".join(lines)


def _error(row: dict[str, Any]) -> float:
    return float(abs(row["achieved"] - row["target"]))


def _promise(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("method", "lead_time", "review_period", "kind", "target"))


def backtest(walk: Walk, promises: Sequence[Promise], *, n_nights: int, warmup_days: int) -> Backtest:
    """Walks ``n_nights`` nights, the last of them the walk's, as far as is missing, and simulates every promise.

    Args:
        walk: the last night.
        promises: what is to be simulated.
        n_nights: nights ``evaluation.holdout_days`` apart.
        warmup_days: first days that are not counted: stock begins at the first level, and what the first night knew of
            demand classes it knew from its hold-out.

    Raises:
        ConfigError: no day is left to count, or days of the first hold-out would count.
    """
    holdout = walk.config.evaluation.holdout_days
    days = [walk.as_of - timedelta(days=holdout * back) for back in reversed(range(n_nights))]
    n_days = n_nights * holdout
    if not holdout <= warmup_days < n_days:
        expected = f"at least the first night's {holdout} days, less than all {n_days}"
        raise ConfigError(explain("no day is left to count", expected=expected, found=f"a warm-up of {warmup_days}"))
    nights = [Walk(walk.config, day, progress=walk.progress, engines=walk.engines) for day in days]
    with walk.engines:
        for night in nights:
            night.run(stages_between(None, "evaluate"))
    first = days[0] - timedelta(days=holdout - 1)
    made = _Made(nights)
    counted = first + timedelta(days=warmup_days)
    found = Backtest(counted, walk.as_of, n_days - warmup_days, len(made.cutoffs))
    for rows in groups(walk):
        _add(found, made, rows, promises, first, n_days, warmup_days)
    return found


@dataclass(frozen=True)
class _Cutoff:
    night: Walk
    champions: dict[str, str]
    day: date


class _Made:
    """Every cutoff of every night, with what was known in that night."""

    def __init__(self, nights: Sequence[Walk]) -> None:
        evaluation, models = nights[0].config.evaluation, nights[0].config.forecast.models
        # A class that the night before did not know has no champion yet.
        first: dict[str, str] = dict.fromkeys((name for night in nights for name in champions_of(night)), models[0])
        elected = [first, *(first | champions_of(night) for night in nights[:-1])]
        self.cutoffs = [
            _Cutoff(night, champions, day)
            for night, champions in zip(nights, elected, strict=True)
            for day in cutoffs(night.as_of, evaluation.holdout_days, evaluation.refresh_days)
        ]

    def classes(self, rows: Rows) -> NDArray[np.str_]:
        """(n_series,) demand class as the first night knew it: the days that count may have changed it."""
        columns = ["unique_id", "demand_class"]
        known = self.cutoffs[0].night.read("gold/series", columns=columns, group_id=rows.group_id)
        at = pc.index_in(rows.series["unique_id"], value_set=known["unique_id"].combine_chunks())
        return np.asarray(pc.fill_null(known["demand_class"].take(at), "unknown").to_pylist(), dtype=np.str_)


def _add(
    found: Backtest, made: _Made, rows: Rows, promises: Sequence[Promise], first: date, n_days: int, warmup: int
) -> None:
    """One group, simulated promise by promise."""
    levels = {promise: (_nothing(rows, made), _nothing(rows, made)) for promise in promises}
    for at, cutoff in enumerate(made.cutoffs):
        for promise, where, point, up_to in _levels(cutoff, rows, promises):
            levels[promise][0][where, at], levels[promise][1][where, at] = point, up_to
    known_on = np.asarray([(one.day - first).days for one in made.cutoffs])
    refresh = np.searchsorted(known_on, np.arange(n_days), side="right") - 1
    wanted = np.nan_to_num(rows.window(rows.y, first, n_days))
    cost, price = np.nan_to_num(rows.numbers("unit_cost")), np.nan_to_num(rows.numbers("unit_price"))
    minimum, multiple = rows.numbers("min_order_quantity"), rows.numbers("order_multiple")
    is_usable = np.isfinite(minimum) & (minimum >= 0) & np.isfinite(multiple) & (multiple > 0)
    key = name_keys(rows.text("unique_id"))
    labels = {"overall": np.full(rows.n_series, "all"), "demand_class": made.classes(rows)}
    for promise, (point, up_to) in levels.items():
        known = ~np.isnan(point).any(axis=1) & is_usable
        if promise == promises[0]:
            found.n_left_out += int(np.count_nonzero(~known))
        if not known.any():
            continue
        lead = np.eye(promise.lead_time + 1)[[promise.lead_time]]
        n = int(known.sum())
        result = simulate(
            wanted[known], point[known], up_to[known], refresh, minimum[known], multiple[known], lead,
            np.zeros(n, np.int64), np.full(n, promise.review_period),
            n_warmup=warmup, key=key[known], seed=0,
        )  # fmt: skip
        values = np.stack([
            np.ones(n), result.demand, result.lost, result.demand * price[known], result.lost * price[known],
            result.cycles, result.cycles_short, result.days_short, result.mean_on_hand * cost[known],
            result.order_lines,
        ])  # fmt: skip
        for name, label in labels.items():
            for value in np.unique(label[known]):
                at_key = (promise, name, str(value))
                total = values[:, label[known] == value].sum(axis=1)
                found.sums[at_key] = found.sums.get(at_key, np.zeros(len(_SUMS))) + total


def _nothing(rows: Rows, made: _Made) -> Floats:
    return np.full((rows.n_series, len(made.cutoffs)), np.nan)


def _levels(
    cutoff: _Cutoff, rows: Rows, promises: Sequence[Promise]
) -> Iterator[tuple[Promise, NDArray[np.int64], Floats, Floats]]:
    """Reorder points and order-up-to levels of the group's series that could be ordered in that night."""
    walk = cutoff.night
    series = walk.read("gold/series", group_id=rows.group_id).sort_by("unique_id")
    if not series.num_rows:
        return
    where = pc.index_in(series["unique_id"], value_set=rows.series["unique_id"].combine_chunks())
    stays = np.asarray(pc.is_valid(where).to_numpy())
    found = of_champions(walk, rows.group_id, series, cutoff.champions, cutoff=cutoff.day)
    known, found = screened(_terms(series), found)
    stays &= ~known.is_held
    at = np.asarray(where.filter(pa.array(stays)).to_numpy(), dtype=np.int64)
    n = series.num_rows
    for lead_time, review in sorted({(one.lead_time, one.review_period) for one in promises}):
        lead = np.eye(lead_time + 1)[[lead_time]]
        terms = replace(known, lead_time_probability=lead, review_period=np.full(n, review))
        demand = protection_of(walk, found, terms)
        for promise in promises:
            if (promise.lead_time, promise.review_period) != (lead_time, review):
                continue
            promised = replace(terms, kind=np.full(n, promise.kind), target=np.full(n, promise.target))
            made = policies_of(walk, demand, found, promised, promise.method)
            yield promise, at, made.reorder_point[stays], made.order_up_to_level[stays]


def _terms(series: pa.Table) -> Terms:
    """Costs and order sizes as they stand; promise, lead time and review are still to be said, and nothing limits."""
    n = series.num_rows
    numbers = {name: np.asarray(series[name].cast(pa.float64()).to_numpy()) for name in _TERMS}
    return Terms(
        kind=np.full(n, ""), target=np.full(n, np.nan), vendor=np.zeros(n, np.int64),
        review_period=np.ones(n, np.int64), review_date=np.zeros(n, np.int64),
        key=name_keys(np.asarray(series["unique_id"].to_pylist(), dtype=np.str_)),
        lead_time_probability=np.array([[0.0, 1.0]]), limit=np.full(n, np.inf), bound=np.full(n, ""),
        problem=np.full(n, ""), is_held=np.zeros(n, np.bool_), **numbers,
    )  # fmt: skip
