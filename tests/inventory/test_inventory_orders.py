from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.inventory import inventory_position, order_quantity_to, round_up
from scaleinv.inventory.orders import order_size

_UNITS = st.integers(0, 2000)


def test_inventory_position() -> None:
    assert inventory_position([10, 0], [5, 3], [0, 4], [2, 0]).tolist() == [13.0, -1.0]


def test_rounding_is_guarded_against_float_noise() -> None:
    assert round_up([24.000000000001, 24.1, 0.0, 0.3 / 0.1], [12, 12, 12, 1]).tolist() == [24.0, 36.0, 0.0, 3.0]


def test_a_position_at_the_reorder_point_orders_nothing() -> None:
    assert order_quantity_to([9, 10, 11], 10, 30, 1, 1).tolist() == [21.0, 0.0, 0.0]


def test_no_demand_never_orders() -> None:
    assert order_quantity_to(0, 0, 12, 12, 12) == 0


@given(st.integers(-50, 500), _UNITS, st.integers(1, 500), _UNITS, st.integers(1, 144))
def test_an_order_is_nothing_or_enough(position: int, point: int, quantity: int, minimum: int, multiple: int) -> None:
    size = float(order_quantity_to(position, point, point + quantity, minimum, multiple))
    assert (size == 0) == (position >= point)
    if size:
        need = max(point + quantity - position, minimum)
        assert size >= need
        assert size % multiple == 0
        assert size - multiple < need


@settings(deadline=None)  # the first call compiles
@given(st.floats(-50, 500), st.floats(0, 500), st.floats(0.5, 500), st.floats(0, 300), st.sampled_from([0.5, 1.0, 6.0]))
def test_kernel_and_array_function_agree(ip: float, r: float, q: float, minimum: float, multiple: float) -> None:
    assert order_size(ip, r, r + q, minimum, multiple) == order_quantity_to(ip, r, r + q, minimum, multiple)


def test_shapes_broadcast() -> None:
    assert order_quantity_to(np.zeros((2, 1)), np.ones(3), 5, 1, 1).shape == (2, 3)
