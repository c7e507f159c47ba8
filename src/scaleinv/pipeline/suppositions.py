"""What a scenario says is otherwise: demand, terms, costs and prices of a group under it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scaleinv.config.whatif import Scenario, Which
from scaleinv.errors import ConfigError, explain
from scaleinv.pipeline.arrays import Distributions, Floats, LeadTimes, Rows
from scaleinv.pipeline.terms import Terms
from scaleinv.pipeline.walk import Walk


def matcher(rows: Rows, named: set[tuple[str, str]]) -> Callable[[Which], NDArray[np.bool_]]:
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


def refuse_unknown(scenarios: Sequence[Scenario], named: set[tuple[str, str]]) -> None:
    """Nothing, if all that the scenarios speak of was found in some group.

    Raises:
        ConfigError: a name is not there.
    """
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


def demand_of(
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
    daily = found.quantiles * factor[:, : found.quantiles.shape[1], None]
    return Distributions(mean, daily, found.cumulative_quantiles * grown[..., None])


def terms_under(
    walk: Walk, rows: Rows, known: LeadTimes, terms: Terms, scenario: Scenario,
    matches: Callable[[Which], NDArray[np.bool_]], named: set[tuple[str, str]],
) -> Terms:  # fmt: skip
    """The group's terms with the scenario's costs, promises and lead times."""
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


def series_under(rows: Rows, scenario: Scenario, matches: Callable[[Which], NDArray[np.bool_]]) -> pa.Table:
    """``gold/series`` with the scenario's costs and prices."""
    series = rows.series
    for column, changes in (("unit_cost", scenario.costs), ("unit_price", scenario.prices)):
        values = rows.numbers(column)
        for change in changes:
            values = np.where(matches(change.which), values * change.factor, values)
        if changes:
            place = series.schema.get_field_index(column)
            series = series.set_column(place, column, pa.array(values, series.schema.field(column).type))
    return series
