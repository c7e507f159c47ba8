"""What is up to date and what is not, without engines: stages are stubs, the lake is real."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.fs as pafs
import pytest

import scaleinv
from scaleinv.config import Config, load_config
from scaleinv.errors import ConfigError, DataError, LakeError
from scaleinv.pipeline import export
from scaleinv.pipeline import walk as walk_module
from scaleinv.pipeline.sources import _matches, source_files, sources_state
from scaleinv.pipeline.stages import STAGES, Stage, stages_before, stages_between
from scaleinv.pipeline.walk import Outcome, Walk, code_state
from scaleinv.schema import table

AS_OF = dt.date(2026, 1, 31)
FILES = (
    "sales/2026-01.csv/part-0.csv", "sales/2026-02.csv", "stock/a.csv", "prices/a.csv", "items.csv", "locations.csv",
    "vendors.csv", "lead_times.csv", "assortment.csv",
)  # fmt: skip
BY_NAME = {stage.name: stage for stage in STAGES}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCALEINV_DATA", str(tmp_path / "data"))
    for name in (*FILES, "readme.txt"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("rows\n")
    return load_config("local")


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stages that only make their tables; the names of those that ran."""
    ran: list[str] = []

    def load(stage: Stage) -> Callable[[Walk], Outcome]:
        def work(walk: Walk) -> Outcome:
            ran.append(stage.name)
            for name in stage.writes:
                walk.lake.create(table(name))
            return Outcome(complete=stage.name != "train")

        return work

    monkeypatch.setattr(Stage, "load", load)
    return ran


# --- sources ------------------------------------------------------------------------------------------------------


def test_a_folder_that_a_pattern_matches_counts_with_all_its_files(config: Config, tmp_path: Path) -> None:
    assert list(source_files(config)) == sorted(FILES)
    before = sources_state(config)
    assert sources_state(config) == before
    (tmp_path / "data" / "sales" / "2026-01.csv" / "part-1.csv").write_text("rows\n")
    assert sources_state(config) != before


