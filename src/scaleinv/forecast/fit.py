"""Training of one model on one group, as the group was known at the cutoff."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

import torch
from torch import Tensor, nn

from scaleinv.config import ForecastConfig, SamplingConfig, TrainingConfig
from scaleinv.errors import DataError, explain
from scaleinv.forecast.calibration import calibrate
from scaleinv.forecast.fitted import Fitted, build, take_over
from scaleinv.forecast.group import Group
from scaleinv.forecast.history import History, day_number, known_at
from scaleinv.forecast.inputs import choose_inputs, encode
from scaleinv.forecast.memory import free_memory, is_out_of_memory
from scaleinv.forecast.paths import normal_scores, step_correlation
from scaleinv.forecast.predict import raw_forecast, tft_quantiles
from scaleinv.forecast.train import Trained, train
from scaleinv.forecast.trees import grow
from scaleinv.forecast.windows import Batches, Pass, Stretch, Windows
from scaleinv.schema.words import BASELINE, CLASSICAL, NETWORKS, ModelName

_MAX_VALIDATION: Final = 1500
"""Series that a training is checked on after each epoch, evenly spread over a larger group."""
_MANY: Final = 60
"""Series from which on not all of them are checked, but a third at most."""
_NEXT_SEED: Final = 1009
"""Between the seeds of networks that forecast together; those of neighbouring groups lie closer."""
_WEIGHT_EXPONENT: Final = {"lstm": 0.0, "tft": 0.5}
"""How much less a window of a large series counts: a likelihood has no scale to be tamed, a pinball loss has."""


def fit(
    model: ModelName,
    group: Group,
    *,
    cutoff: date,
    config: ForecastConfig,
    season: int,
    seed: int,
    start: Fitted | None = None,
) -> Fitted:
    """``model`` fitted on what was known of the group at ``cutoff``, and calibrated.

    The baseline and the classical models need no training: they are fitted when they forecast. What surrounds a
    classical model's mean are its own errors as they were; nothing is stretched. Where memory is too small for the
    group, every other series is trained on; a model knows no series by its name and forecasts all of them.

    Args:
        model: which one.
        group: its series.
        cutoff: the last day that it may see.
        config: its options.
        season: days of a season.
        seed: of all that is drawn.
        start: a network of the same kind whose weights it begins with as far as they fit; one of a later cutoff has
            seen what this one is to be scored on, and is left alone.

    Raises:
        DataError: the group is too small, or too young, for a model that learns.
    """
    untrained = Fitted(
        model=model, season=season, seed=seed, card={"n_windows": 0, "epochs": 0, "validation_loss": None}
    )
    if model in CLASSICAL:
        return untrained
    while True:
        try:
            return _fitted(untrained, group, cutoff, config, start)
        except Exception as error:
            if not is_out_of_memory(error) or group.n_series < 2 * config.min_series:
                raise
        # Not in the handler: what the error holds is freed only after it.
        group = group.part(torch.arange(0, group.n_series, 2, device=group.device))
        free_memory()


def _fitted(untrained: Fitted, group: Group, cutoff: date, config: ForecastConfig, start: Fitted | None) -> Fitted:
    group = group.counted(day_number(cutoff))
    if untrained.model == BASELINE:
        return _calibrated(untrained, group, cutoff, config)
    history = known_at(group, cutoff=cutoff, horizon=config.horizon, season=untrained.season)
    if untrained.model == "xgboost":
        trees, judge = _trees(untrained, history, config)
        # Trees remember: those are calibrated that have not seen the last days.
        return replace(trees, calibration=_calibrated(judge, group, cutoff, config).calibration)
    return _calibrated(_network(untrained, history, config, start), group, cutoff, config)


def _trees(untrained: Fitted, history: History, config: ForecastConfig) -> tuple[Fitted, Fitted]:
    """The trees that forecast, and those that have not seen the validation days."""
    training, validation = _split(history, config)
    data = encode(history, choose_inputs(history, context=config.context_length, season=untrained.season))
    held_out = min(config.validation_days, config.horizon)
    grown = grow(data, training.first, validation, held_out=held_out, config=config, seed=untrained.seed)
    trees = replace(
        untrained, card=grown.card, inputs=data.inputs, state=grown.trees.state,
        correlation=_step_correlation([(grown.y, grown.known, grown.predicted)], config),
        options=config.model_dump(mode="json"),
    )  # fmt: skip
    return trees, replace(trees, state=grown.judge.state)


def _network(untrained: Fitted, history: History, config: ForecastConfig, start: Fitted | None) -> Fitted:
    model, season = untrained.model, untrained.season
    assert model in NETWORKS
    training, validation = _split(history, config)
    options: TrainingConfig = config.lstm if model == "lstm" else config.tft
    data = encode(history, choose_inputs(history, context=config.context_length, season=season))
    # `batches_per_epoch` is an upper bound: a small group has seen all its windows earlier.
    n_batches = min(options.batches_per_epoch, -(-training.count // options.batch_size))
    drawn = _weighted(training, history, options.sampling)
    checks = Pass(data, validation, batch_size=options.batch_size)
    every: list[Trained] = []
    for number in range(options.seeds):
        seed = untrained.seed + number * _NEXT_SEED
        batches = Batches(data, drawn, batch_size=options.batch_size, n_batches=n_batches, seed=seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = build(model, data.inputs, config)
        # One of an earlier version does not say what it has seen.
        if start is not None and start.card.get("cutoff", math.inf) <= history.cutoff:
            before = (start.state, *start.others)
            if number < len(before):
                take_over(network, data.inputs, replace(start, state=before[number]))
        every.append(
            train(network, batches, checks, config=options, weight_exponent=_WEIGHT_EXPONENT[model], seed=seed)
        )
        _check_finite(model, every[-1])
    first, *others = every
    card = {
        "n_windows": sum(len(one.validation_losses) for one in every) * n_batches * options.batch_size,
        "epochs": len(first.validation_losses),
        "validation_loss": first.validation_loss,
        "cutoff": history.cutoff,
        "validation_losses": first.validation_losses,
        "training_losses": first.training_losses,
    }
    fitted = replace(
        untrained, card=card, inputs=data.inputs, state=first.state, others=[one.state for one in others],
        options=config.model_dump(mode="json"),
    )  # fmt: skip
    if model != "tft":
        return fitted
    networks = [one.to(history.day.device) for one in fitted.networks()]
    return replace(fitted, correlation=_dependence(networks, checks, config))


def _check_finite(model: ModelName, trained: Trained) -> None:
    if not math.isfinite(trained.validation_loss):
        raise DataError(
            explain(
                f"training of {model} diverged: its loss is not a number",
                found=f"validation loss {trained.validation_loss} after {len(trained.validation_losses)} epochs",
                do="nothing: the group falls back to the baseline; or lower the learning rate",
            )
        )


def _calibrated(fitted: Fitted, group: Group, cutoff: date, config: ForecastConfig) -> Fitted:
    def predicted(history: History, chosen: Tensor) -> tuple[Tensor, Tensor]:
        return raw_forecast(fitted, history, chosen, config)[0][1:]

    return replace(fitted, calibration=calibrate(predicted, group, cutoff=cutoff, config=config, season=fitted.season))


def _split(history: History, config: ForecastConfig) -> tuple[Stretch, Windows]:
    """Windows to train on, and one per checked series over the last ``validation_days``, which they do not touch.

    A larger group has series that are not checked, and these are trained on to their last day: the youngest weeks say
    most of what comes (docs/forecasting.md).
    """
    days = history.n_days
    held_out = min(config.validation_days, config.horizon)
    first = torch.full_like(days, config.min_days)
    able = torch.nonzero(days - held_out >= config.min_days).flatten()
    if len(able) < config.min_series or Stretch(first, days - held_out - config.horizon).count == 0:
        raise DataError(
            explain(
                "the group is too small or too young to train a model on",
                expected=f"{config.min_series} series of {config.min_days + held_out} days, one of them "
                f"{config.min_days + held_out + config.horizon} days",
                found=f"{len(able)} such series, the longest life is {int(days.max()) if len(days) else 0} days",
                do="nothing: it falls back to the baseline; or group differently (features.group_by)",
            )
        )
    every = max(1 if len(able) < _MANY else 3, -(-len(able) // _MAX_VALIDATION))
    checked = able[::every]
    last = days - config.horizon
    last[checked] -= held_out
    return Stretch(first, last), Windows(checked, days[checked] - held_out)


def _weighted(training: Stretch, history: History, sampling: SamplingConfig) -> Stretch:
    """The same windows, some of them likelier; a series is judged by all that was known of it."""
    end = history.indptr[:-1] + history.n_days
    days = history.n_days.clamp(min=1)
    weight = None
    if sampling.value_exponent or sampling.sale_share_exponent:
        mean = (history.sums[end] - history.sums[history.indptr[:-1]]) / days * history.group.grain
        share = (history.sales[end] - history.sales[history.indptr[:-1]]) / days
        price = history.price[(end - 1).clamp(min=0)].clamp(min=1e-3)
        # What never sold is drawn now and then: its forecast is learnt, too.
        value = ((mean + 0.01) * price) ** sampling.value_exponent
        weight = value * (share + 0.01) ** sampling.sale_share_exponent
    return replace(training, weight=weight, half_life=sampling.half_life)


def _dependence(networks: Sequence[nn.Module], checks: Pass, config: ForecastConfig) -> Tensor:
    """The copula between steps, from the validation windows."""
    with torch.inference_mode():
        seen = [(y, weight > 0, tft_quantiles(networks, x)) for x, (y, weight) in checks]
    return _step_correlation(seen, config)


def _step_correlation(seen: Sequence[tuple[Tensor, Tensor, Tensor]], config: ForecastConfig) -> Tensor:
    """The same, from y, whether it is known (both (n_windows, horizon)) and the predicted quantiles of each batch."""
    scores = torch.cat([normal_scores(*one, config.quantile_levels) for one in seen]).double()
    return step_correlation(scores, torch.cat([observed for _, observed, _ in seen]))
