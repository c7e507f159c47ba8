"""Gradient-boosted trees (XGBoost) over windows: one row per day to forecast, of what was known when it was forecast.

The trees give the mean (Tweedie deviance, Jørgensen 1987) and a negative binomial stands around it. Its variance is
read off the validation days: by the size of the mean, times what a second, small set of trees makes of all that is
known (a gamma deviance on squared errors, as in Smyth 1989, Generalized linear models with varying dispersion).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
import xgboost
from torch import Tensor

from scaleinv.config import ForecastConfig, XgboostConfig
from scaleinv.errors import DataError, explain
from scaleinv.forecast.counts import negative_binomial_quantiles
from scaleinv.forecast.inputs import Encoded
from scaleinv.forecast.windows import Stretch, Stretched, Windows, stretch

_Floats = npt.NDArray[np.float32]
_WEEKS: Final = 4
"""The same weekday of so many weeks before."""
_BINS: Final = 40
"""Classes of the mean, of equal count, that have a dispersion of their own."""
_MAX_BIN: Final = 128
"""Values of a column that a tree tells apart."""
_VARIANCE: Final = {
    "objective": "reg:gamma", "eta": 0.05, "max_depth": 3, "min_child_weight": 200, "subsample": 0.7,
    "colsample_bytree": 0.5, "tree_method": "hist", "base_score": 1.0,
}  # fmt: skip
"""Squared errors are noise for the most part: shallow trees of many rows, few of them. A small group has none."""
_VARIANCE_ROUNDS: Final = 60
_LEAST, _MOST = 1e-3, 50.0
"""Of a dispersion."""
_CHUNK: Final = 2048
"""Windows at a time."""


@dataclass(frozen=True)
class Rows:
    """Days to forecast of some windows, window by window: what a tree sees, and what came."""

    seen: _Floats
    """(n_rows, n_columns)"""
    y: _Floats
    """(n_rows,)"""
    level: _Floats
    """(n_rows,) mean of the window's context + 0.1: what the trees start from."""
    counts: npt.NDArray[np.bool_]
    """(n_rows,) the day's demand is known."""
    grain: _Floats
    """(n_rows,) units that its series is counted in."""

    def usable(self) -> Rows:
        """Those whose demand is known."""
        keep = self.counts
        return Rows(self.seen[keep], self.y[keep], self.level[keep], keep[keep], self.grain[keep])


def rows_of(data: Encoded, windows: Windows, steps: Tensor) -> Rows:
    """The rows of ``steps`` (n_windows, n_steps; 0 is the first day to forecast)."""
    parts = [_rows(data, windows[slice(i, i + _CHUNK)], steps[i : i + _CHUNK]) for i in range(0, len(windows), _CHUNK)]
    return Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _rows(
    data: Encoded, windows: Windows, steps: Tensor
) -> tuple[_Floats, _Floats, _Floats, npt.NDArray[np.bool_], _Floats]:
    context = data.inputs.context
    made = stretch(data, windows)
    seen = torch.stack([values.expand(steps.shape) for values in _seen(data, windows, made, steps).values()], -1)
    y = made.y[:, context:].gather(1, steps)
    known = made.weight.gather(1, steps) > 0
    level = (made.scale - 0.9)[:, None].expand_as(y)
    return (
        seen.flatten(0, 1).cpu().numpy(), y.flatten().cpu().numpy(), level.flatten().cpu().numpy(),
        known.flatten().cpu().numpy(),
        data.history.group.grain[windows.series].float()[:, None].expand_as(y).flatten().cpu().numpy(),
    )  # fmt: skip


