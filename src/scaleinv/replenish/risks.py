"""Exceptions about what may go wrong: supply that is late or too little, demand and prices that have changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.config.exceptions import ExceptionsConfig
from scaleinv.replenish.decision import Decision
from scaleinv.replenish.facts import Facts
from scaleinv.replenish.text import joined, spelled

_Floats = NDArray[np.float64]
_Flags = NDArray[np.bool_]
_Found = tuple[str, NDArray[np.int64], pa.Array, _Floats]
_WEEK: Final = 7
_CHANCE: Final = 3.0
"""Standard deviations of a Poisson count that are still chance."""
_SURELY: Final = 5.0
"""Expected sales of a gap: by chance none of them comes seven times in a thousand."""


def supply_risks(facts: Facts, decision: Decision) -> Iterator[_Found]:
    """Too little before tonight's order can come, too late, overdue, and what only a proposal covers."""
    cost, is_sound = facts.number("unit_cost"), decision.is_known & _sound(facts)
    short = facts.number("lead_time") * _daily(facts) - np.maximum(decision.inventory_position, 0.0)
    rows = np.flatnonzero(is_sound & (short > 1e-6) & decision.is_below)
    detail = joined(
        spelled(short[rows]), " more units are expected to be asked for than are there or on their way before an order "
        "of tonight can come",
    )  # fmt: skip
    yield "supply_shortage", rows, detail, short[rows] * margin_of(facts)[rows]
    late = facts.number("on_order_not_due")
    rows = np.flatnonzero(is_sound & (late > 0) & (decision.quantity > 0))
    detail = joined(spelled(late[rows]), " units come after the protection interval and do not count: ",
                    spelled(decision.quantity[rows]), " are ordered beside them")  # fmt: skip
    yield "supply_not_in_time", rows, detail, late[rows] * cost[rows]
    overdue, taken = facts.number("on_order_overdue"), facts.number("on_order_discount")
    rows = np.flatnonzero(overdue > 0)
    detail = joined(spelled(overdue[rows]), " units are overdue; by the vendor's record ",
                    spelled(overdue[rows] - taken[rows]), " of them are counted")  # fmt: skip
    yield "overdue_supply", rows, detail, overdue[rows] * cost[rows]


def demand_risks(facts: Facts, decision: Decision, config: ExceptionsConfig) -> Iterator[_Found]:
    """Demand against its forecast, data that may be missing, prices that jumped, stock that may spoil."""
    daily, cost, margin = _daily(facts), facts.number("unit_cost"), margin_of(facts)
    recent = facts.number("recent_demand")  # NaN where it is not known: no comparison is true then
    more = _WEEK * (recent - daily)
    is_spike = (recent > config.spike_ratio * daily) & (more > _CHANCE * np.sqrt(np.maximum(_WEEK * daily, 1.0)))
    rows = np.flatnonzero(is_spike & _sound(facts))
    detail = joined(spelled(recent[rows]), " a day were asked for in the last week; the forecast is ",
                    spelled(daily[rows]))  # fmt: skip
    interval = facts.number("protection_interval")
    yield "demand_spike", rows, detail, (recent - daily)[rows] * interval[rows] * margin[rows]
    silent = facts.number("days_since_sale")
    missing = np.minimum(silent, 1e6) * daily
    is_gap = (silent >= config.gap_days) & (missing >= _SURELY) & (facts.number("on_hand") > 0)
    rows = np.flatnonzero(is_gap & _sound(facts))
    detail = joined("no sale for ", spelled(silent[rows]), " days with stock on the shelf; the forecast is ",
                    spelled(daily[rows]), " a day")  # fmt: skip
    yield "data_gap", rows, detail, missing[rows] * margin[rows]
    old = facts.number("last_unit_cost")
    jumped = (old > 0) & ((cost > config.price_ratio * old) | (old > config.price_ratio * cost))
    rows = np.flatnonzero(jumped & decision.is_ordered)
    detail = joined("the unit cost was ", spelled(old[rows]), " the night before, and is ", spelled(cost[rows]))
    yield "price_jump", rows, detail, np.abs(cost - old)[rows] * decision.quantity[rows]
    is_shelf = pc.fill_null(pc.equal(facts["constraint"], "shelf_life"), False).to_numpy(zero_copy_only=False)
    over = decision.inventory_position - facts.number("level_limit")
    rows = np.flatnonzero(is_shelf & ~decision.is_capped & (over > 1e-6))
    detail = joined(spelled(over[rows]), " units more than are expected to be sold in their shelf life")
    yield "shelf_life_risk", rows, detail, over[rows] * cost[rows]


def vendor_blocked(facts: Facts, decision: Decision, blocked: Sequence[str]) -> _Found:
    """Articles below their reorder point whose vendor is blocked."""
    is_blocked = pc.is_in(facts["vendor_id"], value_set=pa.array(blocked, pa.string())).to_numpy(zero_copy_only=False)
    # Where another vendor offers it, it may be ordered all the same.
    rows = np.flatnonzero(is_blocked & decision.is_below & decision.is_known & ~decision.may_order)
    need = np.maximum(decision.need[rows], 0.0)
    detail = joined(facts["vendor_id"].take(pa.array(rows)), " is blocked: nothing is ordered, ", spelled(need),
                    " are needed")  # fmt: skip
    return "vendor_blocked", rows, detail, need * margin_of(facts)[rows]


def over_capacity(facts: Facts, quantity: _Floats, capacity: Mapping[str, float]) -> _Found:
    """Lines of a vendor that is asked for more than it can deliver; of each line its share of what is too much."""
    encoded = facts["vendor_id"].dictionary_encode()
    vendor = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    most = np.asarray([capacity.get(name, np.inf) for name in encoded.dictionary.to_pylist()])
    asked = np.bincount(vendor, quantity, minlength=len(most))
    share = np.maximum(asked - most, 0.0) / np.where(asked > 0, asked, 1.0)
    rows = np.flatnonzero((share[vendor] > 1e-9) & (quantity > 0))
    which = vendor[rows]
    detail = joined(facts["vendor_id"].take(pa.array(rows)), " can deliver ", spelled(most[which]),
                    ", all lines of tonight ask for ", spelled(asked[which]))  # fmt: skip
    return "vendor_over_capacity", rows, detail, (share[which] * quantity[rows]) * margin_of(facts)[rows]


def _daily(facts: Facts) -> _Floats:
    return np.maximum(facts.number("expected_demand"), 0.0) / np.maximum(facts.number("protection_interval"), 1.0)


def margin_of(facts: Facts) -> _Floats:
    """(n,) what a unit not sold loses; where no price is known, what it costs."""
    cost, price = facts.number("unit_cost"), facts.number("unit_price")
    return np.where(price > cost, price - cost, cost)


def _sound(facts: Facts) -> _Flags:
    return np.asarray(pc.is_null(facts["problem"]).to_numpy(zero_copy_only=False), dtype=bool)
