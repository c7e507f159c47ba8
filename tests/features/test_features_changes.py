"""Two panels as one, against a dictionary."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

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


@pytest.mark.parametrize("few", [1_000_000, 3])
def test_of_a_day_that_both_have_the_later_one_stands(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    from scaleinv.features import overlaid

    monkeypatch.setattr("scaleinv.features.changes._FEW", few)
    days = [START + dt.timedelta(days=n) for n in range(N_DAYS + 1)]
    before = {(name, days[n]): 1 for name in AGAIN if name != "new" for n in range(N_DAYS)}
    rows = {(name, days[n]): 2 for name, again in AGAIN.items() for n in [*again, N_DAYS]}
    frames = [
        spark.createDataFrame([(name, day, y) for (name, day), y in panel.items()], "unique_id string, ds date, y int")
        for panel in (before, rows)
    ]
    found = overlaid(*frames, until=days[N_DAYS - 1]).collect()
    assert len(found) == len(before | rows)
    assert {(row["unique_id"], row["ds"]): row["y"] for row in found} == before | rows
