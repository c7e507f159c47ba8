"""Cold start: a series that is too young to know itself is forecast from those that are like it.

Its distribution is a mixture of its peers', weighted by how likely each one's level makes what it has sold so far: an
empirical Bayes estimate whose prior is the peers as they are (Robbins 1956). Without a day of its own it is forecast as
any of them; with every day the ones that sell as it does weigh more.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from scaleinv.forecast.history import History
from scaleinv.forecast.seasonal import SEASONS, season_rows

PEERS: Final = "peers"
_ALIKE: Final = (("location_id", "department"), ("department",), ("category",), ())
"""What peers have in common: the first of these of which there are enough."""
_ENOUGH: Final = 20
_LEAST_LEVEL: Final = 1e-3


def peer_paths(history: History, series: Tensor, *, min_days: int, season: int, n_samples: int, seed: int) -> Tensor:
    """(n_series, n_samples, horizon) paths of the young ``series`` (positions), in the grain of each.

    One other series at least is not young.

    Args:
        history: the group.
        series: positions of the young ones.
        min_days: days from which on a series is a peer.
        season: days of a season.
        n_samples: paths of each series.
        seed: of what is drawn.
    """
    grown = torch.nonzero(history.is_grown(min_days)).flatten()
    end = history.indptr[:-1] + history.n_days
    days = history.n_days[grown].clamp(max=SEASONS * season)
    grain = history.group.grain  # a young series and its peers need not be counted in the same one
    total, squares = (
        (running[end[grown]] - running[end[grown] - days]) * grain[grown] ** power
        for power, running in enumerate((history.sums, history.squares), start=1)
    )
    level = (total / days).clamp(min=_LEAST_LEVEL)
    # Variance over mean: days of real demand say less than those of a Poisson would. The median of those that sell, as
    # one that is promoted can be far beyond the others.
    spread = ((squares / days - (total / days) ** 2) / level)[total > 0].clamp(min=1)
    own, sold = _seen(history, series)
    sold = sold * grain[series][:, None]
    likely = (sold * level.log() - own * level) / (spread.median() if len(spread) else 1.0)
    weight = torch.where(_alike(history, series, grown), likely, -torch.inf).softmax(1)
    jitter = torch.rand(1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    at = ((torch.arange(n_samples) + jitter) / n_samples).to(weight.device).expand(len(series), -1)
    # Rounding may leave the sum a little short of 1.
    peer = grown[torch.searchsorted(weight.cumsum(1), at.contiguous()).clamp(max=len(grown) - 1)]
    back = season_rows(history.n_days[peer], horizon=history.horizon, season=season, n_samples=n_samples, seed=seed)
    share = grain[peer] / grain[series][:, None]
    return history.y[end[peer][..., None] + back] * share[..., None].float()


def _seen(history: History, series: Tensor) -> tuple[Tensor, Tensor]:
    """(n_series, 1) days on which demand was seen, and how much: an empty shelf does not say that nobody came."""
    row = history.indptr[series][:, None] + torch.arange(int(history.n_days[series].max()), device=series.device)
    inside = row < (history.indptr[series] + history.n_days[series])[:, None]
    row = row.clamp(max=max(len(history.y) - 1, 0))
    seen = inside & history.observed[row]
    return seen.sum(1, keepdim=True).double(), (history.y[row] * seen).sum(1, keepdim=True).double()


def _alike(history: History, series: Tensor, grown: Tensor) -> Tensor:
    """(n_series, n_grown) which of the grown ones are peers of each."""
    found = torch.zeros((len(series), len(grown)), dtype=torch.bool, device=series.device)
    open_ = torch.ones(len(series), dtype=torch.bool, device=series.device)
    for names in _ALIKE:
        same = torch.ones_like(found)
        for name in names:
            codes = history.group.statics[name]
            same &= codes[series][:, None] == codes[grown]
        enough = open_ & ((same.sum(1) >= _ENOUGH) | (not names))
        found[enough] = same[enough]
        open_ &= ~enough
    return found
