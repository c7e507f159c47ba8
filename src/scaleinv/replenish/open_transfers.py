"""Transfers that were proposed on earlier nights and are not carried out yet: they count at both ends, once."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.facts import Facts
from scaleinv.schema.words import ID_SEPARATOR

_Floats = NDArray[np.float64]

MOVES: Final = pa.schema(
    [
        ("as_of", pa.date32()),
        ("sku_id", pa.string()),
        ("from_location_id", pa.string()),
        ("to_location_id", pa.string()),
        ("quantity", pa.float64()),
    ]
)
"""What was to be moved, and on which night it was said, or first known."""
_WAY: Final = ("sku_id", "from_location_id", "to_location_id")


def open_transfers(proposed: pa.Table, listed: pa.Table) -> pa.Table:
    """What is left of proposals once the ERP's list has them; one row per SKU and way, ``MOVES`` without ``as_of``.

    The list does not say which proposal a transfer carries out: it is taken for one of those that were open on its
    way when it became known. What it moves beyond these is somebody's own idea, and carries out no later proposal.

    Args:
        proposed: ``MOVES``, of the nights that still count.
        listed: ``MOVES`` of the ERP's transfers, each by the night that knew it first.
    """
    both = pa.concat_tables([proposed, listed.cast(MOVES)]).combine_chunks()
    if not proposed.num_rows:
        return both.drop_columns("as_of").slice(0, 0)
    way = _joined(both, *_WAY).dictionary_encode()
    group = way.indices.to_numpy(zero_copy_only=False)
    night = both["as_of"].cast(pa.int32()).to_numpy()
    units = both["quantity"].to_numpy().copy()
    units[proposed.num_rows :] *= -1
    # What a night knew, it did not propose: of one night the list comes first.
    order = np.lexsort([units, night, group])
    total = np.cumsum(units[order])
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    last = np.append(first[1:], len(total)) - 1
    before = np.append(0.0, total[last[:-1]])
    lowest = np.minimum.reduceat(total, first)
    left = total[last] - np.minimum(lowest, before)
    kept = np.flatnonzero(np.round(left, 6) > 0)
    names = both.select(_WAY).take(pa.array(order[first[kept]]))
    return names.append_column("quantity", pa.array(np.round(left[kept], 6)))


def with_open_transfers(facts: Facts, moves: pa.Table | None) -> Facts:
    """``facts`` whose supply and reservations hold them: they come in time, and what is promised cannot be given again.

    Args:
        facts: of the night.
        moves: :func:`open_transfers`; ``None``: there are none.
    """
    if moves is None or not moves.num_rows:
        return facts
    columns = facts.columns
    for name, place in (("on_order", "to_location_id"), ("reserved", "from_location_id")):
        more = _units(facts, moves, place)
        at = columns.schema.get_field_index(name)
        columns = columns.set_column(at, name, pa.array(np.round(facts.number(name) + more, 6)))
    return Facts(columns)


def _units(facts: Facts, moves: pa.Table, place: str) -> _Floats:
    """(n,) of each series what is moved to it, or from it."""
    series = _joined(moves, "sku_id", place, separator=ID_SEPARATOR)
    at = pc.fill_null(pc.index_in(series, value_set=facts["unique_id"]), -1).to_numpy().astype(np.int64)
    mine = at >= 0
    return np.bincount(at[mine], moves["quantity"].to_numpy()[mine], len(facts)).astype(np.float64)


def _joined(rows: pa.Table, *names: str, separator: str = "\x1f") -> pa.Array:
    return pc.binary_join_element_wise(*(rows[name].combine_chunks() for name in names), separator)
