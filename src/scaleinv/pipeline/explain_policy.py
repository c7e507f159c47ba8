"""Why a SKU at a location is ordered when it is and as much as it is tonight: parts that add up to the numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from scaleinv.errors import DataError, LakeError, explain
from scaleinv.inventory import ReorderParts, expected_shortage, reorder_parts
from scaleinv.pipeline.arrays import Distributions, champions_of, lead_times, of_champions, series_of
from scaleinv.pipeline.book import own_orders_of, shipments_of
from scaleinv.pipeline.explain_vendor import VendorCost, vendor_costs, vendor_lines
from scaleinv.pipeline.levels import levels_of
from scaleinv.pipeline.terms import Terms, protection_of, tonight
from scaleinv.pipeline.transfers import transfers_of
from scaleinv.pipeline.walk import Walk, nights_of
from scaleinv.replenish import Facts, gather, with_open_transfers, with_own_orders
from scaleinv.schema import table
from scaleinv.schema.words import CUTS, HELD_PROBLEMS, series_id

_BAR = 24
_SMALL: Final = 1e-6
_HOLDING: Final = {
    "no_stock_record", "stale_stock", "vendor_blocked", "vendor_over_capacity", *HELD_PROBLEMS, *CUTS
}  # fmt: skip
"""Exceptions that are why nothing is ordered; others may stand beside them."""
_WORDS: Final = {
    "lead_time_demand": "demand before an order arrives",
    "review_demand": "demand until the next one can",
    "demand_safety_stock": "uncertain demand",
    "lead_time_safety_stock": "uncertain lead time",
    "undershoot": "orders below the point, in packs",
    "rounding": "rounding to whole units",
    "constraint_change": "limit",
}

Part = tuple[str, float]
"""Words, and units that are added."""


@dataclass(frozen=True)
class PolicyExplanation:
    """One series' policy and order of tonight."""

    sku_id: str
    location_id: str
    as_of: date
    method: str
    target_kind: str
    target: float
    reorder_point: float
    reorder_parts: tuple[Part, ...]
    """They add up to the reorder point exactly."""
    order_up_to_level: float
    inventory_position: float
    """As ``replenish`` counted it, or would."""
    position_parts: tuple[Part, ...]
    """They add up to the inventory position."""
    order_quantity: float
    """Tonight's; 0: nothing is ordered."""
    order_parts: tuple[Part, ...]
    """They add up to tonight's order; none where nothing is ordered."""
    why_not: str
    """Why nothing is ordered; empty: something is."""
    exceptions: tuple[str, ...]
    """What a person should look at."""
    risk_before: float
    """Margin that is expected to be lost until the next delivery, were nothing ordered."""
    risk_after: float
    """The same with tonight's order."""
    vendors: tuple[VendorCost, ...] = ()
    """What each vendor of the article would cost tonight, the cheapest first; none where it has only one."""
    vendor_reason: str | None = None
    """Why the line goes to its vendor."""

    def plain(self) -> dict[str, Any]:
        """For a machine."""
        plain = {name: str(value) if isinstance(value, date) else value for name, value in vars(self).items()}
        return plain | {"vendors": [cost.plain() for cost in self.vendors]}

    def text(self) -> str:
        """For a person at a terminal."""
        promise = f"{self.target_kind.replace('_', ' ')} {self.target:.1%} by {self.method}"
        lines = [
            f"Reorder point {self.reorder_point:,.6g} ({promise}), order-up-to level {self.order_up_to_level:,.6g}"
        ]
        lines += _waterfall(self.reorder_parts, "reorder point")
        lines.append(f"Inventory position {self.inventory_position:,.6g}")
        lines += _waterfall(self.position_parts, "inventory position")
        if self.order_parts:
            lines.append(f"Ordered tonight: {self.order_quantity:,.6g} (position {self.inventory_position:,.6g})")
            lines += _waterfall(self.order_parts, "order")
        else:
            lines.append(f"Not ordered tonight: {self.why_not}")
        lines.append(
            f"Margin at risk until the next delivery: {self.risk_before:,.2f} without an order, "
            f"{self.risk_after:,.2f} with tonight's"
        )
        lines += vendor_lines(self.vendors, self.vendor_reason)
        return "\n".join([*lines, *(f"For a person: {line}" for line in self.exceptions)])


