"""How much may be set aside or left out before the load stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scaleinv.config.models import IngestConfig
from scaleinv.errors import DataError, explain


def check_quarantine(
    counts_rows: Sequence[Mapping[str, Any]], config: IngestConfig, *, rules: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Stops the load where too many rows are not in silver; called after the quarantine table is written.

    Args:
        counts_rows: rows of ``ingest_log``.
        config: the largest tolerated shares of any source's rows.
        rules: rows of :attr:`Cleansed.rules` (source, rule, rows), for the message.

    Raises:
        DataError: a source has more rows in quarantine, with its most frequent rules, or more duplicates.
    """
    bad = _above(counts_rows, "quarantined", config.max_quarantine_share)
    if bad:
        raise DataError(
            explain(
                "too many rows were set aside",
                expected=f"at most {config.max_quarantine_share:.1%} of any source (ingest.max_quarantine_share)",
                which=[said + _top(rules, source) for source, said in bad.items()],
                do="look at the table quarantine (source, rule, reason, row), then correct the source or its "
                "configuration",
            )
        )
    # Sales alone: of anything else a second full copy says nothing new, and nothing is lost with it.
    sales = [row for row in counts_rows if row["source"] == "sales"]
    bad = _above(sales, "duplicates", config.max_duplicate_share)
    if bad:
        raise DataError(
            explain(
                "too many rows equal another one and were left out",
                expected=f"at most {config.max_duplicate_share:.1%} of the sales lines (ingest.max_duplicate_share)",
                which=list(bad.values()),
                do="if they are lines of their own, deliver a column that tells them apart (a receipt and line "
                "number); if a file was delivered twice, remove it",
            )
        )


def _above(counts_rows: Sequence[Mapping[str, Any]], what: str, share: float) -> dict[str, str]:
    """Source -> what to say of it, of those with more than ``share``."""
    return {
        str(row["source"]): f"{row['source']}: {row[what]:,} of {row['read']:,} rows ({row[what] / row['read']:.1%})"
        for row in sorted(counts_rows, key=lambda row: str(row["source"]))
        if row[what] > share * row["read"]
    }


def _top(rules: Sequence[Mapping[str, Any]], source: str) -> str:
    own = sorted((r for r in rules if r["source"] == source), key=lambda r: (-int(r["rows"]), str(r["rule"])))
    return "; most of them " + ", ".join(f"{r['rule']} {r['rows']:,}" for r in own[:3]) if own else ""
