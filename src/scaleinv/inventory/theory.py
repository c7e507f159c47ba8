"""Classic formulas, element by element over arrays.

Sources: Silver, Pyke & Thomas, *Inventory and Production Management* (4th ed.), chapters 4, 6 and 7; Chopra &
Meindl, *Supply Chain Management*, chapter 12; Nahmias & Olsen, *Production and Operations Analysis*, chapter 5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, ndtri

Floats = NDArray[np.float64]

_ROOT_2PI = 2.5066282746310002
_STEPS = 60


def economic_order_quantity(ordering_cost: ArrayLike, demand: ArrayLike, holding_cost: ArrayLike) -> Floats:
    """Harris' square root ``sqrt(2 K d / h)``; ``demand`` and ``holding_cost`` (money per unit) per the same time.

    Infinite where holding costs nothing, 0 where there is no demand or an order costs nothing.

    >>> round(float(economic_order_quantity(8, 1300, 0.225)), 6)
    304.04678
    """
    k, d, h = (np.asarray(x, dtype=np.float64) for x in (ordering_cost, demand, holding_cost))
    with np.errstate(divide="ignore", invalid="ignore"):
        quantity = np.sqrt(2.0 * k * d / h)
    return np.where((k <= 0) | (d <= 0), 0.0, np.where(h <= 0, np.inf, quantity))


def normal_loss(z: ArrayLike) -> Floats:
    """``G(z) = phi(z) - z (1 - Phi(z))``: expected shortage, in standard deviations, above the level z."""
    level = np.asarray(z, dtype=np.float64)
    upper = np.abs(level)
    density = np.exp(-0.5 * upper * upper) / _ROOT_2PI
    tail = density * np.maximum(1.0 - upper * _mills(upper), 0.0)
    return np.where(level < 0, tail + upper, tail)


def inverse_normal_loss(loss: ArrayLike) -> Floats:
    """The level z with ``G(z) = loss``: infinite at 0, negative above 0.3989.

    Newton's steps on the convex, falling G where z < 0, and on ln G, nearly a parabola, elsewhere.
    """
    wanted = np.asarray(loss, dtype=np.float64)
    goal = np.maximum(wanted, 1e-300)
    is_tail = goal < 1.0 / _ROOT_2PI
    log_goal = np.log(goal)
    z = np.where(is_tail, 0.7 * np.sqrt(np.maximum(-2.0 * log_goal - 2.0, 0.0)), -goal)
    for _ in range(_STEPS):
        value = np.maximum(normal_loss(z), 1e-305)
        step = np.where(is_tail, (np.log(value) - log_goal) * value, value - goal) / _upper_tail(z)
        reach = 1.0 + np.maximum(z, 0.0)
        step = np.clip(step, -reach, reach)
        z = z + step
        if not np.any(np.abs(step) > 1e-13 * (1.0 + np.abs(z))):
            break
    return np.where(wanted > 0, z, np.inf)


def root_spread(n_days: ArrayLike, mean: ArrayLike, sd: ArrayLike, lead_time_sd: ArrayLike) -> Floats:
    """Standard deviation of demand over a random time, ``sqrt(tau sd^2 + mean^2 sd_L^2)``, in units.

    Holds for independent days and a lead time independent of demand. ``n_days`` is tau, the mean number of days.
    """
    tau, mu, sigma, lead = (np.asarray(x, dtype=np.float64) for x in (n_days, mean, sd, lead_time_sd))
    return np.asarray(np.sqrt(tau * sigma**2 + (mu * lead) ** 2), dtype=np.float64)


def cycle_factor(cycle_service_level: ArrayLike) -> Floats:
    """The safety factor z of a cycle service level, ``Phi^-1``."""
    return np.asarray(ndtri(np.asarray(cycle_service_level, dtype=np.float64)), dtype=np.float64)


def fill_factor(
    fill_rate: ArrayLike, order_quantity: ArrayLike, spread: ArrayLike, *, lost_sales: bool = False
) -> Floats:
    """The safety factor z of a fill rate: ``spread * G(z) = (1 - fill_rate) * order_quantity``; may be negative.

    Under lost sales the shortage of a cycle is a share of what was wanted in it, ``(1 - b) / b`` of the quantity.
    0 where the spread is 0.
    """
    beta, quantity, sigma = (np.asarray(x, dtype=np.float64) for x in (fill_rate, order_quantity, spread))
    share = (1.0 - beta) / beta if lost_sales else 1.0 - beta
    loss = share * quantity / np.where(sigma > 0, sigma, 1.0)
    return np.where(sigma > 0, inverse_normal_loss(loss), 0.0)


def _mills(z: Floats) -> Floats:
    """``(1 - Phi(z)) / phi(z)`` for z >= 0, accurate far out."""
    return np.asarray(1.2533141373155003 * erfcx(z * 0.7071067811865476), dtype=np.float64)


def _upper_tail(z: Floats) -> Floats:
    """``1 - Phi(z)``, never 0."""
    upper = np.abs(z)
    tail = np.exp(-0.5 * upper * upper) / _ROOT_2PI * _mills(upper)
    return np.maximum(np.where(z < 0, 1.0 - tail, tail), 1e-305)
