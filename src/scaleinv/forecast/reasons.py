"""What moved forecasts: SHAP values of trees, variable selection and attention of the TFT.

Lundberg, Erion & Lee, Consistent individualized feature attribution for tree ensembles (2018): what every column of a
row adds to what trees would say without knowing any. Saabas, Interpreting random forests (2014), approximates it in a
hundredth of the time: each split on the row's path has the credit for what it changes. Lim, Arık, Loeff & Pfister,
Temporal fusion transformers (2021): the weights by which a network picks its columns, and how far back it looks. Ang,
The LMDI approach to decomposition analysis, Energy Policy 33 (2005): factors of a product as terms of a sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from scaleinv.config import ForecastConfig
from scaleinv.errors import ConfigError, DataError, explain
from scaleinv.forecast.fitted import Fitted
from scaleinv.forecast.group import STATICS, Group
from scaleinv.forecast.history import History, day_number, known_at
from scaleinv.forecast.inputs import Encoded, encode
from scaleinv.forecast.predict import CHUNK, check_options
from scaleinv.forecast.trees import Trees, column_names
from scaleinv.forecast.windows import Pass, Windows
from scaleinv.schema.words import EXPLAINED

Kind = Literal["factors", "shares"]
_Floats = npt.NDArray[np.float64]
_Piece = tuple[_Floats, _Floats, _Floats, _Floats]
"""Of some series: forecast, start, parts, looked back."""
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
    """Of the series of a group that are old enough for the model, in its order.

    ``factors``: ``start`` times all ``parts`` is ``forecast``, without what rounding leaves. ``shares``: how much a
    network looked at each, which adds up to 1 and says nothing of up or down.
    """

    kind: Kind
    is_exact: bool
    """Whether they are what they are called: SHAP values, or what a network looked at; else approximations."""
    unique_id: npt.NDArray[np.object_]
    """(n_series,)"""
    names: tuple[str, ...]
    """(n_reasons,) in plain words."""
    forecast: _Floats
    """(n_series, horizon) expected demand, units; of ``shares`` its median before calibration."""
    start: _Floats
    """(n_series, horizon) what the model would say if it knew nothing but the level; 0 of ``shares``."""
    parts: _Floats
    """(n_series, horizon, n_reasons)"""
    looked_back: _Floats
    """(n_series, context) share of attention on the last day known, the one before …; (n_series, 0) of trees."""

    @property
    def effects(self) -> _Floats:
        """(n_series, n_reasons) over the horizon: units, which added to all of ``start`` are the forecast; or shares.

        A factor's units of a day are its logarithm times the logarithmic mean of start and forecast (Ang 2005).
        """
        if self.kind == "shares":
            return np.asarray(self.parts.mean(1))
        logs = np.log(self.parts)
        total = logs.sum(2)
        mean = self.start * np.where(np.abs(total) < 1e-8, 1.0, np.expm1(total) / np.where(total == 0, 1.0, total))
        return np.asarray((logs * mean[..., None]).sum(1))


def reasons(
    fitted: Fitted, group: Group, *, cutoff: date, config: ForecastConfig, exact: bool, unique_id: str | None = None
) -> Reasons:
    """Why the model forecasts what it does of every series that is old enough for it; chunk by chunk.

    Args:
        fitted: the model.
        group: the series.
        cutoff: the last day that it is shown.
        config: what it is asked to forecast.
        exact: of trees, SHAP values, which take some thirty times what the forecast does; else what approximates them.
        unique_id: of this series only.

    Raises:
        ConfigError: it is a model that cannot say.
        DataError: the group has no such series, it is (or all are) too young for the model, or that was fitted with
            other options.
    """
    if fitted.model not in EXPLAINED:
        raise ConfigError(
            explain(
                f"{fitted.model} cannot say what moved its forecast", expected=" or ".join(EXPLAINED), do="choose one"
            )
        )
    check_options(fitted, config)
    group = group.counted(day_number(cutoff))
    history = known_at(group, cutoff=cutoff, horizon=config.horizon, season=fitted.season)
    grown = history.is_grown(config.min_days)
    chosen = torch.nonzero(grown).flatten() if unique_id is None else _position(history, grown, unique_id, fitted)
    if not len(chosen):
        raise DataError(f"no series is old enough to be forecast by {fitted.model}: there is nothing to explain")
    assert fitted.inputs is not None
    data, windows = encode(history, fitted.inputs), Windows(chosen, history.n_days[chosen])
    kind: Kind = "shares"
    if fitted.model == "tft":
        network: Any = fitted.network().to(history.day.device)
        columns = [*network.decoder_variables, *network.encoder_variables, *network.static_variables]
        names, summed = _words(columns)
        pieces = _of_network(network, data, windows, fitted)
    else:
        trees = Trees(**fitted.state)
        kind = "factors"
        names, summed = _words(column_names(data, windows[:1]))
        pieces = _of_trees(trees, data, windows, config, exact=exact)
    by_reason = [(forecast, start, parts @ summed, back) for forecast, start, parts, back in pieces]
    forecast, start, parts, looked_back = (np.concatenate(values) for values in zip(*by_reason, strict=True))
    grain = group.grain[chosen].cpu().numpy()[:, None]
    return Reasons(
        kind, exact or kind == "shares", group.unique_id[chosen.cpu().numpy()], names, forecast * grain, start * grain,
        np.exp(parts) if kind == "factors" else parts, looked_back,
    )  # fmt: skip


def _position(history: History, grown: Tensor, unique_id: str, fitted: Fitted) -> Tensor:
    """(1,) where the series stands."""
    (at,) = np.nonzero(history.group.unique_id == unique_id)
    if not len(at):
        raise DataError(explain(f"there is no {unique_id} in the group", found=f"{len(grown)} other series"))
    if not bool(grown[at[0]]):
        raise DataError(
            explain(
                f"{unique_id} is too young to be forecast by {fitted.model}",
                found=f"{int(history.n_days[at[0]])} days",
                do="nothing: it is forecast from its peers",
            )
        )
    return torch.from_numpy(at).to(grown.device)


def _words(columns: Sequence[str]) -> tuple[tuple[str, ...], _Floats]:
    """The reasons that the columns stand for, and (n_columns, n_reasons) which belongs to which."""
    reason = [_REASONS.get(name, name) for name in columns]
    names = tuple(dict.fromkeys(reason))
    return names, np.asarray([[float(one == name) for name in names] for one in reason])


def _of_trees(
    trees: Trees, data: Encoded, windows: Windows, config: ForecastConfig, *, exact: bool
) -> Iterator[_Piece]:
    for at in range(0, len(windows), CHUNK):
        forecast, parts = trees.parts(data, windows[slice(at, at + CHUNK)], config, exact=exact)
        yield forecast, np.exp(parts[..., -1]), parts[..., :-1], np.zeros((len(forecast), 0))


def _of_network(network: Any, data: Encoded, windows: Windows, fitted: Fitted) -> Iterator[_Piece]:
    median = ForecastConfig.model_validate(dict(fitted.options)).quantile_levels.index(0.5)
    context = data.inputs.context
    for x, _ in Pass(data, windows, batch_size=CHUNK):
        with torch.inference_mode():
            out = network(x)
        forecast = _double(out["prediction"].clamp(min=0).sort(-1).values[..., median])
        length = x["encoder_lengths"]
        # A short past stands at the left: what follows is no day of it.
        inside = torch.arange(out["encoder_variables"].shape[1], device=length.device) < length[:, None]
        past = (out["encoder_variables"].squeeze(-2) * inside[..., None]).sum(1) / length[:, None]
        ahead = out["decoder_variables"].squeeze(-2)
        n, horizon = ahead.shape[:2]
        static = out["static_variables"].reshape(n, -1)
        # A third each: of the day to come, of the past, and of what the series is.
        over_days = [ahead, *(one[:, None].expand(-1, horizon, -1) for one in (past, static))]
        back = length[:, None] - 1 - torch.arange(context, device=length.device)
        looked_back = out["encoder_attention"].mean((1, 2)).gather(1, back.clamp(min=0)) * (back >= 0)
        yield forecast, np.zeros_like(forecast), _double(torch.cat(over_days, -1)) / 3, _double(looked_back)


def _double(values: Tensor) -> _Floats:
    return np.asarray(values.double().cpu().numpy())
