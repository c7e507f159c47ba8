"""One night's proposals: the room's front door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from scaleinv.config.models import ReplenishConfig
from scaleinv.replenish.decision import decide
from scaleinv.replenish.exceptions import order_exceptions
from scaleinv.replenish.facts import gather
from scaleinv.replenish.lines import order_lines


@dataclass(frozen=True)
class Proposals:
    """What to order and what to look at."""

    lines: pa.Table
    """``gold/order_proposals``, sorted by vendor, location and SKU."""
    exceptions: pa.Table
    """``gold/exceptions``, sorted by series and kind."""


def propose(
    policies: pa.Table,
    position: pa.Table,
    series: pa.Table,
    items: pa.Table,
    vendors: pa.Table,
    *,
    retailer: str,
    as_of: date,
    config: ReplenishConfig,
    horizon: int | None = None,
) -> Proposals:
    """Orders every series whose inventory position is below its reorder point, up to its order-up-to level.

    A series without a stock record is not ordered but named; a negative record of stock on hand counts as none.
    The order of the input rows changes nothing.

    Args:
        policies: gold/policies, one night.
        position: gold/stock_position, the same night, a row for every policy.
        series: gold/series, the same night, a row for every policy.
        items: silver/items, for the GTIN.
        vendors: silver/vendors, for the currency.
        retailer: part of every order's key.
        as_of: the night.
        config: when rounding counts as far above need.
        horizon: days that the forecast reaches, to name series whose protection interval is longer.

    Raises:
        DataError: tables do not fit together, a number cannot be ordered by, or two orders share a key.
    """
    facts = gather(policies, position, series, as_of=as_of)
    decision = decide(facts)
    lines = order_lines(facts, decision, items, vendors, retailer=retailer, as_of=as_of)
    exceptions = order_exceptions(
        facts, decision, as_of=as_of, max_rounding_ratio=config.max_rounding_ratio, horizon=horizon
    )
    return Proposals(lines, exceptions)
