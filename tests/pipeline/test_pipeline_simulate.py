"""``scaleinv simulate`` on a lake that this process wrote, against the simulator called by hand."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.pipeline.limited_night import NAMES, VENDORS, made, nan
from tests.pipeline.test_pipeline_groups import AS_OF

from scaleinv.errors import ConfigError
from scaleinv.inventory import Simulation, simulate
from scaleinv.pipeline import simulate as command
from scaleinv.pipeline.arrays import Distributions
from scaleinv.pipeline.simulate import Question, demand_of, forecast_paths, simulated, told
from scaleinv.pipeline.terms import name_keys
from scaleinv.pipeline.walk import Walk

DAYS = [AS_OF - dt.timedelta(days=n) for n in range(55, -1, -1)]
QUESTION = Question(replications=3, by="category")
LEAD = np.array([[0, 0, 0.3, 0.4, 0.3], [0, 0, 0, 1.0, 0]])
KEY = np.array([5, 6], dtype=np.uint64)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    return made(tmp_path_factory.mktemp("night"))


def by_hand(walk: Walk, which: Sequence[int] = range(len(NAMES)), **changes: Any) -> Simulation:
    """Tonight's policies on the panel; every evening is a review, a pack is 2."""
    chosen = [NAMES[at] for at in which]
    demand = {(row["unique_id"], row["ds"]): row["y"] for row in walk.read("gold/panel").to_pylist()}
    policies = {row["unique_id"]: row for row in walk.read("gold/policies").to_pylist()}
    point, up_to = (
        np.array([[policies[name][level]] for name in chosen]) for level in ("reorder_point", "order_up_to_level")
    )
    n = len(chosen)
    vendor = np.array([0 if VENDORS[at] == "V1" else 1 for at in which])
    options = {"lead": LEAD, "limit": None, "can_order": None, "can_receive": None} | changes
    return simulate(
        np.array([[demand[name, day] for day in DAYS] for name in chosen]), point, up_to, np.zeros(56, int),
        np.full(n, 2.0), np.full(n, 2.0), options["lead"], vendor, np.ones(n, int), n_warmup=14,
        key=name_keys(np.array(chosen)), seed=walk.config.inventory.seed, n_replications=3,
        limit=options["limit"], can_order=options["can_order"], can_receive=options["can_receive"],
    )  # fmt: skip


def agrees(row: dict[str, Any], expected: Simulation, rows: Sequence[int] | slice = slice(None)) -> None:
    demand, lost = expected.demand[rows].sum(), expected.lost[rows].sum()
    assert row["n_series"] == len(expected.demand[rows])
    assert row["demand"] == pytest.approx(demand)
    assert row["fill_rate"] == pytest.approx(1 - lost / demand)
    low, high = row["fill_rate_interval"]
    assert low <= row["fill_rate"] <= high
    assert row["on_hand"] == pytest.approx(expected.mean_on_hand[rows].sum())
    assert row["orders"] == pytest.approx(expected.order_lines[rows].sum())
    cycles = expected.cycles[rows].sum()
    assert row["cycle_service_level"] == pytest.approx(1 - expected.cycles_short[rows].sum() / cycles)


def test_it_is_the_simulator_on_tonight_s_policies(plain: Walk) -> None:
    every, dry, fresh = simulated(plain, QUESTION)
    expected = by_hand(plain)
    assert 0 < expected.lost.sum() < 0.2 * expected.demand.sum()
    assert [row["series"] for row in (every, dry, fresh)] == ["all", "category dry", "category fresh"]
    agrees(every, expected)
    agrees(dry, expected, slice(0, None, 2))
    agrees(fresh, expected, slice(1, None, 2))
    cost = np.arange(2.0, 14.0)
    assert every["stock_value"] == pytest.approx(expected.mean_on_hand @ cost)
    assert every["costs"]["stockout"] == pytest.approx(expected.lost @ (4.0 + 2 * np.arange(12) - cost) / 42)
    assert every["n_held"] == 0
    assert "Left out" not in told([every, dry, fresh], QUESTION)


