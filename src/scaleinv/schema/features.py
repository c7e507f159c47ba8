"""What a model may know of a series: one definition of each feature, for the tables, the documents and the tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from scaleinv.schema.columns import BOOL, FLOAT, INT, SMALL, TEXT
from scaleinv.schema.table import Column


@dataclass(frozen=True)
class Feature:
    """A column that a model may be shown.

    ``sources`` are the silver tables that its value is made from; none: the date alone. Which days a series lives, and
    where, is said by ``sales``, ``assortment`` and ``locations`` for all of them. ``lag`` is its availability: what
    happened on day d is part of it from the evening of d + ``lag`` on. ``None``: it is announced, and known for the
    days ahead too.
    """

    name: str
    type: pa.DataType
    meaning: str
    sources: tuple[str, ...]
    lag: int | None = 0
    unit: str | None = None
    nullable: bool = True

    @property
    def column(self) -> Column:
        """The column that holds it."""
        return Column(self.name, self.type, self.meaning, nullable=self.nullable, unit=self.unit)


_SHELF: Final = ("stock", "hourly_sales")
"""What says that sales understate demand."""


def _demand(name: str, meaning: str, *more: str) -> Feature:
    # Of a day without stock it is estimated, and promotions are told apart from other days.
    return Feature(name, FLOAT, meaning, ("sales", *_SHELF, "prices", *more), unit="sales_unit")


DAY_FEATURES: Final = (
    Feature("price", SMALL, "price of the day", ("prices", "items"), None, "currency", nullable=False),
    Feature("is_promotion", BOOL, "the price is a promotion", ("prices",), None, nullable=False),
    Feature(
        "promotion_depth", SMALL, "share by which a promotion is below the last price that was none; else 0",
        ("prices",), None, nullable=False,
    ),
    Feature("promotion_type", TEXT, "what the source calls the promotion; null: none, or not said", ("prices",), None),
    Feature("weekday", INT, "1, Monday, to 7", (), None, nullable=False),
    Feature("day_of_month", INT, "1 to 31", (), None, nullable=False),
    Feature("month", INT, "1 to 12", (), None, nullable=False),
    Feature("event", TEXT, "holiday or event of the day", ("calendar",), None),
    Feature("is_benefit_day", BOOL, "benefits or wages are paid out", ("calendar",), None, nullable=False),
    Feature("days_to_event", INT, "to the next event; 0 on one, at most 30", ("calendar",), None, "day", False),
    Feature("days_since_event", INT, "since the last event; 0 on one, at most 30", ("calendar",), None, "day", False),
    Feature("temperature", SMALL, "mean of the day, measured or forecast", ("weather",), None, "degree_Celsius"),
    Feature("precipitation", SMALL, "of the day, measured or forecast", ("weather",), None, "millimeter"),
)  # fmt: skip
"""Of a series and a day, in ``gold/panel``."""

LAGS: Final = (1, 7, 14, 28, 364)
WINDOWS: Final = (7, 28, 91)

NIGHT_FEATURES: Final = (
    *[
        _demand(f"demand_lag_{n}", f"demand of the day {n} days before the first day ahead; null before its life")
        for n in LAGS
    ],
    *[_demand(f"demand_mean_{n}", f"mean demand of a day, last {n} days of its life") for n in WINDOWS],
    *[_demand(f"demand_sd_{n}", f"standard deviation of a day's demand, last {n} days") for n in WINDOWS[1:]],
    *[
        Feature(f"zero_share_{n}", FLOAT, f"share of days without demand, last {n} days", ("sales", *_SHELF))
        for n in WINDOWS[1:]
    ],
    *[
        Feature(f"stockout_share_{n}", FLOAT, f"share of days on which sales understate demand, last {n} days", _SHELF)
        for n in WINDOWS[1:]
    ],
    Feature("days_since_sale", INT, "since the last day with a sale in the panel; null: never", ("sales",), unit="day"),
    Feature(
        "days_on_sale", INT, "days of its life so far, at most those that the panel holds", ("sales", "assortment"),
        unit="day", nullable=False,
    ),
    Feature("price_level", FLOAT, "price of the last day over the mean of the last 91", ("prices",)),
    Feature("price_change_28", FLOAT, "price of the last day over that 28 days before, less 1", ("prices",)),
    Feature("promotion_share_91", FLOAT, "share of days on promotion, last 91 days", ("prices",)),
    _demand("category_mean_28", "mean demand of a series and day in its category, last 28 days", "items"),
    _demand("location_mean_28", "mean demand of a series and day at its location, last 28 days"),
)  # fmt: skip
"""Of a series and a cut-off, in ``gold/features``."""


def markdown(features: Iterable[Feature]) -> str:
    """The definitions as a table for ``docs/features.md``."""
    lines = ["| feature | meaning | unit | made from | known |", "|---|---|---|---|---|"]
    for one in features:
        known = "ahead, as announced" if one.lag is None else f"evening of the day{f' + {one.lag}' if one.lag else ''}"
        lines.append(f"| `{one.name}` | {one.meaning} | {one.unit or ''} | {', '.join(one.sources)} | {known} |")
    return "\n".join(lines)
