"""Training of one network by lightning: a fixed number of steps, early stopping, the best averaged weights kept."""

from __future__ import annotations

import copy
import logging
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as lightning
import torch
from torch import Tensor, nn

from scaleinv.config import TrainingConfig
from scaleinv.forecast.windows import Batch

_AVERAGE_DECAY = 0.99
"""The weights kept are an exponential mean over about the last 100 steps: smoother than any single step's."""
_WARMUP = 0.05
_FINAL_RATE = 0.02


@dataclass(frozen=True)
class Trained:
    """The best weights, and how the training went."""

    state: dict[str, Tensor]
    validation_loss: float
    validation_losses: list[float]
    """(epochs,): of the averaged weights, after each epoch."""
    training_losses: list[float]
    """(epochs,): of the network itself, with dropout, over each epoch's batches."""


def train(
    network: nn.Module,
    training: Iterable[Batch],
    validation: Iterable[Batch],
    *,
    config: TrainingConfig,
    weight_exponent: float,
    seed: int,
) -> Trained:
    """``network`` trained; each window counts ``scale ** -weight_exponent`` (1: all series alike, 0: by volume)."""
    with _isolated(seed):
        trainee = _Trainee(network, config, _weighting(network, weight_exponent), len(training))  # type: ignore[arg-type]
        gpu = torch.cuda.is_available()
        trainer = lightning.Trainer(
            accelerator="gpu" if gpu else "cpu", devices=1, max_epochs=config.max_epochs,
            gradient_clip_val=config.gradient_clip, deterministic="warn" if gpu else True, num_sanity_val_steps=0,
            precision="bf16-mixed" if config.precision == "bf16" else "32-true",
            logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(trainee, train_dataloaders=training, val_dataloaders=validation)
    return Trained(trainee.best_state, trainee.best_loss, trainee.validation_losses, trainee.training_losses)


def _weighting(network: Any, exponent: float) -> Callable[[Tensor, Batch], tuple[Tensor, Tensor]]:
    def weighted(prediction: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sum of the weighted losses, and sum of the weights that it is to be divided by."""
        x, (y, weight) = batch
        loss = network.loss.loss(prediction, y)
        if loss.ndim == 3:
            loss = loss.mean(-1)
        importance = weight * (x["target_scale"][:, 1:] ** -exponent)
        return (loss * importance).sum(), weight.sum()

    return weighted


class _Trainee(lightning.LightningModule):
    """A network in training. pytorch-forecasting's own steps would also log metrics and plots at each one."""

    def __init__(self, network: nn.Module, config: TrainingConfig, weighted: Any, steps_per_epoch: int) -> None:
        super().__init__()
        self.network, self.average = network, copy.deepcopy(network)
        self.config, self.weighted = config, weighted
        self.total_steps = config.max_epochs * steps_per_epoch
        self.steps, self.waited = 0, 0
        self.best_loss, self.best_state = math.inf, _state(network)
        self.validation: list[tuple[Tensor, Tensor]] = []
        self.batches: list[Tensor] = []
        self.training_losses: list[float] = []
        self.validation_losses: list[float] = []

    def training_step(self, batch: Batch, _: int) -> Tensor:
        total, weight = self.weighted(self.network(batch[0])["prediction"], batch)
        loss = torch.as_tensor(total / weight.clamp(min=1))
        self.batches.append(loss.detach())  # stays on the device: reading it would wait for each step
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        self.steps += 1
        decay = min(_AVERAGE_DECAY, self.steps / (self.steps + 9))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)

    def on_validation_epoch_start(self) -> None:
        self.validation = []
        self.average.eval()

    def validation_step(self, batch: Batch, _: int) -> None:
        self.validation.append(self.weighted(self.average(batch[0])["prediction"], batch))

    def on_validation_epoch_end(self) -> None:
        totals, weights = zip(*self.validation, strict=True)
        loss = float(sum(totals) / torch.stack(weights).sum().clamp(min=1))
        self.validation_losses.append(loss)
        self.training_losses.append(float(torch.stack(self.batches).mean()))
        self.batches = []
        if loss < self.best_loss:
            self.best_loss, self.best_state, self.waited = loss, _state(self.average), 0
        else:
            self.waited += 1
            self.trainer.should_stop = self.waited >= self.config.patience

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.config.learning_rate, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to a fiftieth."""
        done = step / max(self.total_steps, 1)
        if done < _WARMUP:
            return (done + 1 / max(self.total_steps, 1)) / _WARMUP
        return _FINAL_RATE + (1 - _FINAL_RATE) * (1 + math.cos(math.pi * min(done, 1.0))) / 2


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


@contextmanager
def _isolated(seed: int) -> Iterator[None]:
    """Seeded random numbers, deterministic algorithms and silence, all undone afterwards."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"lightning\..*")
        warnings.filterwarnings("ignore", message=r".*(is an instance of `nn.Module`|does not have many workers).*")
        warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)` is deprecated.*")
        torch.manual_seed(seed)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
