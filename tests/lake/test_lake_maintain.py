"""Old nights, small files, unused files: what goes, what stays, and that it can be killed anywhere. No Spark."""

from __future__ import annotations

import datetime as dt
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pytest

from scaleinv.config import Config, LakeConfig, load_config
from scaleinv.errors import ConfigError, LakeError
from scaleinv.lake import Lake, maintain
from scaleinv.lake.lease import lease
from scaleinv.pipeline.maintain import maintain as look_after
from scaleinv.schema import table

DAY = dt.date(2026, 3, 31)
STOCK, SALES, HOURLY = table("gold/stock_position"), table("silver/sales"), table("silver/hourly_sales")
WEEK = 7 * 24


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    return load_config("demo", overrides=["maintain.keep_nights=3"])


@pytest.fixture
def lake(config: Config) -> Lake:
    return Lake(config.lake)


def stock(night: dt.date, group: str, *series: str) -> pa.Table:
    rows = [
        {
            "as_of": night, "group_id": group, "unique_id": one, "on_order_overdue": 0.0, "on_order_discount": 0.0,
            "transfer_in": 0.0, "transfer_out": 0.0, "on_hand": 1.0, "on_order": 0.0, "reserved": 0.0,
            "backorders": 0.0, "stock_date": night,
        }
        for one in series
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=STOCK.schema)


def sales(*days: int) -> pa.Table:
    rows = [
        {
            "sku_id": f"S{day % 3}", "location_id": "L", "date": DAY - dt.timedelta(days=day), "quantity": 1.5,
            "source": "till", "load": 0, "known_on": DAY,
        }
        for day in days
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SALES.schema)


def a_night(lake: Lake, night: dt.date) -> None:
    """Tables, models, a card and markers, as a walk leaves them."""
    for group in ("a", "b"):
        lake.overwrite(STOCK, stock(night, group, "x", "y"), where={"as_of": night, "group_id": group})
        lake.put(f"models/{night}/lstm/{group}.bin", b"model")
    lake.put(f"_walk/{night}/features.json", b"{}")


def append(lake: Lake, *parts: pa.Table) -> None:
    """Adds a file for each part, as loads do."""
    files = []
    for part in parts:
        files.append(lake.stage_file(SALES, part, partition={"source": "till"}))
        lake.commit(SALES, files, where={"source": "till"})


def age(lake: Lake, hours: float) -> None:
    """Everything in the lake was written so long ago, in its log too."""
    moment = time.time() - 3600 * hours
    for path in Path(lake.config.root).rglob("*"):
        if path.suffix == ".json" and path.parent.name == "_delta_log":
            text = path.read_text()
            for key in ("modificationTime", "deletionTimestamp", "timestamp"):
                text = _moved(text, key, int(moment * 1000))
            path.write_text(text)
        os.utime(path, (moment, moment))


def _moved(text: str, key: str, moment: int) -> str:
    return re.sub(rf'"{key}":\d+', f'"{key}":{moment}', text)


def files(lake: Lake) -> set[str]:
    """But those of leases: whoever looks after the lake takes one."""
    return {path for path in lake.paths("") if "_delta_log" not in path and not path.startswith("leases/")}


def nights_of(lake: Lake) -> list[str]:
    return lake.partition_values(STOCK, "as_of")


def test_old_nights_go_with_their_models_and_markers(config: Config, lake: Lake) -> None:
    nights = [DAY - dt.timedelta(days=n) for n in range(5)]
    for night in nights:
        a_night(lake, night)
    age(lake, WEEK + 1)
    said: list[str] = []
    look_after(config, said.append)
    kept = [str(night) for night in sorted(nights[:3])]
    assert nights_of(lake) == kept
    assert sorted({path.split("/")[1] for path in lake.paths("models")}) == kept
    assert sorted({path.split("/")[1] for path in lake.paths("_walk")}) == kept
    assert said[0].startswith("nights 2026-03-27 to 2026-03-28: 2 removed, 4 files")
    before = (lake.version(STOCK), files(lake))
    said.clear()
    look_after(config, said.append)
    assert said == ["done"], "the second time there is nothing to do"
    assert (lake.version(STOCK), files(lake)) == before


