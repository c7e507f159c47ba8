"""Holidays, events and benefit days per region, and what each does to the demand of each category."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np

REGIONS: Final = ("NORTH", "SOUTH", "WEST")

_CLOSED = (0.0, 0.0, 0.0, 0.0, 0.0)
# Factors in the order of assortment.CATEGORIES: grocery, beverages, household, personal care, leisure.
EFFECTS: Final[dict[str, tuple[float, ...]]] = {
    "new_year": _CLOSED,
    "epiphany": _CLOSED,
    "good_friday": _CLOSED,
    "easter_monday": _CLOSED,
    "labour_day": _CLOSED,
    "national_day": _CLOSED,
    "regional_day": _CLOSED,
    "christmas_day": _CLOSED,
    "boxing_day": _CLOSED,
    "christmas_eve": (0.9, 0.9, 0.4, 0.6, 0.7),
    "new_years_eve": (0.95, 1.3, 0.5, 0.5, 0.6),
    "christmas_season": (1.3, 1.35, 1.1, 1.25, 1.5),
    "easter_saturday": (1.45, 1.35, 1.0, 1.0, 1.3),
    "black_friday": (1.0, 1.0, 1.3, 1.25, 1.6),
    "mothers_day": (1.05, 1.0, 0.95, 1.25, 1.4),
    "valentines_day": (1.1, 1.1, 0.95, 1.15, 1.1),
    "summer_festival": (1.2, 1.6, 0.8, 0.9, 0.75),
    "before_holiday": (1.3, 1.35, 1.05, 1.05, 1.05),
}
"""Event -> factor on the demand of each category; all zero: the shop is closed."""

EVENTS: Final = tuple(EFFECTS)
NO_EVENT: Final = len(EVENTS)
"""Number of a day without an event."""

_FIXED: Final = {
    (1, 1): "new_year", (2, 14): "valentines_day", (5, 1): "labour_day", (10, 3): "national_day",
    (12, 24): "christmas_eve", (12, 25): "christmas_day", (12, 26): "boxing_day", (12, 31): "new_years_eve",
}  # fmt: skip
_REGIONAL: Final = {("NORTH", 10, 31): "regional_day", ("SOUTH", 8, 15): "regional_day",
                    ("WEST", 11, 1): "regional_day", ("SOUTH", 1, 6): "epiphany"}  # fmt: skip
_FESTIVAL: Final = {"NORTH": (7, 8), "SOUTH": (8, 1), "WEST": (6, 22)}
"""Region -> month, and the day of the month from which the next Saturday is the festival."""
_BENEFIT: Final = {"NORTH": (1, 2, 3), "SOUTH": (5, 6, 7), "WEST": (1, 10, 15)}


def easter(year: int) -> date:
    """Easter Sunday (Gregorian computus of Meeus, Jones and Butcher)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def effects() -> np.ndarray:
    """``(n_events + 1, n_categories)``: factors by number; the last row is a day without an event."""
    return np.array([*EFFECTS.values(), (1.0,) * len(_CLOSED)])


def event_numbers(days: np.ndarray) -> np.ndarray:
    """``(n_regions, n_days)`` of int8: number of the event of each day, or :data:`NO_EVENT`."""
    dates: list[date] = days.astype("datetime64[D]").tolist()
    numbers = {name: number for number, name in enumerate(EVENTS)} | {None: NO_EVENT}
    return np.array([[numbers[_event(day, region)] for day in dates] for region in REGIONS], np.int8)


def benefit_days(days: np.ndarray) -> np.ndarray:
    """``(n_regions, n_days)`` of bool: benefits are paid out."""
    of_month = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    return np.array([np.isin(of_month, _BENEFIT[region]) for region in REGIONS])


def _event(day: date, region: str) -> str | None:
    named = _named(day, region)
    if named is None:
        tomorrow = _named(day + timedelta(1), region)
        return "before_holiday" if tomorrow and not any(EFFECTS[tomorrow]) else None
    return named


def _named(day: date, region: str) -> str | None:
    found = _FIXED.get((day.month, day.day)) or _REGIONAL.get((region, day.month, day.day))
    if found:
        return found
    from_easter = (day - easter(day.year)).days
    if from_easter in (-2, -1, 1):
        return {-2: "good_friday", -1: "easter_saturday", 1: "easter_monday"}[from_easter]
    if day.month == 5 and day.weekday() == 5 and 7 <= day.day < 14:
        return "mothers_day"  # flowers and gifts are bought on the Saturday before
    if day.month == 11 and day.weekday() == 4 and 23 <= day.day < 30:
        return "black_friday"
    if day.month == 12 and 17 <= day.day < 24:
        return "christmas_season"
    month, first = _FESTIVAL[region]
    if day.month == month and day.weekday() == 5 and first <= day.day < first + 7:
        return "summer_festival"
    return None
