"""Cold start: what a series that has hardly begun is forecast as."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from scipy.stats import nbinom, poisson

from scaleinv.forecast import group_arrays
from scaleinv.forecast.history import History, day_number, known_at
from scaleinv.forecast.peers import peer_paths
from scaleinv.forecast.seasonal import seasonal_paths

START, DAYS, HORIZON = date(2024, 1, 1), 70, 7
DRAWN = {"season": 7, "n_samples": 200, "seed": 1}


def history(
    y: NDArray[np.float64],
    firsts: NDArray[np.int64],
    departments: list[str],
    empty: NDArray[np.bool_] | None = None,
    *,
    counted: bool = False,
) -> History:
    """``y`` (n_series, DAYS), of which series i begins on day ``firsts[i]``; ``empty`` days had no stock."""
    n = len(y)
    owner, day = np.nonzero(np.arange(DAYS)[None] >= firsts[:, None])
    ids = np.array([f"s{i:03d}" for i in range(n)])
    flags = np.zeros(len(owner), bool)
    panel = pa.table({
        "unique_id": ids[owner],
        "ds": pa.array(np.datetime64(START) + day.astype("timedelta64[D]"), pa.date32()),
        "y": pa.array(y[owner, day], pa.float32()), "sales": pa.array(y[owner, day], pa.float32()),
        "price": pa.array(np.ones(len(owner)), pa.float32()), "is_promotion": flags,
        "is_stockout": flags if empty is None else empty[owner, day],
        "is_benefit_day": flags, "event": pa.array([None] * len(owner), pa.string()),
    })  # fmt: skip
    facts = {"location_id": ["L"] * n, "category": ["X"] * n, "department": departments, "region": ["R"] * n}
    group = group_arrays(panel, pa.table({"unique_id": ids} | facts))
    group = group.counted(day_number(START + timedelta(days=DAYS - 1))) if counted else group
    return known_at(group, cutoff=START + timedelta(days=DAYS - 1), horizon=HORIZON, season=7)


def paths(of: History, series: list[int]) -> torch.Tensor:
    return peer_paths(of, torch.tensor(series), min_days=14, **DRAWN)


def test_a_series_without_a_day_is_forecast_as_any_of_its_peers() -> None:
    levels = np.arange(1.0, 31.0)
    y = np.repeat(np.append(levels, 0)[:, None], DAYS, 1)
    found = paths(history(y, np.append(np.zeros(30, int), DAYS), ["D"] * 31), [30])
    assert found.shape == (1, 200, HORIZON)
    drawn, counts = np.unique(found[0, :, 0].numpy(), return_counts=True)
    np.testing.assert_array_equal(drawn, levels)
    assert set(counts) <= {6, 7}, "200 paths over 30 peers"
    assert (found == found[..., :1]).all(), "a path is one peer's"


def test_days_of_its_own_say_which_peers_it_is_like() -> None:
    rng = np.random.default_rng(0)
    y = rng.poisson(np.repeat([0.2, 5.0, 30.0], 10)[:, None], (30, DAYS)).astype(float)
    young = rng.poisson(np.array([0.2, 5.0, 30.0])[:, None], (3, DAYS)).astype(float)
    firsts = np.append(np.zeros(30, int), [DAYS - 5] * 3)
    found = paths(history(np.vstack([y, young]), firsts, ["D"] * 33), [30, 31, 32]).mean((1, 2))
    np.testing.assert_allclose(found, [0.2, 5.0, 30.0], rtol=0.25)


def test_peers_are_of_the_same_department_where_there_are_enough() -> None:
    y = np.repeat(np.repeat([3.0, 50.0, 0.0], [25, 25, 2])[:, None], DAYS, 1)
    firsts = np.append(np.zeros(50, int), [DAYS, DAYS])
    found = paths(history(y, firsts, ["A"] * 25 + ["B"] * 25 + ["A", "C"]), [50, 51]).mean((1, 2))
    assert found[0] == 3.0
    assert abs(found[1] - 26.5) < 0.2, "nobody is of its department: as all of its category"


def test_an_empty_shelf_does_not_say_that_nobody_came() -> None:
    levels = np.arange(1.0, 31.0)
    y = np.repeat(np.append(levels, [0, 0])[:, None], DAYS, 1)
    empty = np.zeros(y.shape, bool)
    empty[30] = True
    found = paths(history(y, np.append(np.zeros(30, int), [DAYS - 10] * 2), ["D"] * 32, empty), [30, 31]).mean((1, 2))
    assert abs(found[0] - levels.mean()) < 0.2, "never in stock: as any of its peers"
    assert found[1] < 1.1, "in stock and not sold"


def test_peers_that_are_weighed_say_as_much_as_those_that_are_counted() -> None:
    rng = np.random.default_rng(0)
    y = rng.poisson(np.repeat([0.5, 8.0], 20)[:, None], (40, DAYS)).astype(float)
    weighed = np.where(np.arange(40) % 2 == 0, 0.01, 0.0)[:, None] * (y > 0)
    young = np.repeat([[8.0], [0.5]], DAYS, 1)
    of = history(
        np.vstack([y + weighed, young]), np.append(np.zeros(40, int), [DAYS - 6] * 2), ["D"] * 42, counted=True
    )
    assert of.group.grain[[0, 1, 40, 41]].tolist() == [0.01, 1.0, 1.0, 0.1]
    found = paths(of, [40, 41]).mean((1, 2)) * of.group.grain[40:]
    np.testing.assert_allclose(found, [8.0, 0.5], rtol=0.25)


def test_one_wild_peer_does_not_make_own_days_worthless() -> None:
    rng = np.random.default_rng(0)
    y = rng.poisson(np.repeat([1.0, 5.0], 20)[:, None], (40, DAYS)).astype(float)
    wild = np.where(np.arange(DAYS) % 10 == 0, 2000.0, 0)[None]
    young = np.ones((1, DAYS))
    found = paths(history(np.vstack([y, wild, young]), np.append(np.zeros(41, int), DAYS - 13), ["D"] * 42), [41])
    assert abs(found.mean() - 1) < 0.3


def test_peers_know_more_than_the_first_days_alone() -> None:
    """Pinball loss of 40 series that have sold for three days, over that of one who knows their levels."""
    rng = np.random.default_rng(3)
    level = rng.gamma(0.8, 2.5, 140)[:, None]
    y, ahead = rng.poisson(level, (140, DAYS)).astype(float), rng.poisson(level[100:], (40, HORIZON))
    of = history(y, np.append(np.zeros(100, int), [DAYS - 3] * 40), ["D"] * 140)
    series, levels = torch.arange(100, 140), np.arange(1, 10)[:, None, None] / 10

    def loss(quantiles: NDArray[np.float64]) -> float:
        short = ahead - quantiles
        return float(np.maximum(levels * short, (levels - 1) * short).mean())

    least = loss(poisson.ppf(levels, level[100:]))
    from_peers, from_days = (
        loss(np.quantile(drawn.numpy(), levels.ravel(), axis=1)) - least
        for drawn in (paths(of, series.tolist()), seasonal_paths(of, series, **DRAWN))
    )
    # Who knows what levels there are has this posterior after three days; nobody can do better.
    shape, rate = 0.8 + y[100:, -3:].sum(1)[:, None], 1 / 2.5 + 3
    best = loss(nbinom.ppf(levels, shape, rate / (rate + 1))) - least
    assert from_peers < 1.1 * best
    assert from_days > 1.5 * best
