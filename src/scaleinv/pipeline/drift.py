"""Drift in the lake: what a load looks like is kept, compared with what was accepted last, and accepted by a person."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from scaleinv.config.drift import DriftConfig, SourceDrift
from scaleinv.config.sources import SourceConfig
from scaleinv.errors import LakeError, explain
from scaleinv.ingest.drift import Finding, findings, quarantine_rules
from scaleinv.ingest.parse import CORRUPT
from scaleinv.ingest.profile import ColumnProfile, Profile, profile
from scaleinv.lake import Lake
from scaleinv.pipeline.loads import Load
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

_USUAL: Final = 28
"""Loads that say how many rows are usual."""
_TOLD: Final = 5
"""Findings of a load that the log of a run tells; all of them are in ``drift_log``."""
_US: Final = "scaleinv"
_FIELDS: Final = [one.name for one in fields(ColumnProfile)]


def watched(walk: Walk, load: Load, raw: DataFrame) -> list[Finding]:
    """What has drifted in a load (:func:`watch`); nothing in what is not looked at: replays, and M5 as published.

    Args:
        walk: the night.
        load: the load.
        raw: its rows, which bear each row as received in ``_received``.
    """
    config, contract = walk.config.ingest.drift, load.contract.drift
    if not (config.enabled and contract.enabled) or load.replays or walk.config.ingest.m5 is not None:
        return []
    # A line that is no row has a rule of its own.
    received = raw.where(F.col(CORRUPT).isNull()).select("_received.*", "_file", "_position")
    found = watch(
        walk.lake, received, source=load.source, load=load.number, day=load.day(walk.as_of), config=config,
        contract=contract, empty=load.contract.empty,
    )  # fmt: skip
    for finding in found[:_TOLD]:
        walk.progress.say(f"{load.source} drifts ({finding.policy}): {finding.kind} {finding.column}: {finding.detail}")
    if len(found) > _TOLD:
        walk.progress.say(f"{load.source} drifts: {len(found) - _TOLD:,} more, see scaleinv drift list {load.source}")
    return found


def with_drifted(raw: DataFrame, found: Sequence[Finding], contract: SourceConfig) -> DataFrame:
    """``raw``, in which rows that drifted break a rule, where the policy is ``quarantine``; its own rules go first."""
    for rule, drifted, reason in quarantine_rules(found, empty=contract.empty, inside="_received"):
        is_new = F.col("_broken").isNull() & drifted
        why = F.when(is_new, F.lit(reason)).otherwise(F.col("_why"))
        raw = raw.withColumns({"_why": why, "_broken": F.when(is_new, F.lit(rule)).otherwise(F.col("_broken"))})
    return raw


def watch(
    lake: Lake,
    received: DataFrame,
    *,
    source: str,
    load: int,
    day: date,
    config: DriftConfig,
    contract: SourceDrift | None = None,
    empty: Sequence[str] = (),
) -> list[Finding]:
    """Looks at a load before it is cleansed, and keeps what it found: the load's profile, and its drift.

    The profile waits; once the load is committed, :func:`settle` takes it. Done again, a load gives the same rows.
    Nothing is stopped here: the stage calls :func:`scaleinv.ingest.drift.check_drift` once the quarantine is written.

    Args:
        lake: where the tables are.
        received: the load as received (:func:`scaleinv.ingest.profile.profile`).
        source: its name.
        load: its number.
        day: the last day known.
        config: thresholds and policies.
        contract: what the source's contract says of its drift.
        empty: texts that stand for no value in it.
    """
    this = profile(received, config, empty=empty)
    if not this.rows:
        return []  # nobody has delivered anything
    accepted = _profiles(lake, source, "accepted")
    last = _profile(accepted) if accepted.num_rows else None
    found = findings(last, this, config, contract, usual=_usual_rows(lake, source, load))
    _log(lake, source, load, day, found)
    new = _rows(this, source=source, load=load, day=day, status="waiting", accepted_by=None)
    _keep(lake, source, pa.concat_tables([accepted, new]))
    return found


def settle(lake: Lake, source: str, load: int, config: DriftConfig) -> None:
    """Takes a committed load in which nothing had drifted as the measure for the next ones; safe to call again."""
    waits, accepted = _profiles(lake, source, "waiting"), _profiles(lake, source, "accepted")
    if not waits.num_rows or waits["load"][0].as_py() != load:
        return
    # A load of a few rows is no measure.
    few = accepted.num_rows and waits["rows"][0].as_py() < min(accepted["rows"][0].as_py(), config.min_rows)
    told = lake.read(table("drift_log"), where={"source": source, "load": load}) if _has_log(lake) else None
    open_ = [row for row in told.to_pylist() if row["accepted_by"] is None] if told else []
    if few or any(row["kind"] != "not_profiled" for row in open_):
        return
    again = accepted.num_rows and accepted["load"][0].as_py() == load
    _keep(lake, source, _accepted(waits, accepted["accepted_by"][0].as_py() if again else _US))


def accept(lake: Lake, source: str, *, who: str, day: date) -> list[dict[str, Any]]:
    """Takes a source's last load as the measure for the next ones; gives what had drifted in it, rows of ``drift_log``.

    Raises:
        LakeError: nothing of the source waits.
    """
    waits = _profiles(lake, source, "waiting")
    if not waits.num_rows:
        raise LakeError(explain(f"no drift of source {source!r} waits to be accepted", do="see `scaleinv drift list`"))
    load = waits["load"][0].as_py()
    log = table("drift_log")
    rows = lake.read(log, where={"source": source}).to_pylist()
    taken = [row for row in rows if row["load"] == load and row["accepted_by"] is None]
    for row in taken:
        row.update(accepted_by=who, accepted_on=day)
    # The profile comes last: killed before it, the load still waits and can be accepted again.
    lake.overwrite(log, pa.Table.from_pylist(rows, schema=log.schema), where={"source": source})
    _keep(lake, source, _accepted(waits, who))
    return taken


def drift_rows(lake: Lake, source: str | None = None, *, all_: bool = False) -> list[dict[str, Any]]:
    """Rows of ``drift_log``, those of the newest load of each source (``all_``: of every load), in order."""
    if not _has_log(lake):
        return []
    rows = lake.read(table("drift_log"), where={"source": source} if source else None).to_pylist()
    newest: dict[str, int] = {}
    for row in rows:
        newest[row["source"]] = max(row["load"], newest.get(row["source"], 0))
    shown = [row for row in rows if all_ or row["load"] == newest[row["source"]]]
    return sorted(shown, key=lambda row: (row["source"], row["load"], row["kind"], row["column"]))


def told(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of ``drift_log`` as lines for a terminal."""
    lines = [f"{'source':<16} {'load':>5} {'kind':<13} {'column':<24} {'policy':<11} what was found"]
    for row in rows:
        by = f" (accepted by {row['accepted_by']} on {row['accepted_on']})" if row["accepted_by"] else ""
        place = f"{row['source']:<16} {row['load']:>5} {row['kind']:<13} {row['column']:<24}"
        lines.append(f"{place} {row['policy']:<11} {row['detail']}{by}")
    return "\n".join(lines) if rows else "nothing has drifted"


