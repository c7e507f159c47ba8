"""What orders may not exceed or fall short of. Nothing is limited unless it is configured."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from scaleinv.config.section import Positive, Probability, Section

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final[tuple[Weekday, ...]] = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
Money = Annotated[float, Field(ge=0)]
Units = Annotated[float, Field(gt=0)]


class StockLimits(Section):
    """How high an order-up-to level may be: the lowest of these, per series."""

    max_stock: Units | None = None
    """Units of one SKU at one location, on hand and on order."""
    max_stock_days: Annotated[float, Field(gt=0)] | None = None
    """Days of mean demand."""
    shelf_life_days: dict[str, Positive] = {}
    """Category -> days that goods may be sold after delivery; not named: they keep."""
    waste_chance: Probability = 0.1
    """The chance that something of a delivery is left over at the end of its shelf life."""

    @property
    def is_any(self) -> bool:
        """Something is limited."""
        return self.max_stock is not None or self.max_stock_days is not None or bool(self.shelf_life_days)


class CalendarConfig(Section):
    """When a vendor takes orders and delivers, instead of ``review_period`` and ``review_date``."""

    order_days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = WEEKDAYS
    """Evenings on which an order may leave."""
    delivery_days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = WEEKDAYS
    """Mornings on which goods are received; lead times end on one of them."""
    holidays: tuple[date, ...] = ()
    """Days on which neither is done."""
    is_past_cutoff: bool = False
    """Orders are ready after this vendor's cut-off time: they leave on its next order day."""


class LoadConfig(Section):
    """A layer or a pallet: so many packs (order multiples) that are handled as one."""

    packs: Annotated[int, Field(ge=1)]
    handling_cost: Money = 0.0
    """Money to handle one of them."""


class VendorMinimum(Section):
    """The least that a vendor delivers of all its articles together, per night."""

    value: Units | None = None
    """Money at unit cost."""
    units: Units | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.value is None) == (self.units is None):
            raise ValueError("give either value or units")
        return self


class TruckConfig(Section):
    """A vendor delivers whole trucks."""

    units: Units
    """What a truck holds."""
    cost: Money = 0.0
    """Money per truck."""


class OrderLimits(Section):
    """What limits the orders of a night together. Applied in this order: minimum, trucks, capacity, budget."""

    vendor_minimum: dict[str, VendorMinimum] = {}
    """Vendor -> minimum; orders are filled up to it, or held where that is more than ``fill_days`` allow."""
    trucks: dict[str, TruckConfig] = {}
    """Vendor -> truck; orders are filled up or cut to whole ones, by what it brings."""
    fill_days: Annotated[float, Field(ge=0)] = 14.0
    """Filling up brings a series no more than so many days of mean demand above its order-up-to level."""
    capacity: dict[str, Units] = {}
    """Location -> units that it can receive on one day."""
    budget: Money | None = None
    """Money at unit cost for all orders of a night; ``None``: no limit."""

    @property
    def is_any(self) -> bool:
        """Something is limited."""
        return bool(self.vendor_minimum or self.trucks or self.capacity) or self.budget is not None
