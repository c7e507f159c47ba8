"""What is due, and that a model of an earlier night is used as long as its group's cadence allows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.test_pipeline_groups import in_this_process, rows
from typer.testing import CliRunner

from scaleinv.cli import app
from scaleinv.config import load_config
from scaleinv.config.schedule import ScheduleConfig
from scaleinv.errors import ConfigError, LakeError
from scaleinv.forecast import Fitted
from scaleinv.pipeline import forecast, groups, train
from scaleinv.pipeline.due import due, group_days, training_settings
from scaleinv.pipeline.groups import Card, Request, requests
from scaleinv.pipeline.walk import Outcome, Walk
from scaleinv.schema import table

FIRST = dt.date(2026, 1, 1)
SERIES = {"fast": [("a", "fast")] * 3 + [("a", "slow")] * 7, "slow": [("b", "slow")] * 4, "odd": [("c", "medium")]}
SCHEDULE = ScheduleConfig.model_validate(
    {"share": 0.2, "classes": {"fast": {"train": "weekly"}, "medium": {"train": 14}, "slow": {"train": "monthly"}}}
)


def series(pairs: Sequence[tuple[str, str]]) -> pa.Table:
    return pa.table({"group_id": [group for group, _ in pairs], "velocity_class": [name for _, name in pairs]})


# --- which cadence a group has ----------------------------------------------------------------------------------------


def test_a_group_has_the_shortest_cadence_of_classes_that_are_many_enough() -> None:
    pairs = [pair for part in SERIES.values() for pair in part]
    assert group_days(SCHEDULE, series(pairs)) == {"a": ("fast", 7), "b": ("slow", 28), "c": ("medium", 14)}
    few = [("a", "fast"), *[("a", "slow")] * 9]  # a tenth of the group
    assert group_days(SCHEDULE, series(few)) == {"a": ("slow", 28)}


@settings(deadline=None)  # the first join of a process takes its time
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["fast", "medium", "slow"])), min_size=1, max_size=40),
    st.floats(0, 1),
)
def test_cadences_against_a_slow_loop(pairs: list[tuple[str, str]], share: float) -> None:
    schedule = SCHEDULE.model_copy(update={"share": share})
    expected = {}
    for group in {group for group, _ in pairs}:
        mine = [name for other, name in pairs if other == group]
        enough = [name for name in {*mine} if mine.count(name) / len(mine) >= share] or mine
        expected[group] = min(schedule.of(name).train_days for name in enough)
    assert {group: days for group, (_, days) in group_days(schedule, series(pairs)).items()} == expected


@pytest.mark.parametrize("cadence", ["hourly", 0, -3])
def test_a_cadence_that_is_none_is_named(cadence: object) -> None:
    with pytest.raises(ConfigError, match=r"schedule\.classes\.fast\.train"):
        load_config("test", overrides=[f"schedule.classes.fast.train={cadence}"])


def test_the_shipped_schedule_is_weekly_for_fast_movers_and_monthly_for_staples() -> None:
    schedule = load_config("demo").schedule
    assert (schedule.of("fast").train_days, schedule.of("slow").train_days) == (7, 28)
    assert not schedule.reuse, "a night trains every group unless it is asked not to"
    assert load_config("demo", overrides=["schedule.classes.fast.train=3"]).schedule.of("fast").train_days == 3


def test_models_must_not_be_gone_before_they_are_old() -> None:
    kept = ["schedule.reuse=true", "maintain.keep_nights=28"]
    with pytest.raises(ConfigError, match=r"keep_nights 28 is not longer than schedule's longest cadence"):
        load_config("test", overrides=kept)
    assert load_config("test", overrides=kept[1:]).maintain.keep_nights == 28


# --- nights -----------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    monkeypatch.setattr(Walk, "ray", lambda walk: None)
    monkeypatch.setattr(groups, "fan_out", in_this_process)
    monkeypatch.setattr(Walk, "_require_inputs", lambda walk, stage: None)


def night(day: int, *other: str) -> Walk:
    """Night ``day`` of January, its groups known."""
    sets = ["forecast.models=[lstm]", "schedule.reuse=true", *other]
    walk = Walk(load_config("test", overrides=sets), FIRST + dt.timedelta(days=day))
    pairs = enumerate(pair for part in SERIES.values() for pair in part)
    facts = [
        {"as_of": walk.as_of, "group_id": group, "velocity_class": name, "unique_id": f"{n}@x"}
        for n, (group, name) in pairs
    ]
    walk.overwrite("gold/series", rows(table("gold/series"), *facts))
    if not walk.lake.exists(table("gold/panel")):
        walk.lake.create(table("gold/panel"))
    return walk


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids that were trained since the list was cleared; the models are real, if empty."""
    done: list[str] = []

    def instead(request: Request) -> Card:
        from scaleinv.lake import Lake

        done.append(request.id)
        Lake(request.lake).put(request.artefact, Fitted("lstm", 7, 1).to_bytes())
        return train._card(request, "done", n_series=1, device="cpu")

    monkeypatch.setattr(train, "train_group", instead)
    return done


def walked(walk: Walk, trained: list[str]) -> list[str]:
    """Groups that were trained in a night."""
    trained.clear()
    stage = next(stage for stage in train.STAGES if stage.name == "train")
    walk.run([stage])
    return [name.removeprefix("lstm/") for name in trained]