def test_an_object_store_is_listed(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = pafs.SubTreeFileSystem(str(tmp_path), pafs.LocalFileSystem())
    monkeypatch.setattr("scaleinv.lake.files._object_store", lambda address, options: (store, "data"))
    at = config.model_copy(update={"ingest": config.ingest.model_copy(update={"data": "s3a://bucket/data"})})
    assert source_files(at).keys() == source_files(config).keys()


def test_while_a_needed_source_is_not_seen_nothing_is_the_same(config: Config, tmp_path: Path) -> None:
    (tmp_path / "data" / "assortment.csv").unlink()
    assert sources_state(config) != sources_state(config)


@pytest.mark.parametrize("data", ["hdfs://cluster/data", "dbfs:/data", "nowhere"])
def test_what_cannot_be_seen_is_never_the_same(config: Config, data: str) -> None:
    at = config.model_copy(update={"ingest": config.ingest.model_copy(update={"data": data})})
    assert source_files(at) == {}
    assert sources_state(at) != sources_state(at)


@pytest.mark.parametrize(
    ("name", "pattern", "matches"),
    [
        ("sales/a.csv", "sales/*.csv", True),
        ("sales/a/b.csv", "sales/*.csv", False),
        ("sales/day=1/b.parquet", "sales", True),
        ("sales/2026-01.csv", "sales/{2025,2026}-*.csv", True),
        ("x/sales/a.csv", "sales/*.csv", False),
        ("sales/a.csv", "./sales//", True),
        ("sales/2024/02/a.csv", "sales/{2024/01,2024/02}/*.csv", True),
        ("sales/a1.csv", "sales/a[0-9].csv", True),
        ("sales/ab.csv", "sales/a[^0-9].csv", True),
        ("sales/ab.csv", "sales/a[0-9].csv", False),
        ("sales/2026.csv", "sales/{2025,2027}.csv", False),
        ("sales/a.csv.bak", "sales/*.csv", False),
        ("sales/a+b.csv", "sales/a+b.csv", True),
    ],
)
def test_patterns_are_read_as_spark_reads_them(name: str, pattern: str, matches: bool) -> None:
    assert _matches(name, pattern) is matches


def test_a_file_delivered_during_the_work_is_read_by_the_next_run(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = BY_NAME["ingest"]

    def work(walk: Walk) -> Outcome:
        for name in ingest.writes:
            walk.lake.create(table(name))
        (tmp_path / "data" / "sales" / "late.csv").write_text("rows\n")
        return Outcome()

    monkeypatch.setattr(Stage, "load", lambda stage: work)
    Walk(config, AS_OF).run([ingest])
    assert not Walk(config, AS_OF).up_to_date(ingest)
    Walk(config, AS_OF).run([ingest])
    assert not Walk(config, AS_OF).up_to_date(ingest)  # written anew: another time


# --- stages -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("stubs")
def test_a_stage_needs_those_before_it_of_the_same_night(config: Config) -> None:
    Walk(config, AS_OF).run(STAGES)
    with pytest.raises(LakeError, match="replenish cannot start") as caught:
        Walk(config, AS_OF + dt.timedelta(days=1)).run([BY_NAME["replenish"]])
    assert "scaleinv features --env local --as-of 2026-02-01" in str(caught.value)
    assert "scaleinv ingest" not in str(caught.value)


def test_a_stage_follows_from_those_that_write_what_it_reads() -> None:
    """Up to the orders these are all before it: sums of forecasts and a mirror need no orders."""
    names = {stage.name: [earlier.name for earlier in stages_before(stage)] for stage in STAGES}
    order = [stage.name for stage in STAGES]
    chosen = order[: order.index("evaluate") + 1]
    aside = {"reconcile": chosen, "track": chosen}
    assert names == {name: order[:n] for n, name in enumerate(order)} | aside


@pytest.mark.usefixtures("stubs")
def test_a_stage_needs_those_before_it_with_the_same_options(config: Config) -> None:
    Walk(config, AS_OF).run(STAGES)
    other = config.model_copy(update={"features": config.features.model_copy(update={"history_days": 100})})
    with pytest.raises(LakeError, match=r"which: +features, train, forecast\n"):
        Walk(other, AS_OF).run([BY_NAME["evaluate"]])


@pytest.mark.usefixtures("stubs")
@pytest.mark.parametrize(
    "setting", ["evaluation.pool=false", "inventory.targets.A={fill_rate: null, cycle_service_level: 0.9}"]
)
def test_what_a_champion_is_chosen_by_is_not_passed_over(config: Config, setting: str) -> None:
    Walk(config, AS_OF).run(STAGES)
    assert Walk(config, AS_OF).up_to_date(BY_NAME["evaluate"])
    assert not Walk(load_config("local", overrides=[setting]), AS_OF).up_to_date(BY_NAME["evaluate"])


@pytest.mark.usefixtures("stubs")
def test_new_files_do_not_stop_the_night(config: Config, tmp_path: Path) -> None:
    Walk(config, AS_OF).run(STAGES[:1])
    (tmp_path / "data" / "sales" / "new.csv").write_text("rows\n")
    assert Walk(config, AS_OF).run(STAGES[1:2]) == ["features"]


def test_failed_groups_stop_nothing_and_are_tried_again(config: Config, stubs: list[str]) -> None:
    Walk(config, AS_OF).run(STAGES)
    assert stubs == [stage.name for stage in STAGES]
    assert not Walk(config, AS_OF).up_to_date(BY_NAME["train"])
    assert Walk(config, AS_OF).up_to_date(BY_NAME["forecast"])


@pytest.mark.usefixtures("stubs")
def test_other_code_makes_other_results(config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Walk(config, AS_OF).run(STAGES[:2])
    assert Walk(config, AS_OF).up_to_date(STAGES[1])
    monkeypatch.setattr(scaleinv, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "__init__.py").write_text("changed = True\n")
    monkeypatch.setattr(walk_module, "code_state", code_state.__wrapped__)
    assert not Walk(config, AS_OF).up_to_date(STAGES[1])


def test_the_code_of_a_wheel_is_that_of_its_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Spark imports a wheel as it is: stages of other engines, which have it unpacked, must know each other."""
    package = tmp_path / "scaleinv"
    (package / "lake").mkdir(parents=True)
    for name in ("__init__.py", "lake.py", "lake/spark.py", "py.typed"):
        (package / name).write_text(f"# {name}\n")
    with zipfile.ZipFile(tmp_path / "scaleinv.zip", "w") as wheel:
        for path in sorted(package.rglob("*"), reverse=True):
            wheel.write(path, path.relative_to(tmp_path))
        wheel.writestr("scaleinv-0.1.0.dist-info/METADATA", "Name: scaleinv")
    states = []
    for place in (tmp_path, tmp_path / "scaleinv.zip"):
        monkeypatch.setattr(scaleinv, "__file__", str(place / "scaleinv" / "__init__.py"))
        states.append(code_state.__wrapped__())
    assert states[0] == states[1]
    (package / "lake" / "spark.py").write_text("# changed\n")
    monkeypatch.setattr(scaleinv, "__file__", str(package / "__init__.py"))
    assert code_state.__wrapped__() != states[0]


def test_no_group_is_an_error_that_names_the_day(config: Config) -> None:
    walk = Walk(config, AS_OF)
    walk.lake.create(table("gold/series"))
    with pytest.raises(DataError, match="no training groups of 2026-01-31 in gold/series"):
        walk.groups()


# --- documents ----------------------------------------------------------------------------------------------------


def test_export_is_done_while_its_documents_are_there_unchanged(config: Config) -> None:
    walk = Walk(config, AS_OF)
    export_stage = BY_NAME["export"]
    export_stage.load()(walk)
    folder = export.orders_folder(walk)
    document, manifest = next(folder.glob("*.csv")), folder / "manifest.json"
    kept = {path: path.read_bytes() for path in (document, manifest)}
    assert export_stage.is_intact(walk)
    document.write_bytes(b"other\n")
    assert not export_stage.is_intact(walk)
    document.unlink()
    assert not export_stage.is_intact(walk)
    document.write_bytes(kept[document])
    manifest.unlink()
    assert not export_stage.is_intact(walk)
    manifest.write_bytes(kept[manifest])
    assert export_stage.is_intact(walk)
    walk.overwrite("gold/export_log", table("gold/export_log").schema.empty_table())
    assert not export_stage.is_intact(walk)


def test_a_stage_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ConfigError, match="fetaures"):
        stages_between(None, "fetaures")
