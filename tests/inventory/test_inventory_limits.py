"""Rounding by cost, limits of one series, calendars: against brute force, SciPy and a walk over the days."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from scaleinv.errors import DataError
from scaleinv.inventory import (
    deliveries,
    demand_over,
    open_days,
    quantile_at,
    rounded_by_cost,
    rounded_by_threshold,
    shelf_life_limit,
    within_limit,
)

N = 2000
LEVELS = (np.arange(N) + 0.5) / N


def samples(mean: float) -> np.ndarray:
    return poisson.ppf(LEVELS, mean)[None]


# --- rounding -----------------------------------------------------------------------------------------------------


def test_thresholds() -> None:
    got = rounded_by_threshold([0, 3, 6, 15, 18, 35.999999999999, 0.3 / 0.1], [12, 12, 12, 12, 12, 12, 1], 0.5)
    assert got.tolist() == [0, 0, 12, 12, 24, 36, 3]
    assert rounded_by_threshold(12.5, 12, 1.0) == 12
    assert rounded_by_threshold(12.5, 12, 1e-6) == 24


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 60), st.integers(-5, 20), st.integers(0, 30), st.integers(1, 12), st.integers(1, 4),
    st.floats(0.1, 9.0), st.floats(0.01, 9.0), st.sampled_from([(0.0, 0.0), (0.5, 0.5), (1.0, 2.0)]),
    st.sampled_from([np.inf, 100.0, 25.0]),
)  # fmt: skip
def test_the_cheapest_of_the_loads_next_to_the_need(
    need: int, position: int, moq: int, pack: int, packs: int, short: float, keep: float, fee: tuple[float, float],
    most: float,
) -> None:  # fmt: skip
    table = samples(15.0)
    got = rounded_by_cost(
        [need], table, LEVELS, position=position, min_order_quantity=moq, loads=[pack, pack * packs],
        shortage_cost=short, holding_cost=keep, handling_cost=fee, most=most,
    )[0]  # fmt: skip
    least = max(int(np.ceil(moq / pack)), 1) * pack
    if least > most:
        assert got == 0
        return
    assert got % pack == 0
    assert least <= got <= most
    near = {max(f(need / load) * load, least) for load in (pack, pack * packs) for f in (np.floor, np.ceil)}
    near = {q for q in near if q <= most} or {np.floor(most / pack) * pack}
    assert got in near

    def cost(q: float) -> float:
        over = np.maximum(table[0] - position - q, 0).mean()
        left = np.maximum(position + q - table[0], 0).mean()
        layers, rest = divmod(q, pack * packs)
        return float(short * over + keep * left + fee[1] * layers + fee[0] * rest / pack)

    # A line through the samples instead of their steps shifts a cost by at most half a sample's weight.
    assert cost(got) <= min(cost(q) for q in near) + 0.02 * (short + keep)


def test_dear_shortages_round_up_and_dear_stock_down() -> None:
    options = {"position": 0.0, "min_order_quantity": 0, "loads": [12]}
    for short, keep, expected in ((9.0, 0.1, 24.0), (0.1, 9.0, 12.0)):
        got = rounded_by_cost([15], samples(15.0), LEVELS, shortage_cost=short, holding_cost=keep, **options)  # type: ignore[arg-type]
        assert got == expected


def test_a_tie_rounds_up_and_an_order_is_not_rounded_to_nothing() -> None:
    options = {"position": 0.0, "min_order_quantity": 0, "loads": [12]}
    tie = rounded_by_cost([6], samples(15.0), LEVELS, shortage_cost=0.0, holding_cost=0.0, **options)  # type: ignore[arg-type]
    small = rounded_by_cost([1], samples(15.0), LEVELS, shortage_cost=0.0, holding_cost=9.0, **options)  # type: ignore[arg-type]
    assert (tie[0], small[0]) == (12, 12)


def test_a_cheap_pallet_is_taken_whole() -> None:
    """83 units of need: 14 packs of 6 to handle, or a pallet of 96 and more stock."""
    options = {"position": 0.0, "min_order_quantity": 0, "loads": [6, 96], "shortage_cost": 1.0, "holding_cost": 0.5}
    free = rounded_by_cost([83], samples(80.0), LEVELS, **options)  # type: ignore[arg-type]
    paid = rounded_by_cost([83], samples(80.0), LEVELS, handling_cost=[0.3, 0.6], **options)  # type: ignore[arg-type]
    assert (free[0], paid[0]) == (84, 96)


def test_loads_that_do_not_fit_into_each_other_are_refused() -> None:
    with pytest.raises(DataError, match=r"do not fit into each other(.|\n)*series 0"):
        rounded_by_cost(
            [5], samples(5.0), LEVELS, position=0, min_order_quantity=0, loads=[6, 40], shortage_cost=1, holding_cost=1
        )


# --- limits -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 80), st.integers(1, 8), st.integers(0, 30), st.integers(1, 12), st.integers(0, 120))
def test_a_limit_takes_from_the_order_first(point: int, packs: int, moq: int, pack: int, limit: int) -> None:
    least = max(int(np.ceil(moq / pack)), 1) * pack
    quantity = least + (packs - 1) * pack
    got = within_limit(point, quantity, moq, pack, limit)
    assert bool(got.is_possible) == (least <= limit)
    assert got.order_up_to_level == got.reorder_point + got.order_quantity
    assert point + got.point_change == got.reorder_point
    assert quantity + got.quantity_change == got.order_quantity
    if not got.is_possible:
        assert (got.point_change, got.quantity_change) == (0, 0)
        return
    # The one unit over is the reorder point of 1 that anything needs to be ordered again.
    assert got.order_up_to_level <= limit or (got.reorder_point == 1 and got.order_up_to_level == limit + 1)
    assert got.order_quantity % pack == 0
    assert got.order_quantity >= least
    assert got.reorder_point >= min(point, 1)
    if got.point_change < 0:
        assert got.order_quantity == least
    if point + quantity <= limit:
        assert (got.point_change, got.quantity_change) == (0, 0)


def cumulative(mean: float, horizon: int = 10) -> np.ndarray:
    return poisson.ppf(LEVELS, mean * np.arange(1, horizon + 1)[:, None])[None]


@pytest.mark.parametrize("chance", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("days", [1, 4, 10])
def test_a_shelf_life_is_sold_out_with_the_chance_that_is_asked_for(days: int, chance: float) -> None:
    got = shelf_life_limit(cumulative(6.0), LEVELS, days, chance)[0]
    assert got == poisson.ppf(chance, 6.0 * days)
    assert poisson.cdf(got - 1, 6.0 * days) <= chance  # that at least one of so many is left


def test_what_keeps_has_no_limit_and_a_shelf_life_of_nothing_is_refused() -> None:
    assert shelf_life_limit(cumulative(6.0), LEVELS, np.inf, 0.1)[0] == np.inf
    for days, chance in ((0.5, 0.1), (3, 1.0), (np.nan, 0.1)):
        with pytest.raises(DataError, match=r"shelf life is below a day(.|\n)*series 0"):
            shelf_life_limit(cumulative(6.0), LEVELS, days, chance)


def test_demand_over_days() -> None:
    table = cumulative(6.0)
    for days in (1, 7, 10):
        assert np.array_equal(demand_over(table, days)[0], table[0, days - 1])
    assert demand_over(table, 2.5)[0] == pytest.approx((table[0, 1] + table[0, 2]) / 2)
    assert demand_over(table, 0.25)[0] == pytest.approx(table[0, 0] / 4)
    assert demand_over(table, 15)[0] == pytest.approx(table[0, 9] * 1.5)
    assert demand_over(table, 0.0)[0] == pytest.approx(0)
    assert quantile_at(table[:, 4], LEVELS, 0.5)[0] == np.interp(0.5, LEVELS, table[0, 4])


# --- calendars ----------------------------------------------------------------------------------------------------

FRIDAY = date(2026, 9, 18)
_WEEK = st.lists(st.booleans(), min_size=7, max_size=7).filter(any)


def test_an_order_of_friday_evening_after_the_cutoff() -> None:
    """Orders Monday and Thursday, goods Tuesday to Saturday, two days: Thursday's come on Saturday."""
    orders = open_days(FRIDAY, 60, [[1, 0, 0, 1, 0, 0, 0]])
    receipts = open_days(FRIDAY, 60, [[0, 1, 1, 1, 1, 1, 0]])
    got = deliveries(FRIDAY, np.array([[0, 0, 1.0]]), orders, receipts)
    assert (got.can_order[0], got.order_day[0], got.review_period[0]) == (False, 3, 3)
    assert got.probability[0].tolist() == [0, 0, 1]
    holiday = open_days(FRIDAY, 60, [[0, 1, 1, 1, 1, 1, 0]], [[date(2026, 9, 26)]])
    got = deliveries(FRIDAY, np.array([[0, 0, 1.0]]), orders, holiday)
    assert got.probability[0].argmax() == 5  # the Saturday is a holiday: Tuesday


