"""The tables of a night, from history as it was known at ``as_of``; its panel whole, or what differs from another's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta

from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from scaleinv.config import FeaturesConfig
from scaleinv.errors import DataError, explain
from scaleinv.features.changes import (
    Base,
    announced_since,
    begins_later,
    changed_days,
    prices_since,
    replaced,
    sales_of,
    since,
)
from scaleinv.features.demand import demand, observed
from scaleinv.features.lead_times import lead_times
from scaleinv.features.lives import lives, selling_days, without_stock
from scaleinv.features.measures import life_sums, measures, moved_measures, night_features
from scaleinv.features.order_history import without_refused
from scaleinv.features.panel import SALES_PER_PART, days_of, panel, priced_spans, some_days_of, with_sales
from scaleinv.features.position import Late, late_record, open_supply, stock_position
from scaleinv.features.series import grouped, placed, series

Frames = Mapping[str, DataFrame]
Keep = Callable[[DataFrame, bool], tuple[DataFrame, DataFrame | None]]
Divide = Callable[[DataFrame, Base | None], DataFrame]


def build(
    silver: Frames,
    keep: Keep,
    held: ExitStack,
    *,
    as_of: date,
    horizon: int,
    config: FeaturesConfig,
    n_sales: int,
    n_prices: int,
    lines: DataFrame | None = None,
    base: Base | None = None,
    divide: Divide | None = None,
    late: Late | None = None,
    record: DataFrame | None = None,
) -> dict[str, DataFrame]:
    """``gold/series``, ``gold/features``, ``gold/stock_position`` and ``gold/lead_times`` of ``as_of``.

    ``gold/lives`` too, if the panel is whole, and ``gold/late_supply`` with ``late``.

    Args:
        silver: silver table without its prefix -> rows known at ``as_of``; prices and calendar reach ahead of it.
        keep: is given rows of ``gold/panel``, and whether they are all of them or only what differs from the base;
            gives them back up to ``as_of``, and in the second case the base's rows. They are read from where they were
            kept, so they are computed once.
        held: when it ends, the frames that several tables are made of are let go; the tables must be written by then.
        as_of: last day known, inclusive.
        horizon: days after ``as_of`` for which the panel holds covariates.
        config: history, groups, lead times.
        n_sales: rows of sales, about; as many parts are made of a panel that no part takes much memory.
        n_prices: rows of prices, about.
        lines: sku_id, location_id and date of all sales, a key more than once; cheaper than ``silver["sales"]`` where
            that adds up several loads.
        base: an earlier night that this one may be based on.
        late: from vendors' records to the chance that an overdue order comes; without it all of them count in full.
        record: order lines that say how vendors deliver; without it those of ``silver["purchase_orders"]``.
        divide: gives a row per series its group_id, knowing which night this one is based on; by default the column
            that ``config`` groups by does.

    Raises:
        DataError: there are no sales up to ``as_of``, ``as_of`` lies beyond the data, nothing is on sale, or a vendor
            has no lead times.
    """
    prices = _begun(prices_since(silver["prices"], base, n_prices=n_prices), held)
    sold = _kept(selling_days(silver["sales"] if lines is None else lines))
    _check_days(sold, as_of, config.closed_days)
    first, last = config.first_day(as_of), as_of + timedelta(days=horizon)
    there = _kept(placed(lives(silver, sold, as_of=as_of, first=first), silver))
    gaps = _hold(without_stock(there, silver, as_of=as_of), held)
    short = gaps.select("sku_id", "location_id").distinct().withColumn("is_short", F.lit(True))
    if base is not None and begins_later(there, base, first=first):
        base = None
    there = grouped(there, config) if divide is None else divide(there, base)
    alive = _kept(there.join(short, ["sku_id", "location_id"], "left").fillna(False, "is_short"))
    if alive.isEmpty():
        raise DataError(
            explain(f"no SKU is on sale at {as_of}", expected="rows of silver/assortment or silver/sales", found="none")
        )
    rows = _panel(alive, silver, prices, gaps, base, held, n_sales=n_sales, as_of=as_of, first=first, last=last)
    night = F.lit(as_of).alias("as_of")
    learnt = silver if record is None else {**silver, "purchase_orders": without_refused(record)}
    known = _kept(lead_times(alive, learnt, as_of=as_of, config=config))
    supply = _hold(open_supply(silver, known), held)
    chances = None
    if late is not None:
        seen = supply if record is None else open_supply(learnt, known)
        judged = late(late_record(seen, alive, known, as_of=as_of).toArrow())  # vendors and days: small
        chances = _kept(alive.sparkSession.createDataFrame(judged))
    days, before = keep(rows.select(night, "*"), base is None)
    if base is None or before is None:
        sums = _kept(life_sums(days))
        found = measures(days, sums, as_of=as_of)
    else:
        sums, before = None, replaced(before, days, until=base.as_of)
        found = moved_measures(days, before, base.lives, first=first, as_of=as_of)
    facts = _kept(alive.join(found, "unique_id"))
    return (
        ({} if sums is None else {"gold/lives": sums.select(night, "*")})
        | {
            "gold/series": series(facts, last=last).select(night, "*"),
            "gold/features": night_features(facts).select(night, "*"),
            "gold/stock_position": stock_position(alive, silver, supply, chances, as_of=as_of).select(night, "*"),
            "gold/lead_times": known.select(night, "*"),
        }
        | ({} if chances is None else {"gold/late_supply": chances.select(night, "*")})
    )


def _panel(
    alive: DataFrame,
    silver: Frames,
    prices: DataFrame,
    gaps: DataFrame,
    base: Base | None,
    held: ExitStack,
    *,
    n_sales: int,
    as_of: date,
    first: date,
    last: date,
) -> DataFrame:
    """Rows of ``gold/panel``: all of them, or those that may differ from the base's."""
    wanted = ["unique_id", "sku_id", "location_id", "group_id", "region", "unit_price", "first_ds", "is_short"]
    # Days that were ahead of the base, and still are.
    known_ahead = last if base is None else last - (as_of - base.as_of)
    ahead = (as_of + timedelta(days=1), known_ahead)
    announced = None if base is None else _kept(announced_since(silver, base, first=first, last=known_ahead))
    lives = since(alive.select(*wanted), prices, announced, base, ahead=ahead)
    sales, again = silver["sales"], None
    if base is not None and announced is not None:
        lives = _kept(lives)
        changed = _kept(changed_days(alive, announced, base))
        some = sales_of(lives, changed, sales, base)
        if some is not None:
            sales = _hold(some, held)
            n_sales = sales.count()
        # What is estimated from other days is estimated anew; what was seen stays what it was.
        again = changed.unionByName(gaps.where(F.col("date") <= F.lit(base.as_of))).distinct()
    parts = n_sales // SALES_PER_PART + 1
    if again is not None:  # divided as the days are, which are not moved then
        sales = sales.repartition(parts, "sku_id", "location_id")
    spans = _computed(priced_spans(lives, prices, parts=parts), held)

    def days(of: DataFrame) -> DataFrame:
        tail = days_of(of, last=last)
        return tail if again is None else tail.unionByName(some_days_of(of, again))

    stocked, short = spans.where(~F.col("is_short")), spans.where("is_short")
    rows = observed(with_sales(days(stocked), sales, None, as_of=as_of))
    if not alive.where("is_short").isEmpty():
        history = with_sales(days_of(_whole(short), last=last), sales, silver["stock"], as_of=as_of)
        if again is None:  # twice: they are estimated from, and they are rows
            history = _computed(history, held)
        theirs = history if again is None else with_sales(days(short), sales, silver["stock"], as_of=as_of)
        names = alive.where("is_short").select("sku_id", "location_id")
        rows = rows.unionByName(demand(theirs, names, silver.get("hourly_sales"), history=history))
    return panel(rows, silver, first=first, last=last)


