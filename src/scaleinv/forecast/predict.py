"""A fitted model's forecast of its group: mean, quantiles and cumulative quantiles of every series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from scaleinv.config import ForecastConfig
from scaleinv.errors import DataError, explain
from scaleinv.forecast.calibration import demand_classes
from scaleinv.forecast.classical import classical_paths
from scaleinv.forecast.fitted import Fitted
from scaleinv.forecast.group import Group
from scaleinv.forecast.history import History, day_number, known_at
from scaleinv.forecast.inputs import encode
from scaleinv.forecast.memory import free_memory, is_out_of_memory
from scaleinv.forecast.paths import cumulative_quantiles, joint_paths, mean_weights, quantiles
from scaleinv.forecast.peers import PEERS, peer_paths
from scaleinv.forecast.prophet import prophet_paths
from scaleinv.forecast.seasonal import seasonal_paths
from scaleinv.forecast.trees import Trees
from scaleinv.forecast.windows import Batch, Pass, Windows
from scaleinv.schema.words import BASELINE, PROPHET, STATS, UNTRAINED

CHUNK: Final = 256
"""Series at a time: memory does not grow with the group."""

Piece = tuple[Tensor, Tensor, Tensor]
"""Mean, quantiles, cumulative quantiles of a chunk."""
Makers = npt.NDArray[np.object_]
"""(n_series,) the model that made each one's forecast."""


@dataclass(frozen=True)
class Forecast:
    """Forecasts of a group, series sorted by ``unique_id``; float32."""

    unique_id: npt.NDArray[np.object_]
    """(n_series,)"""
    fitted_model: Makers
    """(n_series,) the model that made it: its peers for a series too young for it, the baseline where it has none."""
    mean: npt.NDArray[np.float32]
    """(n_series, horizon)"""
    quantiles: npt.NDArray[np.float32]
    """(n_series, horizon, n_quantiles), not falling along the last axis, not negative."""
    cumulative_quantiles: npt.NDArray[np.float32]
    """(n_series, horizon, n_quantiles) of the demand of steps 1 … h together."""


def predict(fitted: Fitted, group: Group, *, cutoff: date, config: ForecastConfig) -> Forecast:
    """The forecast at ``cutoff`` of every series of the group; what came after ``cutoff`` is not read.

    Where memory is too small for the group, its halves are forecast one after the other; then a young series has its
    peers in its own half.

    Raises:
        DataError: the model was fitted for another horizon, context length or other quantile levels.
    """
    check_options(fitted, config)
    try:
        return _predicted(fitted, group, cutoff, config)
    except Exception as error:
        if not is_out_of_memory(error) or group.n_series < 2:
            raise
    free_memory()
    halves = torch.arange(group.n_series, device=group.device).tensor_split(2)
    one, two = (predict(fitted, group.part(half), cutoff=cutoff, config=config) for half in halves)
    return Forecast(*(np.concatenate([getattr(part, name.name) for part in (one, two)]) for name in fields(Forecast)))


def _predicted(fitted: Fitted, group: Group, cutoff: date, config: ForecastConfig) -> Forecast:
    group = group.counted(day_number(cutoff))
    history = known_at(group, cutoff=cutoff, horizon=config.horizon, season=fitted.season)
    chosen = torch.arange(group.n_series, device=history.day.device)
    grown = history.is_grown(config.min_days).cpu()
    (mean, daily, total), makers = raw_forecast(fitted, history, chosen, config)
    if fitted.calibration is not None:
        stretched = fitted.calibration.apply(daily, total, demand_classes(history))
        # A model's factors are not those of a young series' peers.
        own = grown[:, None, None]
        daily, total = torch.where(own, stretched[0], daily), torch.where(own, stretched[1], total)
    grain = group.grain.cpu().float()
    return Forecast(
        unique_id=group.unique_id,
        fitted_model=makers,
        mean=(mean * grain[:, None]).numpy(),
        quantiles=_ordered(daily * grain[:, None, None]),
        cumulative_quantiles=_ordered(total * grain[:, None, None]),
    )