def _waterfall(parts: tuple[Part, ...], total: str) -> list[str]:
    """Each part's bar begins where the one before it ended."""
    ends = np.cumsum([0.0, *(units for _, units in parts)])
    low, high = min(ends.min(), 0.0), max(ends.max(), 0.0)
    scale = _BAR / (high - low) if high > low else 0.0
    lines = []
    for (words, units), start, end in zip(parts, ends[:-1], ends[1:], strict=True):
        begin, stop = (round((at - low) * scale) for at in (min(start, end), max(start, end)))
        lines.append(f"  {words:<36} {units:+12,.2f}  {' ' * begin}{('+' if units > 0 else '-') * (stop - begin)}")
    whole = round((ends[-1] - low) * scale)
    return [*lines, f"  {'= ' + total:<36} {ends[-1]:12,.2f}  {'=' * whole}"]


def explained_policy(walk: Walk, sku_id: str, location_id: str) -> PolicyExplanation:
    """The parts of a series' reorder point and of tonight's order.

    Raises:
        DataError: nobody knows the series, or what lies in the lake was made by other code or options.
        LakeError: ``optimize`` has not been run for the night.
    """
    unique_id = series_id(sku_id, location_id)
    policy = _row(walk, "gold/policies", unique_id)
    if policy is None:
        raise LakeError(explain(f"gold/policies has nothing of {unique_id} on {walk.as_of}", do="scaleinv optimize"))
    terms, found, facts = _of_one(walk, policy["group_id"], unique_id)
    protection = protection_of(walk, found, terms)
    made = levels_of(walk, protection, found, terms, policy["method"])
    parts = reorder_parts(
        protection, made.made, method=policy["method"], is_fill_rate=terms.kind == "fill_rate", target=terms.target,
        order_multiple=terms.order_multiple, constraint_change=policy["constraint_change"],
    )  # fmt: skip
    if float(parts.total[0]) != policy["reorder_point"]:
        raise DataError(
            explain(
                f"the reorder point of {unique_id} cannot be made again",
                expected=policy["reorder_point"],
                found=float(parts.total[0]),
                do="it was made with other options: scaleinv optimize with these",
            )
        )
    levels = (np.arange(protection.protection.shape[1]) + 0.5) / protection.protection.shape[1]
    line = _row(walk, "gold/order_proposals", unique_id)
    position_parts = _position(walk, sku_id, location_id, line)
    position = line["inventory_position"] if line else float(sum(units for _, units in position_parts))
    quantity = line["quantity"] if line else 0.0
    margin = max(facts["unit_price"] - facts["unit_cost"], 0.0)
    risk = [
        margin * float(expected_shortage(protection.protection, levels, level)[0])
        for level in (position, position + quantity)
    ]
    named = _rows(walk, "gold/exceptions", unique_id)
    return PolicyExplanation(
        sku_id=sku_id, location_id=location_id, as_of=walk.as_of, method=policy["method"],
        target_kind=policy["target_kind"], target=policy["target"], reorder_point=policy["reorder_point"],
        reorder_parts=_reorder_words(parts, policy), order_up_to_level=policy["order_up_to_level"],
        inventory_position=position, position_parts=position_parts, order_quantity=quantity,
        order_parts=_order_words(policy, line), why_not="" if line else _why_not(walk, policy, position, named),
        exceptions=tuple(f"{row['kind']}: {row['detail']}" for row in named), risk_before=risk[0], risk_after=risk[1],
        vendors=vendor_costs(walk, unique_id, line), vendor_reason=line["vendor_reason"] if line else None,
    )  # fmt: skip


def _of_one(walk: Walk, group_id: str, unique_id: str) -> tuple[Terms, Distributions, dict[str, Any]]:
    """The series' terms and forecast, as ``optimize`` had them: a row's result depends on nothing but the row."""
    rows = series_of(walk, group_id)
    at = np.asarray([pc.index(rows.series["unique_id"], unique_id).as_py()])
    found = of_champions(walk, group_id, rows.series, champions_of(walk), cutoff=walk.as_of)
    terms, found = tonight(walk, rows, lead_times(walk), found)
    return terms.take(at), found.take(at), rows.series.take(at).to_pylist()[0]


