"""How much may be set aside before the load stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scaleinv.errors import DataError, explain


def check_quarantine(
    counts_rows: Sequence[Mapping[str, Any]], max_share: float, *, rules: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Stops the load where too many rows were set aside; called after the quarantine table is written.

    Args:
        counts_rows: rows of ``ingest_log``.
        max_share: largest tolerated quarantined / read of any source, 0 … 1.
        rules: rows of :attr:`Cleansed.rules` (source, rule, rows), for the message.

    Raises:
        DataError: a source has more, with its most frequent rules.
    """
    bad = [row for row in counts_rows if row["read"] and row["quarantined"] > max_share * row["read"]]
    if not bad:
        return
    which = [
        f"{row['source']}: {row['quarantined']:,} of {row['read']:,} rows "
        f"({row['quarantined'] / row['read']:.1%}){_top(rules, row['source'])}"
        for row in sorted(bad, key=lambda row: str(row["source"]))
    ]
    raise DataError(
        explain(
            "too many rows were set aside",
            expected=f"at most {max_share:.1%} of any source (ingest.max_quarantine_share)",
            which=which,
            do="look at the table quarantine (source, rule, reason, row), then correct the source or its configuration",
        )
    )


def _top(rules: Sequence[Mapping[str, Any]], source: object) -> str:
    own = sorted((r for r in rules if r["source"] == source), key=lambda r: (-int(r["rows"]), str(r["rule"])))
    return "; most of them " + ", ".join(f"{r['rule']} {r['rows']:,}" for r in own[:3]) if own else ""
