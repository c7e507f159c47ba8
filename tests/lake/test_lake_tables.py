from __future__ import annotations

import datetime as dt
import pickle
from dataclasses import asdict

import pyarrow as pa
import pytest

from scaleinv.config import LakeConfig
from scaleinv.errors import DataError, LakeError
from scaleinv.lake import Lake, StagedFile
from scaleinv.schema import table

MONDAY, TUESDAY = dt.date(2026, 1, 5), dt.date(2026, 1, 6)
CHAMPIONS, FORECASTS = table("gold/champions"), table("gold/forecasts")


def champions(as_of: dt.date, **models: str) -> pa.Table:
    rows = [
        {"as_of": as_of, "demand_class": name, "model": model, "wql": None, "runner_up": None, "runner_up_wql": 0.5}
        for name, model in models.items()
    ]
    return pa.Table.from_pylist(rows, schema=CHAMPIONS.schema)


def forecast(series: str, value: float) -> pa.Table:
    row = {
        "as_of": MONDAY, "cutoff": MONDAY, "model": "tft", "group_id": "Ab_c-00", "unique_id": series,
        "fitted_model": "tft", "mean": [value], "quantiles": [value, value], "cumulative_quantiles": [value, value],
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=FORECASTS.schema)


def test_overwrite_replaces_one_as_of_and_leaves_the_others(lake: Lake) -> None:
    lake.overwrite(CHAMPIONS, champions(MONDAY, smooth="tft", lumpy="lstm"), where={"as_of": MONDAY})
    lake.overwrite(CHAMPIONS, champions(TUESDAY, smooth="lstm"), where={"as_of": TUESDAY})
    lake.overwrite(CHAMPIONS, champions(MONDAY, smooth="seasonal"), where={"as_of": MONDAY})
    assert lake.read(CHAMPIONS, where={"as_of": MONDAY}).equals(champions(MONDAY, smooth="seasonal"))
    assert lake.read(CHAMPIONS, where={"as_of": TUESDAY}).equals(champions(TUESDAY, smooth="lstm"))
    assert lake.partition_values(CHAMPIONS, "as_of") == ["2026-01-05", "2026-01-06"]


def test_the_same_rows_again_make_no_new_version_and_old_rows_come_back(lake: Lake) -> None:
    rows = champions(MONDAY, smooth="tft", lumpy="lstm")
    first = lake.overwrite(CHAMPIONS, rows, where={"as_of": MONDAY})
    assert lake.overwrite(CHAMPIONS, rows.take([1, 0]), where={"as_of": MONDAY}) == first
    lake.overwrite(CHAMPIONS, champions(MONDAY, smooth="x"), where={"as_of": MONDAY})
    lake.overwrite(CHAMPIONS, rows, where={"as_of": MONDAY})
    assert lake.read(CHAMPIONS).num_rows == 2
    assert lake.read(CHAMPIONS, version=first).equals(lake.read(CHAMPIONS))


def test_an_empty_overwrite_clears(lake: Lake) -> None:
    lake.overwrite(CHAMPIONS, champions(MONDAY, smooth="tft"), where={"as_of": MONDAY})
    lake.overwrite(CHAMPIONS, CHAMPIONS.schema.empty_table(), where={"as_of": MONDAY})
    assert lake.read(CHAMPIONS).num_rows == 0


def test_staged_files_are_seen_only_after_the_commit_and_survive_json(lake: Lake) -> None:
    partition = {"as_of": MONDAY, "cutoff": MONDAY, "model": "tft", "group_id": "Ab_c-00"}
    staged = [lake.stage_file(FORECASTS, forecast(f"s{i}", i), partition=partition) for i in range(20)]
    assert not lake.exists(FORECASTS)
    again = [StagedFile(**asdict(file)) for file in staged]
    version = lake.commit(FORECASTS, again, where={"as_of": MONDAY})
    found = lake.read(FORECASTS, where={"group_id": "Ab_c-00", "model": ["tft", "lstm"]}).sort_by("unique_id")
    assert found.num_rows == 20
    assert found.schema == FORECASTS.schema
    assert lake.commit(FORECASTS, staged, where={"as_of": MONDAY}) == version


def test_a_file_outside_what_is_replaced_is_refused(lake: Lake) -> None:
    partition = {"as_of": MONDAY, "cutoff": MONDAY, "model": "tft", "group_id": "Ab_c-00"}
    staged = lake.stage_file(FORECASTS, forecast("s", 1), partition=partition)
    with pytest.raises(LakeError, match="files lie outside"):
        lake.commit(FORECASTS, [staged], where={"as_of": TUESDAY})


def test_only_a_partition_column_can_be_read(lake: Lake) -> None:
    lake.overwrite(CHAMPIONS, champions(MONDAY, smooth="tft", lumpy="tft"), where={"as_of": MONDAY})
    assert lake.read(CHAMPIONS, columns=["as_of"])["as_of"].to_pylist() == [MONDAY, MONDAY]
    assert lake.read(CHAMPIONS, columns=["model"], where={"demand_class": "lumpy"}).num_rows == 1


def test_a_contract_is_checked_before_anything_is_written(lake: Lake) -> None:
    with pytest.raises(DataError, match="occur more than once"):
        lake.overwrite(CHAMPIONS, pa.concat_tables([champions(MONDAY, smooth="a")] * 2), where={"as_of": MONDAY})
    assert not lake.exists(CHAMPIONS)


def test_a_moment_is_no_day_and_text_is_one(lake: Lake) -> None:
    lake.overwrite(CHAMPIONS, champions(MONDAY, smooth="tft"), where={"as_of": MONDAY})
    assert lake.read(CHAMPIONS, where={"as_of": "2026-01-05"}).num_rows == 1
    for wrong in (dt.datetime(2026, 1, 5), dt.datetime(2026, 1, 5, tzinfo=dt.UTC), "5.1.2026", 5.5):
        with pytest.raises(LakeError, match="a date32"):
            lake.read(CHAMPIONS, where={"as_of": wrong})
    with pytest.raises(LakeError, match="a double"):
        lake.read(CHAMPIONS, where={"wql": "good"})


def test_a_missing_table_names_the_stage_that_writes_it(lake: Lake) -> None:
    with pytest.raises(LakeError, match="scaleinv evaluate"):
        lake.read(CHAMPIONS)


def test_artefacts_and_tables_are_listed(lake: Lake) -> None:
    assert lake.get("models/a.bin") is None
    lake.put("models/a.bin", b"one")
    lake.put("models/a.bin", b"two")
    assert pickle.loads(pickle.dumps(lake)).get("models/a.bin") == b"two"
    assert lake.paths("models") == ["models/a.bin"]
    lake.delete("models/a.bin")
    lake.delete("models/a.bin")
    assert lake.paths("models") == []
    lake.overwrite(CHAMPIONS, champions(MONDAY, smooth="tft"), where={"as_of": MONDAY})
    (state,) = lake.tables()
    assert (state.name, state.rows, state.files) == ("gold/champions", 1, 1)


def test_an_unknown_storage_is_refused() -> None:
    with pytest.raises(LakeError, match="a lake cannot be at ftp://host/x"):
        Lake(LakeConfig(root="ftp://host/x"))
