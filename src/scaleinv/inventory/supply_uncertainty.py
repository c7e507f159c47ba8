"""How much to order from a vendor that fails at times, or delivers more or less than was ordered.

Source: Snyder & Shen, chapter 9. Rates (``demand``, ``holding_cost``) are per the same time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.inventory.demand import Demand
from scaleinv.inventory.inputs import not_negative, numbers, positive
from scaleinv.inventory.newsvendor import critical_ratio, newsvendor_cost
from scaleinv.inventory.theory import economic_order_quantity

Floats = NDArray[np.float64]

_GOLDEN = 0.6180339887498949
_STEPS = 80


def quantity_with_disruptions(
    ordering_cost: ArrayLike,
    demand: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    disruption_rate: ArrayLike,
    recovery_rate: ArrayLike,
    *,
    approximate: bool = False,
) -> tuple[Floats, Floats]:
    """(order quantity, cost) when the vendor fails at times (Snyder & Shen, section 9.2).

    The vendor fails at ``disruption_rate`` and recovers at ``recovery_rate``, both exponential. Orders placed at
    stock 0 wait for recovery; demand meanwhile is lost at ``stockout_cost`` a unit. ``approximate`` takes the
    vendor's long-run share of time down for its chance of being down when stock ends, and has a closed form (Snyder
    2014).
    """
    k, d = positive("ordering cost", ordering_cost), positive("demand", demand)
    h, p = positive("holding cost", holding_cost), not_negative("stockout cost", stockout_cost)
    down, up = not_negative("disruption rate", disruption_rate), positive("recovery rate", recovery_rate)
    beta = down / (down + up)
    rough = (np.sqrt((d * beta * h) ** 2 + 2.0 * h * up * (k * d * up + d * d * p * beta)) - d * beta * h) / (h * up)
    if approximate:
        return rough, disruption_cost(rough, k, d, h, p, down, up, approximate=True)
    # Quasi-convex in ln Q: a golden section between a tenth of the harmless quantity and far beyond the cautious one.
    low = np.log(0.1 * np.minimum(economic_order_quantity(k, d, h), rough))
    high = np.log(10.0 * rough)
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        is_left = disruption_cost(np.exp(left), k, d, h, p, down, up) < disruption_cost(
            np.exp(right), k, d, h, p, down, up
        )
        low, high = np.where(is_left, low, left), np.where(is_left, right, high)
    quantity = np.exp(0.5 * (low + high))
    return quantity, disruption_cost(quantity, k, d, h, p, down, up)


def disruption_cost(
    order_quantity: ArrayLike,
    ordering_cost: ArrayLike,
    demand: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    disruption_rate: ArrayLike,
    recovery_rate: ArrayLike,
    *,
    approximate: bool = False,
) -> Floats:
    """``(K + h Q² / (2 d) + p d psi / mu) / (Q / d + psi / mu)``, psi the chance to find the vendor down."""
    q, k, d, h, p, down, up = (
        np.asarray(x, dtype=np.float64)
        for x in (
            order_quantity, ordering_cost, demand, holding_cost, stockout_cost, disruption_rate, recovery_rate,
        )
    )  # fmt: skip
    found_down = down / (down + up)
    if not approximate:
        found_down = found_down * -np.expm1(-(down + up) * q / d)
    wait = found_down / up
    return np.asarray((k + h * q * q / (2.0 * d) + p * d * wait) / (q / d + wait), dtype=np.float64)


def base_stock_with_disruptions(
    demand: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    disruption_probability: ArrayLike,
    recovery_probability: ArrayLike,
) -> tuple[Floats, Floats]:
    """(level, cost per period) for a steady demand and a vendor that is down for whole periods (section 9.3).

    A vendor that is up fails with chance a before the next period, one that is down recovers with chance b: ``F(n)
    = 1 - a / (a + b) (1 - b)^n`` is the chance that no more than n periods have gone without a delivery. ``S = d (1
    + n)`` with the least n that ``F(n) >= p / (p + h)``: whole periods of demand.
    """
    d, h = positive("demand", demand), positive("holding cost", holding_cost)
    p = positive("stockout cost", stockout_cost)
    a = numbers("disruption probability", disruption_probability, 0.0, 1.0, open_low=True)
    b = numbers("recovery probability", recovery_probability, 0.0, 1.0, open_low=True)
    miss, stay = a / (a + b), 1.0 - b
    allowed = 1.0 - critical_ratio(p, h)
    with np.errstate(divide="ignore"):
        n = np.ceil(np.log(allowed / miss) / np.log(stay) - 1e-12)
    n = np.where(miss <= allowed, 0.0, np.where(stay > 0, n, 1.0))
    # Periods without a delivery have the mean miss / b; what lies above n of it is stay^n as much.
    cost = d * (h * (n - miss / b) + (h + p) * miss / b * stay**n)
    return np.asarray(d * (1.0 + n), dtype=np.float64), np.asarray(cost, dtype=np.float64)


def quantity_with_yield(
    ordering_cost: ArrayLike,
    demand: ArrayLike,
    holding_cost: ArrayLike,
    *,
    added_mean: ArrayLike = 0.0,
    added_sd: ArrayLike = 0.0,
    factor_mean: ArrayLike = 1.0,
    factor_sd: ArrayLike = 0.0,
) -> tuple[Floats, Floats]:
    """(order quantity, cost) when ``Q Z + Y`` units come of Q ordered, Z and Y independent (section 9.4).

    With ``x = E(Q Z + Y)`` the cost is ``(K d + h (x² + Var) / 2) / x``. Y alone: ``Q = sqrt(2 K d / h + sd²) -
    mean``; Z alone: ``Q = sqrt(2 K d / (h (mean² + sd²)))``.
    """
    k, d = positive("ordering cost", ordering_cost), positive("demand", demand)
    h, z = positive("holding cost", holding_cost), positive("factor mean", factor_mean)
    y, y_sd = numbers("added mean", added_mean), not_negative("added sd", added_sd)
    # Var = spread (x - y)² + y_sd²
    spread = (not_negative("factor sd", factor_sd) / z) ** 2
    constant = k * d + 0.5 * h * (spread * y**2 + y_sd**2)
    x = np.sqrt(2.0 * constant / (h * (1.0 + spread)))
    cost = constant / x + 0.5 * h * (1.0 + spread) * x - h * spread * y
    return np.asarray((x - y) / z, dtype=np.float64), np.asarray(cost, dtype=np.float64)


def newsvendor_with_yield(
    demand: ArrayLike, added: Demand, holding_cost: ArrayLike, stockout_cost: ArrayLike
) -> tuple[Floats, Floats]:
    """(order quantity, cost) for a known demand d when ``Q + Y`` come: ``F_Y(d - Q) = h / (h + p)`` (section 9.5).

    ``added`` is the distribution of Y; it may be negative. What Y has above ``d - Q`` is stock: a newsvendor with
    its two costs exchanged.
    """
    d, h = numbers("demand", demand), positive("holding cost", holding_cost)
    p = positive("stockout cost", stockout_cost)
    missing = added.quantile(critical_ratio(h, p))
    return np.asarray(d - missing, dtype=np.float64), newsvendor_cost(added, missing, p, h)
