"""What is due by ``conf/schedule.yaml``: which groups are to be trained, and whether a forecast is to be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config import Config
from scaleinv.config.schedule import ScheduleConfig
from scaleinv.errors import LakeError, explain
from scaleinv.lake import Lake
from scaleinv.pipeline.walk import Walk, code_state, digest, memo_at
from scaleinv.schema import table
from scaleinv.schema.words import CLASSICAL

CLASSES: Final = ("fast", "medium", "slow")
_LEDGER: Final = table("gold/training_ledger")
_SERIES: Final = table("gold/series")
_UNKNOWN: Final = "no night is known"


@dataclass(frozen=True)
class Due:
    """Of one velocity class, or of one group."""

    name: str
    work: str
    """``train`` or ``forecast``."""
    every: int
    """Days."""
    last: date | None
    """Last day known of the oldest model or forecast; ``None``: one is missing."""
    is_due: bool
    groups: int = 0
    """Training groups that go by this class."""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**vars(self), "last": self.last.isoformat() if self.last else None}


def group_days(schedule: ScheduleConfig, series: pa.Table) -> dict[str, tuple[str, int]]:
    """Group -> the class that it goes by and its days between two trainings.

    Args:
        schedule: the cadences.
        series: ``group_id`` and ``velocity_class`` of each series.
    """
    counts = series.group_by(["group_id", "velocity_class"]).aggregate([([], "count_all")])
    totals = series.group_by("group_id").aggregate([([], "count_all")]).rename_columns(["group_id", "total"])
    joined = counts.join(totals, "group_id")
    shares = pc.divide(joined["count_all"].cast(pa.float64()), joined["total"].cast(pa.float64()))
    # Where no class has the share (three classes, a share above a third), the shortest cadence of all holds.
    enough = joined.filter(pc.greater_equal(shares, schedule.share))
    found: dict[str, tuple[str, int]] = {}
    for rows in (joined, enough):
        chosen: dict[str, tuple[str, int]] = {}
        for row in rows.select(["group_id", "velocity_class"]).to_pylist():  # a row per group and class
            days = schedule.of(row["velocity_class"]).train_days
            before = chosen.get(row["group_id"])
            if before is None or (days, row["velocity_class"]) < (before[1], before[0]):
                chosen[row["group_id"]] = (row["velocity_class"], days)
        found |= chosen
    return found


def trained_on(artefact: str) -> date:
    """The night in which a model was made: its path says it."""
    return date.fromisoformat(artefact.split("/")[1])


def training_settings(walk: Walk) -> str:
    """What makes models of two nights alike: code and options, not the day and the data."""
    config = walk.config
    dumped = [config.forecast.model_dump(mode="json"), config.evaluation.model_dump(mode="json")]
    return digest([code_state(), dumped, config.features.model_dump(mode="json"), config.ray.cpus_per_worker])


def models_to_keep(walk: Walk, settings: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Model and group -> the row of tonight's ledger, where a model of an earlier night is young enough.

    It is kept if it was made by the same code and options, lies in the lake, and is younger than the group's cadence.
    """
    if not walk.config.schedule.reuse or not walk.lake.exists(_LEDGER):
        return {}
    before = _last_night(walk.lake, walk.as_of, settings)
    if before is None:
        return {}
    series = walk.read("gold/series", columns=["group_id", "velocity_class"])
    days = group_days(walk.config.schedule, series)
    sizes = {row["values"]: row["counts"] for row in pc.value_counts(series["group_id"]).to_pylist()}
    kept = {}
    for row in walk.lake.read(_LEDGER, where={"as_of": before}).to_pylist():  # a row per group and model
        group = row["group_id"]
        if row["status"] != "done" or group not in days or row["model"] not in walk.config.forecast.models:
            continue
        young = walk.as_of - trained_on(row["artefact"]) < timedelta(days=days[group][1])
        if young and walk.lake.files.exists(row["artefact"]):
            unused = {"seconds": 0.0, "attempts": 0, "core_seconds": None, "peak_memory": None, "device_memory": None}
            kept[row["model"], group] = row | unused | {"as_of": walk.as_of, "n_series": sizes[group]}
    return kept


