"""From what was found tonight to the list that persons work through: one thing is one exception, night after night."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.exceptions import ExceptionsConfig
from scaleinv.replenish.exceptions import FOUND
from scaleinv.replenish.text import joined, spelled
from scaleinv.schema import check, table
from scaleinv.schema.exceptions import KINDS

DECISIONS: Final = pa.schema(
    [
        ("unique_id", pa.string()), ("kind", pa.string()), ("decision", pa.string()), ("until", pa.date32()),
        ("quantity", pa.float64()), ("who", pa.string()), ("note", pa.string()),
        ("decided_at", pa.timestamp("us", "UTC")),
    ]
)  # fmt: skip
"""The last decision of persons on each series and kind, as ``orderbook`` keeps them; ``until`` is its last night."""
OVERRIDE: Final = "override"


def filed(
    found: pa.Table,
    *,
    as_of: date,
    config: ExceptionsConfig,
    before: pa.Table | None = None,
    decisions: pa.Table | None = None,
) -> pa.Table:
    """``gold/exceptions``, sorted by series and kind.

    Args:
        found: ``FOUND`` of all parts, a series and kind once.
        as_of: the night.
        config: queues, and how long something may be away and come back as the same.
        before: ``gold/exceptions`` of earlier nights; of a series and kind the newest row counts.
        decisions: ``DECISIONS``; those that have ended change nothing.
    """
    found = pa.concat_tables([found, _expired(decisions, as_of, config)]).combine_chunks()
    found = found.sort_by([("unique_id", "ascending"), ("kind", "ascending")])
    keys = _keys(found)
    first = _first_seen(keys, before, as_of, config)
    counting = None if decisions is None else decisions.filter(pc.greater_equal(decisions["until"], pa.scalar(as_of)))
    decision, until = _decided(keys, counting)
    open_days = pc.add(pc.subtract(pa.scalar(_number(as_of), pa.int32()), first.cast(pa.int32())), 1)
    columns = {
        "as_of": pa.repeat(pa.scalar(as_of, pa.date32()), found.num_rows),
        **{name: found[name] for name in FOUND.names},
        "rank": _rank(found, decision),
        "first_seen": first,
        "days_open": open_days.cast(pa.int32()),
        "queue": _words(found["kind"], {kind: config.queues.get(kind, known.queue) for kind, known in KINDS.items()}),
        "action": _words(found["kind"], {kind: known.action for kind, known in KINDS.items()}),
        "decision": decision,
        "decided_until": until,
    }
    return check(pa.table(columns), table("gold/exceptions"), unique=False)  # a series and kind once


def _keys(rows: pa.Table) -> pa.Array:
    made = pc.binary_join_element_wise(rows["unique_id"], rows["kind"], "\x1f")
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _first_seen(keys: pa.Array, before: pa.Table | None, as_of: date, config: ExceptionsConfig) -> pa.Array:
    tonight = pa.repeat(pa.scalar(as_of, pa.date32()), len(keys))
    if before is None or not before.num_rows:
        return tonight
    recent = before.filter(
        pc.and_(
            pc.less(before["as_of"], pa.scalar(as_of)),
            pc.greater_equal(before["as_of"], pa.scalar(as_of - timedelta(days=config.forget_days))),
        )
    )
    recent = recent.sort_by([("as_of", "descending")]).combine_chunks()  # the first one that is found is the newest
    at = pc.index_in(keys, value_set=_keys(recent))
    return pc.coalesce(recent["first_seen"].combine_chunks().take(at), tonight)


def _decided(keys: pa.Array, decisions: pa.Table | None) -> tuple[pa.Array, pa.Array]:
    if decisions is None or not decisions.num_rows:
        return pa.nulls(len(keys), pa.string()), pa.nulls(len(keys), pa.date32())
    at = pc.index_in(keys, value_set=_keys(decisions))
    decision, until = (decisions[name].combine_chunks().take(at) for name in ("decision", "until"))
    return decision, until


def _rank(found: pa.Table, decision: pa.Array) -> pa.Array:
    """The most money first, of what nobody has put away."""
    away = pc.fill_null(pc.is_in(decision, value_set=pa.array(["dismiss", "snooze"])), False)
    shown = np.flatnonzero(~away.to_numpy(zero_copy_only=False))
    value = found["value_at_risk"].to_numpy()[shown]
    rank = np.zeros(found.num_rows, dtype=np.int32)
    rank[shown[np.argsort(-value, kind="stable")]] = np.arange(1, shown.size + 1)
    return pa.array(rank, mask=rank == 0)


def _words(kinds: pa.ChunkedArray, words: Mapping[str, str]) -> pa.Array:
    at = pc.index_in(kinds, value_set=pa.array(list(words)))
    at = at.combine_chunks() if isinstance(at, pa.ChunkedArray) else at
    return pa.array(list(words.values()), pa.string()).take(at)


def _expired(decisions: pa.Table | None, as_of: date, config: ExceptionsConfig) -> pa.Table:
    """Overrides that have ended: they are said, not kept and not forgotten."""
    if decisions is None:
        return FOUND.empty_table()
    since = as_of - timedelta(days=config.forget_days)
    ended = pc.and_(
        pc.less(decisions["until"], pa.scalar(as_of)), pc.greater_equal(decisions["until"], pa.scalar(since))
    )
    mine = decisions.filter(pc.and_(ended, pc.equal(decisions["decision"], OVERRIDE))).combine_chunks()
    quantity = np.nan_to_num(mine["quantity"].to_numpy())
    detail = joined(
        spelled(quantity), " set by ", mine["who"].combine_chunks(), " counted until ",
        mine["until"].combine_chunks().cast(pa.string()), "; the rules decide again",
    )  # fmt: skip
    ids = mine["unique_id"].combine_chunks()
    # A series has one row of it, however many of its kinds were overridden.
    rows = pa.array(np.unique(pc.index_in(ids, value_set=ids).to_numpy(zero_copy_only=False)).astype(np.int64))
    value = pa.array(np.zeros(mine.num_rows))
    kind = pa.repeat("override_expired", mine.num_rows)
    return pa.table([ids, kind, detail, value], schema=FOUND).take(rows)


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days
