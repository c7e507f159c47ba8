"""The proof: policies made from exact quantiles keep their promise in a long replay with lost sales."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.special import ndtr
from scipy.stats import nbinom

from scaleinv.inventory import Simulation, policies, protection_demand, simulate
from scaleinv.inventory.cycle import cycle_service_point
from scaleinv.inventory.positions import positions_after_review

if TYPE_CHECKING:
    from conftest import Shops

LEVELS = (0.005, 0.025, 0.1, 0.165, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.835, 0.9, 0.975, 0.995)
N_DAYS = 3000


def _simulated(shops: Shops, target: float, review: int, multiple: float, *, is_fill_rate: bool) -> Simulation:
    """Policies made from the exact quantiles, on a long run of the same shops."""
    n, period = shops.n, np.full(shops.n, review)
    protection = protection_demand(
        shops.cumulative, LEVELS, shops.lead_time, shops.vendor, period, key=shops.key, n_samples=400, seed=1
    )
    policy = policies(
        protection, method="quantile", is_fill_rate=np.full(n, is_fill_rate), target=target, unit_cost=2.0,
        min_order_quantity=1.0, order_multiple=multiple, mean_daily=shops.mean, sd_daily=shops.sd,
        ordering_cost=1.0, holding_rate=0.25, max_cover_days=14,
    )  # fmt: skip
    return simulate(
        shops.demand(N_DAYS, 7), policy.reorder_point[:, None], policy.order_up_to_level[:, None],
        np.zeros(N_DAYS, int), np.ones(n), np.full(n, multiple), shops.lead_time, shops.vendor, period,
        n_warmup=200, key=shops.key, seed=3,
    )  # fmt: skip


@pytest.mark.parametrize("target", [0.95, 0.98])
@pytest.mark.parametrize("review", [1, 7])
@pytest.mark.parametrize("multiple", [1.0, 6.0, 24.0])
def test_the_fill_rate_promised_is_the_fill_rate_kept(
    shops: Shops, target: float, review: int, multiple: float
) -> None:
    found = _simulated(shops, target, review, multiple, is_fill_rate=True)
    assert 1 - found.lost.sum() / found.demand.sum() == pytest.approx(target, abs=0.005)
    # one series: a whole unit, or a pack, may be more than was asked for; less only by the noise of a long run
    assert np.quantile(found.fill_rate, 0.05) > target - 0.02
    fast = shops.mean > 2
    assert found.fill_rate[fast].mean() == pytest.approx(target, abs=0.01)


@pytest.mark.parametrize("target", [0.9, 0.95, 0.98])
@pytest.mark.parametrize("review", [1, 7])
@pytest.mark.parametrize("multiple", [1.0, 24.0])
def test_the_share_of_cycles_promised_is_the_share_kept(
    shops: Shops, target: float, review: int, multiple: float
) -> None:
    found = _simulated(shops, target, review, multiple, is_fill_rate=False)
    assert 1 - found.cycles_short.sum() / found.cycles.sum() == pytest.approx(target, abs=0.011)
    slow = shops.mean < np.median(shops.mean)
    for half in (slow, ~slow):
        kept = 1 - found.cycles_short[half].sum() / found.cycles[half].sum()
        assert target - 0.02 < kept < target + 0.03, "a whole unit may be more than was asked for"


def test_where_every_review_orders_a_cycle_is_a_protection_interval(shops: Shops) -> None:
    """The textbook's P(D <= r), here read off the true distribution."""
    protection = protection_demand(
        shops.cumulative, LEVELS, shops.lead_time, shops.vendor, np.full(shops.n, 7), key=shops.key, n_samples=400,
        seed=1,
    )  # fmt: skip
    one = np.ones(shops.n)
    point = np.ceil(cycle_service_point(protection, 0.95 * one, positions_after_review(protection.review, one, one)))
    share = shops.size / (shops.size + shops.mean)
    cdf = nbinom.cdf(point[:, None], shops.size[:, None] * (np.arange(1, 10) + 6), share[:, None])
    kept = (cdf * shops.lead_time[shops.vendor, 1:]).sum(axis=1)
    assert kept[shops.mean > 5].mean() == pytest.approx(0.95, abs=0.012)


