"""What networks and trees see of a history: which columns, which vocabularies, fixed when a model is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from scaleinv.forecast.group import STATICS, Group
from scaleinv.forecast.history import History

_MAX_EVENTS = 40
"""More kinds of events than this share one code."""
_YEARLY_FROM = 540
"""Days of history from which a day of the year has been seen often enough to learn from it."""
YEAR = 364
"""52 whole weeks: the same weekday a year ago."""


@dataclass(frozen=True)
class Inputs:
    """The columns of a fitted model; plain values only, so that it can be stored beside the weights.

    ``events``: code 0 is an ordinary day, then these, then "any other". ``statics``: column -> texts; code 0 is a
    text that training did not see. A column that never varies in training is left out: it costs time and says nothing.
    """

    context: int
    horizon: int
    season: int
    events: tuple[str, ...]
    statics: Mapping[str, tuple[str, ...]]
    stockout: bool
    promotion: bool
    benefit: bool
    price: bool
    yearly: bool

    @property
    def static_reals(self) -> list[str]:
        """What is computed per window from its past: level and its trend, sparsity, age."""
        names = ["level", "recent_level", "long_level", "sale_share", "age"]
        return [*names, "year_ago"] if self.yearly else names

    @property
    def known_reals(self) -> list[str]:
        """What is known for each day of past and future; the first ones depend on where a window starts."""
        names = ["weekday_level"] if self.context >= self.season else []
        names += ["relative_time"]
        names += [name for name in ("price", "promotion", "benefit") if getattr(self, name)]
        return [*names, "month_day", *(["year_sin", "year_cos"] if self.yearly else [])]

    @property
    def observed_reals(self) -> list[str]:
        """What is known of the past only."""
        return ["y", "stockout"] if self.stockout else ["y"]

    @property
    def reals(self) -> list[str]:
        """Columns of ``*_cont`` in order: what varies from day to day, then what does not."""
        return [*self.varying_reals, *self.static_reals]

    @property
    def varying_reals(self) -> list[str]:
        """Those with a value per day."""
        return [*self.observed_reals, *self.known_reals]

    @property
    def known_categoricals(self) -> list[str]:
        """Codes that are known for each day."""
        return ["weekday", "event"] if self.events else ["weekday"]

    @property
    def categoricals(self) -> list[str]:
        """Columns of ``*_cat`` in order."""
        return [*self.statics, *self.known_categoricals]

    @property
    def embedding_sizes(self) -> dict[str, tuple[int, int]]:
        """Column -> (codes, size of the embedding)."""
        codes = {name: len(texts) + 1 for name, texts in self.statics.items()} | {"weekday": 7}
        if self.events:
            codes["event"] = len(self.events) + 2
        return {name: (n, min(8, (n + 1) // 2 + 1)) for name, n in codes.items()}

    def as_dict(self) -> dict[str, Any]:
        """Plain values for storing. ``statics`` as pairs: weights belong to a position, and JSON may sort a mapping."""
        return asdict(self) | {"statics": [[name, list(texts)] for name, texts in self.statics.items()]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The opposite of :meth:`as_dict`."""
        statics = {name: tuple(texts) for name, texts in values["statics"]}
        return cls(**(dict(values) | {"events": tuple(values["events"]), "statics": statics}))


def choose_inputs(history: History, *, context: int, season: int) -> Inputs:
    """The columns that vary in this history, with their vocabularies."""
    group = history.group
    past = history.day <= history.cutoff
    seen = torch.bincount(history.event[past & (history.event >= 0)], minlength=len(group.events)).tolist()
    often = sorted((i for i, n in enumerate(seen) if n), key=lambda i: (-seen[i], i))[:_MAX_EVENTS]
    span = int(history.n_days.max()) if group.n_series else 0
    price = _log_price(history)[past]
    return Inputs(
        context=context,
        horizon=history.horizon,
        season=season,
        events=tuple(group.events[i] for i in sorted(often)),
        statics={name: group.vocabularies[name] for name in STATICS if len(group.vocabularies[name]) > 1},
        stockout=bool(history.is_stockout.any()),
        promotion=_varies(history.is_promotion[past]),
        benefit=_varies(history.is_benefit_day[past]),
        price=bool(len(price)) and bool((price.abs() > 1e-3).any()),
        yearly=span >= _YEARLY_FROM,
    )