def _reorder_words(parts: ReorderParts, policy: dict[str, Any]) -> tuple[Part, ...]:
    words = {**_WORDS, "constraint_change": f"limit: {policy['constraint']}"}
    every = [(words[field.name], float(getattr(parts, field.name)[0])) for field in fields(parts)]
    return tuple(part for part in every if part[1] != 0)


def _order_words(policy: dict[str, Any], line: dict[str, Any] | None) -> tuple[Part, ...]:
    if line is None:
        return ()
    below = line["need"] - policy["order_quantity"]
    every = [
        ("below the reorder point", below),
        ("order quantity", policy["order_quantity"] - policy["quantity_change"]),
        (f"limit: {policy['constraint']}", policy["quantity_change"]),
        ("minimum, packs and loads", line["rounding"]),
        (f"limit: {line['constraint']}", line["constraint_change"]),
    ]
    return tuple(part for part in every if part[1] != 0)


def _why_not(walk: Walk, policy: dict[str, Any], position: float, named: list[dict[str, Any]]) -> str:
    if walk.as_of not in nights_of(walk.lake, "replenish"):
        return f"replenish has not been run for {walk.as_of}"
    if policy["problem"] in HELD_PROBLEMS:
        return f"{policy['problem']} (see docs/constraints.md)"
    if position >= policy["reorder_point"]:
        return f"position {position:,.6g} is not below the reorder point"
    return "; ".join(row["kind"] for row in named if row["kind"] in _HOLDING) or "its vendor takes no orders tonight"


def _position(walk: Walk, sku_id: str, location_id: str, line: dict[str, Any] | None) -> tuple[Part, ...]:
    """As ``replenish`` counts it: a negative record is none, supply and own orders count as far as they are in time."""
    unique_id = series_id(sku_id, location_id)
    tables = (walk.read(f"gold/{name}", unique_id=unique_id) for name in ("policies", "stock_position", "series"))
    facts = gather(*tables, as_of=walk.as_of)
    with_own = with_own_orders(facts, own_orders_of(walk, shipments_of(walk)), as_of=walk.as_of)
    number = {name: float(facts.number(name)[0]) for name in ("on_hand", "on_order", "backorders", "reserved")}
    on_hand = max(number["on_hand"], 0.0)
    every = [
        ("on hand", on_hand),
        ("own orders that came after the stock record", max(float(with_own.number("on_hand")[0]), 0.0) - on_hand),
        ("on its way, by the ERP's list", number["on_order"]),
        ("own orders that the list has not yet", float(with_own.number("on_order")[0]) - number["on_order"]),
        ("backorders", -number["backorders"]),
        ("reserved", -number["reserved"]),
        ("transfers that were proposed before", _proposed_before(walk, facts)),
        ("moved between locations tonight", _moved(walk, sku_id, location_id)),
    ]
    if line is not None:
        other = line["inventory_position"] - sum(units for _, units in every)
        every.append(("substitutes, or known since", other if abs(other) > _SMALL else 0.0))
    return tuple(part for part in every if part[1] != 0)


def _proposed_before(walk: Walk, facts: Facts) -> float:
    """Units that open transfers of earlier nights bring, less those that they take."""
    after = with_open_transfers(facts, transfers_of(walk))
    change = {name: float(after.number(name)[0] - facts.number(name)[0]) for name in ("on_order", "reserved")}
    return change["on_order"] - change["reserved"]


def _moved(walk: Walk, sku_id: str, location_id: str) -> float:
    """Units that transfers of tonight bring, less those that they take."""
    name = "gold/transfer_proposals"
    if not walk.lake.exists(table(name)):
        return 0.0
    rows = walk.read(name, sku_id=sku_id).to_pylist()
    sides = [(row["quantity"], row["to_location_id"], row["from_location_id"]) for row in rows]
    return float(sum(units * ((to == location_id) - (giver == location_id)) for units, to, giver in sides))


def _row(walk: Walk, name: str, unique_id: str) -> dict[str, Any] | None:
    return next(iter(_rows(walk, name, unique_id)), None)


def _rows(walk: Walk, name: str, unique_id: str) -> list[dict[str, Any]]:
    if not walk.lake.exists(table(name)):
        return []
    return list(walk.read(name, unique_id=unique_id).to_pylist())
