from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import nbinom, norm

from scaleinv.errors import DataError
from scaleinv.inventory import ProtectionDemand, lead_time_cdf, lead_time_moments, protection_demand

if TYPE_CHECKING:
    from conftest import Shops

LEVELS = (0.005, 0.025, 0.1, 0.165, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.835, 0.9, 0.975, 0.995)
_CERTAIN = np.eye(20)  # vendor v always takes v days


def _one(cumulative: NDArray[np.float64], lead: int, review: int, **options: object) -> ProtectionDemand:
    chosen: dict[str, object] = {"key": np.array([5], np.uint64), "n_samples": 2000, "seed": 1, **options}
    return protection_demand(
        cumulative[None],
        LEVELS,
        _CERTAIN[1:],
        np.array([lead - 1]),
        np.array([review]),
        **chosen,  # type: ignore[arg-type]
    )


def _of(shops: Shops, rows: slice = slice(None), **options: object) -> ProtectionDemand:
    chosen: dict[str, object] = {"n_samples": 200, "seed": 3, **options}
    return protection_demand(
        shops.cumulative[rows], LEVELS, shops.lead_time, shops.vendor[rows], np.full(shops.n, 7)[rows],
        key=shops.key[rows], **chosen,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(("lead", "review"), [(1, 1), (3, 1), (2, 7), (14, 1)])
def test_the_interval_is_lead_time_plus_review_less_one_day(lead: int, review: int) -> None:
    days = np.arange(1, 29.0)
    found = _one(np.repeat(days[:, None] * 100, len(LEVELS), axis=1), lead, review)
    assert found.mean.tolist() == [100.0 * (lead + review - 1)]
    assert found.lead.max() == 100.0 * (lead - 1)
    assert found.review.max() == 100.0 * review
    assert found.spread.tolist() == [0.0]


def test_normal_quantiles_come_back_as_that_normal() -> None:
    cumulative = np.tile(norm.ppf(LEVELS, 500, 60), (28, 1))
    found = _one(cumulative, 3, 1, whole_units=False)
    assert found.mean == pytest.approx([500], abs=1)
    assert found.spread == pytest.approx([60], rel=0.02)
    for level in (0.05, 0.5, 0.93, 0.98):
        assert np.quantile(found.protection, level) == pytest.approx(norm.ppf(level, 500, 60), abs=1.5)


@pytest.mark.parametrize("mean", [0.02, 0.3, 2.0, 30.0])
def test_whole_units_keep_mean_and_spread_of_counts(mean: float) -> None:
    days = np.arange(1, 29)
    cumulative = nbinom.ppf(np.array(LEVELS)[None, :], days[:, None] * 1.0, 1 / (1 + mean))
    found = _one(cumulative, 4, 1)
    assert (found.protection == np.round(found.protection)).all()
    exact = nbinom(4.0, 1 / (1 + mean))
    assert found.mean == pytest.approx([exact.mean()], rel=0.03, abs=0.05)
    assert found.spread == pytest.approx([exact.std()], rel=0.08, abs=0.08)


def test_lead_times_are_mixed_in_by_their_probability(shops: Shops) -> None:
    found = _of(shops, n_samples=1000)
    mean, sd = lead_time_moments(lead_time_cdf(shops.lead_time))
    assert found.mean == pytest.approx(shops.mean * (mean[shops.vendor] + 6), rel=0.03, abs=0.1)
    variance = (mean[shops.vendor] + 6) * shops.sd**2 + (shops.mean * sd[shops.vendor]) ** 2
    assert found.spread == pytest.approx(np.sqrt(variance), rel=0.06, abs=0.2)
    assert found.fixed_spread == pytest.approx(np.sqrt((mean[shops.vendor] + 6) * shops.sd**2), rel=0.06, abs=0.2)
    assert (found.protection >= found.lead).all()


def test_chunks_order_and_threads_change_nothing(shops: Shops) -> None:
    big = dataclasses.replace(
        shops, cumulative=np.tile(shops.cumulative, (4, 1, 1)), mean=np.tile(shops.mean, 4),
        vendor=np.tile(shops.vendor, 4), key=np.arange(4 * shops.n, dtype=np.uint64),
    )  # fmt: skip
    whole = _of(big)
    parts = [_of(big, slice(a, a + 100)) for a in range(0, big.n, 100)]
    backwards = _of(big, slice(None, None, -1))
    for field in dataclasses.fields(ProtectionDemand):
        values = getattr(whole, field.name)
        assert np.array_equal(values, np.concatenate([getattr(p, field.name) for p in parts])), field.name
        assert np.array_equal(values, getattr(backwards, field.name)[::-1]), field.name


def test_seed_and_key_choose_the_draws(shops: Shops) -> None:
    first, second = _of(shops), _of(shops, seed=4)
    assert not np.array_equal(first.protection, second.protection)
    assert first.mean == pytest.approx(second.mean, rel=0.1, abs=0.2)


def test_beyond_the_horizon_the_last_step_is_stretched_and_counted() -> None:
    days = np.arange(1, 11.0)
    cumulative = np.repeat(days[:, None] * 10, len(LEVELS), axis=1)
    found = _one(cumulative, 14, 7)
    assert found.mean.tolist() == [200.0]
    assert found.beyond_horizon.tolist() == [1.0]
    assert found.n_beyond_horizon == 1
    assert _one(cumulative, 4, 7).n_beyond_horizon == 0


def test_the_tail_goes_on_but_not_for_ever() -> None:
    cumulative = np.tile(norm.ppf(LEVELS, 500, 60), (28, 1))
    found = _one(cumulative, 3, 1, n_samples=20_000)
    gap = cumulative[0, -1] - cumulative[0, -2]
    assert cumulative[0, -1] < found.protection.max() < cumulative[0, -1] + 3 * gap


def test_nothing_is_below_zero_and_no_demand_stays_none() -> None:
    falling = np.tile(np.linspace(-5, 3, len(LEVELS)), (28, 1))
    assert _one(falling, 3, 1).protection.min() == 0
    assert _one(np.zeros((28, len(LEVELS))), 3, 7).protection.max() == 0


def test_a_lead_time_of_zero_counts_as_one_day() -> None:
    cdf = lead_time_cdf(np.array([[0.4, 0.6, 0.0]]))
    assert cdf.tolist() == [[0.0, 1.0, 1.0]]
    assert lead_time_moments(cdf)[0].tolist() == [1.0]


def test_no_series_is_no_problem(shops: Shops) -> None:
    assert _of(shops, slice(0, 0)).protection.shape == (0, 200)


def test_errors_name_the_series(shops: Shops) -> None:
    broken = shops.cumulative.copy()
    broken[7, 3, 2] = np.nan
    with pytest.raises(DataError, match=r"a forecast is not finite(.|\n)*series 7"):
        _of(dataclasses.replace(shops, cumulative=broken))
    with pytest.raises(DataError, match=r"a vendor has no lead times(.|\n)*series 2, series 5"):
        _of(dataclasses.replace(shops, lead_time=shops.lead_time[:2]))
    with pytest.raises(DataError, match=r"not a distribution(.|\n)*vendor row 1"):
        _of(dataclasses.replace(shops, lead_time=shops.lead_time * np.array([[1.0], [1.1], [1.0]])))
    with pytest.raises(DataError, match=r"wrong shape(.|\n)*\(200, horizon, 17\)"):
        _of(dataclasses.replace(shops, cumulative=shops.cumulative[:, :, 1:]))


def test_samples_are_the_mixtures_own_quantiles() -> None:
    """Two lead times, half and half: the exact distribution function at a sample is the sample's place."""
    days = np.arange(1.0, 29.0)[:, None]
    cumulative = norm.ppf(np.array(LEVELS)[None, :], 100 * days, 9 * np.sqrt(days))
    lead_time = np.zeros((1, 8))
    lead_time[0, [3, 7]] = 0.5
    n = 400
    found = protection_demand(
        cumulative[None], LEVELS, lead_time, np.array([0]), np.array([1]),
        key=np.array([5], np.uint64), n_samples=n, seed=1, whole_units=False,
    ).protection[0]  # fmt: skip
    place = (np.arange(n) + 0.5) / n
    chance = 0.5 * (norm.cdf(found, 300, 9 * np.sqrt(3)) + norm.cdf(found, 700, 9 * np.sqrt(7)))
    inside = (place > 0.03) & (place < 0.97)
    assert np.abs(chance - place)[inside].max() < 1.5 / n  # random draws are off by up to 1.4 / sqrt(n), 27 / n
