"""What covering a line's need costs with each vendor that could deliver it: price, freight, stock and shortages.

Costs are those of the time that the need lasts, so that a vendor with a large minimum is not charged for units that are
sold later, only for keeping them: with need ``q``, order ``Q``, demand ``mu`` a day, ``T = min(q / mu, 365)`` days,

- purchase ``q * average price of Q``;
- freight ``q / Q * per order + q * (per unit + weight * per kilogram)``;
- holding ``rate / 365 * average price * (Q / 2 + S) * T``, with safety stock ``S = max(k sigma_L, 0)``;
- shortage ``p * (q / Q * sigma_L * G(k) + q * short)``: what cycles are short of, and what does not come at all;
- lateness ``q / Q * late * cost of a late line``.

``sigma_L² = (L + R) sigma² + mu² sigma_lead²`` is of the vendor's own lead-time distribution (Silver, Pyke & Thomas,
sections 7.9 and 7.10), ``G`` the unit normal loss. Quantities below a vendor's minimum are raised to it: a minimum
makes a vendor dearer, it does not shut it out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.replenish.rounding import rounded_quantity

Floats = NDArray[np.float64]
Discount = Literal["all_units", "incremental"]

_YEAR: Final = 365.0


@dataclass(frozen=True)
class LandedCost:
    """Parts of the cost of each line (rows) with each of its vendors (columns), ``(n_lines, n_vendors)``, money."""

    quantity: Floats
    """units that would be ordered"""
    purchase: Floats
    freight: Floats
    holding: Floats
    shortage: Floats
    lateness: Floats

    @property
    def total(self) -> Floats:
        """(n_lines, n_vendors) all parts."""
        return self.purchase + self.freight + self.holding + self.shortage + self.lateness


@dataclass(frozen=True)
class Offers:
    """Terms, ``(n_lines, n_vendors)`` or what broadcasts to it."""

    unit_cost: ArrayLike
    """before any price break"""
    min_order_quantity: ArrayLike = 0.0
    order_multiple: ArrayLike = 1.0
    break_quantity: ArrayLike | None = None
    """(n_lines, n_vendors, n_breaks) rising; inf: there is none"""
    break_cost: ArrayLike | None = None
    """same shape, what a unit costs from there on"""
    discount: Discount = "all_units"
    freight_per_order: ArrayLike = 0.0
    """this line's share of it"""
    freight_per_unit: ArrayLike = 0.0
    freight_per_kilogram: ArrayLike = 0.0
    weight: ArrayLike = 0.0
    """kilograms of a unit"""
    lead_time: ArrayLike = 0.0
    """mean, days"""
    lead_time_sd: ArrayLike = 0.0
    late: ArrayLike = 0.0
    """chance to come after the promised day"""
    short: ArrayLike = 0.0
    """expected share of what is ordered that never comes"""


