"""Classic formulas that policies rest on: edges and properties. The textbook cases are in test_inventory_golden.py."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.inventory import (
    economic_order_quantity,
    fill_factor,
    inverse_normal_loss,
    normal_loss,
)


def test_economic_order_quantity_at_the_edges() -> None:
    found = economic_order_quantity([1.0, 1.0, 0.0, 1.0], [0.0, 10.0, 10.0, 0.0], [1.0, 0.0, 1.0, 0.0])
    assert found.tolist() == [0.0, np.inf, 0.0, 0.0]


def test_normal_loss_far_out_against_its_series() -> None:
    z = np.array([12.0, 20.0, 35.0])
    series = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) / z**2 * (1 - 3 / z**2 + 15 / z**4 - 105 / z**6 + 945 / z**8)
    assert normal_loss(z) == pytest.approx(series, rel=1e-6)


@given(st.floats(-1e6, 30.0))
@settings(deadline=None)
def test_inverse_normal_loss_undoes_it(z: float) -> None:
    assert float(inverse_normal_loss(normal_loss(z))) == pytest.approx(z, rel=1e-9, abs=1e-9)


def test_inverse_normal_loss_at_the_edges() -> None:
    assert inverse_normal_loss([0.0, 1.0 / np.sqrt(2 * np.pi)]) == pytest.approx([np.inf, 0.0], abs=1e-12)


def test_fill_factor_may_be_negative_and_is_zero_without_spread() -> None:
    assert fill_factor(0.9, 1000.0, 10.0) < 0
    assert fill_factor(0.9, 1000.0, 0.0) == 0


def test_lost_sales_ask_for_no_more_than_backorders() -> None:
    assert fill_factor(0.9, 50.0, 10.0, lost_sales=True) < fill_factor(0.9, 50.0, 10.0)