def _whole(spans: DataFrame) -> DataFrame:
    """``spans`` as if all days of their series were to be made."""
    none = F.lit(None).cast("date")
    return spans.withColumns({"since": F.col("first_ds"), "gap_start": none, "gap_end": none})


def _kept(frame: DataFrame) -> DataFrame:
    """The rows, computed, without what they were made of: plans that contain each other take longer than the rows.

    For what has a few rows per series.
    """
    return frame.localCheckpoint()


def _hold(frame: DataFrame, held: ExitStack) -> DataFrame:
    frame = frame.persist()
    held.callback(frame.unpersist)
    return frame


def _computed(frame: DataFrame, held: ExitStack) -> DataFrame:
    """:func:`_hold`, and its rows are there already.

    Not :func:`_kept`: how rows are divided is forgotten with their plan. Nor only held: of rows that are yet to come an
    adaptive plan does not say how they lie, so what is joined with them moves them all, and into few parts.
    """
    frame = _hold(frame, held)
    frame.count()
    return frame


def _begun(frame: DataFrame, held: ExitStack) -> DataFrame:
    """:func:`_hold`, and its rows are being computed already: what comes next is small, and mostly planning.

    What goes wrong there goes wrong again, and is said, where the rows are used.
    """
    frame = _hold(frame, held)
    pool = held.enter_context(ThreadPoolExecutor(1))
    pool.submit(inheritable_thread_target(frame.sparkSession)(frame.count))
    return frame


def _check_days(sold: DataFrame, as_of: date, closed_days: int) -> None:
    """Sales are cut at ``as_of``: their last day tells whether the data reach that far."""
    ends = sold.agg(F.min("first_sale").alias("first"), F.max("last_sale").alias("last")).first()
    assert ends is not None
    if ends["last"] is None:
        raise DataError(
            explain(
                f"there are no sales on or before {as_of}",
                expected="an as_of inside the history",
                found="no row",
                do="choose a later --as-of, or ingest older sales",
            )
        )
    if as_of > ends["last"] + timedelta(days=closed_days):  # the days between would be zeros that nobody saw
        raise DataError(
            explain(
                f"as_of {as_of} lies beyond the data",
                expected=f"a day from {ends['first']} to {ends['last']}",
                found=as_of,
                do="ingest the missing days first, choose an earlier --as-of, or set features.closed_days where shops "
                "were closed",
            )
        )
