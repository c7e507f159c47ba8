"""Stage reconcile: tonight's forecasts of SKUs, categories, locations and of all, which agree with the champions'."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from scaleinv.errors import DataError
from scaleinv.evaluation import cutoffs
from scaleinv.forecast import (
    Forecast,
    Group,
    Hierarchy,
    common_draws,
    cumulative_quantiles,
    fit,
    float_lists,
    grains,
    normal_scores,
    predict,
    quantiles,
    reconciled_means,
    series_paths,
    shared_errors,
    step_correlation,
    sum_group,
    variances_of,
)
from scaleinv.pipeline.arrays import Distributions, Floats, Rows, champions_of, groups, of_champions
from scaleinv.pipeline.walk import Outcome, Walk
from scaleinv.schema import table
from scaleinv.schema.columns import FLOATS
from scaleinv.schema.table import empty
from scaleinv.schema.words import BASELINE, ID_SEPARATOR, LEVELS, WHOLE, Level

_TABLE = "gold/hierarchy"
_FACTS = ["unique_id", "sku_id", "location_id", "category", "demand_class"]
_CROSSING: Final[tuple[Level, ...]] = ("total", "location")
"""Levels whose nodes have series of several categories; those of the others lie within one."""
_CHUNK = 256
"""Series whose paths are held."""


@dataclass(frozen=True)
class Nodes:
    """All series of the night, group after group, and what they are summed to."""

    groups: dict[str, pa.Table]
    """Group -> facts of its series, sorted by ``unique_id``."""
    names: dict[Level, pa.Array]
    """Level -> its nodes, sorted."""
    hierarchy: Hierarchy
    category: npt.NDArray[np.int64]
    """(n_series,) number of its category"""

    def where(self, level: Level) -> slice:
        """Which nodes are those of ``level``."""
        before = sum(len(self.names[one]) for one in LEVELS[: LEVELS.index(level)])
        return slice(before, before + len(self.names[level]))

    def slices(self) -> Iterator[tuple[str, slice]]:
        """Each group, and where its series are."""
        at = 0
        for group, series in self.groups.items():
            yield group, slice(at, at + series.num_rows)
            at += series.num_rows


@dataclass(frozen=True)
class Dependence:
    """How errors of different series, and of different steps, hang together."""

    shares: Floats
    """(n_levels,)"""
    correlation: Tensor
    """(horizon, horizon)"""


def work(walk: Walk) -> Outcome:
    """Means of all series are held at once (n_series x horizon), and samples of the sums of one category at a time."""
    if not walk.config.hierarchy.enabled:
        walk.overwrite(_TABLE, empty(table(_TABLE)))
        return Outcome()
    torch.set_num_threads(walk.config.ray.cpus_per_worker)  # as on workers: sums depend on their number
    nodes = nodes_of(walk)
    found = dependence(walk, nodes)
    walk.progress.say(
        "errors in common: "
        + ", ".join(f"{name} {share:.1%}" for name, share in zip(LEVELS, found.shares, strict=True))
    )
    means, base = reconciled(walk, nodes)
    files, n_rows = [], 0
    for level, rows in sampled(walk, nodes, found, means, base):
        partition = {"as_of": walk.as_of, "level": level}
        files.append(walk.lake.stage_file(table(_TABLE), rows, partition=partition))
        n_rows += rows.num_rows
    walk.commit(_TABLE, files, n_rows)
    return Outcome()


def nodes_of(walk: Walk) -> Nodes:
    """Tonight's series and the nodes that they belong to."""
    found = {
        group: walk.read("gold/series", columns=_FACTS, group_id=group).sort_by("unique_id") for group in walk.groups()
    }
    series = pa.concat_tables(found.values())
    category, location = series["category"], series["location_id"]
    labels: dict[Level, pa.ChunkedArray] = {
        "total": pa.chunked_array([pa.repeat(WHOLE, series.num_rows)]),
        "location": location,
        "category": category,
        "category_location": pc.binary_join_element_wise(category, location, ID_SEPARATOR),
        "sku": series["sku_id"],
    }
    names = {level: pc.unique(labels[level]).sort() for level in LEVELS}
    codes = [pc.index_in(labels[level], value_set=names[level]).to_numpy() for level in LEVELS]
    return Nodes(found, names, Hierarchy.of(codes), codes[LEVELS.index("category")].astype(np.int64))


