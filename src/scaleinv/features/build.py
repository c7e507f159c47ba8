"""The four tables of a night, from history as it was known at ``as_of``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from scaleinv.config import FeaturesConfig
from scaleinv.errors import DataError, explain
from scaleinv.features.demand import demand
from scaleinv.features.lead_times import lead_times
from scaleinv.features.lives import lives
from scaleinv.features.panel import days_of, panel
from scaleinv.features.position import stock_position
from scaleinv.features.series import series

Frames = Mapping[str, DataFrame]


def build(silver: Frames, *, as_of: date, horizon: int, config: FeaturesConfig) -> dict[str, DataFrame]:
    """``gold/panel``, ``gold/series``, ``gold/stock_position`` and ``gold/lead_times`` of ``as_of``.

    Args:
        silver: silver table without its prefix -> rows known at ``as_of``; prices and calendar reach ahead of it.
        as_of: last day known, inclusive.
        horizon: days after ``as_of`` for which the panel holds covariates.
        config: history, groups, lead times.

    Raises:
        DataError: there are no sales up to ``as_of``, ``as_of`` lies beyond the data, nothing is on sale, or a vendor
            has no lead times.
    """
    _check_days(silver["sales"], as_of, config.closed_days)
    alive = lives(silver, as_of=as_of, history_days=config.history_days).persist()
    if alive.isEmpty():
        raise DataError(
            explain(f"no SKU is on sale at {as_of}", expected="rows of silver/assortment or silver/sales", found="none")
        )
    days = demand(days_of(alive, silver, as_of=as_of, horizon=horizon).persist(), silver.get("hourly_sales")).persist()
    history = days.where(F.col("date") <= F.lit(as_of))
    facts = series(alive, history, silver, as_of=as_of, horizon=horizon, config=config).persist()
    night = F.lit(as_of).alias("as_of")
    return {
        "gold/panel": panel(days, facts, silver).select(night, "*"),
        "gold/series": facts.select(night, "*"),
        "gold/stock_position": stock_position(facts, silver).select(night, "*"),
        "gold/lead_times": lead_times(facts, silver, as_of=as_of, config=config).select(night, "*"),
    }


def _check_days(sales: DataFrame, as_of: date, closed_days: int) -> None:
    """``sales`` is cut at ``as_of``: its last day tells whether the data reach that far."""
    ends = sales.agg(F.min("date").alias("first"), F.max("date").alias("last")).first()
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
