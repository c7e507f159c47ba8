"""Windows of a history as the batches that pytorch-forecasting's models take: one gather from flat tensors each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from scaleinv.forecast.inputs import YEAR, Encoded

Batch = tuple[dict[str, Tensor], tuple[Tensor, Tensor]]
"""``x`` as ``TimeSeriesDataSet`` hands it out, and ``(y, weight)``, both (n_windows, horizon)."""
_RECENT = 14
_PAST = frozenset(("encoder_cat", "encoder_cont", "encoder_target"))
_AT_ONCE = 8
"""Batches that are made together: a gather costs the same for few windows as for many."""


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
    weight: Tensor | None = None
    """(n_series,) how much likelier a window of one series is drawn than one of another; none: all alike."""
    half_life: float | None = None
    """A window that starts so many days earlier is half as likely to be drawn; none: all days alike."""

    @property
    def counts(self) -> Tensor:
        """(n_series,) how many windows each series has."""
        return (self.last - self.first + 1).clamp(min=0)

    @property
    def count(self) -> int:
        """How many windows there are."""
        return int(self.counts.sum())

    def draw(self, n: int, generator: torch.Generator) -> Windows:
        """``n`` of them at random."""
        if self.weight is None and self.half_life is None:
            ends = self.counts.cumsum(0)
            picked = torch.randint(int(ends[-1]), (n,), generator=generator).to(ends.device)
            series = torch.searchsorted(ends, picked, right=True)
            return Windows(series, self.last[series] - (ends[series] - 1 - picked))
        counts = self.counts.double()
        decay = 0.5 ** (1 / self.half_life) if self.half_life else 1.0
        # a geometric series from the last start backwards
        mass = (1 - decay**counts) / (1 - decay) if decay < 1 else counts
        ends = (mass if self.weight is None else mass * self.weight.double()).cumsum(0)
        picked = torch.rand(n, generator=generator, dtype=torch.float64).to(ends.device) * ends[-1]
        series = torch.searchsorted(ends, picked, right=True).clamp(max=len(ends) - 1)
        share = torch.rand(n, generator=generator, dtype=torch.float64).to(ends.device)
        if decay < 1:
            back = torch.log1p(-share * (1 - decay ** counts[series])) / math.log(decay)
        else:
            back = share * counts[series]
        return Windows(series, self.last[series] - torch.minimum(back.long(), self.counts[series] - 1))


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
        short = drawn.start < self.data.inputs.context
        drawn = drawn[torch.argsort(short.long(), stable=True)]
        # Those that are made together have all a full past, but for one lot: padding takes longer than all else.
        n_full = int((~short).sum()) // self.batch_size
        parts = (self._shuffled(n_full), n_full + self._shuffled(self.n_batches - n_full))
        lots = [lot for part in parts for lot in torch.split(part, _AT_ONCE) if len(lot)]
        for at in self._shuffled(len(lots)).tolist():
            rows = (lots[at][:, None] * self.batch_size + torch.arange(self.batch_size)).flatten()
            yield from split(batch(self.data, drawn[rows.to(drawn.start.device)]), self.batch_size)

    def _shuffled(self, n: int) -> Tensor:
        return torch.randperm(n, generator=self.generator)


class Pass:
    """Given windows once, in order, in batches."""

    def __init__(self, data: Encoded, windows: Windows, *, batch_size: int) -> None:
        self.data, self.windows, self.batch_size = data, windows, batch_size

    def __len__(self) -> int:
        return -(-len(self.windows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        at_once = _AT_ONCE * self.batch_size
        for i in range(0, len(self.windows), at_once):
            yield from split(batch(self.data, self.windows[slice(i, i + at_once)]), self.batch_size)


@dataclass(frozen=True)
class Stretched:
    """Windows before they are padded: all axes 1 are the context's days and the horizon's, the first one oldest."""

    y: Tensor
    """(n_windows, context + horizon) demand; 0 before a series' first day and after the cutoff."""
    cont: Tensor
    """(n_windows, context + horizon, n_reals) in the order of ``Inputs.reals``."""
    cat: Tensor
    """(n_windows, context + horizon, n_categoricals)"""
    scale: Tensor
    """(n_windows,) one plus the mean of the context."""
    weight: Tensor
    """(n_windows, horizon) 1 where demand is known, 0 on stock-out days, missing ones and those after the cutoff."""


