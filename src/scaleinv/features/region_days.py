"""What is announced for a region and day: events, how far the next and the last one are, weather."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

FAR: Final = 30
"""Days; an event that is further away is that far."""


def region_days(silver: Mapping[str, DataFrame], *, first: date, last: date) -> DataFrame:
    """One row per region and day from ``first`` to ``last``.

    region, date, weekday (1: Monday), day_of_month, month, event, is_benefit_day, days_to_event, days_since_event
    (0 ... ``FAR``), temperature, precipitation.
    """
    span = F.sequence(F.date_sub(F.lit(first), FAR), F.date_add(F.lit(last), FAR))
    days = silver["locations"].select("region").distinct().select("region", F.explode(span).alias("date"))
    calendar = silver["calendar"].select("region", "date", "event", "is_benefit_day")
    named = days.join(calendar, ["region", "date"], "left")
    happens = F.when(F.col("event").isNotNull(), F.col("date"))
    # Rows are days, and none is missing.
    ahead = Window.partitionBy("region").orderBy(F.desc("date")).rowsBetween(-FAR, 0)
    before = Window.partitionBy("region").orderBy("date").rowsBetween(-FAR, 0)
    to, since = F.datediff(F.min(happens).over(ahead), "date"), F.datediff("date", F.max(happens).over(before))
    weather = silver["weather"].select(
        "region", "date", *[F.col(name).cast("float").alias(name) for name in ("temperature", "precipitation")]
    )
    return (
        named.select(
            "region", "date", (F.weekday("date") + 1).alias("weekday"), F.dayofmonth("date").alias("day_of_month"),
            F.month("date").alias("month"), "event", F.coalesce("is_benefit_day", F.lit(False)).alias("is_benefit_day"),
            F.coalesce(to, F.lit(FAR)).cast("int").alias("days_to_event"),
            F.coalesce(since, F.lit(FAR)).cast("int").alias("days_since_event"),
        )
        .where(F.col("date").between(F.lit(first), F.lit(last)))
        .join(weather, ["region", "date"], "left")
    )  # fmt: skip
