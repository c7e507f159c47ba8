"""The two networks, built from a list of columns: pytorch-forecasting's models without its data set."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from pytorch_forecasting import DeepAR, TemporalFusionTransformer
from pytorch_forecasting.data.encoders import TorchNormalizer
from pytorch_forecasting.metrics import NegativeBinomialDistributionLoss, QuantileLoss
from pytorch_forecasting.models.nn import LSTM
from torch import Tensor, nn

from scaleinv.config import LstmConfig, TftConfig
from scaleinv.forecast.inputs import Inputs


class NegativeBinomial(NegativeBinomialDistributionLoss):  # type: ignore[misc]
    """The negative binomial loss, written out: ``torch.distributions`` checks and converts on each call."""

    def loss(self, y_pred: Tensor, y_actual: Tensor) -> Tensor:
        """Negative log-likelihood of each value; ``y_pred`` holds mean and dispersion (variance - mean) / mean²."""
        mean = y_pred[..., 0].clamp(min=1e-6)
        size = 1 / y_pred[..., 1].clamp(min=1e-4)
        total = torch.log(size + mean)
        fits = torch.lgamma(y_actual + size) - torch.lgamma(size) - torch.lgamma(y_actual + 1)
        return -(fits + size * (size.log() - total) + y_actual * (mean.log() - total))


class _WholeLSTM(LSTM):  # type: ignore[misc]
    """pytorch-forecasting's LSTM that packs only where lengths differ: else packing is slow and changes nothing."""

    def forward(self, x: Tensor, hx: Any = None, lengths: Tensor | None = None, enforce_sorted: bool = True) -> Any:
        if lengths is not None and bool((lengths == x.shape[1]).all()):
            lengths = None
        return super().forward(x, hx=hx, lengths=lengths, enforce_sorted=enforce_sorted)


def _without_packing(network: nn.Module, *names: str) -> None:
    for name in names:
        old = getattr(network, name)
        new = _WholeLSTM(
            input_size=old.input_size, hidden_size=old.hidden_size, num_layers=old.num_layers,
            dropout=old.dropout, batch_first=True,
        )  # fmt: skip
        new.load_state_dict(old.state_dict())
        setattr(network, name, new)


def _common(inputs: Inputs) -> dict[str, Any]:
    return {
        "static_categoricals": list(inputs.statics),
        "static_reals": inputs.static_reals,
        "time_varying_categoricals_encoder": inputs.known_categoricals,
        "time_varying_categoricals_decoder": inputs.known_categoricals,
        "x_categoricals": inputs.categoricals,
        "x_reals": inputs.reals,
        "embedding_sizes": inputs.embedding_sizes,
        "embedding_paddings": [],
        "embedding_labels": {},
        "output_transformer": TorchNormalizer(method="identity", center=False),
        "logging_metrics": nn.ModuleList(),
        "log_interval": -1,
    }


def build_lstm(inputs: Inputs, config: LstmConfig) -> DeepAR:
    """DeepAR with a negative binomial output; encoder and decoder see the same columns, as it demands."""
    with _quiet():
        network = DeepAR(
            cell_type="LSTM",
            hidden_size=config.hidden_size,
            rnn_layers=config.layers,
            dropout=config.dropout,
            time_varying_reals_encoder=[*inputs.observed_reals, *inputs.known_reals],
            time_varying_reals_decoder=[*inputs.observed_reals[1:], *inputs.known_reals],
            target="y",
            loss=NegativeBinomial(),
            **_common(inputs),
        )
    # DeepAR reads x_cont as a whole: the order of its own list must be ours
    assert sorted(network.reals) == sorted(inputs.reals)
    _without_packing(network, "rnn")
    return network


def build_tft(inputs: Inputs, config: TftConfig, levels: Sequence[float]) -> TemporalFusionTransformer:
    """The Temporal Fusion Transformer with one output per quantile level."""
    with _quiet():
        network = TemporalFusionTransformer(
            hidden_size=config.hidden_size,
            lstm_layers=1,
            dropout=config.dropout,
            output_size=len(levels),
            loss=QuantileLoss(quantiles=list(levels)),
            attention_head_size=config.attention_heads,
            hidden_continuous_size=config.hidden_continuous_size,
            max_encoder_length=inputs.context,
            time_varying_reals_encoder=[*inputs.observed_reals, *inputs.known_reals],
            time_varying_reals_decoder=inputs.known_reals,
            **_common(inputs),
        )
    _without_packing(network, "lstm_encoder", "lstm_decoder")
    return network


class _quiet(warnings.catch_warnings):  # noqa: N801 - used as a statement
    """Silences the one warning that constructing these models gives: that a loss is a module and a hyper-parameter."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.filterwarnings("ignore", message=r"Attribute '(loss|logging_metrics)' is an instance of `nn.Module`")
        return entered
