"""The articles of one block: category, vendor, pack, demand class, prices and promotions, listing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scaleinv.config.models import SyntheticConfig
from scaleinv.synthetic.assortment import CATEGORIES, CLASSES, DEPARTMENTS, category_values
from scaleinv.synthetic.chain import Chain
from scaleinv.synthetic.streams import stream

_DISCOUNTS: Final = np.array([0.10, 0.15, 0.20, 0.25, 0.30])
_PACKS: Final = np.array([1, 2, 3, 4, 6, 8, 10, 12, 18, 24, 36, 48])
_NEW_SHARE, _DELISTED_SHARE = 0.08, 0.05
_NEVER: Final = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class Items:
    """Facts of the block's articles, arrays of ``(n_items, …)``; quantities are per location of mean size."""

    number: np.ndarray
    """Number of the article in the chain."""
    department: np.ndarray
    category: np.ndarray
    vendor: np.ndarray
    demand_class: np.ndarray
    """Number in ``assortment.CLASSES``."""
    size: np.ndarray
    """Mean of a day's demand (smooth, erratic), or units above one per occurrence (intermittent, lumpy)."""
    occurrence: np.ndarray
    """Probability that anybody asks on a mean day; 1 for smooth and erratic."""
    dispersion: np.ndarray
    """The negative binomial's r."""
    trend: np.ndarray
    """Log growth in a year."""
    elasticity: np.ndarray
    price: np.ndarray
    """(n_items, n_all) regular price in the first zone, by day."""
    discount: np.ndarray
    """(n_items, n_all) share off the price in a promotion; 0 outside."""
    unit_cost: np.ndarray
    min_order_quantity: np.ndarray
    order_multiple: np.ndarray
    listed_from: np.ndarray
    """datetime64[D]; NaT: before the first day."""
    listed_to: np.ndarray
    """datetime64[D], inclusive; NaT: still listed."""

    @property
    def regular(self) -> np.ndarray:
        """Smooth or erratic: somebody asks on nearly every day."""
        return np.asarray(self.demand_class < 2)

    @property
    def rate(self) -> np.ndarray:
        """Mean units per day of an average day."""
        return np.asarray(np.where(self.regular, self.size, self.occurrence * (1 + self.size)))


def make_items(config: SyntheticConfig, chain: Chain, block: int, numbers: np.ndarray) -> Items:
    """The articles ``numbers`` of ``block``; each is drawn in its own row, so later ones never change earlier ones."""
    n = len(numbers)
    random = stream(config.seed, "item", block)
    u = random.random((n, 16))
    z = stream(config.seed, "item_normal", block).normal(size=(n, 8))
    department = (u[:, 0] * len(DEPARTMENTS)).astype(int)
    category = np.array([number for number, _ in DEPARTMENTS])[department]
    demand_class = _choose(category_values("classes")[category], u[:, 1])
    occurrence, size, dispersion = _demand(demand_class, u, z)
    rate = np.where(demand_class < 2, size, occurrence * (1 + size))
    price, discount = _prices(config, chain, block, category_values("price")[category] * np.exp(0.5 * z[:, 1]), u)
    pack = _PACKS[np.maximum(np.searchsorted(_PACKS, rate * (0.5 + 2.5 * u[:, 7]), side="right") - 1, 0)]
    listed_from, listed_to = _listing(chain, u)
    return Items(
        number=numbers, department=department, category=category,
        vendor=(u[:, 2] * config.n_vendors).astype(int), demand_class=demand_class,
        size=size, occurrence=occurrence, dispersion=dispersion,
        trend=0.08 * z[:, 2], elasticity=1.2 + 1.3 * u[:, 6], price=price, discount=discount,
        unit_cost=np.round(price[:, 0] * (0.55 + 0.25 * u[:, 8]), 2),
        min_order_quantity=pack * np.where((u[:, 9] < 0.3) & (2 * pack <= 6 * rate), 2, 1), order_multiple=pack,
        listed_from=listed_from, listed_to=listed_to,
    )  # fmt: skip


def gtin13(number: np.ndarray) -> np.ndarray:
    """``(n,)`` of str: GTIN-13 with prefix 20 (a retailer's own numbers) and a valid check digit."""
    body = 200_000_000_000 + number.astype(np.int64)
    digits = body[:, None] // 10 ** np.arange(11, -1, -1) % 10
    check = -(digits @ np.tile([1, 3], 6)) % 10
    return np.asarray((body * 10 + check).astype(str))


def _choose(shares: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.asarray(np.minimum((u[:, None] >= np.cumsum(shares, axis=1)).sum(axis=1), len(CLASSES) - 1))


def _demand(kind: np.ndarray, u: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Occurrence, size, dispersion by class; spread so that ADI and CV² fall on the class's side of 1.32 and 0.49."""
    spread = np.exp(0.6 * z[:, 0])
    smooth, erratic, intermittent, lumpy = (kind == k for k in range(len(CLASSES)))
    occurrence = np.select([intermittent, lumpy], [0.05 + 0.45 * u[:, 3], 0.08 + 0.37 * u[:, 3]], 1.0)
    size = np.select(
        [smooth, erratic, intermittent, lumpy],
        [np.clip(10 * spread, 6, 80), np.clip(11 * spread, 7, 60), 0.1 + 0.4 * u[:, 4], 2 + 5 * u[:, 4]],
    )
    dispersion = np.select([smooth, erratic, lumpy], [9 + 12 * u[:, 5], 1.0 + 0.5 * u[:, 5], 0.6 + 0.5 * u[:, 5]], 5.0)
    return occurrence, size, dispersion


def _prices(
    config: SyntheticConfig, chain: Chain, block: int, level: np.ndarray, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Regular price with two changes in the period, and weeks of promotion from Thursday to Wednesday."""
    n, n_all = len(level), len(chain.days)
    day = np.arange(n_all)
    change = np.ones((n, n_all))
    for column in (10, 11):
        after = day[None, :] >= (u[:, column] * n_all)[:, None]
        change *= np.where(after, (0.98 + 0.1 * (u[:, column] * 7919 % 1))[:, None], 1.0)
    price = np.maximum(np.floor(level[:, None] * change * 10) / 10 + 0.09, 0.49)
    number = chain.days.astype(np.int64)  # day 0 of the epoch was a Thursday
    week = number // 7 - number[0] // 7
    plan = stream(config.seed, "plan", block).random((n, 2, int(week[-1]) + 1))
    chosen = plan[:, 0] < (0.15 * u[:, 12])[:, None]
    chosen[:, 1:] &= ~chosen[:, :-1]
    off = np.where(chosen, _DISCOUNTS[(plan[:, 1] * len(_DISCOUNTS)).astype(int)], 0.0)
    return np.round(price, 2), off[:, week]


def _listing(chain: Chain, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    history = chain.days[chain.history]
    n = len(history)
    is_new, is_delisted = u[:, 13] < _NEW_SHARE, u[:, 13] >= 1 - _DELISTED_SHARE
    started = history[(20 + u[:, 14] * (n - 40)).astype(int)]
    ended = history[(n // 3 + u[:, 14] * (n - n // 3 - 2)).astype(int)]
    return np.where(is_new, started, _NEVER), np.where(is_delisted, ended, _NEVER)


def department_names(department: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Category and department of each number, as words."""
    names = np.array([name for _, name in DEPARTMENTS])
    parents = np.array([CATEGORIES[number].name for number, _ in DEPARTMENTS])
    return parents[department], names[department]