# --- how errors hang together ----------------------------------------------------------------------------------------


def dependence(walk: Walk, nodes: Nodes) -> Dependence:
    """From the normal scores of the hold-out under the champions' forecasts of it."""
    config = walk.config
    cutoff = cutoffs(walk.as_of, config.evaluation.holdout_days, config.evaluation.refresh_days)[0]
    champions = champions_of(walk)
    scored = [_scores(walk, rows, champions, cutoff) for rows in groups(walk)]
    scores, observed = (torch.cat(parts) for parts in zip(*scored, strict=True))
    return Dependence(
        shares=shared_errors(nodes.hierarchy, scores.numpy(), observed.numpy()),
        correlation=step_correlation(scores, observed),
    )


def _scores(walk: Walk, rows: Rows, champions: dict[str, str], cutoff: date) -> tuple[Tensor, Tensor]:
    """(n_series, horizon) normal scores, and whether there is one: the hold-out may be shorter."""
    config = walk.config
    days, horizon, levels = config.evaluation.holdout_days, config.forecast.horizon, config.forecast.quantile_levels
    found = of_champions(walk, rows.group_id, rows.series, champions, cutoff=cutoff)
    first = cutoff + timedelta(days=1)
    y = torch.from_numpy(rows.window(rows.y, first, horizon))
    known = torch.from_numpy(rows.window(rows.is_stockout, first, horizon) != 1) & torch.isfinite(y)
    known[:, days:] = False
    y = torch.where(known, y, 0.0)
    grain = grains(y[known], torch.nonzero(known)[:, 0], len(y))[:, None]
    return normal_scores(y, known, torch.from_numpy(found.quantiles), levels, grain=grain), known


# --- means -----------------------------------------------------------------------------------------------------------


def reconciled(walk: Walk, nodes: Nodes) -> tuple[Floats, Floats | None]:
    """(n_series, horizon) means that the sums are made of, and (n_nodes, horizon) what was forecast of the sums."""
    config, champions = walk.config, champions_of(walk)
    diagonal = config.hierarchy.method == "diagonal"
    means, spread = [], []
    for group, series in nodes.groups.items():
        found = of_champions(walk, group, series, champions, cutoff=walk.as_of)
        means.append(found.mean)
        if diagonal:
            spread.append(variances_of(found.quantiles, config.forecast.quantile_levels))
    bottom = np.concatenate(means)
    if config.hierarchy.method == "bottom_up":
        return bottom, None
    base, variances = base_forecasts(walk, nodes)
    if diagonal:
        return reconciled_means(nodes.hierarchy, bottom, base, np.concatenate(spread), variances), base
    equal = np.ones((len(bottom), 1))
    return reconciled_means(nodes.hierarchy, bottom, base, equal, nodes.hierarchy.sums(equal)), base


def base_forecasts(walk: Walk, nodes: Nodes) -> tuple[Floats, Floats]:
    """(n_nodes, horizon) mean and variance of the nodes' own forecasts."""
    levels = walk.config.forecast.quantile_levels
    made = [(one.mean, variances_of(one.quantiles.astype(np.float64), levels)) for one in own_forecasts(walk, nodes)]
    mean, variances = (np.concatenate(parts) for parts in zip(*made, strict=True))
    return mean.astype(np.float64), variances


def own_forecasts(walk: Walk, nodes: Nodes) -> Iterator[Forecast]:
    """What is forecast of the nodes from their own days alone, in their order; SKUs apart from the few larger ones."""
    history = _history(walk, nodes)
    names = np.array([f"{level}/{node}" for level in LEVELS for node in nodes.names[level].to_pylist()], object)
    size, horizon = walk.config.features.max_group_size, walk.config.forecast.horizon
    skus = nodes.where("sku")
    for start, stop in ((0, skus.start), (skus.start, skus.stop)):
        for at in range(start, stop, size):
            some = slice(at, min(at + size, stop))
            yield _forecast(walk, sum_group(names[some], history[some], walk.as_of, horizon))


