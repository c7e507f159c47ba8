"""What counts as an exception, and who looks at which."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scaleinv.config.section import Positive, Section

Ratio = Annotated[float, Field(gt=1)]


class ExceptionsConfig(Section):
    """What counts as an exception, and who looks at which."""

    queues: dict[str, str] = {}
    """Kind -> queue, before the built-in table (docs/replenishment.md)."""
    spike_ratio: Ratio = 2.0
    """Demand of the last week above so many times the forecast, and by more than chance allows, is a spike."""
    price_ratio: Ratio = 1.25
    """A unit cost that rose or fell by this factor since the last night is a jump."""
    gap_days: Positive = 14
    """Days without a sale of what usually sells each day, with stock on the shelf: its data may be missing."""
    blocked_vendors: tuple[str, ...] = ()
    """Nothing is ordered from them; their articles are named."""
    vendor_capacity: dict[str, Annotated[float, Field(gt=0)]] = {}
    """Vendor -> units that it can deliver of a night's orders; more than that is named and goes to a person."""
    forget_days: Positive = 7
    """What was seen within so many days before is the same exception, not a new one."""
