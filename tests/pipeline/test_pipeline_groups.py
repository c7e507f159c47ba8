"""What is kept of a group's work and what is done again; workers are stood in for by this process."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from scaleinv.config import RayConfig, load_config
from scaleinv.errors import DataError
from scaleinv.fanout import Outcome as Answer
from scaleinv.fanout import Task
from scaleinv.pipeline import forecast, groups, train
from scaleinv.pipeline.groups import Card, Request, requests, run_groups
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import Table, table

AS_OF = dt.date(2026, 1, 31)
FIRST = dt.date(2025, 9, 1)
SMALLEST: dict[Callable[[pa.DataType], bool], object] = {
    pa.types.is_string: "x", pa.types.is_date: FIRST, pa.types.is_floating: 1.0, pa.types.is_integer: 1,
    pa.types.is_boolean: False, pa.types.is_list: [],
}  # fmt: skip


def rows(contract: Table, *changes: dict[str, object]) -> pa.Table:
    """Rows that keep the contract, with these values and otherwise any."""
    default = {c.name: next(value for kind, value in SMALLEST.items() if kind(c.type)) for c in contract.columns}
    return pa.Table.from_pylist([default | change for change in changes], schema=contract.schema)


def in_this_process(work: Callable[[Any], Any], tasks: Sequence[Task], config: RayConfig) -> Iterator[Answer]:
    for task in tasks:
        yield Answer(task.id, True, work(task.payload), None, 0.0, 1, "here:1")


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """A night with one group of one series."""
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    monkeypatch.setattr(Walk, "ray", lambda walk: None)
    monkeypatch.setattr(groups, "fan_out", in_this_process)
    walk = Walk(load_config("test", overrides=["forecast.models=[lstm, tft]"]), AS_OF)
    night = {"as_of": AS_OF, "group_id": "one", "unique_id": "a@b"}
    days = [FIRST + dt.timedelta(days=n) for n in range((AS_OF - FIRST).days + 1 + walk.config.forecast.horizon)]
    walk.overwrite("gold/series", rows(table("gold/series"), night))
    walk.overwrite("gold/panel", rows(table("gold/panel"), *[night | {"ds": day} for day in days]))
    return walk


def test_a_group_reads_its_own_files_and_no_others(walk: Walk) -> None:
    """What other groups and nights have written may be gone from the disk."""
    other = {"as_of": AS_OF, "group_id": "two", "unique_id": "c@d"}
    early = {"as_of": FIRST, "group_id": "one", "unique_id": "a@b"}
    for name, day in (("gold/series", {}), ("gold/panel", {"ds": FIRST})):
        for night in (other, early):
            where = {"as_of": night["as_of"], "group_id": night["group_id"]}
            walk.lake.overwrite(table(name), rows(table(name), night | day), where=where)
    places = [Path(walk.lake.uri(table(name))) for name in ("gold/series", "gold/panel")]
    files = [file for place in places for file in place.rglob("*.parquet")]
    mine = [file for file in files if f"as_of={AS_OF}" in str(file) and "group_id=one" in str(file)]
    assert (len(files), len(mine)) == (6, 2)
    for file in {*files} - {*mine}:
        file.unlink()
    request = ask(walk)[0]
    series = walk.lake.read(
        table("gold/series"), version=request.series_version, where={"as_of": AS_OF, "group_id": "one"}
    )
    panel = request.panel.read(walk.lake, series, group_id="one", version=request.panel_version)
    assert set(panel["unique_id"].to_pylist()) == {"a@b"}
    with pytest.raises(Exception, match="two"):
        walk.lake.read(table("gold/panel"), where={"as_of": AS_OF, "group_id": "two"})


def ask(walk: Walk, fingerprint: str = "today") -> list[Request]:
    return requests(walk, kind="train", models=("lstm",), cutoffs=[AS_OF], fingerprint=fingerprint)


def worked(walk: Walk, todo: list[Request]) -> list[str]:
    """Ids of the groups that were not found done."""
    called = []

    def work(request: Request) -> Card:
        called.append(request.id)
        walk.lake.put(request.artefact, b"model")
        return {"fingerprint": request.fingerprint, "artefact": request.artefact}

    run_groups(walk, work, todo, lambda request, error: {})
    return called


def test_a_group_is_done_once(walk: Walk) -> None:
    assert worked(walk, ask(walk)) == ["lstm/one"]
    assert worked(walk, ask(walk)) == []
    assert worked(walk, ask(walk, "other options")) == ["lstm/one"]


def test_a_model_of_other_options_does_not_replace_what_a_card_vouches_for(walk: Walk) -> None:
    (today,), (other,) = ask(walk), ask(walk, "other")
    assert today.artefact != other.artefact


def test_a_card_without_its_model_counts_for_nothing(walk: Walk) -> None:
    (request,) = ask(walk)
    worked(walk, [request])
    walk.lake.delete(request.artefact)
    assert worked(walk, [request]) == ["lstm/one"]


def test_a_card_without_its_staged_file_counts_for_nothing(walk: Walk) -> None:
    (request,) = ask(walk)
    walk.lake.put("gold/forecasts/there.parquet", b"rows")
    for path, missing in (("there.parquet", []), ("gone.parquet", ["lstm/one"])):
        card = {"fingerprint": request.fingerprint, "files": {"gold/forecasts": [{"path": path}]}}
        walk.lake.put(request.card, str(card).replace("'", '"').encode())
        assert worked(walk, [request]) == missing


def test_force_does_every_group_again(walk: Walk) -> None:
    worked(walk, ask(walk))
    walk.force = True
    assert worked(walk, ask(walk)) == ["lstm/one"]


def test_a_group_with_one_series_falls_back_and_the_ledger_says_so(walk: Walk) -> None:
    left_over = f"models/{AS_OF}/lstm/one.older.bin"
    walk.lake.put(left_over, b"model")
    outcome = train.work(walk)
    ledger = walk.read("gold/training_ledger").to_pylist()
    assert {(row["model"], row["status"], row["fitted_model"], row["artefact"]) for row in ledger} == {
        (model, "fell_back", "seasonal", None) for model in ("lstm", "tft")
    }
    assert all(row["error"].startswith("DataError: ") and row["n_series"] == 1 for row in ledger)
    assert outcome.complete
    assert walk.lake.get(left_over) is None


@pytest.mark.parametrize(("error", "again"), [(DataError("too young"), False), (RuntimeError("out of memory"), True)])
def test_only_the_data_are_a_reason_to_fall_back_for_good(
    walk: Walk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, again: bool
) -> None:
    train.work(walk)
    load = forecast.trained

    def fail(request: Request, *given: Any) -> Any:
        if request.model == "lstm":
            raise error
        return load(request, *given)

    monkeypatch.setattr(forecast, "trained", fail)
    outcome = forecast.work(walk)
    assert outcome.complete is not again
    made = walk.read("gold/forecasts", columns=["model", "fitted_model"]).to_pylist()
    assert {row["model"] for row in made} == {"seasonal", "lstm", "tft"}
    assert {row["fitted_model"] for row in made} == {"seasonal"}
    kept = [path for path in walk.lake.paths("models") if path.endswith("lstm/one.forecast.json")]
    assert bool(kept) is not again


def test_a_group_that_takes_its_workers_down_gets_the_baseline(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    train.work(walk)

    def one_dies(work: Callable[[Any], Any], tasks: Sequence[Task], config: RayConfig) -> Iterator[Answer]:
        for task in tasks:
            if task.id.startswith("lstm/"):
                yield Answer(task.id, False, None, "no answer in 9 s (ray.task_timeout)", 9.0, 1, "here:1")
            else:
                yield from in_this_process(work, [task], config)

    monkeypatch.setattr(groups, "fan_out", one_dies)
    outcome = forecast.work(walk)
    assert not outcome.complete, "the next run tries again"
    made = walk.read("gold/forecasts", columns=["model", "fitted_model"]).to_pylist()
    assert {row["model"] for row in made} == {"seasonal", "lstm", "tft"}
    assert {row["fitted_model"] for row in made if row["model"] == "lstm"} == {"seasonal"}
    assert [path for path in walk.lake.paths("models") if path.endswith("tft/one.forecast.json")]
    assert not [path for path in walk.lake.paths("models") if path.endswith("lstm/one.forecast.json")]


def test_networks_begin_with_what_the_last_night_left(walk: Walk) -> None:
    left = ask(walk)[0]
    walk.lake.put("models/old/lstm.bin", b"model")
    early = {"as_of": AS_OF - dt.timedelta(days=1), "model": "lstm", "group_id": "one", "fingerprint": "then"}
    for row in (early | {"artefact": "models/old/lstm.bin"}, early | {"as_of": FIRST, "artefact": "models/older.bin"}):
        night = rows(table("gold/training_ledger"), row)
        walk.lake.overwrite(table("gold/training_ledger"), night, where={"as_of": row["as_of"]})
    (warm,) = train._warm(walk, [left])
    assert (left.start, warm.start) == (None, "models/old/lstm.bin")
    assert warm.artefact != left.artefact, "another start makes another model"
    walk.lake.delete("models/old/lstm.bin")
    assert train._warm(walk, [left]) == [left]
