"""When a shipment arrives: the distribution of what is left of its way, given all that is known of it.

The time from departure to arrival is a mixture. With probability 1 - ``stuck_share`` the shipment keeps to what is
known: its lane's past times, what the carrier foresees, and how far it has come; else it is stuck, and every day is as
likely to end that as any other. Both are conditioned on not having arrived after the time that has passed, so that the
longer a shipment is overdue the more it counts as stuck.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from scaleinv.config.shipments import ArrivalConfig

Floats = NDArray[np.float64]

_PIECE: Final = 20_000
_EARTH: Final = 6_371.0
_LEAST_DAYS: Final = 0.25
"""Nobody foresees an arrival to less than this, in days."""
_OVERDUE: Final = 3.0
"""Spreads after what the carrier foresaw from which on that says nothing more."""
_LEAST_DONE: Final = 0.05
"""Share of the way from which on the speed says something."""


@dataclass(frozen=True)
class Progress:
    """What is known of ``n`` shipments, each ``(n,)``, in days; not a number: unknown.

    ``elapsed``: since departure, at least 0. ``eta`` and ``planned``: from now on, negative where it is over.
    ``eta_age``: from saying so until now. ``fix_elapsed``: from departure to the last position; ``way_left``: the share
    of the way that was left there.
    """

    elapsed: Floats
    eta: Floats
    eta_age: Floats
    planned: Floats
    fix_elapsed: Floats
    way_left: Floats


@dataclass(frozen=True)
class Arrival:
    """Days from now: ``expected`` (n,), the median, and ``quantiles`` (n, n_levels).

    ``late`` (n,): the probability of arriving after the plan and its grace. Not a number where nothing is known.
    """

    expected: Floats
    quantiles: Floats
    late: Floats


def arrivals(lane: Floats, known: Floats, progress: Progress, config: ArrivalConfig) -> Arrival:
    """Arrival of each shipment.

    Args:
        lane: (n, max_days + 1), probability of 0, 1, 2 … whole days from departure to arrival.
        known: (n,) 1 where that is worth something, 0 where the lane has no past.
        progress: what is known beside it.
        config: how much each source is worth.
    """
    parts = [
        _piece(
            lane[rows],
            known[rows] > 0,
            Progress(**{name: value[rows] for name, value in vars(progress).items()}),
            config,
        )
        for rows in _rows(len(lane))
    ]
    return Arrival(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("expected", "quantiles", "late"))
    )


def distance(latitude: Floats, longitude: Floats, to_latitude: Floats, to_longitude: Floats) -> Floats:
    """(n,) kilometres along the great circle."""
    a, b, c, d = (np.radians(one) for one in (latitude, longitude, to_latitude, to_longitude))
    half = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    return np.asarray(2 * _EARTH * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


def _rows(n: int) -> list[slice]:
    return [slice(start, start + _PIECE) for start in range(0, max(n, 1), _PIECE)]


def _piece(lane: Floats, known: NDArray[np.bool_], progress: Progress, config: ArrivalConfig) -> Arrival:
    n, days = lane.shape
    first = np.floor(progress.elapsed)
    step = np.arange(days + 1, dtype=np.float64)
    begin = np.maximum(first[:, None] + step - progress.elapsed[:, None], 0.0)  # (n, bins) days from now
    end = first[:, None] + step + 1 - progress.elapsed[:, None]
    share = end - begin  # 1, less in the day that has begun
    keeps, survives, foreseen = _trusting(lane, known, progress, (begin + end) / 2, share, config)
    hazard = 1.0 / config.stuck_days
    stuck = np.exp(-hazard * begin) - np.exp(-hazard * end)
    stuck[:, -1] += np.exp(-hazard * end[:, -1])
    weight = config.stuck_share * np.exp(-hazard * progress.elapsed)
    weight = weight / (weight + (1 - config.stuck_share) * survives)
    mass = (1 - weight[:, None]) * keeps + weight[:, None] * stuck
    mass[~foreseen] = np.nan
    cdf = np.cumsum(mass, axis=1)
    cdf /= cdf[:, -1:]
    quantiles = np.stack([_quantile(cdf, begin, end, level) for level in config.quantile_levels], axis=1)
    late = 1 - _below(cdf, begin, end, progress.planned + config.grace_days)
    return Arrival(_quantile(cdf, begin, end, 0.5), quantiles.reshape(n, -1), late)


def _trusting(
    lane: Floats, known: NDArray[np.bool_], progress: Progress, middle: Floats, share: Floats, config: ArrivalConfig
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """As :func:`_keeping`; what a carrier foresaw that is over counts the less for it, where the lane has a past.

    It was wrong, and says no more than that: else a shipment that its lane does not find late would count as stuck.
    """
    keeps, survives, foreseen = _keeping(lane, known, progress, middle, share, config)
    overdue = -progress.eta / _spread(progress.eta, progress.eta_age, config)
    trust = np.where(known & (overdue > 0), np.clip(1 - overdue / _OVERDUE, 0.0, 1.0), 1.0)
    rows = np.flatnonzero(trust < 1)
    if len(rows):
        some = {name: value[rows] for name, value in vars(progress).items()}
        without = Progress(**{**some, "eta": np.full(len(rows), np.nan)})
        by_lane, still, _ = _keeping(lane[rows], known[rows], without, middle[rows], share[rows], config)
        part = trust[rows]
        # Each counts by how likely it is that the shipment is still on its way, and by what it is trusted.
        alive, other = part * survives[rows], (1 - part) * still
        whole = alive + other
        of_eta = np.where(whole > 0, alive / np.where(whole > 0, whole, 1.0), part)[:, None]
        keeps[rows] = of_eta * keeps[rows] + (1 - of_eta) * by_lane
        survives[rows] = whole
    return keeps, survives, foreseen


def _spread(eta: Floats, age: Floats, config: ArrivalConfig) -> Floats:
    return np.maximum(config.eta_spread * np.maximum(eta + age, 0.0), 2 * _LEAST_DAYS)


def _keeping(
    lane: Floats, known: NDArray[np.bool_], progress: Progress, middle: Floats, share: Floats, config: ArrivalConfig
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """(n, bins) distribution of one that is not stuck, (n,) how likely it is still on its way, (n,) whether known."""
    days = lane.shape[1]
    at = np.floor(progress.elapsed).astype(np.int64)[:, None] + np.arange(days + 1)
    past = np.where(at < days, np.take_along_axis(lane, np.minimum(at, days - 1), axis=1), 0.0) * share
    foretold, foretold_survives, said = _foretold(progress, known, middle, config)
    # News may contradict all that the lane has seen; then the news stand.
    news = (config.news_share * said)[:, None]
    past = (1 - news) * past + news * np.where(at < days, share, 0.0) / days
    total = past.sum(axis=1)
    survives = np.where(known, total, 1.0)
    # Behind all its lane's past, a shipment of which the carrier or its position says something is not stuck.
    flat = said & (~known | (total < 1e-9))
    survives = np.where(flat, 1.0, survives) * foretold_survives
    mass = np.where(flat[:, None], share, past) * foretold
    peak = mass.max(axis=1, keepdims=True)
    mass = np.where(peak > 0, mass / np.where(peak > 0, peak, 1.0), 0.0)
    total = mass.sum(axis=1)
    survives = np.where(total > 0, survives, 0.0)
    return mass / np.where(total > 0, total, 1.0)[:, None], survives, known | said


def _foretold(
    progress: Progress, known: NDArray[np.bool_], middle: Floats, config: ArrivalConfig
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """(n, bins) what the carrier and the position say of each day, (n,) how likely it is to be on its way now."""
    # A plan is worth something where there is no past: the past says how plans are kept.
    plan = np.where(known, np.nan, progress.planned)
    eta = np.where(np.isnan(progress.eta), plan, progress.eta)
    age = np.where(np.isnan(progress.eta), progress.elapsed, progress.eta_age)
    spread = _spread(eta, age, config)
    told = ~np.isnan(eta)
    exponent = np.where(told[:, None], -0.5 * ((middle - eta[:, None]) / spread[:, None]) ** 2, 0.0)
    survives = np.where(told, ndtr(eta / spread), 1.0)
    done = 1 - progress.way_left
    seen = np.isfinite(progress.way_left) & np.isfinite(progress.fix_elapsed) & (done >= _LEAST_DONE)
    seen &= progress.fix_elapsed > 0
    left = np.maximum(progress.fix_elapsed * progress.way_left / np.where(seen, done, 1.0), _LEAST_DAYS)
    # From the position on, not from now on.
    since = middle + (progress.elapsed - progress.fix_elapsed)[:, None]
    ratio = np.log(np.maximum(np.where(seen[:, None], since, 1.0), 1e-9) / np.where(seen, left, 1.0)[:, None])
    exponent = exponent + np.where(seen[:, None], -0.5 * (ratio / config.speed_spread) ** 2, 0.0)
    now = np.maximum(np.where(seen, progress.elapsed - progress.fix_elapsed, 1.0), 1e-9)
    still = ndtr(np.log(np.where(seen, left, 1.0) / now) / config.speed_spread)
    highest = exponent.max(axis=1, keepdims=True)
    return np.exp(exponent - highest), survives * np.where(seen, still, 1.0), told | seen


def _quantile(cdf: Floats, begin: Floats, end: Floats, level: float) -> Floats:
    """(n,) days from now, evenly within a day."""
    bin_ = np.argmax(cdf >= level, axis=1)[:, None]
    upper = np.take_along_axis(cdf, bin_, axis=1)
    lower = np.where(bin_ > 0, np.take_along_axis(cdf, np.maximum(bin_ - 1, 0), axis=1), 0.0)
    low, high = (np.take_along_axis(one, bin_, axis=1) for one in (begin, end))
    within = (level - lower) / np.where(upper > lower, upper - lower, 1.0)
    return np.asarray(np.where(np.isnan(upper), np.nan, low + within * (high - low))[:, 0])


def _below(cdf: Floats, begin: Floats, end: Floats, when: Floats) -> Floats:
    """(n,) probability of having arrived by then; not a number where that is unknown."""
    mass = np.diff(cdf, axis=1, prepend=0.0)
    part = np.clip((when[:, None] - begin) / (end - begin), 0.0, 1.0)
    return np.asarray((mass * part).sum(axis=1))
