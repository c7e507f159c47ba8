"""The whole walk on the small synthetic retailer: once in one go, once killed in every stage. Both end the same."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scaleinv.config import LakeConfig
from scaleinv.lake import Lake
from scaleinv.schema import TABLES, Table

pytestmark = [pytest.mark.spark, pytest.mark.ray, pytest.mark.slow]

KILLED_AT = {
    "ingest": r"wrote silver/sales",
    "features": r"wrote gold/panel",
    "train": r"train +[1-9]\d* of \d+ groups",
    "forecast": r"forecast +[1-9]\d* of \d+ groups",
    "evaluate": r"wrote gold/accuracy",
    "optimize": r"wrote gold/policies",
    "replenish": r"wrote gold/order_proposals",
    "export": r"wrote gold/export_log",
}
"""Stage -> the line at which it is killed: after its first commit, before it is marked as done."""


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "scaleinv", *arguments],
        env=os.environ | {"SCALEINV_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(home: Path, *arguments: str) -> str:
    process = start(home, *arguments)
    output, _ = process.communicate(timeout=800)
    assert process.returncode == 0, output[-4000:]
    return output


def run_until(home: Path, pattern: str) -> str:
    """Starts the walk and kills it with SIGKILL when a line matches; returns what it said until then."""
    process = start(home, "run", "--env", "test")
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if re.search(pattern, line):
                process.kill()
                return said
        raise AssertionError(f"never said {pattern!r}:\n{said[-4000:]}")
    finally:
        process.wait(timeout=60)
        process.stdout.close()
        with contextlib.suppress(ProcessLookupError):  # what the killed one left behind
            os.killpg(process.pid, signal.SIGKILL)


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


def test_a_second_run_has_nothing_to_do(straight: tuple[Path, str]) -> None:
    home, _ = straight
    versions = {state.name: state.version for state in lake_of(home).tables()}
    assert run(home, "run", "--env", "test").count("up to date") == len(KILLED_AT)
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


def test_killed_in_every_stage_the_walk_ends_with_the_same_tables_and_files(
    straight: tuple[Path, str], tmp_path: Path
) -> None:
    for stage, pattern in KILLED_AT.items():
        said = run_until(tmp_path, pattern)
        assert f"] {stage}" in said.splitlines()[-1]
    run(tmp_path, "run", "--env", "test")
    expected, found = lake_of(straight[0]), lake_of(tmp_path)
    for table in TABLES.values():
        assert content(found, table).equals(content(expected, table)), table.name
    assert files_of(tmp_path) == files_of(straight[0])
