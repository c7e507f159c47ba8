"""The category tree and how its branches sell: the truth behind every article."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

CLASSES: Final = ("smooth", "erratic", "intermittent", "lumpy")
"""Demand classes that articles are made from, by number."""


@dataclass(frozen=True)
class Category:
    """One branch of the tree.

    ``departments`` maps a department to words that its articles are called by; ``week`` holds factors Monday …
    Sunday; ``peak`` is the day of the year at which yearly seasonality of ``amplitude`` (of the log) is highest;
    ``classes`` are the shares of :data:`CLASSES`; ``price`` is a median; ``benefit`` the factor on benefit days.
    """

    name: str
    departments: dict[str, tuple[str, ...]]
    week: tuple[float, ...]
    amplitude: float
    peak: int
    classes: tuple[float, ...]
    price: float
    benefit: float


CATEGORIES: Final = (
    Category(
        "Grocery",
        {"Pantry": ("Pasta", "Rice", "Soup"), "Breakfast": ("Müsli", "Jam", "Honey"), "Snacks": ("Crackers", "Nuts")},
        (0.88, 0.86, 0.92, 1.0, 1.17, 1.3, 0.87), 0.08, 350, (0.45, 0.2, 0.2, 0.15), 2.6, 1.2,
    ),
    Category(
        "Beverages",
        {"Water and juice": ("Still water", "Apple juice"), "Coffee and tea": ("Café crème", "Green tea")},
        (0.85, 0.85, 0.9, 1.0, 1.2, 1.35, 0.85), 0.28, 200, (0.4, 0.25, 0.2, 0.15), 1.9, 1.12,
    ),
    Category(
        "Household",
        {"Cleaning": ("Detergent", "Sponges"), "Paper": ("Napkins", "Kitchen roll"), "Kitchen": ("Pan", "Bowl")},
        (0.95, 0.93, 0.95, 1.0, 1.05, 1.2, 0.92), 0.06, 90, (0.2, 0.1, 0.45, 0.25), 4.8, 1.06,
    ),
    Category(
        "Personal care",
        {"Hair": ("Shampoo", "Styling gel"), "Skin": ("Hand crème", "Sun lotion")},
        (0.95, 0.95, 0.97, 1.0, 1.06, 1.15, 0.92), 0.12, 180, (0.2, 0.1, 0.45, 0.25), 4.2, 1.05,
    ),
    Category(
        "Leisure",
        {"Garden": ("Plant pot", "Watering can"), "Toys": ("Puzzle", "Ball")},
        (0.85, 0.83, 0.88, 0.95, 1.1, 1.45, 0.94), 0.55, 135, (0.1, 0.15, 0.4, 0.35), 9.5, 1.0,
    ),
)  # fmt: skip

DEPARTMENTS: Final = tuple((number, name) for number, c in enumerate(CATEGORIES) for name in c.departments)
"""(number of the category, name) of every department, by number."""

WORDS: Final = tuple(words for c in CATEGORIES for words in c.departments.values())
"""What the articles of each department are called."""


def category_values(name: str) -> np.ndarray:
    """One attribute over all categories, ``(n_categories, …)``."""
    return np.array([getattr(category, name) for category in CATEGORIES])