def _forecast(walk: Walk, group: Group) -> Forecast:
    config = walk.config
    fitting = partial(
        fit, group=group, cutoff=walk.as_of, config=config.forecast, season=config.evaluation.season,
        seed=config.forecast.seed,
    )  # fmt: skip
    try:
        fitted = fitting(config.hierarchy.model)
    except DataError as error:  # few nodes, or young ones
        walk.progress.say(f"{group.n_series:,} sums get the baseline: {error}")
        fitted = fitting(BASELINE)
    return predict(fitted, group, cutoff=walk.as_of, config=config.forecast)


def _history(walk: Walk, nodes: Nodes) -> npt.NDArray[np.float32]:
    """(n_nodes, n_days) demand up to tonight; days before the first one of all are cut off."""
    first = np.datetime64(walk.config.features.first_day(walk.as_of), "D")
    n_days = int((np.datetime64(walk.as_of, "D") - first).astype(int)) + 1
    history = np.zeros((nodes.hierarchy.n_nodes, n_days), np.float32)
    for (_, mine), rows in zip(nodes.slices(), groups(walk), strict=True):
        day = (rows.ds - first).astype(np.int64)
        known = (day >= 0) & (day < n_days) & np.isfinite(rows.y)
        owner = np.repeat(np.arange(rows.n_series), np.diff(rows.indptr))[known]
        for code in nodes.hierarchy.codes[:, mine]:
            np.add.at(history, (code[owner], day[known]), rows.y[known])
    sold = (history > 0).any(axis=0)
    return history[:, int(sold.argmax()) :]


# --- distributions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sums:
    """Samples of nodes of one level, while their series are added up."""

    level: Level
    nodes: npt.NDArray[np.int64]
    """(n_nodes,) sorted"""
    common: Tensor
    """(n_nodes, horizon, n_samples) what the series of a node have in common"""
    paths: Tensor
    """(n_nodes, horizon, n_samples)"""

    def place(self, codes: npt.NDArray[np.int64]) -> Tensor:
        """Where these nodes are."""
        return torch.from_numpy(np.searchsorted(self.nodes, codes))


def sampled(
    walk: Walk, nodes: Nodes, found: Dependence, means: Floats, base: Floats | None
) -> Iterator[tuple[str, pa.Table]]:
    """Rows of ``gold/hierarchy``, with their level; SKUs and what else lies within a category are held until it ends.

    Args:
        walk: the night.
        nodes: its series and their nodes.
        found: how errors hang together.
        means: (n_series, horizon) reconciled.
        base: (n_nodes, horizon) the nodes' own forecasts; ``None``: there are none, and the series' stay as they are.
    """
    champions = champions_of(walk)
    every = np.arange(len(means))
    crossing = [_sums(walk, nodes, found, level, every, 0) for level in _CROSSING]
    for category in range(len(nodes.names["category"])):
        mine = np.flatnonzero(nodes.category == category)
        within = [_sums(walk, nodes, found, level, mine, category) for level in LEVELS if level not in _CROSSING]
        for number, (group, where) in enumerate(nodes.slices()):
            some = mine[(mine >= where.start) & (mine < where.stop)]
            if not len(some):
                continue
            series = nodes.groups[group]
            forecasts = of_champions(walk, group, series, champions, cutoff=walk.as_of)
            for at in range(0, len(some), _CHUNK):
                chunk = some[at : at + _CHUNK]
                drawn = torch.from_numpy(forecasts.quantiles[chunk - where.start])
                _add_up(walk, nodes, found, drawn, means, chunk, [category, number, at], [*crossing, *within])
            if base is not None:
                yield "sku_location", _series_rows(walk, series, forecasts, means[where], some - where.start)
        yield from ((one.level, _node_rows(walk, nodes, one, means, base)) for one in within)
    yield from ((one.level, _node_rows(walk, nodes, one, means, base)) for one in crossing)


