"""What vendors offer tonight, where articles have several: offers, price breaks, lead times, records."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.pipeline.walk import Walk
from scaleinv.replenish import Conditions, Market
from scaleinv.schema import table

Floats = NDArray[np.float64]

_RECORD_DAYS: Final = 365
"""Days whose months count as a vendor's record."""
_DRAWN: Final = 10.0
"""Lines of all vendors that a vendor's own are drawn to: a single late line is no record."""
_FACTORS: Final = np.concatenate([np.linspace(0.01, 0.5, 50), np.linspace(0.52, 5.0, 225)])
"""Safety factors that fill rates are looked up among."""


def market_of(walk: Walk) -> Market | None:
    """Tonight's offers; ``None``: no article has several vendors."""
    offers = _silver(walk, "silver/vendor_items")
    if offers is None or not offers.num_rows:
        return None
    config = walk.config.replenish
    conditions = Conditions(
        price_breaks=_silver(walk, "silver/price_breaks"), discount=config.price_breaks, records=records_of(walk),
        late_line_cost=config.late_line_cost, holding_rate=walk.config.inventory.holding_rate,
    )  # fmt: skip
    return Market(offers, walk.read("gold/lead_times"), conditions, config.goodwill)


def records_of(walk: Walk) -> pa.Table | None:
    """vendor_id, late, short: by ``gold/vendor_scorecards`` of the last year; ``None``: there are none.

    Shares of few lines are drawn to those of all vendors. A month that does not record what was received says nothing
    of what was short.
    """
    name = "gold/vendor_scorecards"
    if not walk.lake.exists(table(name)):
        return None
    months = walk.read(name, columns=["vendor_id", "month", "n_lines", "on_time", "fill"])
    since = pa.scalar(walk.as_of - timedelta(days=_RECORD_DAYS))
    months = months.filter(pc.greater_equal(months["month"], since)).combine_chunks()
    if not months.num_rows:
        return None
    vendors = months["vendor_id"].combine_chunks().dictionary_encode()
    code, n = vendors.indices.to_numpy(zero_copy_only=False), len(vendors.dictionary)
    lines = months["n_lines"].to_numpy().astype(np.float64)
    chances = {}
    for chance, share in (("late", "on_time"), ("short", "fill")):
        kept = np.asarray(months[share].to_numpy(), dtype=np.float64)
        counted = np.where(np.isfinite(kept), lines, 0.0)
        missed = counted * np.clip(1.0 - np.nan_to_num(kept), 0.0, 1.0)
        of_all = missed.sum() / max(counted.sum(), 1.0)
        own = [np.bincount(code, values, n) for values in (missed, counted)]
        chances[chance] = (own[0] + _DRAWN * of_all) / (own[1] + _DRAWN)
    return pa.table({"vendor_id": vendors.dictionary, **chances})


def safety_factors(policies: pa.Table) -> Floats:
    """(n_series,) k of each promise, as if demand were normal; NaN where no safety stock says of what spread.

    Of a cycle service level it is its quantile. Of a fill rate, ``G(k) sigma = (1 - target) Q`` with the loss ``G`` and
    the safety stock ``k sigma`` of uncertain demand (Silver, Pyke & Thomas, section 6.7): ``G(k) / k`` says which k.
    """
    from scipy.special import ndtr, ndtri

    target, quantity, held = (
        np.asarray(policies[name].to_numpy(), dtype=np.float64)
        for name in ("target", "order_quantity", "demand_safety_stock")
    )
    is_fill = pc.equal(policies["target_kind"], "fill_rate").to_numpy().astype(bool)
    loss = np.exp(-0.5 * _FACTORS**2) / np.sqrt(2 * np.pi) - _FACTORS * ndtr(-_FACTORS)
    wanted = np.where(held > 0, np.maximum((1.0 - target) * quantity, 1e-9) / np.where(held > 0, held, 1.0), 1.0)
    by_fill = np.interp(-np.log(wanted), -np.log(loss / _FACTORS), _FACTORS)
    by_cycle = ndtri(np.clip(target, 0.5, 1.0 - 1e-6))
    return np.where(held > 0, np.where(is_fill, by_fill, by_cycle), np.nan)


def _silver(walk: Walk, name: str) -> pa.Table | None:
    return walk.lake.read(table(name)).combine_chunks() if walk.lake.exists(table(name)) else None
