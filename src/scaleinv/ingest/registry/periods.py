"""What the log of decisions says about each SKU on each day: a pure function of the set of its rows.

A decision is a pointer: from ``valid_from`` on, ``other`` means ``kept`` (of a split: itself again), until the next
decision about ``other`` begins. Chains are followed, so a -> b and b -> c give a -> c from the day on which both hold.
A decision that is undone is left out, as if it had never been made; so undoing it gives back what was before, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.errors import DataError, explain
from scaleinv.schema.registry import ALWAYS

PERIODS: Final = pa.schema(
    [
        pa.field("own_id", pa.string(), nullable=False),
        pa.field("valid_from", pa.date32(), nullable=False),
        pa.field("valid_to", pa.date32()),
        pa.field("sku_id", pa.string(), nullable=False),
        pa.field("method", pa.string(), nullable=False),
        pa.field("merge_id", pa.string()),
    ]
)
"""One row per SKU that somebody decided about, and period."""

POINTERS: Final = ("merge", "supersede", "split")
_FOREVER: Final = 2**24
"""A day after every other, as days since 1970-01-01."""
_NOBODY: Final = -1

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Pieces:
    """(n,) each: from ``start`` to ``end`` ``node`` means ``target``, because of row ``why`` of the log; sorted."""

    node: Ints
    start: Ints
    end: Ints
    target: Ints
    why: Ints


def active(log: pa.Table) -> pa.Table:
    """The decisions that no other one undoes."""
    undone = log["undoes"].filter(pc.equal(log["kind"], "undo")).combine_chunks()
    kept = pc.and_(pc.not_equal(log["kind"], "undo"), pc.invert(pc.is_in(log["merge_id"], undone)))
    return log.filter(kept)


def periods(log: pa.Table) -> pa.Table:
    """What every SKU that was decided about means, period by period (:data:`PERIODS`), sorted.

    Args:
        log: rows of ``silver/sku_decisions`` in any order.

    Raises:
        DataError: two decisions about one SKU begin on the same day, or decisions lead round in a circle.
    """
    rows = active(log)
    rows = rows.filter(pc.is_in(rows["kind"], pa.array(POINTERS))).combine_chunks()
    if rows.num_rows == 0:
        return PERIODS.empty_table()
    names = pc.unique(pa.chunked_array([*rows["kept"].chunks, *rows["other"].chunks])).sort()
    since = _days(rows["valid_from"])
    base = _pieces(rows, names, since)
    found = _followed(base, since, len(names), names)
    decided = np.isin(found.node, found.node[found.why != _NOBODY])
    return _as_periods(found, decided, names, rows)


def meaning(of: pa.Array, found: pa.Table, day: date) -> pa.Array:
    """``(n,)`` what the SKUs ``of`` mean on ``day``, by the periods ``found``."""
    upto = pc.fill_null(found["valid_to"], date.max)
    then = found.filter(pc.and_(pc.less_equal(found["valid_from"], day), pc.greater_equal(upto, day)))
    place = pc.index_in(of, then["own_id"].combine_chunks())
    return pc.coalesce(then["sku_id"].combine_chunks().take(place), of)


def _days(dates: pa.ChunkedArray) -> Ints:
    days: Ints = dates.cast(pa.int32()).to_numpy().astype(np.int64)
    return days


def _index(names: pa.Array, of: pa.ChunkedArray) -> Ints:
    index: Ints = pc.index_in(of, names).to_numpy().astype(np.int64)
    return index


def _pieces(rows: pa.Table, names: pa.Array, since: Ints) -> _Pieces:
    """The pointers as they were decided, and every SKU's own self where and while there is none."""
    kept, other = _index(names, rows["kept"]), _index(names, rows["other"])
    split = pc.equal(rows["kind"], "split").to_numpy()
    order = np.lexsort((since, other))
    node, start = other[order], since[order]
    twice = (node[1:] == node[:-1]) & (start[1:] == start[:-1])
    if twice.any():
        both = order[np.flatnonzero(twice)[0] :][:2]
        raise DataError(
            explain(
                f"two decisions about {names[int(other[both[0]])]} begin on the same day",
                found=str(ALWAYS + timedelta(days=int(since[both[0]]))),
                which=rows["merge_id"].take(both).to_pylist(),
                do="undo one of them: scaleinv skus undo MERGE_ID",
            )
        )
    first = np.r_[True, node[1:] != node[:-1]] & (start > 0)
    alone = np.concatenate([node[first], np.setdiff1d(np.arange(len(names)), node)])
    node, start = np.concatenate([node, alone]), np.concatenate([start, np.zeros_like(alone)])
    target = np.concatenate([np.where(split, other, kept)[order], alone])
    why = np.concatenate([order, np.full_like(alone, _NOBODY)])
    order = np.lexsort((start, node))
    node, start, target, why = node[order], start[order], target[order], why[order]
    end = np.where(np.r_[node[1:] == node[:-1], False], np.r_[start[1:] - 1, 0], _FOREVER)
    return _Pieces(node, start, end, target, why)


