"""How demand is forecast, explained, judged and added up."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from scaleinv.config.section import Positive, Probability, Section
from scaleinv.schema.words import PROPHET, ClassicalName, StatsName, TrainedName


class SamplingConfig(Section):
    """Which windows a network sees more often. By default all windows are alike."""

    value_exponent: Annotated[float, Field(ge=0, le=1)] = 0.0
    """A series is drawn in proportion to its mean daily sales value to this power."""
    sale_share_exponent: Annotated[float, Field(ge=0, le=1)] = 0.0
    """And to the share of its days with a sale to this power: what never sells teaches little."""
    half_life: Positive | None = None
    """Days; a window that starts so much earlier is half as likely."""


class TrainingConfig(Section):
    """How one network is trained; the number of steps is fixed, never the time, so that a rerun gives the same."""

    hidden_size: Positive = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    batch_size: Positive = 128
    batches_per_epoch: Positive = 100
    """An upper bound; a small group has fewer."""
    max_epochs: Positive = 20
    patience: Positive = 4
    """Epochs without a better validation loss before stopping."""
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    precision: Literal["32", "bf16"] = "32"
    """``bf16``: matrices are multiplied in half precision, weights stay in single. For GPUs with tensor cores."""
    seeds: Annotated[int, Field(ge=1, le=10)] = 1
    """So many networks are trained, each from another start, and forecast together; reasons are those of the first."""
    sampling: SamplingConfig = SamplingConfig()


class LstmConfig(TrainingConfig):
    """DeepAR: an autoregressive LSTM with a negative binomial output."""

    layers: Positive = 2


class TftConfig(TrainingConfig):
    """Temporal Fusion Transformer with quantile outputs.

    A step costs three times the LSTM's: small, with a high rate, it gets further in the same time (docs/benchmarks.md).
    """

    hidden_size: Positive = 16
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    max_epochs: Positive = 16
    attention_heads: Positive = 2
    hidden_continuous_size: Positive = 8


class XgboostConfig(Section):
    """Gradient-boosted trees over windows."""

    max_rounds: Positive = 400
    patience: Positive = 20
    """Rounds without a better validation loss before stopping."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.06
    max_depth: Annotated[int, Field(ge=1, le=16)] = 7
    min_child_weight: Annotated[float, Field(ge=0)] = 20.0
    """Least sum of second derivatives in a leaf: about so many rows."""
    subsample: Annotated[float, Field(gt=0, le=1)] = 0.8
    columns_per_tree: Annotated[float, Field(gt=0, le=1)] = 0.7
    variance_power: Annotated[float, Field(gt=1, lt=2)] = 1.2
    """Of Tweedie's distribution: near 1 a Poisson's, near 2 a gamma's."""
    max_rows: Positive = 600_000
    """Rows drawn of a group; a row is one day of one window."""
    days_per_window: Positive = 7
    """Days of a window's horizon that become rows."""


class ProphetConfig(Section):
    """Prophet takes a second or so for each series: which ones it forecasts. The others get the baseline."""

    skus: tuple[str, ...] = ()
    """These, at every location."""
    top: Annotated[int, Field(ge=0)] = 10
    """And of each group so many, by sales value of the last year before the cutoff."""


class ForecastConfig(Section):
    """Models, horizon, quantile levels."""

    horizon: Positive = 28
    context_length: Positive = 56
    models: tuple[TrainedName | ClassicalName, ...] = ("lstm", "tft", "xgboost")
    quantile_levels: tuple[Probability, ...] = (
        0.005, 0.025, 0.1, 0.165, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.835, 0.9, 0.95, 0.975, 0.99,
        0.995,
    )  # fmt: skip
    n_samples: Annotated[int, Field(ge=20)] = 200
    """Sample paths per series behind every quantile."""
    validation_days: Positive = 28
    """Last days before the training cutoff, kept for early stopping and for the dependence model."""
    min_series: Positive = 2
    """A group with fewer series falls back to the baseline."""
    min_days: Positive = 14
    """A series with a shorter life is forecast from its peers, whatever the model."""
    seed: int = 7
    warm_start: bool = False
    """Networks begin with the weights of the last night that has any, instead of at random."""
    lstm: LstmConfig = LstmConfig()
    tft: TftConfig = TftConfig()
    xgboost: XgboostConfig = XgboostConfig()
    prophet: ProphetConfig = ProphetConfig()

    @model_validator(mode="after")
    def _levels(self) -> Self:
        levels = self.quantile_levels
        if list(levels) != sorted(set(levels)):
            raise ValueError(f"quantile_levels must rise strictly, found {levels}")
        if 0.5 not in levels:
            raise ValueError("quantile_levels must contain 0.5, the median")
        if len(set(self.models)) != len(self.models):
            raise ValueError(f"models names one twice: {self.models}")
        if PROPHET in self.models and find_spec(PROPHET) is None:
            raise ValueError("models names prophet, which is not installed: pip install 'scaleinv[prophet]'")
        return self


class ExplainConfig(Section):
    """What is stored of what moved each forecast."""

    store: Literal["none", "quick", "exact"] = "quick"
    """``quick``: of trees, what approximates SHAP values; ``exact``: these themselves, which take some thirty times as
    long as the forecast. A network says what it looked at with either."""


class EvaluationConfig(Section):
    """What is held out and how policies are replayed on it."""

    holdout_days: Positive = 28
    """Last days known that models are not trained on; accuracy and replay are measured there."""
    refresh_days: Positive = 28
    """In the replay, forecasts and policies are renewed this often (as they would be every night)."""
    warmup_days: Positive = 56
    """Days before the hold-out on which the replayed policy finds its own stock level."""
    replications: Positive = 5
    """How often the hold-out is replayed, each time with other lead times."""
    season: Positive = 7
    """Period of the seasonal baseline and of MASE's scale, days."""
    pool: bool = True
    """Whether means of the trained models' quantiles, in every combination, stand for election beside them."""

    @model_validator(mode="after")
    def _refresh(self) -> Self:
        if self.refresh_days > self.holdout_days:
            raise ValueError(f"refresh_days {self.refresh_days} is longer than holdout_days {self.holdout_days}")
        return self


class HierarchyConfig(Section):
    """Forecasts of sums of series: SKUs, categories at a location, categories, locations, all."""

    enabled: bool = True
    method: Literal["bottom_up", "structural", "diagonal"] = "bottom_up"
    """``bottom_up``: sums of the series' forecasts. The others also forecast the sums themselves and reconcile both,
    weighted by the number of series (``structural``) or by the variances of the forecasts (``diagonal``)."""
    model: TrainedName | StatsName = "xgboost"
    """What forecasts the sums themselves, from their own days alone."""