def _sums(
    walk: Walk, nodes: Nodes, found: Dependence, level: Level, series: npt.NDArray[np.int64], category: int
) -> _Sums:
    config, at = walk.config.forecast, LEVELS.index(level)
    within = np.unique(nodes.hierarchy.codes[at, series])
    draws = common_draws(len(within), config.n_samples, found.correlation, [config.seed, at, category])
    return _Sums(level, within, float(found.shares[at]) ** 0.5 * draws, torch.zeros_like(draws))


def _add_up(
    walk: Walk,
    nodes: Nodes,
    found: Dependence,
    predicted: Tensor,
    means: Floats,
    chunk: npt.NDArray[np.int64],
    number: list[int],
    sums: list[_Sums],
) -> None:
    """Draws the paths of a chunk of series, and adds them to those of all nodes that they are part of."""
    config = walk.config.forecast
    places = [one.place(nodes.hierarchy.codes[LEVELS.index(one.level), chunk]) for one in sums]
    paths = series_paths(
        predicted,
        torch.from_numpy(means[chunk]),
        config.quantile_levels,
        common=torch.stack([one.common[place] for one, place in zip(sums, places, strict=True)]).sum(0),
        own=1 - float(found.shares.sum()),
        correlation=found.correlation,
        seed=[config.seed, len(LEVELS), *number],
    )
    for one, place in zip(sums, places, strict=True):
        one.paths.index_add_(0, place, paths)


def _node_rows(walk: Walk, nodes: Nodes, sums: _Sums, means: Floats, base: Floats | None) -> pa.Table:
    levels, paths = walk.config.forecast.quantile_levels, sums.paths.transpose(1, 2)
    names = pa.concat_arrays([pa.array(nodes.names[level]) for level in LEVELS]).take(pa.array(sums.nodes))
    summed = nodes.hierarchy.matrix[sums.nodes]
    return _rows(
        walk, sums.level, names, np.asarray(summed.sum(axis=1)), None if base is None else base[sums.nodes],
        Distributions(
            mean=summed @ means,
            quantiles=quantiles(paths, levels).numpy(),
            cumulative_quantiles=cumulative_quantiles(paths, levels).numpy(),
        ),
    )  # fmt: skip


def _series_rows(
    walk: Walk, series: pa.Table, found: Distributions, means: Floats, some: npt.NDArray[np.int64]
) -> pa.Table:
    """The series' own distributions, stretched to their reconciled means."""
    before, after = found.mean[some], means[some]
    return _rows(
        walk, "sku_location", series["unique_id"].combine_chunks().take(pa.array(some)), np.ones(len(some)), before,
        Distributions(
            mean=after,
            quantiles=found.quantiles[some] * _ratio(after, before),
            cumulative_quantiles=found.cumulative_quantiles[some] * _ratio(after.cumsum(1), before.cumsum(1)),
        ),
    )  # fmt: skip


def _ratio(after: Floats, before: Floats) -> Floats:
    """(n_series, horizon, 1); 1 where nothing was expected."""
    return np.where(before > 0, after / np.maximum(before, 1e-9), 1.0)[..., None]


def _rows(
    walk: Walk, level: str, names: pa.Array, n_series: Floats, base: Floats | None, made: Distributions
) -> pa.Table:
    n, schema = len(names), table(_TABLE).schema
    lists = {name: float_lists(np.asarray(values, np.float32)) for name, values in vars(made).items()}
    columns = {
        "as_of": pa.array([walk.as_of] * n, pa.date32()),
        "level": pa.array([level] * n, pa.string()),
        "node": names,
        "n_series": pa.array(n_series.astype(np.int64)),
        "base_mean": pa.nulls(n, FLOATS) if base is None else float_lists(base.astype(np.float32)),
        **lists,
    }
    return pa.table(columns, schema=schema)
