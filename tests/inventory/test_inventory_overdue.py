"""The chance that an overdue order still comes: against known lateness, and at its limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scaleinv.inventory.overdue import late_chances

N = 40


def test_with_many_lines_it_is_the_share_of_those_that_came() -> None:
    """Lateness geometric, one in ten never comes, and some are still open: censored, they must not bias it."""
    random = np.random.default_rng(5)
    n = 200_000
    late = random.geometric(0.25, n)
    never = random.random(n) < 0.1
    age = random.integers(1, N, n)  # days since each was due
    arrived, waiting = np.zeros((1, N)), np.zeros((1, N))
    came = ~never & (late <= age)
    np.add.at(arrived[0], late[came].clip(max=N - 1), 1)
    np.add.at(waiting[0], age[~came], 1)
    found = late_chances(arrived, waiting, [7])[0]
    for days in (0, 1, 3, 8, 15):
        # Of those not come by then: they come in the next seven days, or ever.
        still = 0.9 * 0.75**days
        assert found[days] == pytest.approx(still * (1 - 0.75**7) / (still + 0.1), abs=0.02)


def test_a_thin_record_is_like_everybodys_and_a_thick_one_its_own() -> None:
    punctual = np.zeros(N)
    punctual[[0, 1, 2]] = [900, 80, 20]
    gone = np.zeros(N)
    gone[30] = 200
    arrived, waiting = np.stack([punctual, 0 * punctual, 0 * punctual]), np.stack([0 * gone, gone, 0 * gone])
    reliable, lost, unknown = late_chances(arrived, waiting, [7, 7, 7])
    assert reliable[0] > 0.9
    assert lost[1] < 0.35
    assert lost[1] < unknown[1] < reliable[1]


def test_without_any_record_one_in_five_comes_each_day() -> None:
    found = late_chances(np.zeros((1, N)), np.zeros((1, N)), [7])[0]
    assert found[3] == pytest.approx(1 - 0.8**7)


COUNTS = arrays(np.int64, (3, 12), elements=st.integers(0, 50))


@settings(max_examples=100, deadline=None)
@given(COUNTS, COUNTS, st.integers(0, 20))
def test_a_chance_is_one_and_more_time_is_no_less_chance(arrived: np.ndarray, waiting: np.ndarray, days: int) -> None:
    found = late_chances(arrived, waiting, [days] * 3)
    longer = late_chances(arrived, waiting, [days + 1] * 3)
    assert ((found >= 0) & (found <= 1)).all()
    assert (longer >= found - 1e-12).all()
    assert (found[:, -1] == 0).all()
    order = [2, 0, 1]
    assert np.allclose(late_chances(arrived[order], waiting[order], [days] * 3), found[order])


def test_counts_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="none negative"):
        late_chances([[-1, 0]], [[0, 0]], [1])
    with pytest.raises(ValueError, match="one shape"):
        late_chances([[1, 0]], [[0, 0, 0]], [1])
