"""Calibration: the factors against a loop and against a known error, with and without hidden demand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from scaleinv.config import ForecastConfig
from scaleinv.forecast import Group, group_arrays
from scaleinv.forecast.calibration import N_CLASSES, SPANS, Calibration, calibrate, censored_quantile, demand_classes
from scaleinv.forecast.history import History, known_at

START = date(2024, 1, 1)
DAYS, N = 200, 120
CUTOFF = START + timedelta(days=DAYS - 1)
CONFIG = ForecastConfig(horizon=14, context_length=28, quantile_levels=(0.1, 0.5, 0.75, 0.9, 0.975))


def _group(y: np.ndarray, is_stockout: np.ndarray | None = None) -> Group:
    n, days = y.shape
    ids = np.repeat([f"s{i:03d}" for i in range(n)], days)
    ds = np.tile(np.datetime64(START) + np.arange(days), n)
    none = np.zeros(n * days, bool)
    panel = pa.table({
        "unique_id": ids, "ds": pa.array(ds, pa.date32()), "y": pa.array(y.ravel(), pa.float32()),
        "sales": pa.array(y.ravel(), pa.float32()),
        "is_stockout": none if is_stockout is None else is_stockout.ravel(), "price": np.ones(n * days, np.float32),
        "is_promotion": none, "event": pa.nulls(n * days, pa.string()), "is_benefit_day": none,
    })  # fmt: skip
    facts = {name: ["X"] * n for name in ("location_id", "category", "department", "region")}
    return group_arrays(panel, pa.table({"unique_id": np.unique(ids)} | facts))


def _steady(scale: float) -> object:
    """A model whose quantiles are those of Exp(1) demand, all times ``scale``; sums are Gamma(h)."""
    levels = torch.tensor(CONFIG.quantile_levels)
    draws = torch.distributions.Exponential(1.0).sample((20_000, CONFIG.horizon)).cumsum(1)
    totals = torch.quantile(draws, levels, dim=0).T * scale
    daily = (-torch.log1p(-levels) * scale).expand(CONFIG.horizon, -1)

    def predicted(history: History, chosen: Tensor) -> tuple[Tensor, Tensor]:
        n = len(chosen)
        return daily.expand(n, -1, -1), totals.expand(n, -1, -1)

    return predicted


def _calibrated(group: Group, scale: float) -> Calibration:
    torch.manual_seed(1)
    return calibrate(_steady(scale), group, cutoff=CUTOFF, config=CONFIG, season=7)  # type: ignore[arg-type]


DEMAND = np.random.default_rng(4).exponential(1.0, (N, DAYS))


@pytest.mark.parametrize("scale", [0.6, 1.0, 1.7])
def test_a_known_error_is_undone_above_the_median_and_nowhere_else(scale: float) -> None:
    found = _calibrated(_group(DEMAND), scale)
    name = int(demand_classes(known_at(_group(DEMAND), cutoff=CUTOFF, horizon=14, season=7))[0])
    upper = np.array(CONFIG.quantile_levels) > 0.5
    np.testing.assert_allclose(found.daily[name, upper], 1 / scale, rtol=0.08)
    np.testing.assert_allclose(found.cumulative[name][:, upper], 1 / scale, rtol=0.12)
    assert (found.daily[:, ~upper] == 1).all()
    assert (found.cumulative[..., ~upper] == 1).all()
    others = [i for i in range(N_CLASSES) if i != name]
    assert (found.daily[others] == 1).all(), "classes that nobody is in"


def test_demand_hidden_by_stock_outs_is_not_forgotten() -> None:
    shelf = np.full_like(DEMAND, 1.8)
    group = _group(np.minimum(DEMAND, shelf), shelf < DEMAND)
    found = _calibrated(group, 1.0)
    name = int(demand_classes(known_at(group, cutoff=CUTOFF, horizon=14, season=7))[0])
    # P(Exp(1) > 1.8) = 0.165: the 0.75 quantile is seen and right; higher ones are known to be 1.8 at least.
    assert found.daily[name, 2] == pytest.approx(1.0, abs=0.08)
    assert found.daily[name, 3] * -np.log(0.1) >= 1.75
    # The shelf is empty where most was wanted, so censoring is not independent: sums err on the side of more, not less.
    assert 0.95 <= found.cumulative[name, SPANS.index(3), 2] <= 1.35


def test_stretched_quantiles_neither_cross_nor_fall_with_the_days() -> None:
    rng = np.random.default_rng(2)
    factors = Calibration(
        torch.from_numpy(rng.uniform(0.3, 3, (4, 5))).float(), torch.from_numpy(rng.uniform(0.3, 3, (4, 5, 5))).float()
    )
    daily = torch.from_numpy(rng.uniform(0, 5, (8, 14, 5))).sort(-1).values.float()
    stretched, total = factors.apply(daily, daily.cumsum(1), torch.arange(8) % 4)
    assert stretched.shape == total.shape == (8, 14, 5)
    assert (total.diff(dim=1) >= 0).all()
    assert torch.allclose(total[:, 0], factors.cumulative[torch.arange(8) % 4, 0] * daily[:, 0])


def test_classes_are_those_of_syntetos_and_boylan() -> None:
    rng = np.random.default_rng(0)
    often, seldom = np.ones(DAYS), (np.arange(DAYS) % 3 == 0).astype(float)
    even, uneven = np.full(DAYS, 4.0), np.where(rng.random(DAYS) < 0.1, 60.0, 2.0)
    group = _group(np.stack([often * even, often * uneven, seldom * even, seldom * uneven, np.zeros(DAYS)]))
    assert demand_classes(known_at(group, cutoff=CUTOFF, horizon=14, season=7)).tolist() == [0, 1, 2, 3, 2]


PAIRS = st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(1, 5)), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.sampled_from([0.6, 0.75, 0.9]))
def test_the_censored_quantile_equals_the_product_limit_loop(pairs: list[tuple[int, bool, int]], level: float) -> None:
    stays, found = 1.0, max(value for value, _, _ in pairs)
    for value in sorted({value for value, _, _ in pairs}):
        at_risk = sum(w for v, _, w in pairs if v >= value)
        stays *= 1 - sum(w for v, least, w in pairs if v == value and not least) / at_risk
        if stays <= 1 - level + 1e-9:
            found = value
            break
    values, least, weights = (torch.tensor(column) for column in zip(*pairs, strict=True))
    assert float(censored_quantile(values.double(), least, weights.double(), level)) == found
