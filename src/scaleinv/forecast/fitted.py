"""A fitted model: plain values and tensors only, so that it can be stored, sent and compared byte by byte."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pickle import UnpicklingError
from typing import Any, Self

import torch
from torch import Tensor, nn

from scaleinv.config import ForecastConfig
from scaleinv.errors import DataError, explain
from scaleinv.forecast.calibration import Calibration
from scaleinv.forecast.inputs import Inputs
from scaleinv.forecast.networks import build_lstm, build_tft
from scaleinv.schema.words import ModelName


@dataclass(frozen=True)
class Fitted:
    """``model`` fitted on one group.

    ``card`` tells n_windows, epochs and validation_loss; of what was trained also validation_losses and
    training_losses, epoch by epoch (of trees, round by round). ``state`` are the weights, ``others`` those of further
    networks of the same kind that were trained from other starts and ``correlation`` (horizon,
    horizon) is the copula of the steps (only for a model that predicts quantiles day by day). ``calibration`` stretches
    its quantiles; without one they stay as they are.
    """

    model: ModelName
    season: int
    seed: int
    card: Mapping[str, Any] = field(default_factory=dict)
    inputs: Inputs | None = None
    state: Mapping[str, Tensor] = field(default_factory=dict)
    others: Sequence[Mapping[str, Tensor]] = ()
    correlation: Tensor | None = None
    calibration: Calibration | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """The forecast configuration it was trained with."""

    def network(self) -> nn.Module:
        """The network with its weights, ready to predict; of several, the first."""
        return self._network(self.state)

    def networks(self) -> list[nn.Module]:
        """All of them."""
        return [self._network(state) for state in (self.state, *self.others)]

    def _network(self, state: Mapping[str, Tensor]) -> nn.Module:
        assert self.inputs is not None, f"{self.model} has no network"
        network = build(self.model, self.inputs, ForecastConfig.model_validate(dict(self.options)))
        network.load_state_dict(dict(state))
        return network.eval()

    def to_bytes(self) -> bytes:
        """For storing; the same training gives the same bytes."""
        facts = {
            "model": self.model, "season": self.season, "seed": self.seed, "card": dict(self.card),
            "inputs": self.inputs.as_dict() if self.inputs else None, "options": dict(self.options),
        }  # fmt: skip
        # one text: the bytes of pickled strings depend on which of them are the same object
        content = {
            "facts": json.dumps(facts, sort_keys=True),
            "state": dict(self.state),
            "others": [dict(state) for state in self.others],
            "correlation": self.correlation,
            "calibration": vars(self.calibration) if self.calibration else None,
        }
        buffer = io.BytesIO()
        torch.save(content, buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The opposite of :meth:`to_bytes`; nothing in the bytes is executed.

        Raises:
            DataError: the bytes are no model of this version.
        """
        try:
            values = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
            facts = json.loads(values.pop("facts"))
            inputs = Inputs.from_dict(facts["inputs"]) if facts["inputs"] else None
            factors = values.pop("calibration")
            calibration = Calibration(**factors) if factors else None
            return cls(**(facts | values | {"inputs": inputs, "calibration": calibration}))
        except (RuntimeError, EOFError, KeyError, TypeError, ValueError, UnpicklingError) as error:
            raise DataError(explain(f"this is no model of this version: {error}", do="train again")) from error


def build(model: ModelName, inputs: Inputs, config: ForecastConfig) -> nn.Module:
    """An untrained network."""
    if model == "lstm":
        network: nn.Module = build_lstm(inputs, config.lstm)
    else:
        network = build_tft(inputs, config.tft, config.quantile_levels)
    return network


def take_over(network: nn.Module, inputs: Inputs, start: Fitted) -> None:
    """Weights of an earlier network of the same columns, in place; what has another shape stays as it is.

    Codes are taken over by what they stand for: a new location begins at random, the others keep what was learnt.
    """
    before = start.inputs
    if before is None or (before.reals, before.categoricals) != (inputs.reals, inputs.categoricals):
        return
    with torch.no_grad():
        for name, new in network.state_dict().items():
            old = start.state.get(name)
            if old is None:
                continue
            *_, kind, column, _ = ("", "", *name.split("."))
            if kind == "embeddings" and old.shape[1:] == new.shape[1:]:
                here, there = _codes(inputs, column), _codes(before, column)
                both = [text for text in here if text in there]
                new[[here[text] for text in both]] = old[[there[text] for text in both]].to(new)
            elif old.shape == new.shape:
                new.copy_(old)


def _codes(inputs: Inputs, column: str) -> dict[str | int, int]:
    """What each code of a column stands for; what it has no text for is a number."""
    if column == "weekday":
        return {day: day for day in range(7)}
    texts = inputs.events if column == "event" else inputs.statics[column]
    codes: dict[str | int, int] = {0: 0} | {text: code for code, text in enumerate(texts, start=1)}
    return codes | ({-1: len(texts) + 1} if column == "event" else {})
