"""One block of series: the unit of simulation, of randomness and of memory.

A block is a fixed number of whole articles at all locations. Its streams are its own, so it comes out the same
alone, in any order, and whatever else is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scaleinv.config.models import SyntheticConfig
from scaleinv.errors import DataError, explain
from scaleinv.synthetic.chain import PRICE_ZONES, Chain, chain
from scaleinv.synthetic.demand import draw_demand
from scaleinv.synthetic.items import Items, make_items
from scaleinv.synthetic.shelf import Shelf, Terms, keep_shelf
from scaleinv.synthetic.streams import stream

SERIES_PER_BLOCK: Final = 1024
"""A block has as many whole articles as fit, at least one."""
_LEAD_IN, _LEAD_OUT = 13, 8
"""Days before listing that the first order may go out; days before delisting that orders stop."""


@dataclass(frozen=True)
class Orders:
    """Orders placed, arrays of ``(n_orders,)``; days count from the first day of the history and may be negative."""

    series: np.ndarray
    order_day: np.ndarray
    received_day: np.ndarray
    """May lie after the last day: the order is still open."""
    quantity: np.ndarray


@dataclass(frozen=True)
class Block:
    """The truth of a block, series-major: ``(n_series, n_days)`` over the days of the history unless said otherwise.

    Stock is conserved: ``opening + received.sum(1) - sales.sum(1) == on_hand[:, -1]``.
    """

    number: int
    unique_id: np.ndarray
    """(n_series,) of str."""
    item: np.ndarray
    """(n_series,) place of the article in ``items``."""
    location: np.ndarray
    """(n_series,) number of the location."""
    items: Items
    days: np.ndarray
    """(n_days,) datetime64[D]."""
    listed: np.ndarray
    true_demand: np.ndarray
    mean_demand: np.ndarray
    """What ``true_demand`` was drawn around."""
    sales: np.ndarray
    on_hand: np.ndarray
    """In the evening."""
    received: np.ndarray
    """In the morning."""
    opening: np.ndarray
    """(n_series,) before the first morning of the history."""
    price: np.ndarray
    """(n_series, n_days + future_days) what a customer pays."""
    is_promotion: np.ndarray
    """(n_series, n_days + future_days)."""
    orders: Orders
    reorder_point: np.ndarray
    """(n_series,) the old policy's, as at the last day."""
    order_up_to_level: np.ndarray
    """(n_series,) likewise."""


def n_blocks(config: SyntheticConfig) -> int:
    """How many blocks the retailer has."""
    return -(-config.n_skus // items_per_block(config))


def items_per_block(config: SyntheticConfig) -> int:
    """Articles of a full block."""
    return max(1, SERIES_PER_BLOCK // config.n_locations)


def simulate_block(config: SyntheticConfig, block: int) -> Block:
    """Demand, prices and stock of block number ``block``, from 0.

    Raises:
        DataError: there is no such block.
    """
    if not 0 <= block < n_blocks(config):
        problem = f"the retailer has no block {block}"
        raise DataError(explain(problem, expected=f"0 … {n_blocks(config) - 1}", found=block, do="count with n_blocks"))
    shared = chain(config)
    first = block * items_per_block(config)
    numbers = np.arange(first, min(first + items_per_block(config), config.n_skus))
    items = make_items(config, shared, block, numbers)
    item = np.repeat(np.arange(len(numbers)), config.n_locations)
    location = np.tile(np.arange(config.n_locations), len(numbers))
    listed = _listed(shared, items, 0, 0)[item]
    demand = draw_demand(config, shared, items, block, item, location, listed)
    guess = demand.level * np.exp(stream(config.seed, "series", block).spawn(1)[0].normal(0, 0.25, len(item)))
    shelf = keep_shelf(demand.units, _terms(shared, items, item, location, listed, guess))
    price, is_promotion = _prices(shared, items, item, location)
    past, start = shared.history, shared.n_warmup
    return Block(
        number=block,
        unique_id=np.char.add(np.char.add(sku_ids(numbers)[item], "@"), location_ids(location)),
        item=item, location=location, items=items, days=shared.days[past], listed=listed[:, past],
        true_demand=demand.units[:, past], mean_demand=demand.mean[:, past],
        sales=shelf.sales[:, past], on_hand=shelf.on_hand[:, past], received=shelf.received[:, past],
        opening=shelf.on_hand[:, start - 1], price=price, is_promotion=is_promotion,
        orders=_orders(shared, items, item, location, shelf),
        reorder_point=shelf.reorder_point, order_up_to_level=shelf.order_up_to_level,
    )  # fmt: skip


def sku_ids(number: np.ndarray) -> np.ndarray:
    """Article numbers as the retailer writes them."""
    return np.char.add("A", np.char.zfill((number + 1).astype(str), 7))


def location_ids(number: np.ndarray) -> np.ndarray:
    """Locations as the retailer writes them."""
    return np.char.add("S", np.char.zfill((number + 1).astype(str), 4))


def vendor_ids(number: np.ndarray) -> np.ndarray:
    """Vendors as the retailer writes them."""
    return np.char.add("V", np.char.zfill((number + 1).astype(str), 3))


def _listed(chain: Chain, items: Items, before: int, until: int) -> np.ndarray:
    """``(n_items, n_known)``: on sale, or ``before`` days too early, and not within ``until`` days of its end."""
    days = chain.days[None, : chain.n_known]
    return np.asarray(
        ~(days < (items.listed_from - before)[:, None]) & ~(days > (items.listed_to - until)[:, None])
    )  # comparisons with NaT are false: not listed_from, not listed_to


def _terms(
    chain: Chain, items: Items, item: np.ndarray, location: np.ndarray, listed: np.ndarray, guess: np.ndarray
) -> Terms:
    vendor = items.vendor[item]
    wanted = _listed(chain, items, _LEAD_IN, _LEAD_OUT)[item]
    return Terms(
        expected=guess, review_period=chain.review_period[vendor],
        min_order_quantity=items.min_order_quantity[item], order_multiple=items.order_multiple[item],
        may_order=np.ascontiguousarray((wanted & chain.review_day[vendor]).T),
        lead_time=np.ascontiguousarray(chain.lead_time[vendor, location].T, dtype=np.int64),
        listed=np.ascontiguousarray(listed.T),
    )  # fmt: skip


def _prices(chain: Chain, items: Items, item: np.ndarray, location: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    regular, discount = items.price[:, chain.n_warmup :], items.discount[:, chain.n_warmup :]
    by_zone = np.round(np.array(PRICE_ZONES)[:, None, None] * (regular * (1 - discount))[None], 2)
    return by_zone[chain.price_zone[location], item], (discount > 0)[item]


def _orders(chain: Chain, items: Items, item: np.ndarray, location: np.ndarray, shelf: Shelf) -> Orders:
    """Orders received in the history or still open; those received earlier are nobody's business any more."""
    series, day = np.nonzero(shelf.ordered)
    received = day + chain.lead_time[items.vendor[item[series]], location[series], day]
    kept = received >= chain.n_warmup
    series, day, received = series[kept], day[kept], received[kept]
    return Orders(series, day - chain.n_warmup, received - chain.n_warmup, shelf.ordered[series, day])
