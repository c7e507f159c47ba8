"""Work on many groups that survives being killed: a card per finished group says what need not be done again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from scaleinv.config import Config, ExplainConfig, ForecastConfig, LakeConfig
from scaleinv.errors import ScaleinvError
from scaleinv.fanout import Task, fan_out
from scaleinv.forecast import Group, device_frames, group_arrays, group_from_files
from scaleinv.lake import Lake
from scaleinv.pipeline.nights import PANEL, Panel, panel_of
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.words import ModelName

Card = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One model on one group: what a worker needs to know. Travels to the worker by value, so it is small."""

    lake: LakeConfig
    forecast: ForecastConfig
    explain: ExplainConfig
    season: int
    threads: int
    panel: Panel
    group_id: str
    model: ModelName
    cutoffs: tuple[date, ...]
    panel_version: int
    series_version: int
    fingerprint: str
    kind: str
    start: str | None = None
    """Path of an earlier model whose weights training begins with."""

    @property
    def as_of(self) -> date:
        """The night."""
        return self.panel.as_of

    @property
    def id(self) -> str:
        """For people: ``lstm/FOODS-00``."""
        return f"{self.model}/{self.group_id}"

    @property
    def folder(self) -> str:
        """Where the group's artefacts are, under the lake's root."""
        return f"models/{self.as_of}/{self.model}"

    @property
    def artefact(self) -> str:
        """The fitted model's path: a run with other options must not put its model where an older card looks."""
        return f"{self.folder}/{self.group_id}.{self.fingerprint}.bin"

    @property
    def card(self) -> str:
        """The card's path."""
        return f"{self.folder}/{self.group_id}.{self.kind}.json"

    @property
    def seed(self) -> int:
        """The same for the same group and model, wherever and whenever it runs."""
        return self.forecast.seed


def requests(
    walk: Walk,
    *,
    kind: str,
    models: Sequence[ModelName],
    cutoffs: Sequence[date],
    fingerprint: str,
    groups: Sequence[str] | None = None,
) -> list[Request]:
    """One request per model and group; ``groups``: which ones, ``None``: all of tonight."""
    config: Config = walk.config
    tonight = panel_of(walk)
    versions = (walk.lake.version(table(PANEL)), walk.lake.version(table("gold/series")))
    return [
        Request(
            lake=config.lake, forecast=config.forecast, explain=config.explain, season=config.evaluation.season,
            threads=config.ray.cpus_per_worker, panel=tonight, group_id=group, model=model, cutoffs=tuple(cutoffs),
            panel_version=versions[0], series_version=versions[1], fingerprint=fingerprint, kind=kind,
        )
        for group in (walk.groups() if groups is None else groups)
        for model in models
    ]  # fmt: skip


def run_groups(
    walk: Walk, work: Callable[[Request], Card], todo: Sequence[Request], failed: Callable[[Request, str], Card]
) -> list[Card]:
    """The card of every request, in the order of ``todo``: found, made by ``work`` on a worker, or ``failed``.

    A card that says ``try_again`` is not kept for the next run.
    """
    found = [] if walk.force else [(request.id, _find_card(walk.lake, request)) for request in todo]
    cards = {name: card for name, card in found if card is not None}
    if cards:
        walk.progress.say(f"{len(cards):,} of {len(todo):,} groups were done before")
    missing = [request for request in todo if request.id not in cards]
    new: list[Card] = []
    for finished, card in _fan_out(walk, work, missing, failed):
        cards[finished] = card
        new.append(card)
        walk.progress.count(len(cards), len(todo), f"groups (last: {finished})")
    walk.watch.groups([*cards.values()], new)
    return [cards[request.id] for request in todo]


def _fan_out(
    walk: Walk, work: Callable[[Request], Card], missing: Sequence[Request], failed: Callable[[Request, str], Card]
) -> Iterator[tuple[str, Card]]:
    if not missing:
        return
    walk.ray()
    sizes = _group_sizes(walk)
    by_id = {request.id: request for request in missing}
    tasks = [Task(id=request.id, cost=float(sizes[request.group_id]), payload=request) for request in missing]
    for outcome in fan_out(work, tasks, walk.config.ray):
        request = by_id[outcome.id]
        if outcome.ok:
            assert isinstance(outcome.value, dict)
            card = outcome.value
        else:
            walk.progress.say(f"{outcome.id} failed after {outcome.attempts} tries: {outcome.error}")
            card = failed(request, str(outcome.error))
        measured = ("seconds", "attempts", "worker", "core_seconds", "peak_memory")
        card |= {name: getattr(outcome, name) for name in measured}
        if outcome.ok and not card.get("try_again"):
            walk.lake.put(request.card, json.dumps(card, sort_keys=True).encode())
        yield outcome.id, card


def _group_sizes(walk: Walk) -> dict[str, int]:
    counts = walk.read("gold/series", columns=["group_id"])["group_id"].value_counts()
    return {item["values"].as_py(): item["counts"].as_py() for item in counts}


def _find_card(lake: Lake, request: Request) -> Card | None:
    content = lake.get(request.card)
    card: Card | None = json.loads(content) if content else None
    if card is None or card["fingerprint"] != request.fingerprint:
        return None
    # What the card vouches for may have been cleaned away.
    staged = [f"{name}/{file['path']}" for name, files in card.get("files", {}).items() for file in files]
    made = [*staged, *([card["artefact"]] if card.get("artefact") else [])]
    return card if all(map(lake.files.exists, made)) else None


# --- on a worker ----------------------------------------------------------------------------------------------------


def load_group(request: Request) -> Group:
    """The group's arrays, read from exactly its files at the pinned versions."""
    import torch

    torch.set_num_threads(request.threads)
    lake = Lake(request.lake)
    where = {"as_of": request.as_of, "group_id": request.group_id}
    series: pa.Table = lake.read(table("gold/series"), version=request.series_version, where=where)
    panel, group_id, version = request.panel, request.group_id, request.panel_version
    frames = device_frames()
    if frames is None:
        return group_arrays(panel.read(lake, series, group_id=group_id, version=version), series)
    parts = panel.open_files(lake, group_id=group_id, version=version)
    return group_from_files(parts, series, first=panel.first, library=frames)


def message(error: BaseException) -> str:
    """Class and message of an error, on one line."""
    text = str(error) if isinstance(error, ScaleinvError) else f"{error}"
    return f"{type(error).__name__}: {' '.join(text.split())}"
