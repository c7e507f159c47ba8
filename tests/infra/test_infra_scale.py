"""The arithmetic of `benchmarks/scale.py`: what a doubling multiplies, and what a million costs."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("scale")


def size(series: int, seconds: float) -> dict[str, object]:
    return {
        "series": series,
        "stages": {"sources": {"seconds": 1}, "train": {"seconds": seconds, "cpu_seconds": seconds}},
    }


def test_four_times_the_series_in_four_times_the_seconds_is_two_a_doubling(scale: ModuleType) -> None:
    grown = scale.growth(size(1_000, 36), size(4_000, 144))
    assert grown["ratio_per_doubling"] == {"train": {"seconds": 2.0, "cpu_seconds": 2.0}}


def test_what_starts_an_engine_is_not_in_the_cost_of_a_million(scale: ModuleType) -> None:
    grown = scale.growth(size(1_000, 20 + 36), size(2_000, 20 + 72))
    assert grown["cpu_seconds_per_million"] == {"train": 36_000}
    assert (grown["core_hours_per_million"], grown["usd_per_million"]) == (10.0, 0.41)


@pytest.mark.parametrize("rows", [1_000, 10_000, 1_000_000])
def test_the_retailer_has_so_many_rows(scale: ModuleType, rows: int) -> None:
    said = dict(part.split("=") for part in scale.settings(rows, 365, "xgboost"))
    assert int(said["synthetic.n_skus"]) * int(said["synthetic.n_locations"]) == pytest.approx(rows, rel=0.01)
    assert said["forecast.models"] == "[xgboost]"
