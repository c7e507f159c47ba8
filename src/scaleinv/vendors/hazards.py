"""Time to an event as chances per bin: what is at risk, what happens, and groups that borrow from larger ones.

A hazard is the chance that a delivery comes within a bin, given that it has not come before. What is still open counts
as at risk up to the bin that it has lived through and says nothing after it (Kaplan & Meier, Nonparametric estimation
from incomplete observations, *JASA* 53, 1958), so that young orders do not make a vendor look fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STRENGTHS = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0])
_LEAST = 1e-6


@dataclass(frozen=True)
class Bins:
    """Whole numbers from ``first`` to ``last`` in bins; inside a bin they keep the shares that were seen."""

    first: int
    last: int
    end: Ints
    """(n_bins,) last number of each bin, rising; the last one is ``last``"""
    share: Floats
    """(last - first + 1,) of each number within its bin; adds to 1 in every bin"""

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.end)

    @property
    def bin_of_number(self) -> Ints:
        """(last - first + 1,) which bin."""
        return np.searchsorted(self.end, np.arange(self.first, self.last + 1)).astype(np.int64)

    def of(self, values: Ints) -> Ints:
        """(n,) the bins of ``values``; beyond the ends the nearest."""
        return np.searchsorted(self.end, np.clip(values, self.first, self.last)).astype(np.int64)

    def survived(self, values: Ints) -> Ints:
        """(n,) how many bins are wholly over when ``values`` have passed without an event."""
        return np.searchsorted(self.end, np.clip(values, self.first - 1, self.last - 1), side="right").astype(np.int64)

    def spread(self, hazard: Floats) -> Floats:
        """(n, last - first + 1) chances of every number, from (n, n_bins) hazards; the last bin takes the rest."""
        before = np.cumprod(np.column_stack([np.ones(len(hazard)), 1.0 - hazard[:, :-1]]), axis=1)
        mass = before * np.column_stack([hazard[:, :-1], np.ones(len(hazard))])
        return np.asarray(mass[:, self.bin_of_number] * self.share)


def bins_of(values: Ints, first: int, last: int, n_bins: int) -> Bins:
    """About ``n_bins`` bins that hold as many of ``values`` each.

    A number that would fill one alone has one of its own; the others are shared among the rest.
    """
    inside = np.clip(values, first, last)
    often, times = np.unique(inside, return_counts=True)
    often = often[times >= max(len(inside) / n_bins, 2)]
    rest = inside[~np.isin(inside, often)]
    ends = [often, often - 1, np.array([last])]
    if rest.size:
        share = np.linspace(0, 1, max(min(n_bins, rest.size // 5), 1) + 1)[1:]
        ends.append(np.quantile(rest, share, method="inverted_cdf"))
    end = np.unique(np.concatenate(ends)).astype(np.int64)
    end = end[end >= first]
    place = np.searchsorted(end, np.arange(first, last + 1))
    seen = np.bincount(inside - first, minlength=last - first + 1).astype(np.float64)
    weight = _smooth(seen, place) + 1.0 / np.bincount(place)[place]
    return Bins(first, last, end, weight / np.bincount(place, weight)[place])


def _smooth(seen: Floats, place: Ints) -> Floats:
    """Means of a week around each number, of its own bin only."""
    total, number = np.zeros(len(seen)), np.zeros(len(seen))
    for shift in range(-3, 4):
        to = np.arange(max(-shift, 0), len(seen) - max(shift, 0))
        same = place[to] == place[to + shift]
        total[to] += np.where(same, seen[to + shift], 0.0)
        number[to] += same
    return np.asarray(total / number)


def counts(
    bins: Bins, values: Ints, is_open: NDArray[np.bool_], weight: Floats, group: Ints, n_groups: int
) -> tuple[Floats, Floats]:
    """(n_groups, n_bins) events, and what was at risk, each counted with its weight."""
    n = bins.n_bins
    done = ~is_open
    at = bins.of(values)
    events = np.bincount(group[done] * n + at[done], weight[done], n_groups * n).reshape(n_groups, n)
    gone = bins.survived(values)
    left = np.bincount(group[is_open] * (n + 1) + gone[is_open], weight[is_open], n_groups * (n + 1))
    left = left.reshape(n_groups, n + 1)
    # At risk in a bin: what ends in it or later, and what was still open when all of it had passed.
    at_risk = events[:, ::-1].cumsum(axis=1)[:, ::-1] + left[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    return np.asarray(events, dtype=np.float64), at_risk


@dataclass(frozen=True)
class Shrunk:
    """Hazards per group of several levels, each drawn towards the level above it by how little was seen."""

    keys: tuple[NDArray[np.str_], ...]
    """per level the names of its groups, sorted"""
    hazard: tuple[Floats, ...]
    """per level (n_groups, n_bins)"""
    everyone: Floats
    """(n_bins,)"""
    strength: tuple[float, ...]
    """per level: so many orders at risk weigh as much as the level above"""

    def of(self, names: Sequence[NDArray[np.str_]]) -> Floats:
        """(n, n_bins) hazards by the finest level at which each row's group is known; ``names`` per level."""
        out = np.tile(self.everyone, (len(names[0]), 1))
        for keys, hazard, wanted in zip(self.keys, self.hazard, names, strict=True):
            at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            known = keys[at] == wanted
            out[known] = hazard[at[known]]
        return out


def shrunk_hazards(
    bins: Bins,
    values: Ints,
    is_open: NDArray[np.bool_],
    names: Sequence[NDArray[np.str_]],
    weight: Floats | None = None,
) -> Shrunk:
    """Hazards by empirical Bayes: ``(events + k above) / (at risk + k)``, k per level by leave-one-out likelihood.

    Args:
        bins: of ``values``.
        values: (n,) when it happened, or how long it has not.
        is_open: (n,) it has not happened yet.
        names: per level, coarse to fine, (n,) the group; a finer level's groups lie within the coarser ones'.
        weight: (n,) how much each counts; not given: 1.
    """
    weights = np.ones(len(values)) if weight is None else weight
    events, at_risk = counts(bins, values, is_open, weights, np.zeros(len(values), np.int64), 1)
    everyone = np.clip((events[0] + 0.5) / (at_risk[0] + 1.0), _LEAST, 1 - _LEAST)
    above = np.tile(everyone, (len(values), 1))
    keys: list[NDArray[np.str_]] = []
    hazards: list[Floats] = []
    strengths: list[float] = []
    for level in names:
        found, first, group = np.unique(level, return_index=True, return_inverse=True)
        events, at_risk = counts(bins, values, is_open, weights, group.astype(np.int64), len(found))
        parent = above[first]
        score = [_left_out(events, at_risk, parent, k) for k in _STRENGTHS]
        k = float(_STRENGTHS[int(np.argmax(score))])
        hazard = np.clip((events + k * parent) / (at_risk + k), _LEAST, 1 - _LEAST)
        keys.append(found)
        hazards.append(hazard)
        strengths.append(k)
        above = hazard[group]
    return Shrunk(tuple(keys), tuple(hazards), everyone, tuple(strengths))


def _left_out(events: Floats, at_risk: Floats, parent: Floats, k: float) -> float:
    """Log likelihood of every order in every bin, by the hazard that the others alone would give."""
    rest = at_risk - events
    others = np.maximum(at_risk - 1.0, 0.0) + k
    hit = np.log(np.clip((np.maximum(events - 1.0, 0.0) + k * parent) / others, _LEAST, 1.0))
    miss = np.log(np.clip(1.0 - (events + k * parent) / others, _LEAST, 1.0))
    return float((events * hit + rest * miss).sum())
