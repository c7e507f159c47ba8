"""Series that sell alike: what shape each one's sales have, and which of a few centres it is nearest to.

A shape is five facts: level (log of mean units a day), intermittency (log of days per day with a sale), spread of what
a day sells, and the shares of the weekdays and of the months. Each is drawn to its department's mean as far as few days
say it, so that a new series is one of its department.

Only sales up to a day before any hold-out are looked at: a group must not tell a model what it is scored on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scaleinv.config import FeaturesConfig
from scaleinv.features.changes import Base
from scaleinv.features.measures import exact_sum
from scaleinv.features.series import grouped, regrouped

Floats = NDArray[np.float64]
Fit = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""Shapes (n, n_facts) and how much each fact counts (n_facts,) -> centres (n_clusters, n_facts), weights (n_facts,)."""

_FACTS: Final = (1, 1, 1, 7, 12)
"""Columns of level, intermittency, spread, week and year: each fact counts alike, however many columns it has."""
IMPORTANCE: Final = tuple(1 / size for size in _FACTS for _ in range(size))
_DOUBT: Final = 28
"""So many days weigh as much as what the department says."""
_YEAR: Final = 365


@dataclass(frozen=True)
class Clusters:
    """What a series' cluster is read off; plain lists, so that a night can leave it for others."""

    centres: list[list[float]]
    """(n_clusters, n_facts), of falling level."""
    weights: list[float]
    """(n_facts,) of the squared differences to a centre."""
    typical: dict[str, list[float]]
    """Department -> (n_facts,) its mean shape."""
    everywhere: list[float]
    """(n_facts,) the mean shape of all: of a department that is not known yet."""


def by_cluster(
    found: DataFrame,
    sales: DataFrame,
    fit: Fit,
    base: Base | None,
    *,
    as_of: date,
    horizon: int,
    config: FeaturesConfig,
) -> tuple[DataFrame, Clusters]:
    """``found`` with group_id, by cluster: of the base where the series had one, else of the nearest centre.

    Args:
        found: :func:`scaleinv.features.series.placed`.
        sales: the history.
        fit: finds the centres of some shapes, where there is no base.
        base: the night that this one is based on: its centres stand.
        as_of: the last day known.
        horizon: a hold-out is no longer than this.
        config: how many clusters, how large a group may be.
    """
    until = as_of - timedelta(days=horizon)
    days = {"first": config.first_day(as_of), "until": until}
    if base is None:
        own = own_shapes(found, sales, **days).localCheckpoint()
        clusters = learn(own, fit, sample=config.cluster_sample)
        shaped = shapes(own, clusters.typical, clusters.everywhere)
        return grouped(found.join(nearest(shaped, clusters), "unique_id"), config), clusters
    clusters = Clusters(**base.clusters)
    new = found.join(base.series, "unique_id", "left_anti").localCheckpoint()
    # Of most of them there is no sale to be looked for: then Spark does not read the history.
    old = F.broadcast(new.where(F.col("first_ds") <= F.lit(until)).select("sku_id", "location_id"))
    own = own_shapes(new, sales.join(old, ["sku_id", "location_id"], "left_semi"), **days)
    theirs = nearest(shapes(own, clusters.typical, clusters.everywhere), clusters)
    return regrouped(found.join(theirs, "unique_id", "left"), config, before=base.series), clusters


def own_shapes(found: DataFrame, sales: DataFrame, *, first: date, until: date) -> DataFrame:
    """unique_id, department, own, trust, has_sold: what each series' own days say, and how far to trust it.

    Args:
        found: a row per series: unique_id, sku_id, location_id, department, first_ds.
        sales: the history.
        first: the first day that counts.
        until: the last one.
    """
    days = sales.where(F.col("date").between(F.lit(first), F.lit(until)) & (F.col("quantity") > 0))
    units, recent = F.col("quantity"), F.col("date") > F.lit(until - timedelta(days=_YEAR))
    sums = days.groupBy("sku_id", "location_id").agg(
        F.count("*").alias("_sold"), F.count_if(recent).alias("_sold_in_year"),
        exact_sum(units).alias("_units"), exact_sum(units * units).alias("_squares"),
        *[exact_sum(F.when(F.weekday("date") == n, units)).alias(f"_w{n}") for n in range(7)],
        *[exact_sum(F.when(recent & (F.month("date") == n), units)).alias(f"_m{n}") for n in range(1, 13)],
    )  # fmt: skip
    n_days = F.greatest(F.datediff(F.lit(until), "first_ds") + 1, F.lit(0))
    sold, total = _or_zero("_sold"), _or_zero("_units")
    week, year = [[_or_zero(f"_{of}{n}") for n in numbers] for of, numbers in (("w", range(7)), ("m", range(1, 13)))]
    in_year = F.when(n_days >= _YEAR, _or_zero("_sold_in_year")).otherwise(0)
    spread = F.coalesce(F.col("_sold") * F.col("_squares") / F.nullif(total * total, F.lit(0.0)) - 1, F.lit(0.0))
    own = [
        F.log((total + 0.5) / (n_days + 1)),
        F.log((n_days + 1) / (sold + 0.5)),
        F.log1p(F.greatest(spread, F.lit(0.0))),
        *_shares(week),
        *_shares(year),
    ]
    behind = [n_days, n_days, sold, *[sold] * 7, *[in_year] * 12]
    return found.join(sums, ["sku_id", "location_id"], "left").select(
        "unique_id",
        "department",
        F.array(*own).alias("own"),
        F.array(*[n / (n + _DOUBT) for n in behind]).alias("trust"),
        (sold > 0).alias("has_sold"),
    )


