"""Demand of censored days: what must always hold, and a seeded retailer whose true demand is known."""

from __future__ import annotations

import datetime as dt
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.config import SyntheticConfig
from scaleinv.errors import DataError
from scaleinv.features.estimate import estimate
from scaleinv.synthetic import shelf
from scaleinv.synthetic.block import Block, simulate_block

START = dt.date(2026, 1, 5)


def tight(seed: int) -> Block:
    """A retailer that orders too late and too little."""
    with patch.multiple(shelf, REORDER_DAYS=2.5, COVER_DAYS=10.0, SHELF_MINIMUM=1):
        return simulate_block(SyntheticConfig(seed=seed, n_skus=60, n_locations=5, n_days=300), 0)


def rows_of(block: Block) -> pa.Table:
    series, day = np.nonzero(block.listed)
    names = np.char.partition(block.unique_id, "@")
    return pa.table(
        {
            "sku_id": pa.array(names[series, 0]),
            "location_id": pa.array(names[series, 2]),
            "date": pa.array(block.days[day].astype("datetime64[D]"), pa.date32()),
            "sales": pa.array(block.sales[series, day], pa.float32()),
            "is_stockout": block.on_hand[series, day] <= 0,
            "is_promotion": block.is_promotion[series, day],
            "hour_sales": pa.nulls(len(day), pa.list_(pa.float32())),
            "hour_stockout": pa.nulls(len(day), pa.list_(pa.bool_())),
        }
    )


def some(
    sales: list[float], short: list[int], *, sku: str = "a", hours: dict[int, list[int]] | None = None
) -> pa.Table:
    """One series; ``short`` days ended without stock; ``hours``: day -> hours without stock, sales lie at noon."""
    n, hours = len(sales), hours or {}
    records = {day: [sales[day] if hour == 12 else 0.0 for hour in range(24)] for day in hours}
    empty = {day: [hour in gone for hour in range(24)] for day, gone in hours.items()}
    return pa.table(
        {
            "sku_id": [sku] * n,
            "location_id": ["S"] * n,
            "date": pa.array([START + dt.timedelta(days=i) for i in range(n)], pa.date32()),
            "sales": pa.array(sales, pa.float32()),
            "is_stockout": [i in short for i in range(n)],
            "is_promotion": [False] * n,
            "hour_sales": pa.array([records.get(i) for i in range(n)], pa.list_(pa.float32())),
            "hour_stockout": pa.array([empty.get(i) for i in range(n)], pa.list_(pa.bool_())),
        }
    )


@pytest.mark.parametrize("seed", [7, 8])
def test_total_demand_is_right_where_sales_are_far_too_low(seed: int) -> None:
    block = tight(seed)
    rows = rows_of(block)
    found = estimate(rows)
    sold, wanted = float(block.sales.sum()), float(block.true_demand.sum())
    short = np.asarray(rows["sales"])[np.asarray(rows["is_stockout"])].sum()
    total = sold - short + np.asarray(found["y"], np.float64).sum()
    assert -0.30 < sold / wanted - 1 < -0.10
    assert abs(total / wanted - 1) < 0.02


def test_hours_give_the_total_too() -> None:
    """Stock that has nothing to do with the day's demand runs out on the busy ones, in 60 series over 90 days."""
    random = np.random.default_rng(6)
    n, days, hour = 60, 90, np.arange(24)
    level = random.gamma(1.5, 4.0, n) + 0.5
    series, day = np.repeat(np.arange(n), days), np.tile(np.arange(days), n)
    course = np.exp(-0.5 * ((hour - 13) / 4) ** 2)
    rate = level[series] * random.gamma(3.0, 1 / 3.0, n * days)
    wanted = random.poisson(rate[:, None] * course / course.sum())
    stock = np.where(random.random(n * days) < 0.5, 10_000, random.poisson(level[series]))
    sold = np.clip(stock[:, None] - (wanted.cumsum(1) - wanted), 0, wanted)
    rows = pa.table(
        {
            "sku_id": pa.array(series.astype(str).tolist()),
            "location_id": pa.array((series % 2).astype(str).tolist()),
            "date": pa.array(np.datetime64(START) + day, pa.date32()),
            "sales": pa.array(sold.sum(1), pa.float32()),
            "is_stockout": np.zeros(n * days, bool),
            "is_promotion": np.zeros(n * days, bool),
            "hour_sales": pa.array(sold.tolist(), pa.list_(pa.float32())),
            "hour_stockout": pa.array((wanted.cumsum(1) >= stock[:, None]).tolist(), pa.list_(pa.bool_())),
        }
    )
    key = ["sku_id", "location_id", "date"]
    found = estimate(rows).join(rows.select([*key, "sales"]), key)
    added = np.asarray(found["y"], np.float64).sum() - np.asarray(found["sales"], np.float64).sum()
    assert -0.30 < sold.sum() / wanted.sum() - 1 < -0.10
    assert abs((sold.sum() + added) / wanted.sum() - 1) < 0.02


