"""Stage replenish: policies and stock position to purchase orders and exceptions."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.compute as pc

from scaleinv.pipeline.limits import LimitsOfTheNight
from scaleinv.pipeline.register import is_registered, register_tonight
from scaleinv.pipeline.terms import arrivals_tonight, open_tonight
from scaleinv.pipeline.walk import Outcome, Walk
from scaleinv.replenish import Part, propose
from scaleinv.schema import table


def work(walk: Walk) -> Outcome:
    """Proposes tonight's orders."""
    limits = LimitsOfTheNight(walk)
    proposals = propose(
        _parts(walk),
        walk.lake.read(table("silver/items")),
        walk.lake.read(table("silver/vendors")),
        retailer=walk.config.retailer,
        as_of=walk.as_of,
        config=walk.config.replenish,
        horizon=walk.config.forecast.horizon,
        open_tonight=open_tonight(walk),
        arrivals=arrivals_tonight(walk),
        change=limits if limits.is_any else None,
    )
    walk.overwrite("gold/order_proposals", proposals.lines)
    walk.overwrite("gold/exceptions", proposals.exceptions)
    register_tonight(walk, proposals.lines)
    orders = pc.count_distinct(proposals.lines["order_id"]).as_py()
    value = pc.sum(proposals.lines["value"]).as_py() or 0.0
    walk.progress.say(f"{orders:,} purchase orders, {proposals.lines.num_rows:,} lines, value {value:,.2f}")
    if proposals.n_waiting:
        walk.progress.say(f"{proposals.n_waiting:,} series wait for their vendor's next review day (review_date)")
    return Outcome(memo={"shadow_prices": limits.shadow_prices})


def is_intact(walk: Walk) -> bool:
    """Whether the order book has tonight's orders: a database that was lost and made anew has not."""
    return is_registered(walk)


def _parts(walk: Walk) -> Iterator[Part]:
    """Group by group: memory does not grow with the night, only with what is ordered."""
    names = walk.groups()
    for done, name in enumerate(names):
        yield tuple(walk.read(part, group_id=name) for part in ("gold/policies", "gold/stock_position", "gold/series"))
        walk.progress.count(done + 1, len(names), "groups")
