"""``scaleinv vendors``: how well vendors delivered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaleinv.cli.options import AsOf, Conf, Env, Sets
from scaleinv.errors import ConfigError, explain

vendors = typer.Typer(help="How well vendors delivered.", no_args_is_help=True)


@vendors.callback()
def _group() -> None:
    """A group: with one command alone, its name would not be asked for."""


@vendors.command()
def scorecard(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The page: .html or .pdf.")],
    vendor: Annotated[str | None, typer.Option("--vendor", help="Only this one; default: all.")] = None,
    env: Env = "local",
    as_of: AsOf = None,
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    """Writes the scorecard of a vendor, or of all, as a page."""
    from scaleinv.config import load_config
    from scaleinv.pipeline.scorecard import write_scorecard
    from scaleinv.pipeline.walk import Walk

    config = load_config(env, overrides=set_ or (), folder=conf)
    day = as_of.date() if as_of is not None else None
    if day is None and config.synthetic is not None:
        from scaleinv.synthetic import last_day

        day = last_day(config.synthetic)
    if day is None:
        raise ConfigError(explain("--as-of is missing", expected="a night whose features were built", do="add it"))
    number = write_scorecard(Walk(config, day), out, vendor)
    typer.echo(f"{number} vendors in {out}")
