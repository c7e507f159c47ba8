"""Two panels as one, against a dictionary; and what one night adds to the sums of another, against sums made anew."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark
START = dt.date(2026, 1, 1)
N_DAYS = 8
AGAIN = {
    "whole": range(N_DAYS),
    "tail": range(5, N_DAYS),
    "tail and a day": [1, *range(5, N_DAYS)],
    "not the last": [2, 3],
    "nothing": [],
    "new": range(3, N_DAYS),
}
"""Series -> days that are made anew."""
PANEL = (
    "unique_id string, ds date, sales float, y float, price float, is_stockout boolean, is_promotion boolean, "
    "group_id string"
)


def day(n: int) -> dt.date:
    return START + dt.timedelta(days=n)


@pytest.mark.parametrize("few", [1_000_000, 3])
def test_of_a_day_that_both_have_the_later_one_stands(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("scaleinv.features.changes._FEW", few)
    before = {(name, day(n)): 1 for name in AGAIN if name != "new" for n in range(N_DAYS)}
    rows = {(name, day(n)): 2 for name, again in AGAIN.items() for n in [*again, N_DAYS]}
    frames = [
        spark.createDataFrame([(name, day, y) for (name, day), y in panel.items()], "unique_id string, ds date, y int")
        for panel in (before, rows)
    ]
    found = overlaid(*frames, until=day(N_DAYS - 1)).collect()
    assert len(found) == len(before | rows)
    assert {(row["unique_id"], row["ds"]): row["y"] for row in found} == before | rows


def overlaid(before: DataFrame, rows: DataFrame, *, until: dt.date) -> DataFrame:
    """Both panels as one."""
    from scaleinv.features.changes import replaced

    return replaced(before, rows, until=until).where("not is_replaced").drop("is_replaced").unionByName(rows)


def row(name: str, n: int, units: float, *, short: bool = False) -> tuple[Any, ...]:
    units = float(units)
    return (name, day(n), units, units + 0.37 * short, 2.0 + n % 3, short, n % 5 == 0, "g")


def test_sums_of_a_life_that_goes_on_are_those_of_its_days(spark: SparkSession) -> None:
    from scaleinv.features.changes import replaced
    from scaleinv.features.measures import life_sums, measures, moved_measures

    chance = random.Random(7)
    n_days, first = 400, 3
    before = {
        (name, n): row(name, n, chance.choice([0, 0, 1, 4.25]), short=chance.random() < 0.1)
        for name in ("moves", "corrected")
        for n in range(n_days)
    }
    # Its last sale is out of the panel by now.
    before |= {("gone", n): row("gone", n, n < first) for n in range(n_days)}
    before |= {("quiet", n): row("quiet", n, n in (100, 390)) for n in range(n_days)}
    rows = {(name, n_days): row(name, n_days, 0) for name in ("gone", "quiet")}
    rows |= {(name, n_days): row(name, n_days, 3) for name in ("moves", "corrected", "new")}
    rows |= {("quiet", 390): row("quiet", 390, 2)}
    rows |= {("corrected", n): row("corrected", n, 2.5, short=n % 2 == 0) for n in (0, 2, 200, 398)}
    as_of, until = day(n_days), day(n_days - 1)
    old, new = (spark.createDataFrame([*panel.values()], PANEL) for panel in (before, rows))
    moved = moved_measures(
        new, replaced(old, new, until=until), life_sums(old), first=day(first), as_of=as_of
    ).collect()
    panel = overlaid(old.where(f"ds >= DATE'{day(first)}'"), new, until=until)
    whole = measures(panel, life_sums(panel), as_of=as_of).collect()
    found = {one["unique_id"]: one.asDict() for one in moved}
    made = {one["unique_id"]: one.asDict() for one in whole}
    assert found.keys() == made.keys() == {"moves", "corrected", "gone", "quiet", "new"}
    assert made["gone"]["days_since_sale"] is None
    for name in made:
        assert found[name] == made[name], name
