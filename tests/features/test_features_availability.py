"""No feature knows what is not known yet, nor of anything that its definition does not name."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.features.retailer import AS_OF, N_DAYS, Rows, build, day, retailer

from scaleinv.schema.features import DAY_FEATURES, LAGS, NIGHT_FEATURES

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
Row = dict[str, Any]
WEEK = dt.timedelta(days=7)
EMPTY = [day(7), *[AS_OF - dt.timedelta(days=n - 1) for n in LAGS]]

OF_ALL_DAYS = ("days_since_sale", "days_on_sale")
"""Features of a whole life up to its night: they cannot be given another lag."""
PANEL = "unique_id string, ds date, sales float, y float, price float, is_stockout boolean, is_promotion boolean"
LATE = (1, 3, 7)
"""Days before as_of from which on everything is another, one history each."""


def life(name: str, seed: int, late: int) -> list[tuple[Any, ...]]:
    """Days of a panel; the ``late`` last ones are shuffled, and like none of the others."""
    chance, future = random.Random(f"{name}{seed}"), random.Random(f"{name}{seed}{late}")
    rows = []
    for ago in reversed(range(400)):
        y = 0.0 if name == "dead" else float(chance.choice([0, 1, 2, 5]))
        promoted = name != "dead" and chance.random() < 0.2
        of_day = (y, y, 2.0 + chance.random(), False, promoted)
        if ago < late:
            of_day = (y + 50, y + future.randrange(60, 90), 9.0 + future.random(), True, True)
        rows.append((f"{late}:{name}", AS_OF - dt.timedelta(days=ago), *of_day))
    return rows


@settings(max_examples=5, deadline=None)
@given(
    st.fixed_dictionaries(
        {one.name: st.sampled_from([0, *LATE]) for one in NIGHT_FEATURES if one.name not in OF_ALL_DAYS}
    ),
    st.integers(0, 1000),
)
def test_a_feature_with_a_lag_sees_no_day_after_it(spark: SparkSession, lags: Mapping[str, int], seed: int) -> None:
    from pyspark.sql import functions as F

    from scaleinv.features import measures

    names = ("quick", "slow", "dead")
    days = spark.createDataFrame(
        [row for late in (0, *LATE) for name in names for row in life(name, seed, late)], PANEL
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, lag in lags.items():
            patch.setitem(measures._LAG, name, lag)
        patch.setattr(measures, "_RECENT", measures._RECENT + max(LATE))
        facts = measures.measures(days, measures.life_sums(days), as_of=AS_OF)
        place = F.substring_index("unique_id", ":", 1)
        facts = facts.select("*", place.alias("group_id"), place.alias("category"), place.alias("location_id"))
        found = {row["unique_id"]: row.asDict() for row in measures.night_features(facts).collect()}
    for late in LATE:
        for name, lag in lags.items():
            moved = [one for one in names if found[f"{late}:{one}"][name] != found[f"0:{one}"][name]]
            n = next((n for n in LAGS if name == f"demand_lag_{n}"), 1)
            assert bool(moved) == (lag + n - 1 < late), (name, lag, late, moved)


def big_retailer() -> Rows:
    """With empty shelves, of some days, on some days by the hour, and benefits paid in the past."""
    rows = retailer()
    at = {"sku_id": "lumpy", "location_id": "S1"}
    stock = [row | {"on_hand": 0.0 if row["date"] in EMPTY else 9.0} for row in rows["stock"]]
    stock += [row | at | {"on_hand": 9.0} for row in stock]
    hours = [
        at | {"date": day(n), "sales": [float(hour in (9, 18)) for hour in range(24)],
              "is_stockout": [n % 6 == 0 and hour > 15 for hour in range(24)]}
        for n in range(0, N_DAYS, 2)
    ]  # fmt: skip
    calendar = [{"region": "N", "date": day(30), "event": None, "is_benefit_day": True}, *rows["calendar"]]
    regular = rows["prices"][-1] | {"valid_from": day(0), "price": 3.0}
    more = {"stock": stock, "hourly_sales": hours, "calendar": calendar, "prices": [regular, *rows["prices"]]}
    return rows | more


CHANGES: dict[str, Callable[[Row], Row]] = {
    "sales": lambda row: {"quantity": 0.0 if row["date"] in (AS_OF, day(45)) else 3 * row["quantity"] + 1},
    "stock": lambda row: {"on_hand": 9.0 - row["on_hand"]},
    "hourly_sales": lambda row: {"sales": [9.0 * (hour == 9) for hour in range(24)],
                                 "is_stockout": [hour > 9 for hour in range(24)]},
    "prices": lambda row: {
        "valid_from": row["valid_from"] + (1 if row["is_promotion"] else 3) * WEEK,
        "valid_to": row["valid_to"] + 3 * WEEK, "price": 4 * row["price"], "promotion_type": "coupon",
    },
    "items": lambda row: {"unit_price": 7.0, "category": row["sku_id"], "min_order_quantity": 5.0},
    "calendar": lambda row: {"event": "Fair", "is_benefit_day": not row["is_benefit_day"], "date": row["date"] + WEEK},
    "weather": lambda row: {"temperature": 30.0, "precipitation": 4.0},
    "purchase_orders": lambda row: {"quantity": 50.0},
    "vendors": lambda row: {"review_period": 9, "currency": "USD"},
    "lead_times": lambda row: {"lead_time": 1 + row["lead_time"]},
}  # fmt: skip
"""Silver table -> what every row of it could say instead, of the same days of the same lives."""


def told(gold: Mapping[str, pa.Table]) -> dict[str, list[Any]]:
    """Feature -> its values, of all series (and days)."""
    tables = {"gold/panel": DAY_FEATURES, "gold/features": NIGHT_FEATURES}
    return {one.name: gold[name][one.name].to_pylist() for name, features in tables.items() for one in features}


def test_a_feature_is_made_of_its_sources_and_of_nothing_else(spark: SparkSession) -> None:
    rows = big_retailer()
    then = told(build(spark, rows))
    old = [one for one in (*DAY_FEATURES, *NIGHT_FEATURES) if one.name != "demand_lag_364"]  # it is younger than a year
    wrong = []
    for name, change in CHANGES.items():
        now = told(build(spark, rows | {name: [row | change(row) for row in rows[name]]}))
        for feature in old:
            if (now[feature.name] != then[feature.name]) != (name in feature.sources):
                wrong.append((feature.name, name))
    assert wrong == [("days_on_sale", "sales")], "it is the life that they bound"


def test_what_is_announced_is_not_in_what_was_seen(spark: SparkSession) -> None:
    """Of the days ahead only they know; but how far the next event is, is known before it."""
    rows = big_retailer()
    then = build(spark, rows)
    ahead = AS_OF + dt.timedelta(days=1)
    rows["prices"] = [
        *[row | {"valid_to": min(row["valid_to"], AS_OF)} for row in rows["prices"]],
        *[row | {"valid_from": ahead, "price": 9.0, "is_promotion": True} for row in rows["prices"][-1:]],
    ]
    rows["calendar"] = [row for row in rows["calendar"] if row["date"] <= AS_OF]
    rows["calendar"] += [{"region": "N", "date": ahead, "event": "Strike", "is_benefit_day": True}]
    rows["weather"] = [*rows["weather"], rows["weather"][0] | {"date": ahead, "temperature": 40.0}]
    now = build(spark, rows)
    for name in ("gold/series", "gold/features", "gold/stock_position", "gold/lead_times"):
        assert now[name].equals(then[name]), name
    seen = [gold["gold/panel"].filter(pc.field("ds") <= AS_OF).drop_columns("days_to_event") for gold in (now, then)]
    assert seen[0].equals(seen[1])
    names = ("price", "is_promotion", "event", "is_benefit_day", "days_to_event", "temperature")
    (tomorrow,) = [
        row for row in now["gold/panel"].to_pylist() if (row["unique_id"], row["ds"]) == ("steady@S1", ahead)
    ]
    assert [tomorrow[name] for name in names] == [9.0, True, "Strike", True, 0, 40.0]
