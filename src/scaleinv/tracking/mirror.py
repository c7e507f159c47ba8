"""Runs and registered models as they are to stand in MLflow; what is missing there, or differs, is written anew.

A run is found by its key and compared by its digest, which is its last line: one whose writer was killed has none, and
is replaced. MLflow is loaded when there is something to say to it, since that takes two seconds.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scaleinv.config import TrackingConfig
from scaleinv.errors import EngineError, explain

_KEY: Final = "scaleinv.key"
_DIGEST: Final = "scaleinv.digest"
_MOST_METRICS: Final = 1000
_MOST_PARAMS: Final = 100
"""That MLflow takes in one batch."""
_RETRIES: Final = 2
_ALIASES: Final = ("champion", "challenger")


@dataclass(frozen=True)
class Version:
    """Tonight's version of a registered model: a folder with an artefact per group."""

    model: str
    """Name of the registered model."""
    source: str | None
    """The folder; ``None``: it is not where MLflow's server could find it, and the run's own files stand in."""


@dataclass(frozen=True)
class Run:
    """One family of models in one night."""

    key: str
    """Of lake, night and family: what it is found by."""
    digest: str
    """Of all that it says."""
    name: str
    as_of: date
    seconds: float = 0.0
    """Of work, of all workers together."""
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Metric -> its values at step 0, 1, 2 …; what is not finite is left out."""
    groups: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Column -> its values, group by group."""
    version: Version | None = None
    """``None``: nothing of it is stored."""


def registered_name(retailer: str, family: str) -> str:
    """What a family of models is called in MLflow's registry.

    >>> registered_name("walmart/m5", "tft")
    'walmart-m5.tft'
    """
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '-', retailer)}.{family}"


def mirror(
    config: TrackingConfig,
    *,
    experiment: str,
    runs: Sequence[Run],
    models: Sequence[str],
    aliases: Mapping[str, str],
) -> int:
    """Makes MLflow say of these runs' keys what they say and nothing else; the number of runs that it did not say yet.

    May be killed anywhere and run again, but not twice at a time for the same models.

    Args:
        config: where MLflow is.
        experiment: what holds the runs; made if it is not there.
        runs: one per family, all of one night.
        models: names of all registered models that an alias may be taken away from.
        aliases: alias -> registered model whose version of ``runs`` is to bear it. Of a night that is older than the
            one whose versions bear them now, they stay where they are.

    Raises:
        EngineError: MLflow cannot be reached, or refuses.
    """
    with _client(config) as client:
        place = _experiment(client, config, experiment)
        known = [_recorded(client, place, run) for run in runs]
        versions = {
            run.version.model: _version(client, run, run.version, run_id)
            for run, (run_id, _) in zip(runs, known, strict=True)
            if run.version
        }
        wanted = {alias: (model, versions[model]) for alias, model in aliases.items()}
        if runs:
            _set_aliases(client, models, wanted, runs[0].as_of.isoformat())
        return sum(is_new for _, is_new in known)


# --- runs -------------------------------------------------------------------------------------------------------------


def _experiment(client: Any, config: TrackingConfig, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=config.artefacts))


def _recorded(client: Any, place: str, run: Run) -> tuple[str, bool]:
    """The run's id, and whether it had to be written; what else has its key is deleted afterwards."""
    found = client.search_runs([place], filter_string=f"tags.`{_KEY}` = '{run.key}'")
    same = [one.info.run_id for one in found if one.data.tags.get(_DIGEST) == run.digest]
    run_id = same[0] if same else _written(client, place, run)
    for one in found:
        if one.info.run_id != run_id:
            client.delete_run(one.info.run_id)
    return run_id, not same


