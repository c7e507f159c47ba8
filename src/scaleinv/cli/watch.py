"""Commands to look at runs: ``status``, ``due``, ``metrics``; and how log lines look."""

from __future__ import annotations

import json
import logging
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaleinv.cli.options import AsOf, Conf, Env, Sets

if TYPE_CHECKING:
    from scaleinv.config import Config
    from scaleinv.lake import Lake
    from scaleinv.pipeline.progress import Progress

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def status(
    env: Env = "local", as_of: AsOf = None, set_: Sets = None, conf: Conf = None, as_json: AsJson = False
) -> None:
    """The last night, stage by stage: states, versions, failures, who is at work, what to do next.

    Ends with 1 where something failed, was killed or is not done and nobody is seen to be at it: a monitor may ask.
    """
    from scaleinv.pipeline.status import status as found_of

    config, lake = _opened(env, set_, conf)
    found = found_of(config, lake, _day(as_of))
    typer.echo(json.dumps(found.plain()) if as_json else found.text())
    if not found.is_well:
        raise typer.Exit(1)


def due(env: Env = "local", as_of: AsOf = None, set_: Sets = None, conf: Conf = None, as_json: AsJson = False) -> None:
    """What is due by conf/schedule.yaml: training and forecast per velocity class. Default day: the last night's."""
    from scaleinv.pipeline.due import due as found_of
    from scaleinv.pipeline.due import told
    from scaleinv.pipeline.records import nights_with_records

    config, lake = _opened(env, set_, conf)
    nights = nights_with_records(lake)
    day = _day(as_of) or (nights[0] if nights else date.today())
    found = found_of(config, lake, day)
    typer.echo(json.dumps([row.plain() for row in found]) if as_json else told(found, day))


def metrics(
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; default: standard output.")] = None,
) -> None:
    """The last night as Prometheus metrics, in the text format."""
    from scaleinv.pipeline.metrics import exposition

    config, lake = _opened(env, set_, conf)
    text = exposition(config, lake, _day(as_of))
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


class _JsonLines(logging.Formatter):
    """What libraries log, as the walk's own lines are."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def format(self, record: logging.LogRecord) -> str:
        from scaleinv.pipeline.progress import json_line

        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        facts = self._progress.known  # asked for at each line: the stage changes
        return json_line(message, level=record.levelname.lower(), event="logged", logger=record.name, **facts)


def log_as_json(progress: Progress) -> None:
    """Where lines are JSON, what libraries of this process log from now on is, too, and says what ``progress`` does."""
    if progress.is_json:
        for handler in logging.getLogger().handlers:
            handler.setFormatter(_JsonLines(progress))


def _opened(env: str, sets: list[str] | None, conf: Path | None) -> tuple[Config, Lake]:
    from scaleinv.config import load_config
    from scaleinv.lake import Lake

    config = load_config(env, overrides=sets or (), folder=conf)
    return config, Lake(config.lake)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
