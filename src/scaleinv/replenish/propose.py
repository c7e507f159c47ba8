"""One night's proposals: the room's front door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from scaleinv.config.models import ReplenishConfig
from scaleinv.replenish.changes import Changes, unchanged
from scaleinv.replenish.decision import Decision, decide, joined_decisions
from scaleinv.replenish.exceptions import cut_exceptions, order_exceptions, rounding_exceptions
from scaleinv.replenish.facts import Facts, gather
from scaleinv.replenish.lines import order_lines


@dataclass(frozen=True)
class Proposals:
    """What to order and what to look at."""

    lines: pa.Table
    """``gold/order_proposals``, sorted by vendor, location and SKU."""
    exceptions: pa.Table
    """``gold/exceptions``, sorted by series and kind."""
    n_waiting: int
    """Series below their reorder point whose vendor takes no orders tonight."""


Part = tuple[pa.Table, pa.Table, pa.Table]
"""Rows of gold/policies, gold/stock_position and gold/series of the same series of one night."""


@dataclass(frozen=True)
class Wanted:
    """What the rule asks for tonight, of all parts; nothing of what it does not."""

    facts: Facts
    """Of the lines to order, one part after the other."""
    decision: Decision
    """Of the same lines."""
    exceptions: list[pa.Table]
    """``gold/exceptions`` of each part."""
    n_waiting: int


def propose(
    parts: Iterable[Part],
    items: pa.Table,
    vendors: pa.Table,
    *,
    retailer: str,
    as_of: date,
    config: ReplenishConfig,
    horizon: int | None = None,
    open_tonight: Mapping[str, bool] | None = None,
    arrivals: Mapping[str, date] | None = None,
    change: Callable[[Wanted], Changes] | None = None,
) -> Proposals:
    """Orders every series whose inventory position is below its reorder point, up to its order-up-to level.

    Nothing is ordered from a vendor that takes no orders in the evening of ``as_of``. A series without a stock record,
    with too old a one, or with a number that nothing can be ordered by, is not ordered but named; a negative record of
    stock on hand counts as none. The order of the input rows, and how they are parted, changes nothing. Of a part only
    what is ordered is kept.

    Args:
        parts: the night's series, each in one part (for instance a training group).
        items: silver/items, for the GTIN.
        vendors: silver/vendors, for the currency.
        retailer: part of every order's key.
        as_of: the night; the orders leave in its evening.
        config: how old a stock record may be, when rounding counts as far above need.
        horizon: days that the forecast reaches, to name series whose protection interval is longer.
        open_tonight: vendors with a calendar, and whether they take orders tonight by it.
        arrivals: of these, the day on which an order of tonight is expected; of the others it is the mean lead time,
            rounded up to days, after tonight.
        change: what rounding by cost and limits of the night make of what is wanted; not given: nothing.

    Raises:
        DataError: tables do not fit together, or two orders share a key.
    """
    wanted = _wanted(parts, as_of=as_of, config=config, horizon=horizon, open_tonight=open_tonight)
    changes = unchanged(wanted.decision) if change is None else change(wanted)
    lines = order_lines(
        wanted.facts, wanted.decision, items, vendors, changes, retailer=retailer, as_of=as_of, arrivals=arrivals or {}
    )
    cut = cut_exceptions(wanted.facts, wanted.decision.quantity, changes.quantity, changes.cut, changes.lost, as_of)
    far = rounding_exceptions(wanted.facts, wanted.decision, changes, config.max_rounding_ratio, as_of)
    named = pa.concat_tables([*wanted.exceptions, cut, far])
    return Proposals(
        lines, named.sort_by([("unique_id", "ascending"), ("kind", "ascending")]), wanted.n_waiting
    )  # fmt: skip


def _wanted(
    parts: Iterable[Part],
    *,
    as_of: date,
    config: ReplenishConfig,
    horizon: int | None,
    open_tonight: Mapping[str, bool] | None,
) -> Wanted:
    ordered: list[tuple[Facts, Decision]] = []
    exceptions: list[pa.Table] = []
    n_waiting = 0
    for policies, position, series in parts:
        facts = gather(policies, position, series, as_of=as_of)
        decision = decide(facts, as_of=as_of, max_stock_age_days=config.max_stock_age_days, open_tonight=open_tonight)
        exceptions.append(order_exceptions(facts, decision, as_of=as_of, horizon=horizon))
        n_waiting += int(decision.is_waiting.sum())
        rows = np.flatnonzero(decision.is_ordered)
        ordered.append((facts.take(rows), decision.take(rows)))
    whole = pa.concat_tables([facts.columns for facts, _ in ordered]).combine_chunks()
    return Wanted(Facts(whole), joined_decisions([d for _, d in ordered]), exceptions, n_waiting)
