"""What moved a forecast: SHAP values of trees, variable selection and attention of the TFT.

Lundberg, Erion & Lee, Consistent individualized feature attribution for tree ensembles (2018): what every column of a
row adds to what trees would say without knowing any. Lim, Arık, Loeff & Pfister, Temporal fusion transformers (2021):
the weights by which a network picks its columns, and how far back it looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from scaleinv.config import ForecastConfig
from scaleinv.errors import ConfigError, DataError, explain
from scaleinv.forecast.fitted import Fitted
from scaleinv.forecast.group import STATICS, Group
from scaleinv.forecast.history import day_number, known_at
from scaleinv.forecast.inputs import encode
from scaleinv.forecast.predict import check_options
from scaleinv.forecast.trees import Trees, column_names
from scaleinv.forecast.windows import Pass, Windows
from scaleinv.schema.words import ModelName

EXPLAINED: Final[tuple[ModelName, ...]] = ("xgboost", "tft")
"""Models that can say why."""
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "weekday": ("weekday",),
    "the same weekday of the last weeks": ("weeks_mean", "weekday_level", *(f"week_{week}" for week in range(1, 5))),
    "how much it sells of late": (
        "y", "level", "recent_level", "long_level", "last_week", "last_month", "last_month_spread", "last_month_most",
    ),
    "how often it sells": ("sale_share", "last_month_sale_share", "days_since_sale", "age", "stockout"),
    "price": ("price", "price_change"),
    "promotion": ("promotion",),
    "events": ("event",),
    "benefit days": ("benefit",),
    "time of the year": ("month_day", "year_sin", "year_cos", "year_ago"),
    "what and where it is": STATICS,
    "how far ahead": ("relative_time",),
}  # fmt: skip
_REASONS: Final = {name: reason for reason, names in _WORDS.items() for name in names}


@dataclass(frozen=True)
class Reasons:
    """Of one series, (horizon,) each.

    ``factors``: ``start`` times all of ``parts`` is ``forecast``; ``shares``: how much a network looked at each, which
    adds up to 1 and says nothing of up or down.
    """

    kind: str
    forecast: npt.NDArray[np.float64]
    """Expected demand, units; of a network its median, before calibration."""
    start: npt.NDArray[np.float64]
    parts: Mapping[str, npt.NDArray[np.float64]]
    looked_back: Mapping[int, float]
    """Days before the first one forecast -> share of attention, the five largest; only of a TFT."""


def reasons(fitted: Fitted, group: Group, unique_id: str, *, cutoff: date, config: ForecastConfig) -> Reasons:
    """Why the model forecasts what it does of one series.

    Raises:
        ConfigError: it is a model that cannot say.
        DataError: the group has no such series, it is too young for the model, or that was fitted with other options.
    """
    if fitted.model not in EXPLAINED:
        raise ConfigError(
            explain(
                f"{fitted.model} cannot say what moved its forecast", expected=" or ".join(EXPLAINED), do="choose one"
            )
        )
    check_options(fitted, config)
    group = group.counted(day_number(cutoff))
    (at,) = np.nonzero(group.unique_id == unique_id)
    if not len(at):
        raise DataError(explain(f"there is no {unique_id} in the group", found=f"{group.n_series} other series"))
    history = known_at(group, cutoff=cutoff, horizon=config.horizon, season=fitted.season)
    if not bool(history.is_grown(config.min_days)[at[0]]):
        raise DataError(
            explain(
                f"{unique_id} is too young to be forecast by {fitted.model}",
                expected=f"{config.min_days} days at {cutoff}",
                found=f"{int(history.n_days[at[0]])} days",
                do="nothing: it is forecast from its peers",
            )
        )
    assert fitted.inputs is not None
    data = encode(history, fitted.inputs)
    series = torch.from_numpy(at).to(history.day.device)
    window = Windows(series, history.n_days[series])
    grain = float(group.grain[at[0]])
    if fitted.model == "tft":
        ((x, _),) = Pass(data, window, batch_size=1)
        return _of_network(fitted, x, grain)
    trees = Trees(**fitted.state)
    forecast, parts = trees.parts(data, window, config)
    names = [*column_names(data, window), "start"]
    factors = {name: np.exp(part) for name, part in _summed(names, parts).items()}
    start = factors.pop("start")
    return Reasons("factors", forecast * grain, start * grain, factors, {})


def _summed(names: list[str], parts: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    """``parts`` (horizon, n_columns) by reason."""
    found: dict[str, npt.NDArray[np.float64]] = {}
    for at, name in enumerate(names):
        reason = _REASONS.get(name, name)
        found[reason] = found.get(reason, 0.0) + parts[:, at]
    return found


def _of_network(fitted: Fitted, x: dict[str, torch.Tensor], grain: float) -> Reasons:
    network: Any = fitted.network().to(x["encoder_cont"].device)
    with torch.inference_mode():
        out = network(x)
    quantiles = out["prediction"][0].clamp(min=0).sort(-1).values.double().cpu().numpy()
    levels = ForecastConfig.model_validate(dict(fitted.options)).quantile_levels
    median = quantiles[:, levels.index(0.5)] * grain
    ahead = out["decoder_variables"][0].squeeze(-2).double().cpu().numpy()
    past = out["encoder_variables"][0].squeeze(-2).mean(0).double().cpu().numpy()
    static = out["static_variables"][0].flatten().double().cpu().numpy()
    # A third each: of the day to come, of the past, and of what the series is.
    names = [*network.decoder_variables, *network.encoder_variables, *network.static_variables]
    weights = np.concatenate([ahead, *(np.broadcast_to(one, (len(ahead), len(one))) for one in (past, static))], 1) / 3
    attention = out["encoder_attention"][0].mean((0, 1)).double().cpu().numpy()
    back = np.argsort(-attention)[:5]
    return Reasons(
        "shares", median, np.zeros_like(median), _summed(names, weights),
        {len(attention) - int(at): float(attention[at]) for at in back},
    )  # fmt: skip
