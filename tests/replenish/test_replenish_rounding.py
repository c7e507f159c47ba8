"""Rounding to minimum and multiple: properties, and the same answer as the room that sets the levels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleinv.inventory.orders import order_quantity_to
from scaleinv.replenish import rounded_quantity

_Needs = st.lists(
    st.tuples(st.integers(-50, 10_000).map(float), st.integers(0, 500).map(float), st.integers(1, 144).map(float)),
    min_size=1,
)


@given(_Needs)
def test_the_least_multiple_that_covers_need_and_minimum(rows: list[tuple[float, float, float]]) -> None:
    need, least, multiple = (np.array(column) for column in zip(*rows, strict=True))
    quantity = rounded_quantity(need, least, multiple)
    packs = quantity / multiple
    assert np.array_equal(packs, np.round(packs))
    assert (quantity >= np.maximum(need, least)).all()
    assert (quantity - multiple < np.maximum(need, least)).all()


@given(st.integers(1, 100_000), st.sampled_from([0.001, 0.1, 0.25, 0.3, 1.0, 7.0]))
def test_whole_packs_stay_what_they_are_in_spite_of_floats(packs: int, multiple: float) -> None:
    assert rounded_quantity([packs * multiple], [multiple], [multiple])[0] == pytest.approx(packs * multiple, abs=1e-9)
    assert rounded_quantity([packs * multiple], [multiple], [multiple])[0] == round(packs * multiple, 9)


def test_no_number_stays_no_number() -> None:
    assert math.isnan(rounded_quantity([math.nan], [1], [1])[0])


@given(_Needs)
def test_the_inventory_room_rounds_alike(rows: list[tuple[float, float, float]]) -> None:
    need, least, multiple = (np.array(column) for column in zip(*rows, strict=True))
    theirs = order_quantity_to(-need, np.full(need.size, 1e6), np.zeros(need.size), least, multiple)
    assert np.array_equal(rounded_quantity(need, least, multiple), theirs)
