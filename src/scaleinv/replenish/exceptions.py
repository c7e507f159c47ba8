"""What a person should look at: one table of typed exceptions, each with what was done and the money it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.config.exceptions import ExceptionsConfig
from scaleinv.replenish.changes import Changes
from scaleinv.replenish.decision import Decision
from scaleinv.replenish.facts import Facts
from scaleinv.replenish.risks import demand_risks, over_capacity, supply_risks, vendor_blocked
from scaleinv.replenish.ruled import Lines
from scaleinv.replenish.rules import RuleSet, Verdict, first_matching
from scaleinv.replenish.text import joined, spelled
from scaleinv.schema.words import CUTS, HELD_PROBLEMS

_Floats = NDArray[np.float64]
_Found = tuple[str, NDArray[np.int64], pa.Array, _Floats]
"""Kind, (m,) rows, (m,) details, (m,) value at risk."""

FOUND: Final = pa.schema(
    [("unique_id", pa.string()), ("kind", pa.string()), ("detail", pa.string()), ("value_at_risk", pa.float64())]
)
"""An exception as it is found; ``filed`` makes rows of ``gold/exceptions`` of it."""


def order_exceptions(lines: Lines, rules: RuleSet, config: ExceptionsConfig, *, horizon: int | None = None) -> pa.Table:
    """What is known before any limit of the night.

    ``horizon``: days that the forecast reaches; without it ``long_lead_time`` is not looked for.
    """
    facts, decision = lines.facts, lines.decision
    found = [
        _no_stock_record(facts, decision),
        _stale_stock(facts, decision),
        _negative_stock(facts),
        _no_demand(facts),
        *_cut_by_level(facts, decision),
        *_problems(facts),
        *supply_risks(facts, decision),
        *demand_risks(facts, decision, config),
        vendor_blocked(facts, decision, config.blocked_vendors),
        _expedited(lines, rules),
    ]
    if horizon is not None:
        found.append(_long_lead_time(facts, horizon))
    return found_table(facts, found)


def cut_exceptions(facts: Facts, wanted: _Floats, quantity: _Floats, cut: pa.Array, lost: _Floats) -> pa.Table:
    """Orders that a limit of the night cut.

    Args:
        facts: of the lines.
        wanted: (n,) units before.
        quantity: (n,) units after.
        cut: (n,) which of ``schema.words.CUTS`` it was; null: none.
        lost: (n,) money that is expected to be lost by it.
    """
    rows = np.flatnonzero(pc.is_valid(cut).to_numpy(zero_copy_only=False))
    detail = joined("wanted ", spelled(wanted[rows]), ", ordered ", spelled(quantity[rows]))
    found: list[_Found] = [(name, *_picked(cut, name, rows, detail, lost)) for name in CUTS]
    return found_table(facts, found)


def rounding_exceptions(facts: Facts, decision: Decision, changes: Changes, ratio: float) -> pa.Table:
    """Orders that are more than ``ratio`` times the need: of what is ordered after all."""
    need, quantity = np.maximum(decision.need, 0.0), changes.quantity
    rounded = np.minimum(changes.rounded, quantity)  # more than that is ordered for a limit's sake, which says so
    is_set = pc.fill_null(pc.equal(changes.constraint, "override"), False).to_numpy(zero_copy_only=False)
    is_far = decision.is_known & (quantity > 0) & (rounded > ratio * need * (1 + 1e-9))
    rows = np.flatnonzero(is_far & ~is_set)  # what a person has set is no rounding
    limit = changes.constraint.take(pa.array(rows))
    detail = joined(
        "needed ", spelled(decision.need[rows]), ", ordered ", spelled(quantity[rows]), " because of minimum ",
        spelled(facts.number("min_order_quantity")[rows]), " and multiple ",
        spelled(facts.number("order_multiple")[rows]),
        pc.fill_null(pc.binary_join_element_wise("; changed by ", limit, ""), ""),
    )  # fmt: skip
    value = (quantity[rows] - decision.need[rows]) * facts.number("unit_cost")[rows]
    found: list[_Found] = [("rounded_far_above_need", rows, detail, value)]
    return found_table(facts, found)


def line_exceptions(lines: Lines, changes: Changes, said: Verdict, over: Mapping[str, float]) -> pa.Table:
    """What is known of the lines that are ordered, after the limits of the night.

    ``over``: vendor -> units that it can deliver.
    """
    facts, quantity = lines.facts, np.where(lines.decision.is_known, changes.quantity, 0.0)
    held = np.flatnonzero(pc.equal(said.disposition, "hold").to_numpy(zero_copy_only=False) & (quantity > 0))
    detail = joined(spelled(quantity[held]), " are proposed, and held by ", said.rule.take(pa.array(held)))
    value = quantity * facts.number("unit_cost")
    found: list[_Found] = [("held_by_rule", held, detail, value[held]), over_capacity(facts, quantity, over)]
    return found_table(facts, found)


def override_exceptions(facts: Facts, rows: NDArray[np.int64], quantity: _Floats) -> pa.Table:
    """Fractions that persons have set for what is counted: they are said, neither ordered nor rounded.

    Args:
        facts: of the series.
        rows: (m,) series.
        quantity: (m,) units that were set.
    """
    detail = joined(
        spelled(quantity), " ", facts["unit"].take(pa.array(rows)), " are set, which are counted: the rules decide"
    )
    value = quantity * facts.number("unit_cost")[rows]
    return found_table(facts, [("override_not_whole", rows, detail, value)])


def unfit_exceptions(facts: Facts, quantity: _Floats, rows: NDArray[np.int64], packs: pa.Table) -> pa.Table:
    """Orders that cannot be said in the vendor's unit: they stay in units of stock, and nothing is rounded."""
    known = pc.binary_join_element_wise(packs["vendor_id"], packs["sku_id"], "\x1f")
    at = pa.array(rows)
    asked = pc.binary_join_element_wise(facts["vendor_id"].take(at), facts["sku_id"].take(at), "\x1f")
    place = pc.index_in(asked, value_set=known)
    words = [packs[name].take(place).cast(pa.string()).combine_chunks()
             for name in ("stock_units", "order_units", "order_unit")]  # fmt: skip
    detail = joined(
        spelled(quantity[rows]), " ", facts["unit"].take(at), " come out uneven: ", words[0], " of stock are ",
        words[1], " ", words[2], "; ordered in units of stock",
    )  # fmt: skip
    value = quantity[rows] * facts.number("unit_cost")[rows]
    return found_table(facts, [("unit_does_not_fit", rows, detail, value)])


