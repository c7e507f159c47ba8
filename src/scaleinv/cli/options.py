"""Options that several commands have."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaleinv.errors import ConfigError, explain

if TYPE_CHECKING:
    from scaleinv.pipeline.walk import Walk

Env = Annotated[str, typer.Option("--env", help="Environment: a file of conf/env/.")]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Last day known, inclusive. Later records are not looked at."),
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Overrides one option: forecast.horizon=14.")
]
Conf = Annotated[Path | None, typer.Option("--conf", help="Configuration folder; default: SCALEINV_CONF or ./conf.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be read and written; do nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Do it again even where everything is up to date.")]
Out = Annotated[Path, typer.Option("--out", help="Parquet file to write.")]


def walk_of(
    env: str, as_of: datetime | None, sets: list[str] | None, conf: Path | None, *, force: bool = False
) -> Walk:
    """The walk that these options describe.

    Raises:
        ConfigError: a day is needed, and not named.
    """
    from scaleinv.config import load_config
    from scaleinv.pipeline.walk import Walk

    config = load_config(env, overrides=sets or (), folder=conf)
    if as_of is not None:
        return Walk(config, as_of.date(), force=force)
    if config.synthetic is None:
        raise ConfigError(
            explain("--as-of is missing", expected="the last day known, e.g. --as-of 2016-05-22", do="add it")
        )
    from scaleinv.synthetic import last_day

    return Walk(config, last_day(config.synthetic), force=force)
