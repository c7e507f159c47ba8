"""Stage train: one model per group and kind, on a warm pool of Ray workers; a rerun trains only what is missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Final

from scaleinv.errors import DataError
from scaleinv.evaluation import cutoffs
from scaleinv.forecast import Fitted, Group, fit, odd_series
from scaleinv.lake import Lake
from scaleinv.pipeline.due import models_to_keep, training_settings
from scaleinv.pipeline.groups import Card, Request, load_group, message, requests, run_groups
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Outcome, Walk, digest, rows_of
from scaleinv.schema import table
from scaleinv.schema.words import BASELINE, CLASSICAL, NETWORKS

_LEARNT: Final[Card] = {
    "n_windows": 0,
    "epochs": 0,
    "validation_loss": None,
    "validation_losses": [],
    "training_losses": [],
}
"""Of a fitted model's card -> what stands in the ledger where nothing was trained."""


def work(walk: Walk) -> Outcome:
    """Trains what is missing, writes the ledger in one commit."""
    config = walk.config
    cutoff = cutoffs(walk.as_of, config.evaluation.holdout_days, config.evaluation.refresh_days)[0]
    stage = next(stage for stage in STAGES if stage.name == "train")
    learning = [model for model in config.forecast.models if model not in CLASSICAL]
    todo = requests(walk, kind="train", models=learning, cutoffs=[cutoff], fingerprint=walk.fingerprint(stage))
    settings = training_settings(walk)
    kept = {} if walk.force else models_to_keep(walk, settings)
    if kept:
        walk.progress.say(f"{len(kept):,} of {len(todo):,} models are younger than their cadence: used as they are")
        todo = [request for request in todo if (request.model, request.group_id) not in kept]
    if config.forecast.warm_start:
        todo = _warm(walk, todo)
    cards = run_groups(walk, train_group, todo, _failed)
    ledger = table("gold/training_ledger")
    made = [{name: card[name] for name in ledger.names} for card in cards]
    rows = [row | {"as_of": walk.as_of} for row in [*made, *kept.values()]]
    walk.overwrite(ledger.name, rows_of(ledger, rows))
    _remove_models(walk, kept={row["artefact"] for row in rows})
    counts = Counter(row["status"] for row in rows)
    walk.progress.say(", ".join(f"{status} {count:,}" for status, count in sorted(counts.items())))
    states = sorted((row["model"], row["group_id"], row["status"], row["fingerprint"]) for row in rows)
    return Outcome(result={"groups": states}, complete=counts["failed"] == 0, memo={"settings": settings})


def _warm(walk: Walk, todo: list[Request]) -> list[Request]:
    """The same requests, each with the network of its group that the last night left; trees begin anew.

    What a model begins with is part of its fingerprint: with another start it is another model.
    """
    ledger = table("gold/training_ledger")
    days = walk.lake.partition_values(ledger, "as_of") if walk.lake.exists(ledger) else []
    last = max((day for day in days if day < walk.as_of.isoformat()), default=None)
    if last is None:
        return todo
    columns = ["model", "group_id", "artefact", "fingerprint"]
    rows = walk.lake.read(ledger, where={"as_of": date.fromisoformat(last)}, columns=columns).to_pylist()
    left = {(row["model"], row["group_id"]): row for row in rows if row["artefact"]}
    warm = []
    for request in todo:
        row = left.get((request.model, request.group_id))
        if row and request.model in NETWORKS and walk.lake.files.exists(row["artefact"]):
            both = digest([request.fingerprint, row["fingerprint"]])
            warm.append(replace(request, start=row["artefact"], fingerprint=both))
        else:
            warm.append(request)
    return warm


def _remove_models(walk: Walk, *, kept: set[str | None]) -> None:
    """This night's models that the ledger does not name: runs with other options left them."""
    for path in walk.lake.paths(f"models/{walk.as_of}"):
        if path.endswith(".bin") and path not in kept:
            walk.lake.delete(path)


def train_group(request: Request) -> Card:
    """On a worker: fits one model, stores it. A group that is too small is not an error: it falls back, and says so."""
    import torch

    group, lake = load_group(request), Lake(request.lake)
    if group.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(group.device)
    (cutoff,) = request.cutoffs
    odd = odd_series(group, cutoff=cutoff, horizon=request.forecast.horizon, season=request.season)
    seen = {"n_series": group.n_series, "odd_series": ", ".join(f"{kind} {n}" for kind, n in odd.items()) or None}
    try:
        fitted = fit(
            request.model, group, cutoff=cutoff, config=request.forecast, season=request.season, seed=request.seed,
            start=_start(request, lake),
        )  # fmt: skip
    except DataError as error:
        return _card(request, "fell_back", **seen, error=message(error))
    lake.put(request.artefact, fitted.to_bytes())
    facts = {name: fitted.card[name] for name in _LEARNT}
    return _card(request, "done", **seen, **facts, **_used(group))


def _start(request: Request, lake: Lake) -> Fitted | None:
    content = lake.get(request.start) if request.start else None
    try:
        return Fitted.from_bytes(content) if content else None
    except DataError:  # of an earlier version: training begins at random
        return None


def _used(group: Group) -> Card:
    """What it was computed on, and the most that tensors took there."""
    import torch

    if group.device.type == "cpu":
        return {"device": "cpu"}
    peak = torch.cuda.max_memory_allocated(group.device) / 2**20
    return {"device": torch.cuda.get_device_name(group.device), "device_memory": peak}


def _failed(request: Request, error: str) -> Card:
    return _card(request, "failed", n_series=0, error=error)


def _card(request: Request, status: str, **facts: object) -> Card:
    done = status == "done"
    return {
        "as_of": request.as_of.isoformat(),
        "model": request.model,
        "group_id": request.group_id,
        "status": status,
        "fitted_model": request.model if done else BASELINE,
        "error": None,
        "artefact": request.artefact if done else None,
        "fingerprint": request.fingerprint,
        **_LEARNT,
        "odd_series": None,
        "device": None,
        "device_memory": None,
        **facts,
    }
