"""What a run would do: the dry run. Reads names and versions only, starts no engine."""

from __future__ import annotations

from collections.abc import Iterable

from scaleinv.pipeline.sources import source_files
from scaleinv.pipeline.stages import Stage, stages_before
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table


def plan(walk: Walk, stages: Iterable[Stage]) -> str:
    """One paragraph per stage: what it would read and write, or that it is up to date."""
    states = {state.name: state for state in walk.lake.tables()}
    lines = [
        f"environment {walk.config.env}, as of {walk.as_of}, lake {walk.config.lake.root}",
        "nothing is done: this is a dry run",
    ]
    changed: set[str] = set()
    for stage in stages:
        # Once a stage has work to do, those that follow from it will have other inputs than their markers speak of.
        follows = any(earlier.name in changed for earlier in stages_before(stage))
        stale = follows or walk.force or not walk.up_to_date(stage)
        changed |= {stage.name} if stale else set()
        lines += ["", f"{stage.name}: {stage.purpose if stale else 'up to date'}"]
        if not stale:
            continue
        if stage.name == "ingest":
            lines += _sources(walk)
        for name in stage.reads:
            state = states.get(name)
            what = f"version {state.version}, {state.rows:,} rows" if state else "is not there yet"
            lines.append(f"  reads  {name}: {what}")
        for name in stage.writes:
            partition = f" as_of={walk.as_of}" if "as_of" in table(name).partitions else " (whole)"
            lines.append(f"  writes {name}{partition}")
        if stage.name == "export":
            lines.append(f"  writes files in {walk.config.export.folder}/{walk.as_of}")
    return "\n".join(lines)


def _sources(walk: Walk) -> list[str]:
    files = source_files(walk.config)
    size = sum(info.size for info in files.values())
    lines = [f"  reads  {len(files):,} files, {size / 1e6:,.1f} MB, in {walk.config.ingest.data}"]
    if files:
        return lines
    if walk.config.synthetic:
        return [*lines, "  makes  them first, with the synthetic retailer"]
    return [f"  reads  what Spark finds in {walk.config.ingest.data}: no files can be seen from here"]
