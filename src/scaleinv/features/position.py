"""Stock and open orders of every series at the end of ``as_of``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

LONGEST_LATE: Final = 120
"""Days overdue after which an order counts for nothing."""
Late = Callable[[pa.Table], pa.Table]
"""From vendor_id, late_days, arrived, waiting, days (in which it must come) to vendor_id, chance by days overdue."""

_STOCK = ("on_hand", "reserved", "backorders")
_KEY = ["sku_id", "location_id"]
_EXACT = "decimal(18,6)"
"""A sum of doubles depends on the order in which a shuffle brings them."""


def stock_position(
    facts: DataFrame, silver: Mapping[str, DataFrame], supply: DataFrame, chances: DataFrame | None, *, as_of: date
) -> DataFrame:
    """``gold/stock_position`` without as_of: the latest stock record of each series, and what is on its way.

    What came after the stock record, up to tonight, is on hand; what left after it is gone (``transfer_out``). A series
    without a stock record has zeros and a null ``stock_date``: what to do then is not decided here. Nor is
    what comes too late to help: that depends on the policy, so what is due when is said day by day.

    Args:
        facts: the series.
        silver: stock, and transfers where there are any.
        supply: :func:`open_supply`.
        chances: vendor_id and chance (n_late,) that an overdue line comes in time; ``None``: all count in full.
        as_of: the night.
    """
    latest = silver["stock"].groupBy(*_KEY).agg(F.max_by(F.struct("date", *_STOCK), "date").alias("_stock"))
    lines = _counted(supply, chances, as_of)
    coming = lines.select(*_KEY, "due", "units", "overdue", "counted", F.lit(0).cast(_EXACT).alias("moved"))
    found = facts.select("group_id", "unique_id", *_KEY).join(latest, _KEY, "left")
    came = supply.select(*_KEY, "received_date", "came")
    if "transfers" in silver:
        every = silver["transfers"]
        moves = every.where(_is_open(as_of))
        units = F.col("quantity").cast(_EXACT)
        none = F.lit(0).cast(_EXACT)
        due = F.coalesce("promised_date", F.lit(as_of)).alias("due")
        inward = moves.select(
            *_KEY, due, units.alias("units"), none.alias("overdue"), units.alias("counted"), units.alias("moved")
        )
        coming = coming.unionByName(inward)
        came = came.unionByName(every.select(*_KEY, "received_date", units.alias("came")))
        found = found.join(_outward(every, latest), _KEY, "left")
    else:
        found = found.withColumn("_out", F.lit(None).cast(_EXACT))
    found = found.join(_summed(coming, as_of), _KEY, "left").join(_came_since(came, latest, as_of), _KEY, "left")
    stock = {name: F.coalesce(F.col(f"_stock.{name}"), F.lit(0.0)) for name in _STOCK}
    out = _number("_out")
    return found.select(
        "group_id",
        "unique_id",
        (stock["on_hand"] + _number("_came")).alias("on_hand"),
        _number("_counted").alias("on_order"),
        (stock["reserved"] + out).alias("reserved"),
        stock["backorders"].alias("backorders"),
        F.col("_stock.date").alias("stock_date"),
        _number("_overdue").alias("on_order_overdue"),
        _number("_taken").alias("on_order_discount"),
        _number("_moved").alias("transfer_in"),
        out.alias("transfer_out"),
        F.coalesce(F.col("_days.due"), F.array().cast("array<date>")).alias("supply_dates"),
        F.coalesce(F.col("_days.units"), F.array().cast("array<double>")).alias("supply_units"),
    )


def open_supply(silver: Mapping[str, DataFrame], lead_times: DataFrame) -> DataFrame:
    """Every line of the ERP's orders with the day it is due; those that came with it too: they are the record.

    ``units`` are still to come of a line that is open, and ``came`` those that stayed of one that is closed.

    A vendor that has promised nothing is expected after its mean lead time.
    """
    days = F.sequence(F.lit(0), F.size("probability") - 1)
    mean = F.aggregate(
        F.zip_with("probability", days, lambda p, day: p * day), F.lit(0.0).cast("double"), lambda total, x: total + x
    )
    lead = lead_times.select("vendor_id", F.ceil(F.round(mean, 6)).cast("int").alias("_lead"))
    due = F.coalesce("promised_date", F.date_add("order_date", F.col("_lead")))
    units = F.greatest(F.col("quantity") - F.coalesce("received_quantity", F.lit(0.0)), F.lit(0.0))
    stayed = F.coalesce("received_quantity", "quantity") - F.coalesce("rejected_quantity", F.lit(0.0))
    return silver["purchase_orders"].join(F.broadcast(lead), "vendor_id", "left").select(
        *_KEY, "vendor_id", "received_date", due.alias("due"), units.cast(_EXACT).alias("units"),
        F.greatest(stayed, F.lit(0.0)).cast(_EXACT).alias("came"),
    )  # fmt: skip


def late_record(supply: DataFrame, facts: DataFrame, lead_times: DataFrame, *, as_of: date) -> DataFrame:
    """vendor_id, late_days, arrived, waiting, days: how late lines came, and how late those are that are open."""
    late = F.datediff(F.coalesce("received_date", F.lit(as_of)), "due")
    is_open = F.col("received_date").isNull() | (late > LONGEST_LATE)
    counts = (
        supply.where(F.col("due").isNotNull() & (F.col("received_date").isNotNull() | (F.col("due") < F.lit(as_of))))
        .select(
            "vendor_id",
            F.least(F.greatest(late, F.lit(0)), F.lit(LONGEST_LATE)).alias("late_days"),
            is_open.alias("_open"),
        )
        .groupBy("vendor_id", "late_days")
        .agg(F.count_if(~F.col("_open")).alias("arrived"), F.count_if("_open").alias("waiting"))
    )
    days = F.sequence(F.lit(0), F.size("probability") - 1)
    mean = F.aggregate(
        F.zip_with("probability", days, lambda p, day: p * day), F.lit(0.0).cast("double"), lambda total, x: total + x
    )
    review = facts.groupBy("vendor_id").agg(F.max("review_period").alias("_review"))
    need = lead_times.join(review, "vendor_id").select("vendor_id", (mean + F.col("_review")).alias("days"))
    return need.join(counts, "vendor_id", "left").select(
        "vendor_id", F.coalesce("late_days", F.lit(0)).alias("late_days"),
        F.coalesce("arrived", F.lit(0)).alias("arrived"), F.coalesce("waiting", F.lit(0)).alias("waiting"), "days",
    )  # fmt: skip


def _counted(supply: DataFrame, chances: DataFrame | None, as_of: date) -> DataFrame:
    """Open lines: units, of these overdue, and how many count."""
    late = F.datediff(F.lit(as_of), "due")
    is_late = F.coalesce(late > 0, F.lit(False))
    lines = supply.where(_is_open(as_of) & (F.col("units") > 0))
    chance = F.lit(1.0)
    if chances is not None:
        lines = lines.join(F.broadcast(chances), "vendor_id", "left")
        found = F.get("chance", F.least(F.greatest(late, F.lit(0)), F.lit(LONGEST_LATE)))
        chance = F.when(is_late, F.coalesce(found, F.lit(1.0))).otherwise(1.0)
    return lines.select(
        *_KEY, F.coalesce("due", F.lit(as_of)).alias("due"), "units",
        F.when(is_late, F.col("units")).otherwise(F.lit(0)).cast(_EXACT).alias("overdue"),
        (F.col("units").cast("double") * chance).cast(_EXACT).alias("counted"),
    )  # fmt: skip


def _summed(coming: DataFrame, as_of: date) -> DataFrame:
    """Per series: sums, and what is due on which day from tomorrow on."""
    ahead = F.col("due") > F.lit(as_of)
    by_day = coming.groupBy(*_KEY, F.when(ahead, F.col("due")).alias("due")).agg(
        *(F.sum(name).alias(name) for name in ("units", "overdue", "counted", "moved"))
    )
    days = F.array_sort(
        F.collect_list(
            F.when(F.col("due").isNotNull(), F.struct("due", F.col("counted").cast("double").alias("units")))
        )
    )
    taken = F.sum("units") - F.sum("counted")
    return by_day.groupBy(*_KEY).agg(
        F.sum("counted").alias("_counted"), F.sum("overdue").alias("_overdue"), taken.alias("_taken"),
        F.sum("moved").alias("_moved"), days.alias("_days"),
    )  # fmt: skip


def _came_since(came: DataFrame, latest: DataFrame, as_of: date) -> DataFrame:
    """What a location's last stock record does not hold yet; without a record nothing is known."""
    is_new = (F.col("received_date") > F.col("_stock.date")) & (F.col("received_date") <= F.lit(as_of))
    return came.join(latest, _KEY).where(is_new).groupBy(*_KEY).agg(F.sum("came").alias("_came"))


def _outward(moves: DataFrame, latest: DataFrame) -> DataFrame:
    """What a location has still to give: not sent yet, or after its last stock record, whether it has come or not."""
    left = F.coalesce("shipped_date", "received_date")
    giver = moves.select(
        "sku_id", F.col("from_location_id").alias("location_id"), left.alias("_left"), F.col("quantity").cast(_EXACT)
    )
    is_there = F.col("_left").isNull() | F.coalesce(F.col("_left") > F.col("_stock.date"), F.lit(False))
    return giver.join(latest, _KEY, "left").where(is_there).groupBy(*_KEY).agg(F.sum("quantity").alias("_out"))


def _is_open(as_of: date) -> Column:
    return F.col("received_date").isNull() | (F.col("received_date") > F.lit(as_of))


def _number(name: str) -> Column:
    return F.coalesce(F.col(name).cast("double"), F.lit(0.0))
