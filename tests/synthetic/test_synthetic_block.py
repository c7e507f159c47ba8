from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.config.models import SyntheticConfig
from scaleinv.errors import DataError
from scaleinv.synthetic import CLASSES, Block, chain, last_day, n_blocks, simulate_block
from scaleinv.synthetic.assortment import CATEGORIES
from scaleinv.synthetic.chain import MAX_LEAD_TIME, quoted_lead_times
from scaleinv.synthetic.events import easter
from scaleinv.synthetic.items import gtin13
from scaleinv.synthetic.shelf import Terms, keep_shelf

SMALL = SyntheticConfig(n_skus=24, n_locations=3, n_days=200)


@pytest.fixture(scope="module")
def wide() -> Block:
    return simulate_block(SyntheticConfig(n_skus=200, n_locations=5), 0)


def test_stock_is_conserved_day_by_day(wide: Block) -> None:
    before = np.column_stack([wide.opening, wide.on_hand[:, :-1]])

    assert np.array_equal(before + wide.received - wide.sales, wide.on_hand)
    assert np.array_equal(wide.opening + wide.received.sum(1) - wide.sales.sum(1), wide.on_hand[:, -1])
    assert (wide.on_hand >= 0).all()


def test_sales_are_demand_as_far_as_stock_reaches(wide: Block) -> None:
    available = np.column_stack([wide.opening, wide.on_hand[:, :-1]]) + wide.received
    lost = wide.true_demand > wide.sales

    assert np.array_equal(wide.sales, np.minimum(wide.true_demand, available))
    assert lost.any()
    assert (wide.on_hand[lost] == 0).all()


def test_nothing_is_asked_for_outside_the_listing_or_when_closed(wide: Block) -> None:
    assert not wide.true_demand[~wide.listed].any()
    assert (~wide.listed).any()
    new_year = np.flatnonzero(wide.days == np.datetime64("2023-01-01"))
    assert not wide.true_demand[:, new_year].any()


def test_deliveries_are_the_orders_after_their_lead_time(wide: Block) -> None:
    orders = wide.orders
    arrived = orders.received_day < wide.sales.shape[1]
    expected = np.zeros_like(wide.received)
    np.add.at(expected, (orders.series[arrived], orders.received_day[arrived]), orders.quantity[arrived])
    lead_time = orders.received_day - orders.order_day
    item = wide.item[orders.series]

    assert np.array_equal(expected, wide.received)
    assert (~arrived).any()
    assert lead_time.min() >= 1
    assert lead_time.max() <= MAX_LEAD_TIME
    assert (orders.quantity % wide.items.order_multiple[item] == 0).all()
    assert (orders.quantity >= wide.items.min_order_quantity[item]).all()


def test_orders_go_out_on_review_days_only(wide: Block) -> None:
    shared = chain(SyntheticConfig(n_skus=200, n_locations=5))
    vendor = wide.items.vendor[wide.item[wide.orders.series]]

    assert shared.review_day[vendor, wide.orders.order_day + shared.n_warmup].all()
    weekly = shared.review_period[vendor] == 7
    assert weekly.any()
    for v in np.unique(vendor[weekly]):
        assert len(np.unique(wide.orders.order_day[vendor == v] % 7)) == 1


def test_the_old_policy_serves_like_a_real_retailer(wide: Block) -> None:
    fill_rate = wide.sales.sum() / wide.true_demand.sum()
    cover = wide.on_hand.sum() / wide.true_demand.sum()
    kind = wide.items.demand_class[wide.item]
    by_class = [wide.sales[kind == k].sum() / wide.true_demand[kind == k].sum() for k in range(len(CLASSES))]

    assert 0.93 <= fill_rate <= 0.965
    assert 7 <= cover <= 14
    assert by_class[3] < by_class[1] < by_class[0]


def test_every_demand_class_is_there_and_looks_like_it(wide: Block) -> None:
    units, days = wide.true_demand.astype(float), wide.listed.sum(1)
    asked = np.maximum((units > 0).sum(1), 1)
    mean = units.sum(1) / asked
    cv2 = ((units**2).sum(1) / asked - mean**2) / np.maximum(mean, 1e-9) ** 2
    is_rare, is_wild = days / asked >= 1.32, cv2 >= 0.49
    found = 2 * is_rare + is_wild
    long_enough = (days > 300) & (units.sum(1) > 0)
    made = wide.items.demand_class[wide.item]

    assert np.bincount(found[long_enough], minlength=4).min() > 20
    assert (found == made)[long_enough].mean() > 0.9
    assert set(wide.items.category.tolist()) == set(range(len(CATEGORIES)))


def test_demand_is_drawn_around_its_mean(wide: Block) -> None:
    ratio = wide.true_demand.sum(dtype=float) / wide.mean_demand.sum(dtype=float)

    assert ratio == pytest.approx(1, abs=0.01)


def test_promotions_cut_the_price_and_lift_demand(wide: Block) -> None:
    n = wide.true_demand.shape[1]
    is_promotion = wide.is_promotion[:, :n]
    smooth = (wide.items.demand_class[wide.item] == 0) & is_promotion.any(1)
    on, off = is_promotion & wide.listed & smooth[:, None], ~is_promotion & wide.listed & smooth[:, None]

    assert wide.price.shape[1] == n + 60
    assert wide.price[:, :n][on].mean() < wide.price[:, :n][off].mean()
    assert wide.is_promotion[:, n:].any()
    lift = [wide.true_demand[s][on[s]].mean() / wide.true_demand[s][off[s]].mean() for s in np.flatnonzero(smooth)]
    assert np.median(lift) > 1.15


