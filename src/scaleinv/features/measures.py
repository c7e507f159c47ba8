"""What the days of each series amount to: its size and shape, and what a model may know."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scaleinv.schema.features import LAGS, NIGHT_FEATURES, WINDOWS

_LAG: Final = {feature.name: feature.lag or 0 for feature in NIGHT_FEATURES}
assert _LAG["days_since_sale"] == _LAG["days_on_sale"] == 0, "what lives add up to is up to their own night"
_AROUND: Final = {"category_mean_28": "category", "location_mean_28": "location_id"}
"""Feature -> over which series it is taken."""
_RECENT: Final = WINDOWS[-1] + max(_LAG.values())
"""Days back from the last one known within which all features lie that are not of a whole life, but for some lags."""


_SUMS: Final = ("n_days", "stockout_days", "sale_days", "units", "unit_parts", "squares", "square_parts")
"""Columns of ``gold/lives`` that add up."""


def life_sums(days: DataFrame) -> DataFrame:
    """``gold/lives`` without as_of: what all days of each series' life add up to.

    Integers, so that days can be taken away again. Demand is that of days without stock-out.

    Args:
        days: rows of ``gold/panel`` up to the last day known.
    """
    once = days.select("*", F.lit(1).alias("_sign"), F.col("ds").alias("_day"))
    return once.groupBy("unique_id").agg(*_life())


def measures(days: DataFrame, lives: DataFrame, *, as_of: date) -> DataFrame:
    """One row per series: what ``gold/series`` and ``gold/features`` are made of.

    Most features are of the last days: a life of years is gone through for few columns.

    Args:
        days: rows of ``gold/panel`` up to ``as_of``; a series' life ends with it.
        lives: :func:`life_sums` of them.
        as_of: the last day known.
    """
    recent = days.where(_is_recent(as_of)).groupBy("unique_id").agg(*_known(as_of), *_sums(as_of))
    return _told(lives, as_of).join(recent, "unique_id", "left")


def moved_measures(rows: DataFrame, before: DataFrame, lives: DataFrame, *, first: date, as_of: date) -> DataFrame:
    """As :func:`measures`, for a night that is based on another, without going through lives again.

    Args:
        rows: the night's own rows of ``gold/panel`` up to ``as_of``.
        before: the base's, with ``is_replaced``.
        lives: the base's rows of ``gold/lives``.
        first: the first day of the panel.
        as_of: the last day known.
    """
    leaves = F.col("is_replaced") | (F.col("ds") < F.lit(first))
    near = before.where(leaves | _is_recent(as_of)).withColumn("_sign", F.when(leaves, -1).otherwise(0))
    days = near.drop("is_replaced").unionByName(rows.withColumn("_sign", F.lit(1))).withColumn("_day", F.col("ds"))
    # What leaves is a day that no feature may see.
    days = days.withColumn("ds", F.when(F.col("_sign") >= 0, F.col("ds")))
    moved = days.groupBy("unique_id").agg(*_life(), *_known(as_of), *_sums(as_of))
    then = lives.select("unique_id", *[F.col(name).alias(f"_{name}") for name in (*_SUMS, "last_sale")])
    moved = moved.join(then, "unique_id", "left")
    sums = {name: F.col(name) + F.coalesce(f"_{name}", F.lit(0)) for name in _SUMS}
    # Sales of a day only grow, as returns are not netted against them: the base's last sale is one still.
    was = F.when(F.col("_last_sale") >= F.lit(first), F.col("_last_sale"))
    moved = moved.withColumns({**sums, "last_sale": F.greatest(was, "last_sale")})
    return _told(moved.drop(*[f"_{name}" for name in (*_SUMS, "last_sale")]), as_of)


def _told(lives: DataFrame, as_of: date) -> DataFrame:
    names = {"sale_days": "_sold", "units": "_sum", "squares": "_squares"}
    parts = {"units": "unit_parts", "squares": "square_parts"}
    totals = {name: F.col(name) + F.col(part) / F.lit(1e6) for name, part in parts.items()}
    found = lives.withColumns({**totals, "days_since_sale": F.datediff(F.lit(as_of), "last_sale")})
    found = found.withColumns({name: F.col(name).cast("int") for name in ("n_days", "stockout_days")})
    return found.drop(*parts.values(), "last_sale").withColumnsRenamed(names)


def _is_recent(as_of: date) -> Column:
    ds = F.col("ds")
    return (ds > F.lit(as_of - timedelta(days=_RECENT))) | ds.isin([F.lit(day) for day in _lag_days(as_of)])


def _lag_days(as_of: date) -> list[date]:
    return [as_of - timedelta(days=n - 1 + _LAG[f"demand_lag_{n}"]) for n in LAGS]


def _life() -> list[Column]:
    """What the days of a life add up to: each of them ``_sign`` times."""
    sign, usable = F.col("_sign"), ~F.col("is_stockout")
    y = F.col("y").cast("double")
    sold = usable & (F.col("y") > 0)

    def total(name: str, value: Column) -> Column:
        return F.coalesce(F.sum(value), F.lit(0)).alias(name)

    def parts(value: Column) -> list[Column]:
        """Wholes and millionths."""
        whole = F.floor(value)
        return [F.when(sold, sign * part) for part in (whole, F.rint((value - whole) * 1e6).cast("long"))]

    return [
        total("n_days", sign),
        total("stockout_days", F.when(~usable, sign)),
        total("sale_days", F.when(sold, sign)),
        *[total(name, value) for name, value in zip(_SUMS[3:], (*parts(y), *parts(y * y)), strict=True)],
        F.max(F.when((F.col("sales") > 0) & (sign > 0), F.col("_day"))).alias("last_sale"),
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
        return F.count(seen), exact_sum(seen), exact_sum(seen * seen)

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
            exact_sum(F.when(inside, F.col("y").cast("double"))).alias(f"_sum_{name}"),
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
        total, n = exact_sum(F.col(f"_sum_{name}")), F.sum(f"_days_{name}")
        rows = rows.join(facts.groupBy(place).agg((total / F.nullif(n, F.lit(0))).alias(name)), place)
    return rows.select("group_id", "unique_id", *[feature.name for feature in NIGHT_FEATURES])


def _last(as_of: date, name: str, n: int) -> Column:
    """Whether a day is one of the last ``n`` that the feature may see."""
    end = as_of - timedelta(days=_LAG[name])
    return F.col("ds").between(F.lit(end - timedelta(days=n - 1)), F.lit(end))


def exact_sum(value: Column) -> Column:
    """Sum of doubles to the millionth, the same in whatever order a shuffle brings them.

    Wholes and millionths are added as integers: a pass over 49 million days took 11 s of task time, with decimals 26.
    """
    whole = F.floor(value)
    return F.sum(whole) + F.sum(F.rint((value - whole) * 1e6).cast("long")) / 1e6