def raw_forecast(fitted: Fitted, history: History, chosen: Tensor, config: ForecastConfig) -> tuple[Piece, Makers]:
    """Mean, quantiles and cumulative quantiles of the ``chosen`` series (positions), in grains, not calibrated."""
    shape = (history.group.n_series, config.horizon, len(config.quantile_levels))
    mean, daily, total = torch.zeros(shape[:2]), torch.zeros(shape), torch.zeros(shape)
    makers = np.full(shape[0], fitted.model, object)
    wanted = torch.zeros(shape[0], dtype=torch.bool, device=chosen.device)
    wanted[chosen] = True
    for series, piece, maker in _pieces(fitted, history, wanted, config):
        mean[series], daily[series], total[series] = piece
        makers[series.numpy()] = maker
    where = chosen.cpu()
    return (mean[where], daily[where], total[where]), makers[where.numpy()]


def check_options(fitted: Fitted, config: ForecastConfig) -> None:
    """Refuses a model that was fitted for something else.

    Raises:
        DataError: another horizon, context length or other quantile levels.
    """
    if fitted.inputs is None:
        return
    names = ("horizon", "context_length", "quantile_levels")
    was = ForecastConfig.model_validate(dict(fitted.options))
    differ = [name for name in names if getattr(was, name) != getattr(config, name)]
    if differ:
        raise DataError(
            explain(
                f"the {fitted.model} model was fitted with other options than it is asked to forecast with",
                expected=", ".join(f"{name} = {getattr(config, name)}" for name in differ),
                found=", ".join(f"{name} = {getattr(was, name)}" for name in differ),
                do="train again",
            )
        )


def _ordered(values: Tensor) -> npt.NDArray[np.float32]:
    """Never negative, never crossing."""
    return np.asarray(values.clamp(min=0).cummax(-1).values.numpy(), dtype=np.float32)


def _pieces(
    fitted: Fitted, history: History, wanted: Tensor, config: ForecastConfig
) -> Iterator[tuple[Tensor, Piece, Makers | str]]:
    """Grown series by the model, the others by their peers; where none is grown, all by the baseline."""
    drawn = {"season": fitted.season, "n_samples": config.n_samples, "seed": fitted.seed}
    grown = history.is_grown(config.min_days)
    has_peers = bool(grown.any())
    for series in _chunks(torch.nonzero(wanted & ~grown).flatten()):
        if has_peers:
            paths = peer_paths(history, series, min_days=config.min_days, **drawn)
        else:
            paths = seasonal_paths(history, series, **drawn)
        yield series.cpu(), _of_paths(paths.cpu(), config), PEERS if has_peers else BASELINE
    chosen = torch.nonzero(wanted & grown).flatten()
    if fitted.model in UNTRAINED:
        for series in _chunks(chosen):
            made = np.ones(len(series), bool)
            if fitted.model in STATS:
                paths = classical_paths(fitted.model, history, series, **drawn)
            elif fitted.model == PROPHET:
                paths, made = prophet_paths(history, series, config.prophet, **drawn)
            else:
                paths = seasonal_paths(history, series, **drawn).cpu()
            yield series.cpu(), _of_paths(paths, config), np.where(made, fitted.model, BASELINE)
    elif len(chosen):
        yield from ((*piece, fitted.model) for piece in _by_windows(fitted, history, chosen, config))


def _chunks(series: Tensor) -> Sequence[Tensor]:
    return torch.split(series, CHUNK) if len(series) else ()