def learn(own: DataFrame, fit: Fit, *, sample: int) -> Clusters:
    """The clusters of these series.

    Args:
        own: :func:`own_shapes`.
        fit: finds the centres of some shapes.
        sample: so many series at most are shown to it, drawn by a hash of their names. One that never sold has no shape
            to be learnt from.
    """
    sums = [exact_sum(F.col("own")[n] * F.col("trust")[n]).alias(f"sum_{n}") for n in range(len(IMPORTANCE))]
    trusts = [exact_sum(F.col("trust")[n]).alias(f"trust_{n}") for n in range(len(IMPORTANCE))]
    rows = own.groupBy("department").agg(*sums, *trusts).toArrow().sort_by("department")  # a row per department
    total, trust = (
        np.stack([rows[f"{name}_{n}"].to_numpy() for n in range(len(IMPORTANCE))], 1) for name in ("sum", "trust")
    )
    everywhere = _mean(total.sum(0), trust.sum(0), np.zeros(len(IMPORTANCE)))
    typical = dict(zip(rows["department"].to_pylist(), _mean(total, trust, everywhere).tolist(), strict=True))
    some = shapes(own, typical, everywhere.tolist()).where("has_sold")
    drawn = some.orderBy(F.xxhash64("unique_id"), "unique_id").limit(sample).select("shape").toArrow()["shape"]
    found = drawn.combine_chunks().flatten().to_numpy().reshape(-1, len(IMPORTANCE))
    centres, weights = fit(found, np.array(IMPORTANCE))
    return Clusters(centres.tolist(), weights.tolist(), typical, everywhere.tolist())


def shapes(own: DataFrame, typical: Mapping[str, Sequence[float]], everywhere: Sequence[float]) -> DataFrame:
    """``own`` with ``shape`` (n_facts,): what its days say and what its department says, as far as each is trusted."""
    means = pa.table({
        "department": pa.array(typical.keys(), pa.string()),
        "_typical": pa.array(typical.values(), pa.list_(pa.float64())),
    })  # fmt: skip
    known = own.join(F.broadcast(own.sparkSession.createDataFrame(means)), "department", "left")
    parts = F.arrays_zip("own", "trust", F.coalesce("_typical", _list(everywhere)).alias("typical"))
    mixed = F.transform(parts, lambda one: one.own * one.trust + one.typical * (1 - one.trust))
    return known.withColumn("shape", mixed).drop("_typical")


def nearest(shaped: DataFrame, clusters: Clusters) -> DataFrame:
    """unique_id, cluster: ``cluster_00`` on, of two that are as near the first."""

    def distance(centre: Sequence[float]) -> Column:
        squares = F.zip_with("shape", _list(centre), lambda a, b: (a - b) * (a - b))
        terms = F.zip_with(squares, _list(clusters.weights), lambda square, weight: square * weight)
        return F.aggregate(terms, F.lit(0.0), lambda total, term: total + term)

    away = F.array(*[distance(centre) for centre in clusters.centres])
    at = F.array_position(away, F.array_min(away)) - 1
    return shaped.select("unique_id", F.format_string("cluster_%02d", at).alias("cluster"))


def _mean(total: Floats, trust: Floats, otherwise: Floats) -> Floats:
    return np.where(trust > 0, total / np.where(trust > 0, trust, 1.0), otherwise)


def _shares(parts: list[Column]) -> list[Column]:
    total = sum(parts[1:], parts[0])
    return [F.when(total > 0, part / total).otherwise(0.0) for part in parts]


def _or_zero(name: str) -> Column:
    return F.coalesce(name, F.lit(0))


def _list(values: Sequence[float]) -> Column:
    return F.array(*[F.lit(float(value)) for value in values])