def _seen(data: Encoded, windows: Windows, made: Stretched, steps: Tensor) -> dict[str, Tensor]:
    """Column -> (n_windows, n_steps) or (n_windows, 1): what a tree sees of each day to forecast, codes first."""
    inputs = data.inputs
    context, season = inputs.context, inputs.season
    month = min(4 * season, context)
    ahead = context + steps
    past, scale = made.y[:, :context], made.scale[:, None]
    recent = past[:, -month:]
    columns = {name: made.cat[..., i].gather(1, ahead).float() for i, name in enumerate(inputs.categoricals)}
    reals = list(enumerate(inputs.reals))[len(inputs.observed_reals) :]
    columns |= {name: made.cont[..., i].gather(1, ahead) for i, name in reals}
    same_day = context + steps % season
    weeks = [past.gather(1, (same_day - week * season).clamp(min=0)) / scale for week in range(1, _WEEKS + 1)]
    columns |= {f"week_{week}": values for week, values in enumerate(weeks, start=1)}
    columns |= {
        "weeks_mean": torch.stack(weeks).mean(0),
        "last_week": past[:, -season:].mean(1, keepdim=True) / scale,
        "last_month": recent.mean(1, keepdim=True) / scale,
        "last_month_spread": recent.std(1, keepdim=True) / scale,
        "last_month_most": recent.amax(1, keepdim=True) / scale,
        "last_month_sale_share": (recent > 0).float().mean(1, keepdim=True),
        "days_since_sale": _since_last_sale(past)[:, None],
    }
    if inputs.price:
        price = made.cont[..., inputs.reals.index("price")]
        # What stands before a series' first day is another's.
        own = windows.start[:, None] >= torch.arange(month, 0, -1, device=steps.device)
        usual = (price[:, context - month : context] * own).sum(1, keepdim=True) / own.sum(1, keepdim=True)
        columns["price_change"] = price.gather(1, ahead) - usual
    return columns


def column_names(data: Encoded, windows: Windows) -> list[str]:
    """Names of the columns that a tree sees, in order."""
    return list(_seen(data, windows, stretch(data, windows), _every_step(windows, data.inputs.horizon)))


def _since_last_sale(past: Tensor) -> Tensor:
    """(n_windows,) days since the last sale; where the context has none, one more than its days."""
    days = torch.arange(past.shape[1], 0, -1, device=past.device)
    return torch.where(past > 0, days, past.shape[1] + 1).amin(1).float()


@dataclass(frozen=True)
class Trees:
    """Fitted trees as tensors that can be stored."""

    booster: Tensor
    """uint8"""
    log_mean: Tensor
    """(n_bins,) middle of each class of means."""
    dispersion: Tensor
    """(n_bins,) (variance - mean) / mean²."""
    variance: Tensor
    """uint8; trees that tell how much larger a row's variance is than that of its mean."""

    @property
    def state(self) -> dict[str, Tensor]:
        """For storing: what makes the same trees again."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def _loaded(self) -> Any:
        return _booster(self.booster)

    @cached_property
    def _loaded_variance(self) -> Any:
        return _booster(self.variance)

    def forecast(self, data: Encoded, windows: Windows, config: ForecastConfig) -> tuple[Tensor, Tensor]:
        """(n_windows, horizon) mean and (n_windows, horizon, n_quantiles) quantiles."""
        rows = rows_of(data, windows, _every_step(windows, config.horizon))
        mean, predicted = self.read(rows, config)
        shape = (len(windows), config.horizon)
        return mean.view(shape), predicted.view(*shape, -1)

    def read(self, rows: Rows, config: ForecastConfig) -> tuple[Tensor, Tensor]:
        """(n_rows,) mean and (n_rows, n_quantiles) quantiles."""
        mean = self._loaded.inplace_predict(rows.seen, base_margin=np.log(rows.level))
        usual = _usual_variance(mean, self.log_mean, self.dispersion)
        found = usual * self._loaded_variance.inplace_predict(_with_mean(rows, mean, usual))
        spread = np.clip((found - mean) / np.maximum(mean, 1e-6) ** 2, _LEAST, _MOST)
        expected = torch.from_numpy(mean)
        return expected, negative_binomial_quantiles(expected, torch.from_numpy(spread), config.quantile_levels)

    def parts(
        self, data: Encoded, windows: Windows, config: ForecastConfig, *, exact: bool
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Forecast (n_windows, horizon), and what every column adds to its logarithm.

        The second is (n_windows, horizon, n_columns + 1), last what is left without any column. ``exact``: by SHAP
        values; else every split on a row's path has the credit for what it changes, which takes a hundredth of their
        time.
        """
        rows = rows_of(data, windows, _every_step(windows, config.horizon))
        matrix = xgboost.DMatrix(
            rows.seen, base_margin=np.log(rows.level), enable_categorical=True, feature_types=_kinds(data, rows),
            nthread=torch.get_num_threads(),
        )  # fmt: skip
        found = self._loaded.predict(matrix, pred_contribs=True, approx_contribs=not exact).astype(np.float64)
        shape = (len(windows), config.horizon)
        return np.exp(found.sum(1)).reshape(shape), found.reshape(*shape, -1)


