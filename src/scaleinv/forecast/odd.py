"""Series that a model can learn little from, and that shall not fail their group: how many, and what is odd."""

from __future__ import annotations

from datetime import date
from typing import Final

import torch
from torch import Tensor

from scaleinv.forecast.group import Group
from scaleinv.forecast.history import day_number, known_at

_KINDS: Final = ("unknown", "never sold", "one sale", "constant", "spike")
_AT_ONCE: Final = 512
"""Series: counting shall need less memory than training does."""


def odd_series(group: Group, *, cutoff: date, horizon: int, season: int) -> dict[str, int]:
    """How many series are odd as they were known at ``cutoff``, by what is odd about them.

    ``unknown``: there is a life, but no day of demand; ``never sold``; ``one sale``: on one day only; ``constant``: the
    same, and not nothing, on all days; ``spike``: a value was cut, as a typing error. A series may be of several kinds,
    kinds without one are left out.
    """
    parts = torch.split(torch.arange(group.n_series, device=group.device), _AT_ONCE)
    counts = [_counts(group.part(part), cutoff, horizon, season) for part in parts]
    return {kind: total for kind in _KINDS if (total := sum(one[kind] for one in counts))}


def _counts(group: Group, cutoff: date, horizon: int, season: int) -> dict[str, int]:
    history = known_at(group.counted(day_number(cutoff)), cutoff=cutoff, horizon=horizon, season=season)
    owner = torch.repeat_interleave(torch.arange(group.n_series, device=group.device), torch.diff(history.indptr))
    seen, y = history.observed, history.y

    def per_series(rows: Tensor) -> Tensor:
        return torch.bincount(owner[rows], minlength=group.n_series)

    days, sales = per_series(seen), per_series(seen & (y > 0))
    bounds = torch.stack([torch.full((group.n_series,), start, device=y.device) for start in (torch.inf, -torch.inf)])
    least = bounds[0].scatter_reduce(0, owner[seen], y[seen], "amin")
    most = bounds[1].scatter_reduce(0, owner[seen], y[seen], "amax")
    kinds = {
        "unknown": (history.n_days > 0) & (days == 0),
        "never sold": (days > 0) & (sales == 0),
        "one sale": (days > 1) & (sales == 1),
        "constant": (days > 1) & (least == most) & (sales > 0),
        "spike": per_series(history.is_cut) > 0,
    }
    return {kind: int(which.sum()) for kind, which in kinds.items()}
