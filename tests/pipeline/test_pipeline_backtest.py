"""Promises of past nights on what followed: kept where forecasts are true, and by nobody who knew what came."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import poisson
from tests.pipeline.test_pipeline_groups import rows

from scaleinv.cli.commands import main
from scaleinv.config import load_config
from scaleinv.errors import ConfigError
from scaleinv.pipeline.backtest import Backtest, Promise, backtest
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

AS_OF, HOLDOUT, N_SERIES = dt.date(2026, 1, 31), 28, 60
NIGHTS = [AS_OF - dt.timedelta(days=HOLDOUT * back) for back in (2, 1, 0)]
FIRST = NIGHTS[0] - dt.timedelta(days=HOLDOUT - 1)
RATES = np.exp(np.random.default_rng(2).uniform(np.log(1), np.log(12), N_SERIES))
NAMES = [f"s{n:02d}@L" for n in range(N_SERIES)]
SETTINGS = ("forecast.models=[xgboost, lstm]", "evaluation.refresh_days=7")
FILL = Promise("quantile", 3, 1, "fill_rate", 0.95)
CYCLE = Promise("quantile", 3, 7, "cycle_service_level", 0.9)


def night(home: Path, as_of: dt.date = AS_OF) -> Walk:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALEINV_HOME", str(home))
        return Walk(load_config("test", overrides=SETTINGS), as_of)


def forecasts(walk: Walk, rate: np.ndarray, model: str) -> list[dict[str, Any]]:
    """Of each cutoff: demand is Poisson, and that is known."""
    levels, horizon = np.array(walk.config.forecast.quantile_levels), walk.config.forecast.horizon
    steps = np.arange(1, horizon + 1)
    daily = np.repeat(poisson.ppf(levels, rate[:, None])[:, None], horizon, 1)
    total = poisson.ppf(levels, (rate[:, None] * steps)[..., None])
    return [
        {
            "as_of": walk.as_of, "cutoff": walk.as_of - dt.timedelta(days=back), "model": model, "group_id": "g",
            "unique_id": name, "mean": [rate[n]] * horizon, "quantiles": daily[n].ravel(),
            "cumulative_quantiles": total[n].ravel(),
        }
        for back in range(HOLDOUT, 0, -7) for n, name in enumerate(NAMES)
    ]  # fmt: skip


def champion(walk: Walk, model: str) -> None:
    walk.overwrite("gold/champions", rows(table("gold/champions"), {
        "as_of": walk.as_of, "demand_class": "smooth", "model": model}))  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three nights; the trees know the truth, the LSTM says that a tenth of it is sold and is no night's champion."""
    home = tmp_path_factory.mktemp("nights")
    y = np.random.default_rng(5).poisson(RATES[:, None], (N_SERIES, 3 * HOLDOUT))
    for as_of in NIGHTS:
        walk = night(home, as_of)
        facts = [
            {"as_of": as_of, "group_id": "g", "unique_id": name, "sku_id": name[:3], "location_id": "L",
             "demand_class": "smooth", "unit_cost": 2.0, "unit_price": 3.0, "min_order_quantity": 1.0,
             "order_multiple": 1.0}
            for name in NAMES
        ]  # fmt: skip
        walk.overwrite("gold/series", rows(table("gold/series"), *facts))
        champion(walk, "xgboost")
        made = forecasts(walk, RATES, "xgboost") + forecasts(walk, RATES / 10, "lstm")
        walk.overwrite("gold/forecasts", rows(table("gold/forecasts"), *made))
    walk = night(home)
    panel = [
        {"as_of": AS_OF, "group_id": "g", "unique_id": name, "ds": FIRST + dt.timedelta(days=day),
         "y": float(y[n, day]), "sales": float(y[n, day]), "is_stockout": False}
        for n, name in enumerate(NAMES) for day in range(3 * HOLDOUT)
    ]  # fmt: skip
    walk.overwrite("gold/panel", rows(table("gold/panel"), *panel))
    return home


