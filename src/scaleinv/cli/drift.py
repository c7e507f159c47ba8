"""``scaleinv drift``: how sources differ from what was accepted last."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from scaleinv.cli.options import Conf, Env, Sets

drift = typer.Typer(help="How sources differ from what was accepted last; accept it.", no_args_is_help=True)


@drift.command("list")
def drift_list(
    source: Annotated[str | None, typer.Argument(metavar="SOURCE", help="One source; default: all.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Of every load, not only of the newest with a drift.")] = False,
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    """What had drifted in the loads: kind, column, what was done, and what was found."""
    from scaleinv.config import load_config
    from scaleinv.lake import Lake
    from scaleinv.pipeline.drift import drift_rows, told

    typer.echo(told(drift_rows(Lake(load_config(env, overrides=set_ or (), folder=conf).lake), source, all_=every)))


@drift.command("accept")
def drift_accept(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A source of the environment.")],
    who: Annotated[str, typer.Option("--who", help="Your name, for the log.")],
    env: Env = "local",
    set_: Sets = None,
    conf: Conf = None,
) -> None:
    """Takes the last load of a source, as it is, for the measure of the next ones."""
    from scaleinv.config import load_config
    from scaleinv.lake import Lake
    from scaleinv.pipeline.drift import accept, told

    lake = Lake(load_config(env, overrides=set_ or (), folder=conf).lake)
    typer.echo(told(accept(lake, source, who=who, day=datetime.now().date())))