def test_a_young_model_is_used_and_an_old_one_made_anew(trained: list[str]) -> None:
    found = {day: sorted(walked(night(day), trained)) for day in (0, 1, 6, 7, 13, 14, 27, 28)}
    assert found == {
        0: ["a", "b", "c"], 1: [], 6: [], 7: ["a"], 13: [], 14: ["a", "c"], 27: ["a"], 28: ["b", "c"],
    }  # fmt: skip


def test_the_ledger_names_the_model_that_is_used_and_that_it_cost_nothing(trained: list[str]) -> None:
    walked(night(0), trained)
    walk = night(3)
    walked(walk, trained)
    ledger = walk.read("gold/training_ledger").to_pylist()
    assert [row["artefact"].split("/")[1] for row in ledger] == ["2026-01-01"] * 3
    assert {(row["as_of"], row["status"], row["seconds"], row["attempts"]) for row in ledger} == {
        (walk.as_of, "done", 0.0, 0)
    }
    assert {row["group_id"]: row["n_series"] for row in ledger} == {"a": 10, "b": 4, "c": 1}
    request = requests(walk, kind="forecast", models=("lstm",), cutoffs=[walk.as_of], fingerprint="x", groups=["a"])[0]
    assert forecast.trained(request, walk.lake).model == "lstm", "the forecast finds it"


def test_run_again_a_night_keeps_and_trains_the_same(trained: list[str]) -> None:
    walked(night(0), trained)
    walked(night(7), trained)
    before = night(7).read("gold/training_ledger")
    stage = next(stage for stage in train.STAGES if stage.name == "train")
    night(7).unmark(stage)
    assert walked(night(7), trained) == [], "cards say what was done"
    assert night(7).read("gold/training_ledger").equals(before)


@pytest.mark.parametrize("why", ["options", "code", "gone", "force", "off"])
def test_what_makes_a_model_another_trains_it(trained: list[str], monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    walked(night(0), trained)
    given_: list[str] = []
    if why == "options":
        given_ = ["forecast.context_length=35"]
    if why == "code":
        monkeypatch.setattr("scaleinv.pipeline.due.code_state", lambda: "later")
    if why == "off":
        given_ = ["schedule.reuse=false"]
    walk = night(1, *given_)
    if why == "gone":
        for path in walk.lake.paths("models"):
            if path.endswith(".bin"):
                walk.lake.delete(path)
    walk.force = why == "force"
    assert sorted(walked(walk, trained)) == ["a", "b", "c"]


def test_a_new_group_is_trained_and_one_that_is_gone_is_no_row(trained: list[str]) -> None:
    walked(night(0), trained)
    walk = night(1)
    facts = [{"as_of": walk.as_of, "group_id": g, "velocity_class": "slow", "unique_id": g} for g in ("b", "new")]
    walk.overwrite("gold/series", rows(table("gold/series"), *facts))
    assert walked(walk, trained) == ["new"]
    assert sorted(walk.read("gold/training_ledger")["group_id"].to_pylist()) == ["b", "new"]


# --- what is due ------------------------------------------------------------------------------------------------------


def told(walk: Walk, day: int) -> dict[tuple[str, str], Any]:
    return {(row.name, row.work): row for row in due(walk.config, walk.lake, FIRST + dt.timedelta(days=day))}


def test_due_says_by_class_what_a_night_would_train(trained: list[str]) -> None:
    walk = night(0)
    assert {row.is_due for row in told(walk, 0).values()} == {True}
    walked(walk, trained)
    for day, expected in ((1, set()), (7, {"fast"}), (14, {"fast", "medium"}), (28, {"fast", "medium", "slow"})):
        found = {name for (name, work), row in told(walk, day).items() if work == "train" and row.is_due}
        assert found == expected, day
    assert told(walk, 1)["fast", "train"].last == FIRST
    assert told(walk, 1)["fast", "forecast"].last is None


def test_due_of_an_empty_lake_says_that_everything_is() -> None:
    walk = Walk(load_config("test"), FIRST)
    with pytest.raises(LakeError, match=r"everything is due[\s\S]*--due"):
        due(walk.config, walk.lake, FIRST)


def test_the_command_tells_people_and_programs(trained: list[str]) -> None:
    walked(night(0), trained)
    asked = ["due", "--env", "test", "--set", "forecast.models=[lstm]", "--as-of", "2026-01-08"]
    lines = CliRunner().invoke(app, asked).output.splitlines()
    assert lines[1].split() == ["fast", "train", "7", "d", "1", "2026-01-01", "yes"]
    as_json = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert as_json[0] == {
        "name": "fast", "work": "train", "every": 7, "last": "2026-01-01", "is_due": True, "groups": 1,
    }  # fmt: skip


def test_run_due_turns_reuse_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def run(walk: Walk, stages: object) -> list[str]:
        seen.append(walk.config.schedule.reuse)
        return []

    monkeypatch.setattr(Walk, "run", run)
    for extra in ([], ["--due"]):
        CliRunner().invoke(app, ["run", "--env", "test", "--until", "train", *extra])
    assert seen == [False, True]


def test_settings_do_not_depend_on_the_day() -> None:
    assert training_settings(night(0)) == training_settings(night(9))
    assert training_settings(night(0)) != training_settings(night(0, "evaluation.season=5"))
    assert Outcome().memo == {}
