"""What the days of each series amount to, in one pass over the panel: its size and shape, and what a model may know."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scaleinv.schema.features import LAGS, NIGHT_FEATURES, WINDOWS

_LAG: Final = {feature.name: feature.lag or 0 for feature in NIGHT_FEATURES}
_AROUND: Final = {"category_mean_28": "category", "location_mean_28": "location_id"}
"""Feature -> over which series it is taken."""


def measures(days: DataFrame, *, as_of: date) -> DataFrame:
    """One row per series of ``days``: what ``gold/series`` and ``gold/features`` are made of.

    Sums are of decimals: a sum of doubles depends on the order in which a shuffle brings them.

    Args:
        days: rows of ``gold/panel`` up to ``as_of``.
        as_of: the last day known.
    """
    return days.groupBy("unique_id").agg(*_shape(), *_known(as_of), *_sums(as_of))


def _shape() -> list[Column]:
    """Demand is measured on the days without stock-out."""
    usable = ~F.col("is_stockout")
    y = _exact("y")
    sold = usable & (F.col("y") > 0)
    return [
        F.count("*").cast("int").alias("n_days"),
        F.count_if(~usable).cast("int").alias("stockout_days"),
        F.count_if(sold).alias("_sold"),
        F.sum(F.when(sold, y)).cast("double").alias("_sum"),
        F.sum(F.when(sold, y * y)).cast("double").alias("_squares"),
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
        inside, exact = _last(as_of, name, n), _exact(value)
        total, squares = (F.sum(F.when(inside, one)).cast("double") for one in (exact, exact * exact))
        return F.count(F.when(inside, exact)), total, squares

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
    seen = F.col("ds") <= F.lit(as_of - timedelta(days=_LAG["days_since_sale"]))
    sold = F.max(F.when((F.col("sales") > 0) & seen, F.col("ds")))
    found.append(F.datediff(F.lit(as_of), sold).alias("days_since_sale"))
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
            F.sum(F.when(inside, _exact("y"))).alias(f"_sum_{name}"),
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
        total, n = F.sum(f"_sum_{name}").cast("double"), F.sum(f"_days_{name}")
        rows = rows.join(facts.groupBy(place).agg((total / F.nullif(n, F.lit(0))).alias(name)), place)
    return rows.select("group_id", "unique_id", *[feature.name for feature in NIGHT_FEATURES])


def _last(as_of: date, name: str, n: int) -> Column:
    """Whether a day is one of the last ``n`` that the feature may see."""
    end = as_of - timedelta(days=_LAG[name])
    return F.col("ds").between(F.lit(end - timedelta(days=n - 1)), F.lit(end))


def _exact(name: str) -> Column:
    return F.col(name).cast("decimal(18,6)")