def test_what_was_listed_for_years_before_anything_was_sold_changes_no_total() -> None:
    """Estimates reached 10^15 units: all levels began at nothing, so weekdays and promotions took all the surprise."""
    block = tight(7)
    rows = rows_of(block)
    n = 700
    before = pa.array(block.days[0] - np.arange(n, 0, -1), pa.date32())
    old = pa.concat_tables(
        some([0.0] * n, [], sku=f"old{number}")
        .set_column(2, "date", before)
        .set_column(1, "location_id", [[place] * n])
        for number, place in enumerate(sorted(set(rows["location_id"].to_pylist())))
    )
    alone, found = estimate(rows), estimate(pa.concat_tables([rows, old]))
    assert not set(found["sku_id"].to_pylist()) & {f"old{number}" for number in range(5)}
    total, before_it = (np.asarray(one["y"], np.float64).sum() for one in (found, alone))
    assert total == pytest.approx(before_it, rel=0.01)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 200))
def test_nothing_is_estimated_above_ten_times_the_best_day(seed: int, n_series: int, n_before: int) -> None:
    """However often shelves run empty, and whatever was listed before: lower bounds alone have no likeliest level."""
    random = np.random.default_rng(seed)
    n_days = n_before + 60
    sales = random.poisson(random.gamma(0.3, 3.0, (n_series, n_days))) * random.choice([1, 6, 12], (n_series, 1))
    sales[:, :n_before] = 0
    short = random.random((n_series, n_days)) < random.uniform(0, 1, (n_series, 1))
    rows = pa.concat_tables(
        some(sales[number].astype(float).tolist(), np.flatnonzero(short[number]).tolist(), sku=f"s{number}")
        for number in range(n_series)
    )
    found = estimate(rows)
    best = dict(zip((f"s{number}" for number in range(n_series)), sales.max(axis=1), strict=True))
    # Before its first sale a series stands at the mean of all.
    most = np.maximum(np.array([best[sku] for sku in found["sku_id"].to_pylist()]), sales.mean() + sales.max())
    assert (np.asarray(found["y"]) <= 10 * most + 1e-3).all()
    assert np.isfinite(np.asarray(found["y_sd"])).all()


def test_estimates_lie_nearer_to_the_truth_than_sales_do() -> None:
    block = tight(7)
    rows = rows_of(block).append_column("truth", pa.array(block.true_demand[np.nonzero(block.listed)], pa.float32()))
    found = estimate(rows.drop("truth")).join(rows.select(["sku_id", "location_id", "date", "sales", "truth"]), [
        "sku_id", "location_id", "date",
    ])  # fmt: skip
    y, sales, truth = (np.asarray(found[name]) for name in ("y", "sales", "truth"))
    assert (y >= sales).all()
    assert np.abs(y - truth).mean() < 0.75 * np.abs(sales - truth).mean()
    assert set(found["demand_method"].to_pylist()) == {"daily_likelihood", "unknown"}
    inside = np.abs(truth - y) < 2 * np.asarray(found["y_sd"])
    assert 0.85 < inside.mean() < 0.99


def test_rows_may_come_in_any_order() -> None:
    rows = rows_of(tight(7))
    shuffled = rows.take(np.random.default_rng(0).permutation(rows.num_rows))
    key = [("sku_id", "ascending"), ("location_id", "ascending"), ("date", "ascending")]
    assert estimate(shuffled).sort_by(key).equals(estimate(rows).sort_by(key))


def test_no_later_day_reaches_an_estimate() -> None:
    """A backtest that reads the estimates of a longer history sees no more than it may."""
    rows = rows_of(tight(7))
    cut = START.replace(year=2022, month=8, day=1)
    past = rows.filter(pa.compute.less_equal(rows["date"], pa.scalar(cut)))
    found = estimate(rows)
    found = found.filter(pa.compute.less_equal(found["date"], pa.scalar(cut)))
    assert found.equals(estimate(past))
    assert found.num_rows > 1000


def test_a_day_that_sold_out_was_worth_more_and_an_empty_shelf_the_usual() -> None:
    sales = [10.0, 9, 11, 10, 12, 8, 10] * 20
    sales[100], sales[120] = 14.0, 0.0
    sold_out, empty = estimate(some(sales, [100, 120])).to_pylist()
    assert 14.5 < sold_out["y"] < 19
    assert 9 < empty["y"] < 11
    assert empty["y_sd"] > sold_out["y_sd"] > 0


