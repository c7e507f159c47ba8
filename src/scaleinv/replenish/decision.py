"""The rule: below the reorder point in the evening of a review means an order up to the order-up-to level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.replenish.facts import Facts
from scaleinv.replenish.rounding import rounded_quantity
from scaleinv.schema.review import MONDAY, review_phase
from scaleinv.schema.words import HELD_PROBLEMS

_Floats = NDArray[np.float64]
_SLACK = 1e-9


@dataclass(frozen=True)
class Decision:
    """What the rule says of every series; arrays are ``(n,)``, quantities in units of stock."""

    inventory_position: _Floats
    """On hand + on order - backorders - reserved; a negative record of stock on hand counts as none."""
    need: _Floats
    """Order-up-to level - inventory position."""
    quantity: _Floats
    """What would be ordered, rounded to minimum and multiple, not above the limit of stock; 0 where the position is
    not below the reorder point or the vendor takes no orders tonight."""
    unlimited: _Floats
    """The same without the limit of stock."""
    is_known: NDArray[np.bool_]
    """There is a stock record, and it is not too old; else nothing is ordered automatically."""
    is_below: NDArray[np.bool_]
    """The position is below the reorder point."""
    may_order: NDArray[np.bool_]
    """Its vendor takes orders tonight, and it has no problem for which orders are held."""
    is_waiting: NDArray[np.bool_]
    """Below the reorder point, but its vendor takes no orders tonight."""
    is_by_rule: NDArray[np.bool_]
    """A rule, or a person, orders it though it may not be below the reorder point."""
    is_capped: NDArray[np.bool_]
    """``level_limit`` is that of a rule."""

    @property
    def is_ordered(self) -> NDArray[np.bool_]:
        """(n,) it is ordered tonight."""
        return np.asarray(self.is_known & (self.quantity > 0), dtype=bool)

    def take(self, rows: NDArray[np.int64]) -> Decision:
        """What it says of these rows."""
        return Decision(**{name: values[rows] for name, values in vars(self).items()})


def joined_decisions(parts: Sequence[Decision]) -> Decision:
    """The rows of all parts, one part after the other."""
    return Decision(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Decision)))


def decide(
    facts: Facts, *, as_of: date, max_stock_age_days: int, open_tonight: Mapping[str, bool] | None = None
) -> Decision:
    """Applies the rule to every series.

    ``open_tonight``: vendors that have a calendar, and whether they take orders tonight by it; of the others
    ``review_period`` and ``review_date`` say so. A series with a problem for which orders are held is not ordered.

    What is below its reorder point between two reviews waits for the next one: the reorder point covers that time.

    A negative record of stock on hand is a receipt not booked yet or a miscount, not a debt (that is what
    ``backorders`` says): it counts as an empty shelf, so that the error is not ordered on top.
    """
    on_hand = np.maximum(facts.number("on_hand"), 0.0)
    position = on_hand + facts.number("on_order") - facts.number("backorders") - facts.number("reserved")
    age = np.datetime64(as_of, "D") - facts["stock_date"].to_numpy(zero_copy_only=False)
    is_known = age <= np.timedelta64(max_stock_age_days, "D")  # never, where there is no date
    is_review = _is_review(facts, as_of, open_tonight or {})
    is_held = pc.is_in(facts["problem"], value_set=pa.array(HELD_PROBLEMS)).to_numpy(zero_copy_only=False)
    none = np.zeros(len(facts), dtype=bool)
    decision = Decision(
        inventory_position=position, need=position, quantity=position, unlimited=position,
        is_known=np.asarray(is_known, dtype=bool), is_below=none,
        may_order=np.asarray(is_review & ~is_held, dtype=bool), is_waiting=none, is_by_rule=none, is_capped=none,
    )  # fmt: skip
    decision = at_position(facts, decision, position)
    return replace(decision, is_waiting=decision.is_below & ~is_review)


def at_position(facts: Facts, decision: Decision, position: _Floats) -> Decision:
    """What the rule says at this inventory position; what a rule or a person orders is ordered all the same."""
    reorder_point = facts.number("reorder_point")
    # 5.3 - 2.3 is a hair below 3: that is no reason to order.
    is_below = position < reorder_point - _SLACK * np.maximum(1.0, np.abs(reorder_point))
    need = facts.number("order_up_to_level") - position
    rounded = rounded_quantity(need, facts.number("min_order_quantity"), facts.number("order_multiple"))
    unlimited = np.where((is_below | decision.is_by_rule) & decision.may_order, rounded, 0.0)
    return replace(
        decision, inventory_position=position, need=need, quantity=limited_quantity(facts, position, unlimited),
        unlimited=unlimited, is_below=np.asarray(is_below, dtype=bool),
    )  # fmt: skip


def not_wanted(facts: Facts, decision: Decision) -> NDArray[np.bool_]:
    """(n,) the night knows enough of it to say that nothing is to be ordered; not, that nothing can be ordered tonight.

    What waits for its vendor, has a problem or no stock record that counts is not among them.
    """
    is_sound = decision.is_known & pc.is_null(facts["problem"]).to_numpy(zero_copy_only=False)
    is_asked_for = decision.is_below | decision.is_by_rule
    return np.asarray(is_sound & (decision.quantity <= 0) & (decision.may_order | ~is_asked_for), dtype=bool)


def limited_quantity(facts: Facts, position: _Floats, quantity: _Floats) -> _Floats:
    """(n,) whole multiples that keep the position under ``level_limit``; 0 where the minimum does not fit."""
    limit, multiple = facts.number("level_limit"), facts.number("order_multiple")
    limited = position + quantity > limit + _SLACK * np.maximum(1.0, np.abs(limit))
    if not limited.any():
        return quantity
    room = np.where(limited, limit, position) - position
    fits = np.round(np.floor(room / multiple + _SLACK) * multiple, 9)
    fits = np.where(fits < facts.number("min_order_quantity") - _SLACK, 0.0, np.maximum(fits, 0.0))
    return np.where(limited, fits, quantity)


def _is_review(facts: Facts, as_of: date, open_tonight: Mapping[str, bool]) -> NDArray[np.bool_]:
    """(n,) the vendor takes orders in the evening of ``as_of``."""
    period = facts["review_period"].to_numpy().astype(np.int64)
    review_date = facts["review_date"].cast(pa.int32()).fill_null(MONDAY).to_numpy().astype(np.int64)
    tonight = int(np.datetime64(as_of, "D").astype(np.int64))
    is_review = np.asarray(review_phase(period, review_date, tonight) == 0, dtype=bool)
    for vendor, is_open in open_tonight.items():
        is_review[facts.flags("vendor_id", vendor)] = is_open
    return is_review
