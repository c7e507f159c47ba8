"""Answers of the ERP and of vendors, from files into the order book."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scaleinv.config import Config
from scaleinv.errors import DataError, explain
from scaleinv.pipeline.follow import follow_answers
from scaleinv.pipeline.register import order_book
from scaleinv.schema.life import Answer

if TYPE_CHECKING:
    from scaleinv.erp.answers import Partners, Refused
    from scaleinv.orderbook import Book, Counts


@dataclass
class Answered:
    """What became of some files."""

    counts: Counts | None = None
    """``None``: a dry run, or nothing was said."""
    read: int = 0
    refused: list[str] = field(default_factory=list)
    """What no answer could be read from: file and reason."""
    acknowledged: list[Path] = field(default_factory=list)
    """Our word back, as files."""


def answer_files(
    config: Config, files: Iterable[Path], *, dry_run: bool = False, acknowledge: Path | None = None
) -> Answered:
    """Reads files and applies what they say; shipments follow. The same file again changes nothing.

    Args:
        config: of the environment.
        files: documents of the ERP and of vendors.
        dry_run: only read them.
        acknowledge: a folder for the 997 or CONTRL to each X12 or EDIFACT document; the same file is answered once.

    Raises:
        DataError: a file cannot be read at all; those before it have been applied.
    """
    from scaleinv.erp.answers import partners_of

    result, partners = Answered(), partners_of(config.export)
    if acknowledge is not None and not acknowledge.is_dir():
        raise DataError(explain(f"the folder {acknowledge} is not there", do="make it, or name another one"))
    with order_book(config) as book:
        for path in files:
            data = path.read_bytes()
            take_in(book, data, path.name, result, partners=partners, dry_run=dry_run)
            if acknowledge is not None and not dry_run:
                result.acknowledged += _acknowledge(data, path, acknowledge, partners)
        if not dry_run:
            follow_answers(book, retailer=config.retailer)
    return result


def take_in(
    book: Book, data: bytes, name: str, result: Answered, *, partners: Partners | None = None, dry_run: bool = False
) -> None:
    """Applies what one document says; adds to ``result`` what became of it.

    Without ``partners`` nobody asks whose interchange it is: what a destination answers on the spot is in none.

    Raises:
        DataError: it cannot be read at all.
    """
    from scaleinv.erp.answers import read_answers
    from scaleinv.orderbook import apply, orders_of_control

    found = read_answers(data, name=name, orders_of=partial(orders_of_control, book), partners=partners)
    answers = _sorted_out(found, name, result)
    if dry_run:
        list(answers)
        return
    counts = apply(book, answers)
    if result.counts is not None:
        for state, number in vars(result.counts).items():
            setattr(counts, state, getattr(counts, state) + number)
    result.counts = counts


def _sorted_out(found: Iterable[Answer | Refused], name: str, result: Answered) -> Iterator[Answer]:
    for one in found:
        if isinstance(one, Answer):
            result.read += 1
            yield one
        else:
            result.refused.append(f"{name}: {one.reason}")


def _acknowledge(data: bytes, path: Path, folder: Path, partners: Partners) -> Iterator[Path]:
    """Writes our word to a document, whole or not at all, unless it is there: a sender is not told twice."""
    from scaleinv.erp.answers import functional_acknowledgement

    # A name alone comes again with other contents.
    target = folder / f"{path.name}-{hashlib.sha256(data).hexdigest()[:12]}.ack"
    if target.exists():
        return
    content = functional_acknowledgement(data, name=path.name, at=datetime.now(UTC), partners=partners)
    if not content:
        return
    partial_ = target.with_name(f".{target.name}.partial")
    with partial_.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial_.replace(target)
    yield target
