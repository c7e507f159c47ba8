"""What is in quarantine, and a second try for it: a load like any other, of rows instead of files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.errors import ConfigError, DataError, explain
from scaleinv.lake import Lake
from scaleinv.lake.lease import lease
from scaleinv.pipeline.loads import replay_load
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table


def overview(lake: Lake) -> list[dict[str, Any]]:
    """Per source and rule: rows, and one reason."""
    aside = table("quarantine")
    if not lake.exists(aside):
        return []
    rows = lake.read(aside, columns=["source", "rule", "reason"])
    grouped = rows.group_by(["source", "rule"]).aggregate([("reason", "count"), ("reason", "min")])
    named = grouped.rename_columns(["source", "rule", "rows", "reason"])
    found: list[dict[str, Any]] = named.sort_by([("source", "ascending"), ("rows", "descending")]).to_pylist()
    return found


def rows_of_source(lake: Lake, source: str, *, rule: str | None = None) -> pa.Table:
    """The rows of a source in quarantine, with an ``id`` each: of where it came from and what it says.

    Raises:
        DataError: there is none.
    """
    aside = table("quarantine")
    found = lake.read(aside, where={"source": source} | ({"rule": rule} if rule else {}))
    if not found.num_rows:
        kept = lake.partition_values(aside, "source")
        raise DataError(
            explain(f"nothing of source {source!r} is in quarantine", expected=", ".join(kept) or "it is empty")
        )
    found = found.sort_by([(name, "ascending") for name in ("load", "file", "position", "row")])
    return found.add_column(0, "id", pa.array(_ids(found)))


def _ids(rows: pa.Table) -> list[str]:
    """Equal rows of one file differ by their place in the sorted order."""
    seen: dict[str, int] = {}
    ids = []
    for row in rows.select(["load", "file", "position", "row"]).to_pylist():
        text = json.dumps(row, sort_keys=True)
        seen[text] = seen.get(text, -1) + 1
        ids.append(hashlib.sha256(f"{seen[text]} {text}".encode()).hexdigest()[:12])
    return ids


def write_rows(lake: Lake, source: str, path: Path, *, rule: str | None = None) -> int:
    """The rows as JSON lines ``{"id", "rule", "reason", "row"}``, for a person to mend ``row``; returns how many."""
    rows = rows_of_source(lake, source, rule=rule).to_pylist()
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            shown = {name: row[name] for name in ("id", "rule", "reason")} | {"row": json.loads(row["row"])}
            file.write(json.dumps(shown, ensure_ascii=False) + "\n")
    return len(rows)


def replayed(walk: Walk, source: str, mended: Mapping[str, str]) -> Mapping[str, int]:
    """Tries all rows of a source again; those that are accepted now go on, the others stay.

    Args:
        walk: the night; rows count as known from its day.
        source: its name.
        mended: id -> the row that takes the place of the one in quarantine, as JSON.

    Raises:
        ConfigError: the environment has no such source.
        DataError: nothing of it is in quarantine, its files are read as a whole, or an id is not there.
        LakeError: an ingest is under way.
    """
    from scaleinv.ingest import read_again
    from scaleinv.pipeline.ingest import take

    if source not in walk.config.ingest.sources:
        raise ConfigError(
            explain(f"there is no source {source!r}", expected=", ".join(walk.config.ingest.sources), do="choose one")
        )
    with lease(walk.lake, "ingest"), walk.engines:
        load = replay_load(walk, source, walk.config.ingest.sources[source])
        clear_retried(walk, source, load.number - 1)
        rows = rows_of_source(walk.lake, source)
        rows = rows.filter(pc.less(rows["load"], load.number))
        strangers = sorted({*mended} - {*rows["id"].to_pylist()})
        if strangers:
            raise DataError(
                explain(
                    "rows with these ids are not in quarantine (any more)",
                    which=strangers,
                    do=f"write them anew: scaleinv quarantine show {source} --out FILE",
                )
            )
        texts = [mended.get(row["id"], row["row"]) for row in rows.select(["id", "row"]).to_pylist()]
        again = rows.select(["file", "position", "types"]).append_column("row", pa.array(texts, pa.string()))
        raw = read_again(walk.spark(), source, load.contract, load.table, again)
        walk.unmark(STAGES[0])
        return take(walk, load, raw)


def clear_retried(walk: Walk, source: str, number: int) -> None:
    """Takes away what a load has tried again: it has gone on, or lies in the quarantine of that load.

    So it is with a replay, and with a load that replaces all others. Killed after its commit, it left this to be done
    by the next load.
    """
    log = walk.lake.read(table("ingest_log"), where={"source": source, "load": number})
    if not log.num_rows or not (log["replays"][0].as_py() or log["replaces"][0].as_py()):
        return
    aside = table("quarantine")
    for load in walk.lake.partition_values(aside, "load", where={"source": source}):
        if int(load) < number:
            walk.lake.overwrite(aside, aside.schema.empty_table(), where={"source": source, "load": int(load)})
