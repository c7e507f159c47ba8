"""Stage replenish: policies and stock position to purchase orders and exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.pipeline.book import decisions_of, own_orders_of, shipments_of
from scaleinv.pipeline.follow import shipments_follow
from scaleinv.pipeline.limits import LimitsOfTheNight
from scaleinv.pipeline.market import market_of, safety_factors
from scaleinv.pipeline.register import is_registered, register_tonight
from scaleinv.pipeline.shipment_exceptions import shipment_exceptions
from scaleinv.pipeline.terms import arrivals_tonight, open_tonight
from scaleinv.pipeline.transfers import transfers_of
from scaleinv.pipeline.walk import Outcome, Walk, nights_of
from scaleinv.replenish import Known, Part, propose
from scaleinv.schema import table

_BESIDE = ("gold/features", {"demand_mean_7": "recent_demand", "days_since_sale": "days_since_sale"})
"""Table -> its column, by the name that rules and exceptions know it by."""
_SEEN = ["unique_id", "kind"]


def work(walk: Walk) -> Outcome:
    """Proposes tonight's orders."""
    limits, began = LimitsOfTheNight(walk), datetime.now(UTC)
    shipments_follow(walk)
    proposals = propose(
        parts_of(walk),
        walk.lake.read(table("silver/items")),
        walk.lake.read(table("silver/vendors")),
        retailer=walk.config.retailer,
        as_of=walk.as_of,
        config=walk.config.replenish,
        horizon=walk.config.forecast.horizon,
        open_tonight=open_tonight(walk),
        arrivals=arrivals_tonight(walk),
        change=limits if limits.is_any else None,
        known=known_beside(walk),
    )
    walk.overwrite("gold/order_proposals", proposals.lines)
    walk.overwrite("gold/exceptions", proposals.exceptions)
    walk.overwrite("gold/transfer_proposals", proposals.transfers)
    register_tonight(walk, proposals.lines, unwanted=proposals.unwanted, since=began)
    _say(walk, proposals.lines)
    if proposals.n_waiting:
        walk.progress.say(f"{proposals.n_waiting:,} series wait for their vendor's next review day (review_date)")
    return Outcome(memo={"shadow_prices": limits.shadow_prices})


def is_intact(walk: Walk) -> bool:
    """Whether the order book has tonight's orders: a database that was lost and made anew has not."""
    return is_registered(walk)


def parts_of(walk: Walk) -> Iterator[Part]:
    """Group by group: memory does not grow with the night, only with what is ordered."""
    names = walk.groups()
    before = _night_before(walk, "features")
    has_market = walk.lake.exists(table("silver/vendor_items"))
    for done, name in enumerate(names):
        policies, position, series = (
            walk.read(part, group_id=name) for part in ("gold/policies", "gold/stock_position", "gold/series")
        )
        series = _with_more(walk, series, name, before)
        if has_market:
            made = policies.select(["unique_id"]).append_column("safety_factor", pa.array(safety_factors(policies)))
            series = _beside(series, made, {"safety_factor": "safety_factor"})
        yield policies, position, series
        walk.progress.count(done + 1, len(names), "groups")


def known_beside(walk: Walk) -> Known:
    """Own orders, units of order, decisions, exceptions of earlier nights and offers, as far as they are there."""
    packs = walk.lake.read(table("silver/packs")) if walk.lake.exists(table("silver/packs")) else None
    seen = shipments_of(walk)
    return Known(
        own=own_orders_of(walk, seen),
        moves=transfers_of(walk),
        packs=packs,
        decisions=decisions_of(walk),
        before=_seen_before(walk),
        found=shipment_exceptions(seen),
        market=market_of(walk),
    )


def _seen_before(walk: Walk) -> pa.Table | None:
    """Exceptions of the nights that are remembered, of each series and kind the newest row: no more than there are."""
    exceptions = table("gold/exceptions")
    kept: pa.Table | None = None
    for night in _nights_before(walk, "replenish") if walk.lake.exists(exceptions) else []:
        rows = walk.lake.read(exceptions, columns=["as_of", *_SEEN, "first_seen"], where={"as_of": night})
        if kept is not None:
            new = rows.join(kept.select(_SEEN), _SEEN, join_type="left anti")
            rows = pa.concat_tables([kept, new], promote_options="default")
        kept = rows.combine_chunks()
    return kept


def _say(walk: Walk, lines: pa.Table) -> None:
    orders = pc.count_distinct(lines["order_id"]).as_py()
    value = pc.sum(lines["value"]).as_py() or 0.0
    walk.progress.say(f"{orders:,} purchase orders, {lines.num_rows:,} lines, value {value:,.2f}")
    for row in lines.group_by("disposition").aggregate([("value", "sum"), ([], "count_all")]).to_pylist():
        if row["disposition"] != "approve":
            what = "wait for approval" if row["disposition"] == "propose" else "are held"
            walk.progress.say(f"{row['count_all']:,} lines, value {row['value_sum']:,.2f}, {what}")


def _night_before(walk: Walk, stage: str) -> date | None:
    return next(iter(_nights_before(walk, stage)), None)


def _nights_before(walk: Walk, stage: str) -> list[date]:
    """For which a stage was done, not longer ago than exceptions are remembered; the last one first."""
    first = walk.as_of - timedelta(days=walk.config.replenish.exceptions.forget_days)
    return sorted((night for night in nights_of(walk.lake, stage) if first <= night < walk.as_of), reverse=True)


def _with_more(walk: Walk, series: pa.Table, group_id: str, before: date | None) -> pa.Table:
    name, columns = _BESIDE
    if walk.lake.exists(table(name)):
        rows = walk.read(name, group_id=group_id, columns=["unique_id", *columns])
        series = _beside(series, rows, columns)
    if before is not None:
        where = {"as_of": before, "group_id": group_id}
        rows = walk.lake.read(table("gold/series"), where=where, columns=["unique_id", "unit_cost"])
        series = _beside(series, rows, {"unit_cost": "last_unit_cost"})
    return series


def _beside(series: pa.Table, rows: pa.Table, columns: dict[str, str]) -> pa.Table:
    at = pc.index_in(series["unique_id"], value_set=rows["unique_id"]).combine_chunks()
    for column, name in columns.items():
        series = series.append_column(name, rows[column].combine_chunks().cast(pa.float64()).take(at))
    return series
