"""A night as Prometheus metrics, made of what lies in the lake: the same for one job of a night and for all in one run.

Names and meanings: :data:`METRICS`, and docs/operations.md. Gauges only: a run is no server whose counters rise.
"""

from __future__ import annotations

import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import scaleinv
from scaleinv.config import Config
from scaleinv.lake import Lake
from scaleinv.pipeline.records import Record, nights_with_records, record_of, records_of
from scaleinv.schema import table

Sample = tuple[dict[str, str], float]


@dataclass(frozen=True)
class Metric:
    """A gauge: what it says and by what; labels beside ``env``, which all have."""

    help: str
    labels: tuple[str, ...]
    samples: Callable[[Config, Lake, date, Mapping[str, Record]], Iterator[Sample]]


def exposition(config: Config, lake: Lake, night: date | None = None) -> str:
    """All metrics in the text format of Prometheus, of ``night``, by default the last one; empty: there is none."""
    nights = nights_with_records(lake)
    night = night or (nights[0] if nights else None)
    if night is None:
        return ""
    records = records_of(lake, night)
    lines: list[str] = []
    for name, metric in METRICS.items():
        samples = list(metric.samples(config, lake, night, records))
        if samples:
            lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} gauge"]
            lines += [f"{name}{_labels({'env': config.env, **labels})} {float(value)!r}" for labels, value in samples]
    return "\n".join([*lines, ""])


def publish(config: Config, lake: Lake, night: date) -> None:
    """Writes the textfile and tells the Pushgateway, where they are named.

    A night that is older than the last one, such as a backtest's or one done again, leaves them as they are.

    Raises:
        OSError: the file cannot be written, or the gateway does not take it.
    """
    options = config.metrics
    if not options.textfile and not options.pushgateway:
        return
    if night != nights_with_records(lake)[0]:
        return
    text = exposition(config, lake, night).encode()
    if options.textfile:
        _replace(Path(options.textfile), text)
    if options.pushgateway:
        address = f"{options.pushgateway.rstrip('/')}/metrics/job/scaleinv/env/{quote(config.env, safe='')}"
        request = urllib.request.Request(address, data=text, method="PUT", headers={"Content-Type": "text/plain"})  # noqa: S310 - configuration takes http and https only
        with urllib.request.urlopen(request, timeout=options.timeout):  # noqa: S310
            pass


def _replace(target: Path, text: bytes) -> None:
    """As a whole: the collector must not read half a file, nor one with another name that ends with .prom."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        draft.write_bytes(text)
        draft.chmod(0o644)  # the collector is another user
        draft.replace(target)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


# --- what is measured -------------------------------------------------------------------------------------------------


def _info(config: Config, lake: Lake, night: date, records: Mapping[str, Record]) -> Iterator[Sample]:
    yield {"version": scaleinv.__version__, "retailer": config.retailer}, 1.0


def _as_of(config: Config, lake: Lake, night: date, records: Mapping[str, Record]) -> Iterator[Sample]:
    """Of the newest night that has one: it must go on growing old where a night fails before its forecast."""
    nights = [night, *(earlier for earlier in nights_with_records(lake) if earlier < night)]
    for one in nights:
        found = records.get("forecast") if one == night else record_of(lake, one, "forecast")
        if found is not None and found.state in ("done", "incomplete"):
            yield {}, _seconds(f"{one.isoformat()}T00:00:00+00:00")
            return


def _stage_seconds(config: Config, lake: Lake, night: date, records: Mapping[str, Record]) -> Iterator[Sample]:
    for name, record in records.items():
        if record.seconds is not None:
            yield {"stage": name}, record.seconds


def _stage_state(config: Config, lake: Lake, night: date, records: Mapping[str, Record]) -> Iterator[Sample]:
    for name, record in records.items():
        for state in ("running", "done", "incomplete", "failed"):
            yield {"stage": name, "state": state}, float(record.state == state)


def _stage_started(config: Config, lake: Lake, night: date, records: Mapping[str, Record]) -> Iterator[Sample]:
    for name, record in records.items():
        yield {"stage": name}, _seconds(record.started)


def _stage_ended(config: Config, lake: Lake, night: date, records: Mapping[str, Record]) -> Iterator[Sample]:
    for name, record in records.items():
        if record.ended and record.state != "failed":
            yield {"stage": name}, _seconds(record.ended)


def _rows(config: Config, lake: Lake, night: date, records: Mapping[str, Record]) -> Iterator[Sample]:
    for stage, record in records.items():
        for name, written in record.writes.items():
            yield {"stage": stage, "table": name}, float(written.rows)


def _versions(config: Config, lake: Lake, night: date, records: Mapping[str, Record]) -> Iterator[Sample]:
    for stage, record in records.items():
        for name, written in record.writes.items():
            yield {"stage": stage, "table": name}, float(written.version)


def _quarantine(config: Config, lake: Lake, night: date, records: Mapping[str, Record]) -> Iterator[Sample]:
    if not lake.exists(table("ingest_log")):
        return
    rows = lake.read(table("ingest_log"), columns=["source", "load", "read", "quarantined", "replays"]).to_pylist()
    last = {row["source"]: row for row in sorted(rows, key=lambda row: int(row["load"])) if not row["replays"]}
    for source, row in sorted(last.items()):  # a row per source
        yield {"source": source}, row["quarantined"] / row["read"] if row["read"] else 0.0


def _groups(config: Config, lake: Lake, night: date, records: Mapping[str, Record]) -> Iterator[Sample]:
    for stage, record in records.items():
        if record.groups:
            for state in ("done", "fell_back", "failed"):
                yield {"stage": stage, "state": state}, float(record.groups.get(state, 0))


def _gpu(config: Config, lake: Lake, night: date, records: Mapping[str, Record]) -> Iterator[Sample]:
    for stage, record in records.items():
        if record.gpu_busy is not None:
            yield {"stage": stage}, record.gpu_busy


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).astimezone(UTC).timestamp()


METRICS: Final[dict[str, Metric]] = {
    "scaleinv_info": Metric("Version and retailer; always 1.", ("version", "retailer"), _info),
    "scaleinv_forecast_as_of_timestamp_seconds": Metric(
        "Last day known (00:00 UTC) of the newest forecast; time() less this is the forecast's age.", (), _as_of
    ),
    "scaleinv_stage_duration_seconds": Metric("Wall clock of the stage's last run.", ("stage",), _stage_seconds),
    "scaleinv_stage_state": Metric(
        "1 for the state that the stage's last run is in.", ("stage", "state"), _stage_state
    ),
    "scaleinv_stage_start_timestamp_seconds": Metric("When the stage's last run began.", ("stage",), _stage_started),
    "scaleinv_stage_success_timestamp_seconds": Metric(
        "When it ended, where it did not fail.", ("stage",), _stage_ended
    ),
    "scaleinv_table_rows": Metric("Rows that the stage wrote.", ("stage", "table"), _rows),
    "scaleinv_table_version": Metric("Delta version that the stage left.", ("stage", "table"), _versions),
    "scaleinv_quarantine_share": Metric("Share of a source's last load that was set aside.", ("source",), _quarantine),
    "scaleinv_groups": Metric("Groups times models, by what became of them.", ("stage", "state"), _groups),
    "scaleinv_gpu_busy_ratio": Metric(
        "Share of the workers' time spent at groups on a GPU; not there without a GPU.", ("stage",), _gpu
    ),
}
"""Name -> metric: all that is emitted."""
