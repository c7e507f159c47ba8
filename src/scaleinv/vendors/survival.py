"""Chances of whole numbers by boosted hazards: trees say how a row's hazards differ, groups' own hazards stand beside.

The hazard of each bin is a classification of what is still at risk in it (Singer & Willett, It's about time, *Journal
of Educational Statistics* 18, 1993), here by gradient boosting (Chen & Guestrin, XGBoost, KDD 2016). Trees and shrunk
hazards are mixed by the weight that gives the latest, held-out rows the best likelihood, and calibrated on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from scaleinv.vendors.calibration import Calibration, calibration, same
from scaleinv.vendors.hazards import Bins, Floats, Ints, Shrunk, shrunk_hazards

if TYPE_CHECKING:  # who reads scorecards only does not wait for it
    import xgboost

Names = list[NDArray[np.str_]]

_WEIGHTS: Final = np.linspace(0.0, 1.0, 11)
_MEMORIES: Final = (np.inf, 730.0, 365.0)
"""Days after which an order counts half; the held-out rows choose."""
_FOLDS: Final = 5
_BLOCK: Final = 14
"""Days in a row that fall into one fold."""
_ROUNDS: Final = 300
_PATIENCE: Final = 25
_LEAST: Final = 1e-9


@dataclass(frozen=True)
class Sample:
    """Rows to learn from or to ask about, ``(n,)``."""

    features: Floats
    """(n, n_features)"""
    names: Names
    """per level, coarse to fine, the group"""
    day: Ints
    """(n,) when it was sent"""

    def take(self, rows: NDArray[Any]) -> Sample:
        """These rows."""
        return Sample(self.features[rows], [level[rows] for level in self.names], self.day[rows])


@dataclass(frozen=True)
class Outcomes:
    """What became of them, ``(n,)``."""

    value: Ints
    """the number; where it is open, the last one that has passed"""
    is_open: NDArray[np.bool_]

    def take(self, rows: NDArray[Any]) -> Outcomes:
        """These rows."""
        return Outcomes(self.value[rows], self.is_open[rows])


@dataclass(frozen=True)
class Survival:
    """A fitted model."""

    bins: Bins
    shrunk: Shrunk
    trees: xgboost.Booster | None
    """``None``: too few rows to learn from"""
    weight: float
    """of the trees; the rest is the shrunk hazards'"""
    calibration: Calibration

    def probability(self, asked: Sample) -> Floats:
        """(n, last - first + 1) chances of each number; rows add to 1."""
        return self.calibration(self._mixed(asked, self.weight))

    def _mixed(self, asked: Sample, weight: float) -> Floats:
        hazard = self.shrunk.of(asked.names)
        plain = self.bins.spread(hazard)
        if self.trees is None or weight == 0.0:
            return plain
        learnt = self.bins.spread(_hazards(self.trees, self.bins, asked.features, hazard))
        return np.asarray(weight * learnt + (1.0 - weight) * plain)


def fitted(
    bins: Bins,
    early: tuple[Sample, Outcomes],
    late: tuple[Sample, Outcomes],
    everything: tuple[Sample, Outcomes],
    *,
    min_rows: int,
    seed: int,
) -> Survival:
    """Learns from ``early``, weighs and calibrates on ``late``, and learns again from ``everything``.

    Fewer than ``min_rows`` rows of ``early`` give shrunk hazards alone; no ``late`` rows leave them uncalibrated.
    """
    if not len(late[1].value) or not len(early[1].value):
        return Survival(bins, _recent(bins, *everything, np.inf), None, 0.0, same())
    memory = max(_MEMORIES, key=lambda days: _scores(_only(bins, _recent(bins, *early, days)), *late, 0.0).sum())
    first, rounds, weight = _only(bins, _recent(bins, *early, memory)), 0, 0.0
    if len(early[1].value) >= min_rows:
        trees, rounds = _boosted(bins, early, late, memory, seed=seed)
        first = Survival(bins, first.shrunk, trees, 1.0, same())
        weight = _earned_weight(first, *late)
    # A chance of yes or no has no quantiles that could be wrong: groups' shares are calibrated by themselves.
    read = _earned_calibration(first, weight, *late) if bins.n_bins > 2 else same()
    whole, final = _recent(bins, *everything, memory), None
    if weight > 0.0:
        final, _ = _boosted(bins, everything, None, memory, seed=seed, rounds=rounds)
    return Survival(bins, whole, final, weight, read)


def _only(bins: Bins, shrunk: Shrunk) -> Survival:
    return Survival(bins, shrunk, None, 0.0, same())


def _recent(bins: Bins, sample: Sample, outcomes: Outcomes, memory: float) -> Shrunk:
    """Shrunk hazards in which an order counts the less the older it is: half after ``memory`` days."""
    age = sample.day.max() - sample.day
    return shrunk_hazards(bins, outcomes.value, outcomes.is_open, sample.names, 0.5 ** (age / memory))


