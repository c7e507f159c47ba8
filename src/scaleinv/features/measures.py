"""What the days of each series amount to: its size and shape, and what a model may know."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scaleinv.schema.features import LAGS, NIGHT_FEATURES, WINDOWS

_LAG: Final = {feature.name: feature.lag or 0 for feature in NIGHT_FEATURES}
_AROUND: Final = {"category_mean_28": "category", "location_mean_28": "location_id"}
"""Feature -> over which series it is taken."""
_RECENT: Final = WINDOWS[-1] + max(_LAG.values())
"""Days back from the last one known within which all features lie that are not of a whole life, but for some lags."""


def measures(days: DataFrame, *, as_of: date) -> DataFrame:
    """One row per series of ``days``: what ``gold/series`` and ``gold/features`` are made of.

    Most features are of the last days: a life of years is gone through for few columns.

    Args:
        days: rows of ``gold/panel`` up to ``as_of``; a series' life ends with it.
        as_of: the last day known.
    """
    ds = F.col("ds")
    recent = (ds > F.lit(as_of - timedelta(days=_RECENT))) | ds.isin([F.lit(day) for day in _lag_days(as_of)])
    life = days.groupBy("unique_id").agg(*_life(as_of))
    return life.join(days.where(recent).groupBy("unique_id").agg(*_known(as_of), *_sums(as_of)), "unique_id", "left")


def _lag_days(as_of: date) -> list[date]:
    return [as_of - timedelta(days=n - 1 + _LAG[f"demand_lag_{n}"]) for n in LAGS]


def _life(as_of: date) -> list[Column]:
    """What all days of a life say. Demand is measured on those without stock-out."""
    usable = ~F.col("is_stockout")
    y = F.col("y").cast("double")
    sold = usable & (F.col("y") > 0)
    seen = F.col("ds") <= F.lit(as_of - timedelta(days=_LAG["days_since_sale"]))
    return [
        F.count("*").cast("int").alias("n_days"),
        F.count_if(~usable).cast("int").alias("stockout_days"),
        F.count_if(sold).alias("_sold"),
        _sum(F.when(sold, y)).alias("_sum"),
        _sum(F.when(sold, y * y)).alias("_squares"),
        F.datediff(F.lit(as_of), F.max(F.when((F.col("sales") > 0) & seen, F.col("ds")))).alias("days_since_sale"),
    ]


def _known(as_of: date) -> list[Column]:
    """The features of a series' own days."""

    def on(name: str, n: int, value: str) -> Column:
        """The value of the ``n``-th last day that the feature may see, counted from 1."""
        return F.max(F.when(F.col("ds") == F.lit(as_of - timedelta(days=n - 1 + _LAG[name])), F.col(value)))

    def share(name: str, n: int, flag: Column) -> Column:
        inside = _last(as_of, name, n)
        return (F.count_if(inside & flag) / F.nullif(F.count_if(inside), F.lit(0))).alias(name)

    def moments(name: str, n: int, value: str) -> tuple[Column, Column, Column]:
        """Days, sum and sum of squares of a value over the last ``n`` days that the feature may see."""
        seen = F.when(_last(as_of, name, n), F.col(value).cast("double"))
        return F.count(seen), _sum(seen), _sum(seen * seen)

    found = [on(f"demand_lag_{n}", n, "y").cast("double").alias(f"demand_lag_{n}") for n in LAGS]
    for n in WINDOWS:
        name = f"demand_mean_{n}"
        count, total, _ = moments(name, n, "y")
        found.append((total / F.nullif(count, F.lit(0))).alias(name))
    for n in WINDOWS[1:]:
        name = f"demand_sd_{n}"
        count, total, squares = moments(name, n, "y")
        spread = F.greatest(squares - total * total / count, F.lit(0.0)) / F.nullif(count - 1, F.lit(0))
        found.append(F.when(count > 1, F.sqrt(spread)).alias(name))
        found.append(share(f"zero_share_{n}", n, F.col("y") == 0))
        found.append(share(f"stockout_share_{n}", n, F.col("is_stockout")))
    name = "price_level"
    count, total, _ = moments(name, WINDOWS[-1], "price")
    found.append((on(name, 1, "price") / F.nullif(total / F.nullif(count, F.lit(0)), F.lit(0.0))).alias(name))
    name = "price_change_28"
    found.append((on(name, 1, "price") / F.nullif(on(name, 29, "price"), F.lit(0.0)) - 1).alias(name))
    found.append(share("promotion_share_91", WINDOWS[-1], F.col("is_promotion")))
    return found


def _sums(as_of: date) -> list[Column]:
    """What is added over the series of a category or a location."""
    found = []
    for name in _AROUND:
        inside = _last(as_of, name, 28)
        found += [
            _sum(F.when(inside, F.col("y").cast("double"))).alias(f"_sum_{name}"),
            F.count_if(inside).alias(f"_days_{name}"),
        ]
    return found


def night_features(facts: DataFrame) -> DataFrame:
    """``gold/features`` without as_of.

    Args:
        facts: :func:`measures` with group_id, category and location_id.
    """
    rows = facts.withColumn("days_on_sale", F.col("n_days"))
    for name, place in _AROUND.items():
        total, n = _sum(F.col(f"_sum_{name}")), F.sum(f"_days_{name}")
        rows = rows.join(facts.groupBy(place).agg((total / F.nullif(n, F.lit(0))).alias(name)), place)
    return rows.select("group_id", "unique_id", *[feature.name for feature in NIGHT_FEATURES])


def _last(as_of: date, name: str, n: int) -> Column:
    """Whether a day is one of the last ``n`` that the feature may see."""
    end = as_of - timedelta(days=_LAG[name])
    return F.col("ds").between(F.lit(end - timedelta(days=n - 1)), F.lit(end))


def _sum(value: Column) -> Column:
    """Sum of doubles to the millionth, the same in whatever order a shuffle brings them.

    Wholes and millionths are added as integers: a pass over 49 million days took 11 s of task time, with decimals 26.
    """
    whole = F.floor(value)
    return F.sum(whole) + F.sum(F.rint((value - whole) * 1e6).cast("long")) / 1e6