def test_a_night_that_was_written_to_lately_stays_however_old_its_day(config: Config, lake: Lake) -> None:
    a_night(lake, DAY)
    backtest = DAY - dt.timedelta(days=365)
    a_night(lake, backtest)
    age(lake, WEEK - 2)
    look_after(config, list[str]().append)
    assert nights_of(lake) == [str(backtest), str(DAY)]
    age(lake, WEEK + 2)
    look_after(config, list[str]().append)
    assert nights_of(lake) == [str(DAY)]


def test_small_files_become_one_with_the_same_rows_and_old_versions_stay_readable(config: Config, lake: Lake) -> None:
    append(lake, sales(*range(0, 9)), sales(*range(9, 20)), sales(*range(20, 50)))
    pinned, rows = lake.version(SALES), lake.read(SALES)
    said: list[str] = []
    look_after(config, said.append)
    assert "silver/sales: 3 small files of 1 partitions put together, 2 fewer" in said
    assert lake.read(SALES).equals(rows), "and in the same order"
    assert len([path for path in files(lake) if path.startswith("silver/sales/")]) == 4, "the old ones are still there"
    age(lake, WEEK - 1)
    look_after(config, said.append)
    assert lake.read(SALES, version=pinned).equals(rows)
    age(lake, WEEK + 1)
    look_after(config, said.append)
    assert len([path for path in files(lake) if path.startswith("silver/sales/")]) == 1
    assert lake.read(SALES).equals(rows)


def test_lists_and_last_loads_survive_compaction(config: Config, lake: Lake) -> None:
    row = {"sku_id": "S", "location_id": "L", "source": "till", "load": 0, "known_on": DAY}
    staged = []
    for n in range(2):
        hours = {"sales": [0.5 + n] * 24, "is_stockout": [n == 1] * 24, "date": DAY - dt.timedelta(days=n)}
        part = pa.Table.from_pylist([row | hours], schema=HOURLY.schema)
        staged.append(lake.stage_file(HOURLY, part, partition={"source": "till"}))
    lake.commit(HOURLY, staged, where={"source": "till"})
    rows, transaction = lake.read(HOURLY), lake.next_transaction(HOURLY, {"source": "till"})
    assert maintain.compact(lake, HOURLY, 2**20) == 1
    assert lake.read(HOURLY).equals(rows)
    assert lake.has_one_load(HOURLY), "its statistics are there"
    assert lake.next_transaction(HOURLY, {"source": "till"}) == transaction


def test_a_staged_file_waits_for_its_commit_even_where_the_log_knows_its_name(config: Config, lake: Lake) -> None:
    again = lake.stage_file(SALES, sales(1, 2), partition={"source": "till"})
    lake.commit(SALES, [again], where={"source": "till"})
    lake.overwrite(SALES, sales(3), where={"source": "till"})
    forgotten = lake.stage_file(SALES, sales(5), partition={"source": "till"})
    age(lake, WEEK + 1)
    # Restaged now, by a run whose commit is still to come.
    assert lake.stage_file(SALES, sales(1, 2), partition={"source": "till"}) == again
    new = lake.stage_file(SALES, sales(7), partition={"source": "till"})
    look_after(config, list[str]().append)
    assert lake.files.exists(f"silver/sales/{again.path}")
    assert lake.files.exists(f"silver/sales/{new.path}")
    assert not lake.files.exists(f"silver/sales/{forgotten.path}"), "nobody will commit it any more"
    lake.commit(SALES, [again, new], where={"source": "till"})
    assert lake.read(SALES).num_rows == 3


