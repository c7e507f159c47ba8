"""A lake on S3: what only an object store can get wrong. The other tests of the lake run on it, too."""

from __future__ import annotations

import datetime as dt
import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests.s3_server import SECRET

from scaleinv.config import LakeConfig, SparkConfig, load_config
from scaleinv.errors import ConfigError, EngineError, LakeError
from scaleinv.lake import Lake, maintain
from scaleinv.schema import table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from tests.s3_server import S3Server

DAY = dt.date(2026, 3, 31)
STOCK, SALES = table("gold/stock_position"), table("silver/sales")
LOADS = 3
ROOT = Path(__file__).resolve().parents[2]


def sales(source: str, load: int) -> pa.Table:
    row = {
        "sku_id": "S", "location_id": "L", "date": DAY - dt.timedelta(days=load), "quantity": 1.5, "source": source,
        "load": load, "known_on": DAY,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=SALES.schema)


@pytest.mark.spark
@pytest.mark.slow
def test_commits_of_spark_and_of_plain_workers_at_once_are_all_there(s3: S3Server) -> None:
    lake = Lake(s3.lake("both"))
    lake.create(SALES)
    lakes = pickle.dumps([lake, Lake(s3.lake("both", bucket="forgetful"))]).hex()
    command = [sys.executable, Path(__file__).with_name("s3_spark.py"), lakes]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}) as spark:
        assert spark.stdout is not None
        try:
            assert spark.stdout.readline() == "ready\n"
            mine = 0
            while spark.poll() is None and lake.last_load(SALES, "spark") != LOADS - 1:
                lake.overwrite(SALES, sales(f"w{mine}", 0), where={"source": f"w{mine}"})
                mine += 1
                time.sleep(0.1)  # else Spark would be told at each try that somebody was quicker
            said = spark.stdout.read()
        finally:
            spark.kill()
    assert said.startswith(f"{LOADS}\n"), said
    assert "the object store would not keep the writers of a lake apart" in said
    found = lake.read(SALES)["source"].to_pylist()
    assert sorted(found) == sorted([*(f"w{n}" for n in range(mine)), *["spark"] * LOADS])
    assert mine > LOADS
    engines = [
        json.loads(line)["commitInfo"]["engineInfo"].partition(":")[0].partition("/")[0]
        for version in range(lake.version(SALES) + 1)
        for line in (lake.get(f"{SALES.name}/_delta_log/{version:020d}.json") or b"").splitlines()
        if b"commitInfo" in line
    ]
    assert len(engines) == 1 + mine + LOADS, "each commit is there once, by whom it was made"
    assert engines.count("Apache-Spark") == LOADS


@pytest.mark.spark
def test_a_session_whose_commits_would_be_blind_is_refused(spark: SparkSession, s3: S3Server) -> None:
    from scaleinv.lake.spark import spark_session

    with pytest.raises(EngineError, match="would write over what others commit"):
        spark_session(SparkConfig(), s3.lake("blind"), app="scaleinv tests")


@pytest.mark.parametrize("option", ["AWS_S3_ALLOW_UNSAFE_RENAME", "conditional_put", "aws_s3_locking_provider"])
def test_options_that_go_past_the_condition_are_refused(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LakeError, match=option.lower()):
        Lake(LakeConfig(root="s3a://bucket/lake", storage_options={option: "true"}))
    if option.startswith("AWS_"):
        monkeypatch.setenv(option, "true")
        with pytest.raises(LakeError, match=option.lower()):
            Lake(LakeConfig(root="s3a://bucket/lake"))


def test_a_store_that_does_not_answer_or_has_no_such_bucket_is_named(s3: S3Server) -> None:
    nowhere = Lake(s3.lake("x", bucket="nowhere"))
    silent = Lake(
        LakeConfig(root="s3a://lakes/x", storage_options=s3.options | {"aws_endpoint_url": "http://127.0.0.1:9"})
    )
    for work in (nowhere.exists, silent.exists):
        with pytest.raises(LakeError, match=r"the lake at s3://\w+/x cannot be reached") as refused:
            work(SALES)
        assert SECRET not in str(refused.value)
    with pytest.raises(LakeError, match="cannot be reached"):
        nowhere.put("a", b"1")
    with pytest.raises(LakeError, match="cannot be reached"):
        silent.get("a")


def test_a_commit_whose_answer_is_lost_is_not_doubled(s3: S3Server) -> None:
    lake = Lake(s3.lake("plain", bucket="deaf"))
    for load in range(3):
        lake.overwrite(SALES, sales("till", load), where={"source": "till"})
    assert lake.read(SALES).equals(sales("till", 2))
    assert lake.version(SALES) == 2


def test_credentials_are_references_and_are_not_shown(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_SECRET", "never-shown")
    option = "lake.storage_options.AWS_SECRET_ACCESS_KEY"
    config = load_config("demo", overrides=["lake.root=s3a://b/l", f"{option}=${{LAKE_SECRET}}"])
    assert "never-shown" not in f"{config!r} {config.model_dump_json()}"
    assert config.lake.store_options() == {"aws_secret_access_key": "never-shown"}
    with pytest.raises(ConfigError, match=option) as refused:
        load_config("demo", overrides=[f"{option}=written-out"])
    assert "written-out" not in str(refused.value)


def test_the_environment_says_where_the_store_is(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.options.items():
        monkeypatch.setenv(name.upper(), value)
    lake = Lake(LakeConfig(root="s3a://lakes/by-environment"))
    lake.put("a/b", b"1")
    lake.overwrite(SALES, sales("till", 0), where={})
    assert lake.get("a/b") == b"1"
    assert lake.read(SALES).equals(sales("till", 0))


def test_it_is_looked_after_like_any_other(s3: S3Server) -> None:
    lake = Lake(s3.lake("old"))
    for day in range(3):
        lake.overwrite(SALES, sales(f"t{day}", day), where={"source": f"t{day}"})
        lake.put(f"models/{DAY - dt.timedelta(days=day)}/lstm/a.bin", b"model")
    small = [lake.stage_file(SALES, sales("till", n), partition={"source": "till"}) for n in range(4)]
    lake.commit(SALES, small, where={"source": "till"})
    before = lake.read(SALES).sort_by("source")
    assert maintain.compact(lake, SALES, 2**20) == 3
    assert lake.read(SALES).sort_by("source").num_rows == before.num_rows == 7
    gone = maintain.unused(lake, SALES, hours=0)
    assert len(gone) == 4
    maintain.delete(lake, gone)
    assert not any(lake.files.exists(f"{SALES.name}/{file.path}") for file in small)
    assert lake.read(SALES).num_rows == 7
    nights = maintain.old_nights(lake, [], keep=1, quiet_hours=0, needed={})
    assert nights == []
    maintain.remove_nights(lake, [], [DAY - dt.timedelta(days=2)])
    assert lake.paths("models") == [f"models/{DAY - dt.timedelta(days=n)}/lstm/a.bin" for n in (1, 0)]