def _has_log(lake: Lake) -> bool:
    return lake.exists(table("drift_log"))


def _profiles(lake: Lake, source: str, status: str) -> pa.Table:
    kept = table("profiles")
    where = {"source": source, "status": status}
    return lake.read(kept, where=where) if lake.exists(kept) else kept.schema.empty_table()


def _keep(lake: Lake, source: str, rows: pa.Table) -> None:
    lake.overwrite(table("profiles"), rows, where={"source": source})


def _accepted(rows: pa.Table, who: str) -> pa.Table:
    return pa.Table.from_pylist(
        [{**row, "status": "accepted", "accepted_by": who} for row in rows.to_pylist()], schema=rows.schema
    )


def _profile(rows: pa.Table) -> Profile:
    found = rows.sort_by("position").to_pylist()
    return Profile(found[0]["rows"], tuple(_column(row) for row in found))


def _column(row: Mapping[str, Any]) -> ColumnProfile:
    cells: dict[str, Any] = {}
    for name in _FIELDS:
        cells[name] = tuple(row[name]) if isinstance(row[name], list) else row[name]
    return ColumnProfile(**cells)


def _rows(this: Profile, **of_load: object) -> pa.Table:
    rows = [{**asdict(column), **of_load, "rows": this.rows, "position": i} for i, column in enumerate(this.columns)]
    return pa.Table.from_pylist(rows, schema=table("profiles").schema)


def _usual_rows(lake: Lake, source: str, load: int) -> list[int]:
    log = table("ingest_log")
    if not lake.exists(log):
        return []
    rows = sorted(lake.read(log, where={"source": source}).to_pylist(), key=lambda row: row["load"])
    usual = [row["read"] for row in rows if row["load"] < load and row["stopped"] is None and not row["replays"]]
    return usual[-_USUAL:]


def _log(lake: Lake, source: str, load: int, day: date, found: Sequence[Finding]) -> None:
    """Replaces what an earlier attempt at the load told, but not what a person has accepted of it."""
    log = table("drift_log")
    before = lake.read(log, where={"source": source}).to_pylist() if lake.exists(log) else []
    again = {(finding.kind, finding.column) for finding in found}
    kept = [
        row
        for row in before
        if row["load"] < load
        or (row["load"] == load and row["accepted_by"] is not None and (row["kind"], row["column"]) not in again)
    ]
    new = [
        {
            "source": source, "load": load, "day": day, "kind": finding.kind, "column": finding.column,
            "policy": finding.policy, "detail": finding.detail,
            "evidence": json.dumps(finding.evidence, ensure_ascii=False, sort_keys=True),
            "accepted_by": None, "accepted_on": None,
        }
        for finding in found
    ]  # fmt: skip
    if before or new:
        lake.overwrite(log, pa.Table.from_pylist([*kept, *new], schema=log.schema), where={"source": source})