@pytest.fixture(autouse=True)
def _walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nights are there: what walks them has its own tests."""
    monkeypatch.setattr(Walk, "run", lambda walk, stages: [stage.name for stage in stages])


def overall(found: Backtest) -> dict[Promise, dict[str, Any]]:
    names = ("method", "lead_time", "review_period", "kind", "target")
    return {Promise(*(row[name] for name in names)): row for row in found.rows() if row["slice"] == "overall"}


def test_promises_of_true_forecasts_are_kept(home: Path) -> None:
    found = backtest(night(home), [FILL, CYCLE], n_nights=3, warmup_days=28)
    assert (found.n_days, found.n_cutoffs) == (56, 12)
    made = overall(found)
    assert made[FILL]["achieved"] == made[FILL]["fill_rate"] == pytest.approx(0.95, abs=0.01)
    assert made[CYCLE]["achieved"] == made[CYCLE]["cycle_service_level"] == pytest.approx(0.9, abs=0.03)
    by_class = [row for row in found.rows() if row["slice"] == "demand_class"]
    assert {row["value"] for row in by_class} == {"smooth"}
    assert found.text().count("fill_rate") == 1


def test_all_demand_of_the_days_that_count_is_met_or_lost(home: Path) -> None:
    found = backtest(night(home), [FILL], n_nights=3, warmup_days=28)
    walk = night(home)
    wanted = walk.read("gold/panel", group_id="g").to_pandas()
    counted = wanted[wanted["ds"] > AS_OF - dt.timedelta(days=56)]["y"].sum()
    total = dict(zip(("n_series", "demand"), found.sums[FILL, "overall", "all"][:2], strict=True))
    assert total == {"n_series": N_SERIES, "demand": counted}


def test_a_night_does_not_use_the_champion_that_its_own_days_elected(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    before = backtest(night(home), [FILL], n_nights=3, warmup_days=28).sums
    champion(night(tmp_path), "lstm")  # the last night's
    assert all((total == before[key]).all() for key, total in
               backtest(night(tmp_path), [FILL], n_nights=3, warmup_days=28).sums.items())  # fmt: skip
    champion(night(tmp_path, NIGHTS[1]), "lstm")
    poor = overall(backtest(night(tmp_path), [FILL], n_nights=3, warmup_days=28))[FILL]
    assert poor["achieved"] < 0.8, "the night after goes by it"


def test_a_series_that_was_not_there_on_every_night_is_left_out(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    walk = night(tmp_path, NIGHTS[0])
    for name in ("gold/series", "gold/forecasts"):
        there = walk.read(name)
        walk.overwrite(name, there.filter(pa.array([one != NAMES[0] for one in there["unique_id"].to_pylist()])))
    found = backtest(night(tmp_path), [FILL], n_nights=3, warmup_days=28)
    assert overall(found)[FILL]["n_series"] == N_SERIES - 1
    assert found.n_left_out == 1
    assert "1 series left out" in found.text()


def test_a_bad_row_is_left_out_and_a_class_that_is_new_begins_with_the_first_model(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    for as_of in NIGHTS[1:]:
        walk = night(tmp_path, as_of)
        series = walk.read("gold/series").to_pylist()
        for row in series:
            if row["unique_id"] == NAMES[1]:
                row["order_multiple"] = 0.0
            if row["unique_id"] in NAMES[2:5]:
                row["demand_class"] = "lumpy"
        walk.overwrite("gold/series", pa.Table.from_pylist(series, schema=table("gold/series").schema))
        both = [{"as_of": as_of, "demand_class": one, "model": "xgboost"} for one in ("smooth", "lumpy")]
        walk.overwrite("gold/champions", rows(table("gold/champions"), *both))
    found = backtest(night(tmp_path), [FILL], n_nights=3, warmup_days=28)
    assert overall(found)[FILL]["n_series"] == N_SERIES - 1
    assert {row["value"] for row in found.rows() if row["slice"] == "demand_class"} == {"smooth"}, "as it was known"


def test_the_command_prints_every_promise(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCALEINV_HOME", str(home))
    with pytest.raises(SystemExit, match="0"):
        main([
            "backtest", "--env", "test", "--as-of", str(AS_OF), *(f"--set={one}" for one in SETTINGS), "--nights", "3",
            "--lead-time", "3", "--review", "1", "--fill-rate", "0.95", "--method", "quantile", "--method", "root",
            "--json",
        ])  # fmt: skip
    said = json.loads(capsys.readouterr().out)
    assert said["n_days"] == 56
    assert [row["method"] for row in said["rows"] if row["slice"] == "overall"] == ["quantile", "root"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fill-rate", "98"], "a promise is a share"),
        (["--method", "guess"], "there is no such method"),
        (["--warmup", "84"], "no day is left to count"),
        (["--warmup", "27"], "no day is left to count"),
    ],
)
def test_what_cannot_be_promised_is_refused(
    home: Path, options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCALEINV_HOME", str(home))
    with pytest.raises(SystemExit) as error:
        main(["backtest", "--env", "test", "--as-of", str(AS_OF), *options])
    assert error.value.code == ConfigError.exit_code
    assert said in capsys.readouterr().err