def landed_cost(
    offers: Offers,
    *,
    need: ArrayLike,
    mean_daily: ArrayLike,
    sd_daily: ArrayLike,
    safety_factor: ArrayLike,
    stockout_cost: ArrayLike,
    review_period: ArrayLike = 1.0,
    holding_rate: float = 0.25,
    late_line_cost: float = 0.0,
) -> LandedCost:
    """What each vendor costs for each line.

    Args:
        offers: the vendors' terms.
        need: (n_lines,) units missing, above 0.
        mean_daily: (n_lines,) units a day.
        sd_daily: (n_lines,) of a day's forecast error.
        safety_factor: (n_lines,) k, of the promise of service.
        stockout_cost: (n_lines,) money per unit short.
        review_period: (n_lines,) days.
        holding_rate: share of a unit's price for a year.
        late_line_cost: money that a late line costs beside what is short.

    Raises:
        DataError: a number is missing, or breaks do not rise.

    >>> cost = landed_cost(Offers(unit_cost=[[2.0, 1.5]], min_order_quantity=[[1, 100]]), need=[10.0], mean_daily=[1.0],
    ...                    sd_daily=[0.0], safety_factor=[0.0], stockout_cost=[0.0])
    >>> cost.quantity.tolist(), cost.purchase.tolist()
    ([[10.0, 100.0]], [[20.0, 15.0]])
    """
    line = [_column(x) for x in (need, mean_daily, sd_daily, safety_factor, stockout_cost, review_period)]
    q, mu, sigma, k, p, review = line
    plain = {f.name: np.asarray(getattr(offers, f.name), dtype=np.float64) for f in fields(Offers)
             if f.name not in ("break_quantity", "break_cost", "discount")}  # fmt: skip
    _check_finite({"need": q, "mean_daily": mu, "sd_daily": sigma} | plain)
    q, unit_cost, minimum, multiple = np.broadcast_arrays(
        q, plain["unit_cost"], plain["min_order_quantity"], plain["order_multiple"]
    )
    quantity = rounded_quantity(q, minimum, multiple)
    price = average_price(offers, unit_cost, quantity)
    share = q / quantity
    days = np.minimum(q / np.maximum(mu, 1e-12), _YEAR)
    spread = np.sqrt((plain["lead_time"] + review) * sigma**2 + (mu * plain["lead_time_sd"]) ** 2)
    safety = np.maximum(k * spread, 0.0)
    freight = share * plain["freight_per_order"] + q * (
        plain["freight_per_unit"] + plain["weight"] * plain["freight_per_kilogram"]
    )
    return LandedCost(
        quantity=quantity,
        purchase=q * price,
        freight=freight,
        holding=holding_rate / _YEAR * price * (quantity / 2 + safety) * days,
        shortage=p * (share * np.minimum(spread * _loss(k), quantity) + q * plain["short"]),
        lateness=share * plain["late"] * late_line_cost,
    )


def _column(values: ArrayLike) -> Floats:
    return np.atleast_1d(np.asarray(values, dtype=np.float64))[:, None]


def _check_finite(named: dict[str, Floats]) -> None:
    for name, values in named.items():
        if not np.isfinite(values).all() or (values < 0).any():
            wrong = np.argwhere(~(np.isfinite(values) & (values >= 0)))
            raise DataError(
                explain(
                    f"{name}: a number that no cost can be made of", expected="zero or more",
                    found=values[tuple(wrong[0])], which=[f"row {row[0]}" for row in wrong if row.size],
                )
            )  # fmt: skip


def average_price(offers: Offers, unit_cost: Floats, quantity: Floats) -> Floats:
    """(n_lines, n_vendors) money per unit of an order of ``quantity``, price breaks included.

    Raises:
        DataError: breaks do not rise.
    """
    if offers.break_quantity is None or offers.break_cost is None:
        return unit_cost
    start, price = (np.asarray(x, dtype=np.float64) for x in (offers.break_quantity, offers.break_cost))
    if (start[..., 1:] < start[..., :-1]).any():
        raise DataError(explain("price breaks of a vendor do not rise", do="sort them by quantity"))
    reached = (start <= quantity[..., None] + 1e-9) & np.isfinite(start)
    if offers.discount == "all_units":
        last = reached.sum(axis=-1)
        at = np.take_along_axis(price, np.maximum(last - 1, 0)[..., None], axis=-1)[..., 0]
        return np.asarray(np.where(last > 0, at, unit_cost))
    before = np.concatenate([unit_cost[..., None], price[..., :-1]], axis=-1)
    saved = np.where(reached, (before - price) * (quantity[..., None] - np.where(reached, start, 0.0)), 0.0)
    return np.asarray(unit_cost - saved.sum(axis=-1) / quantity)


def _loss(k: Floats) -> Floats:
    """Unit normal loss ``phi(k) - k (1 - Phi(k))``."""
    from scipy.special import ndtr

    return np.asarray(np.exp(-0.5 * k**2) / np.sqrt(2 * np.pi) - k * ndtr(-k))
