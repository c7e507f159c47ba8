"""Prophet for the series that somebody selects (Taylor & Letham, Forecasting at scale, 2018).

Trend, weekday, time of the year, events, and what is announced of price and promotions. Paths are its own draws of how
the trend goes on and of noise. Each series is a run of Stan: there is a loop over them here, and nowhere else.
"""

from __future__ import annotations

import functools
import logging
import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from scaleinv.config import ProphetConfig
from scaleinv.forecast.history import History
from scaleinv.forecast.inputs import YEAR
from scaleinv.forecast.seasonal import seasonal_paths
from scaleinv.schema.words import ID_SEPARATOR, PROPHET

_LONGEST: Final = 3 * 365
"""Days of history that a model is fitted to."""


def prophet_paths(
    history: History, series: Tensor, config: ProphetConfig, *, season: int, n_samples: int, seed: int
) -> tuple[Tensor, npt.NDArray[np.bool_]]:
    """(n_series, n_samples, horizon) paths of the ``series`` (positions), and which of them Prophet made.

    The baseline made those that are not selected, and those on which Prophet fails.
    """
    paths = seasonal_paths(history, series, season=season, n_samples=n_samples, seed=seed).cpu()
    made = np.zeros(len(series), bool)
    for at in np.flatnonzero(_selected(history, config)[series.cpu().numpy()]):
        found = _drawn(_library(), history, int(series[at]), n_samples=n_samples, seed=seed)
        if found is not None:
            paths[at], made[at] = found, True
    return paths, made


def _selected(history: History, config: ProphetConfig) -> npt.NDArray[np.bool_]:
    """(n_series,) as known at the cutoff."""
    end = history.indptr[:-1] + history.n_days
    units = (history.sums[end] - history.sums[end - history.n_days.clamp(max=YEAR)]) * history.group.grain
    value = (units * history.price[(end - 1).clamp(min=0)]).cpu()
    best = value.argsort(descending=True, stable=True)[: config.top].numpy()
    sku = np.char.rpartition(history.group.unique_id.astype(str), ID_SEPARATOR)[:, 0]
    chosen: npt.NDArray[np.bool_] = np.isin(sku, config.skus)
    chosen[best] = True
    return chosen


def _drawn(library: Any, history: History, series: int, *, n_samples: int, seed: int) -> Tensor | None:
    """(n_samples, horizon) paths of one series; None where it cannot be fitted."""
    n_days = min(int(history.n_days[series]), _LONGEST)
    cut = int(history.indptr[series] + history.n_days[series])
    rows = slice(cut - n_days, cut + history.horizon)
    day = pd.to_datetime(history.day[rows].cpu().numpy(), unit="D")
    frame = pd.DataFrame({
        "ds": day, "y": history.y[rows].cpu().numpy().astype(float),
        "price": history.price[rows].cpu().numpy().clip(min=1e-3).astype(float),
        "is_promotion": history.is_promotion[rows].cpu().numpy().astype(float),
        "is_benefit_day": history.is_benefit_day[rows].cpu().numpy().astype(float),
    })  # fmt: skip
    frame["price"] = np.log(frame["price"])
    event = history.event[rows].cpu().numpy()
    past = frame[:n_days]
    known = [name for name in ("price", "is_promotion", "is_benefit_day") if past[name].nunique() > 1]
    seen = np.isin(event, event[:n_days]) & (event >= 0)
    # By their codes: a text may be a word of Prophet's own.
    holidays = pd.DataFrame({"ds": day[seen], "holiday": [f"event_{code}" for code in event[seen]]})
    before = np.random.get_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = library(
                holidays=holidays if len(holidays) else None, uncertainty_samples=n_samples, daily_seasonality=False
            )
            for name in known:
                model.add_regressor(name)
            np.random.seed(seed % 2**32)  # Prophet draws from the one of all
            model.fit(past, seed=seed % 2**31)
            paths = model.predictive_samples(frame[n_days:])["yhat"].T
    except Exception:  # whatever Stan says of one series, the others are forecast
        return None
    finally:
        np.random.set_state(before)
    found = torch.from_numpy(np.ascontiguousarray(paths, dtype=np.float32)).clamp(min=0)
    if not bool(torch.isfinite(found).all()):
        return None
    return found.round()


@functools.cache
def _library() -> Any:
    for name in (PROPHET, "prophet.models", "prophet.plot", "cmdstanpy"):  # a line and more for each series
        logging.getLogger(name).disabled = True
    from prophet import Prophet

    return Prophet