@dataclass(frozen=True)
class Grown:
    """Trees, how growing them went, and how the validation windows look to trees that have not seen them."""

    trees: Trees
    judge: Trees
    """Those."""
    card: dict[str, Any]
    y: Tensor
    """(n_windows, horizon)"""
    known: Tensor
    """(n_windows, horizon)"""
    predicted: Tensor
    """(n_windows, horizon, n_quantiles)"""


def grow(
    data: Encoded, first: Tensor, validation: Windows, *, held_out: int, config: ForecastConfig, seed: int
) -> Grown:
    """Trees grown from days of windows that start at ``first`` (n_series,) or later.

    A first set sees only days before the last ``held_out`` ones; on the validation windows it tells how many trees are
    right and how far demand spreads around them. So many are then grown anew with the last days, which say most.
    """
    options = config.xgboost
    known = _drawn(data, first, held_out, config, seed)
    checked = rows_of(data, validation, _every_step(validation, config.horizon))
    if not len(known.y) or not checked.counts.any():
        raise DataError(
            explain(
                "trees have nothing to be grown from or checked on",
                expected="days whose demand is known, before and in the validation days",
                found=f"{len(known.y)} days before and {int(checked.counts.sum())} in them",
                do="nothing: the group falls back to the baseline",
            )
        )
    parameters = _parameters(options, seed=seed)
    kinds = _kinds(data, known)
    training = _matrix(known, kinds, options.variance_power)
    checks = _matrix(checked.usable(), kinds, options.variance_power, like=training)
    found: dict[str, dict[str, list[float]]] = {}
    judge = xgboost.train(
        parameters, training, options.max_rounds, evals_result=found, early_stopping_rounds=options.patience,
        evals=[(training, "training"), (checks, "validation")], verbose_eval=False,  # the last one says when to stop
    )  # fmt: skip
    rounds = judge.best_iteration + 1
    judge = judge[:rounds]
    usable = checked.usable()
    mean = judge.inplace_predict(usable.seen, base_margin=np.log(usable.level))
    log_mean, dispersion = _dispersion(usable.y, mean)
    variance = _variance(usable, mean, _usual_variance(mean, log_mean, dispersion), seed)
    shape = (len(validation), config.horizon)
    unseen = Trees(_stored(judge), log_mean, dispersion, variance)
    _, predicted = unseen.read(checked, config)
    everything = _drawn(data, first, 0, config, seed + 1)
    final = xgboost.train(parameters, _matrix(everything, kinds, options.variance_power), rounds)
    losses = {name: next(iter(by_metric.values())) for name, by_metric in found.items()}
    card = {
        "n_windows": len(known.y) + len(everything.y), "epochs": rounds,
        "validation_loss": float(min(losses["validation"])),
        "validation_losses": losses["validation"], "training_losses": losses["training"],
    }  # fmt: skip
    return Grown(
        trees=Trees(_stored(final), log_mean, dispersion, variance),
        judge=unseen,
        card=card,
        y=torch.from_numpy(checked.y).view(shape),
        known=torch.from_numpy(checked.counts).view(shape),
        predicted=predicted.view(*shape, -1),
    )


def _kinds(data: Encoded, rows: Rows) -> list[str]:
    """Of each column: ``c`` for a code, ``q`` for a quantity."""
    n_codes = len(data.inputs.categoricals)
    return ["c"] * n_codes + ["q"] * (rows.seen.shape[1] - n_codes)


def _stored(booster: Any) -> Tensor:
    return torch.frombuffer(bytearray(booster.save_raw("ubj")), dtype=torch.uint8)


def _booster(stored: Tensor) -> Any:
    booster = xgboost.Booster({"nthread": torch.get_num_threads()})
    booster.load_model(bytearray(stored.numpy().tobytes()))
    return booster


