"""Golden cases of shared/reference/inventory-theory.md (A…) that policies rest on, and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleinv.inventory import (
    cycle_factor,
    economic_order_quantity,
    fill_factor,
    inverse_normal_loss,
    normal_loss,
    root_spread,
)


def test_economic_order_quantity_of_snyder_and_shen_a1() -> None:
    assert economic_order_quantity(8, 1300, 0.225) == pytest.approx(304.0467800264, rel=1e-12)


def test_economic_order_quantity_at_the_edges() -> None:
    found = economic_order_quantity([1.0, 1.0, 0.0, 1.0], [0.0, 10.0, 10.0, 0.0], [1.0, 0.0, 1.0, 0.0])
    assert found.tolist() == [0.0, np.inf, 0.0, 0.0]


def test_normal_loss_a27() -> None:
    expected = [1.436668142708, 0.266761242117, 2.672490952e-4]
    assert normal_loss([-1.4, 0.3, 3.1]) == pytest.approx(expected, rel=1e-9)


def test_normal_loss_far_out_against_its_series() -> None:
    z = np.array([12.0, 20.0, 35.0])
    series = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) / z**2 * (1 - 3 / z**2 + 15 / z**4 - 105 / z**6 + 945 / z**8)
    assert normal_loss(z) == pytest.approx(series, rel=1e-6)


@given(st.floats(-1e6, 30.0))
def test_inverse_normal_loss_undoes_it(z: float) -> None:
    assert float(inverse_normal_loss(normal_loss(z))) == pytest.approx(z, rel=1e-9, abs=1e-9)


def test_inverse_normal_loss_at_the_edges() -> None:
    assert inverse_normal_loss([0.0, 1.0 / np.sqrt(2 * np.pi)]) == pytest.approx([np.inf, 0.0], abs=1e-12)


def test_safety_stock_with_lead_time_variance_of_chopra_a31() -> None:
    sd_lead = np.arange(7.0, -1.0, -1.0)
    expected = [22491.14, 19297.89, 16108.85, 12927.17, 9760.01, 6628.24, 3624.78, 1695.33]
    assert cycle_factor(0.9) * root_spread(7, 2500, 500, sd_lead) == pytest.approx(expected, abs=0.006)


def test_periodic_review_of_chopra_a34() -> None:
    stock = cycle_factor(0.9) * root_spread(2 + 4, 2500, 500, 0)
    assert stock == pytest.approx(1569.574, abs=6e-4)
    assert 2500 * 6 + stock == pytest.approx(16569.574, abs=6e-4)


def test_type_one_of_nahmias_a36() -> None:
    assert 100 + 25 * cycle_factor(0.98) == pytest.approx(151.3437, abs=6e-5)


def test_type_two_of_nahmias_a37() -> None:
    quantity = economic_order_quantity(50, 200, 2)
    assert quantity == pytest.approx(100.0)
    assert 100 + 25 * fill_factor(0.98, quantity, 25) == pytest.approx(125.531, abs=6e-4)


def test_fill_factor_may_be_negative_and_is_zero_without_spread() -> None:
    assert fill_factor(0.9, 1000.0, 10.0) < 0
    assert fill_factor(0.9, 1000.0, 0.0) == 0


def test_lost_sales_ask_for_no_more_than_backorders() -> None:
    assert fill_factor(0.9, 50.0, 10.0, lost_sales=True) < fill_factor(0.9, 50.0, 10.0)
