"""Answers of the ERP and of vendors, from files into the order book."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaleinv.config import Config
from scaleinv.errors import DataError, explain
from scaleinv.pipeline.register import order_book
from scaleinv.schema.life import Answer

if TYPE_CHECKING:
    from scaleinv.orderbook import Counts


@dataclass
class Answered:
    """What became of some files."""

    counts: Counts | None = None
    """``None``: a dry run."""
    read: int = 0
    refused: list[str] = field(default_factory=list)
    """What no answer could be read from: file and reason."""


def answers_in(data: bytes, name: str, orders_of: Callable[[str], Iterable[str]]) -> Iterable[Any]:
    """What a file says: answers, and what it has that is none (with a ``reason``).

    ``orders_of``: the orders that went out under a control number of ours.

    Raises:
        DataError: this version reads no answers.
    """
    try:
        reader = importlib.import_module("scaleinv.erp.answers")
    except ModuleNotFoundError as error:
        raise DataError(explain("this version reads no answers of an ERP", found=error)) from error
    found: Iterable[Any] = reader.read_answers(data, name=name, orders_of=orders_of)
    return found


def answer_files(config: Config, files: Iterable[Path], *, dry_run: bool = False) -> Answered:
    """Reads files and applies what they say. The same file again changes nothing.

    Raises:
        DataError: a file cannot be read at all; those before it have been applied.
    """
    from scaleinv.orderbook import apply, orders_of_control

    result = Answered()
    with order_book(config) as book:
        for path in files:
            answers = _sorted_out(
                answers_in(path.read_bytes(), path.name, partial(orders_of_control, book)), path, result
            )
            if dry_run:
                list(answers)
                continue
            counts = apply(book, answers)
            if result.counts is not None:
                for name, number in vars(result.counts).items():
                    setattr(counts, name, getattr(counts, name) + number)
            result.counts = counts
    return result


def _sorted_out(found: Iterable[Any], path: Path, result: Answered) -> Iterator[Answer]:
    for one in found:
        if isinstance(one, Answer):
            result.read += 1
            yield one
        else:
            result.refused.append(f"{path.name}: {getattr(one, 'reason', one)}")
