"""Statistics, scales and aggregation against slow loops, by hand, and by their properties."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.evaluation import (
    M5_LEVELS,
    Scales,
    Statistics,
    Sums,
    added,
    aggregate,
    cumulative_coverage,
    label_sums,
    metric_names,
    metrics,
    order_cost,
    scales,
    scored_series,
    statistics,
)

LEVELS = tuple(sorted({*M5_LEVELS, *(k / 10 for k in range(1, 10))}))
RELATIVE = ("mape", "wape", "bias", "wql", "mase", "rmsse", "scaled_pinball")
LOSSES = ("mae", "rmse", "mape", "wape", "bias", "mase", "rmsse", "wql", "scaled_pinball")


class Case:
    """A random forecast of random demand; small, with days that are not usable and series that never sold."""

    def __init__(self, seed: int, n_series: int = 7, horizon: int = 5, levels: tuple[float, ...] = LEVELS) -> None:
        rng = np.random.default_rng(seed)
        self.levels = levels
        self.y = rng.poisson(rng.choice([0.0, 0.3, 5.0], n_series)[:, None], (n_series, horizon)).astype(np.float32)
        self.usable = rng.random((n_series, horizon)) < 0.8
        self.usable[rng.integers(n_series)] = False
        self.mean = rng.gamma(2.0, 2.0, (n_series, horizon))
        self.quantiles = np.sort(rng.poisson(4.0, (n_series, horizon, len(levels))), axis=-1).astype(np.float32)
        lengths = rng.integers(0, 30, n_series)
        self.indptr = np.concatenate(([0], np.cumsum(lengths)))
        self.history = rng.poisson(0.7, int(self.indptr[-1])).astype(float)
        self.history_usable = rng.random(self.history.size) < 0.9
        self.scales = scales(self.history, self.indptr, self.history_usable, 7)
        self.weights = rng.random(n_series)
        self.by = rng.choice(["smooth", "lumpy", "erratic"], n_series)

    def statistics(self, rows: slice | np.ndarray = slice(None), k: float = 1.0) -> Statistics:
        return statistics(
            k * self.y[rows], self.usable[rows], k * self.mean[rows], k * self.quantiles[rows], self.levels,
            Scales(k * self.scales.mase[rows], k * k * self.scales.rmsse[rows], k * self.scales.pinball[rows]),
            weights=self.weights[rows],
        )  # fmt: skip


def same(left: dict[str, dict[str, float]], right: dict[str, dict[str, float]]) -> None:
    assert list(left) == list(right)
    for label in left:
        assert left[label] == pytest.approx(right[label], rel=1e-9, abs=1e-12, nan_ok=True)


def divide(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else math.nan


def slow_aggregate(case: Case) -> dict[str, dict[str, float]]:
    """The same numbers, day by day, in plain Python."""
    result = {}
    for label in sorted(set(case.by)):
        errors, ratios, ys, pinball = [], [], [], {level: [] for level in case.levels}
        covered = {level: [] for level in case.levels}
        mase, rmsse, scaled = [], [], []
        for i in range(len(case.y)):
            if case.by[i] != label:
                continue
            own, own_pinball = [], []
            for t in range(case.y.shape[1]):
                if not case.usable[i, t]:
                    continue
                y = float(case.y[i, t])
                error = float(case.mean[i, t]) - y
                own.append(error)
                ys.append(y)
                if y != 0:
                    ratios.append(abs(error) / y)
                for j, level in enumerate(case.levels):
                    q = float(case.quantiles[i, t, j])
                    loss = level * (y - q) if y >= q else (1 - level) * (q - y)
                    pinball[level].append(loss)
                    covered[level].append(y <= q)
                    if level in M5_LEVELS:
                        own_pinball.append(loss)
            errors += own
            if own and case.scales.mase[i] > 0:
                mase.append(np.mean(np.abs(own)) / case.scales.mase[i])
            if own and case.scales.rmsse[i] > 0:
                rmsse.append(math.sqrt(np.mean(np.square(own)) / case.scales.rmsse[i]))
                scaled.append((np.mean(own_pinball) / case.scales.pinball[i], case.weights[i]))
        n, total = len(errors), sum(ys)
        wql = [2 * divide(sum(pinball[level]), total) for level in case.levels if round(level * 10, 6) in range(1, 10)]
        result[label] = {
            "mae": divide(sum(map(abs, errors)), n),
            "rmse": math.sqrt(divide(sum(e * e for e in errors), n)),
            "mape": divide(sum(ratios), len(ratios)),
            "wape": divide(sum(map(abs, errors)), total),
            "bias": divide(sum(errors), total),
            "mase": divide(sum(mase), len(mase)),
            "rmsse": divide(sum(rmsse), len(rmsse)),
            "wql": sum(wql) / len(wql),
            "scaled_pinball": divide(sum(s * w for s, w in scaled), sum(w for _, w in scaled)),
            "order_cost": math.nan,  # nobody asked
            **{f"coverage_{level:g}": divide(sum(covered[level]), n) for level in case.levels},
        }
    return result


def slow_scales(case: Case, season: int) -> tuple[list[float], list[float], list[float]]:
    mase, rmsse, pinball = [], [], []
    for i in range(len(case.indptr) - 1):
        y = case.history[case.indptr[i] : case.indptr[i + 1]]
        ok = case.history_usable[case.indptr[i] : case.indptr[i + 1]]
        seasonal = [abs(y[t] - y[t - season]) for t in range(season, len(y)) if ok[t] and ok[t - season]]
        sold = [t for t in range(len(y)) if y[t] > 0]
        first = sold[0] if sold else len(y)
        steps = [y[t] - y[t - 1] for t in range(first + 1, len(y)) if ok[t] and ok[t - 1]]
        mase.append(divide(sum(seasonal), len(seasonal)))
        rmsse.append(divide(sum(s * s for s in steps), len(steps)))
        pinball.append(divide(sum(map(abs, steps)), len(steps)))
    return mase, rmsse, pinball


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_aggregate_equals_a_slow_loop(seed: int) -> None:
    case = Case(seed)
    same(aggregate(case.statistics(), case.by), slow_aggregate(case))


@given(st.integers(0, 10_000), st.sampled_from([1, 2, 7, 40]))
@settings(max_examples=40, deadline=None)
def test_scales_equal_a_slow_loop(seed: int, season: int) -> None:
    case = Case(seed)
    found = scales(case.history, case.indptr, case.history_usable, season)
    mase, rmsse, pinball = slow_scales(case, season)
    np.testing.assert_allclose(found.mase, mase)
    np.testing.assert_allclose(found.rmsse, rmsse)
    np.testing.assert_allclose(found.pinball, pinball)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_perfect_forecast_loses_nothing_and_covers_all(seed: int) -> None:
    case = Case(seed)
    case.mean = case.y.astype(float)
    case.quantiles = np.repeat(case.y[..., None], len(case.levels), axis=-1)
    for found in aggregate(case.statistics(), case.by).values():
        for name in LOSSES:
            assert math.isnan(found[name]) or found[name] == 0
        for level in case.levels:
            assert math.isnan(found["mae"]) or found[f"coverage_{level:g}"] == 1


@given(st.integers(0, 10_000), st.sampled_from([0.25, 3.0, 1000.0]))
@settings(max_examples=20, deadline=None)
def test_relative_metrics_do_not_know_the_unit(seed: int, k: float) -> None:
    case = Case(seed)
    before, after = aggregate(case.statistics(), case.by), aggregate(case.statistics(k=k), case.by)
    for label in before:
        for name in RELATIVE:
            assert after[label][name] == pytest.approx(before[label][name], nan_ok=True)
        assert after[label]["mae"] == pytest.approx(k * before[label]["mae"], nan_ok=True)
        assert after[label]["rmse"] == pytest.approx(k * before[label]["rmse"], nan_ok=True)


@given(st.integers(0, 10_000), st.randoms())
@settings(max_examples=20, deadline=None)
def test_the_order_of_series_plays_no_part(seed: int, random: object) -> None:
    case = Case(seed)
    order = np.random.default_rng(random.randrange(2**32)).permutation(len(case.y))  # type: ignore[attr-defined]
    same(aggregate(case.statistics(), case.by), aggregate(case.statistics(order), case.by[order]))


@given(st.integers(0, 10_000), st.integers(0, 7), st.integers(0, 7))
@settings(max_examples=20, deadline=None)
def test_parts_put_together_are_the_whole(seed: int, one: int, other: int) -> None:
    case = Case(seed)
    low, high = sorted((one, other))
    parts = [case.statistics(rows) for rows in (slice(0, low), slice(low, high), slice(high, None))]
    labels = [case.by[:low], case.by[low:high], case.by[high:]]
    sums: Sums = {}
    for part, by in zip(parts, labels, strict=True):
        sums = added(sums, label_sums(part, by))
    same(aggregate(case.statistics(), case.by), metrics(sums, case.levels))


@given(st.integers(0, 10_000), st.sampled_from([np.nan, np.inf, 1e9]))
@settings(max_examples=20, deadline=None)
def test_days_that_are_not_usable_play_no_part(seed: int, value: float) -> None:
    case = Case(seed)
    before = aggregate(case.statistics(), case.by)
    case.y[~case.usable] = value
    case.mean[~case.usable] = value
    case.quantiles[~case.usable] = value
    case.history[~case.history_usable & (case.history == 0)] = np.nan
    case.scales = scales(case.history, case.indptr, case.history_usable, 7)
    same(before, aggregate(case.statistics(), case.by))


def test_by_hand() -> None:
    # two series, three days; the second day of the second series is a stock-out
    y = [[2, 0, 4], [10, 3, 10]]
    usable = [[True, True, True], [True, False, True]]
    mean = [[1, 1, 4], [12, 99, 9]]
    quantiles = np.array([[[1], [0], [5]], [[10], [99], [12]]], dtype=float)
    scale = Scales(np.array([0.5, 2.0]), np.array([4.0, 1.0]), np.array([1.0, 1.0]))
    found = aggregate(statistics(y, usable, mean, quantiles, (0.5,), scale), ["all", "all"])["all"]
    assert found["mae"] == pytest.approx((1 + 1 + 0 + 2 + 1) / 5)
    assert found["rmse"] == pytest.approx(math.sqrt((1 + 1 + 0 + 4 + 1) / 5))
    assert found["mape"] == pytest.approx((1 / 2 + 0 / 4 + 2 / 10 + 1 / 10) / 4)  # not the day that sold nothing
    assert found["wape"] == pytest.approx(5 / 26)
    assert found["bias"] == pytest.approx((-1 + 1 + 0 + 2 - 1) / 26)
    assert found["mase"] == pytest.approx(((2 / 3) / 0.5 + (3 / 2) / 2.0) / 2)
    assert found["rmsse"] == pytest.approx((math.sqrt((2 / 3) / 4) + math.sqrt(5 / 2)) / 2)
    assert found["wql"] == pytest.approx(2 * 0.5 * (1 + 0 + 1 + 0 + 2) / 26)
    assert found["coverage_0.5"] == pytest.approx(4 / 5)
    assert math.isnan(found["scaled_pinball"])  # not all nine levels


def test_mape_leaves_out_days_without_sales() -> None:
    quantiles = np.zeros((2, 2, 0))
    found = aggregate(statistics([[0, 4], [0, 0]], np.ones((2, 2)), [[9, 3], [1, 1]], quantiles, ()), ["a", "b"])
    assert found["a"]["mape"] == 0.25
    assert math.isnan(found["b"]["mape"])


def test_wql_uses_the_tenths_and_no_other_level() -> None:
    y, usable = np.full((1, 1), 10.0), np.ones((1, 1), bool)
    levels = (0.005, 0.1, 0.25, 0.5, 0.9)
    quantiles = np.array([[[0.0, 4.0, 1e6, 9.0, 11.0]]])
    found = aggregate(statistics(y, usable, y, quantiles, levels), ["x"])["x"]
    assert found["wql"] == pytest.approx(2 * np.mean([0.1 * 6, 0.5 * 1, 0.1 * 1]) / 10)


def test_scaled_pinball_takes_weights_over_series_that_have_a_scale() -> None:
    y, usable = np.full((3, 1), 10.0), np.ones((3, 1), bool)
    quantiles = np.full((3, 1, 9), 10.0)
    quantiles[0], quantiles[1], quantiles[2] = 8.0, 9.0, 0.0
    scale = Scales(*(np.array([1.0, 2.0, 0.0]) for _ in range(3)))
    found = aggregate(statistics(y, usable, y, quantiles, M5_LEVELS, scale, weights=[3.0, 1.0, 50.0]), ["x"] * 3)["x"]
    mean_level = np.mean(M5_LEVELS)  # all quantiles too low: the loss is level * distance
    assert found["scaled_pinball"] == pytest.approx((3 * mean_level * 2 / 1 + 1 * mean_level * 1 / 2) / 4)


def test_undefined_is_nan_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nothing = statistics(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3, 1)), (0.5,))
        assert all(math.isnan(value) for value in aggregate(nothing, ["a", "a"])["a"].values())
        assert aggregate(nothing, [1, 2]).keys() == {"1", "2"}
        no_demand = statistics(np.zeros((1, 2)), np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2, 1)), (0.5,))
        found = aggregate(no_demand, ["a"])["a"]
        assert found["mae"] == 1
        assert all(math.isnan(found[name]) for name in ("wape", "bias", "wql", "mape", "mase"))
        empty = statistics(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3, 1)), (0.5,))
        assert aggregate(empty, []) == {}
        assert scales([], [0], [], 7).mase.shape == (0,)


def test_a_forgotten_series_makes_the_score_nan() -> None:
    y, usable = np.ones((2, 2)), np.ones((2, 2), bool)
    mean, quantiles = np.ones((2, 2)), np.ones((2, 2, 1))
    mean[1, 0], quantiles[1, 0] = np.nan, np.nan
    found = aggregate(statistics(y, usable, mean, quantiles, (0.5,)), ["good", "bad"])
    assert found["good"]["mae"] == 0
    assert math.isnan(found["bad"]["mae"])
    assert math.isnan(found["bad"]["wql"])
    assert math.isnan(found["bad"]["coverage_0.5"])


def test_names_and_counts() -> None:
    case = Case(3)
    stats = case.statistics()
    found = aggregate(stats, case.by)
    assert all(tuple(row) == metric_names(case.levels) for row in found.values())
    assert all(type(value) is float for row in found.values() for value in row.values())
    assert sum(scored_series(label_sums(stats, case.by)).values()) == case.usable.any(axis=1).sum()


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_cumulative_coverage_equals_a_slow_loop(seed: int) -> None:
    case = Case(seed)
    step = np.random.default_rng(seed).integers(0, 8, len(case.y))  # some outside the horizon of 5
    cumulative = case.quantiles.cumsum(axis=1)
    stats = cumulative_coverage(case.y, case.usable, cumulative, case.levels, step)
    for i in range(len(case.y)):
        scored = 1 <= step[i] <= 5 and case.usable[i, : step[i]].all()
        assert stats.n_days[i] == scored
        total = case.y[i, : step[i]].sum() if scored else 0
        assert stats.demand[i] == total
        for j, level in enumerate(case.levels):
            quantile = cumulative[i, step[i] - 1, j] if scored else 0
            assert stats.covered[i, j] == (scored and total <= quantile)
            loss = max(level * (total - quantile), (level - 1) * (total - quantile))
            assert stats.pinball[i, j] == pytest.approx(loss)
    found = aggregate(stats, np.full(len(case.y), "all"))["all"]
    assert math.isnan(found["mae"])
    assert math.isnan(found["coverage_0.5"]) == (stats.n_days.sum() == 0)


def test_true_quantiles_cover_what_they_promise() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(100, 10, (4000, 3))
    normal = np.array([-1.2815515655, 0.0, 1.2815515655])
    steps = np.arange(1, 4)
    cumulative = 100 * steps[:, None] + 10 * np.sqrt(steps)[:, None] * normal
    quantiles = np.broadcast_to(cumulative, (4000, 3, 3))
    stats = cumulative_coverage(samples, np.ones((4000, 3), bool), quantiles, (0.1, 0.5, 0.9), np.full(4000, 3))
    found = aggregate(stats, ["x"] * 4000)["x"]
    for level in (0.1, 0.5, 0.9):
        assert found[f"coverage_{level:g}"] == pytest.approx(level, abs=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"usable": np.ones((2, 2))}, "usable has shape"),
        ({"mean": np.ones((3, 3))}, "mean has shape"),
        ({"quantiles": np.ones((2, 3, 2))}, "quantiles has shape"),
        ({"weights": [1.0]}, "weights has shape"),
    ],
)
def test_shapes_are_checked(change: dict[str, object], message: str) -> None:
    good = {"y": np.ones((2, 3)), "usable": np.ones((2, 3)), "mean": np.ones((2, 3)), "quantiles": np.ones((2, 3, 1))}
    with pytest.raises(ValueError, match=message):
        statistics(**{**good, "levels": (0.5,), **change})  # type: ignore[arg-type]


def test_labels_and_rows_must_fit() -> None:
    one = Case(1).statistics()
    with pytest.raises(ValueError, match="by has shape"):
        aggregate(one, ["a"])
    with pytest.raises(ValueError, match="do not fit together"):
        scales([1, 2], [0, 1], [True, True], 7)


def test_the_cost_of_an_order_is_the_newsvendors() -> None:
    levels = (0.1, 0.5, 0.9)
    # cumulative quantiles of two days, three series
    cumulative = np.array([[[0, 1, 2], [1, 3, 5]], [[0, 0, 4], [0, 2, 8]], [[1, 1, 1], [2, 2, 2]]], float)
    y = np.array([[2.0, 3.0], [1.0, 1.0], [5.0, 5.0]])
    usable = np.array([[True, True], [True, True], [True, False]])
    cost = order_cost(y, usable, cumulative, levels, [2, 9, 2], [0.9, 0.7, 0.5], [10.0, 1.0, 1.0])
    # 5 wanted, 5 ordered; 2 wanted, 5 ordered (half-way from 2 to 8): 3 left over at 0.3; the third ran out of stock
    np.testing.assert_allclose(cost, [0.0, 0.9, 0.0])
    short = order_cost(y, usable, cumulative, levels, [1, 1, 1], [0.5, 0.1, 0.99], [10.0, 2.0, 1.0])
    # 1 short of 2 at 0.5 x 10; 1 short of 1 at 0.1 x 2; beyond the last level: 4 short of 5 at 0.9
    np.testing.assert_allclose(short, [5.0, 0.2, 3.6])


@given(st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_no_quantile_costs_less_than_the_target(target: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = np.linspace(0.05, 0.95, 19)
    demand = rng.gamma(2.0, 5.0, size=4000)
    right = np.broadcast_to(np.quantile(demand, levels), (4000, 1, 19))
    costs = [
        order_cost(
            demand[:, None], np.ones((4000, 1), bool), right * factor, levels, np.ones(4000), np.full(4000, target),
            np.ones(4000),
        ).sum()
        for factor in (1.0, 0.7, 1.4)
    ]  # fmt: skip
    assert costs[0] <= min(costs[1:])