def _by_windows(
    fitted: Fitted, history: History, chosen: Tensor, config: ForecastConfig
) -> Iterator[tuple[Tensor, Piece]]:
    assert fitted.inputs is not None
    data, windows = encode(history, fitted.inputs), Windows(chosen, history.n_days[chosen])
    if fitted.model == "xgboost":
        trees = Trees(**fitted.state)
        for at in range(0, len(chosen), CHUNK):
            some = windows[slice(at, at + CHUNK)]
            mean, predicted = trees.forecast(data, some, config)
            yield some.series.cpu(), (mean, predicted, _copula(fitted, predicted, config))
        return
    networks = [one.to(history.day.device) for one in fitted.networks()]
    batches = Pass(data, windows, batch_size=CHUNK)
    generator = torch.Generator(device=history.day.device).manual_seed(fitted.seed)
    with torch.inference_mode():
        for i, batch in enumerate(batches):
            series = chosen[i * CHUNK : (i + 1) * CHUNK].cpu()
            if fitted.model == "lstm":
                shares = torch.arange(config.n_samples).tensor_split(len(networks))
                paths = torch.cat([
                    lstm_paths(network, batch, n_samples=len(share), generator=generator)
                    for network, share in zip(networks, shares, strict=True)
                ], 1)  # fmt: skip
                yield series, _of_paths(paths.cpu(), config)
            else:
                predicted = tft_quantiles(networks, batch[0]).cpu()
                mean = predicted @ mean_weights(config.quantile_levels).to(predicted)
                yield series, (mean, predicted, _copula(fitted, predicted, config))


def _of_paths(paths: Tensor, config: ForecastConfig) -> Piece:
    levels = config.quantile_levels
    return paths.mean(1), quantiles(paths, levels), cumulative_quantiles(paths, levels)


def _copula(fitted: Fitted, predicted: Tensor, config: ForecastConfig) -> Tensor:
    """Cumulative quantiles of a model that gives quantiles day by day."""
    assert fitted.correlation is not None
    levels = config.quantile_levels
    paths = joint_paths(predicted, levels, fitted.correlation, config.n_samples, fitted.seed)
    return cumulative_quantiles(paths, levels)


def tft_quantiles(networks: Sequence[nn.Module], x: dict[str, Tensor]) -> Tensor:
    """(n_series, horizon, n_quantiles) quantiles of each day; of several networks, the mean of each quantile."""
    return torch.stack([network(x)["prediction"].clamp(min=0).sort(-1).values for network in networks]).mean(0)


def lstm_paths(network: Any, batch: Batch, *, n_samples: int, generator: torch.Generator) -> Tensor:
    """(n_series, n_samples, horizon) paths: each step's draw is the next step's input.

    pytorch-forecasting's own decoder does the same, one ``torch.distributions`` object per step and all inputs
    repeated per sample; here the past is read once per series and a step's inputs are repeated when it comes.
    """
    x, _ = batch
    n, horizon = x["decoder_cont"].shape[:2]
    scale = x["target_scale"][:, 1].repeat_interleave(n_samples)
    last = x["encoder_lengths"] - 1
    (target,) = network.target_positions.tolist()
    latest = x["encoder_cont"][torch.arange(n), last, target]
    inputs = network.construct_input_vector(x["decoder_cat"], x["decoder_cont"], one_off_target=latest[:, None])
    state = network.rnn.repeat_interleave(network.encode(x), n_samples)
    drawn = latest.repeat_interleave(n_samples)
    paths = torch.empty((horizon, n * n_samples), device=scale.device)
    for step in range(horizon):
        row = inputs[:, [step]].repeat_interleave(n_samples, 0)
        row[:, 0, target] = drawn
        output, state = network.rnn(row, state)
        parameters = network.distribution_projector(output[:, 0])
        mean = torch.nn.functional.softplus(parameters[:, 0]) * scale
        size = 1 / (torch.nn.functional.softplus(parameters[:, 1]) / scale.sqrt()).clamp(min=1e-4)
        rate = torch._standard_gamma(size, generator=generator) * mean / size
        paths[step] = torch.poisson(rate, generator=generator)
        drawn = paths[step] / scale
    return paths.view(horizon, n, n_samples).permute(1, 2, 0)
