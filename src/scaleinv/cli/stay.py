"""``scaleinv run --stay``: night after night in one process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from scaleinv.errors import ConfigError, explain

if TYPE_CHECKING:
    from scaleinv.pipeline.engines import Engines
    from scaleinv.pipeline.walk import Walk


def stay(walk: Callable[[datetime, Engines], Walk], until: str | None) -> None:
    """Runs the stages up to ``until`` for each day that standard input names, a line each; says when one is done."""
    from scaleinv.pipeline.engines import Engines
    from scaleinv.pipeline.stages import stages_between

    stages = stages_between(None, until)
    with Engines() as engines:
        for line in filter(None, map(str.strip, sys.stdin)):
            started = time.monotonic()
            walk(_day(line), engines).run(stages)
            typer.echo(f"night {line} done in {time.monotonic() - started:.1f} s")


def _day(line: str) -> datetime:
    try:
        return datetime.strptime(line, "%Y-%m-%d")
    except ValueError:
        raise ConfigError(
            explain("standard input names no day", expected="a last day known a line, e.g. 2026-01-31", found=line)
        ) from None
