"""What other rules would change of tonight's orders: both are run on stored tables, nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.models import ReplenishConfig
from scaleinv.config.rules import rules_version
from scaleinv.errors import LakeError, explain
from scaleinv.pipeline.limits import LimitsOfTheNight
from scaleinv.pipeline.replenish import known_beside, parts_of
from scaleinv.pipeline.terms import arrivals_tonight, open_tonight
from scaleinv.pipeline.walk import Walk
from scaleinv.replenish import propose
from scaleinv.schema import table

_SHOWN: Final = ("quantity", "value", "disposition", "rule")


@dataclass(frozen=True)
class Moves:
    """Lines that a changed set of rules moves."""

    versions: tuple[str, str]
    """Of the rules as they are, and as they would be."""
    totals: tuple[dict[str, Any], dict[str, Any]]
    """lines, value, and lines by disposition, before and after."""
    rows: pa.Table
    """unique_id; quantity, value, disposition, rule ``_before`` and ``_after``; change of value. Most money first."""

    def text(self, limit: int) -> str:
        """For a person at a terminal."""
        lines = [f"rules {self.versions[0]} -> {self.versions[1]}: {self.rows.num_rows:,} lines move"]
        for name, total in zip(("before", "after"), self.totals, strict=True):
            fates = ", ".join(f"{count:,} {fate}" for fate, count in sorted(total["dispositions"].items()))
            lines.append(f"{name:<7} {total['lines']:>9,} lines, value {total['value']:>16,.2f}  {fates}")
        for row in self.rows.slice(0, limit).to_pylist():
            before, after = (_side(row, side) for side in ("before", "after"))
            lines.append(f"{row['unique_id']:<30} {before} -> {after}  ({row['change']:+,.2f})")
        if self.rows.num_rows > limit:
            lines.append(f"… and {self.rows.num_rows - limit:,} more")
        return "\n".join(lines)


def moved(walk: Walk, changed: ReplenishConfig) -> Moves:
    """Proposes tonight's orders by the rules as they are and as they would be, from the same tables.

    Raises:
        LakeError: the night has no policies yet.
    """
    if not walk.lake.partition_values(table("gold/policies"), "as_of", where={"as_of": walk.as_of}):
        raise LakeError(explain(f"gold/policies has nothing of {walk.as_of}", do="run the stages up to optimize first"))
    sides = [_proposed(walk, config) for config in (walk.config.replenish, changed)]
    versions = [rules_version(config.every_rule) for config in (walk.config.replenish, changed)]
    totals = [_total(side) for side in sides]
    return Moves((versions[0], versions[1]), (totals[0], totals[1]), _differing(*sides))


def _proposed(walk: Walk, config: ReplenishConfig) -> pa.Table:
    limits = LimitsOfTheNight(walk)
    made = propose(
        parts_of(walk), walk.lake.read(table("silver/items")), walk.lake.read(table("silver/vendors")),
        retailer=walk.config.retailer, as_of=walk.as_of, config=config, horizon=walk.config.forecast.horizon,
        open_tonight=open_tonight(walk), arrivals=arrivals_tonight(walk), change=limits if limits.is_any else None,
        known=known_beside(walk),
    )  # fmt: skip
    return made.lines


def _total(lines: pa.Table) -> dict[str, Any]:
    fates = {row["values"]: row["counts"] for row in pc.value_counts(lines["disposition"]).to_pylist()}
    return {"lines": lines.num_rows, "value": pc.sum(lines["value"]).as_py() or 0.0, "dispositions": fates}


def _differing(before: pa.Table, after: pa.Table) -> pa.Table:
    """Lines of which quantity or disposition differ, or that only one side has."""
    ids = pc.unique(pa.chunked_array([*before["unique_id"].chunks, *after["unique_id"].chunks], pa.string()))
    columns: dict[str, pa.Array] = {"unique_id": ids}
    for side, lines in (("before", before), ("after", after)):
        at = pc.index_in(ids, value_set=lines["unique_id"])
        columns |= {f"{name}_{side}": lines[name].combine_chunks().take(at) for name in _SHOWN}
    for name in ("quantity", "value"):
        for side in ("before", "after"):
            columns[f"{name}_{side}"] = pc.fill_null(columns[f"{name}_{side}"], 0.0)
    columns["change"] = pc.round(pc.subtract(columns["value_after"], columns["value_before"]), 2)
    rows = pa.table(columns)
    fates = [pc.fill_null(rows[f"disposition_{side}"], "") for side in ("before", "after")]
    is_moved = pc.or_(pc.not_equal(rows["quantity_before"], rows["quantity_after"]), pc.not_equal(*fates))
    rows = rows.filter(is_moved)
    most = np.maximum(rows["value_before"].to_numpy(), rows["value_after"].to_numpy())
    size = np.maximum(np.abs(rows["change"].to_numpy()), np.where(rows["change"].to_numpy() == 0, most, 0.0))
    rows = rows.append_column("_size", pa.array(size))
    return rows.sort_by([("_size", "descending"), ("unique_id", "ascending")]).drop_columns(["_size"])


def _side(row: dict[str, Any], side: str) -> str:
    if row[f"disposition_{side}"] is None:
        return "nothing"
    return f"{row[f'quantity_{side}']:,.6g} {row[f'disposition_{side}']} by {row[f'rule_{side}']}"
