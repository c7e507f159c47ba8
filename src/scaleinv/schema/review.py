"""On which evenings a vendor may be asked: a word of replenishment, of the policies and of their replay."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MONDAY: Final = 4
"""1970-01-05 as days since 1970-01-01: where the reviews of a vendor without a ``review_date`` are counted from."""


def review_phase(review_period: NDArray[np.int64], review_date: NDArray[np.int64], day: int) -> NDArray[np.int64]:
    """(n,) days from the evening of ``day`` to the first review; 0: that evening is one.

    Args:
        review_period: (n,) days, at least 1.
        review_date: (n,) any review day, past or to come, as days since 1970-01-01; null already :data:`MONDAY`.
        day: days since 1970-01-01.

    >>> review_phase(np.array([7, 7, 1]), np.array([MONDAY, 20_716, 20_716]), 20_717).tolist()
    [0, 6, 0]
    """
    return np.mod(review_date - day, review_period)
