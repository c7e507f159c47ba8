"""The course of a day is found although stock runs out in the evening of busy days."""

from __future__ import annotations

import numpy as np
import pytest

from scaleinv.features.hourly import Hours, profile, sale_unit, seen_of

N = 12_000


def course() -> np.ndarray:
    """(2, 7, 24): two places, open from 7 to 20 and from 10 to 24; the weekend shops later."""
    hour = np.arange(24.0)
    week = np.exp(-0.5 * ((hour - 11) / 3) ** 2) * ((hour >= 7) & (hour < 20))
    late = np.exp(-0.5 * ((hour - 17) / 4) ** 2) * (hour >= 10)
    shares = np.stack([np.stack([week] * 5 + [0.5 * week + 0.5 * late * (hour < 20)] * 2), np.stack([late] * 7)])
    return shares / shares.sum(-1, keepdims=True)


def hours(*, unit: float = 1.0) -> Hours:
    """Each day starts with a stock that has nothing to do with its demand, and stops selling where that is gone."""
    random = np.random.default_rng(2)
    pool, weekday = random.integers(0, 2, N), random.integers(0, 7, N)
    rate = random.gamma(3.0, 10.0 / 3.0, N)
    wanted = random.poisson(rate[:, None] * course()[pool, weekday])
    stock = random.integers(2, 30, N)
    before = wanted.cumsum(1) - wanted
    sold = np.clip(stock[:, None] - before, 0, wanted)
    return Hours(unit * sold.astype(float), wanted.cumsum(1) >= stock[:, None], pool, weekday)


def test_the_known_course_is_recovered() -> None:
    found = profile(hours(), 2)
    assert found.sum(-1) == pytest.approx(np.ones((2, 7)))
    assert np.abs(found - course()).max() < 0.015
    closed = course() == 0
    assert found[closed].max() < 1e-3  # the night weighs nothing


def test_without_any_stock_out_it_is_the_share_of_sales() -> None:
    data = hours()
    data = Hours(data.sales, np.zeros_like(data.is_stockout), np.zeros(N, int), np.zeros(N, int))
    assert profile(data, 1)[0, 0] == pytest.approx(data.sales.sum(0) / data.sales.sum())


def test_what_was_seen_splits_the_day() -> None:
    shares = np.full((1, 7, 24), 1 / 24)
    sales, out = np.zeros((1, 24)), np.zeros((1, 24), bool)
    sales[0, 8:12], out[0, 11:] = [1, 2, 3, 4], True
    seen = seen_of(Hours(sales, out, np.array([0]), np.array([0])), shares)
    assert (seen.units[0], seen.least[0]) == (6, 4)
    assert (seen.share[0], seen.least_share[0]) == (pytest.approx(11 / 24), pytest.approx(1 / 24))


def test_the_unit_of_a_sale_is_found() -> None:
    """Of demand in tenths; whole counts have 1."""
    series = np.random.default_rng(5).integers(0, 4, N)
    assert sale_unit(hours(), course(), series, 4) == pytest.approx(np.ones(4), rel=0.1)
    assert sale_unit(hours(unit=0.1), course(), series, 4) == pytest.approx(np.full(4, 0.1), rel=0.1)
