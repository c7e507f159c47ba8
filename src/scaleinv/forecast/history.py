"""A group as it was known at a cutoff: the one gate that no later demand passes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import torch
from torch import Tensor

from scaleinv.forecast.group import Group

_LAGS = 4
"""Same weekdays that a missing day is filled from."""
_SPIKE_FACTOR, _SPIKE_UNITS = 20.0, 100.0
"""A value above 20 x the series' 99th percentile + 100 units is a typing error, and is cut down to that."""
_NO_NUMBER: Final = 100.0
"""Above so many times that it says nothing of demand (a bar code in the field of the quantity): the day is unknown."""


@dataclass(frozen=True)
class History:
    """Every series from its first day to ``cutoff``, followed by exactly ``horizon`` days of known covariates.

    Rows of series i are ``indptr[i]:indptr[i + 1]``, the first ``n_days[i]`` of them are history. ``y`` is demand as
    the networks see it: on a stock-out day the panel's estimate, where a value is missing the mean of the last same
    weekdays; ``observed`` is false on both. ``least`` is what is certain: demand was at least that. Both are in each
    series' grain, and after the cutoff 0 and not observed. A series that ended before the cutoff continues with zeros
    and its last price; one that starts later has no day.
    """

    group: Group
    cutoff: int
    horizon: int
    indptr: Tensor
    n_days: Tensor
    day: Tensor
    y: Tensor
    least: Tensor
    observed: Tensor
    is_cut: Tensor
    """(rows,) whether a value was a typing error, and is cut down or unknown."""
    is_stockout: Tensor
    price: Tensor
    is_promotion: Tensor
    is_benefit_day: Tensor
    event: Tensor
    sums: Tensor
    """(rows + 1,) running sum of ``y``, so that the mean of any stretch is two look-ups."""
    sales: Tensor
    """(rows + 1,) running count of days with a sale."""
    squares: Tensor
    """(rows + 1,) running sum of squares of ``y``."""

    def is_grown(self, min_days: int) -> Tensor:
        """(n_series,) whether a series has shown so many days that a model can forecast it."""
        return self.n_days >= min_days


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def known_at(group: Group, *, cutoff: date, horizon: int, season: int) -> History:
    """``group`` as known at the end of ``cutoff``; what came later is not read."""
    last = day_number(cutoff)
    begin, end = group.indptr[:-1], group.indptr[1:]
    first = torch.full_like(begin, last + 1)
    first[end > begin] = group.day[begin[end > begin]].long()
    n_days = (last - first + 1).clamp(min=0)
    indptr = torch.cat([n_days.new_zeros(1), (n_days + horizon).cumsum(0)])
    owner = torch.repeat_interleave(torch.arange(group.n_series, device=group.device), n_days + horizon)
    day = last + 1 - n_days[owner] + torch.arange(len(owner), device=group.device) - indptr[owner]
    wanted = begin[owner] + day - first[owner]
    present = (day >= first[owner]) & (wanted < end[owner])
    row = torch.minimum(wanted, end[owner] - 1).clamp(min=0)
    if not len(group.day):  # no series has a row: everything is absent
        row, group = row * 0, _one_empty_row(group)
    past = day <= last
    y = torch.where(past, torch.where(present, group.y[row], 0.0), 0.0)
    known = past & torch.isfinite(y)
    stockout = past & present & group.is_stockout[row]
    recorded = torch.where(known, y, 0.0).clamp(min=0)
    cap = _cap(recorded, known, owner, n_days, horizon, _SPIKE_UNITS / group.grain)[owner]
    known &= recorded <= _NO_NUMBER * cap
    y, is_cut = torch.minimum(recorded, cap), recorded > cap
    observed = known & ~stockout
    sold = torch.nan_to_num(group.sales[row], nan=0.0, posinf=0.0).clamp(min=0)
    least = torch.where(observed, y, torch.where(stockout, torch.minimum(sold, y), 0.0))
    y = _fill(y, known, past, indptr[owner], season)
    price = torch.where(end[owner] > begin[owner], group.price[row], 0.0)
    return History(
        group=group, cutoff=last, horizon=horizon, indptr=indptr, n_days=n_days, day=day, y=y, least=least,
        observed=observed, is_cut=is_cut,
        is_stockout=stockout, price=torch.nan_to_num(price),
        is_promotion=present & group.is_promotion[row], is_benefit_day=present & group.is_benefit_day[row],
        event=torch.where(present, group.event[row].long(), -1),
        sums=_running(y), sales=_running(y > 0), squares=_running(y.double() ** 2),
    )  # fmt: skip


def _one_empty_row(group: Group) -> Group:
    names = ("day", "y", "sales", "price", "is_stockout", "is_promotion", "is_benefit_day", "event")
    return replace(group, **{name: getattr(group, name).new_zeros(1) for name in names})


def _running(values: Tensor) -> Tensor:
    return torch.cat([values.new_zeros(1, dtype=torch.float64), values.double().cumsum(0)])


def _cap(y: Tensor, known: Tensor, owner: Tensor, n_days: Tensor, horizon: int, more: Tensor) -> Tensor:
    """(n_series,) what is no typing error; the 99th percentile of the known days by one sort of (series, value)."""
    order = torch.argsort(torch.where(known, y, -1.0), stable=True)
    order = order[torch.argsort(owner[order], stable=True)]
    counts = torch.bincount(owner[known], minlength=len(n_days))
    ends = (n_days + horizon).cumsum(0)  # unknown values sort first (-1), so known ones end at the series' end
    rank = (ends - counts + ((counts - 1).clamp(min=0).double() * 0.99).floor().long()).clamp(max=len(y) - 1)
    return torch.where(counts > 0, _SPIKE_FACTOR * y[order[rank]] + more.float(), torch.inf)


def _fill(y: Tensor, known: Tensor, past: Tensor, start: Tensor, season: int) -> Tensor:
    """Missing days of the past: the mean of the last same weekdays that are known."""
    here = torch.nonzero(past & ~known).flatten()
    if not len(here):
        return y
    before = here[:, None] - season * torch.arange(1, _LAGS + 1, device=y.device)
    usable = (before >= start[here][:, None]) & known[before.clamp(min=0)]
    total = (y[before.clamp(min=0)] * usable).sum(1)
    filled = y.clone()
    filled[here] = total / usable.sum(1).clamp(min=1)
    return filled
