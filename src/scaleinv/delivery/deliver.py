"""One after the other, each as often as it takes: what is known is said at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from scaleinv.config.delivery import BackoffConfig
from scaleinv.delivery.item import Clock, Destination, Item, RejectedError, Result, TryAgainError


def deliver(
    items: Iterable[Item],
    destination: Destination,
    *,
    on_result: Callable[[Result], None],
    clock: Clock | None = None,
    delivered: Collection[str] = frozenset(),
    backoff: BackoffConfig | None = None,
) -> None:
    """Sends documents in their order, and says of each what became of it before the next one is sent.

    Killed at any moment and called again with what has no result yet, it loses nothing; what arrives twice then the
    receiver knows by its key, its name and its hash. When the other side cannot be reached, the rest waits.

    Args:
        items: those that are due.
        destination: see ``connect``.
        on_result: writes it into the outbox; what it raises ends the delivery.
        clock: the machine's.
        delivered: keys that arrived in earlier runs, for ``Item.needs``.
        backoff: when to try again, and how often.
    """
    clock, backoff = clock or Clock(), backoff or BackoffConfig()
    arrived = set(delivered)
    lost: TryAgainError | None = None
    for item in items:
        missing = sorted(item.needs - arrived)
        if lost is not None:
            on_result(Result(item.key, "waiting", lost.reason, next_try=_later(item, lost, clock, backoff)))
        elif missing:
            on_result(Result(item.key, "waiting", f"it follows {', '.join(missing[:5])}", next_try=clock.now()))
        else:
            result, lost = _one(item, destination, clock, backoff)
            on_result(result)
            arrived |= {item.key} if result.state == "delivered" else set()


def _one(
    item: Item, destination: Destination, clock: Clock, backoff: BackoffConfig
) -> tuple[Result, TryAgainError | None]:
    try:
        receipt = destination.send(item)
    except RejectedError as error:
        return Result(item.key, "failed", error.reason, told=error.told), None
    except TryAgainError as error:
        lost = error if error.unreachable else None
        if item.attempts + 1 >= backoff.attempts:
            return Result(item.key, "failed", f"given up after {item.attempts + 1} attempts: {error.reason}"), lost
        return Result(item.key, "retry", error.reason, next_try=_later(item, error, clock, backoff)), lost
    except Exception as error:  # of this document only: the others are to arrive
        return Result(item.key, "failed", f"{type(error).__name__}: {error}"), None
    return Result(item.key, "delivered", receipt=receipt, told=receipt.told), None


def _later(item: Item, error: TryAgainError, clock: Clock, backoff: BackoffConfig) -> datetime:
    return next_try(item.key, item.attempts + 1, backoff, now=clock.now(), after=error.after)


def next_try(key: str, attempts: int, backoff: BackoffConfig, *, now: datetime, after: float | None = None) -> datetime:
    """When to try again: twice as long after each attempt, up to the longest wait, some of it taken off by chance.

    The chance is made of key and attempt, so the same failure always waits the same time. ``after``: seconds that the
    other side asks for; never earlier than that.

    >>> begin = datetime(2026, 9, 20)
    >>> config = BackoffConfig(first=30, longest=300, jitter=0)
    >>> [(next_try("a", n, config, now=begin) - begin).total_seconds() for n in (1, 2, 3, 4, 5)]
    [30.0, 60.0, 120.0, 240.0, 300.0]
    """
    wait = min(backoff.longest, backoff.first * 2.0 ** min(attempts - 1, 60))
    chance = int.from_bytes(hashlib.sha256(f"{attempts}:{key}".encode()).digest()[:8], "big") / 2**64
    return now + timedelta(seconds=max(wait * (1 - backoff.jitter * chance), after or 0.0))
