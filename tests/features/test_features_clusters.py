"""Shapes and nearest centres in Spark against NumPy on a small assortment of known kinds."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from scaleinv.config import FeaturesConfig
from scaleinv.forecast.clusters import centres

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

UNTIL = dt.date(2026, 3, 1)
N_DAYS, HORIZON = 400, 14
AS_OF = UNTIL + dt.timedelta(days=HORIZON)
FIRST = UNTIL - dt.timedelta(days=N_DAYS - 1)
DATES = [FIRST + dt.timedelta(days=n) for n in range(N_DAYS)]
CONFIG = FeaturesConfig(group_by="cluster", clusters=3, history_days=N_DAYS + HORIZON)
KINDS = {"daily": 6, "weekend": 5, "rare": 4}
Units = dict[str, np.ndarray]


def units() -> Units:
    """Per series what it sold on each day: three kinds, one that never sold and one that is new."""
    rng = np.random.default_rng(11)
    weekend = np.array([date.weekday() >= 5 for date in DATES])
    made = {f"daily{n}": 20.0 + rng.integers(0, 4, N_DAYS) for n in range(KINDS["daily"])}
    made |= {f"weekend{n}": weekend * (3.0 + rng.integers(0, 2, N_DAYS)) for n in range(KINDS["weekend"])}
    made |= {f"rare{n}": (rng.random(N_DAYS) < 0.02) * 1.0 for n in range(KINDS["rare"])}
    made["never"] = np.zeros(N_DAYS)
    made["new"] = np.where(np.arange(N_DAYS) < N_DAYS - 2, 0.0, 50.0)
    return made


def frames(spark: SparkSession, sold: Units, *, parts: int = 2) -> tuple[DataFrame, DataFrame]:
    """A row per series, and the sales; after ``UNTIL`` wild ones, which nobody may see."""
    key = {"location_id": "S1"}
    found = [
        key | {"unique_id": f"{name}@S1", "sku_id": name, "department": "other" if name.startswith("rare") else "most",
               "first_ds": DATES[-2] if name == "new" else FIRST}
        for name in sold
    ]  # fmt: skip
    sales = [
        key | {"sku_id": name, "date": date, "quantity": float(q)}
        for name, days in sold.items()
        for date, q in zip(DATES, days, strict=True)
        if q
    ]
    sales += [key | {"sku_id": name, "date": AS_OF, "quantity": 900.0} for name in sold]
    return tuple(spark.createDataFrame(pa.Table.from_pylist(rows)).repartition(parts) for rows in (found, sales))  # type: ignore[return-value]


def fit(shapes: np.ndarray, importance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return centres(shapes, importance, n_clusters=CONFIG.clusters)


def grouping(found: DataFrame, sales: DataFrame, **more: Any) -> tuple[dict[str, str], Any]:
    from scaleinv.features import by_cluster

    options = {"base": None, "as_of": AS_OF, "horizon": HORIZON, "config": CONFIG} | more
    rows, clusters = by_cluster(found, sales, fit, **options)
    return {row["sku_id"]: row["group_id"] for row in rows.select("sku_id", "group_id").collect()}, clusters


def own(days: np.ndarray, n_days: int) -> tuple[list[float], list[float]]:
    """What a person would compute of one series: facts, and how many days are behind each."""
    sold, total = int((days > 0).sum()), days.sum()
    sizes = days[days > 0]
    year = days[-365:]
    week = [sum(q for q, date in zip(days, DATES, strict=True) if date.weekday() == n) for n in range(7)]
    months = [sum(q for q, date in zip(year, DATES[-365:], strict=True) if date.month == n) for n in range(1, 13)]
    cv2 = float(sizes.var() / sizes.mean() ** 2) if sold else 0.0
    facts = [np.log((total + 0.5) / (n_days + 1)), np.log((n_days + 1) / (sold + 0.5)), np.log1p(cv2)]
    facts += [q / max(total, 1e-9) for q in week] + [q / max(year.sum(), 1e-9) for q in months]
    in_year = int((year > 0).sum()) if n_days >= 365 else 0
    return facts, [n_days, n_days, sold, *[sold] * 7, *[in_year] * 12]


def test_shapes_are_shrunk_to_their_department(spark: SparkSession) -> None:
    from scaleinv.features.clusters import learn, own_shapes, shapes

    sold = units()
    found, sales = frames(spark, sold)
    mine = own_shapes(found, sales, first=FIRST, until=UNTIL).localCheckpoint()
    clusters = learn(mine, fit, sample=100)
    rows = {row["unique_id"]: row for row in shapes(mine, clusters.typical, clusters.everywhere).collect()}
    facts, days = (
        np.array(part)
        for part in zip(*[own(q, 2 if name == "new" else N_DAYS) for name, q in sold.items()], strict=True)
    )
    trust = days / (days + 28)
    rare = np.array([name.startswith("rare") for name in sold])
    for name, fact, weight, is_rare in zip(sold, facts, trust, rare, strict=True):
        peers = rare == is_rare
        typical = (facts * trust)[peers].sum(0) / trust[peers].sum(0)
        assert rows[f"{name}@S1"]["shape"] == pytest.approx(fact * weight + typical * (1 - weight), abs=1e-5), name
    assert {name for name, row in rows.items() if not row["has_sold"]} == {"never@S1"}


def test_kinds_are_groups_and_the_nearest_centre_is_numpys(spark: SparkSession) -> None:
    from scaleinv.features.clusters import own_shapes, shapes

    found, sales = frames(spark, units())
    groups, clusters = grouping(found, sales)
    by_kind = {kind: {groups[f"{kind}{n}"] for n in range(size)} for kind, size in KINDS.items()}
    assert by_kind == {"daily": {"cluster_00-00"}, "weekend": {"cluster_01-00"}, "rare": {"cluster_02-00"}}
    mine = own_shapes(found, sales, first=FIRST, until=UNTIL)
    shaped = shapes(mine, clusters.typical, clusters.everywhere).select("unique_id", "shape").toArrow()
    shape = shaped["shape"].combine_chunks().flatten().to_numpy().reshape(shaped.num_rows, -1)
    away = (((shape[:, None] - np.array(clusters.centres)) ** 2) * np.array(clusters.weights)).sum(-1)
    expected = [f"cluster_{n:02d}-00" for n in away.argmin(1)]
    assert [groups[name.split("@")[0]] for name in shaped["unique_id"].to_pylist()] == expected


def test_order_and_partitioning_of_rows_change_nothing(spark: SparkSession) -> None:
    sold = units()
    groups, clusters = grouping(*frames(spark, sold))
    mixed = {name: sold[name] for name in reversed(sold)}
    again, same = grouping(*frames(spark, mixed, parts=5))
    assert (again, same) == (groups, clusters)


def test_a_sample_is_drawn_by_name(spark: SparkSession) -> None:
    from scaleinv.features.clusters import learn, own_shapes

    drawn: list[np.ndarray] = []

    def watched(shapes: np.ndarray, importance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        drawn.append(shapes)
        return fit(shapes, importance)

    for parts in (1, 5):
        found, sales = frames(spark, units(), parts=parts)
        learn(own_shapes(found, sales, first=FIRST, until=UNTIL), watched, sample=6)
    assert drawn[0].shape == (6, 22)
    assert (drawn[0] == drawn[1]).all()


def test_without_a_day_to_look_at_there_is_one_cluster(spark: SparkSession) -> None:
    found, sales = frames(spark, units())
    groups, _ = grouping(found, sales, as_of=FIRST)
    assert set(groups.values()) == {"cluster_00-00"}


def test_a_night_that_is_based_on_another_keeps_its_groups(spark: SparkSession) -> None:
    """Known series stay where they are; new ones go to the nearest centre, and to a shard that there is."""
    from scaleinv.features import Base

    sold = units()
    found, sales = frames(spark, sold)
    _, clusters = grouping(found, sales)
    before = {name: f"cluster_0{n % 2}-0{n % 3}" for n, name in enumerate(sold) if name not in ("rare0", "daily0")}
    series = spark.createDataFrame([(f"{name}@S1", group) for name, group in before.items()], "unique_id string, group_id string")  # fmt: skip # noqa: E501
    base = Base(AS_OF, series, series, {}, {}, vars(clusters))
    groups, same = grouping(found, sales, base=base, as_of=AS_OF + dt.timedelta(days=3))
    assert same == clusters
    assert {name: groups[name] for name in before} == before
    assert groups["rare0"] == "cluster_02-00"
    assert groups["daily0"] in {f"cluster_00-0{n}" for n in range(3)}