def test_lead_times_follow_their_distribution_and_quotes_are_near_it() -> None:
    config = SyntheticConfig(n_locations=30)
    shared = chain(config)
    truth, quoted = shared.lead_time_probability, quoted_lead_times(config)
    drawn = np.array([np.bincount(v.ravel(), minlength=MAX_LEAD_TIME + 1) / v.size for v in shared.lead_time])
    said = quoted / quoted.sum(1, keepdims=True)

    assert np.allclose(drawn, truth, atol=0.015)
    assert not quoted[:, 0].any()
    assert (truth > 0)[quoted > 0].all()
    assert 0.01 < np.abs(said - truth).max() < 0.25
    assert (MAX_LEAD_TIME + shared.review_period <= 28).all()


def test_a_block_is_the_same_alone_in_any_order_and_in_a_larger_retailer() -> None:
    config = SyntheticConfig(n_skus=30, n_locations=100, n_days=120)
    assert n_blocks(config) == 3
    later_first = [simulate_block(config, b) for b in (2, 1)][1]
    chain.cache_clear()
    alone = simulate_block(config, 1)
    larger = simulate_block(config.model_copy(update={"n_skus": 3000}), 1)
    cut = simulate_block(config.model_copy(update={"n_skus": 14}), 1)

    for field in ("unique_id", "true_demand", "sales", "on_hand", "price", "is_promotion", "reorder_point"):
        ours = getattr(alone, field)
        assert np.array_equal(ours, getattr(later_first, field)), field
        assert np.array_equal(ours, getattr(larger, field)), field
        assert np.array_equal(ours[: len(cut.unique_id)], getattr(cut, field)), field


def test_another_seed_is_another_retailer() -> None:
    ours, other = simulate_block(SMALL, 0), simulate_block(SMALL.model_copy(update={"seed": 8}), 0)

    assert not np.array_equal(ours.true_demand, other.true_demand)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 1), (3, 1, 2)])
def test_the_smallest_retailers_work(shape: tuple[int, int, int]) -> None:
    n_skus, n_locations, n_vendors = shape
    block = simulate_block(
        SyntheticConfig(n_skus=n_skus, n_locations=n_locations, n_vendors=n_vendors, n_days=120, warmup_days=1), 0
    )

    assert block.sales.shape == (n_skus * n_locations, 120)


def test_a_block_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="has no block 1"):
        simulate_block(SMALL, 1)


def test_last_day_is_inclusive() -> None:
    assert last_day(SyntheticConfig(start=date(2022, 1, 1), n_days=365)) == date(2022, 12, 31)


def test_gtins_have_a_valid_check_digit() -> None:
    numbers = gtin13(np.arange(0, 9_000_000, 12345))
    digits = np.array([[int(d) for d in number] for number in numbers])

    assert digits.shape[1] == 13
    assert (digits @ np.tile([1, 3], 7)[:13] % 10 == 0).all()
    assert gtin13(np.array([0]))[0] == "2000000000008"


@pytest.mark.parametrize(("year", "month", "day"), [(2022, 4, 17), (2023, 4, 9), (2024, 3, 31), (2000, 4, 23)])
def test_easter(year: int, month: int, day: int) -> None:
    assert easter(year) == date(year, month, day)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=20, max_size=40), st.integers(1, 6), st.integers(1, 12), st.integers(1, 5))
def test_the_day_keeps_its_order(demand: list[int], multiple: int, lead_time: int, review_period: int) -> None:
    """An oracle with one series: deliveries in the morning, sales by day, orders in the evening."""
    n = len(demand)
    reviewed = np.arange(n) % review_period == 0
    shelf = keep_shelf(
        np.array([demand]),
        Terms(
            expected=np.array([3.0]), review_period=np.array([review_period]),
            min_order_quantity=np.array([2 * multiple]), order_multiple=np.array([multiple]),
            may_order=reviewed[:, None], lead_time=np.full((n, 1), lead_time), listed=np.ones((n, 1), bool),
        ),
    )  # fmt: skip
    stock, due = int(shelf.opening[0]), dict.fromkeys(range(n + 13), 0)
    for day, wanted in enumerate(demand):
        stock += due[day]
        assert shelf.received[0, day] == due[day]
        assert shelf.sales[0, day] == min(wanted, stock)
        stock -= shelf.sales[0, day]
        assert shelf.on_hand[0, day] == stock
        ordered = int(shelf.ordered[0, day])
        assert not ordered or reviewed[day]
        assert ordered % multiple == 0
        assert not ordered or ordered >= 2 * multiple
        due[day + lead_time] += ordered
    position = stock + sum(quantity for day, quantity in due.items() if day >= n)
    if reviewed[-1]:
        # Levels are renewed weekly, so the last ones held on the last evening.
        assert position >= shelf.reorder_point[0]
        if ordered > 2 * multiple:
            assert shelf.order_up_to_level[0] <= position < shelf.order_up_to_level[0] + multiple