def _varies(flags: Tensor) -> bool:
    return bool(flags.any()) and not bool(flags.all())


@dataclass(frozen=True)
class Encoded:
    """A history in a model's codes, laid out so that a window is one contiguous stretch of rows."""

    inputs: Inputs
    history: History
    statics: Tensor
    """(n_series, n_statics)"""
    varying: Tensor
    """(context + rows, n) float32, ``inputs.varying_reals``; 0 where a column depends on the window.

    ``context`` rows of padding stand before the first: a window that starts at row r of the history begins here at r.
    """
    codes: Tensor
    """(context + rows, n) int16, ``inputs.known_categoricals``"""

    def __post_init__(self) -> None:
        assert self.inputs.horizon == self.history.horizon


def encode(history: History, inputs: Inputs) -> Encoded:
    """``history`` in the codes of ``inputs``; unknown texts become "unknown" or "other"."""
    group = history.group
    device = history.day.device
    statics = [_recode(group, name, texts) for name, texts in inputs.statics.items()]
    first_day = int(history.day.min()) if len(history.day) else history.cutoff
    calendar = _calendar(first_day, history.cutoff + history.horizon).to(device)[history.day - first_day]
    reals = {
        "y": history.y,
        "stockout": history.is_stockout,
        "price": _log_price(history),
        "promotion": history.is_promotion,
        "benefit": history.is_benefit_day,
        **dict(zip(("month_day", "year_sin", "year_cos"), calendar.unbind(-1), strict=True)),
    }
    codes = {"weekday": (history.day + 3) % 7}  # 1970-01-01 was a Thursday; Monday is 0
    if inputs.events:
        known = {text: code for code, text in enumerate(inputs.events, start=1)}
        events = torch.tensor([*(known.get(text, len(known) + 1) for text in group.events), 0], device=device)
        codes["event"] = events[history.event]  # -1, an ordinary day, reads the last entry
    return Encoded(
        inputs=inputs,
        history=history,
        statics=torch.stack(statics, 1)
        if statics
        else torch.zeros((group.n_series, 0), dtype=torch.long, device=device),
        varying=_columns(reals, inputs.varying_reals, len(history.day), inputs.context, device, torch.float32),
        codes=_columns(codes, inputs.known_categoricals, len(history.day), inputs.context, device, torch.int16),
    )


def _columns(
    values: Mapping[str, Tensor], names: list[str], rows: int, padding: int, device: torch.device, kind: torch.dtype
) -> Tensor:
    table = torch.zeros((padding + rows, len(names)), dtype=kind, device=device)
    for at, name in enumerate(names):
        if name in values:
            table[padding:, at] = values[name]
    return table


def _recode(group: Group, name: str, texts: tuple[str, ...]) -> Tensor:
    known = {text: code for code, text in enumerate(texts, start=1)}
    table = torch.tensor([known.get(text, 0) for text in group.vocabularies[name]] or [0], device=group.device)
    return table[group.statics[name].clamp(min=0)]


def _log_price(history: History) -> Tensor:
    """Log of the price over the series' mean price up to the cutoff; 0 where a price is missing."""
    n = len(history.n_days)
    owner = torch.repeat_interleave(torch.arange(n, device=history.day.device), history.indptr.diff())
    usable = (history.day <= history.cutoff) & (history.price > 0)
    prices = history.price.double() * usable
    total = torch.zeros(n, dtype=torch.float64, device=owner.device).index_add_(0, owner, prices)
    mean = total / torch.bincount(owner[usable], minlength=n).clamp(min=1)
    ratio = torch.where((history.price > 0) & (mean[owner] > 0), history.price / mean[owner].clamp(min=1e-9), 1.0)
    return ratio.log().clamp(-2, 2).float()


def _calendar(first_day: int, last_day: int) -> Tensor:
    days = np.arange(first_day, last_day + 1).astype("datetime64[D]")
    of_month = (days - days.astype("datetime64[M]")).astype(np.float64)
    angle = 2 * np.pi * (days - days.astype("datetime64[Y]")).astype(np.float64) / 365.25
    return torch.from_numpy(np.stack([of_month / 15 - 1, np.sin(angle), np.cos(angle)], 1).astype(np.float32))