@pytest.mark.parametrize("demand", ["past", "forecast"])
def test_neither_the_order_of_groups_nor_that_of_series_matters(
    plain: Walk, demand: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Question(demand=demand_of(demand), warmup=7, replications=4, by="abc_class")
    before = simulated(plain, question)
    parts = list(command.groups(plain))
    assert len(parts) == 2
    monkeypatch.setattr(command, "groups", lambda walk: reversed(parts))
    for row, was in zip(simulated(plain, question), before, strict=True):
        assert row.keys() == was.keys()
        for key, value in was.items():
            assert row[key] == (value if isinstance(value, str) else pytest.approx(value)), key


@pytest.mark.parametrize("demand", ["past", "forecast"])
def test_bad_rows_are_left_out_and_counted(plain: Walk, tmp_path: Path, demand: str) -> None:
    walk = made(
        tmp_path,
        forecasts={0: nan},
        series={3: {"unit_cost": math.nan}, 4: {"order_multiple": 0.0}, 9: {"review_period": 0}, 11: {"unit_cost": -1}},
    )
    question = Question(demand=demand_of(demand), warmup=7 if demand == "forecast" else 14, replications=3, by="sku_id")
    found = {row["series"].removeprefix("sku_id "): row for row in simulated(walk, question)}
    clean = {row["series"].removeprefix("sku_id "): row for row in simulated(plain, question)}
    bad = {f"s{at:02}" for at in (0, 3, 4, 9, 11)}
    for name, row in found.items():
        if name in bad:
            assert (row["n_series"], row["n_held"], row["fill_rate"], row["days_short"]) == (0, 1, None, None)
        elif name != "all":
            assert row == clean[name]
    assert (found["all"]["n_series"], found["all"]["n_held"]) == (7, 5)
    assert "Left out: 5 series that nothing is ordered of" in told(list(found.values()), question)
    if demand == "past":
        agrees(found["all"], by_hand(walk, [1, 2, 5, 6, 7, 8, 10]))


def test_a_vendor_whose_lead_times_are_none_holds_its_series_only(tmp_path: Path) -> None:
    walk = made(tmp_path, lead_times={"V2": [0, 0, math.nan, 1.0, 0]})
    every = simulated(walk, QUESTION)[0]
    assert (every["n_series"], every["n_held"]) == (8, 4)
    agrees(every, by_hand(walk, [at for at in range(12) if VENDORS[at] == "V1"]))


def test_a_limit_of_stock_binds_here_too(plain: Walk, tmp_path: Path) -> None:
    walk = made(tmp_path, "inventory.limits.max_stock=21")
    every = simulated(walk, QUESTION)[0]
    agrees(every, by_hand(walk, limit=np.full(12, 21.0)))
    loose = by_hand(walk)
    assert every["fill_rate"] < 1 - loose.lost.sum() / loose.demand.sum()  # the order, not the level alone, is cut


@pytest.mark.parametrize("late", [False, True])
def test_a_calendar_s_evenings_and_mornings(tmp_path: Path, late: bool) -> None:
    """V1 takes orders on Mondays and Thursdays and delivers on Fridays, but not on a holiday; V2 as it is reviewed."""
    holiday = dt.date(2026, 1, 5)
    walk = made(
        tmp_path,
        "inventory.calendars={V1: {order_days: [monday, thursday], delivery_days: [friday], "
        f"holidays: ['{holiday}'], is_past_cutoff: {str(late).lower()}}}}}",
    )
    leaves = [day + dt.timedelta(days=int(late)) for day in DAYS]
    orders, receipts = np.ones((2, 2, 56), bool)
    orders[0] = [day.weekday() in (0, 3) and day != holiday for day in leaves]
    receipts[0] = [day.weekday() == 4 for day in DAYS]
    lead = np.array([[0, 0, 0, 0.3, 0.4, 0.3], [0, 0, 0, 1.0, 0, 0]]) if late else LEAD
    expected = by_hand(walk, lead=lead, can_order=orders, can_receive=receipts)
    agrees(simulated(walk, QUESTION)[0], expected)
    v1 = np.array([vendor == "V1" for vendor in VENDORS])
    assert 0 < expected.cycles[v1].min() <= expected.cycles[v1].max() <= 6  # Fridays in the 42 days counted
    assert by_hand(walk).cycles[v1].max() > 6


def test_a_column_of_too_many_labels_is_refused(plain: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_MOST_LABELS", 3)
    assert len(simulated(plain, Question(by="abc_class"))) == 4
    with pytest.raises(ConfigError, match="--by sku_id has too many values"):
        simulated(plain, Question(by="sku_id"))


def test_paths_have_the_forecast_s_own_sums() -> None:
    """To any day the quantiles of the paths' sums are those of cumulative demand; days are whole and never below 0."""
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    steps = np.arange(1, 11)[None, :, None]
    cumulative = np.array([20.0, 300.0])[:, None, None] * steps * (1 + 0.8 * (levels - 0.5) / np.sqrt(steps))
    found = Distributions(cumulative[..., 2], cumulative, cumulative)
    paths = forecast_paths(found, levels, 4000, seed=1, key=KEY)
    assert paths.shape == (2, 4000, 10)
    assert (paths >= 0).all()
    assert (paths == np.round(paths)).all()
    sums = paths.cumsum(axis=2)
    for step in (0, 4, 9):
        for place, level in enumerate(levels[1:-1], start=1):
            assert np.quantile(sums[:, :, step], level, axis=1) == pytest.approx(cumulative[:, step, place], abs=1.0)
    back = Distributions(*(part[::-1] for part in (found.mean, found.quantiles, found.cumulative_quantiles)))
    assert np.array_equal(paths[::-1], forecast_paths(back, levels, 4000, seed=1, key=KEY[::-1]))
    other = forecast_paths(found, levels, 4000, seed=1, key=KEY + np.uint64(2))
    assert not np.array_equal(paths, other)


def test_whose_demand_is_one_of_two_words() -> None:
    assert demand_of("forecast") == "forecast"
    with pytest.raises(ConfigError, match="--demand future is not known"):
        demand_of("future")
