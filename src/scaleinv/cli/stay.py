"""``scaleinv run --stay``: night after night in one process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Final

import typer

from scaleinv.cli.watch import log_as_json
from scaleinv.errors import ConfigError, explain

if TYPE_CHECKING:
    from scaleinv.pipeline.engines import Engines
    from scaleinv.pipeline.walk import Walk


_OF_SPARK: Final = ("ingest", "features")
"""Stages that need no Ray; they are the first ones."""


def stay(walk: Callable[[date, Engines], Walk], until: str | None) -> None:
    """Runs the stages up to ``until`` for each day that standard input names, a line each; says when one is done."""
    from scaleinv.pipeline.engines import Engines
    from scaleinv.pipeline.stages import stages_between

    stages = stages_between(None, until)
    if stages[-1].name not in _OF_SPARK:
        do = "add --until features, and run the stages after it a night at a time"
        raise ConfigError(explain("--stay keeps Spark up, and stages with Ray need its memory", do=do))
    with Engines() as engines:
        for line in filter(None, map(str.strip, sys.stdin)):
            started = time.monotonic()
            night = walk(_day(line), engines)
            log_as_json(night.progress)
            night.run(stages)
            typer.echo(f"night {line} done in {time.monotonic() - started:.1f} s")


def _day(line: str) -> date:
    try:
        return date.fromisoformat(line)
    except ValueError:
        raise ConfigError(
            explain("standard input names no day", expected="a last day known a line, e.g. 2026-01-31", found=line)
        ) from None