def _written(client: Any, place: str, run: Run) -> str:
    from mlflow.entities import Metric, Param

    # Nights are in order by their days, whenever they were computed; a run lasts as long as its training took.
    start = int(datetime.combine(run.as_of, time(), UTC).timestamp() * 1000)
    created = client.create_run(place, start_time=start, run_name=run.name, tags={**run.tags, _KEY: run.key})
    run_id = str(created.info.run_id)
    points = [
        Metric(name, float(value), start, step)
        for name, values in run.metrics.items()
        for step, value in enumerate(values)
        if math.isfinite(value)
    ]
    for params in _batches([Param(name, value) for name, value in run.params.items()], _MOST_PARAMS):
        client.log_batch(run_id, params=params)
    for metrics in _batches(points, _MOST_METRICS):
        client.log_batch(run_id, metrics=metrics)
    if run.groups:
        rows = [list(row) for row in zip(*run.groups.values(), strict=True)]
        client.log_dict(run_id, {"columns": list(run.groups), "data": rows}, "groups.json")
    client.set_terminated(run_id, end_time=start + int(run.seconds * 1000))
    client.set_tag(run_id, _DIGEST, run.digest)
    return run_id


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[first : first + size] for first in range(0, len(items), size))


# --- registry ---------------------------------------------------------------------------------------------------------


def _version(client: Any, run: Run, version: Version, run_id: str) -> str:
    """The number of the run's version; those of runs that it replaces are deleted."""
    if not client.search_registered_models(f"name = '{version.model}'"):
        client.create_registered_model(version.model)
    found = client.search_model_versions(f"name = '{version.model}' and tags.`{_KEY}` = '{run.key}'")
    mine = [one.version for one in found if one.run_id == run_id]
    if not mine:
        source = version.source or client.get_run(run_id).info.artifact_uri
        tags = {**run.tags, _KEY: run.key}
        mine = [client.create_model_version(version.model, source, run_id, tags=tags, await_creation_for=0).version]
    for one in found:
        if one.version != mine[0]:
            client.delete_model_version(version.model, one.version)
    return str(mine[0])


def _set_aliases(client: Any, models: Sequence[str], wanted: Mapping[str, tuple[str, str]], as_of: str) -> None:
    """An alias belongs to one model in MLflow: from the others it is taken away."""
    present = [model for name in models for model in client.search_registered_models(f"name = '{name}'")]
    bearers = [
        (alias, str(model.name), str(number))
        for model in present
        for alias, number in model.aliases.items()
        if alias in _ALIASES
    ]
    nights = [client.get_model_version(name, number).tags.get("as_of", "") for _, name, number in bearers]
    if max(nights, default="") > as_of:  # a night of long ago, done again
        return
    for alias, name, number in bearers:
        if wanted.get(alias) != (name, number):
            client.delete_registered_model_alias(name, alias)
    for alias, (name, number) in wanted.items():
        if (alias, name, number) not in bearers:
            client.set_registered_model_alias(name, alias, number)


# --- MLflow -----------------------------------------------------------------------------------------------------------


@contextmanager
def _client(config: TrackingConfig) -> Iterator[Any]:
    """MLflow's client: quiet, patient for a while, and telling nobody that it is used."""
    assert config.uri is not None
    settings = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(config.timeout),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(_RETRIES),
    }
    ours = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ |= ours
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow's own affairs
            from mlflow.tracking import MlflowClient

            if config.file is not None:
                Path(config.file).parent.mkdir(parents=True, exist_ok=True)
            yield MlflowClient(tracking_uri=config.uri, registry_uri=config.uri)
    except Exception as error:  # whatever MLflow, its server, its database or their disk do: the night has its orders
        raise EngineError(
            explain(
                "MLflow does not have this night: it cannot be reached, or refuses",
                found=f"{type(error).__name__}: {str(error).splitlines()[0][:300] if str(error) else ''}",
                which=[config.uri],
                do="see that it runs, and `scaleinv track` again; without MLflow: tracking.uri=null",
            )
        ) from error
    finally:
        for name in ours:
            os.environ.pop(name, None)
