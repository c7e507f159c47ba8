"""Proposed transfers are remembered until they are carried out: against a plain queue, and in a night's position."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.replenish.nights import AS_OF, night

from scaleinv.replenish import MOVES, Known, open_transfers

TRANSFER = {"name": "from_w", "when": "location_id like 'S%'", "do": "transfer_first", "locations": ["W1"]}
Move = tuple[int, str, str, float]
"""Days ago, SKU, giver, units; all go to S1."""


def moves(*rows: Move) -> pa.Table:
    names = [(AS_OF - timedelta(days=ago), sku, giver, "S1", units) for ago, sku, giver, units in rows]
    return pa.Table.from_pylist([dict(zip(MOVES.names, row, strict=True)) for row in names], schema=MOVES)


def left(proposed: list[Move], listed: list[Move]) -> dict[tuple[str, str], float]:
    rows = open_transfers(moves(*proposed), moves(*listed)).to_pylist()
    assert all(row["to_location_id"] == "S1" for row in rows)
    return {(row["sku_id"], row["from_location_id"]): row["quantity"] for row in rows}


def test_what_the_list_has_is_carried_out_once() -> None:
    assert left([(2, "A", "W1", 10.0)], []) == {("A", "W1"): 10.0}
    assert left([(2, "A", "W1", 10.0)], [(1, "A", "W1", 6.0)]) == {("A", "W1"): 4.0}
    assert left([(2, "A", "W1", 10.0)], [(1, "A", "W1", 60.0)]) == {}
    assert left([(2, "A", "W1", 10.0)], [(1, "A", "W2", 10.0), (1, "B", "W1", 10.0)]) == {("A", "W1"): 10.0}


def test_what_a_night_knew_carries_out_none_of_its_proposals() -> None:
    assert left([(2, "A", "W1", 10.0)], [(2, "A", "W1", 10.0), (5, "A", "W1", 10.0)]) == {("A", "W1"): 10.0}
    assert left([(3, "A", "W1", 5.0), (1, "A", "W1", 4.0)], [(2, "A", "W1", 9.0)]) == {("A", "W1"): 4.0}


_MOVE = st.tuples(st.integers(1, 6), st.sampled_from("AB"), st.sampled_from(["W1", "W2"]), st.integers(1, 9).map(float))


@settings(max_examples=60, deadline=None)
@given(st.lists(_MOVE, max_size=8), st.lists(_MOVE, max_size=8))
def test_it_is_what_a_queue_would_hold(proposed: list[Move], listed: list[Move]) -> None:
    waiting: dict[tuple[str, str], float] = {}
    for ago in range(6, 0, -1):
        for sign, rows in ((-1, listed), (1, proposed)):
            for _, sku, giver, units in [row for row in rows if row[0] == ago]:
                waiting[sku, giver] = max(waiting.get((sku, giver), 0.0) + sign * units, 0.0)
    assert left(proposed, listed) == {way: units for way, units in waiting.items() if units}


def test_an_open_transfer_counts_at_both_ends_and_is_not_proposed_again() -> None:
    series = ({"on_hand": 12.0}, {"loc": "W1", "on_hand": 80.0}, {"loc": "S2", "on_hand": 12.0})
    first = night(*series).propose(TRANSFER)
    given_ = {r["to_location_id"]: r["quantity"] for r in first.transfers.to_pylist()}
    assert given_ == {"S1": 30.0, "S2": 8.0}, "W1 has 38 above its level"
    known = Known(moves=open_transfers(first.transfers.select(MOVES.names).cast(MOVES), MOVES.empty_table()))
    again = night(*series).propose(TRANSFER, known=known)
    assert again.transfers.num_rows == 0
    # S2 is at 12 + 8: not below its reorder point of 20, while the rest of its need was bought with the first night.
    assert again.lines.num_rows == 0
    poorer = night({"on_hand": 12.0}, series[1], {"loc": "S2", "on_hand": 11.0}).propose(TRANSFER, known=known)
    assert poorer.transfers.num_rows == 0, "the giver's stock is promised already"
    (line,) = poorer.lines.to_pylist()
    assert (line["location_id"], line["inventory_position"]) == ("S2", 19.0)
    assert night(*series).propose(TRANSFER).transfers.equals(first.transfers), "let go, it is proposed again"
