"""The whole walk on the small synthetic retailer: once in one go, once killed in every stage. Both end alike."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.s3_server import SECRET, S3Server

from scaleinv.config import LakeConfig
from scaleinv.lake import Lake
from scaleinv.pipeline.stages import STAGE_NAMES
from scaleinv.schema import TABLES, Table
from scaleinv.schema.words import LEVELS

pytestmark = [pytest.mark.spark, pytest.mark.ray, pytest.mark.slow]

OVERWRITE = "scaleinv.pipeline.walk:Walk.overwrite"
KILLED_AT = [
    ("ingest", "scaleinv.pipeline.ingest:write_spark", "after", 1, "name='quarantine'"),
    ("ingest", "scaleinv.lake.tables:Lake._commit", "before", 1, "name='ingest_log'"),
    ("ingest", "scaleinv.pipeline.ingest:write_spark", "before", 1, "silver/sales"),
    ("ingest", "scaleinv.pipeline.ingest:write_spark", "after", 1, "silver/sales"),
    ("features", "scaleinv.lake.spark:write_spark", "after", 1, "gold/panel"),
    ("train", "scaleinv.lake.tables:Lake.put", "after", 1, ".train.json"),
    ("forecast", "scaleinv.lake.tables:Lake.put", "after", 1, ".forecast.json"),
    ("forecast", "scaleinv.lake.tables:Lake.commit", "after", 1, "gold/forecasts"),
    ("evaluate", OVERWRITE, "after", 1, "gold/accuracy"),
    ("optimize", "scaleinv.lake.tables:Lake.commit", "after", 1, "gold/policies"),
    ("replenish", OVERWRITE, "after", 1, "gold/order_proposals"),
    ("export", "pathlib:Path.replace", "after", 1, "/orders-"),
    ("export", OVERWRITE, "before", 1, "gold/export_log"),
    ("export", "scaleinv.pipeline.walk:Walk._mark", "before", 1, "name='export'"),
    ("reconcile", "scaleinv.lake.tables:Lake.commit", "after", 1, "gold/hierarchy"),
    ("track", "mlflow.tracking.client:MlflowClient.log_dict", "before", 2, "groups.json"),
]
"""Stage -> a point between its writes: function, before or after which call of those that speak of what."""


def run(home: Path, *arguments: str, command: Sequence[str] = ("-m", "scaleinv"), status: int = 0) -> str:
    log = home / "said.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *command, *arguments],
            env=os.environ | {"SCALEINV_HOME": str(home)},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            found = process.wait(timeout=800)
        finally:
            with contextlib.suppress(ProcessLookupError):  # what a killed one left behind
                os.killpg(process.pid, signal.SIGKILL)
    said = log.read_text()
    assert found == status, said[-4000:]
    return said


def run_killed(home: Path, stage: str, target: str, when: str, number: int, text: str) -> str:
    """The walk until it kills itself in ``stage``; returns what it said until then."""
    command = (str(Path(__file__).with_name("killed.py")), target, when, str(number), text, "--")
    said = run(home, "run", "--env", "test", command=command, status=-signal.SIGKILL)
    assert re.findall(r"^\[\d+/\d+\] (\w+)", said, re.MULTILINE)[-1] == stage
    assert not list((home / "test" / "lake" / "_walk").rglob(f"{stage}.json"))
    return said


def content(lake: Lake, table: Table) -> pa.Table:
    # The quarantine names the file a row came from, with the folder of its run.
    left_out = {*table.measured, *(["file"] if table.name == "quarantine" else [])}
    kept = [name for name in table.names if name not in left_out]
    rows = lake.read(table, columns=kept)
    order = [name for name in kept if not pa.types.is_list(table[name].type)]
    return rows.sort_by([(name, "ascending") for name in order])


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    home = tmp_path_factory.mktemp("straight")
    return home, run(home, "run", "--env", "test")


@pytest.mark.timeout(1800)
def test_on_s3_it_ends_with_the_same_tables_and_files(
    straight: tuple[Path, str], s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.options.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("SCALEINV_ORDERBOOK", f"sqlite:///{tmp_path / 'orderbook.db'}")
    said = run(tmp_path, "run", "--env", "test", "--set", "lake.root=s3a://lakes/walk")
    assert SECRET not in said
    assert_alike(Lake(s3.lake("walk")), lake_of(straight[0]))
    assert files_of(tmp_path) == files_of(straight[0])
    assert not (tmp_path / "test" / "lake").exists()


def assert_alike(found: Lake, expected: Lake) -> None:
    for table in TABLES.values():
        assert content(found, table).equals(content(expected, table)), table.name


def lake_of(home: Path) -> Lake:
    return Lake(LakeConfig(root=str(home / "test" / "lake")))


def files_of(home: Path) -> dict[str, bytes]:
    folder = home / "test" / "orders"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_walk_ends_with_orders_and_a_summary(straight: tuple[Path, str]) -> None:
    home, said = straight
    assert "SKU-locations       36" in said
    assert "quantile of cumulative demand" in said
    assert {"manifest.json"} < {Path(name).name for name in files_of(home)}
    assert lake_of(home).read(TABLES["gold/order_proposals"]).num_rows > 0
    log = {row["source"]: row for row in lake_of(home).read(TABLES["ingest_log"]).to_pylist()}
    assert all(r["read"] == r["accepted"] + r["quarantined"] + r["duplicates"] for r in log.values())
    assert log["sales"]["quarantined"] > 0


def test_rows_of_each_table_came_by_its_one_engine(straight: tuple[Path, str]) -> None:
    home, _ = straight
    found = {(name, engine) for name in TABLES for engine, adds in commits(lake_of(home), TABLES[name]) if adds}
    assert found == {(name, TABLES[name].engine) for name, _ in found}
    assert {engine for _, engine in found} == {"Spark", "delta-rs"}
    written = {state.name for state in lake_of(home).tables() if state.rows}
    assert written <= {name for name, _ in found}


def commits(lake: Lake, table: Table) -> list[tuple[str, bool]]:
    """Of each commit of a table: by whom it was made, and whether it adds rows."""
    found = []
    for version in range(lake.version(table) + 1):
        lines = (lake.get(f"{table.name}/_delta_log/{version:020d}.json") or b"").splitlines()
        actions = [json.loads(line) for line in lines]
        (info,) = [action["commitInfo"] for action in actions if "commitInfo" in action]
        engine = "Spark" if info["engineInfo"].startswith("Apache-Spark/") else info["engineInfo"].partition(":")[0]
        found.append((engine, any(action.get("add", {}).get("dataChange") for action in actions)))
    return found


def test_a_second_run_has_nothing_to_do(straight: tuple[Path, str]) -> None:
    home, _ = straight
    versions = {state.name: state.version for state in lake_of(home).tables()}
    assert run(home, "run", "--env", "test").count("up to date") == len(STAGE_NAMES)
    assert run(home, "run", "--env", "test", "--until", "train").count("up to date") == STAGE_NAMES.index("train") + 1
    assert {state.name: state.version for state in lake_of(home).tables()} == versions


def test_a_dry_run_says_what_would_be_done_and_does_nothing(straight: tuple[Path, str], tmp_path: Path) -> None:
    home, _ = straight
    said = run(home, "run", "--env", "test", "--set", "inventory.ordering_cost=2", "--dry-run")
    assert "train: up to date" in said
    assert re.search(r"writes gold/policies as_of=2022-07-19", said)
    fresh = run(tmp_path, "run", "--env", "test", "--dry-run")
    assert "makes  them first" in fresh
    assert not (tmp_path / "test").exists()


def test_forecasts_policies_and_orders_can_be_taken_away(straight: tuple[Path, str], tmp_path: Path) -> None:
    home, _ = straight
    out = {name: tmp_path / f"{name}.parquet" for name in ("forecasts", "policies", "orders")}
    for name, path in out.items():
        run(home, name, "--env", "test", "--as-of", "2022-07-19", "--out", str(path))
    forecasts = pq.read_table(out["forecasts"])
    assert forecasts.column_names[:5] == ["unique_id", "ds", "mean", "q005", "q025"]
    assert forecasts.num_rows == 36 * 28
    assert pq.read_table(out["policies"]).num_rows == 36


def test_every_model_and_the_pool_of_the_trained_ones_are_scored(straight: tuple[Path, str], tmp_path: Path) -> None:
    home, _ = straight
    lake = lake_of(home)
    pool = "lstm+tft+xgboost"
    accuracy = lake.read(TABLES["gold/accuracy"]).to_pylist()
    scored = {row["model"] for row in accuracy if row["metric"] == "order_cost" and row["score"] > 0}
    pairs = {"lstm+tft", "lstm+xgboost", "tft+xgboost"}
    assert scored == {"seasonal", "lstm", "tft", "xgboost", "croston_sba", *pairs, pool}
    costs = {
        (row["value"], row["model"]): row["score"]
        for row in accuracy
        if (row["slice"], row["metric"]) == ("demand_class", "order_cost")
    }
    for row in lake.read(TABLES["gold/champions"]).to_pylist():
        mine = {model: cost for (name, model), cost in costs.items() if name == row["demand_class"]}
        assert row["order_cost"] == mine[row["model"]] == min(mine.values())
        assert row["runner_up_order_cost"] == mine[row["runner_up"]] >= row["order_cost"]
    parts = []
    for model in (*pool.split("+"), pool):
        path = tmp_path / f"{model}.parquet"
        run(home, "forecasts", "--env", "test", "--as-of", "2022-07-19", "--model", model, "--out", str(path))
        parts.append(pq.read_table(path))
    for column in ("mean", "q500", "q975"):
        members = [part[column].to_numpy() for part in parts[:-1]]
        np.testing.assert_allclose(parts[-1][column].to_numpy(), np.mean(members, axis=0), rtol=1e-5, atol=1e-6)
    said = run(home, "forecasts", "--env", "test", "--model", "lstm+x", "--out", str(tmp_path / "x"), status=2)
    assert "there is no model 'lstm+x'" in said


def test_forecasts_of_sums_agree_with_those_of_the_series(straight: tuple[Path, str], tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "forecasts.parquet"
    shutil.copytree(straight[0], home)
    lake = lake_of(home)
    series = lake.read(TABLES["gold/series"]).sort_by("unique_id").to_pylist()
    run(home, "forecasts", "--env", "test", "--as-of", "2022-07-19", "--out", str(out))
    made = pq.read_table(out).sort_by([("unique_id", "ascending"), ("ds", "ascending")])
    champions = made["mean"].to_numpy().reshape(len(series), 28)
    nodes = assert_adding_up(lake, series, champions)
    assert {name for name, _ in nodes} == {*LEVELS}
    assert all(row["base_mean"] is None for row in nodes.values())
    said = run(home, "reconcile", "--env", "test", "--set", "hierarchy.method=diagonal")
    assert "errors in common: total" in said
    nodes = assert_adding_up(lake, series, None)
    reconciled = np.array([nodes["sku_location", row["unique_id"]]["mean"] for row in series])
    assert not np.allclose(reconciled, champions, rtol=0.01)
    base = {key: np.array(row["base_mean"]) for key, row in nodes.items()}
    np.testing.assert_allclose([base["sku_location", row["unique_id"]] for row in series], champions, rtol=1e-5)
    total = np.array(nodes["total", "all"]["mean"]).sum()
    assert min(champions.sum(), base["total", "all"].sum()) < total < max(champions.sum(), base["total", "all"].sum())
    run(home, "reconcile", "--env", "test", "--set", "hierarchy.enabled=false")
    assert lake.read(TABLES["gold/hierarchy"]).num_rows == 0


def assert_adding_up(
    lake: Lake, series: list[dict[str, Any]], means: np.ndarray | None
) -> dict[tuple[str, str], dict[str, Any]]:
    """Every node's mean is the sum of its series' ``means`` (``None``: those of the level sku_location)."""
    nodes = {(row["level"], row["node"]): row for row in lake.read(TABLES["gold/hierarchy"]).to_pylist()}
    if means is None:
        means = np.array([nodes["sku_location", row["unique_id"]]["mean"] for row in series])
    labels = {
        "total": ["all" for row in series],
        "location": [row["location_id"] for row in series],
        "category": [row["category"] for row in series],
        "category_location": [f"{row['category']}@{row['location_id']}" for row in series],
        "sku": [row["sku_id"] for row in series],
    }
    for level, of_series in labels.items():
        assert {node for name, node in nodes if name == level} == {*of_series}
        for node in {*of_series}:
            mine = np.array(of_series) == node
            row = nodes[level, node]
            assert row["n_series"] == mine.sum()
            np.testing.assert_allclose(row["mean"], means[mine].sum(axis=0), rtol=1e-5)
            quantiles = np.array(row["quantiles"]).reshape(28, -1)
            assert (np.diff(quantiles) >= 0).all()
            assert (quantiles[:, 0] < row["mean"]).all()
            assert (quantiles[:, -1] > row["mean"]).all()
    return nodes


def test_what_moved_a_forecast_is_told_in_units(straight: tuple[Path, str], tmp_path: Path) -> None:
    home, _ = straight
    series = lake_of(home).read(TABLES["gold/series"]).to_pylist()[0]
    asked = ("explain", "--env", "test", "--sku", series["sku_id"], "--location", series["location_id"])
    said = run(home, *asked, "--model", "xgboost")
    total, start = (float(number.replace(",", "")) for number in re.findall(r"(?:expects|say) ([\d,.]+)", said))
    out = tmp_path / "trees.parquet"
    run(home, "forecasts", "--env", "test", "--model", "xgboost", "--out", str(out))
    mine = pq.read_table(out, filters=[("unique_id", "=", series["unique_id"])])
    assert total == pytest.approx(sum(mine["mean"].to_pylist()), rel=0.01)
    assert start > 0
    assert "What it looked at" in run(home, *asked, "--model", "tft")
    assert "cannot say what moved the forecast" in run(home, *asked, "--model", "lstm", status=2)
    nobody = run(home, "explain", "--env", "test", "--sku", "nobody", "--location", series["location_id"], status=3)
    assert "is not on sale" in nobody
    other = run(home, *asked, "--as-of", "2022-07-01", status=4)
    assert "has nothing of 2022-07-01" in other


@pytest.mark.timeout(1800)
def test_killed_in_every_stage_the_walk_ends_with_the_same_tables_and_files(
    straight: tuple[Path, str], tmp_path: Path
) -> None:
    assert {stage for stage, *_ in KILLED_AT} == {*STAGE_NAMES}
    said = "".join(run_killed(tmp_path, *point) for point in KILLED_AT)
    for stage in ("train", "forecast"):
        assert re.search(rf"{stage} +1 of \d+ groups were done before", said)
    run(tmp_path, "run", "--env", "test")
    assert_alike(lake_of(tmp_path), lake_of(straight[0]))
    assert files_of(tmp_path) == files_of(straight[0])
