"""Runs and registered models as they are to stand in MLflow; what is missing there, or differs, is written anew.

A night's runs are compared by their digests. A digest is a run's last line: one whose writer was killed has none, and
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
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scaleinv.config import TrackingConfig
from scaleinv.errors import EngineError, explain

_NIGHT: Final = "scaleinv.night"
_DIGEST: Final = "scaleinv.digest"
_MOST_METRICS: Final = 1000
_MOST_PARAMS: Final = 100
"""That MLflow takes in one batch."""
_RETRIES: Final = 2
_ALIASES: Final = ("champion", "challenger")


@dataclass(frozen=True)
class Run:
    """One family of models in one night."""

    digest: str
    """Of all that it says; no two runs of a night have the same."""
    name: str
    seconds: float = 0.0
    """Of work, of all workers together."""
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Metric -> its values at step 0, 1, 2 …; what is not finite is left out."""
    groups: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Column -> its values, group by group."""
    model: str | None = None
    """The registered model of which it makes a version; ``None``: nothing of it is stored."""
    source: str | None = None
    """The version's folder, with an artefact per group; ``None``: where MLflow's server could not find it, so that the
    run's own files stand in."""


@dataclass(frozen=True)
class Night:
    """What MLflow is to say of one night."""

    key: str
    """Of lake and day: what its runs and versions are found by."""
    as_of: date
    experiment: str
    """What holds the runs; made if it is not there."""
    runs: Sequence[Run]
    """One per family."""
    models: Sequence[str]
    """All registered models that earlier nights may have made versions of."""
    aliases: Mapping[str, str]
    """``champion`` or ``challenger`` -> the registered model whose version of this night is to bear it."""


def registered_name(retailer: str, family: str) -> str:
    """What a family of models is called in MLflow's registry.

    >>> registered_name("walmart/m5", "tft")
    'walmart-m5.tft'
    """
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '-', retailer)}.{family}"


def mirror(config: TrackingConfig, night: Night) -> int:
    """Makes MLflow say of a night what ``night`` says, and nothing else; the number of runs that it did not say yet.

    May be killed anywhere and run again, but not twice at a time for the same models. The aliases of a night that is
    older than the one whose versions bear them stay where they are.

    Raises:
        EngineError: MLflow cannot be reached, or refuses.
    """
    with _client(config) as client:
        place = _experiment(client, config, night.experiment)
        found = client.search_runs([place], filter_string=f"tags.`{_NIGHT}` = '{night.key}'")
        known = {run.data.tags.get(_DIGEST): run.info.run_id for run in found}
        kept = {run.digest: known.get(run.digest) or _written(client, place, night, run) for run in night.runs}
        for run in found:
            if run.info.run_id not in kept.values():
                client.delete_run(run.info.run_id)
        versions = _versions(client, night, kept)
        _set_aliases(client, night, {alias: (model, versions[model]) for alias, model in night.aliases.items()})
        return sum(digest not in known for digest in kept)


def _experiment(client: Any, config: TrackingConfig, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=config.artefacts))


def _written(client: Any, place: str, night: Night, run: Run) -> str:
    """The id of a new run."""
    from mlflow.entities import Metric, Param

    # Nights are in order by their days, whenever they were computed; a run lasts as long as its training took.
    start = int(datetime.combine(night.as_of, time(), UTC).timestamp() * 1000)
    created = client.create_run(place, start_time=start, run_name=run.name, tags={**run.tags, _NIGHT: night.key})
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


def _versions(client: Any, night: Night, kept: Mapping[str, str]) -> dict[str, str]:
    """Registered model -> number of tonight's version; versions of runs that are no more are deleted."""
    made = {}
    runs = {run.model: run for run in night.runs if run.model}
    for model in sorted({*night.models, *runs}):
        found = client.search_model_versions(f"name = '{model}' and tags.`{_NIGHT}` = '{night.key}'")
        run_id = kept[runs[model].digest] if model in runs else None
        for version in found:
            if version.run_id != run_id:
                client.delete_model_version(model, version.version)
        numbers = [str(version.version) for version in found if version.run_id == run_id]
        if run_id:
            made[model] = numbers[0] if numbers else _new_version(client, night, runs[model], run_id)
    return made


def _new_version(client: Any, night: Night, run: Run, run_id: str) -> str:
    if not client.search_registered_models(f"name = '{run.model}'"):
        client.create_registered_model(run.model)
    source = run.source or client.get_run(run_id).info.artifact_uri
    tags = {**run.tags, _NIGHT: night.key}
    return str(client.create_model_version(run.model, source, run_id, tags=tags, await_creation_for=0).version)


def _set_aliases(client: Any, night: Night, wanted: Mapping[str, tuple[str, str]]) -> None:
    """An alias belongs to one model in MLflow: from the others it is taken away."""
    present = [model for name in night.models for model in client.search_registered_models(f"name = '{name}'")]
    bearers = [
        (alias, str(model.name), str(number))
        for model in present
        for alias, number in model.aliases.items()
        if alias in _ALIASES
    ]
    days = [client.get_model_version(name, number).tags.get("as_of", "") for _, name, number in bearers]
    if max(days, default="") > night.as_of.isoformat():  # one of long ago, done again
        return
    for alias, name, number in bearers:
        if wanted.get(alias) != (name, number):
            client.delete_registered_model_alias(name, alias)
    for alias, (name, number) in wanted.items():
        if (alias, name, number) not in bearers:
            client.set_registered_model_alias(name, alias, number)


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
                config.file.parent.mkdir(parents=True, exist_ok=True)
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
