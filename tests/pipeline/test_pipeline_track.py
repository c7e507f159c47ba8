"""From a night in the lake to MLflow's file; no engine, and tables made by hand."""

from __future__ import annotations

import datetime as dt
import io
import socket
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleinv.config import TrackingConfig, load_config
from scaleinv.errors import ConfigError
from scaleinv.lake.lease import lease
from scaleinv.pipeline import track
from scaleinv.pipeline.progress import Progress
from scaleinv.pipeline.stages import STAGES, Stage
from scaleinv.pipeline.walk import Outcome, Walk
from scaleinv.schema import table

AS_OF = dt.date(2026, 1, 31)
TRACK = next(stage for stage in STAGES if stage.name == "track")
SCORES = {"seasonal": 9.0, "lstm": 7.0, "tft": 8.0, "xgboost": 6.0, "lstm+xgboost": 5.0, "croston_sba": 1.0}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests, as making MLflow's file takes seconds; each test is a retailer with a lake of its own."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def walk(home: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Walk:
    monkeypatch.setenv("SCALEINV_HOME", str(home))
    name = request.node.name
    walk = walk_of(f"retailer={name}", f"lake.root={home / name}")
    fill(walk, SCORES)
    return walk


def walk_of(*settings: str) -> Walk:
    return Walk(load_config("test", overrides=settings), AS_OF, progress=Progress(stream=io.StringIO()))


def fill(walk: Walk, scores: dict[str, float], metric: str = "order_cost") -> None:
    """A night of two groups, of which the LSTM has lost one and the TFT both."""
    state = {("lstm", "b"): "fell_back", ("tft", "a"): "failed", ("tft", "b"): "fell_back"}
    ledger = [
        {
            "as_of": AS_OF, "model": model, "group_id": group, "status": state.get((model, group), "done"),
            "fitted_model": model, "error": None, "artefact": f"models/{AS_OF}/{model}/{group}.bin", "fingerprint": "f",
            "n_series": 3, "n_windows": 100, "epochs": 2 + n, "validation_loss": 0.2 + n,
            "validation_losses": [0.5, 0.2 + n, 0.9][: 2 + n], "training_losses": [0.4, 0.1, 0.0][: 2 + n],
            "seconds": 10.0 + n, "attempts": 1, "worker": "here:1",
        }
        for model in ("lstm", "tft", "xgboost")
        for n, group in enumerate("ab")
    ]  # fmt: skip
    row = {"as_of": AS_OF, "cutoff": AS_OF, "n_series": 6, "metric": metric}
    accuracy = [
        row | {"model": model, "slice": name, "value": value, "score": score}
        for model, score in scores.items()
        for name, value in (("overall", "all"), ("demand_class", "smooth"), ("age", "new"))
    ]
    champions = [
        {"as_of": AS_OF, "demand_class": label, "model": model}
        for label, model in (("lumpy", "xgboost"), ("smooth", "lstm+xgboost"), ("erratic", "seasonal"))
    ]
    for name, rows in (
        ("gold/training_ledger", ledger), ("gold/accuracy", accuracy), ("gold/champions", champions)
    ):  # fmt: skip
        walk.overwrite(name, pa.Table.from_pylist(rows, schema=table(name).schema))


def client(walk: Walk) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.tracking import MlflowClient

        return MlflowClient(tracking_uri=walk.config.tracking.uri)


def runs_of(walk: Walk) -> dict[str, Any]:
    mlflow = client(walk)
    found = mlflow.search_runs([mlflow.get_experiment_by_name(walk.config.retailer).experiment_id])
    runs = {run.data.tags["model"]: run for run in found}
    assert len(runs) == len(found), "one run per family"
    return runs


def bearer(walk: Walk, alias: str) -> list[str]:
    """Sources of the versions that bear it."""
    mlflow = client(walk)
    models = [f"{walk.config.retailer}.{family}" for family in ("lstm", "tft", "xgboost")]
    found = [one for name in models for one in mlflow.search_registered_models(f"name = '{name}'")]
    return [mlflow.get_model_version_by_alias(one.name, alias).source for one in found if alias in one.aliases]


def said(walk: Walk) -> str:
    stream = walk.progress.stream
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def test_a_night_is_told_family_by_family(walk: Walk) -> None:
    assert track.work(walk).complete
    runs = runs_of(walk)
    assert set(runs) == {"seasonal", *walk.config.forecast.models}, "pools are not families"
    trees = runs["xgboost"].data
    assert trees.params["forecast.xgboost.max_rounds"] == str(walk.config.forecast.xgboost.max_rounds)
    assert trees.params["forecast.horizon"] == "28"
    assert not [name for name in trees.params if name.startswith("forecast.lstm")]
    assert "forecast.lstm.sampling.value_exponent" in runs["lstm"].data.params
    expected = {
        "overall/order_cost": 6.0, "smooth/order_cost": 6.0, "training/groups_done": 2, "training/groups_failed": 0,
        "training/windows": 200, "training/seconds": 21, "training/seconds_longest": 11,
        "training/validation_loss_mean": 0.7, "training/validation_loss_p50": 0.7, "group/seconds": 11,
    }  # fmt: skip
    assert {name: trees.metrics[name] for name in expected} == pytest.approx(expected)
    curve = client(walk).get_metric_history(runs["xgboost"].info.run_id, "curve/validation_losses")
    # Group a stops after two epochs and stays where it was.
    assert [(p.step, p.value) for p in sorted(curve, key=lambda p: p.step)] == [
        (0, pytest.approx(0.5)), (1, pytest.approx(0.7)), (2, pytest.approx(0.55)),
    ]  # fmt: skip
    assert runs["tft"].data.metrics["training/groups_failed"] == 1
    assert {run.data.metrics["overall/order_cost"] for run in runs.values()} == {9.0, 7.0, 8.0, 6.0, 1.0}
    assert "training/seconds" not in runs["seasonal"].data.metrics


