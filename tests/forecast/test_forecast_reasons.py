"""What moved a forecast adds up to it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.forecast.small import CONFIG, CUTOFF, DAYS, HORIZON, small_demand, small_fitted, small_group, small_tables

from scaleinv.errors import ConfigError, DataError
from scaleinv.forecast import Fitted, Group, Reasons, fit, group_arrays, predict, reasons, reasons_table
from scaleinv.schema import check, table
from scaleinv.schema.words import ModelName

MEDIAN = CONFIG.quantile_levels.index(0.5)


def why(fitted: Fitted, group: Group, *, exact: bool = True, unique_id: str | None = None) -> Reasons:
    return reasons(fitted, group, cutoff=CUTOFF, config=CONFIG, exact=exact, unique_id=unique_id)


@pytest.fixture(scope="module")
def weighed() -> tuple[Fitted, Group]:
    """Trees of a group whose demand is counted in tenths."""
    group = group_arrays(*small_tables(small_demand() * 0.1, np.zeros(8, int)))
    return fit("xgboost", group, cutoff=CUTOFF, config=CONFIG, season=7, seed=3), group


@pytest.mark.parametrize("exact", [True, False])
def test_of_trees_the_reasons_multiply_to_the_mean(exact: bool) -> None:
    forecast = predict(small_fitted("xgboost"), small_group(), cutoff=CUTOFF, config=CONFIG)
    found = why(small_fitted("xgboost"), small_group(), exact=exact)
    assert (found.kind, found.is_exact) == ("factors", exact)
    assert found.unique_id.tolist() == forecast.unique_id.tolist()
    np.testing.assert_allclose(found.forecast, forecast.mean, rtol=1e-4)
    np.testing.assert_allclose(found.start * found.parts.prod(2), found.forecast, rtol=1e-6)
    # Its weeks are the only thing that is not noise.
    moves = dict(zip(found.names, (found.parts.max(1) / found.parts.min(1)).mean(0), strict=True))
    assert max(moves, key=lambda name: moves[name]) in ("weekday", "the same weekday of the last weeks")


def test_reasons_of_what_is_sold_by_weight_are_in_units(weighed: tuple[Fitted, Group]) -> None:
    found = why(*weighed)
    np.testing.assert_allclose(found.forecast, predict(*weighed, cutoff=CUTOFF, config=CONFIG).mean, rtol=1e-4)
    np.testing.assert_allclose(found.start * found.parts.prod(2), found.forecast, rtol=1e-6)


def test_effects_are_units_that_lead_from_the_start_to_the_forecast(weighed: tuple[Fitted, Group]) -> None:
    for found in (why(small_fitted("xgboost"), small_group()), why(*weighed)):
        np.testing.assert_allclose(found.start.sum(1) + found.effects.sum(1), found.forecast.sum(1), rtol=1e-6)


def test_an_effect_is_known_where_one_reason_does_all() -> None:
    parts = np.ones((1, 2, 3))
    parts[0, 0, 1] = 3.0
    start = np.array([[2.0, 5.0]])
    found = Reasons(
        "factors", True, np.array(["a"], object), ("x", "y", "z"), start * parts.prod(2), start, parts, np.zeros((1, 0))
    )
    np.testing.assert_allclose(found.effects, [[0, 4, 0]], atol=1e-12)


def test_what_approximates_is_near() -> None:
    exact, quick = (why(small_fitted("xgboost"), small_group(), exact=exact).effects for exact in (True, False))
    assert np.corrcoef(exact.ravel(), quick.ravel())[0, 1] > 0.9
    assert not np.array_equal(exact, quick)


def test_a_network_tells_what_it_looked_at() -> None:
    found = why(small_fitted("tft"), small_group(), exact=False)
    assert (found.kind, found.is_exact) == ("shares", True)
    assert found.parts.shape == (8, HORIZON, len(found.names))
    np.testing.assert_allclose(found.parts.sum(2), 1, rtol=1e-4)
    told = predict(small_fitted("tft"), small_group(), cutoff=CUTOFF, config=CONFIG).quantiles[..., MEDIAN]
    np.testing.assert_allclose(found.forecast, told, rtol=1e-4)
    assert found.looked_back.shape == (8, CONFIG.context_length)
    assert (found.looked_back > 0).all()


@pytest.mark.parametrize("model", ["xgboost", "tft"])
def test_a_series_among_others_has_the_reasons_that_it_has_alone(model: ModelName) -> None:
    """Also one that is too young for a whole context, beside grown ones, and where others are too young for all."""
    group = group_arrays(*small_tables(small_demand(), np.array([0, 0, 0, DAYS - 16, 0, DAYS - 3, 0, 0])))
    fitted = fit(model, group, cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
    found = why(fitted, group)
    assert found.unique_id.tolist() == ["s00", "s01", "s02", "s03", "s04", "s06", "s07"]
    for at, name in enumerate(found.unique_id):
        alone = why(fitted, group, unique_id=name)
        assert (alone.kind, alone.names, alone.unique_id.tolist()) == (found.kind, found.names, [name])
        for part in ("forecast", "start", "parts", "effects", "looked_back"):
            np.testing.assert_allclose(getattr(alone, part)[0], getattr(found, part)[at], rtol=1e-4, atol=1e-6)
    if model == "tft":
        np.testing.assert_array_equal(found.looked_back[3] > 0, np.arange(CONFIG.context_length) < 16)


@pytest.mark.parametrize("model", ["xgboost", "tft"])
def test_reasons_keep_the_contract_of_their_table(model: ModelName) -> None:
    found = why(small_fitted(model), small_group())
    rows = check(reasons_table(found, as_of=CUTOFF, model=model, group_id="g"), table("gold/explanations"))
    last = rows.to_pylist()[-1]
    assert (last["unique_id"], last["reasons"]) == ("s07", list(found.names))
    np.testing.assert_allclose(last["parts"], found.parts[-1].ravel(), rtol=1e-6)


def test_who_cannot_say_says_so() -> None:
    group = group_arrays(*small_tables(small_demand(), np.append(np.zeros(7, int), DAYS - 3)))
    trees = fit("xgboost", group, cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
    with pytest.raises(DataError, match="forecast from its peers"):
        why(trees, group, unique_id="s07")
    with pytest.raises(DataError, match="there is no s99"):
        why(trees, group, unique_id="s99")
    with pytest.raises(ConfigError, match="xgboost or tft"):
        why(fit("theta", group, cutoff=CUTOFF, config=CONFIG, season=7, seed=3), group)
    infants = group_arrays(*small_tables(small_demand(), np.full(8, DAYS - 3)))
    with pytest.raises(DataError, match="no series is old enough"):
        why(trees, infants)
