"""From the outbox to where documents are to go, and what is answered on the spot into the order book."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scaleinv.config import Config
from scaleinv.errors import ConfigError, DataError, ScaleinvError, explain
from scaleinv.lake import Lake
from scaleinv.lake.lease import lease
from scaleinv.pipeline.answer import Answered, take_in
from scaleinv.pipeline.register import order_book

if TYPE_CHECKING:
    from scaleinv.delivery import Item, Result
    from scaleinv.orderbook import Book
    from scaleinv.pipeline.walk import Walk

Row = dict[str, Any]


@dataclass
class Delivered:
    """What became of what was due."""

    states: dict[str, int] = field(default_factory=dict)
    """delivered, retry, waiting, failed -> documents."""
    problems: list[str] = field(default_factory=list)
    """What has not arrived, and why; destinations that nobody knows."""
    answered: Answered = field(default_factory=Answered)
    """What was said on the spot."""

    def text(self) -> str:
        """For a person."""
        counts = ", ".join(f"{count:,} {state}" for state, count in sorted(self.states.items()))
        answers = f"; {self.answered.read:,} answers" if self.answered.read else ""
        return f"delivery: {counts or 'nothing is due'}{answers}"


def due_rows(
    config: Config, book: Book, *, as_of: date | None = None, destination: str | None = None
) -> dict[str, list[Row]]:
    """Destination -> what is due there.

    Raises:
        ConfigError: no such destination is configured.
    """
    from scaleinv.orderbook import due

    known = config.delivery.destinations
    if destination is not None and destination not in known:
        expected = ", ".join(known) or "one of delivery.destinations; none is configured"
        raise ConfigError(explain("there is no such destination", expected=expected, found=destination))
    found: dict[str, list[Row]] = {}
    for row in due(book, destination=destination):
        if row["retailer"] == config.retailer and as_of in (None, row["as_of"]):
            found.setdefault(row["destination"], []).append(row)
    return found


def deliver_due(config: Config, *, as_of: date | None = None, destination: str | None = None) -> Delivered:
    """Brings what is due to its destinations, one process at a time; killed anywhere and run again, it goes on.

    An answer that comes on the spot is in the book before the document counts as delivered.

    Args:
        config: of the environment.
        as_of: documents of this night only.
        destination: this one only.

    Raises:
        LakeError: another process delivers.
        ConfigError: no such destination, or one that cannot be used.
    """
    told = Delivered()
    with order_book(config) as book:
        rows = due_rows(config, book, as_of=as_of, destination=destination)
        if not rows:
            return told
        with lease(Lake(config.lake), "deliver"):
            # Again: what another process has delivered until now is not due any more.
            for name, some in due_rows(config, book, as_of=as_of, destination=destination).items():
                if name in config.delivery.destinations:
                    _deliver_to(config, book, name, some, told)
                else:
                    told.problems.append(f"{len(some):,} documents wait for {name}: delivery.destinations has none so")
    return told


def release(config: Config, *, as_of: date | None = None, destination: str | None = None) -> int:
    """A person lets what was given up be tried again; returns how many documents."""
    from scaleinv.orderbook import again, given_up

    with order_book(config) as book:
        keys = [
            row["key"]
            for row in given_up(book, config.retailer)
            if as_of in (None, row["as_of"]) and destination in (None, row["destination"])
        ]
        again(book, keys)
    return len(keys)


def deliver_after_export(walk: Walk) -> None:
    """As ``delivery.after_export`` says. What does not arrive waits in the outbox; the night goes on."""
    delivery = walk.config.delivery
    if not delivery.destinations or not delivery.after_export:
        return
    try:
        told = deliver_due(walk.config)
    except ScaleinvError as error:
        walk.progress.say(f"nothing was delivered: {str(error).splitlines()[0]}")
        return
    for line in (told.text(), *told.problems, *told.answered.refused):
        walk.progress.say(line)


def _deliver_to(config: Config, book: Book, name: str, rows: Sequence[Row], told: Delivered) -> None:
    from scaleinv.delivery import connect, deliver
    from scaleinv.orderbook import MANIFEST_FORMAT, needed

    by_key = {row["key"]: row for row in rows}

    def keep(result: Result) -> None:
        row = by_key[result.key]
        state, why = _noted(config, book, row, result, told)
        told.states[state] = told.states.get(state, 0) + 1
        if state != "delivered":
            told.problems.append(f"{name}: {row['name']}: {state}: {why}")

    needs = {row["key"]: needed(book, row) for row in rows if row["format"] == MANIFEST_FORMAT}
    items = [_item(Path(config.export.folder), row, needs.get(row["key"], _NONE)[0]) for row in rows]
    before = frozenset(key for _, arrived in needs.values() for key in arrived)
    with closing(connect(config.delivery.destinations[name])) as place:
        deliver(items, place, on_result=keep, delivered=before, backoff=config.delivery.backoff)


_NONE: Final = (frozenset[str](), frozenset[str]())


def _item(folder: Path, row: Row, needs: frozenset[str]) -> Item:
    from scaleinv.delivery import Item, media_type_of

    return Item(
        row["key"], row["name"], row["sha256"], media_type_of(row["name"]), path=folder / row["name"], needs=needs,
        attempts=row["attempts"],
    )  # fmt: skip


def _noted(config: Config, book: Book, row: Row, result: Result, told: Delivered) -> tuple[str, str]:
    """Writes into the outbox what became of a document; its state and the reason."""
    from scaleinv.orderbook import failed, postponed, sent

    answer = (result.told.status, result.told.body) if result.told else None
    if result.state == "delivered":
        try:
            if result.receipt is not None and result.receipt.responses:
                take_in(book, result.receipt.responses, row["name"], told.answered)
        except DataError as error:
            why = f"it arrived, and what was answered cannot be read: {str(error).splitlines()[0]}"
            failed(book, result.key, why, next_try=None)
            return "failed", why
        sent(book, [result.key], told=answer)
    elif result.state == "waiting":
        assert result.next_try is not None
        postponed(book, result.key, result.reason, next_try=result.next_try)
    else:
        failed(book, result.key, result.reason, next_try=result.next_try, told=answer)
    return result.state, result.reason
