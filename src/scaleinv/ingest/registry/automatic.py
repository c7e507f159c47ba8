"""Merges of which there is no doubt, as rows of the log; what a person or a description speaks against is proposed."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from scaleinv.ingest.registry.decisions import LOG, apart, sealed
from scaleinv.ingest.registry.periods import POINTERS, active, meaning, periods
from scaleinv.schema.registry import ALWAYS

WHO: Final = "scaleinv"
_DECIDED, _OLD, _NEW = -2, -1, 2**62

Ints = NDArray[np.int64]


def automatic(log: pa.Table, pairs: pa.Table, *, agree: float, day: date) -> tuple[pa.Table, pa.Table]:
    """``(decisions, doubtful)``: the merges to add to the log, and the pairs that a person has to look at.

    Pairs are united into trees that lead to the SKU that was known first, or else to the one with most lines. A
    component that would unite what a person keeps apart is left as it is, and its pairs are doubtful.

    Args:
        log: ``silver/sku_decisions``.
        pairs: of :func:`scaleinv.ingest.registry.pairs.certain`.
        agree: likeness of descriptions (0 to 100) below which two codes of one system are not merged.
        day: the day of the decision.
    """
    found = periods(log)
    pairs = pairs.sort_by([(name, "ascending") for name in ("method", "group", "kept", "other")]).combine_chunks()
    pairs = pairs.append_column("score", likeness(pairs["kept_description"], pairs["other_description"]))
    left, right = (meaning(pairs[name].combine_chunks(), found, ALWAYS) for name in ("kept", "other"))
    open_ = pc.not_equal(left, right)
    pairs, left, right = pairs.filter(open_), left.filter(open_), right.filter(open_)
    sure = _agreeing(pairs, agree)
    nodes, rank = _ranked(pairs, left, right, log)
    a, b = (pc.index_in(side, nodes).to_numpy().astype(np.int64) for side in (left, right))
    free = sure & _unbarred(a, b, sure, rank, nodes, log, found)
    chosen, kept, other = _trees(a[free], b[free], len(nodes))
    of = pairs.filter(pa.array(free)).take(pa.array(chosen))
    n = len(chosen)
    rows = pa.table(
        {
            "decided_at": pa.repeat(pa.scalar(day, pa.date32()), n),
            "kind": pa.repeat("merge", n),
            "kept": nodes.take(pa.array(kept)),
            "other": nodes.take(pa.array(other)),
            "valid_from": pa.repeat(pa.scalar(ALWAYS, pa.date32()), n),
            "method": of["method"],
            "who": pa.repeat(WHO, n),
            "evidence": of["evidence"],
            "score": of["score"],
            "proposal_id": pa.nulls(n, pa.string()),
            "undoes": pa.nulls(n, pa.string()),
        }
    )
    return (sealed(rows, log) if n else LOG.schema.empty_table()), pairs.filter(pa.array(~free))


def likeness(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.Array:
    """``(n,)`` 0 to 100: how many words two descriptions share, in whatever order; null where one is missing."""
    both = pc.and_(pc.is_valid(left), pc.is_valid(right)).to_numpy()
    texts = [pc.fill_null(side, "").to_pylist() for side in (left, right)]
    return pa.array(process.cpdist(*texts, scorer=fuzz.token_set_ratio, dtype=np.float64), mask=~both)


def _agreeing(pairs: pa.Table, agree: float) -> NDArray[np.bool_]:
    """Pairs of groups in which no two codes of one system have descriptions that contradict each other."""
    alike = likeness(pairs["peer_description"], pairs["other_description"])
    against = pc.fill_null(pc.less(alike, agree), False)
    groups = pc.binary_join_element_wise(pairs["method"], pairs["group"], "\x1f")
    agreeing: NDArray[np.bool_] = pc.invert(
        pc.is_in(groups, groups.filter(pa.chunked_array([against])).combine_chunks())
    ).to_numpy()
    return agreeing


def _ranked(pairs: pa.Table, left: pa.Array, right: pa.Array, log: pa.Table) -> tuple[pa.Array, Ints]:
    """The SKUs of the pairs and their ranks, best first: those replaced later, those known, those that are new."""
    ids = pa.concat_arrays([left, right])
    own = pc.equal(ids, pa.concat_arrays([pairs[name].combine_chunks() for name in ("kept", "other")]))
    given = np.concatenate([pairs[f"{name}_rank"].to_numpy() for name in ("kept", "other")])
    nodes = pc.unique(ids).sort()
    rank = np.full(len(nodes), _NEW, dtype=np.int64)
    np.minimum.at(rank, pc.index_in(ids, nodes).to_numpy(), np.where(own.to_numpy(zero_copy_only=False), given, _OLD))
    pointers = active(log)
    pointers = pointers.filter(pc.is_in(pointers["kind"], pa.array(POINTERS)))
    rank[pc.is_in(nodes, pointers["other"].combine_chunks()).to_numpy(zero_copy_only=False)] = _DECIDED
    order = np.lexsort((np.arange(len(nodes)), rank))
    return nodes.take(pa.array(order)), rank[order]


def _unbarred(
    a: Ints, b: Ints, sure: NDArray[np.bool_], rank: Ints, nodes: pa.Array, log: pa.Table, found: pa.Table
) -> NDArray[np.bool_]:
    """``(n_pairs,)`` whether the component of the pair may be united."""
    n = len(nodes)
    part = _parts(a[sure], b[sure], n)
    said = apart(log)
    x, y = (pc.index_in(meaning(said[name].combine_chunks(), found, ALWAYS), nodes) for name in ("kept", "other"))
    both = pc.and_(pc.is_valid(x), pc.is_valid(y))
    x, y = (side.filter(both).to_numpy().astype(np.int64) for side in (x, y))
    barred = np.zeros(n + 1, np.bool_)
    barred[part[x[(part[x] == part[y]) & (x != y)]]] = True
    # Two that are replaced later would lead to different ones: a person says to which.
    barred |= np.bincount(part, rank == _DECIDED, minlength=n + 1) > 1
    return ~barred[part[a]]


def _parts(a: Ints, b: Ints, n: int) -> Ints:
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(n, n))
    part: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return part


def _trees(a: Ints, b: Ints, n: int) -> tuple[Ints, Ints, Ints]:
    """``(pair, kept, other)``: pairs that make a tree of each component, rooted in its best (smallest) node."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    keys, first = np.unique(low * (n + 1) + high, return_index=True)  # of equal pairs the first: gtin before variant
    low, high = low[first], high[first]
    roots = np.unique(_parts(low, high, n), return_index=True)[1]
    rows, columns = np.concatenate([low, np.full(len(roots), n)]), np.concatenate([high, roots])
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(n + 1, n + 1)).tocsr()
    _, before = breadth_first_order(graph, n, directed=False, return_predecessors=True)
    other = np.flatnonzero((before[:n] >= 0) & (before[:n] != n))
    kept = before[other].astype(np.int64)
    place = np.searchsorted(keys, np.minimum(kept, other) * (n + 1) + np.maximum(kept, other))
    return first[place], kept, other
