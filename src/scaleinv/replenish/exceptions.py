"""What a person should look at: one table of typed exceptions, each with what was done and the money it is about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.changes import Changes
from scaleinv.replenish.decision import Decision
from scaleinv.replenish.facts import Facts
from scaleinv.replenish.text import joined, spelled
from scaleinv.schema import check, table
from scaleinv.schema.words import CUTS, HELD_PROBLEMS

_Floats = NDArray[np.float64]
_Found = tuple[str, NDArray[np.int64], pa.Array, _Floats]
"""Kind, (m,) rows, (m,) details, (m,) value at risk."""


def order_exceptions(facts: Facts, decision: Decision, *, as_of: date, horizon: int | None = None) -> pa.Table:
    """``gold/exceptions`` of what is known before any limit of the night, sorted by series and kind.

    ``horizon``: days that the forecast reaches; without it ``long_lead_time`` is not looked for.
    """
    found = [
        _no_stock_record(facts, decision),
        _stale_stock(facts, decision),
        _negative_stock(facts),
        _no_demand(facts),
        _cut_by_max_stock(facts, decision),
        *_problems(facts),
    ]
    if horizon is not None:
        found.append(_long_lead_time(facts, horizon))
    data = pa.concat_tables(_tables(facts, found, as_of)).sort_by([("unique_id", "ascending"), ("kind", "ascending")])
    return check(data, table("gold/exceptions"), unique=False)  # unique by construction: one row per series and kind


def cut_exceptions(
    facts: Facts, wanted: _Floats, quantity: _Floats, cut: pa.Array, lost: _Floats, as_of: date
) -> pa.Table:
    """``gold/exceptions`` of orders that a limit of the night cut.

    Args:
        facts: of the lines.
        wanted: (n,) units before.
        quantity: (n,) units after.
        cut: (n,) which of ``schema.words.CUTS`` it was; null: none.
        lost: (n,) money that is expected to be lost by it.
        as_of: the night.
    """
    rows = np.flatnonzero(pc.is_valid(cut).to_numpy(zero_copy_only=False))
    detail = joined("wanted ", spelled(wanted[rows]), ", ordered ", spelled(quantity[rows]))
    found: list[_Found] = [(name, *_picked(cut, name, rows, detail, lost)) for name in CUTS]
    return check(pa.concat_tables(_tables(facts, found, as_of)), table("gold/exceptions"), unique=False)


def rounding_exceptions(facts: Facts, decision: Decision, changes: Changes, ratio: float, as_of: date) -> pa.Table:
    """``gold/exceptions`` of orders that are more than ``ratio`` times the need: of what is ordered after all."""
    need, quantity = np.maximum(decision.need, 0.0), changes.quantity
    rounded = np.minimum(changes.rounded, quantity)  # more than that is ordered for a limit's sake, which says so
    rows = np.flatnonzero(decision.is_known & (quantity > 0) & (rounded > ratio * need * (1 + 1e-9)))
    limit = changes.constraint.take(pa.array(rows))
    detail = joined(
        "needed ", spelled(decision.need[rows]), ", ordered ", spelled(quantity[rows]), " because of minimum ",
        spelled(facts.number("min_order_quantity")[rows]), " and multiple ",
        spelled(facts.number("order_multiple")[rows]),
        pc.fill_null(pc.binary_join_element_wise("; changed by ", limit, ""), ""),
    )  # fmt: skip
    value = (quantity[rows] - decision.need[rows]) * facts.number("unit_cost")[rows]
    found: list[_Found] = [("rounded_far_above_need", rows, detail, value)]
    return check(pa.concat_tables(_tables(facts, found, as_of)), table("gold/exceptions"), unique=False)


def _picked(
    cut: pa.Array, name: str, rows: NDArray[np.int64], detail: pa.Array, lost: _Floats
) -> tuple[NDArray[np.int64], pa.Array, _Floats]:
    mine = pc.equal(cut.take(pa.array(rows)), name).to_numpy(zero_copy_only=False)
    return rows[mine], detail.filter(pa.array(mine)), lost[rows[mine]]


def _tables(facts: Facts, found: list[_Found], as_of: date) -> Iterator[pa.Table]:
    for kind, rows, detail, value in found:
        yield pa.table(
            {
                "as_of": pa.array([as_of] * rows.size, pa.date32()),
                "unique_id": facts["unique_id"].take(pa.array(rows)),
                "kind": pa.array([kind] * rows.size, pa.string()),
                "detail": detail,
                "value_at_risk": np.round(value, 2),
            }
        )


def _no_stock_record(facts: Facts, decision: Decision) -> _Found:
    rows = np.flatnonzero(~_has_record(facts))
    quantity = decision.quantity[rows]
    detail = joined("no stock record: nothing is ordered, the rule would have ordered ", spelled(quantity))
    return "no_stock_record", rows, detail, quantity * facts.number("unit_cost")[rows]


def _stale_stock(facts: Facts, decision: Decision) -> _Found:
    rows = np.flatnonzero(~decision.is_known & _has_record(facts))
    quantity = decision.quantity[rows]
    detail = joined(
        "the last stock record is of ", facts["stock_date"].take(pa.array(rows)).cast(pa.string()),
        ": nothing is ordered, the rule would have ordered ", spelled(quantity),
    )  # fmt: skip
    return "stale_stock", rows, detail, quantity * facts.number("unit_cost")[rows]


def _has_record(facts: Facts) -> NDArray[np.bool_]:
    return np.asarray(pc.is_valid(facts["stock_date"]).to_numpy(zero_copy_only=False), dtype=bool)


def _negative_stock(facts: Facts) -> _Found:
    on_hand = facts.number("on_hand")
    rows = np.flatnonzero(on_hand < 0)
    detail = joined("stock on hand is ", spelled(on_hand[rows]), "; counted as 0, count the shelf")
    return "negative_stock", rows, detail, -on_hand[rows] * facts.number("unit_cost")[rows]


def _no_demand(facts: Facts) -> _Found:
    on_hand = facts.number("on_hand")
    rows = np.flatnonzero(facts.flags("demand_class", "no_demand") & (on_hand > 0))
    detail = joined("never sold; ", spelled(on_hand[rows]), " on hand")
    return "no_demand", rows, detail, on_hand[rows] * facts.number("unit_cost")[rows]


def _cut_by_max_stock(facts: Facts, decision: Decision) -> _Found:
    rows = np.flatnonzero(decision.is_known & (decision.quantity < decision.unlimited))
    quantity, wanted = decision.quantity[rows], decision.unlimited[rows]
    detail = joined(
        "wanted ", spelled(wanted), ", ordered ", spelled(quantity), ": stock and orders may not be above ",
        spelled(facts.number("level_limit")[rows]),
    )  # fmt: skip
    return "cut_by_max_stock", rows, detail, (wanted - quantity) * facts.number("unit_cost")[rows]


def _problems(facts: Facts) -> Iterator[_Found]:
    """What no order can be made of; of each the stock that is not looked after any more."""
    value = np.maximum(facts.number("on_hand"), 0.0) * facts.number("unit_cost")
    for kind in HELD_PROBLEMS:
        rows = np.flatnonzero(pc.fill_null(pc.equal(facts["problem"], kind), False).to_numpy(zero_copy_only=False))
        detail = joined(facts["problem_detail"].take(pa.array(rows)), ": nothing is ordered")
        yield kind, rows, detail, value[rows]


def _long_lead_time(facts: Facts, horizon: int) -> _Found:
    interval = facts.number("protection_interval")
    rows = np.flatnonzero(interval > horizon + 1e-9)
    detail = joined(
        "protection interval of ", spelled(interval[rows]), " days; the forecast reaches ", str(horizon), " days only"
    )
    demand = np.maximum(facts.number("expected_demand")[rows], 0.0)
    return "long_lead_time", rows, detail, demand * facts.number("unit_cost")[rows]
