"""Prophet for the series that one selects, the baseline for the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from tests.forecast.small import CONFIG, HORIZON, START, small_tables

from scaleinv.config import ForecastConfig, ProphetConfig
from scaleinv.forecast import Forecast, Group, fit, group_arrays, predict, prophet
from scaleinv.schema.words import BASELINE, ModelName

DAYS, FEAST = 180, 160
"""Every twentieth day is a feast."""
CUTOFF = START + timedelta(days=FEAST - 3)
LEVELS = np.array([40.0, 60.0, 30.0])
AHEAD = slice(FEAST - 2, FEAST - 2 + HORIZON)
EXPECTED = LEVELS[:, None] * (1 + 0.6 * np.sin(2 * np.pi * np.arange(DAYS) / 7) + 2.0 * (np.arange(DAYS) % 20 == 0))


@cache
def group() -> Group:
    y = np.random.default_rng(8).normal(EXPECTED, 4.0).clip(0).round()
    return group_arrays(*small_tables(y, np.zeros(3, int), days_after=0))


def forecast(model: ModelName = "prophet", of: Group | None = None, **select: Any) -> Forecast:
    config = CONFIG.model_copy(update={"prophet": ProphetConfig(**select)})
    of = of or group()
    fitted = fit(model, of, cutoff=CUTOFF, config=config, season=7, seed=3)
    return predict(replace(fitted, calibration=None), of, cutoff=CUTOFF, config=config)


def test_a_week_and_a_feast_are_known_better_than_by_the_baseline() -> None:
    made, baseline = forecast(), forecast(BASELINE)
    assert set(made.fitted_model) == {"prophet"}
    expected = EXPECTED[:, AHEAD]
    assert np.abs(made.mean / expected - 1).max() < 0.25
    assert np.abs(made.mean - expected).mean() < 0.4 * np.abs(baseline.mean - expected).mean()
    feast = 2  # the step on which the baseline expects an ordinary day
    assert (baseline.mean[:, feast] < 0.6 * expected[:, feast]).all()
    assert (made.quantiles >= 0).all()
    in_all = made.mean * CONFIG.n_samples
    assert in_all == pytest.approx(in_all.round(), abs=1e-2), "paths are of counts, as what is sold is"


def test_what_comes_after_the_cutoff_changes_nothing() -> None:
    """Neither what was sold, nor that of an event: but the event itself does, and a price would."""
    there = group()
    later = there.day > (CUTOFF - START.replace(1970, 1, 1)).days
    wild = replace(there, y=torch.where(later, 999.0, there.y), sales=torch.where(later, 999.0, there.sales))
    made, again = forecast(), forecast(of=wild)
    assert (made.quantiles == again.quantiles).all()
    assert (made.cumulative_quantiles == again.cumulative_quantiles).all()
    quiet = forecast(of=replace(there, event=torch.where(later, -1, there.event)))
    assert (quiet.mean[:, 2] < 0.6 * made.mean[:, 2]).all()


@pytest.mark.parametrize(
    ("select", "chosen"),
    [({"top": 1}, [1]), ({"top": 0, "skus": ["s02"]}, [2]), ({"top": 1, "skus": ["s00"]}, [0, 1]), ({"top": 0}, [])],
)
def test_who_is_not_selected_gets_the_baseline(select: dict[str, Any], chosen: list[int]) -> None:
    there = replace(group(), unique_id=np.array(["s00@L", "s01@L", "s02@L"], object))
    made, baseline = forecast(of=there, **select), forecast(BASELINE, of=there)
    others = np.setdiff1d(np.arange(3), chosen)
    assert list(made.fitted_model[chosen]) == ["prophet"] * len(chosen)
    assert (made.quantiles[others] == baseline.quantiles[others]).all()
    assert list(made.fitted_model[others]) == [BASELINE] * len(others)
    assert (made.quantiles[chosen] != baseline.quantiles[chosen]).any() == bool(chosen)


def test_a_series_that_cannot_be_fitted_gets_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    library = prophet._library()

    class Broken(library):  # type: ignore[misc, valid-type]
        def fit(self, frame: Any, **options: Any) -> Any:
            if frame["y"].mean() > 55:  # the second one
                raise RuntimeError("Stan has no step left")
            return super().fit(frame, **options)

    before = np.random.get_state()[1].copy()
    monkeypatch.setattr(prophet, "_library", lambda: Broken)
    made, baseline = forecast(), forecast(BASELINE)
    assert list(made.fitted_model) == ["prophet", BASELINE, "prophet"]
    assert (made.quantiles[1] == baseline.quantiles[1]).all()
    assert (np.random.get_state()[1] == before).all(), "who draws beside it draws as before"


def test_it_is_said_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scaleinv.config.forecast.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="prophet, which is not installed"):
        ForecastConfig(models=("prophet",))
    assert ForecastConfig().prophet.top == 10
