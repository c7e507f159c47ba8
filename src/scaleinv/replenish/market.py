"""What vendors offer tonight, who of them may be asked, and for how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.models import ReplenishConfig
from scaleinv.replenish.decision import Decision, at_position
from scaleinv.replenish.facts import Facts
from scaleinv.replenish.vendor_choice import Conditions, check_offers
from scaleinv.schema.review import MONDAY, review_phase


@dataclass(frozen=True)
class Market:
    """What vendors offer tonight."""

    vendor_items: pa.Table
    """silver/vendor_items."""
    lead_times: pa.Table
    """gold/lead_times."""
    conditions: Conditions = field(default_factory=Conditions)
    goodwill: float = 0.0
    """What a unit short costs beside its margin, as a share of its price."""

    def __post_init__(self) -> None:
        check_offers(self.vendor_items)
        # In which order offers come says nothing: where two cost the same, the first by name is taken.
        by_name = self.vendor_items.sort_by([("sku_id", "ascending"), ("vendor_id", "ascending")])
        object.__setattr__(self, "vendor_items", by_name.combine_chunks())

    def tonight(
        self, vendors: pa.Table, as_of: date, open_tonight: Mapping[str, bool], blocked: tuple[str, ...]
    ) -> Market:
        """With who takes no orders tonight, by calendar (``open_tonight``) or else by review period, and who never."""
        period, first = (
            pc.fill_null(vendors[name].cast(pa.int32()), empty).to_numpy().astype(np.int64)
            for name, empty in (("review_period", 1), ("review_date", MONDAY))
        )
        day = int(np.datetime64(as_of, "D").astype(np.int64))
        is_open = review_phase(np.maximum(period, 1), first, day) == 0
        names = vendors["vendor_id"].to_pylist()
        closed = [name for name, may in zip(names, is_open.tolist(), strict=True) if not open_tonight.get(name, may)]
        return replace(self, conditions=replace(self.conditions, closed=closed, blocked=blocked))

    @property
    def skus(self) -> pa.Array:
        """Articles that a vendor offers who may be asked tonight."""
        shut = pa.array([*self.conditions.closed, *self.conditions.blocked], pa.string())
        open_ = pc.invert(pc.is_in(self.vendor_items["vendor_id"], value_set=shut))
        return pc.unique(self.vendor_items["sku_id"].filter(open_))


def with_blocked(config: ReplenishConfig, vendors: pa.Table) -> ReplenishConfig:
    """With the vendors that the master says nothing may be ordered from."""
    if "is_blocked" not in vendors.column_names:
        return config
    names = vendors["vendor_id"].filter(pc.fill_null(vendors["is_blocked"], False)).to_pylist()
    every = tuple(dict.fromkeys([*config.exceptions.blocked_vendors, *names]))
    exceptions = config.exceptions.model_copy(update={"blocked_vendors": every})
    return config.model_copy(update={"exceptions": exceptions})


def capacities(vendors: pa.Table, config: ReplenishConfig, market: Market | None) -> dict[str, float]:
    """Vendor -> units that it can deliver tonight; that of the master counts where vendors are chosen."""
    capacity = dict(config.exceptions.vendor_capacity)
    if market is not None:
        for name, units in zip(vendors["vendor_id"].to_pylist(), vendors["capacity"].to_pylist(), strict=True):
            if units is not None:
                capacity[name] = min(units, capacity.get(name, units))
    return capacity


def elsewhere(facts: Facts, decision: Decision, market: Market | None) -> Decision:
    """What another vendor offers may be ordered although its present one is blocked."""
    if market is None:
        return decision
    blocked, offered = (
        pc.is_in(facts[name], value_set=known).to_numpy(zero_copy_only=False)
        for name, known in (
            ("vendor_id", pa.array(market.conditions.blocked, pa.string())), ("sku_id", market.skus),
        )
    )  # fmt: skip
    may = blocked & offered & pc.is_null(facts["problem"]).to_numpy(zero_copy_only=False)
    if not may.any():
        return decision
    return at_position(facts, replace(decision, may_order=decision.may_order | may), decision.inventory_position)