def test_aliases_are_given_to_what_can_be_loaded_and_pools_are_named_by_their_members(walk: Walk) -> None:
    track.work(walk)
    folder = f"{walk.lake.files.address}/models/{AS_OF}"
    assert bearer(walk, "champion") == [f"{folder}/xgboost"], "the best pool and the classical model have no artefact"
    assert bearer(walk, "challenger") == [f"{folder}/lstm"], "of the TFT nothing was stored"
    tags = {family: run.data.tags for family, run in runs_of(walk).items()}
    assert {family: tag["champion_of"] for family, tag in tags.items()} == {
        "xgboost": "lumpy, smooth (lstm+xgboost)", "lstm": "smooth (lstm+xgboost)", "seasonal": "erratic", "tft": "",
        "croston_sba": "",
    }  # fmt: skip
    assert tags["xgboost"]["artefacts"] == f"{folder}/xgboost"


def test_where_no_order_cost_anything_wql_decides(walk: Walk) -> None:
    fill(walk, {"lstm": 0.4, "xgboost": 0.5}, metric="wql")
    track.work(walk)
    assert bearer(walk, "champion")[0].endswith("/lstm")


def test_a_night_that_is_told_already_is_not_told_again_and_a_changed_one_is(walk: Walk) -> None:
    track.work(walk)
    first = {family: run.info.run_id for family, run in runs_of(walk).items()}
    track.work(walk)
    assert {family: run.info.run_id for family, run in runs_of(walk).items()} == first
    fill(walk, SCORES | {"lstm": 2.0})
    track.work(walk)
    again = {family: run.info.run_id for family, run in runs_of(walk).items()}
    assert {family for family in again if again[family] != first[family]} == {"lstm"}
    assert bearer(walk, "champion")[0].endswith("/lstm")


def test_mlflow_down_the_night_goes_on_and_the_next_run_mends_it(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Walk, "_require_inputs", lambda walk, stage: None)
    good = walk.config
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    walk.config = good.model_copy(update={"tracking": TrackingConfig(uri=f"http://127.0.0.1:{port}", timeout=1)})
    assert walk.run([TRACK]) == ["track"]
    assert "MLflow does not have this night" in said(walk)
    assert not walk.up_to_date(TRACK)
    walk.config = good
    assert walk.run([TRACK]) == ["track"]
    assert walk.up_to_date(TRACK)
    assert len(runs_of(walk)) == 5


def test_two_at_once_do_not_write_together(walk: Walk) -> None:
    with lease(walk.lake, "track"):
        assert not track.work(walk).complete
    assert "another track" in said(walk)
    assert client(walk).get_experiment_by_name(walk.config.retailer) is None


@pytest.mark.parametrize("uri", ["null", "''"])
def test_without_an_address_there_is_no_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    walk = walk_of(f"tracking.uri={uri}")
    assert track.work(walk).complete
    assert not list(tmp_path.rglob("mlflow*"))


def test_a_cluster_tells_the_server_of_its_environment_or_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCALEINV_RETAILER", "SCALEINV_LAKE", "SCALEINV_DATA", "SCALEINV_ORDERS"):
        monkeypatch.setenv(name, "x")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert not load_config("prod").tracking.uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    tracking = load_config("prod").tracking
    assert (tracking.uri, tracking.file, tracking.artefacts) == ("https://mlflow.example", None, None)


@pytest.mark.parametrize(
    "uri", ["https://ann:hidden@mlflow.example", "postgresql://ann:hidden@db/x", "sqlite:///", "m"]
)
def test_an_address_with_a_password_or_of_another_kind_is_refused_and_not_shown(uri: str) -> None:
    with pytest.raises(ConfigError, match="tracking") as caught:
        load_config("test", overrides=[f"tracking.uri={uri}"])
    assert "hidden" not in str(caught.value)


def test_orders_depend_on_nothing_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another MLflow is no reason to do anything but this stage again."""
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    monkeypatch.setattr(Stage, "load", lambda stage: lambda walk: Outcome())
    here, there = walk_of(), walk_of("tracking.uri=https://mlflow.example")
    same = {stage.name for stage in STAGES[1:] if here.fingerprint(stage) == there.fingerprint(stage)}
    assert same == {stage.name for stage in STAGES[1:]} - {"track"}


@given(st.lists(st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=6), min_size=1, max_size=5))
def test_a_mean_curve_holds_on_to_the_last_loss_of_what_has_stopped(losses: list[list[float]]) -> None:
    longest = max(map(len, losses))
    expected = np.mean([curve + curve[-1:] * (longest - len(curve)) for curve in losses], axis=0)
    lists = pa.chunked_array([pa.array(losses, pa.list_(pa.float32()))])
    # A slice has values before its first list.
    for found in (lists, pa.chunked_array([pa.array([[1.0], *losses], pa.list_(pa.float32()))]).slice(1)):
        np.testing.assert_allclose(track.mean_curve(found), expected, rtol=1e-6, atol=1e-6)
