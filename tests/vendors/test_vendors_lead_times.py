"""Lead times predicted: hazards against slow loops, no look ahead, and skill where there is something to learn."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scaleinv.errors import DataError
from scaleinv.vendors import NEVER, Options, Orders, fit_chance, fit_lead_times
from scaleinv.vendors.calibration import calibration, same
from scaleinv.vendors.hazards import Bins, bins_of, counts, shrunk_hazards
from scaleinv.vendors.history import Past

OPTIONS = Options(max_lead_time=60, min_orders=200)


def a_history(n: int = 1500, seed: int = 0) -> tuple[Orders, np.ndarray]:
    """Orders of six vendors on three lanes over two years, and the mean days that each takes."""
    rng = np.random.default_rng(seed)
    vendor, lane, mode = rng.integers(0, 6, n), rng.integers(0, 3, n), rng.integers(0, 2, n)
    sent = np.sort(rng.integers(14_000, 14_730, n))
    mean = 5.0 + 4 * vendor + 3 * lane + 8 * mode
    taken = np.maximum(rng.gamma(8.0, mean / 8.0).round().astype(np.int64), 1)
    promised = sent + mean
    name = np.char.mod("V%d", vendor)
    return Orders(
        vendor=name, item=np.char.mod("I%d", rng.integers(0, 20, n)), lane=np.char.mod("L%d", lane),
        mode=np.where(mode == 1, "sea", "air"), order_day=sent, received_day=sent + taken, promised_day=promised,
        quantity=np.full(n, 10.0), received_quantity=np.where(rng.random(n) < 0.02 + 0.1 * vendor, 8.0, 10.0),
    ), mean  # fmt: skip


def pinball(probability: np.ndarray, days: np.ndarray) -> float:
    levels = np.linspace(0.05, 0.95, 19)
    cdf = np.cumsum(probability, axis=1)
    over = days[:, None] - np.stack([(cdf < level - 1e-9).sum(axis=1) for level in levels], axis=1)
    return float(np.maximum(levels * over, (levels - 1) * over).mean())


def test_counts_equal_a_slow_loop() -> None:
    rng = np.random.default_rng(3)
    values, is_open = rng.integers(0, 19, 300), rng.random(300) < 0.3
    group, weight = rng.integers(0, 4, 300), rng.random(300)
    bins = Bins(0, 19, np.array([2, 3, 9, 19]), np.ones(20))
    events, at_risk = counts(bins, values, is_open, weight, group, 4)
    start = [0, 3, 4, 10]
    for g in range(4):
        for b in range(4):
            mine = group == g
            hit = mine & ~is_open & (values >= start[b]) & (values <= bins.end[b])
            # Open rows are at risk in every bin that has wholly passed; received ones up to that of the receipt.
            lived = mine & np.where(is_open, values >= bins.end[b], values >= start[b])
            assert events[g, b] == pytest.approx(weight[hit].sum())
            assert at_risk[g, b] == pytest.approx(weight[lived].sum())


def test_open_orders_correct_the_bias_of_quick_ones() -> None:
    """Half the deliveries take 5 days, half 50; of recent ones only the quick are back: Kaplan and Meier see both."""
    rng = np.random.default_rng(0)
    age, taken = rng.integers(6, 90, 4000), np.where(rng.random(4000) < 0.5, 5, 50)
    is_open = taken > age
    value = np.where(is_open, age, taken)
    bins = bins_of(np.array([5, 50] * 50), 0, 60, 10)
    everyone = shrunk_hazards(bins, value, is_open, []).everyone
    cdf = np.cumsum(bins.spread(everyone[None])[0])
    naive = (taken[~is_open] == 5).mean()
    assert naive > 0.6
    assert cdf[30] == pytest.approx(0.5, abs=0.02)


def test_thin_groups_are_drawn_to_the_level_above_and_thick_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    value = np.concatenate([rng.integers(1, 6, 2000), rng.integers(20, 25, 2000), [5, 5]])
    names = np.array(["quick"] * 2000 + ["slow"] * 2000 + ["thin"] * 2)
    bins = bins_of(value, 0, 30, 8)
    shrunk = shrunk_hazards(bins, value, np.zeros(len(value), bool), [names])
    cdf = np.cumsum(bins.spread(shrunk.of([np.array(["quick", "slow", "thin", "unknown"])])), axis=1)[:, 10]
    assert cdf[0] > 0.98
    assert cdf[1] < 0.02
    assert 0.5 < cdf[2] < 1.0
    assert cdf[3] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("clock", ["order", "promise"])
def test_every_row_is_a_distribution(clock: str) -> None:
    orders, _ = a_history()
    model = fit_lead_times(orders, cut=14_600, options=replace(OPTIONS, clock=clock))  # type: ignore[arg-type]
    strange = replace(orders.take(np.arange(3)), vendor=np.array(["?", "V1", "V2"]), lane=np.array(["L0", "?", "?"]))
    made = model.probability(strange)
    assert made.shape == (3, 61)
    assert (made >= 0).all()
    np.testing.assert_allclose(made.sum(axis=1), 1.0, atol=1e-9)


def test_it_knows_nothing_of_what_came_after_the_cut() -> None:
    orders, _ = a_history()
    cut = 14_500
    after = orders.received_day > cut
    changed = replace(
        orders, received_day=np.where(after, orders.received_day + 1000, orders.received_day),
        received_quantity=np.where(after, 1.0, orders.received_quantity),
    )  # fmt: skip
    asked = orders.take(orders.order_day > cut)
    for one, other in ((orders, changed), (orders, orders.take(orders.order_day <= cut))):
        made = [fit_lead_times(rows, cut=cut, options=OPTIONS).probability(asked) for rows in (one, other)]
        np.testing.assert_array_equal(*made)
        said = [fit_chance(rows, "short", cut=cut, options=OPTIONS).chance(asked) for rows in (one, other)]
        np.testing.assert_array_equal(*said)


def test_features_of_an_order_do_not_look_at_its_own_day_or_later() -> None:
    orders, _ = a_history(200)
    made = Past(orders).features(orders)
    row = 120
    day = orders.order_day[row]
    before = Past(orders.take(orders.received_day < day)).features(orders.take(np.array([row])))
    np.testing.assert_allclose(made[row], before[0], atol=1e-12)


def test_it_beats_one_distribution_for_all_and_comes_near_the_truth() -> None:
    orders, mean = a_history(2400)
    cut = 14_600
    later = orders.order_day > cut
    asked, days = orders.take(later), (orders.received_day - orders.order_day)[later]
    model = fit_lead_times(orders, cut=cut, options=OPTIONS)
    received = orders.take(orders.received_day <= cut)
    one = np.bincount(np.minimum(received.received_day - received.order_day, 60), minlength=61)
    plain = np.tile(one / one.sum(), (len(asked), 1))
    rng = np.random.default_rng(0)
    draws = np.clip(rng.gamma(8.0, mean[later][:, None] / 8.0, (len(asked), 400)).round(), 1, 60).astype(int)
    truth = np.stack([np.bincount(row, minlength=61) / 400 for row in draws])
    assert pinball(model.probability(asked), days) < 0.7 * pinball(plain, days)
    assert pinball(model.probability(asked), days) < 1.12 * pinball(truth, days)


def test_chances_of_short_deliveries_are_those_of_the_vendors() -> None:
    orders, _ = a_history(3000)
    model = fit_chance(orders, "short", cut=14_700, options=OPTIONS)
    said = model.chance(orders)
    means = np.array([said[orders.vendor == f"V{vendor}"].mean() for vendor in range(6)])
    np.testing.assert_allclose(means, 0.02 + 0.1 * np.arange(6), atol=0.07)


def test_a_calibrated_distribution_keeps_its_word() -> None:
    rng = np.random.default_rng(0)
    days = np.clip(rng.poisson(20, 3000), 0, 60)
    spread = np.exp(-0.5 * ((np.arange(61) - 17) / 3.5) ** 2)  # too early, and too sure
    said = np.tile(spread / spread.sum(), (3000, 1))
    read = calibration(said[:1500], days[:1500], np.zeros(1500, bool))(said[1500:])
    for level in (0.5, 0.8, 0.9):
        wrong = (days[1500:] <= (np.cumsum(said[0]) < level).sum()).mean()
        right = (days[1500:] <= (np.cumsum(read[0]) < level).sum()).mean()
        assert abs(wrong - level) > 0.15
        assert right == pytest.approx(level, abs=0.08)
    np.testing.assert_allclose(same()(said[:5]), said[:5], atol=1e-12)


def test_nothing_received_and_orders_from_the_future_are_named() -> None:
    orders, _ = a_history(50)
    with pytest.raises(DataError, match="no received orders"):
        fit_lead_times(orders, cut=13_000, options=OPTIONS)
    with pytest.raises(DataError, match="received before they were sent"):
        replace(orders, received_day=orders.order_day - 1)
    model = fit_lead_times(*[orders], cut=14_700, options=replace(OPTIONS, clock="promise"))
    with pytest.raises(DataError, match="without a promised date"):
        model.late(replace(orders, promised_day=np.full(50, np.nan)))


def test_few_orders_give_shrunk_hazards_alone() -> None:
    orders, _ = a_history(60)
    model = fit_lead_times(orders, cut=14_800, options=OPTIONS)
    assert model.survival.trees is None
    assert model.probability(orders).sum() == pytest.approx(60.0)


@pytest.mark.slow
def test_a_real_supply_chain_is_predicted_better_than_by_each_vendors_record() -> None:
    folder = Path(os.environ["SCALEINV_DATA"]) / "scms_usaid"
    if not (folder / "delivery_history.csv").exists():
        pytest.skip(f"{folder} is not there")
    import importlib.util

    place = Path(__file__).resolve().parents[2] / "benchmarks" / "lead_times.py"
    spec = importlib.util.spec_from_file_location("lead_times_benchmark", place)
    assert spec
    assert spec.loader
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    orders, left = bench.read_orders(folder)
    assert (len(orders), left["from stock"], left["no order date"]) == (3040, 4384, 328)
    won = 0
    for cut in (14_790, 14_974, 15_155):  # 2010-06-30, 2010-12-31, 2011-06-30
        asked = orders.take((orders.order_day > cut) & (orders.order_day <= cut + 91))
        days = (asked.received_day - asked.order_day).astype(float)
        hidden = replace(asked, received_day=np.full(len(asked), NEVER))
        model = fit_lead_times(orders, cut=cut, options=Options(bench.LONGEST))
        mine = bench.pinball(bench.of_model(model, hidden), days).mean()
        known = orders.known_at(cut)
        won += mine < min(bench.pinball(other(known, hidden), days).mean() for other in (bench.normal, bench.empirical))
    assert won == 3