def test_demands_that_hang_together_need_more(shops: Shops) -> None:
    """Independent errors against errors that all days share: the spread of the sum tells them apart."""
    rng = np.random.default_rng(3)
    made = []
    for rho in (0.0, 0.9):
        score = np.sqrt(rho) * rng.standard_normal((40_000, 1)) + np.sqrt(1 - rho) * rng.standard_normal((40_000, 14))
        paths = np.cumsum(np.searchsorted(nbinom.cdf(np.arange(200), 2, 2 / 7), ndtr(score)), axis=1)
        protection = protection_demand(
            np.quantile(paths, LEVELS, axis=0).T[None], LEVELS, np.eye(8)[7:], np.array([0]), np.array([7]),
            key=np.array([3], np.uint64), n_samples=2000, seed=1,
        )  # fmt: skip
        lead, both = paths[:, 5], paths[:, 12]  # every review orders: 6 days before the delivery, 13 in all
        (point,) = cycle_service_point(
            protection, np.array([0.95]), positions_after_review(protection.review, 1.0, 1.0)
        )
        assert point == pytest.approx(np.quantile(both, 0.95), rel=0.05)
        assert point > np.quantile(lead, 0.95)
        made.append(point)
    assert made[1] > 1.2 * made[0]


def _long_walk(review: np.ndarray, quantity: int, multiple: int) -> np.ndarray:
    rng = np.random.default_rng(4)
    height, seen = quantity, np.zeros(quantity + multiple)
    for fall in rng.choice(review, 200_000):
        height -= int(fall)
        if height < 0:
            height += int(np.ceil((quantity - height) / multiple)) * multiple
        seen[height] += 1
    return seen / seen.sum()


@pytest.mark.parametrize(("quantity", "multiple"), [(1, 1), (14, 1), (12, 12), (24, 6), (40, 20)])
@pytest.mark.parametrize("rate", [0.2, 3.0, 15.0])
def test_positions_after_review_against_a_long_walk(quantity: int, multiple: int, rate: float) -> None:
    review = np.sort(np.random.default_rng(3).poisson(rate, 64)).astype(np.float32)
    one = positions_after_review(review[None], quantity, multiple)
    (n_cells,), (density,) = one.n_cells, one.density
    walk, heights = _long_walk(review, quantity, multiple), np.arange(quantity + multiple)
    assert n_cells == quantity + multiple
    assert one.width == 1.0
    density = density[:n_cells]
    assert np.abs(np.cumsum(density) - np.cumsum(walk)).max() < 0.03
    assert density @ heights == pytest.approx(walk @ heights, abs=0.02 * (quantity + multiple))


def test_a_wide_range_of_positions_is_put_on_a_grid() -> None:
    review = np.random.default_rng(3).poisson(15, 64).astype(np.float32)
    one = positions_after_review(review[None], 600, 50)
    walk, heights = _long_walk(review, 600, 50), (np.arange(64) + 0.5) * one.width - 0.5
    assert one.n_cells == 64
    assert one.density[0] @ heights == pytest.approx(walk @ np.arange(650), rel=0.02)


def test_positions_of_series_that_order_otherwise_are_made_anew_and_no_others() -> None:
    review = np.random.default_rng(3).poisson(5, (4, 64)).astype(np.float32)
    quantity, multiple = np.array([7.0, 14.0, 600.0, 12.0]), np.array([1.0, 1.0, 50.0, 12.0])
    before = positions_after_review(review, quantity, multiple)
    assert before.of(review, quantity, multiple) is before
    quantity, multiple = np.array([7.0, 20.0, 600.0, 12.0]), np.array([1.0, 1.0, 50.0, 6.0])
    after, anew = before.of(review, quantity, multiple), positions_after_review(review, quantity, multiple)
    for name, values in vars(after).items():
        assert_array_equal(values, getattr(anew, name))