def _followed(base: _Pieces, since: Ints, n_nodes: int, names: pa.Array) -> _Pieces:
    """Every chain to its end, doubling the steps: a chain of n links takes log2(n) rounds."""
    found = base
    for _ in range(int(n_nodes).bit_length() + 2):
        onward = _through(found, base, since)
        if len(onward.node) == len(found.node) and (onward.target == found.target).all():
            return onward
        found = _through(onward, onward, since)
    raise _circle(base, found, names)


def _through(left: _Pieces, right: _Pieces, since: Ints) -> _Pieces:
    """``left``, then ``right`` of where it leads; of the reasons on the way the latest to begin stands."""
    first, last = _place(right, left.target, left.start), _place(right, left.target, left.end)
    n = last - first + 1
    a = np.repeat(np.arange(len(n)), n)
    b = np.repeat(first - np.cumsum(n) + n, n) + np.arange(len(a))
    begins = np.append(since, _NOBODY)  # nobody's -1 is the last
    newer = begins[right.why[b]] > begins[left.why[a]]
    return _Pieces(
        left.node[a],
        np.maximum(left.start[a], right.start[b]),
        np.minimum(left.end[a], right.end[b]),
        right.target[b],
        np.where(newer, right.why[b], left.why[a]),
    )


def _place(pieces: _Pieces, node: Ints, day: Ints) -> Ints:
    """``(n,)`` where the piece of each node lies that holds on its day."""
    width = _FOREVER + 1
    at: Ints = np.searchsorted(pieces.node * width + pieces.start, node * width + day, side="right") - 1
    return at


def _circle(base: _Pieces, found: _Pieces, names: pa.Array) -> DataError:
    """The error that names the circle; every chain in ``found`` is followed so far that it is in it."""
    moving = np.flatnonzero(base.target[_place(base, found.target, found.start)] != found.target)[:1]
    path, day = [int(found.target[moving[0]])], found.start[moving]
    while path.count(path[-1]) < 2:
        path.append(int(base.target[_place(base, np.array(path[-1:]), day)][0]))
    return DataError(
        explain(
            f"decisions lead round in a circle from {ALWAYS + timedelta(days=int(day[0]))} on",
            found=" -> ".join(names[node].as_py() for node in path),
            do="undo one of them: scaleinv skus undo MERGE_ID",
        )
    )


def _as_periods(found: _Pieces, decided: NDArray[np.bool_], names: pa.Array, rows: pa.Table) -> pa.Table:
    node, start, end, target, why = (
        column[decided] for column in (found.node, found.start, found.end, found.target, found.why)
    )
    nobody = why == _NOBODY
    reason = pa.array(why, mask=nobody)
    return pa.table(
        [
            names.take(pa.array(node)),
            pa.array(start.astype(np.int32)).cast(pa.date32()),
            pa.array(end.astype(np.int32), mask=end == _FOREVER).cast(pa.date32()),
            names.take(pa.array(target)),
            pc.fill_null(rows["method"].combine_chunks().take(reason), "identity"),
            rows["merge_id"].combine_chunks().take(reason),
        ],
        schema=PERIODS,
    )
