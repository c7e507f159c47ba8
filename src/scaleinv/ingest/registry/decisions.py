"""Decisions of persons about SKUs. Each function gives the row to add to the log, and refuses what would break it.

``log`` is ``silver/sku_decisions`` as it stands, in any order; nothing in it is ever changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.errors import DataError, explain
from scaleinv.ingest.registry.periods import POINTERS, active, meaning, periods
from scaleinv.schema.registry import ALWAYS
from scaleinv.schema.tables import table

LOG: Final = table("silver/sku_decisions")


@dataclass(frozen=True)
class By:
    """Who decides, and when."""

    who: str
    day: date


def merge(
    log: pa.Table, kept: str, other: str, by: By, *, since: date = ALWAYS, proposal: Mapping[str, Any] | None = None
) -> pa.Table:
    """``other`` and ``kept`` are one product; its identifier is what ``kept`` means on the day ``since``.

    Of the two the one goes on that is itself replaced later, if one is.

    Raises:
        DataError: they are one already, or both are replaced by different ones later.
    """
    kept, other = _meanings(log, [kept, other], since)
    _refuse_same(kept, other, since)
    if _is_decided(log, other, since):
        kept, other = other, kept
    if _is_decided(log, other, since):
        raise DataError(
            explain(
                f"{kept} and {other} cannot be merged from {since} on",
                found="later decisions replace both",
                do="undo one of these decisions, or merge what they lead to",
            )
        )
    return _checked(log, _row(by, "merge", kept, other, since, "accepted", proposal=proposal))


def supersede(log: pa.Table, old: str, new: str, by: By, *, since: date) -> pa.Table:
    """From ``since`` on, ``new`` stands for ``old``.

    Raises:
        DataError: they are one already, ``old`` is replaced later, or the chain would lead round in a circle.
    """
    old, new = _meanings(log, [old, new], since)
    _refuse_same(new, old, since)
    return _checked(log, _row(by, "supersede", new, old, since, "supersession"))


def split(log: pa.Table, sku: str, by: By, *, since: date) -> pa.Table:
    """From ``since`` on, ``sku`` stands alone again; what it meant before stays.

    Raises:
        DataError: it stands alone on that day, or another decision about it begins then.
    """
    meant = _meanings(log, [sku], since)[0]
    if meant == sku:
        raise DataError(explain(f"{sku} stands alone on {since}", do="scaleinv skus find shows what it means"))
    return _checked(log, _row(by, "split", meant, sku, since, "split"))


def reject(log: pa.Table, proposal: Mapping[str, Any], by: By) -> pa.Table:
    """The two of ``proposal`` are not one product: they are not proposed again, and nothing automatic unites them."""
    row = _row(by, "reject", proposal["kept"], proposal["other"], ALWAYS, "rejected", proposal=proposal)
    return _checked(log, row)


def undo(log: pa.Table, merge_id: str, by: By) -> pa.Table:
    """As if the decision ``merge_id`` had never been made.

    Raises:
        DataError: there is no such decision, it is an undo itself, or it is undone already.
    """
    found = log.filter(pc.equal(log["merge_id"], merge_id)).to_pylist()
    if not found:
        raise DataError(explain(f"there is no decision {merge_id!r}", do="scaleinv skus find shows those about a code"))
    if found[0]["kind"] == "undo":
        raise DataError(explain(f"{merge_id} undoes {found[0]['undoes']}", do="decide that again instead"))
    if merge_id not in active(log)["merge_id"].to_pylist():
        raise DataError(explain(f"{merge_id} is undone already"))
    of = found[0]
    row = _row(by, "undo", of["kept"], of["other"], of["valid_from"], "undone") | {
        "undoes": merge_id,
        "evidence": f"reverses {of['kind']} of {of['decided_at']} by {of['who']}: {of['evidence']}",
        "proposal_id": of["proposal_id"],
    }
    return _checked(log, row)


def apart(log: pa.Table) -> pa.Table:
    """``kept, other``: pairs that a person said are not one (rejected, split, or a merge undone)."""
    undone = pc.is_in(log["merge_id"], log["undoes"].combine_chunks())
    said = pc.is_in(log["kind"], pa.array(["reject", "split"]))
    united = pc.is_in(log["kind"], pa.array(["merge", "supersede"]))
    chosen = pc.or_(pc.and_(said, pc.invert(undone)), pc.and_(united, undone))
    return log.filter(chosen).select(["kept", "other"])


def answers(log: pa.Table) -> pa.Table:
    """``proposal_id, status`` of the proposals that a person answered."""
    said = active(log)
    said = said.filter(pc.and_(pc.is_valid(said["proposal_id"]), pc.is_in(said["kind"], pa.array(["merge", "reject"]))))
    status = pc.if_else(pc.equal(said["kind"], "merge"), "accepted", "rejected")
    one = pa.table({"proposal_id": said["proposal_id"], "status": status})
    # Rejected once and accepted later: the merge is in force, and "accepted" comes before "rejected".
    return one.group_by("proposal_id").aggregate([("status", "min")]).rename_columns(["proposal_id", "status"])


def sealed(rows: pa.Table, log: pa.Table) -> pa.Table:
    """``rows`` with the names of their batch and of each decision: of the content, and of how long the log was."""
    columns = [name for name in LOG.names if name not in ("batch", "merge_id")]
    rows = rows.select(columns).sort_by([("kept", "ascending"), ("other", "ascending")]).combine_chunks()
    texts = [pc.fill_null(rows[name].cast(pa.string()), "") for name in columns]
    lines = pc.binary_join_element_wise(*texts, "\x1f")
    batch = hashlib.sha256("\n".join([str(log.num_rows), *lines.to_pylist()]).encode()).hexdigest()[:10]
    number = pa.array(range(1, rows.num_rows + 1)).cast(pa.string())
    rows = rows.append_column("batch", pa.repeat(batch, rows.num_rows))
    rows = rows.append_column("merge_id", pc.binary_join_element_wise(batch, number, "-"))
    return rows.select(LOG.names).cast(LOG.schema)


def _meanings(log: pa.Table, skus: list[str], day: date) -> list[str]:
    found: list[str] = meaning(pa.array(skus), periods(log), day).to_pylist()
    return found


def _refuse_same(kept: str, other: str, since: date) -> None:
    if kept == other:
        raise DataError(explain(f"they are one product already on {since}: {kept}"))


def _is_decided(log: pa.Table, sku: str, since: date) -> bool:
    rows = active(log)
    about = pc.and_(pc.equal(rows["other"], sku), pc.is_in(rows["kind"], pa.array(POINTERS)))
    return bool(pc.any(pc.and_(about, pc.greater_equal(rows["valid_from"], since))).as_py())


def _row(
    by: By, kind: str, kept: str, other: str, since: date, method: str, *, proposal: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    if since < ALWAYS:
        raise DataError(explain(f"a decision cannot begin on {since}", expected=f"{ALWAYS} or later"))
    facts = proposal or {}
    evidence = f"{facts['method']}: {facts['kept_description']} / {facts['other_description']}" if facts else "by hand"
    return {
        "decided_at": by.day, "kind": kind, "kept": kept, "other": other, "valid_from": since, "method": method,
        "who": by.who, "evidence": evidence, "score": facts.get("score"), "proposal_id": facts.get("proposal_id"),
        "undoes": None,
    }  # fmt: skip


def _checked(log: pa.Table, row: dict[str, Any]) -> pa.Table:
    schema = pa.schema([LOG.schema.field(name) for name in row])
    added = sealed(pa.Table.from_pylist([row], schema=schema), log)
    periods(pa.concat_tables([log, added]))  # raises where the log would no longer be a function
    return added