def _earned_weight(model: Survival, sample: Sample, outcomes: Outcomes) -> float:
    """The least weight of the trees whose likelihood is within a standard error of the best.

    Lines of some weeks resemble each other, so that the error is that of blocks of held-out days, not of lines.
    """
    block = np.unique(sample.day // _BLOCK, return_inverse=True)[1]
    scores = np.stack([np.bincount(block, _scores(model, sample, outcomes, float(w))) for w in _WEIGHTS])
    best = scores[int(scores.sum(axis=1).argmax())]
    behind = best - scores
    error = np.sqrt(behind.shape[1]) * behind.std(axis=1)
    return float(_WEIGHTS[int(np.argmax(behind.sum(axis=1) <= error))])


def _earned_calibration(model: Survival, weight: float, sample: Sample, outcomes: Outcomes) -> Calibration:
    """The map of all held-out rows, where maps of half of them make the other half likelier; else none."""
    bins, last = model.bins, model.bins.last - model.bins.first
    said = model._mixed(sample, weight)
    place = np.clip(outcomes.value - bins.first, -1, np.where(outcomes.is_open, last - 1, last))
    half = sample.day // _BLOCK % 2
    gained = 0.0
    for number in (0, 1):
        mine, others = half == number, half != number
        read = calibration(said[others], place[others], outcomes.is_open[others])
        part = outcomes.take(mine)
        gained += (_of_bins(bins, read(said[mine]), part) - _of_bins(bins, said[mine], part)).sum()
    return calibration(said, place, outcomes.is_open) if gained > 0.0 else same()


def _scores(model: Survival, sample: Sample, outcomes: Outcomes, weight: float) -> Floats:
    return _of_bins(model.bins, model._mixed(sample, weight), outcomes)


def _of_bins(bins: Bins, probability: Floats, outcomes: Outcomes) -> Floats:
    """(n,) log likelihood of the bin that each row fell into, or has outlived."""
    cdf = np.column_stack([np.zeros(len(probability)), np.cumsum(probability, axis=1)])
    cdf = cdf[:, np.concatenate([[0], bins.end - bins.first + 1])]
    rows, at = np.arange(len(cdf)), bins.of(outcomes.value)
    said = np.where(outcomes.is_open, 1.0 - cdf[rows, bins.survived(outcomes.value)], cdf[rows, at + 1] - cdf[rows, at])
    return np.asarray(np.log(np.maximum(said, _LEAST)))


# --- trees ----------------------------------------------------------------------------------------------------------


def _boosted(
    bins: Bins,
    train: tuple[Sample, Outcomes],
    judge: tuple[Sample, Outcomes] | None,
    memory: float,
    *,
    seed: int,
    rounds: int = _ROUNDS,
) -> tuple[xgboost.Booster, int]:
    import xgboost

    options = {
        "objective": "binary:logistic", "eta": 0.03, "max_depth": 3, "min_child_weight": 10.0, "subsample": 0.7,
        "colsample_bytree": 0.5, "lambda": 10.0, "tree_method": "hist", "max_bin": 64, "seed": seed, "nthread": 1,
        "verbosity": 0,
    }  # fmt: skip
    matrix = _matrix(bins, *train, _out_of_fold(bins, *train, memory))
    if judge is None:
        return xgboost.train(options, matrix, rounds), rounds
    judged = _matrix(bins, *judge, _recent(bins, *train, memory).of(judge[0].names))
    booster = xgboost.train(
        options, matrix, rounds, evals=[(judged, "late")], early_stopping_rounds=_PATIENCE, verbose_eval=False
    )
    best = int(booster.best_iteration) + 1
    return booster[:best], best


def _out_of_fold(bins: Bins, sample: Sample, outcomes: Outcomes, memory: float) -> Floats:
    """(n, n_bins) shrunk hazards of each row by the other folds' rows: what a row knows of itself is no knowledge."""
    fold = sample.day // _BLOCK % _FOLDS  # lines of one order, or of one campaign, know each other
    out = np.empty((len(fold), bins.n_bins))
    for number in range(_FOLDS):
        mine = np.flatnonzero(fold == number)
        others = np.flatnonzero(fold != number)
        shrunk = _recent(bins, sample.take(others), outcomes.take(others), memory)
        out[mine] = shrunk.of([level[mine] for level in sample.names])
    return out


def _matrix(bins: Bins, sample: Sample, outcomes: Outcomes, hazard: Floats) -> xgboost.DMatrix:
    """A row for every order and every bin that it was at risk in; trees begin at its group's ``hazard`` there."""
    import xgboost

    at = np.minimum(bins.of(outcomes.value), bins.n_bins - 1)
    lived = np.where(outcomes.is_open, bins.survived(outcomes.value), np.minimum(at + 1, bins.n_bins - 1))
    owner = np.repeat(np.arange(len(lived)), lived)
    bin_ = np.arange(len(owner)) - np.repeat(np.cumsum(lived) - lived, lived)
    happens = ~outcomes.is_open[owner] & (bin_ == at[owner])
    rows = _with_bin(bins, sample.features, owner, bin_)
    return xgboost.DMatrix(
        rows, label=happens.astype(np.float32), base_margin=_logit(hazard[owner, bin_]), nthread=1
    )  # fmt: skip


def _hazards(trees: xgboost.Booster, bins: Bins, features: Floats, hazard: Floats) -> Floats:
    import xgboost

    n, n_bins = hazard.shape
    owner = np.repeat(np.arange(n), n_bins)
    rows = _with_bin(bins, features, owner, np.tile(np.arange(n_bins), n))
    said = trees.predict(xgboost.DMatrix(rows, base_margin=_logit(hazard).ravel(), nthread=1)).reshape(n, n_bins)
    return np.asarray(np.clip(said, 1e-6, 1 - 1e-6), dtype=np.float64)


def _logit(probability: Floats) -> Floats:
    return np.asarray(np.log(probability / (1.0 - probability)))


def _with_bin(bins: Bins, features: Floats, owner: Ints, bin_: Ints) -> NDArray[np.float32]:
    where = np.stack([bin_, bins.end[bin_]], axis=1)
    return np.concatenate([features[owner].astype(np.float32), where.astype(np.float32)], axis=1)
