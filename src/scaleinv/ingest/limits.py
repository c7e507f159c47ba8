"""How much may be set aside or left out before a load stops."""

from __future__ import annotations

from collections.abc import Mapping

from scaleinv.config.models import IngestConfig
from scaleinv.errors import DataError, explain
from scaleinv.schema import Table


def check_load(
    name: str, table: Table, counts: Mapping[str, int], rules: Mapping[str, int], config: IngestConfig
) -> None:
    """Stops a load where too many rows do not go on; called when the quarantine has been written.

    Args:
        name: the source.
        table: the silver table it feeds.
        counts: read, accepted, quarantined, duplicates.
        rules: rule -> rows set aside, for the message.
        config: the largest tolerated shares.

    Raises:
        DataError: more rows are in quarantine, with the most frequent rules, or more are duplicates.
    """
    source = config.sources.get(name)
    allowed = config.max_quarantine_share
    if source is not None and source.max_quarantine_share is not None:
        allowed = source.max_quarantine_share
    if counts["quarantined"] > allowed * counts["read"]:
        most = sorted(rules.items(), key=lambda item: (-item[1], item[0]))[:3]
        raise DataError(
            explain(
                f"source {name}: too many rows were set aside",
                expected=f"at most {allowed:.1%} (ingest.max_quarantine_share, or the contract's own)",
                found=f"{_share(counts, 'quarantined')}; most of them "
                + ", ".join(f"{rule} {rows:,}" for rule, rows in most),
                do=f"look at them with `scaleinv quarantine show {name}`, then correct the source or its contract",
            )
        )
    # Where lines add up alone: of anything else a second full copy says nothing new, and nothing is lost with it.
    if table.loads == "add" and counts["duplicates"] > config.max_duplicate_share * counts["read"]:
        raise DataError(
            explain(
                f"source {name}: too many rows equal another one and were left out",
                expected=f"at most {config.max_duplicate_share:.1%} of the lines (ingest.max_duplicate_share)",
                found=_share(counts, "duplicates"),
                do="if they are lines of their own, deliver a column that tells them apart (a receipt and line "
                "number); if a file was delivered twice, remove it",
            )
        )


def _share(counts: Mapping[str, int], what: str) -> str:
    return f"{counts[what]:,} of {counts['read']:,} rows ({counts[what] / counts['read']:.1%})"
