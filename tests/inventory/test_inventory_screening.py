"""Bad rows are named, order nothing, and leave the others as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scaleinv.inventory import Screened, policies, protection_demand, screen
from scaleinv.schema.words import HELD_PROBLEMS, PROBLEMS

if TYPE_CHECKING:
    from conftest import Shops

LEVELS = np.array((0.005, 0.025, 0.1, 0.165, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.835, 0.9, 0.975, 0.995))


def inputs(shops: Shops) -> dict[str, Any]:
    n, days = shops.n, shops.cumulative.shape[1]
    return {
        "cumulative_quantiles": shops.cumulative.copy(), "quantiles": shops.cumulative.copy(),
        "mean": np.tile(shops.mean[:, None], (1, days)), "unit_cost": np.full(n, 2.0),
        "min_order_quantity": np.full(n, 3.0), "order_multiple": np.full(n, 3.0), "review_period": np.full(n, 1.0),
        "lead_time_probability": shops.lead_time.copy(), "vendor": shops.vendor.copy(), "limit": np.full(n, np.inf),
    }  # fmt: skip


def levels(shops: Shops, rows: Screened) -> np.ndarray:
    protection = protection_demand(
        rows.cumulative_quantiles, LEVELS, rows.lead_time_probability, shops.vendor, rows.review_period,
        key=shops.key, n_samples=100, seed=1,
    )  # fmt: skip
    made = policies(
        protection, method="quantile", is_fill_rate=np.arange(shops.n) % 2 == 0, target=0.95,
        unit_cost=rows.unit_cost, min_order_quantity=rows.min_order_quantity, order_multiple=rows.order_multiple,
        mean_daily=rows.mean.mean(axis=1), sd_daily=np.where(rows.is_held, 0, shops.sd), ordering_cost=1.0,
        holding_rate=0.25, max_cover_days=14,
    )  # fmt: skip
    return np.stack([made.reorder_point, made.order_quantity])


BAD = {
    "demand_unknown": ("mean", (7, 3), np.nan),
    "demand_infinite": ("cumulative_quantiles", (7, 3, 2), np.inf),
    "demand_negative": ("quantiles", (7, 0, 0), -1.0),
    "bad_unit_cost": ("unit_cost", 7, np.nan),
    "bad_order_terms": ("order_multiple", 7, 0.0),
    "bad_review_period": ("review_period", 7, np.nan),
    "minimum_above_maximum": ("limit", 7, 2.0),
}


@pytest.mark.parametrize("kind", BAD)
def test_each_kind_is_named_and_held_and_the_others_stay(shops: Shops, kind: str) -> None:
    given = inputs(shops)
    good = screen(**given)
    assert not good.is_held.any()
    before = levels(shops, good)
    name, at, value = BAD[kind]
    given[name][at] = value
    rows = screen(**given)
    assert rows.problem[7] == kind
    assert np.flatnonzero(rows.problem != "").tolist() == np.flatnonzero(rows.is_held).tolist() == [7]
    made = levels(shops, rows)
    assert made[0, 7] == 0
    assert np.array_equal(np.delete(made, 7, axis=1), np.delete(before, 7, axis=1))


def test_lead_times_are_a_vendors(shops: Shops) -> None:
    given = inputs(shops)
    given["lead_time_probability"][1, 3] = np.nan
    given["lead_time_probability"][2] = 0.0
    given["lead_time_probability"][2, 0] = 1.0
    rows = screen(**given)
    assert (rows.problem[shops.vendor == 0] == "").all()
    assert (rows.problem[shops.vendor == 1] == "bad_lead_time").all()
    assert (rows.problem[shops.vendor == 2] == "zero_lead_time").all()
    assert np.array_equal(rows.is_held, shops.vendor == 1)
    made = levels(shops, rows)
    assert (made[0, shops.vendor == 1] == 0).all()
    assert (made[0, shops.vendor == 2] >= 1).all()


def test_of_several_the_first_is_named(shops: Shops) -> None:
    given = inputs(shops)
    given["unit_cost"][3] = -1.0
    given["mean"][3, 0] = np.nan
    given["mean"][3, 1] = np.inf
    assert screen(**given).problem[3] == "demand_unknown"
    assert set(HELD_PROBLEMS) == set(PROBLEMS) - {"zero_lead_time"}