def test_long_empty_shelves_teach_nothing() -> None:
    """After 60 days without stock the level is what it was; zeros would have pulled it down."""
    sales = [6.0, 4, 5, 5, 6, 4, 5] * 20 + [0.0] * 60
    found = estimate(some(sales, list(range(140, 200))))
    assert np.asarray(found["y"])[-7:].mean() == pytest.approx(5, rel=0.1)


def test_what_was_never_in_stock_stays_unknown() -> None:
    both = pa.concat_tables([some([5.0] * 60, []), some([0.0] * 60, list(range(60)), sku="never")])
    found = estimate(both)
    assert found["y"].to_pylist() == [0.0] * 60
    assert set(found["demand_method"].to_pylist()) == {"unknown"}
    assert min(found["y_sd"].to_pylist()) > 0


def test_hours_overrule_the_evening_stock() -> None:
    """Shops that sell at noon: a shelf empty after closing hides nothing, one empty all day hides all."""
    n = 90
    hours = {i: [] for i in range(n)} | {50: [21, 22, 23], 60: list(range(24)), 70: [12, 13]}
    sales = [5.0] * n
    sales[60] = 0.0
    found = {row["date"]: row for row in estimate(some(sales, [50, 60], hours=hours)).to_pylist()}
    after, all_day, ran_out = (found[START + dt.timedelta(days=i)] for i in (50, 60, 70))
    assert (after["demand_method"], after["y"], after["y_sd"]) == ("observed", 5.0, 0.0)
    assert all_day["demand_method"] == ran_out["demand_method"] == "hourly_profile"
    assert all_day["y"] == pytest.approx(5, rel=0.1)
    assert ran_out["y"] > 5


@pytest.mark.parametrize("share", [0.2, 0.6])
@pytest.mark.parametrize("seed", range(4))
def test_hours_and_tills_that_contradict_each_other_are_no_reason_to_run_away(seed: int, share: float) -> None:
    """Shelves that are empty from three o'clock in the night on, and a day that sold sixty times what it sells."""
    random = np.random.default_rng(seed)
    parts = []
    for sku in "abcdef":
        sales = random.choice([0, 1, 2, 3, 7], 90) + random.integers(40, 70, 90) * (random.random(90) < share)
        short = np.flatnonzero(random.random(90) < share / 2)
        days = [*range(0, 90, 2)] if sku in "ab" else []
        hours = {day: [*range(3, 24)] if random.random() < share else [] for day in days}
        part = some(sales.astype(float).tolist(), short.tolist(), sku=sku, hours=hours)
        # They know of two sales a day, and of none where the shelf was empty.
        known = [[float(h in (9, 18) and h not in hours[day]) for h in range(24)] if day in hours else None
                 for day in range(90)]  # fmt: skip
        at = part.schema.get_field_index("hour_sales")
        parts.append(part.set_column(at, "hour_sales", pa.array(known, pa.list_(pa.float32()))))
    rows = pa.concat_tables(parts)
    found = estimate(rows)
    y = np.asarray(found["y"], np.float64)
    assert np.isfinite(y).all()
    assert y.max() < 10 * np.asarray(rows["sales"]).max()


def test_a_day_of_other_than_24_hours_is_refused() -> None:
    rows = some([5.0] * 3, [], hours={1: [4]})
    short = pa.array([None, [1.0] * 23, None], pa.list_(pa.float32()))
    with pytest.raises(DataError, match="24 hours") as caught:
        estimate(rows.set_column(6, "hour_sales", short))
    assert "a/S/2026-01-06" in str(caught.value)


def test_the_unit_does_not_matter_to_hours() -> None:
    """Every third day sells out at noon; in tenths of a unit the same comes out as in whole ones."""
    random = np.random.default_rng(3)
    n = 120
    sold = random.poisson(np.full((n, 24), 2.0)).astype(float)
    out = np.arange(24) >= np.where(np.arange(n) % 3 == 0, 12, 24)[:, None]
    sold[out] = 0

    def found(unit: float) -> np.ndarray:
        rows = some((unit * sold.sum(1)).tolist(), [])
        rows = rows.set_column(6, "hour_sales", pa.array((unit * sold).tolist(), pa.list_(pa.float32())))
        rows = rows.set_column(7, "hour_stockout", pa.array(out.tolist(), pa.list_(pa.bool_())))
        return np.asarray(estimate(rows)["y"])

    whole = found(1.0)
    assert whole.mean() == pytest.approx(48, rel=0.1)
    assert found(0.1) * 10 == pytest.approx(whole, rel=0.05)
