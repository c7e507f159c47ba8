"""The champion per label and the backtest's cutoffs."""

from __future__ import annotations

import itertools
import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleinv.evaluation import Champion, champion, cutoffs

NAN = math.nan


def test_the_lowest_score_wins_and_names_the_next() -> None:
    scores = {"tft": {"smooth": 0.4, "lumpy": 0.9}, "seasonal": {"smooth": 0.5, "lumpy": 0.8}}
    assert champion(scores, ["smooth", "lumpy"], "seasonal") == {
        "smooth": Champion("tft", 0.4, "seasonal", 0.5),
        "lumpy": Champion("seasonal", 0.8, "tft", 0.9),
    }


def test_ties_go_to_the_baseline_then_to_the_first_named() -> None:
    scores = {"tft": {"x": 0.5}, "lstm": {"x": 0.5}, "seasonal": {"x": 0.5}}
    assert champion(scores, ["x"], "seasonal")["x"] == Champion("seasonal", 0.5, "tft", 0.5)
    assert champion(scores, ["x"], "lstm")["x"].runner_up == "tft"


def test_nan_and_missing_lose() -> None:
    found = champion({"seasonal": {"x": NAN}, "lstm": {"x": 0.7}, "tft": {}}, ["x"], "seasonal")["x"]
    assert (found.model, found.score, found.runner_up) == ("lstm", 0.7, None)
    assert math.isnan(found.runner_up_score)


def test_without_any_score_the_baseline_stands() -> None:
    found = champion({"lstm": {"x": NAN}}, ["x"], "seasonal")["x"]
    assert (found.model, found.runner_up) == ("seasonal", None)
    assert math.isnan(found.score)


def test_cutoffs_by_hand() -> None:
    assert cutoffs(date(2016, 5, 22), 28, 28) == [date(2016, 4, 24)]
    assert cutoffs(date(2016, 5, 22), 28, 10) == [date(2016, 4, 24), date(2016, 5, 4), date(2016, 5, 14)]
    with pytest.raises(ValueError, match="at least 1"):
        cutoffs(date(2016, 5, 22), 28, 0)


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(1, 400), st.integers(1, 60))
def test_cutoffs_start_at_the_holdout_and_stay_before_as_of(as_of: date, holdout: int, refresh: int) -> None:
    found = cutoffs(as_of, holdout, refresh)
    assert found[0] == as_of - timedelta(days=holdout)
    assert all(later - earlier == timedelta(days=refresh) for earlier, later in itertools.pairwise(found))
    assert found[-1] < as_of <= found[-1] + timedelta(days=refresh)