def _picked(
    cut: pa.Array, name: str, rows: NDArray[np.int64], detail: pa.Array, lost: _Floats
) -> tuple[NDArray[np.int64], pa.Array, _Floats]:
    mine = pc.equal(cut.take(pa.array(rows)), name).to_numpy(zero_copy_only=False)
    return rows[mine], detail.filter(pa.array(mine)), lost[rows[mine]]


def found_table(facts: Facts, found: Iterable[_Found]) -> pa.Table:
    """``FOUND``: one table of all of them."""
    tables = [FOUND.empty_table()]
    for kind, rows, detail, value in found:
        columns = [facts["unique_id"].take(pa.array(rows)), pa.repeat(kind, rows.size), detail, np.round(value, 2)]
        tables.append(pa.table(columns, schema=FOUND))
    return pa.concat_tables(tables)


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


def _cut_by_level(facts: Facts, decision: Decision) -> Iterator[_Found]:
    is_cut = decision.is_known & (decision.quantity < decision.unlimited)
    for kind, mine, whose in (
        ("cut_by_max_stock", ~decision.is_capped, ""), ("cut_by_rule", decision.is_capped, " by a rule"),
    ):  # fmt: skip
        rows = np.flatnonzero(is_cut & mine)
        quantity, wanted = decision.quantity[rows], decision.unlimited[rows]
        detail = joined(
            "wanted ", spelled(wanted), ", ordered ", spelled(quantity), ": stock and orders may not be above ",
            spelled(facts.number("level_limit")[rows]), whose,
        )  # fmt: skip
        yield kind, rows, detail, (wanted - quantity) * facts.number("unit_cost")[rows]


def _expedited(lines: Lines, rules: RuleSet) -> _Found:
    doing = rules.doing("expedite")
    first = first_matching(doing, lines.matches, len(lines))
    rows = np.flatnonzero(first < len(doing))
    names = pa.array([*(rule.name for rule in doing), None], pa.string()).take(pa.array(first[rows]))
    on_order = lines.facts.number("on_order")[rows]
    detail = joined("asked for by rule ", names, ": ", spelled(on_order), " on their way, ",
                    spelled(lines.decision.quantity[rows]), " to be ordered")  # fmt: skip
    need = np.maximum(lines.decision.need[rows], 0.0)
    return "expedite", rows, detail, need * lines.facts.number("unit_cost")[rows]


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