def test_a_file_that_is_staged_while_unused_files_are_deleted_stays(
    config: Config, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = lake.stage_file(SALES, sales(1, 2), partition={"source": "till"})
    lake.create(SALES)
    age(lake, WEEK + 1)

    def late(lake: Lake, found: list[pafs.FileInfo]) -> None:
        assert [info.base_name for info in found] == [staged.path.rpartition("/")[2]]
        assert lake.stage_file(SALES, sales(1, 2), partition={"source": "till"}) == staged
        maintain.delete(lake, found)

    monkeypatch.setattr("scaleinv.pipeline.maintain.delete", late)
    look_after(config, list[str]().append)
    lake.commit(SALES, [staged], where={"source": "till"})
    assert lake.read(SALES).num_rows == 2


def test_an_ingest_and_it_take_turns(config: Config, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    append(lake, sales(1), sales(2))
    version = lake.version(SALES)
    with lease(lake, "ingest"):
        with pytest.raises(LakeError, match=f"or maintain, is under way in this lake\n.*process {os.getpid()} on"):
            look_after(config, list[str]().append)
        look_after(config, list[str]().append, dry_run=True)
    assert lake.version(SALES) == version

    def meanwhile(*arguments: object) -> int:
        with pytest.raises(LakeError, match="is under way in this lake"), lease(lake, "ingest"):
            pass
        return 7

    monkeypatch.setattr("scaleinv.pipeline.maintain.compact", meanwhile)
    said: list[str] = []
    look_after(config, said.append)
    assert "silver/sales: 2 small files of 1 partitions put together, 7 fewer" in said
    with lease(lake, "ingest"):
        pass


def test_a_dry_run_says_all_and_does_nothing(config: Config, lake: Lake) -> None:
    for night in (DAY, DAY - dt.timedelta(days=9)):
        a_night(lake, night)
    lake.stage_file(SALES, sales(9), partition={"source": "till"})
    age(lake, WEEK + 1)
    append(lake, sales(3), sales(4))
    before = ({state.name: state.version for state in lake.tables()}, files(lake))
    said: list[str] = []
    look_after(config, said.append, dry_run=True)
    assert said[0].startswith("nights 2026-03-22 to 2026-03-22: 1 would be removed, 2 files")
    assert "silver/sales: 2 small files of 1 partitions would be put together" in said
    assert any(line.startswith("silver/sales: 1 unused files would be deleted") for line in said)
    assert said[-1] == "nothing is done: this is a dry run"
    assert ({state.name: state.version for state in lake.tables()}, files(lake)) == before


@pytest.mark.parametrize("step", ["_remove_folders", "commit", "compact", "delete"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_step_and_run_again_it_ends_the_same(
    config: Config, lake: Lake, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    for n in (0, 1, 9, 10):
        a_night(lake, DAY - dt.timedelta(days=n))
    append(lake, sales(1), sales(2), sales(3))
    lake.stage_file(SALES, sales(7), partition={"source": "till"})
    age(lake, WEEK + 1)

    class Killed(BaseException):
        pass

    def dying(work: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: object, **named: object) -> object:
            if when == "after":
                work(*arguments, **named)
            raise Killed

        return run

    with monkeypatch.context() as patch:
        if step == "commit":
            patch.setattr(Lake, step, dying(Lake.commit))
        elif step == "_remove_folders":
            patch.setattr(maintain, step, dying(maintain._remove_folders))
        else:
            patch.setattr(f"scaleinv.pipeline.maintain.{step}", dying(getattr(maintain, step)))
        with pytest.raises(Killed):
            look_after(config, list[str]().append)
    look_after(config, list[str]().append)
    assert nights_of(lake) == [str(DAY - dt.timedelta(days=1)), str(DAY)]
    assert {path.split("/")[1] for path in lake.paths("models")} == {*nights_of(lake)}
    assert {path.split("/")[1] for path in lake.paths("_walk")} == {*nights_of(lake)}
    assert len(maintain.crowded(lake, SALES, 2**20)) == 0
    assert lake.read(SALES).num_rows == 3
    assert not maintain.unused(lake, SALES, hours=WEEK)


def test_a_retention_shorter_than_a_run_is_refused() -> None:
    with pytest.raises(ConfigError, match="23 hours would take files away from a run"):
        load_config("demo", overrides=["maintain.vacuum_hours=23"])
    assert load_config("demo", overrides=["maintain.vacuum_hours=24"]).maintain.vacuum_hours == 24


def test_an_empty_lake_needs_nothing(tmp_path: Path) -> None:
    lake = Lake(LakeConfig(root=str(tmp_path / "lake")))
    lake.create(STOCK)
    assert maintain.old_nights(lake, [STOCK], keep=1, quiet_hours=24, needed={}) == []
    assert maintain.crowded(lake, STOCK, 2**20) == {}
    assert maintain.unused(lake, STOCK, hours=24) == []
