"""What moved a forecast adds up to it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.forecast.small import CONFIG, CUTOFF, DAYS, HORIZON, small_demand, small_group, small_tables

from scaleinv.errors import ConfigError, DataError
from scaleinv.forecast import fit, group_arrays, predict, reasons


def test_of_trees_the_reasons_multiply_to_the_mean() -> None:
    fitted = fit("xgboost", small_group(), cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
    forecast = predict(fitted, small_group(), cutoff=CUTOFF, config=CONFIG)
    for at, name in enumerate(forecast.unique_id):
        why = reasons(fitted, small_group(), name, cutoff=CUTOFF, config=CONFIG)
        assert why.kind == "factors"
        np.testing.assert_allclose(why.forecast, forecast.mean[at], rtol=1e-4)
        np.testing.assert_allclose(why.start * np.prod([*why.parts.values()], axis=0), why.forecast, rtol=1e-6)
    # Its weeks are the only thing that is not noise.
    moves = {name: part.max() / part.min() for name, part in why.parts.items()}
    assert max(moves, key=lambda name: moves[name]) in ("weekday", "the same weekday of the last weeks")


def test_reasons_of_what_is_sold_by_weight_are_in_units() -> None:
    group = group_arrays(*small_tables(small_demand() * 0.1, np.zeros(8, int)))
    fitted = fit("xgboost", group, cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
    why = reasons(fitted, group, "s05", cutoff=CUTOFF, config=CONFIG)
    np.testing.assert_allclose(why.forecast, predict(fitted, group, cutoff=CUTOFF, config=CONFIG).mean[5], rtol=1e-4)
    np.testing.assert_allclose(why.start * np.prod([*why.parts.values()], axis=0), why.forecast, rtol=1e-6)


def test_a_network_tells_what_it_looked_at() -> None:
    fitted = fit("tft", small_group(), cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
    why = reasons(fitted, small_group(), "s05", cutoff=CUTOFF, config=CONFIG)
    assert why.kind == "shares"
    np.testing.assert_allclose(np.sum([*why.parts.values()], axis=0), 1, rtol=1e-4)
    assert {len(part) for part in why.parts.values()} == {HORIZON}
    told = predict(fitted, small_group(), cutoff=CUTOFF, config=CONFIG).quantiles[
        5, :, CONFIG.quantile_levels.index(0.5)
    ]
    np.testing.assert_allclose(why.forecast, told, rtol=1e-4)
    assert all(1 <= day <= CONFIG.context_length for day in why.looked_back)


def test_who_cannot_say_says_so() -> None:
    group = group_arrays(*small_tables(small_demand(), np.append(np.zeros(7, int), DAYS - 3)))
    trees = fit("xgboost", group, cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
    with pytest.raises(DataError, match="forecast from its peers"):
        reasons(trees, group, "s07", cutoff=CUTOFF, config=CONFIG)
    with pytest.raises(DataError, match="there is no s99"):
        reasons(trees, group, "s99", cutoff=CUTOFF, config=CONFIG)
    classical = fit("theta", group, cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
    with pytest.raises(ConfigError, match="xgboost or tft"):
        reasons(classical, group, "s00", cutoff=CUTOFF, config=CONFIG)
