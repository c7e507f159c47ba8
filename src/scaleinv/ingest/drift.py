"""In what a load differs from the last accepted one of its source, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from scaleinv.config.drift import DRIFT_KINDS, DriftConfig, DriftKind, DriftPolicy, SourceDrift
from scaleinv.errors import DataError, explain
from scaleinv.ingest.cells import PADDED, PATTERNS
from scaleinv.ingest.differences import Finding, column, names, unseen, volume
from scaleinv.ingest.parse import quoted, text
from scaleinv.ingest.profile import Profile

__all__ = ["Finding", "check_drift", "findings", "quarantine_rules"]

_SHOWN: Final = 50
"""Findings of a kind that are told one by one; a wide table may have thousands."""
_STRICTEST: Final[dict[DriftPolicy, int]] = {"warn": 0, "quarantine": 1, "stop": 2}


def findings(
    last: Profile | None,
    this: Profile,
    config: DriftConfig,
    contract: SourceDrift | None = None,
    *,
    usual: Sequence[int] = (),
) -> list[Finding]:
    """Every drift from ``last`` to ``this``, in the order of kinds and columns.

    Args:
        last: the last accepted profile; ``None``: there is none, so nothing has drifted.
        this: the load's.
        config: thresholds and policies.
        contract: what the source's contract says otherwise.
        usual: rows of the loads before.
    """
    own = contract or SourceDrift()
    found = [*unseen(this), *volume(this, usual, config)]
    if last is not None:
        found += names(last, this, config)
        before = {one.column: one for one in last.columns}
        for one in this.columns:
            if one.column in before:
                found += column(before[one.column], one, config)
    told = [replace(finding, policy=_policy(finding, config, own)) for finding in found]
    return [finding for kind in DRIFT_KINDS for finding in _bounded(kind, [f for f in told if f.kind == kind])]


def check_drift(source: str, found: Sequence[Finding]) -> None:
    """Stops a load that has drifted where its policy says so.

    Raises:
        DataError: naming each finding that stops it.
    """
    stops = [finding for finding in found if finding.policy == "stop"]
    if stops:
        raise DataError(
            explain(
                f"source {source} has drifted from what was accepted last",
                found="\n            ".join(f"{f.kind} {f.column}: {f.detail}" for f in stops[:5]),
                which=[f"{f.kind} {f.column}".strip() for f in stops],
                do=f"correct the source, or its contract; if all is well, `scaleinv drift accept {source}` "
                f"(`scaleinv drift list {source}` shows all of it)",
            )
        )


def quarantine_rules(
    found: Sequence[Finding], *, empty: Sequence[str] = (), inside: str | None = None
) -> list[tuple[str, Column, str]]:
    """``(rule, condition, reason)`` of the rows that drifted, for each finding whose policy is ``quarantine``.

    The condition is over the columns as received, and never null.

    Args:
        found: the findings.
        empty: texts that stand for no value.
        inside: the struct that holds the columns as received; ``None``: they stand by themselves.
    """
    asked = [finding for finding in found if finding.policy == "quarantine"]
    return [(f"drift_{f.kind}", _drifted(f, empty, inside), f"{f.column}: {f.detail}") for f in asked]


def _drifted(finding: Finding, empty: Sequence[str], inside: str | None) -> Column:
    name = quoted(finding.column)
    cell = text(F.col(f"{inside}.{name}" if inside else name).cast("string"), StringType(), empty)
    if finding.kind == "null_share":
        return cell.isNull()
    if finding.kind == "new_values":
        return F.coalesce(cell.isin(*_texts(finding.evidence["values"])), F.lit(False))
    was = str(finding.evidence["was"])
    if was == PADDED:
        return F.coalesce(F.length(cell) < F.lit(finding.evidence["length"]), F.lit(False))
    return F.coalesce(~cell.rlike(PATTERNS[was]), F.lit(False)) if was in PATTERNS else cell.isNotNull()


def _texts(values: object) -> list[str]:
    assert isinstance(values, list)
    return values


def _policy(finding: Finding, config: DriftConfig, own: SourceDrift) -> DriftPolicy:
    policy = config.policy(finding.kind, finding.column, own)
    mild = finding.kind == "null_share" and policy == "stop" and not finding.evidence["large"]
    return "warn" if mild else policy


def _bounded(kind: DriftKind, found: list[Finding]) -> list[Finding]:
    if len(found) <= _SHOWN:
        return found
    strict = sorted(found, key=lambda finding: -_STRICTEST[finding.policy])
    rest = strict[_SHOWN - 1 :]
    # What is put aside needs a finding of its own; what is only told does not.
    apart = [finding for finding in rest if finding.policy == "quarantine"]
    others = [finding for finding in rest if finding.policy != "quarantine"]
    if not others:
        return strict
    policy = max((finding.policy for finding in others), key=lambda policy: _STRICTEST[policy])
    names = [finding.column for finding in others]
    more = Finding(kind, "", policy, f"{len(others):,} more columns", {"columns": names[:_SHOWN], "n": len(names)})
    return [*strict[: _SHOWN - 1], *apart, more]
