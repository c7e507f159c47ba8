"""What every distribution of demand can be asked: moments, distribution function, quantile and loss functions.

``loss(x) = E(D - x)+`` is the expected shortage above a level x, ``surplus(x) = E(x - D)+`` the expected stock left.
``second_loss`` is what levels between x and y lack together: for demand that is a real number the integral of the
loss from x up, ``E((D - x)+)² / 2``; for whole units the sum of the losses at x + 1, x + 2 …, ``E((D - x)+ (D - x -
1)+) / 2`` (x whole). Either way ``second_loss(r) - second_loss(r + Q)`` is Q times the mean backorders of an (r, Q)
policy (Zipkin, *Foundations of Inventory Management*, section C.2; Snyder & Shen, appendix C.3).

Parameters and levels broadcast: (n_series,) everywhere, or scalars.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaleinv.errors import DataError, explain
from scaleinv.inventory.inputs import numbers

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_TIE = 1e-14
"""A sum of probabilities that misses a ratio by no more than rounding reaches it."""
_HALVINGS = 200
_DOUBLINGS = 80


class Demand(ABC):
    """Demand of some span of time, one distribution per series; set once, never changed."""

    mean: Floats
    variance: Floats
    third_moment: Floats
    """central, E(D - mean)³"""
    is_whole: bool
    """whether demand comes in whole units only"""

    @property
    def sd(self) -> Floats:
        """Standard deviation."""
        return np.asarray(np.sqrt(self.variance), dtype=np.float64)

    @abstractmethod
    def cdf(self, level: ArrayLike) -> Floats:
        """``P(D <= level)``."""

    @abstractmethod
    def loss(self, level: ArrayLike) -> Floats:
        """``E(D - level)+``."""

    @abstractmethod
    def second_loss(self, level: ArrayLike) -> Floats:
        """Integral, or sum, of the loss above ``level``; see the top of this file."""

    @abstractmethod
    def expanded(self) -> Demand:
        """The same with one more axis behind: (n_series, 1), to be asked for many levels per series."""

    def over(self, n_periods: ArrayLike) -> Demand:
        """Demand of ``n_periods`` independent periods.

        Raises:
            DataError: this family is not closed under sums.
        """
        raise DataError(explain(f"a sum of {type(self).__name__} demands has no closed form", do="use sample paths"))

    def surplus(self, level: ArrayLike) -> Floats:
        """``E(level - D)+``."""
        x = np.asarray(level, dtype=np.float64)
        return np.asarray(np.maximum(x - self.mean + self.loss(x), 0.0), dtype=np.float64)

    def quantile(self, probability: ArrayLike) -> Floats:
        """The smallest level whose distribution function reaches ``probability``."""
        p, _ = np.broadcast_arrays(probability_within("probability", probability), self.mean)
        wanted = np.where(p < 1.0, p, 0.5)
        high = _raised(lambda x: self.cdf(x) >= wanted - _TIE, self.mean + 8.0 * self.sd + 8.0)
        low = np.full(p.shape, -1.0)
        level = first_whole(lambda k: self.cdf(k) >= wanted - _TIE, low, high)
        return np.where(p < 1.0, level, np.inf)

    def inverse_loss(self, shortage: ArrayLike) -> Floats:
        """The smallest level whose loss is no more than ``shortage`` (whole units: the smallest whole level)."""
        goal, _ = np.broadcast_arrays(numbers("shortage", shortage, 0.0, open_low=True), self.mean)
        # loss(x) >= mean - x, so the level is not below mean - shortage.
        return self.first_level(lambda x: self.loss(x) <= goal, self.mean - goal - 1.0)

    def first_level(self, is_enough: Callable[[Floats], Bools], low: Floats) -> Floats:
        """The smallest level that is enough, where more is always enough too and ``low`` is not."""
        high = _raised(is_enough, np.maximum(self.mean + 8.0 * self.sd, low) + 1.0)
        return (first_whole if self.is_whole else first_real)(is_enough, low, high)


def probability_within(name: str, values: ArrayLike) -> Floats:
    """``values`` as floats within 0 … 1."""
    return numbers(name, values, 0.0, 1.0)


def first_whole(is_enough: Callable[[Floats], Bools], low: Floats, high: Floats) -> Floats:
    """Smallest whole number above ``low`` that is enough, when ``high`` is and more always is."""
    below, above = np.broadcast_arrays(np.floor(low), np.ceil(high))
    below, above = np.array(below, dtype=np.float64), np.array(above, dtype=np.float64)
    while (above - below > 1.0).any():
        middle = np.floor((below + above) / 2.0)
        enough = is_enough(middle) | (above - below <= 1.0)
        above = np.where(enough & (above - below > 1.0), middle, above)
        below = np.where(enough, below, middle)
    return above


def first_real(is_enough: Callable[[Floats], Bools], low: Floats, high: Floats) -> Floats:
    """Smallest number between ``low`` and ``high`` that is enough, to the last bits."""
    below, above = np.broadcast_arrays(low, high)
    for _ in range(_HALVINGS):
        middle = 0.5 * (below + above)
        enough = is_enough(middle)
        below, above = np.where(enough, below, middle), np.where(enough, middle, above)
        if not (above - below > 1e-15 * np.maximum(np.abs(above), 1e-3)).any():
            break
    return np.asarray(above, dtype=np.float64)


def _raised(is_enough: Callable[[Floats], Bools], start: Floats) -> Floats:
    """``start``, moved up in doubling steps until it is enough."""
    high, step = np.array(start, dtype=np.float64), np.maximum(np.abs(start), 1.0)
    for _ in range(_DOUBLINGS):
        missing = ~is_enough(high)
        if not missing.any():
            break
        high, step = np.where(missing, high + step, high), 2.0 * step
    return high
