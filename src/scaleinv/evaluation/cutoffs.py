"""The days at which a backtest pretends to stand."""

from __future__ import annotations

from datetime import date, timedelta


def cutoffs(as_of: date, holdout_days: int, refresh_days: int) -> list[date]:
    """Last training days of a backtest, oldest first: from ``as_of - holdout_days`` on every ``refresh_days``.

    All of them lie before ``as_of``.

    >>> cutoffs(date(2016, 5, 22), 28, 14)
    [datetime.date(2016, 4, 24), datetime.date(2016, 5, 8)]

    Raises:
        ValueError: a number of days is below one.
    """
    if holdout_days < 1 or refresh_days < 1:
        raise ValueError(f"holdout_days and refresh_days are at least 1, found {holdout_days} and {refresh_days}")
    return [as_of - timedelta(days=back) for back in range(holdout_days, 0, -refresh_days)]
