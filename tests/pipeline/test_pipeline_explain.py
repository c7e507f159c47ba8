"""What moved a forecast is stored with it, read again, told and drawn; workers are stood in for by this process."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from tests.pipeline.test_pipeline_groups import AS_OF, FIRST, in_this_process, rows

from scaleinv.config import load_config
from scaleinv.errors import ConfigError, DataError, LakeError
from scaleinv.lake import Lake
from scaleinv.pipeline import explain, forecast, groups, train
from scaleinv.pipeline.explain import Explanation, explained
from scaleinv.pipeline.picture import draw
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import Table, table

OLD = [f"s{number}@L{number % 2}" for number in range(6)]
YOUNG, LONELY = "young@L0", "lonely@L0"
"""One that is forecast from its peers, one whose group is too small to train on."""
EXPLANATIONS = table("gold/explanations")


def night(home: Path, *settings: str) -> Walk:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALEINV_HOME", str(home))
        return Walk(load_config("test", overrides=["forecast.models=[lstm, tft, xgboost]", *settings]), AS_OF)


@pytest.fixture(scope="module", autouse=True)
def _here() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Walk, "ray", lambda walk: None)
        patch.setattr(groups, "fan_out", in_this_process)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("trained")
    walk = night(home)
    horizon, random = walk.config.forecast.horizon, np.random.default_rng(1)
    series, panel = [], []
    for at, name in enumerate([*OLD, YOUNG, LONELY]):
        sku, _, location = name.partition("@")
        facts = {"as_of": AS_OF, "group_id": "two" if name == LONELY else "one", "unique_id": name}
        series.append(facts | {"sku_id": sku, "location_id": location, "demand_class": "smooth"})
        first = AS_OF - dt.timedelta(days=4) if name == YOUNG else FIRST
        for n in range((AS_OF - first).days + 1 + horizon):
            day = first + dt.timedelta(days=n)
            y = float(random.poisson((1 + at) * (1.6 if day.weekday() > 4 else 1))) if day <= AS_OF else None
            sold = {"y": y, "sales": y, "is_stockout": at == 2 and n % 50 == 49 and y is not None}
            panel.append(facts | sold | {"ds": day, "is_promotion": n % 9 == 0, "price": 2.0 + (n % 20 == 0)})
    walk.overwrite("gold/series", rows(table("gold/series"), *series))
    walk.overwrite("gold/panel", rows(table("gold/panel"), *panel))
    train.work(walk)
    return home


@pytest.fixture(scope="module")
def walk(trained: Path) -> Walk:
    """The night, forecast; tests of this one do not write."""
    walk = night(trained)
    assert forecast.work(walk).complete
    return walk


@pytest.fixture
def another(trained: Path, tmp_path: Path) -> Callable[..., Walk]:
    """The trained night, not forecast, in a lake of its own."""
    shutil.copytree(trained, tmp_path / "home", ignore=shutil.ignore_patterns("forecasts", "explanations"))
    return lambda *settings: night(tmp_path / "home", *settings)


def of(walk: Walk, name: str, **options: Any) -> Explanation:
    sku, _, location = name.partition("@")
    return explained(walk, sku, location, **options)


def test_each_series_that_is_old_enough_has_a_row_of_each_model_that_can_say(walk: Walk) -> None:
    found = walk.lake.read(EXPLANATIONS).to_pylist()
    assert sorted((row["model"], row["unique_id"]) for row in found) == [
        (model, name) for model in ("tft", "xgboost") for name in OLD
    ]
    forecasts = walk.read("gold/forecasts", cutoff=AS_OF, model="xgboost").to_pylist()
    mean = {row["unique_id"]: row["mean"] for row in forecasts}
    for row in found:
        parts = np.reshape(row["parts"], (-1, len(row["reasons"])))
        if row["kind"] == "shares":
            np.testing.assert_allclose(parts.sum(1), 1, rtol=1e-4)
            continue
        assert (row["kind"], row["is_exact"]) == ("factors", False)
        np.testing.assert_allclose(np.prod(parts, axis=1) * row["start"], row["forecast"], rtol=1e-4)
        np.testing.assert_allclose(row["forecast"], mean[row["unique_id"]], rtol=1e-4)
        assert sum(row["start"]) + sum(row["effects"]) == pytest.approx(sum(row["forecast"]), rel=1e-5)


@pytest.mark.parametrize("model", ["xgboost", "tft"])
def test_what_is_stored_is_what_the_model_would_say_again(
    walk: Walk, another: Callable[..., Walk], model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_stored = another("explain.store=none")
    forecast.work(nothing_stored)
    assert nothing_stored.lake.read(EXPLANATIONS).num_rows == 0
    again = of(nothing_stored, OLD[3], model=model)
    monkeypatch.setattr(explain, "_afresh", lambda *_, **__: pytest.fail("it is stored"))
    stored = of(walk, OLD[3], model=model)
    assert (stored.reasons, stored.is_exact, stored.head) == (again.reasons, again.is_exact, again.head)
    for name in ("forecast", "start", "parts", "effects", "looked_back"):
        np.testing.assert_allclose(getattr(stored, name), getattr(again, name), rtol=1e-4, atol=1e-6)


def test_shap_values_are_computed_where_they_are_asked_for_and_stored_where_configured(
    walk: Walk, another: Callable[..., Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, exact = of(walk, OLD[5], model="xgboost"), of(walk, OLD[5], model="xgboost", exact=True)
    assert (quick.is_exact, exact.is_exact) == (False, True)
    assert not np.allclose(quick.effects, exact.effects, rtol=1e-3)
    np.testing.assert_allclose(quick.forecast, exact.forecast, rtol=1e-4)
    all_exact = another("explain.store=exact")
    forecast.work(all_exact)
    monkeypatch.setattr(explain, "_afresh", lambda *_, **__: pytest.fail("it is stored"))
    np.testing.assert_allclose(of(all_exact, OLD[5], model="xgboost", exact=True).effects, exact.effects, rtol=1e-4)


def test_the_champion_is_asked_first_and_who_is_used_is_said(another: Callable[..., Walk]) -> None:
    walk = another()
    forecast.work(walk)
    assert "orders are made from what evaluate will choose" in of(walk, OLD[0]).head
    for best, asked in (("tft", "tft"), ("xgboost", "xgboost"), ("lstm+tft", "tft"), ("lstm", "xgboost")):
        champions = rows(table("gold/champions"), {"as_of": AS_OF, "demand_class": "smooth", "model": best})
        walk.overwrite("gold/champions", champions)
        head = of(walk, OLD[0]).head
        assert f"by {asked}" in head
        assert (f"orders are made from {best}" in head) is (best != asked)


def test_of_a_group_that_fell_back_it_says_who_forecasts_it_and_why_nobody_can_explain(walk: Walk) -> None:
    with pytest.raises(DataError, match="no model can say what moved the forecast of lonely@L0") as error:
        of(walk, LONELY)
    said = str(error.value)
    for model in ("xgboost", "tft"):
        assert f"{model} (its forecast is by seasonal): not trained: DataError: the group is too small" in said


def test_of_a_series_too_young_it_says_that_its_peers_forecast_it(walk: Walk) -> None:
    with pytest.raises(DataError, match=r"xgboost \(its forecast is by peers\): young@L0 is too young"):
        of(walk, YOUNG, model="xgboost")


def test_a_night_that_is_killed_between_its_two_tables_ends_with_one_row_per_series(
    walk: Walk, another: Callable[..., Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = another()
    commit = Lake.commit

    def dies(lake: Lake, into: Table, *given: Any, **options: Any) -> int:
        if into is EXPLANATIONS:
            raise KeyboardInterrupt
        return commit(lake, into, *given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "commit", dies)
        with pytest.raises(KeyboardInterrupt):
            forecast.work(killed)
    assert killed.lake.exists(table("gold/forecasts"))
    for _ in range(2):
        forecast.work(killed)
        found, expected = (one.lake.read(EXPLANATIONS) for one in (killed, walk))
        assert found.equals(expected)
        assert [killed.lake.version(table(name)) for name in ("gold/forecasts", "gold/explanations")] == [0, 0]


def test_a_forecast_that_cannot_be_explained_is_a_forecast(
    another: Callable[..., Walk], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise MemoryError("no room")

    walk = another()
    monkeypatch.setattr(forecast, "reasons", fails)
    assert forecast.work(walk).complete
    assert "what moved the forecasts of 2 groups is not stored: MemoryError: no room" in capsys.readouterr().err
    made = walk.read("gold/forecasts", columns=["fitted_model"], model="xgboost", group_id="one", unique_id=OLD[0])
    assert {*made["fitted_model"].to_pylist()} == {"xgboost"}


@pytest.mark.parametrize("model", ["xgboost", "tft"])
def test_it_is_told_to_people_and_to_machines(walk: Walk, model: str) -> None:
    why = of(walk, OLD[4], model=model)
    text = why.text().splitlines()
    assert text[0] == f"s4 at L0, 2026-02-01 on, 28 days, by {model}; orders are made from what evaluate will choose"
    told = [line for line in text[2:] if line.startswith("  ")]
    assert [line[2:38].strip() for line in told] == [why.reasons[at] for at in why.order]
    plain = json.loads(json.dumps(why.plain()))
    assert plain["as_of"] == "2026-01-31"
    assert np.shape(plain["parts"]) == (28, len(plain["reasons"]))
    assert sum(plain["forecast"]) == pytest.approx(why.forecast.sum())


@pytest.mark.parametrize("model", ["xgboost", "tft"])
def test_a_picture_is_well_formed_and_of_the_same_bytes_each_time(walk: Walk, tmp_path: Path, model: str) -> None:
    why = of(walk, OLD[2], model=model)
    for path in (tmp_path / "new" / "one.svg", tmp_path / "two.svg", tmp_path / "one.png", tmp_path / "two.png"):
        draw(walk, why, path)
    for kind in ("svg", "png"):
        assert (tmp_path / "new" / "one.svg" if kind == "svg" else tmp_path / "one.png").read_bytes() == (
            tmp_path / f"two.{kind}"
        ).read_bytes()
    svg = (tmp_path / "two.svg").read_text()
    texts = [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")]
    assert {why.head, why.reasons[why.order[0]], "Demand and its forecast, units a day", "out of stock: estimated"} <= {
        *texts
    }
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert not [*tmp_path.rglob("*.unfinished")]
    with pytest.raises(ConfigError, match=r"\.svg or \.png"):
        draw(walk, why, tmp_path / "one.pdf")


def test_a_night_that_is_only_trained_is_explained_and_not_drawn(another: Callable[..., Walk], tmp_path: Path) -> None:
    walk = another()
    why = of(walk, OLD[1])
    assert why.maker is None
    with pytest.raises(LakeError, match="gold/forecasts is not in the lake"):
        draw(walk, why, tmp_path / "one.svg")
    walk.lake.create(table("gold/forecasts"))
    with pytest.raises(LakeError, match="no forecast of s1@L1 by xgboost"):
        draw(walk, why, tmp_path / "one.svg")
    assert not [*tmp_path.glob("one*")]