def _last_night(lake: Lake, as_of: date, settings: str) -> date | None:
    """The last night before ``as_of`` that the ledger has, if its models were made as tonight's would be."""
    nights = [date.fromisoformat(night) for night in lake.partition_values(_LEDGER, "as_of")]
    last = max((night for night in nights if night < as_of), default=None)
    if last is None or memo_at(lake, "train", last).get("settings") != settings:
        return None
    return last


def due(config: Config, lake: Lake, as_of: date) -> list[Due]:
    """Per velocity class: whether models and forecasts of its groups are due on ``as_of``.

    Groups are those of the last night that the lake has up to ``as_of``; which of them are trained tonight a night
    with ``schedule.reuse`` decides itself, by tonight's groups and the same rule.

    Raises:
        LakeError: the lake has no night yet; everything is due.
    """
    nights = _nights(lake, _SERIES, as_of)
    if not nights:
        raise LakeError(
            explain(
                f"{_UNKNOWN} up to {as_of}: everything is due",
                do=f"scaleinv run --env {config.env} --as-of {as_of} --due",
            )
        )
    series = lake.read(_SERIES, where={"as_of": nights[-1]}, columns=["group_id", "velocity_class"])
    by_class: dict[str, list[str]] = {name: [] for name in CLASSES}
    for group, (name, _) in group_days(config.schedule, series).items():
        by_class[name].append(group)
    models = [model for model in config.forecast.models if model not in CLASSICAL]
    made = _made(lake, as_of)
    forecast = max(_nights(lake, table("gold/forecasts"), as_of), default=None)
    found = []
    for name, groups in by_class.items():
        if not groups:
            continue
        cadence = config.schedule.of(name)
        trained = [made.get((model, group)) for model in models for group in groups]
        found.append(_due(name, "train", cadence.train_days, trained, as_of, len(groups)))
        found.append(_due(name, "forecast", cadence.forecast_days, [forecast], as_of, len(groups)))
    return found


def _due(name: str, work: str, every: int, made: list[date | None], as_of: date, groups: int) -> Due:
    days = [day for day in made if day is not None]
    last = min(days) if len(days) == len(made) and days else None
    is_due = bool(made) and (last is None or as_of - last >= timedelta(days=every))
    return Due(name, work, every, last, is_due, groups)


def _made(lake: Lake, as_of: date) -> Mapping[tuple[str, str], date]:
    """Model and group -> the night in which the one that the last night used was made."""
    nights = _nights(lake, _LEDGER, as_of)
    if not nights:
        return {}
    columns = ["model", "group_id", "status", "artefact"]
    rows = lake.read(_LEDGER, where={"as_of": nights[-1]}, columns=columns).to_pylist()
    # A group that fell back had too few series: that is what its training came to, on that night.
    return {
        (row["model"], row["group_id"]): trained_on(row["artefact"]) if row["artefact"] else nights[-1]
        for row in rows
        if row["status"] != "failed"
    }


def _nights(lake: Lake, of: Any, as_of: date) -> list[date]:
    found = lake.partition_values(of, "as_of") if lake.exists(of) else []
    return sorted(night for night in map(date.fromisoformat, found) if night <= as_of)


def told(found: list[Due], as_of: date) -> str:
    """As a table for people."""
    lines = [f"{'class':<9}{'work':<10}{'every':>8}{'groups':>8}  {'last of':<12}due on {as_of}"]
    for row in found:
        last = row.last.isoformat() if row.last else "-"
        lines.append(
            f"{row.name:<9}{row.work:<10}{row.every:>6} d{row.groups:>8,}  {last:<12}{'yes' if row.is_due else 'no'}"
        )
    return "\n".join(lines)
