"""Parts of a reorder point are the reorder point, exactly, and each is what it says."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scaleinv.inventory import Method, policies, protection_demand, reorder_parts

if TYPE_CHECKING:
    from conftest import Shops

LEVELS = np.array((0.005, 0.025, 0.1, 0.165, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.835, 0.9, 0.975, 0.995))


@pytest.mark.parametrize("method", ["quantile", "root", "seed"])
@pytest.mark.parametrize("review", [1, 7])
def test_they_add_up_exactly_in_any_order(shops: Shops, method: Method, review: int) -> None:
    is_fill = np.arange(shops.n) % 2 == 0
    protection = protection_demand(
        shops.cumulative, LEVELS, shops.lead_time, shops.vendor, np.full(shops.n, review), key=shops.key,
        n_samples=200, seed=1,
    )  # fmt: skip
    made = policies(
        protection, method=method, is_fill_rate=is_fill, target=0.95, unit_cost=2.0, min_order_quantity=6.0,
        order_multiple=6.0, mean_daily=shops.mean, sd_daily=shops.sd, ordering_cost=1.0, holding_rate=0.25,
        max_cover_days=14,
    )  # fmt: skip
    parts = reorder_parts(
        protection, made, method=method, is_fill_rate=is_fill, target=0.95, order_multiple=6.0, constraint_change=-2.0
    )
    values = [getattr(parts, field.name) for field in fields(parts)]
    assert np.array_equal(parts.total, made.reorder_point - 2)
    assert np.array_equal(sum(reversed(values)), made.reorder_point - 2)
    lead = (shops.lead_time @ np.arange(10))[shops.vendor] - 1
    assert parts.lead_time_demand == pytest.approx(shops.mean * lead, rel=0.1, abs=0.3)
    assert parts.review_demand == pytest.approx(shops.mean * review, rel=0.1, abs=0.5)
    assert (parts.undershoot[~is_fill] == 0).all()
    assert (parts.undershoot[is_fill] != 0).any() == (method == "quantile")
    if method == "quantile" and review == 7:
        # Every review orders: positions are at the top, and the reorder point may be lower than if they were even.
        assert parts.undershoot[is_fill].mean() < 0
