from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import nbinom
from tests.replenish.nights import night

from scaleinv.errors import DataError
from scaleinv.inventory import Method, Policies, ProtectionDemand, policies, protection_demand

if TYPE_CHECKING:
    from conftest import Shops

LEVELS = np.array((0.005, 0.025, 0.1, 0.165, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.835, 0.9, 0.975, 0.995))
METHODS: tuple[Method, ...] = ("quantile", "root", "seed")
COSTS = {"ordering_cost": 1.0, "holding_rate": 0.25, "max_cover_days": 14}


def _protection(shops: Shops, review: int = 1, n_samples: int = 400, lead_time: object = None) -> ProtectionDemand:
    return protection_demand(
        shops.cumulative, LEVELS, shops.lead_time if lead_time is None else np.asarray(lead_time), shops.vendor,
        np.full(shops.n, review), key=shops.key, n_samples=n_samples, seed=1,
    )  # fmt: skip


def _policies(shops: Shops, protection: ProtectionDemand, **changes: object) -> Policies:
    options: dict[str, object] = {
        "method": "quantile", "is_fill_rate": np.arange(shops.n) % 2 == 0, "target": 0.95, "unit_cost": 2.0,
        "min_order_quantity": 1.0, "order_multiple": 1.0, "mean_daily": shops.mean, "sd_daily": shops.sd, **COSTS,
    }  # fmt: skip
    return policies(protection, **(options | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", [0.3, 0.95, 0.999])
def test_the_parts_add_up_exactly(shops: Shops, method: Method, target: float) -> None:
    p = _policies(shops, _protection(shops), method=method, target=target)
    parts = p.expected_demand + p.demand_safety_stock + p.lead_time_safety_stock + p.rounding
    assert np.array_equal(parts, p.reorder_point)
    assert np.array_equal(p.expected_demand + p.safety_stock, p.reorder_point)
    assert np.array_equal(p.safety_stock, p.rounding + p.lead_time_safety_stock + p.demand_safety_stock)
    assert np.array_equal(p.order_up_to_level, p.reorder_point + p.order_quantity)
    assert np.array_equal(p.reorder_point, np.round(p.reorder_point))
    assert (p.reorder_point >= 1).all()


def test_columns_are_those_of_the_table(shops: Shops) -> None:
    p = _policies(shops, _protection(shops, review=7))
    assert p.lead_time[:3] == pytest.approx([2.9, 4.8, 1.0])
    assert p.protection_interval[:3] == pytest.approx([9.9, 11.8, 8.0])


@pytest.mark.parametrize(("rho", "expected"), [(0.0, 97), (0.3, 132), (0.9, 177)])
def test_dependent_days_a45(rho: float, expected: int) -> None:
    """The 0.95-quantile of a fortnight's demand, NB(r 2, mean 5) a day; daily quantiles would add to 182."""
    rng = np.random.default_rng(9)
    n = 400_000  # of 60,000 paths the quantile is uncertain by more than the unit that is asked for
    score = np.sqrt(rho) * rng.standard_normal((n, 1)) + np.sqrt(1 - rho) * rng.standard_normal((n, 14))
    table = nbinom.cdf(np.arange(200), 2, 2 / 7)
    paths = np.cumsum(np.searchsorted(table, ndtr(score)), axis=1)
    for levels in (LEVELS, np.sort(np.append(LEVELS, 0.95))):
        cumulative = np.quantile(paths, levels, axis=0).T[None]
        protection = protection_demand(
            cumulative, levels, np.eye(15)[14:], np.array([0]), np.array([1]),
            key=np.array([3], np.uint64), n_samples=2000, seed=1,
        )  # fmt: skip
        found = np.quantile(protection.protection[0], 0.95, method="inverted_cdf")
        assert abs(found - expected) <= 1
        assert found < 182


def test_levels_are_rounded_up_or_so_that_all_together_keep_the_promise(shops: Shops) -> None:
    protection = _protection(shops)
    up, even = _policies(shops, protection), _policies(shops, protection, key=shops.key)
    change = even.reorder_point - up.reorder_point
    assert set(np.unique(change)) == {-1.0, 0.0}
    level = up.reorder_point - up.rounding
    assert np.abs(even.reorder_point - level).max() < 1
    many = level > 1  # a series that sells keeps a reorder point of 1
    assert (even.reorder_point - level)[many].mean() == pytest.approx(0, abs=0.1)
    assert (up.rounding >= 0).all()
    assert np.array_equal(even.expected_demand + even.safety_stock, even.reorder_point)
    half = protection_demand(
        shops.cumulative[::2], LEVELS, shops.lead_time, shops.vendor[::2], np.full(len(shops.vendor[::2]), 1),
        key=shops.key[::2], n_samples=400, seed=1,
    )  # fmt: skip
    again = policies(
        half, method="quantile", is_fill_rate=(np.arange(shops.n) % 2 == 0)[::2], target=0.95, unit_cost=2.0,
        min_order_quantity=1.0, order_multiple=1.0, mean_daily=shops.mean[::2], sd_daily=shops.sd[::2],
        key=shops.key[::2], **COSTS,
    )  # fmt: skip
    assert np.array_equal(again.reorder_point, even.reorder_point[::2]), "whoever stands beside it"


def test_root_and_seed_are_their_formulas(shops: Shops) -> None:
    z, review = 1.6448536269514722, 7
    protection = _protection(shops, review)
    days = protection.lead_time_mean + review - 1
    demand, lead = shops.sd * np.sqrt(days), shops.mean * protection.lead_time_sd
    root = _policies(shops, protection, method="root", is_fill_rate=False)
    seed = _policies(shops, protection, method="seed", is_fill_rate=False)
    assert root.safety_stock - root.rounding == pytest.approx(z * np.sqrt(demand**2 + lead**2), abs=1e-5)
    assert root.demand_safety_stock == pytest.approx(z * demand, abs=1e-5)
    assert seed.demand_safety_stock == pytest.approx(z * demand, abs=1e-5)
    assert seed.lead_time_safety_stock == pytest.approx(z * lead, abs=1e-5)
    assert (seed.reorder_point >= root.reorder_point).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_certain_lead_time_has_no_part(shops: Shops, method: Method) -> None:
    p = _policies(shops, _protection(shops), method=method)
    certain = shops.vendor == 2
    assert (p.lead_time_safety_stock[certain] == 0).all()
    assert (p.lead_time_safety_stock[~certain] != 0).any()


def test_safety_stock_may_be_negative(shops: Shops) -> None:
    p = _policies(shops, _protection(shops), is_fill_rate=True, target=0.5, max_cover_days=200, unit_cost=0.01)
    assert (p.safety_stock < 0).any()
    assert (p.reorder_point >= 1).all()


def test_without_demand_nothing_is_ordered(shops: Shops) -> None:
    none = protection_demand(
        shops.cumulative * 0, LEVELS, shops.lead_time, shops.vendor, np.full(shops.n, 7),
        key=shops.key, n_samples=50, seed=1,
    )  # fmt: skip
    for method in METHODS:
        p = _policies(shops, none, method=method, mean_daily=0.0, sd_daily=0.0, order_multiple=6)
        assert (p.reorder_point == 0).all()
        assert (p.safety_stock == 0).all()
        assert (p.order_quantity == 6).all()


def test_order_quantity_is_economic_within_its_bounds(shops: Shops) -> None:
    free = _policies(shops, _protection(shops), unit_cost=50.0)
    economic = np.sqrt(2 * shops.mean * 365 / (0.25 * 50))
    inside = (economic < 14 * shops.mean) & (economic > shops.mean) & (economic > 1)
    assert inside.sum() > 20
    assert np.array_equal(free.order_quantity[inside], np.ceil(economic[inside]))
    cheap = _policies(shops, _protection(shops), unit_cost=0.0)
    assert np.array_equal(cheap.order_quantity, np.ceil(14 * shops.mean))
    packed = _policies(shops, _protection(shops, review=7), min_order_quantity=20, order_multiple=12)
    assert (packed.order_quantity % 12 == 0).all()
    assert (packed.order_quantity >= np.maximum(24, 7 * shops.mean)).all()


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(METHODS), st.booleans(), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.sampled_from([1, 6, 30])
)
def test_a_higher_target_never_asks_for_less(
    shops: Shops, method: Method, fill: bool, one: float, two: float, multiple: int
) -> None:
    protection = _protection(shops, n_samples=100)
    low, high = (
        _policies(shops, protection, method=method, is_fill_rate=fill, target=t, order_multiple=multiple)
        for t in sorted((one, two))
    )
    assert (low.reorder_point <= high.reorder_point).all()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(METHODS), st.sampled_from([0.9, 0.95, 0.98]), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_lead_time_that_varies_more_never_asks_for_less(
    shops: Shops, method: Method, target: float, one: float, two: float
) -> None:
    def point(spread: float) -> NDArray[np.float64]:
        pmf = np.zeros((3, 14))
        pmf[:, [3, 7, 11]] = spread, 1 - 2 * spread, spread
        protection = _protection(shops, n_samples=2000, lead_time=pmf)
        return _policies(shops, protection, method=method, is_fill_rate=False, target=target).reorder_point

    low, high = (point(s) for s in sorted((one, two)))
    # A high quantile of samples moves by their noise: of 400 by up to 8 %, of 2,000 by less than a hundredth.
    assert (low <= high + np.maximum(2, 0.01 * high)).all()


def test_chunks_change_nothing(shops: Shops) -> None:
    whole = _policies(shops, _protection(shops))
    rows = slice(50, 100)
    part = protection_demand(
        shops.cumulative[rows], LEVELS, shops.lead_time, shops.vendor[rows], np.ones(50, int),
        key=shops.key[rows], n_samples=400, seed=1,
    )  # fmt: skip
    p = policies(
        part, method="quantile", is_fill_rate=np.arange(200)[rows] % 2 == 0, target=0.95, unit_cost=2.0,
        min_order_quantity=1.0, order_multiple=1.0, mean_daily=shops.mean[rows], sd_daily=shops.sd[rows], **COSTS,
    )  # fmt: skip
    for name in ("reorder_point", "expected_demand", "demand_safety_stock", "rounding", "order_quantity"):
        assert np.array_equal(getattr(whole, name)[rows], getattr(p, name)), name


def test_errors_name_the_series(shops: Shops) -> None:
    protection = _protection(shops, n_samples=50)
    target = np.full(shops.n, 0.9)
    target[4] = 1.0
    with pytest.raises(DataError, match=r"target is not within \(0, 1\)(.|\n)*series 4"):
        _policies(shops, protection, target=target)
    with pytest.raises(DataError, match="order multiple is not above 0"):
        _policies(shops, protection, order_multiple=0)
    with pytest.raises(DataError, match="unit cost is below 0, or not a number"):
        _policies(shops, protection, unit_cost=np.nan)


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_reorder_point_and_order_follow_demand(factor: float) -> None:
    """ERPNext #32508, #36846: levels stood as somebody had entered them, whatever was sold."""
    rng = np.random.default_rng(4)

    def levels_after(sold: NDArray[np.float64]) -> tuple[float, float]:
        """The levels of the night after these days of sales; a forecast that knows the last 28 of them."""
        days = rng.choice(sold[-28:], (4000, 14))
        cumulative = np.quantile(np.cumsum(days, axis=1), LEVELS, axis=0).T[None]
        protection = protection_demand(
            cumulative, LEVELS, np.eye(4)[3:], np.array([0]), np.array([1]), key=np.array([3], np.uint64),
            n_samples=400, seed=1,
        )  # fmt: skip
        made = policies(
            protection, method="quantile", is_fill_rate=np.array([False]), target=0.95, unit_cost=2.0,
            min_order_quantity=1.0, order_multiple=1.0, mean_daily=np.array([days.mean()]),
            sd_daily=np.array([days.std()]), ordering_cost=1.0, holding_rate=0.25, max_cover_days=14,
        )  # fmt: skip
        return float(made.reorder_point[0]), float(made.order_up_to_level[0])

    before = rng.poisson(20.0, 60).astype(np.float64)
    sales = np.concatenate([before, rng.poisson(20.0 * factor, 28)])
    (point, top), (new_point, new_top) = levels_after(before), levels_after(sales)
    assert new_point / point == pytest.approx(factor, rel=0.25)  # its safety stock goes by the spread
    terms = {"on_hand": 0.0, "moq": 1.0, "multiple": 1.0}
    old, new = (
        night({**terms, "rop": at, "oul": to}).propose().lines["quantity"][0].as_py()
        for at, to in ((point, top), (new_point, new_top))
    )
    assert (old, new) == (top, new_top)
    assert (new > old) == (factor > 1)
