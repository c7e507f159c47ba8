"""Classical models of one series at a time (statsforecast), each fitted anew for every forecast.

The library gives an expected demand per day; what surrounds it is drawn as the baseline draws demand: whole seasons of
the model's own errors of the last weeks, so that days of one week hang together and an intermittent series stays one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from scaleinv.forecast.history import History
from scaleinv.forecast.seasonal import season_rows
from scaleinv.schema.words import StatsName

_LONGEST: Final = 3 * 365
"""Days of history that a model is fitted to."""
_SMOOTHING: Final = 0.1
"""Of TSB, for size and for probability (Teunter, Syntetos & Babai 2011 use 0.02 … 0.2)."""


def classical_paths(
    model: StatsName, history: History, series: Tensor, *, season: int, n_samples: int, seed: int
) -> Tensor:
    """(n_series, n_samples, horizon) paths of the ``series`` (positions), each with at least one day of history.

    A series that the model cannot be fitted to gets its mean.
    """
    life = history.n_days[series].clamp(max=_LONGEST)
    owner = torch.repeat_interleave(torch.arange(len(series)), life.cpu())
    start = torch.cat([life.new_zeros(1), life.cumsum(0)])
    day = torch.arange(len(owner)) - start[:-1].cpu()[owner]
    first = (history.indptr[series] + history.n_days[series] - life).cpu()
    y = history.y.cpu()[first[owner] + day]
    mean, fitted = _fitted(model, owner, day, y, horizon=history.horizon, season=season)
    errors = torch.where(torch.isfinite(fitted), y - fitted, 0.0)
    back = season_rows(life.cpu(), horizon=history.horizon, season=season, n_samples=n_samples, seed=seed)
    return (mean[:, None] + errors[start[1:].cpu()[:, None, None] + back]).clamp(min=0).round()


def _fitted(
    model: StatsName, owner: Tensor, day: Tensor, y: Tensor, *, horizon: int, season: int
) -> tuple[Tensor, Tensor]:
    """(n_series, horizon) expected demand, and (rows,) the one-step forecasts of the past; nan where there is none."""
    from statsforecast import StatsForecast
    from statsforecast.models import HistoricAverage

    frame = pd.DataFrame({"unique_id": owner.numpy(), "ds": day.numpy(), "y": y.numpy().astype(np.float32)})
    fitting = StatsForecast(models=[_model(model, season)], freq=1, n_jobs=1, fallback_model=HistoricAverage())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of series without a sale, of which the library says that it divides by zero
        ahead = fitting.forecast(df=frame, h=horizon, fitted=True)
        past = fitting.forecast_fitted_values()
    mean = torch.from_numpy(np.array(ahead[model], dtype=np.float32)).view(-1, horizon)
    return torch.nan_to_num(mean).clamp(min=0), torch.from_numpy(np.array(past[model], dtype=np.float32))


def _model(model: StatsName, season: int) -> Any:
    from statsforecast import models

    made: dict[StatsName, Callable[[], Any]] = {
        "auto_arima": lambda: models.AutoARIMA(season_length=season, alias=model),
        "auto_ets": lambda: models.AutoETS(season_length=season, alias=model),
        "theta": lambda: models.DynamicOptimizedTheta(season_length=season, alias=model),
        "croston_sba": lambda: models.CrostonSBA(alias=model),
        "tsb": lambda: models.TSB(alpha_d=_SMOOTHING, alpha_p=_SMOOTHING, alias=model),
        "adida": lambda: models.ADIDA(alias=model),
        "imapa": lambda: models.IMAPA(alias=model),
    }
    return made[model]()
