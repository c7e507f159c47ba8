"""What tonight's line of a series would cost with each of its vendors, and who delivers it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.pipeline.market import market_of, safety_factors
from scaleinv.pipeline.terms import open_tonight
from scaleinv.pipeline.walk import Walk
from scaleinv.replenish import LandedCost, Lines, Matches, choice, decide, gather
from scaleinv.schema import table

_PARTS: Final = tuple(field.name for field in fields(LandedCost) if field.name != "quantity")
_SET: Final = ("override", "rule")
"""Limits of single lines that are not in the policy: the line says how many units they left."""


@dataclass(frozen=True)
class VendorCost:
    """One candidate."""

    vendor_id: str
    quantity: float
    """Units that would be ordered."""
    parts: dict[str, float]
    """Money: purchase, freight, holding, shortage, lateness."""
    total: float
    may_deliver: bool
    """Not blocked, takes orders tonight, its minimum fits, and it is of the same currency."""
    is_chosen: bool

    def plain(self) -> dict[str, Any]:
        """For a machine."""
        return {**vars(self)}


def vendor_costs(walk: Walk, unique_id: str, line: dict[str, Any] | None) -> tuple[VendorCost, ...]:
    """Every vendor that offers the article, the cheapest first; none where it has only one.

    Args:
        walk: the night.
        unique_id: the series.
        line: its line of ``gold/order_proposals``; ``None``: nothing is ordered, and what is missing is costed.
    """
    market = market_of(walk)
    if market is None:
        return ()
    policies, position, series = (
        walk.read(f"gold/{name}", unique_id=unique_id) for name in ("policies", "stock_position", "series")
    )
    if not pc.is_in(policies["sku_id"], value_set=market.vendor_items["sku_id"].combine_chunks())[0].as_py():
        return ()
    vendors = walk.lake.read(table("silver/vendors"))
    market = market.tonight(
        vendors, walk.as_of, open_tonight(walk), walk.config.replenish.exceptions.blocked_vendors
    )  # fmt: skip
    facts = gather(
        policies, position, series.append_column("safety_factor", pa.array(safety_factors(policies))), as_of=walk.as_of
    )
    decision = decide(facts, as_of=walk.as_of, max_stock_age_days=walk.config.replenish.max_stock_age_days)
    wanted = np.nan
    if line is not None:
        names = ("need", "inventory_position", "quantity")
        decision = replace(decision, **{name: np.asarray([line[name]]) for name in names})
        wanted = line["quantity"] if line["constraint"] in _SET else np.nan
    made = choice(Lines(facts, decision, Matches({})), market, vendors, np.asarray([wanted]))
    assert made is not None
    names_of = market.vendor_items["vendor_id"].to_pylist()
    found = [
        VendorCost(
            names_of[offer], float(made.cost.quantity[0, at]),
            {part: round(float(getattr(made.cost, part)[0, at]), 2) for part in _PARTS},
            round(float(made.cost.total[0, at]), 2), bool(made.allowed[0, at]),
            line is not None and names_of[offer] == line["vendor_id"],
        )
        for at, offer in enumerate(made.candidates[0].tolist())
        if offer >= 0
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.total, one.vendor_id)))


def vendor_lines(costs: tuple[VendorCost, ...], reason: str | None) -> list[str]:
    """For a person at a terminal."""
    if not costs:
        return []
    words = [("units", 10), *((part, 11) for part in _PARTS), ("total", 12)]
    lines = [f"Vendor: {reason or 'nobody delivers it tonight'}"]
    lines.append(f"  {'':<16}" + "".join(f"{word:>{width}}" for word, width in words))
    for cost in costs:
        money = "".join(f"{cost.parts[part]:11,.2f}" for part in _PARTS)
        note = "  <- chosen" if cost.is_chosen else "" if cost.may_deliver else "  may not deliver tonight"
        lines.append(f"  {cost.vendor_id:<16}{cost.quantity:10,.6g}{money}{cost.total:12,.2f}{note}")
    return lines