def _every_step(windows: Windows, horizon: int) -> Tensor:
    return torch.arange(horizon, device=windows.start.device).expand(len(windows), -1)


def _drawn(data: Encoded, first: Tensor, held_out: int, config: ForecastConfig, seed: int) -> Rows:
    """Rows of windows at random, some days of each; only days that lie before the last ``held_out``."""
    options = config.xgboost
    generator = torch.Generator().manual_seed(seed)
    last = data.history.n_days - held_out - 1
    windows = Stretch(first, last).draw(-(-options.max_rows // options.days_per_window), generator)
    order = torch.rand((len(windows), config.horizon), generator=generator).argsort(1)
    steps = order[:, : options.days_per_window].to(windows.start.device)
    rows = rows_of(data, windows, steps)
    inside = (windows.start[:, None] + steps <= last[windows.series][:, None]).flatten().cpu().numpy()
    return replace(rows, counts=rows.counts & inside).usable()


def _matrix(rows: Rows, kinds: list[str], power: float, *, like: Any = None) -> Any:
    return xgboost.QuantileDMatrix(
        rows.seen,
        label=rows.y,
        # Tweedie's deviance grows as demand to 2 - power: what is counted in grams would outweigh what is in units.
        weight=(rows.grain / rows.grain.max()) ** (2 - power),
        base_margin=np.log(rows.level),
        feature_types=kinds,
        enable_categorical=True,
        max_bin=_MAX_BIN,
        ref=like,
        nthread=torch.get_num_threads(),
    )


def _parameters(options: XgboostConfig, *, seed: int) -> dict[str, Any]:
    return {
        "objective": "reg:tweedie", "tweedie_variance_power": options.variance_power,
        "eta": options.learning_rate, "max_depth": options.max_depth, "min_child_weight": options.min_child_weight,
        "subsample": options.subsample, "colsample_bytree": options.columns_per_tree, "max_bin": _MAX_BIN,
        "tree_method": "hist", "nthread": torch.get_num_threads(), "seed": seed,
    }  # fmt: skip


def _dispersion(y: _Floats, mean: _Floats) -> tuple[Tensor, Tensor]:
    """Log mean and dispersion of classes of the mean, by moments: sum of (y - mean)² - y over sum of mean²."""
    order = np.argsort(mean, kind="stable")
    n_bins = max(1, min(_BINS, len(order) // 500))
    log_mean, spread = [], []
    for part in np.array_split(order, n_bins):
        m, actual = mean[part].astype(np.float64), y[part].astype(np.float64)
        excess = ((actual - m) ** 2 - actual).sum() / max((m**2).sum(), 1e-9)
        log_mean.append(float(np.log(max(m.mean(), 1e-6))))
        spread.append(float(np.clip(excess, _LEAST, _MOST)))
    return torch.tensor(log_mean), torch.tensor(spread)


def _usual_variance(mean: _Floats, log_mean: Tensor, dispersion: Tensor) -> _Floats:
    """(n_rows,) variance of days of such a mean."""
    spread = np.interp(np.log(np.maximum(mean, 1e-6)), log_mean.numpy(), dispersion.numpy()).astype(np.float32)
    return np.asarray(mean + spread * mean**2, np.float32)


def _with_mean(rows: Rows, mean: _Floats, usual: _Floats) -> _Floats:
    """(n_rows, n_columns + 2): what the trees of the variance see."""
    known = [np.log(np.maximum(values, 1e-6)) for values in (mean, usual)]
    return np.asarray(np.column_stack([rows.seen, *known]), np.float32)


def _variance(rows: Rows, mean: _Floats, usual: _Floats, seed: int) -> Tensor:
    """Trees of the squared error over the usual variance, stored."""
    ratio = (rows.y - mean) ** 2 / np.maximum(usual, 1e-6)
    matrix = xgboost.QuantileDMatrix(
        _with_mean(rows, mean, usual), label=ratio + 1e-4, max_bin=_MAX_BIN, nthread=torch.get_num_threads()
    )  # a gamma's label is above 0
    options = _VARIANCE | {"seed": seed, "nthread": torch.get_num_threads(), "max_bin": _MAX_BIN}
    return _stored(xgboost.train(options, matrix, _VARIANCE_ROUNDS))