def stretch(data: Encoded, windows: Windows) -> Stretched:
    """Each window as one piece of the history's rows, with what its past says of it; two gathers in all."""
    history, inputs = data.history, data.inputs
    context, days = inputs.context, inputs.context + inputs.horizon
    begin = history.indptr[windows.series] + windows.start
    n_varying, n_statics = data.varying.shape[1], data.statics.shape[1]
    cont = data.varying.new_empty(len(windows), days, len(inputs.reals))
    cont[..., :n_varying] = _rows(data.varying, begin, days)
    y = cont[..., 0].clone()
    if bool((windows.start < context).any()):  # what stands before a series' first day is another's
        y *= windows.start[:, None] >= torch.arange(context, -inputs.horizon, -1, device=y.device)
    mean = y[:, :context].sum(1) / windows.start.clamp(max=context)
    _fill(data, windows, cont, y, mean)
    cont[..., n_varying:] = _static_reals(data, windows, mean)[:, None]
    cat = data.statics.new_empty(len(windows), days, len(inputs.categoricals))
    cat[..., :n_statics] = data.statics[windows.series][:, None]
    cat[..., n_statics:] = _rows(data.codes, begin, days)
    return Stretched(
        y=y,
        cont=cont,
        cat=cat,
        scale=1 + mean,
        weight=_rows(history.observed[:, None], begin, inputs.horizon)[..., 0].float(),
    )


def batch(data: Encoded, windows: Windows) -> Batch:
    """The windows as pytorch-forecasting's batch; all shapes start with n_windows.

    ``target_scale`` is (0, 1 + mean of the context): demand is divided by it on the way in, multiplied on the way out.
    """
    context, horizon = data.inputs.context, data.inputs.horizon
    made = stretch(data, windows)
    length = windows.start.clamp(max=context)
    order = _left_aligned(length, context)
    x = {
        "encoder_cat": _take(made.cat[:, :context], order, length),
        "encoder_cont": _take(made.cont[:, :context], order, length),
        "encoder_target": _take(made.y[:, :context, None], order, length)[..., 0],
        "encoder_lengths": length,
        "decoder_cat": made.cat[:, context:],
        "decoder_cont": made.cont[:, context:],
        "decoder_target": made.y[:, context:],
        "decoder_lengths": torch.full_like(length, horizon),
        "decoder_time_idx": windows.start[:, None] + torch.arange(horizon, device=length.device),
        "groups": windows.series[:, None],
        "target_scale": torch.stack([torch.zeros_like(made.scale), made.scale], 1),
    }
    return x, (made.y[:, context:], made.weight)


def split(made: Batch, size: int) -> Iterator[Batch]:
    """Batches of ``size`` windows, each no wider than its longest past."""
    x, (y, weight) = made
    for i in range(0, len(y), size):
        some = slice(i, i + size)
        width = int(x["encoder_lengths"][some].max())
        yield (
            {name: values[some, :width] if name in _PAST else values[some] for name, values in x.items()},
            (y[some], weight[some]),
        )


def _rows(table: Tensor, begin: Tensor, length: int) -> Tensor:
    """(n_windows, length, n_columns): ``length`` rows of ``table`` from each of ``begin`` on, copied as one piece."""
    rows, columns = table.shape
    pieces = table.as_strided((rows - length + 1, length * columns), (columns, 1))
    return torch.index_select(pieces, 0, begin).view(-1, length, columns)


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


def _fill(data: Encoded, windows: Windows, cont: Tensor, y: Tensor, mean: Tensor) -> None:
    """Columns of ``cont`` that depend on where a window starts; in place."""
    inputs, scale = data.inputs, 1 + mean[:, None]
    at = {name: cont[..., i] for i, name in enumerate(inputs.varying_reals)}
    torch.div(y, scale, out=at["y"])
    if inputs.stockout:
        at["stockout"][:, inputs.context :] = 0
    if "weekday_level" in at:
        torch.div(_weekday_level(data, windows, y, mean), scale, out=at["weekday_level"])
    step = torch.arange(-inputs.context, inputs.horizon, device=y.device)
    at["relative_time"][:] = step / inputs.context


def _static_reals(data: Encoded, windows: Windows, mean: Tensor) -> Tensor:
    """(n_windows, n_static_reals): what the past of each window says of its series."""
    history, inputs = data.history, data.inputs
    base = mean + 0.1
    far = _mean_before(data, windows, 0, YEAR, history.sums) + 0.1
    reals = {
        "level": base.log(),
        "recent_level": ((_mean_before(data, windows, 0, _RECENT, history.sums) + 0.1) / base).log(),
        "long_level": (far / base).log(),
        "sale_share": _mean_before(data, windows, 0, YEAR, history.sales),
        # It ends with the context: where all series begin on one day, an age is the date in disguise, and a network
        # would carry on whatever trend those weeks had (docs/decisions.md).
        "age": windows.start.clamp(max=inputs.context) / inputs.context,
    }
    if inputs.yearly:
        reals["year_ago"] = _year_ago(data, windows)
    return torch.stack([reals[name] for name in inputs.static_reals], 1).float()


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
    width = context + data.inputs.horizon
    # Column i is the weekday of day i - context; a repeat copies faster than an index picks.
    return torch.tile(torch.roll(level, context % season, 1), (1, width // season + 1))[:, :width]
