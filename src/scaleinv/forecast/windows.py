"""Windows of a history as the batches that pytorch-forecasting's models take: one gather from flat tensors each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from scaleinv.forecast.inputs import YEAR, Encoded

Batch = tuple[dict[str, Tensor], tuple[Tensor, Tensor]]
"""``x`` as ``TimeSeriesDataSet`` hands it out, and ``(y, weight)``, both (n_windows, horizon)."""
_RECENT = 14


@dataclass(frozen=True)
class Windows:
    """Windows by (series, start): ``start`` is the position in the series of the first day to forecast, >= 1."""

    series: Tensor
    start: Tensor

    def __len__(self) -> int:
        return len(self.series)

    def __getitem__(self, which: slice | Tensor) -> Windows:
        return Windows(self.series[which], self.start[which])


@dataclass(frozen=True)
class Stretch:
    """All windows that start between ``first`` and ``last`` (both (n_series,), inclusive) of each series."""

    first: Tensor
    last: Tensor

    @property
    def count(self) -> int:
        """How many windows there are."""
        return int((self.last - self.first + 1).clamp(min=0).sum())

    def draw(self, n: int, generator: torch.Generator) -> Windows:
        """``n`` of them at random, each as likely as any other."""
        ends = (self.last - self.first + 1).clamp(min=0).cumsum(0)
        picked = torch.randint(int(ends[-1]), (n,), generator=generator).to(ends.device)
        series = torch.searchsorted(ends, picked, right=True)
        return Windows(series, self.last[series] - (ends[series] - 1 - picked))


class Batches:
    """An epoch of batches that lightning can iterate: drawn anew each time, always the same in a rerun.

    Windows with a short past are put together, so that all other batches need no packing in the LSTMs.
    """

    def __init__(self, data: Encoded, stretch: Stretch, *, batch_size: int, n_batches: int, seed: int) -> None:
        self.data, self.stretch = data, stretch
        self.batch_size, self.n_batches = batch_size, n_batches
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[Batch]:
        drawn = self.stretch.draw(self.batch_size * self.n_batches, self.generator)
        short = (drawn.start < self.data.inputs.context).long()
        drawn = drawn[torch.argsort(short, stable=True)]
        for i in torch.randperm(self.n_batches, generator=self.generator).tolist():
            yield batch(self.data, drawn[slice(i * self.batch_size, (i + 1) * self.batch_size)])


class Pass:
    """Given windows once, in order, in batches."""

    def __init__(self, data: Encoded, windows: Windows, *, batch_size: int) -> None:
        self.data, self.windows, self.batch_size = data, windows, batch_size

    def __len__(self) -> int:
        return -(-len(self.windows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for i in range(0, len(self.windows), self.batch_size):
            yield batch(self.data, self.windows[slice(i, i + self.batch_size)])


def batch(data: Encoded, windows: Windows) -> Batch:
    """The windows as pytorch-forecasting's batch; all shapes start with n_windows.

    ``target_scale`` is (0, 1 + mean of the context): demand is divided by it on the way in, multiplied on the way out.
    """
    history, inputs = data.history, data.inputs
    context, horizon = inputs.context, inputs.horizon
    step = torch.arange(-context, horizon, device=windows.series.device)
    position = windows.start[:, None] + step
    row = history.indptr[windows.series][:, None] + position.clamp(min=0)
    valid = position >= 0
    y = history.y[row] * valid
    length = windows.start.clamp(max=context)
    mean = y[:, :context].sum(1) / length
    scale = 1 + mean
    reals = _reals(data, windows, row, y, mean, scale)
    cont = torch.stack([reals[name].expand(y.shape) for name in inputs.reals], -1).float()
    cat = _categoricals(data, windows, row)
    past, weight = slice(None, context), history.observed[row[:, context:]].float()
    order = _left_aligned(length, context)
    x = {
        "encoder_cat": _take(cat[:, past], order, length),
        "encoder_cont": _take(cont[:, past], order, length),
        "encoder_target": _take(y[:, past, None], order, length)[..., 0],
        "encoder_lengths": length,
        "decoder_cat": cat[:, context:],
        "decoder_cont": cont[:, context:],
        "decoder_target": y[:, context:],
        "decoder_lengths": torch.full_like(length, horizon),
        "decoder_time_idx": position[:, context:],
        "groups": windows.series[:, None],
        "target_scale": torch.stack([torch.zeros_like(scale), scale], 1),
    }
    return x, (y[:, context:], weight)


def _left_aligned(length: Tensor, context: int) -> Tensor | None:
    """Columns to take so that a short past begins at 0, as pytorch-forecasting pads; None: all are full."""
    if bool((length == context).all()):
        return None
    column = torch.arange(int(length.max()), device=length.device) + (context - length)[:, None]
    return column.clamp(max=context - 1)


def _take(values: Tensor, order: Tensor | None, length: Tensor) -> Tensor:
    if order is None:
        return values
    taken = values.gather(1, order[..., None].expand(-1, -1, values.shape[2]))
    inside = torch.arange(order.shape[1], device=length.device) < length[:, None]
    return taken * inside[..., None]


def _categoricals(data: Encoded, windows: Windows, row: Tensor) -> Tensor:
    columns = [column[:, None].expand(row.shape) for column in data.statics[windows.series].unbind(1)]
    columns.append((data.history.day[row] + 3) % 7)  # 1970-01-01 was a Thursday; Monday is 0
    if data.inputs.events:
        columns.append(data.event[row])
    return torch.stack(columns, -1)


def _reals(data: Encoded, windows: Windows, row: Tensor, y: Tensor, mean: Tensor, scale: Tensor) -> dict[str, Tensor]:
    """Column -> (n_windows, 1) or (n_windows, context + horizon)."""
    history, inputs = data.history, data.inputs
    base = mean + 0.1
    far = _mean_before(data, windows, 0, YEAR, history.sums) + 0.1
    reals = {
        "y": y / scale[:, None],
        "level": base.log()[:, None],
        "recent_level": ((_mean_before(data, windows, 0, _RECENT, history.sums) + 0.1) / base).log()[:, None],
        "long_level": (far / base).log()[:, None],
        "sale_share": _mean_before(data, windows, 0, YEAR, history.sales)[:, None],
        # It ends with the context: where all series begin on one day, an age is the date in disguise, and a network
        # would carry on whatever trend those weeks had (docs/decisions.md).
        "age": (windows.start.clamp(max=inputs.context) / inputs.context)[:, None],
        "price": data.price[row],
        "promotion": history.is_promotion[row].float(),
        "benefit": history.is_benefit_day[row].float(),
    }
    calendar = data.calendar[history.day[row] - data.first_day]
    reals |= dict(zip(("month_day", "year_sin", "year_cos"), calendar.unbind(-1), strict=True))
    if inputs.stockout:
        reals["stockout"] = history.is_stockout[row] * (row < (history.indptr[windows.series] + windows.start)[:, None])
    if "weekday_level" in inputs.known_reals:
        reals["weekday_level"] = _weekday_level(data, windows, y, mean) / scale[:, None]
    if inputs.yearly:
        reals["year_ago"] = _year_ago(data, windows)[:, None]
    return reals


def _mean_before(data: Encoded, windows: Windows, end: int, days: int, running: Tensor) -> Tensor:
    """Mean of the ``days`` days that end ``end`` days before each window's start, as far as there are any."""
    stop = (windows.start - end).clamp(min=0)
    begin = (stop - days).clamp(min=0)
    offset = data.history.indptr[windows.series]
    return ((running[offset + stop] - running[offset + begin]) / (stop - begin).clamp(min=1)).float()


def _year_ago(data: Encoded, windows: Windows) -> Tensor:
    """Log growth from context to horizon a year ago; 0 for a series too young to know."""
    context, horizon = data.inputs.context, data.inputs.horizon
    then = _mean_before(data, windows, YEAR - horizon, horizon, data.history.sums)
    before = _mean_before(data, windows, YEAR, context, data.history.sums)
    old_enough = windows.start >= YEAR + context
    return torch.where(old_enough, ((then + 0.1) / (before + 0.1)).log(), 0.0)


def _weekday_level(data: Encoded, windows: Windows, y: Tensor, mean: Tensor) -> Tensor:
    """(n_windows, context + horizon): mean of the context's same weekdays, drawn to its mean by one more week."""
    season, context = data.inputs.season, data.inputs.context
    weeks = context // season
    past = y[:, context - weeks * season : context].reshape(len(y), weeks, season)
    age = torch.arange(weeks * season, 0, -1, device=y.device).view(weeks, season)
    days = (windows.start[:, None, None] >= age).sum(1)
    level: Tensor = (past.sum(1) + mean[:, None]) / (days + 1)
    return level[:, torch.arange(-context, data.inputs.horizon, device=y.device) % season]
