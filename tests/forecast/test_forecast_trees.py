"""What the trees see, and the two kinds of distribution they give."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import torch
import xgboost
from scipy.stats import nbinom, poisson
from tests.forecast.data_set import made_up
from tests.forecast.small import START, small_tables

from scaleinv.config import ForecastConfig, XgboostConfig
from scaleinv.errors import DataError
from scaleinv.forecast import fit, group_arrays, predict
from scaleinv.forecast.inputs import Encoded
from scaleinv.forecast.trees import Rows, _drawn, _matrix, _parameters, grow, rows_of
from scaleinv.forecast.windows import Windows

CONTEXT, HORIZON, DAYS = 28, 7, 120
CONFIG = ForecastConfig(
    horizon=HORIZON, context_length=CONTEXT, quantile_levels=(0.1, 0.25, 0.5, 0.75, 0.9),
    xgboost=XgboostConfig(max_rows=20_000, max_rounds=60, learning_rate=0.2, max_depth=3),
)  # fmt: skip


def _data() -> Encoded:
    return made_up([0, 0, 30, 60], DAYS, context=CONTEXT, horizon=HORIZON)


def test_a_row_is_a_day_with_what_was_known_at_its_windows_start() -> None:
    data = _data()
    windows = Windows(torch.tensor([0, 2]), torch.tensor([50, 10]))
    steps = torch.tensor([[0, 6], [3, 5]])
    rows = rows_of(data, windows, steps)
    history = data.history
    n_codes, n_reals = len(data.inputs.categoricals), len(data.inputs.reals) - len(data.inputs.observed_reals)
    for row, (window, step) in enumerate([(0, 0), (0, 6), (1, 3), (1, 5)]):
        series, start = int(windows.series[window]), int(windows.start[window])
        past = history.y[int(history.indptr[series]) : int(history.indptr[series]) + start].numpy()[-CONTEXT:]
        mean = past.sum() / min(start, CONTEXT)
        assert rows.level[row] == pytest.approx(mean + 0.1)
        assert rows.y[row] == history.y[int(history.indptr[series]) + start + step]
        padded = np.concatenate([np.zeros(CONTEXT - len(past)), past])
        lags = [padded[CONTEXT + step % 7 - 7 * week] / (1 + mean) for week in (1, 2, 3, 4)]
        at = n_codes + n_reals
        assert rows.seen[row, at : at + 4] == pytest.approx(lags, abs=1e-6)
        assert rows.seen[row, at + 5] == pytest.approx(padded[-7:].mean() / (1 + mean), abs=1e-6)
        day = int(history.day[int(history.indptr[series]) + start + step])
        assert rows.seen[row, data.inputs.categoricals.index("weekday")] == (day + 3) % 7


def test_a_row_sees_neither_the_days_ahead_nor_other_series() -> None:
    data = _data()
    windows = Windows(torch.tensor([1, 2]), torch.tensor([50, 10]))
    steps = torch.arange(HORIZON).expand(2, -1)
    before = rows_of(data, windows, steps)
    changed = replace(data, varying=data.varying.clone())
    history, names = data.history, data.inputs.varying_reals
    own = torch.zeros(len(data.varying), dtype=torch.bool)
    for series, start in zip(windows.series.tolist(), windows.start.tolist(), strict=True):
        row = CONTEXT + int(history.indptr[series])
        own[row : row + start] = True
        ahead = slice(row + start, CONTEXT + int(history.indptr[series + 1]))
        changed.varying[ahead, names.index("y")] += 50
        changed.varying[ahead, names.index("stockout")] += 1
        own[ahead] = True
    changed.varying[~own] += 3
    after = rows_of(changed, windows, steps)
    np.testing.assert_array_equal(before.seen, after.seen)
    assert (after.y > before.y).all()


@pytest.mark.parametrize("held_out", [0, 7])
def test_rows_are_drawn_of_days_that_are_known_and_not_held_out(held_out: int) -> None:
    data = _data()
    marked = replace(data, varying=data.varying.clone())
    history = data.history
    for series, days in enumerate(history.n_days.tolist()):
        row = CONTEXT + int(history.indptr[series])
        marked.varying[row : row + days, 0] = torch.arange(days)  # demand tells the day
    rows = _drawn(marked, torch.full((4,), 14), held_out, CONFIG, 0)
    assert len(rows.y) > 10_000
    assert rows.counts.all()
    assert rows.y.max() == DAYS - held_out - 1
    assert rows.y.min() >= 14


def test_trees_give_the_quantiles_of_a_count_of_the_right_mean() -> None:
    data = _data()
    days = data.history.n_days
    validation = Windows(torch.arange(4), days - HORIZON)
    grown = grow(data, torch.full((4,), 14), validation, held_out=HORIZON, config=CONFIG, seed=1)
    mean, predicted = grown.trees.forecast(data, Windows(torch.arange(4), days), CONFIG)
    assert mean.shape == (4, HORIZON)
    assert predicted.shape == (4, HORIZON, 5)
    assert bool((predicted == predicted.round()).all())
    assert float(mean.mean()) == pytest.approx(3, rel=0.25)  # made_up draws from a Poisson of mean 3
    assert predicted.mean((0, 1)).numpy() == pytest.approx(np.array([1, 2, 3, 4, 5]), rel=0.35)


def test_a_group_of_which_nothing_is_known_lately_is_refused() -> None:
    data = _data()
    history = data.history
    for series, days in enumerate(history.n_days.tolist()):
        end = int(history.indptr[series]) + days
        history.observed[end - HORIZON : end] = False
    validation = Windows(torch.arange(4), history.n_days - HORIZON)
    with pytest.raises(DataError, match="falls back to the baseline"):
        grow(data, torch.full((4,), 14), validation, held_out=HORIZON, config=CONFIG, seed=1)


def test_a_group_that_never_sold_gets_no_demand() -> None:
    data = _data()
    data.varying[:, 0] = 0
    data.history.y.zero_()
    days = data.history.n_days
    grown = grow(data, torch.full((4,), 14), Windows(torch.arange(4), days - HORIZON), held_out=HORIZON, config=CONFIG,
                 seed=1)  # fmt: skip
    mean, predicted = grown.trees.forecast(data, Windows(torch.arange(4), days), CONFIG)
    assert float(mean.max()) < 0.1
    assert not predicted[..., :-1].any()


def test_a_series_that_sells_in_bursts_gets_a_wider_distribution_than_a_steady_one_of_the_same_mean() -> None:
    rng, n, days, horizon = np.random.default_rng(2), 98, 200, 28
    bursty = np.arange(n) % 2 == 1
    rate = np.where(bursty[:, None], rng.gamma(0.25, 16, (n, days + horizon)), 4.0)
    group = group_arrays(*small_tables(rng.poisson(rate).astype(float), np.zeros(n, int), days_after=horizon))
    config = CONFIG.model_copy(update={"horizon": horizon, "validation_days": horizon, "context_length": 56})
    cutoff = START + timedelta(days=days - 1)
    fitted = fit("xgboost", group, cutoff=cutoff, config=config, season=7, seed=1)
    found = predict(replace(fitted, calibration=None), group, cutoff=cutoff, config=config)
    assert found.mean[bursty].mean() == pytest.approx(found.mean[~bursty].mean(), rel=0.25)
    top = found.quantiles[..., config.quantile_levels.index(0.9)]
    right = {False: poisson.ppf(0.9, 4), True: nbinom.ppf(0.9, 0.25, 0.25 / 4.25)}
    assert top[~bursty].mean() == pytest.approx(right[False], rel=0.25)
    assert top[bursty].mean() == pytest.approx(right[True], rel=0.25)


def test_what_is_counted_in_grams_does_not_outweigh_what_is_counted_in_units() -> None:
    """As many days of each, and what doubles the one halves the other: nothing is to be learnt."""
    is_high = np.resize([0.0, 1.0], 4000).astype(np.float32)
    grain = np.repeat([1.0, 0.001], 2000).astype(np.float32)
    units = np.where((grain == 1) == (is_high == 1), 2, 1)
    level = np.float32(1.5) / grain
    rows = Rows(is_high[:, None], (units / grain).astype(np.float32), level, grain > 0, grain)
    options = XgboostConfig(min_child_weight=0, learning_rate=0.5, subsample=1, columns_per_tree=1, max_depth=1)
    power = options.variance_power
    booster = xgboost.train(_parameters(options, seed=1), _matrix(rows, ["q"], power), 20)
    found = booster.inplace_predict(np.array([[0.0], [1.0]], np.float32), base_margin=np.log([1.5, 1.5]))
    np.testing.assert_allclose(found[1] / found[0], 1, rtol=0.02)