def test_tonights_own_order_may_wait_longer_than_the_next_one() -> None:
    """Orders Monday and Thursday, goods on Friday: after one day Monday's comes with Thursday's; 4.1 days are five."""
    monday = date(2026, 9, 21)
    orders, receipts = (
        open_days(monday, 60, [[1, 0, 0, 1, 0, 0, 0]] * 2),
        open_days(monday, 60, [[0, 0, 0, 0, 1, 0, 0]] * 2),
    )
    got = deliveries(monday, np.array([[0, 1.0, 0, 0, 0, 0], [0, 0, 0, 0, 0.9, 0.1]]), orders, receipts)
    assert got.probability[0].argmax() == 1
    assert got.arrival.tolist() == [4, 11]


def test_a_cutoff_that_has_passed_costs_a_day() -> None:
    every_day = open_days(FRIDAY, 60, [[1] * 7] * 2)
    got = deliveries(FRIDAY, np.array([[0, 0, 1.0]] * 2), every_day, every_day, is_past_cutoff=[False, True])
    assert got.can_order.tolist() == [True, True]
    assert got.probability.argmax(axis=1).tolist() == [2, 3]
    assert got.order_day.tolist() == [0, 1]
    assert got.review_period.tolist() == [1, 1]


@settings(max_examples=60, deadline=None)
@given(_WEEK, _WEEK, st.integers(1, 9), st.booleans(), st.sets(st.integers(0, 20), max_size=4))
def test_days_are_those_that_a_walk_over_the_calendar_finds(
    order_week: list[bool], receipt_week: list[bool], lead: int, late: bool, closed: set[int]
) -> None:
    holidays = [FRIDAY + timedelta(days=d) for d in closed]
    orders = open_days(FRIDAY - timedelta(days=3), 90, [order_week], [holidays])
    receipts = open_days(FRIDAY, 90, [receipt_week])
    got = deliveries(FRIDAY, np.eye(10)[[lead]], orders, receipts, is_past_cutoff=late)

    def takes(day: date) -> bool:
        return order_week[day.weekday()] and day not in holidays

    day = FRIDAY + timedelta(days=late)
    while not takes(day):
        day += timedelta(days=1)
    following = day + timedelta(days=1)
    while not takes(following):
        following += timedelta(days=1)
    comes = following + timedelta(days=lead)
    while not receipt_week[comes.weekday()]:
        comes += timedelta(days=1)
    assert got.can_order[0] == (day == FRIDAY + timedelta(days=late))
    assert FRIDAY + timedelta(days=int(got.order_day[0])) == day
    assert day + timedelta(days=int(got.review_period[0])) == following
    assert following + timedelta(days=int(got.probability[0].argmax()) - late) == comes
    assert got.probability[0].sum() == 1
    own = day + timedelta(days=lead)
    while not receipt_week[own.weekday()]:
        own += timedelta(days=1)
    assert FRIDAY + timedelta(days=int(got.arrival[0])) == own


def test_a_calendar_without_an_open_day_is_refused() -> None:
    never = open_days(FRIDAY, 30, [[1] * 7, [0] * 7])
    with pytest.raises(DataError, match=r"no open day in the 30 days(.|\n)*calendar 1"):
        deliveries(FRIDAY, np.array([[0, 1.0]] * 2), never, never)
