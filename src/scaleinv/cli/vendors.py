"""``scaleinv vendors``: how well vendors delivered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaleinv.cli.options import AsOf, Conf, Env, Sets, walk_of

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
    from scaleinv.pipeline.scorecard import write_scorecard

    number = write_scorecard(walk_of(env, as_of, set_, conf), out, vendor)
    typer.echo(f"{number} vendors in {out}")
