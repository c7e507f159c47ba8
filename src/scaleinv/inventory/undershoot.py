"""Undershoot: how far below the reorder point an order finds the position, and reorder points that allow for it.

Demand comes in lumps, by the customer or by the review period, so that the position is below s when the order is
placed. Ignoring this overstates service. With S - s large against a lump (1.5 mean lumps and more), the undershoot is
that of a renewal process (Silver, Pyke & Thomas, section 7.9; Tijms & Groenevelt 1984; Baganha, Pyke & Ferrer 1996).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from scaleinv.inventory.demand import Demand
from scaleinv.inventory.demand_continuous import Gamma, Normal
from scaleinv.inventory.inputs import not_negative, numbers, positive

Floats = NDArray[np.float64]
Trigger = Literal["at", "below"]
Family = Literal["normal", "gamma"]


def undershoot_moments(demand: Demand, *, trigger: Trigger = "below") -> tuple[Floats, Floats]:
    """(mean, variance) of s - position when an order is placed; ``demand`` is one lump, or that of one review period.

    Real units: ``E U = E D² / (2 E D)``, ``E U² = E D³ / (3 E D)``. Whole units: an order *at* s or below has ``E U =
    E D² / (2 E D) - 1/2``, one *below* s has one unit more, ``+ 1/2``; their variance is ``E D³ / (3 E D) - 1/12 - (E
    D² / (2 E D))² ``.

    Raises:
        DataError: mean demand is not above 0.
    """
    m = positive("mean demand", demand.mean)
    second = demand.variance + m**2
    third = demand.third_moment + 3.0 * m * demand.variance + m**3
    mean = second / (2.0 * m)
    variance = third / (3.0 * m) - mean**2
    if demand.is_whole:
        return mean + (0.5 if trigger == "below" else -0.5), np.maximum(variance - 1.0 / 12.0, 0.0)
    return np.asarray(mean), np.asarray(np.maximum(variance, 0.0))


def undershoot_probability(demand: Demand, n_values: int, *, trigger: Trigger = "below") -> Floats:
    """(n_series, n_values) chances of an undershoot of 0, 1, 2 … whole units: at s ``P(U = u) = P(D > u) / E D``."""
    levels = np.arange(n_values, dtype=np.float64) - (1.0 if trigger == "below" else 0.0)
    tail = (1.0 - demand.expanded().cdf(levels)) / positive("mean demand", demand.mean)[..., None]
    return np.where(levels < 0, 0.0, tail)


def with_undershoot(
    lead_demand: Demand, review_demand: Demand, *, trigger: Trigger = "below", family: Family = "gamma"
) -> Demand:
    """Demand of the lead time and the undershoot together, by their moments, as a ``gamma`` or ``normal`` demand.

    Where nothing may be known better, gamma: both parts are skewed and never negative.
    """
    mean, variance = undershoot_moments(review_demand, trigger=trigger)
    mean, variance = lead_demand.mean + mean, lead_demand.variance + variance
    return Gamma.of_moments(mean, np.sqrt(variance)) if family == "gamma" else Normal(mean, np.sqrt(variance))


def min_max_reorder_point(
    lead_demand: Demand,
    review_demand: Demand,
    target: ArrayLike,
    *,
    order_quantity: ArrayLike | None = None,
    trigger: Trigger = "below",
    family: Family = "gamma",
    lost_sales: bool = False,
) -> Floats:
    """The s of an (s, S) or (R, s, S) policy that keeps a promise, undershoot allowed for; not yet whole.

    Without ``order_quantity`` the target is a cycle service level, a quantile of :func:`with_undershoot`. With it
    (``S - s``, or the fixed Q of (R, s, nQ)) the target is a fill rate: ``E(D_L + U - s)+ - E(U - s)+ <= (1 - beta)
    (S - s + E U)``, the last being the mean order; lost sales take ``(1 - beta) / beta``. This s is not below 0.

    Args:
        lead_demand: of the lead time (an order's, from when it is placed to when it is there).
        review_demand: of one review period; under continuous review of one customer.
        target: within (0, 1).
        order_quantity: S - s.
        trigger: whether an order is placed ``at`` s or ``below`` it only.
        family: of the fitted distributions.
        lost_sales: what is short is lost.
    """
    beta = numbers("target", target, 0.0, 1.0, open_low=True, open_high=True)
    total = with_undershoot(lead_demand, review_demand, trigger=trigger, family=family)
    if order_quantity is None:
        return total.quantile(beta)
    mean, variance = undershoot_moments(review_demand, trigger=trigger)
    sd = np.sqrt(np.maximum(variance, 1e-18 * mean**2))
    before: Demand = Gamma.of_moments(mean, sd) if family == "gamma" else Normal(mean, sd)
    share = (1.0 - beta) / beta if lost_sales else 1.0 - beta
    allowed, _ = np.broadcast_arrays(share * (positive("order quantity", order_quantity) + mean), total.mean)

    def short(level: Floats) -> Floats:
        return np.asarray(total.loss(level) - before.loss(level), dtype=np.float64)

    low = np.zeros_like(allowed) - 1.0
    never = short(low) <= allowed  # even without any stock at the order less is short than allowed
    point = total.first_level(lambda s: short(s) <= allowed, np.where(never, low - 1.0, low))
    return np.where(never, 0.0, point)


def power_approximation(
    mean: ArrayLike,
    sd: ArrayLike,
    *,
    ordering_cost: ArrayLike,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    lead_time: ArrayLike = 0.0,
    is_capped: bool = False,
) -> tuple[Floats, Floats]:
    """(s, S) by Ehrhardt & Mosier's revised power approximation (1984; Snyder & Shen, section 4.4.4), not yet whole.

    ``Q = 1.30 mu^0.494 (K / h)^0.506 (1 + sigma_L² / mu²)^0.116``, ``z = sqrt(Q h / (sigma_L p))``, ``s_p = 0.973
    mu_L + sigma_L (0.183 / z + 1.063 - 2.192 z)``, ``S = s_p + Q`` with the moments of lead time + 1 periods. That is
    the form of Snyder & Shen. Ehrhardt & Mosier's own ends with a cap (``is_capped``): where an order covers little,
    ``Q / mu <= 1.5``, neither s nor S is above the newsvendor's ``S_0 = mu_L + sigma_L Phi^-1(p / (p + h))``.

    Args:
        mean: mu of one period, above 0.
        sd: sigma of one period, above 0.
        ordering_cost: K, money per order.
        holding_cost: h, money per unit left at the end of a period.
        stockout_cost: p, money per unit that waits at the end of a period.
        lead_time: periods.
        is_capped: with the cap at S_0.
    """
    mu, sigma = positive("mean", mean), positive("sd", sd)
    k, h, p = (
        positive(name, x)
        for name, x in (
            ("ordering cost", ordering_cost), ("holding cost", holding_cost), ("stockout cost", stockout_cost),
        )
    )  # fmt: skip
    tau = not_negative("lead time", lead_time) + 1.0
    mu_l, sigma_l = tau * mu, np.sqrt(tau) * sigma
    quantity = 1.30 * mu**0.494 * (k / h) ** 0.506 * (1.0 + (sigma_l / mu) ** 2) ** 0.116
    z = np.sqrt(quantity * h / (sigma_l * p))
    point = 0.973 * mu_l + sigma_l * (0.183 / z + 1.063 - 2.192 * z)
    best = np.where((quantity / mu > 1.5) | (not is_capped), np.inf, mu_l + sigma_l * ndtri(p / (p + h)))
    return np.minimum(point, best), np.minimum(point + quantity, best)
