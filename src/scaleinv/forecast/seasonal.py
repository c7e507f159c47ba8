"""The baseline: whole seasons of the last weeks drawn again, weekday by weekday."""

from __future__ import annotations

import torch
from torch import Tensor

from scaleinv.forecast.history import History

SEASONS = 8
"""Seasons before the cutoff that are drawn from."""


def seasonal_paths(history: History, series: Tensor, *, season: int, n_samples: int, seed: int) -> Tensor:
    """(n_series, n_samples, horizon) paths of the ``series`` (positions) from the last 8 seasons up to the cutoff.

    One without a day gets zeros. Stock-out days count as estimated in ``History.y``.
    """
    life = history.n_days[series]
    end = history.indptr[series] + life
    back = season_rows(life, horizon=history.horizon, season=season, n_samples=n_samples, seed=seed)
    row = (end[:, None, None] + back).clamp(min=0)
    return torch.where((life > 0)[:, None, None], history.y[row], 0.0)


def season_rows(life: Tensor, *, horizon: int, season: int, n_samples: int, seed: int) -> Tensor:
    """(n_series, n_samples, horizon) which day of its last 8 seasons is drawn for each day ahead: -1 is the last one.

    A season is drawn as a whole, aligned by weekday, independently of the one before. A series younger than one
    season draws single days. The draws are shared by all series and spread evenly over the seasons.

    Args:
        life: (n_series,) or (n_series, n_samples) days.
        horizon: days ahead.
        season: days of a season.
        n_samples: paths of each series.
        seed: of the draws.
    """
    life = life if life.dim() == 2 else life[:, None]
    generator = torch.Generator().manual_seed(seed)
    blocks = -(-horizon // season)
    slices = torch.stack([torch.randperm(n_samples, generator=generator) for _ in range(blocks)], 1)
    days = torch.stack([torch.randperm(n_samples, generator=generator) for _ in range(horizon)], 1)
    jitter = torch.rand((2,), generator=generator, dtype=torch.float64)
    block_u = ((slices + jitter[0]) / n_samples).to(life.device)
    day_u = ((days + jitter[1]) / n_samples).to(life.device)

    seasons = (life // season).clamp(max=SEASONS)
    step = torch.arange(horizon, device=life.device)
    block = (block_u * seasons[..., None]).long()[..., step // season]
    whole = -season * (block + 1) + step % season
    single = -1 - (day_u * life.clamp(max=season)[..., None]).long()
    back = torch.where((seasons > 0)[..., None], whole, single)
    return torch.maximum(back, -life.clamp(min=1)[..., None])
